//! Programs that this machine may have.

use std::{env, io, path::PathBuf};

/// Where a program is.
///
/// # Errors
/// When it is neither in `PATH` nor where Debian keeps servers.
pub fn found(name: &str) -> io::Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let file = folders.map(|folder| folder.join(name)).find(|file| file.is_file());
    file.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{name} is not installed")))
}
