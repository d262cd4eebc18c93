//! Fields behind a body (RFC 9110 §6.5): whoever reads them may take them for fields of the head, so none may say what only the head may.

use http::{
    HeaderName,
    header::{
        AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, COOKIE, EXPECT,
        FORWARDED, HOST, TRAILER,
    },
    request::Parts,
};
use http_body::Frame;

use super::headers::is_hop_by_hop;
use crate::{
    field::{self, Withheld, begins_alike, is_alike},
    mirror::MIRRORED,
};

/// What the trailers of one request may not say: what its head has said, or was not let say.
#[derive(Debug, Default)]
pub(super) struct Said(Box<[HeaderName]>);

impl Said {
    /// By the head as it is sent.
    pub(super) fn by(parts: &Parts) -> Self {
        Self(parts.headers.keys().chain(Withheld::of(parts)).cloned().collect())
    }

    /// The frame as it may go to the endpoint, or the body's end.
    pub(super) fn pass<D>(&self, frame: Frame<D>) -> Option<Frame<D>> {
        without(frame, |name| {
            is_connections(name)
                || begins_alike(name, "x-forwarded-")
                || HEADS_ALONE.iter().chain(&self.0).any(|said| is_alike(name, said))
        })
    }
}

/// A frame of an answer as it may go to the client, or the body's end.
pub(super) fn pass_answers<D>(frame: Frame<D>) -> Option<Frame<D>> {
    without(frame, is_connections)
}

/// About the connection and its framing: HTTP/2 knows no such fields, and h2 refuses to send some of them without ending the stream.
fn is_connections(name: &HeaderName) -> bool {
    is_hop_by_hop(name) || [CONTENT_LENGTH, TRAILER].contains(name)
}

fn without<D>(frame: Frame<D>, is_wrong: impl Fn(&HeaderName) -> bool) -> Option<Frame<D>> {
    match frame.into_trailers() {
        Err(data) => Some(data),
        Ok(mut trailers) => {
            field::remove(&mut trailers, is_wrong);
            (!trailers.is_empty()).then(|| Frame::trailers(trailers))
        }
    }
}

/// Where a request goes, who sends it, what its body is, and whether it is a copy.
static HEADS_ALONE: [HeaderName; 9] =
    [AUTHORIZATION, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, COOKIE, EXPECT, FORWARDED, HOST, MIRRORED];

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn names(frame: Option<Frame<()>>) -> Vec<String> {
        let trailers = frame.map(|frame| frame.into_trailers().unwrap()).unwrap_or_default();
        trailers.keys().map(ToString::to_string).collect()
    }

    fn trailers(names: &[&'static str]) -> Frame<()> {
        let field = |name: &&'static str| (HeaderName::from_static(name), "v".parse().unwrap());
        Frame::trailers(names.iter().map(field).collect())
    }

    #[test]
    fn what_only_the_head_may_say_ends_here() {
        let (mut parts, ()) = Request::get("/").header("x-tenant", "acme").body(()).unwrap().into_parts();
        Withheld::add(&mut parts, &HeaderName::from_static("x-api-key"));
        let said = Said::by(&parts);
        for name in [
            "connection",
            "te",
            "upgrade",
            "keep-alive",
            "proxy-connection",
            "transfer-encoding",
            "content-length",
            "trailer",
            "host",
            "authorization",
            "proxy-authorization",
            "cookie",
            "forwarded",
            "x-forwarded-for",
            "x_forwarded_proto",
            "x-mirrored-request",
            "content-type",
            "x-tenant",
            "x_tenant",
            "x-api-key",
            "x.api.key",
        ] {
            assert!(said.pass(trailers(&[name])).is_none(), "{name}");
            assert_eq!(names(said.pass(trailers(&["x-checksum", name]))), ["x-checksum"], "{name}");
        }
        assert!(said.pass(Frame::data(())).is_some());
    }

    #[test]
    fn of_answers_all_but_the_connections_own_go_on() {
        let frame = trailers(&["grpc-status", "set-cookie", "connection", "te", "upgrade", "content-length"]);
        assert_eq!(names(pass_answers(frame)), ["grpc-status", "set-cookie"]);
    }
}
