//! What stands for gRPC where the feature is off.

use super::{CheckFailed, connection::Connection, target::Target};

#[expect(clippy::unused_async, reason = "the same as with the feature")]
pub(super) async fn ask(_: Box<dyn Connection>, _: &Target, _: &str) -> Result<(), CheckFailed> {
    Err(CheckFailed::other("this build has no gRPC: enable the feature health-grpc"))
}
