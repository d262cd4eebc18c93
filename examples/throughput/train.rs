//! What a gateway that was built to take notes (`-Cprofile-generate`) is shown, for a compiler that learns from them which ways are gone often.
//!
//! HTTP/1.1 and HTTP/2, with TLS and without, towards clients and towards endpoints, small requests and uploads: what is left out here would be taken for what nobody does, and be slow.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use clap::Args;
use gateway_parts::process::{Running, found, free_address};

use crate::{systems::gateway_config, upstreams::Upstreams, wrk::Load};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The gateway, built to take notes; it leaves them when it ends.
    program: PathBuf,
}

impl Arguments {
    pub(crate) fn train(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let load = Load::new(folder)?;
        let upload = folder.join("upload");
        fs::write(&upload, [b'x'; 64 << 10])?;
        let upstreams = Upstreams::start(folder)?;
        let upload = upload.display().to_string();
        let show = |scheme: &str, gateway: &Running| {
            println!("{scheme}: requests over HTTP/1.1, requests over HTTP/2, uploads over both");
            load.run_over(scheme, gateway.address(), Duration::from_secs(5))?;
            let target = format!("{scheme}://{}/", gateway.address());
            h2load(&["--requests", "50000", "--clients", "8", "--max-concurrent-streams", "8"], &target)?;
            h2load(&["--requests", "4000", "--clients", "8", "--data", &upload], &target)?;
            h2load(&["--h1", "--requests", "4000", "--clients", "8", "--data", &upload], &target)
        };
        for (scheme, settings) in [("http", String::new()), ("https", tls(folder)?)] {
            let gateway = self.start(folder, upstreams.addresses(), &settings)?;
            show(scheme, &gateway)?;
            gateway.stop()?;
        }
        println!("one before another, HTTP/2 between them");
        let behind = folder.join("behind");
        fs::create_dir_all(&behind)?;
        let behind = self.start(&behind, upstreams.addresses(), "")?;
        let gateway = self.start(folder, &[behind.address()], "[gateway.upstream.api]\nhttp2 = true")?;
        show("http", &gateway)?;
        gateway.stop()?;
        behind.stop()
    }

    fn start(&self, folder: &Path, upstreams: &[SocketAddr], settings: &str) -> io::Result<Running> {
        let address = free_address()?;
        let config = gateway_config(folder, upstreams, (address, settings), "")?;
        Running::start(Command::new(&self.program).arg("--config").arg(config), address, folder)
    }
}

/// A listener's settings, with a certificate of its own.
fn tls(folder: &Path) -> io::Result<String> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    fs::write(&certificate, made.cert.pem())?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    let [certificate, key] = [certificate, key].map(|file| file.display().to_string());
    Ok(format!("tls = {{ certificates = [{{ certificate = {certificate:?}, key = {key:?} }}] }}"))
}

/// Asks as `h2load` does, as one tenant; whatever is not served is an error.
fn h2load(arguments: &[&str], target: &str) -> io::Result<()> {
    let mut command = Command::new(found("h2load")?);
    command.args(arguments).args(["--header", "x-tenant: tenant-1", target]).stdin(Stdio::null());
    let output = command.output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let is_served = text.contains(" 0 failed, 0 errored") && text.contains(" 0 4xx, 0 5xx");
    if is_served { Ok(()) } else { Err(io::Error::other(format!("not everything was served: {text}"))) }
}
