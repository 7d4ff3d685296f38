//! What a build may read: a folder of the workspace, less what its ignore file names, and a Dockerfile.
//!
//! Everything is opened below the workspace's descriptor. Links are sent as links, whatever they point to;
//! the engine resolves them inside the build. Pipes, sockets, and devices are left out.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError, grant};

use super::ignore::{Ignore, Verdict};
use crate::step::Step;

/// What a context may hold: a folder that is made faster than it is read must end.
const ENTRIES: usize = 1_000_000;
/// How deep folders may lie: each one read holds a descriptor.
const DEPTH: usize = 256;
/// A Dockerfile; the engine's own limit is in the same range.
const DOCKERFILE_BYTES: u64 = 1 << 20;
/// The kernel gives up with `EAGAIN` when somebody renames folders meanwhile.
const OPEN_TRIES: usize = 16;
/// The ignore file of a folder.
pub(super) const IGNORE_FILE: &str = ".dockerignore";

/// A folder to build from.
pub(super) struct BuildContext {
    folder: OwnedFd,
    pub(super) entries: Vec<Entry>,
    pub(super) dockerfile: Dockerfile,
}

/// A Dockerfile.
pub(super) struct Dockerfile {
    /// In the workspace.
    pub(super) path: String,
    /// In the context, when it is in there and not ignored.
    pub(super) inside: Option<String>,
    pub(super) text: String,
}

/// One thing in a context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: String,
    pub(super) kind: Kind,
    /// Permission bits, with set-user-id and its kin.
    pub(super) mode: u32,
    pub(super) modified_seconds: i64,
    pub(super) modified_nanos: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Folder,
    File { size: u64 },
    Link { to: String },
}

impl BuildContext {
    /// The folder `context` of the step's workspace, with `file` as its Dockerfile. Blocks.
    ///
    /// # Errors
    ///
    /// `E-GRANT-FILES`, `E-FILE-NOT-FOUND`, `E-BUILD-IGNORE`, `E-BUILD-CONTEXT`.
    pub(super) fn read(step: &Step, context: &str, file: Option<&str>) -> Result<Arc<Self>, Refusal> {
        let context = grant::plain(if context.is_empty() { "." } else { context })?;
        let folder = step.open_folder(&context)?;
        let dockerfile = read_dockerfile(step, &context, file.unwrap_or("Dockerfile"))?;
        let ignore = read_ignore(step, &context, &dockerfile.path)?;
        let mut entries = Vec::new();
        let walk = Walk { step, root: &context, ignore: &ignore };
        walk.folder(&folder, "", &Verdict::default(), &mut entries, 0)?;
        let dockerfile = dockerfile.within(&entries);
        Ok(Arc::new(Self { folder, entries, dockerfile }))
    }

    /// Opens the file at `path`, as it is now.
    pub(super) fn open(&self, path: &str) -> std::io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let mut opened = Err(Errno::AGAIN);
        for _ in 0..OPEN_TRIES {
            opened = rustix::fs::openat2(&self.folder, path, flags, Mode::empty(), resolve);
            if !matches!(opened, Err(Errno::AGAIN)) {
                break;
            }
        }
        let file = File::from(opened?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::ErrorKind::InvalidInput.into()) }
    }
}

impl Dockerfile {
    fn within(mut self, entries: &[Entry]) -> Self {
        self.inside = self.inside.filter(|inside| entries.iter().any(|entry| entry.path == *inside));
        self
    }
}

fn read_dockerfile(step: &Step, context: &str, file: &str) -> Result<Dockerfile, Refusal> {
    let path = below(context, file)?;
    let mut opened = step.open_file(&path)?;
    let size = opened.metadata().map_err(|error| unreadable(&path, &error))?.len();
    if size > DOCKERFILE_BYTES {
        return Err(unusable(&path, &format!("it has {size} bytes; {DOCKERFILE_BYTES} are the most")));
    }
    let mut text = String::new();
    std::io::Read::read_to_string(&mut opened, &mut text).map_err(|error| unreadable(&path, &error))?;
    let inside = if context == "." { Some(path.clone()) } else { strip_folder(&path, context) };
    Ok(Dockerfile { path, inside, text })
}

fn strip_folder(path: &str, folder: &str) -> Option<String> {
    path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned)
}

/// `file` seen from `folder`, both in the workspace; `..` may leave the folder, not the workspace.
fn below(folder: &str, file: &str) -> Result<String, Refusal> {
    if file.starts_with('/') {
        return grant::plain(file);
    }
    let mut segments: Vec<&str> = if folder == "." { Vec::new() } else { folder.split('/').collect() };
    for segment in file.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.last().is_some_and(|last| *last != "..") => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    grant::plain(&segments.join("/"))
}

