//! Archives that are sent to targets: a release's folder, and a script with its values.

use std::io;
use std::path::Path;

use bytes::Bytes;
use sealock_contract::Digest;
use tar::{Builder, EntryType, Header};

/// The last entry: an archive without it was cut off.
const COMPLETE: &str = ".sealock-complete";
/// What is sent at once: a folder of any size must not fill the runner's memory.
pub(crate) const BUNDLE_BYTES_MAX: u64 = 256 << 20;

/// Why a folder cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// Something in it cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// Below the folder.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A link leads out of the folder: on the target it would lead somewhere else.
    #[error("`{path}` is a link that leaves the folder")]
    Link {
        /// Below the folder.
        path: String,
    },
    /// It is neither a file, a folder, nor a link.
    #[error("`{path}` is neither a file, a folder, nor a link")]
    Kind {
        /// Below the folder.
        path: String,
    },
    /// It is larger than what is sent at once.
    #[error("the folder has more than {limit} bytes")]
    Large {
        /// The limit.
        limit: u64,
    },
}

impl BundleError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read { .. } => "E-FILE-IO",
            Self::Link { .. } | Self::Kind { .. } => "E-RELEASE-CONTENT",
            Self::Large { .. } => "E-TARGET-LARGE",
        }
    }
}

/// `folder` as an archive that depends on its content only, and the digest of that.
pub(crate) fn folder(folder: &Path) -> Result<(Bytes, Digest), BundleError> {
    let mut builder = Builder::new(Vec::new());
    for entry in walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().map(|path| path.display().to_string()).unwrap_or_default();
            BundleError::Read { path, source: error.into() }
        })?;
        let path = entry.path().strip_prefix(folder).expect("entries are below the folder that is walked");
        append(&mut builder, path, &entry)?;
        if builder.get_ref().len() as u64 > BUNDLE_BYTES_MAX {
            return Err(BundleError::Large { limit: BUNDLE_BYTES_MAX });
        }
    }
    let bytes = complete(builder);
    let digest = Digest::of(&bytes);
    Ok((bytes, digest))
}

fn append(builder: &mut Builder<Vec<u8>>, path: &Path, entry: &walkdir::DirEntry) -> Result<(), BundleError> {
    let shown = || path.display().to_string();
    let unread = |source: io::Error| BundleError::Read { path: shown(), source };
    let kind = entry.file_type();
    if kind.is_dir() {
        return append_bytes(builder, path, EntryType::Directory, 0o755, &[]).map_err(unread);
    }
    if kind.is_symlink() {
        let to = std::fs::read_link(entry.path()).map_err(unread)?;
        if leaves(path, &to) {
            return Err(BundleError::Link { path: shown() });
        }
        return append_link(builder, path, &to).map_err(unread);
    }
    if !kind.is_file() {
        return Err(BundleError::Kind { path: shown() });
    }
    let metadata = entry.metadata().map_err(|error| unread(error.into()))?;
    if metadata.len() > BUNDLE_BYTES_MAX {
        return Err(BundleError::Large { limit: BUNDLE_BYTES_MAX });
    }
    let bytes = std::fs::read(entry.path()).map_err(unread)?;
    append_bytes(builder, path, EntryType::Regular, mode(&metadata), &bytes).map_err(unread)
}

fn mode(metadata: &std::fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    if metadata.permissions().mode() & 0o100 == 0 { 0o644 } else { 0o755 }
}

/// Whether a link at `path` that says `to` leads out of the folder.
fn leaves(path: &Path, to: &Path) -> bool {
    use std::path::Component;
    let mut depth = path.components().count().saturating_sub(1);
    for part in to.components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            _ => return true,
        }
    }
    false
}

fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

fn append_bytes(
    builder: &mut Builder<Vec<u8>>,
    path: &Path,
    kind: EntryType,
    mode: u32,
    bytes: &[u8],
) -> io::Result<()> {
    builder.append_data(&mut header(kind, mode, bytes.len() as u64), path, bytes)
}

fn append_link(builder: &mut Builder<Vec<u8>>, path: &Path, to: &Path) -> io::Result<()> {
    builder.append_link(&mut header(EntryType::Symlink, 0o777, 0), path, to)
}

fn complete(mut builder: Builder<Vec<u8>>) -> Bytes {
    append_bytes(&mut builder, Path::new(COMPLETE), EntryType::Regular, 0o600, &[]).expect("memory takes writes");
    builder.into_inner().expect("memory takes writes").into()
}

/// A script, its values, and where it starts. Values stand in a file that is gone before the script runs;
/// none is an argument of a program that others can see.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptBundle<'a> {
    pub(crate) text: &'a str,
    pub(crate) args: &'a [String],
    pub(crate) env: Vec<(&'a str, &'a [u8])>,
    pub(crate) cwd: &'a str,
    pub(crate) stdin: Option<&'a [u8]>,
}

