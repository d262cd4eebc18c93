//! A ledger in a file: replaced as a whole, with the one before it beside it.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
};

use tenantry::{Ledger, LedgerError, LedgerStore};

use super::LedgerFileError;

/// Keeps a [`Ledger`] in a file.
///
/// Each save writes a new file beside it, syncs that to the disk, and renames it into place; the ledger before stays as
/// `….previous`. Whatever happens at whatever moment, loading finds one of the two, whole: a file that is torn, damaged or
/// of another version is recognised by its checksum and version, and then the one before it is read. While one of these is open, a lock on
/// `….lock` keeps other processes out.
#[derive(Debug)]
pub struct LedgerFile {
    path: PathBuf,
    /// Held as long as this lives, or its process.
    _lock: File,
}

impl LedgerFile {
    /// Opens a ledger's file, which need not be there yet; its folder must be.
    ///
    /// # Errors
    /// When its lock is held by somebody, or cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LedgerFileError> {
        let path = path.into();
        let beside = beside(&path, "lock");
        let failed = |source| LedgerFileError::Io { action: "open", path: beside.clone(), source };
        let lock = File::options().create(true).append(true).open(&beside).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(LedgerFileError::InUse { path: beside }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Where the ledger is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a new file and syncs it.
    fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    }

    /// Makes what was renamed last after a power cut, too.
    fn sync_folder(&self) -> io::Result<()> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        // A folder can be opened and synced on Unix only; elsewhere a rename is as durable as the system makes it.
        if cfg!(unix) { File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all() } else { Ok(()) }
    }
}

impl LedgerStore for LedgerFile {
    type Error = LedgerFileError;

    fn save(&self, ledger: &Ledger) -> Result<(), LedgerFileError> {
        let (new, previous) = (beside(&self.path, "new"), beside(&self.path, "previous"));
        let failed = |action, path: &Path| {
            let path = path.to_owned();
            move |source| LedgerFileError::Io { action, path, source }
        };
        Self::write(&new, &ledger.to_bytes()).map_err(failed("write", &new))?;
        // A damaged one must not take the place of the good one before it.
        if let Some(Ok(_)) = read(&self.path)? {
            fs::rename(&self.path, &previous).map_err(failed("rename", &self.path))?;
        }
        fs::rename(&new, &self.path).map_err(failed("rename", &new))?;
        self.sync_folder().map_err(failed("sync the folder of", &self.path))
    }

    fn load(&self) -> Result<Option<Ledger>, LedgerFileError> {
        let (new, previous) = (beside(&self.path, "new"), beside(&self.path, "previous"));
        let mut broken = None;
        let ours = read(&self.path)?;
        // Between the two renames of a save, the newest is the one that is not renamed yet.
        let candidates = match ours {
            Some(_) => vec![ours, read(&previous)?],
            // Torn alone, it is what a first save left that never ended: there is no ledger yet.
            None => vec![read(&new)?.filter(Result::is_ok), read(&previous)?],
        };
        for candidate in candidates.into_iter().flatten() {
            match candidate {
                Ok(ledger) => return Ok(Some(ledger)),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        let unreadable = |source| LedgerFileError::Unreadable { path: self.path.clone(), source };
        broken.map_or(Ok(None), |source| Err(unreadable(source)))
    }
}

/// What is in a file, if there is one.
fn read(path: &Path) -> Result<Option<Result<Ledger, LedgerError>>, LedgerFileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Ledger::from_bytes(&bytes))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LedgerFileError::Io { action: "read", path: path.to_owned(), source }),
    }
}

/// The file beside it with one more extension.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".");
    name.push(extension);
    name.into()
}