/// `Dockerfile.dockerignore` beside the Dockerfile, or else `.dockerignore` in the context.
fn read_ignore(step: &Step, context: &str, dockerfile: &str) -> Result<Ignore, Refusal> {
    for path in [format!("{dockerfile}{IGNORE_FILE}"), below(context, IGNORE_FILE)?] {
        match step.workspace().read(&path, step.reading_links()) {
            Ok(file) => {
                let text = std::io::read_to_string(file).map_err(|error| unreadable(&path, &error))?;
                return Ignore::parse(&text);
            }
            Err(refusal) if refusal.kind == ErrorKind::NotFound => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(Ignore::default())
}

struct Walk<'a> {
    step: &'a Step,
    /// The context in the workspace.
    root: &'a str,
    ignore: &'a Ignore,
}

impl Walk<'_> {
    fn folder(
        &self,
        folder: &OwnedFd,
        prefix: &str,
        verdict: &Verdict,
        entries: &mut Vec<Entry>,
        depth: usize,
    ) -> Result<(), Refusal> {
        if depth > DEPTH {
            return Err(unusable(prefix, &format!("its folders lie more than {DEPTH} deep")));
        }
        for name in names(folder, prefix)? {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
            self.entry(folder, &name, path, verdict, entries, depth)?;
        }
        Ok(())
    }

    fn entry(
        &self,
        folder: &OwnedFd,
        name: &str,
        path: String,
        verdict: &Verdict,
        entries: &mut Vec<Entry>,
        depth: usize,
    ) -> Result<(), Refusal> {
        let verdict = self.ignore.judge(&path, verdict);
        let is_kept = !verdict.ignored;
        let Some(entry) = stat(folder, name, path)? else { return Ok(()) };
        let place = entries.len();
        if entry.kind == Kind::Folder {
            if !is_kept && !self.ignore.takes_back() {
                return Ok(());
            }
            let inner = open_folder(folder, name, &entry.path)?;
            let path = entry.path.clone();
            entries.push(entry);
            self.folder(&inner, &path, &verdict, entries, depth + 1)?;
            // An ignored folder is there only for what is in it.
            if !is_kept && entries.len() == place + 1 {
                entries.pop();
            }
        } else if is_kept {
            self.may_read(&entry.path)?;
            entries.push(entry);
        }
        if entries.len() > ENTRIES {
            return Err(unusable(self.root, &format!("it holds more than {ENTRIES} files")));
        }
        Ok(())
    }

    fn may_read(&self, path: &str) -> Result<(), Refusal> {
        let files = &self.step.grant().files;
        if files.reads_all() {
            return Ok(());
        }
        files.check_read(&if self.root == "." { path.to_owned() } else { format!("{}/{path}", self.root) })
    }
}

/// The names in `folder`, in the order of their bytes.
fn names(folder: &OwnedFd, path: &str) -> Result<Vec<String>, Refusal> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder).map_err(|errno| unreadable(path, &errno.into()))? {
        let entry = entry.map_err(|errno| unreadable(path, &errno.into()))?;
        match entry.file_name().to_str() {
            Ok("." | "..") => {}
            Ok(name) => names.push(name.to_owned()),
            Err(_) => {
                let name = entry.file_name().to_string_lossy().into_owned();
                return Err(unusable(&format!("{path}/{name}"), "its name is not UTF-8, which builds cannot take"));
            }
        }
        if names.len() > ENTRIES {
            return Err(unusable(path, &format!("it holds more than {ENTRIES} files")));
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn open_folder(folder: &OwnedFd, name: &str, path: &str) -> Result<OwnedFd, Refusal> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty()).map_err(|errno| unreadable(path, &errno.into()))
}

/// `None` for what builds cannot take, and for what has gone meanwhile.
fn stat(folder: &OwnedFd, name: &str, path: String) -> Result<Option<Entry>, Refusal> {
    let found = match rustix::fs::statat(folder.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(found) => found,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(unreadable(&path, &errno.into())),
    };
    let kind = match FileType::from_raw_mode(found.st_mode) {
        FileType::Directory => Kind::Folder,
        FileType::RegularFile => Kind::File { size: u64::try_from(found.st_size).unwrap_or(0) },
        FileType::Symlink => {
            let to = rustix::fs::readlinkat(folder, name, Vec::new());
            let to = to.map_err(|errno| unreadable(&path, &errno.into()))?;
            let to = to.into_string().map_err(|_| unusable(&path, "it points to a name that is not UTF-8"))?;
            Kind::Link { to }
        }
        _ => return Ok(None),
    };
    let mode = found.st_mode & 0o7777;
    let modified_nanos = i64::try_from(found.st_mtime_nsec).unwrap_or(0);
    Ok(Some(Entry { path, kind, mode, modified_seconds: found.st_mtime, modified_nanos }))
}

fn unreadable(path: &str, error: &std::io::Error) -> Refusal {
    StepError::new(ErrorKind::Io, "E-FILE-IO", format!("`{path}` cannot be read: {error}"))
}

fn unusable(path: &str, why: &str) -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-BUILD-CONTEXT", format!("`{path}` cannot be built from: {why}"))
        .help("leave out with a .dockerignore what the image does not need")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dockerfile_may_lie_beside_the_context_and_never_outside_the_workspace() {
        assert_eq!(below("backend", "Dockerfile"), Ok("backend/Dockerfile".into()));
        assert_eq!(below("backend", "../docker/api.Dockerfile"), Ok("docker/api.Dockerfile".into()));
        assert_eq!(below(".", "./a//b"), Ok("a/b".into()));
        for path in ["../../x", "../../../etc/passwd", "/etc/passwd"] {
            assert_eq!(below("backend", path).expect_err(path).code, "E-GRANT-FILES", "{path}");
        }
        assert_eq!(strip_folder("backend/Dockerfile", "backend"), Some("Dockerfile".into()));
        assert_eq!(strip_folder("backend2/Dockerfile", "backend"), None);
    }
}
