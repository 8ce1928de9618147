//! The QR code as a picture: a field for a panel, a file for those who cannot show a terminal to a phone.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use nix::unistd::{UnlinkatFlags, unlinkat};
use pam_totp::qr::{self, DrawingStyle, QrError, picture};
use pam_totp::system::disk;
use zeroize::Zeroizing;

use crate::report::Failure;

/// What `generate` draws.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QrDrawing {
    /// A picture for a web page.
    Svg,
    /// Half blocks.
    Utf8,
    /// Colored blanks and `##`, for terminals without UTF-8.
    Ascii,
    /// Nothing.
    None,
}

impl QrDrawing {
    /// The drawing, if there is to be one.
    pub fn of(self, uri: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let drawn = match self {
            Self::None => return Ok(None),
            Self::Svg => picture::svg(uri),
            Self::Utf8 => qr::draw(uri, DrawingStyle::Utf8).map(|drawing| drawing.text),
            Self::Ascii => qr::draw(uri, DrawingStyle::Ascii).map(|drawing| drawing.text),
        };
        drawn.map(Some).map_err(too_long)
    }
}

fn too_long(error: QrError) -> Failure {
    match error {
        QrError::NoMemory => Failure::host(error.to_string()),
        error => Failure::bad_input("bad_name", error.to_string()),
    }
}

/// A file that `--qr-file` names.
#[derive(Clone)]
pub struct NewFile {
    path: PathBuf,
    draw: fn(&str) -> Result<Zeroizing<Vec<u8>>, QrError>,
}

impl NewFile {
    /// By the ending, so that a wrong one is said before a key is made.
    pub fn parse(path: &str) -> Result<Self, String> {
        let path = PathBuf::from(path);
        match path.extension().and_then(|ending| ending.to_str()) {
            Some("png") => Ok(Self { path, draw: picture::png }),
            Some("svg") => Ok(Self { path, draw: |uri| Ok(Zeroizing::new(picture::svg(uri)?.as_bytes().to_vec())) }),
            _ => Err("the name of the picture must end in .png or .svg".into()),
        }
    }

    /// Writes the picture to a file that was not there: the folder's owner must not choose, by a link or a file of
    /// theirs, where the key goes, nor read it.
    pub fn write(&self, uri: &str) -> Result<Picture, Failure> {
        let bytes = (self.draw)(uri).map_err(too_long)?;
        let mut picture = Picture::create(&self.path).map_err(|error| self.failed(error))?;
        picture.fill(&bytes).map_err(|error| self.failed(Errno::try_from(error).unwrap_or(Errno::EIO)))?;
        Ok(picture)
    }

    fn failed(&self, error: Errno) -> Failure {
        let path = self.path.display();
        match error {
            Errno::EEXIST => Failure::usage(format!(
                "{path} is there already, and is not written over: delete it, or name another file"
            )),
            Errno::EACCES | Errno::ENOENT | Errno::ENOTDIR => {
                Failure::usage(format!("{path}: {}: name a file in a folder of your own", error.desc()))
            }
            error => Failure::host(format!("{path}: {}", error.desc())),
        }
    }
}

/// A picture of a key; taken away again unless the key is worth keeping.
pub struct Picture {
    path: PathBuf,
    /// Held open: what is taken away is what was made, wherever the path may lead by then.
    folder: OwnedFd,
    name: OsString,
    file: File,
    kept: bool,
}

impl Picture {
    fn create(path: &Path) -> Result<Self, Errno> {
        let name = path.file_name().ok_or(Errno::EISDIR)?.to_owned();
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let folder = disk::resolve(parent, flags)?;
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = openat(&folder, name.as_os_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR)?;
        Ok(Self { path: path.to_owned(), folder, name, file: file.into(), kept: false })
    }

    fn fill(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        // The umask may have taken from the owner as well.
        self.file.set_permissions(Permissions::from_mode(0o600))?;
        self.file.write_all(bytes)?;
        self.file.sync_all()
    }

    /// What to do with it.
    pub fn words(&self) -> String {
        format!("QR code: {} (it is the key: delete it once it is scanned)", self.path.display())
    }

    /// It stays.
    pub fn keep(mut self) -> String {
        self.kept = true;
        self.path.display().to_string()
    }
}

impl Drop for Picture {
    fn drop(&mut self) {
        if !self.kept {
            let _ = unlinkat(&self.folder, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}