impl ScriptBundle<'_> {
    pub(crate) fn archive(&self) -> Bytes {
        let mut builder = Builder::new(Vec::new());
        let mut add = |name: &str, bytes: &[u8]| {
            append_bytes(&mut builder, Path::new(name), EntryType::Regular, 0o600, bytes).expect("memory takes writes");
        };
        add("start", &self.start());
        add("script", self.text.as_bytes());
        if let Some(stdin) = self.stdin {
            add("stdin", stdin);
        }
        complete(builder)
    }

    /// Called with the environment's directory; `$0` is this file.
    pub(crate) fn start(&self) -> Vec<u8> {
        let mut text = b"here=${0%/*}\ncd -- \"$1\" || exit 126\n".to_vec();
        if !self.cwd.is_empty() {
            let cwd = if self.cwd.starts_with('/') { self.cwd.to_owned() } else { format!("./{}", self.cwd) };
            text.extend_from_slice(b"cd -- ");
            quote(&mut text, cwd.as_bytes());
            text.extend_from_slice(b" || exit 126\n");
        }
        for (name, value) in &self.env {
            text.extend_from_slice(format!("export {name}=").as_bytes());
            quote(&mut text, value);
            text.push(b'\n');
        }
        text.extend_from_slice(b"rm -f \"$0\"\nexec sh \"$here/script\"");
        for arg in self.args {
            text.push(b' ');
            quote(&mut text, arg.as_bytes());
        }
        text.push(b'\n');
        text
    }
}

fn quote(text: &mut Vec<u8>, value: &[u8]) {
    text.push(b'\'');
    for &byte in value {
        match byte {
            b'\'' => text.extend_from_slice(b"'\\''"),
            other => text.push(other),
        }
    }
    text.push(b'\'');
}

/// Whether `path` names something below the environment's directory that steps may write or read: not the
/// deployment's own state, and no release, for releases never change.
pub(crate) fn is_plain_below(path: &str) -> bool {
    let is_plain = |part: &str| {
        !part.is_empty() && part != "." && part != ".." && !part.starts_with('-') && !part.contains(char::is_control)
    };
    let own = [".sealock", "releases", "current"];
    let first = path.split('/').next().unwrap_or_default();
    path.len() < 1024 && path.split('/').all(is_plain) && !own.contains(&first)
}

/// Whether `path` can be an environment's directory on a target.
pub(crate) fn is_directory(path: &str) -> bool {
    let is_path_char = |c: char| c.is_ascii_alphanumeric() || "/._-+@%=".contains(c);
    let starts_well = !path.starts_with('-') && path.len() < 1024;
    let has_name = path.split('/').any(|part| !part.is_empty() && part != ".");
    has_name && starts_well && path.chars().all(is_path_char) && path.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_depends_on_content_only_and_ends_with_its_mark() {
        let made = || {
            let dir = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(dir.path().join("b")).expect("made");
            std::fs::write(dir.path().join("b/c"), "x").expect("written");
            std::fs::write(dir.path().join("a"), "y").expect("written");
            std::os::unix::fs::symlink("../a", dir.path().join("b/up")).expect("linked");
            folder(dir.path()).expect("an archive")
        };
        let (bytes, digest) = made();
        assert_eq!(made().1, digest);
        let mut archive = tar::Archive::new(&bytes[..]);
        let names: Vec<_> = archive
            .entries()
            .expect("entries")
            .map(|entry| entry.expect("an entry").path().expect("a path").display().to_string())
            .collect();
        assert_eq!(names, ["a", "b", "b/c", "b/up", COMPLETE]);
    }

    #[test]
    fn links_that_leave_are_refused() {
        for to in ["/etc/passwd", "../../x", "a/../../../x"] {
            let dir = tempfile::tempdir().expect("a folder");
            std::fs::create_dir(dir.path().join("b")).expect("made");
            std::os::unix::fs::symlink(to, dir.path().join("b/l")).expect("linked");
            assert!(matches!(folder(dir.path()), Err(BundleError::Link { .. })), "{to}");
        }
    }

    #[test]
    fn paths_on_the_target_stay_below_and_out_of_our_state() {
        for good in ["shared/app.env", "a", "x/y z/ü"] {
            assert!(is_plain_below(good), "{good}");
        }
        for bad in
            ["", "/etc/passwd", "../x", "a//b", "a/../b", ".sealock/ledger", "current/x", "releases/r1/x", "a\nb", "-x"]
        {
            assert!(!is_plain_below(bad), "{bad}");
        }
    }

    #[test]
    fn a_directory_is_a_plain_path() {
        for good in ["/opt/blog-creator", "deploy/blog"] {
            assert!(is_directory(good), "{good}");
        }
        for bad in ["", "/", ".", "-x", "/opt/$(id)", "/opt/a b", "/opt/../etc", "a\nb", "`id`"] {
            assert!(!is_directory(bad), "{bad}");
        }
    }
}
