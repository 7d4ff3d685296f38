//! What a step's files are watched for: the grant's patterns, links, and the budgets of what is written.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags, ResolveFlags};
use sealock_contract::grant::{Capability, FileGrant, denied, plain};
use sealock_contract::seam::{LimitName, Note};
use sealock_contract::{Grant, StepError};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::limit::LimitHit;
use crate::notes::Notes;

/// What is watched of a step's files.
pub(crate) struct FileWatch {
    notes: Notes,
    pub(super) grant: Arc<Grant>,
    /// A second descriptor of the workspace, for looking whether a path goes through a link.
    workspace: Option<OwnedFd>,
    /// Where each open folder is, by the number of its descriptor.
    pub(super) places: HashMap<u32, Place>,
    /// Which folder is listed, by the number of the listing, where not every name may be seen.
    pub(super) listings: HashMap<u32, String>,
    pub(super) budget: Arc<Budget>,
}

/// Where a folder is.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) in_workspace: bool,
    /// Relative to its preopened folder; empty at the top.
    pub(super) path: String,
    /// As the guest spelled it, which may go through a link and back.
    pub(super) spelled: String,
    /// Whether it was opened to be written.
    pub(super) writable: bool,
}

impl Place {
    pub(super) fn top(in_workspace: bool) -> Self {
        Self { in_workspace, path: String::new(), spelled: String::new(), writable: false }
    }
}

/// What a step may still write.
pub(super) struct Budget {
    bytes_limit: u64,
    bytes: AtomicU64,
    files_limit: u64,
    files: AtomicU64,
}

impl Budget {
    pub(super) fn take_bytes(&self, bytes: u64) -> Result<(), LimitHit> {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) > self.bytes_limit {
            return Err(LimitHit::bytes(LimitName::WrittenBytes, self.bytes_limit));
        }
        Ok(())
    }

    pub(super) fn take_file(&self) -> Result<(), LimitHit> {
        if self.files.fetch_add(1, Ordering::Relaxed) >= self.files_limit {
            return Err(LimitHit::count(LimitName::WrittenFiles, self.files_limit));
        }
        Ok(())
    }
}

/// What a guest wants with a path.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// To know that it is there: also the folders above what is granted.
    Look,
    /// The same, and of a link the link itself.
    LookAtLink,
    Read,
    Write,
}

impl FileWatch {
    pub(crate) fn new(
        notes: Notes,
        grant: Arc<Grant>,
        workspace: Option<OwnedFd>,
        bytes_limit: u64,
        files_limit: u64,
    ) -> Self {
        let (bytes, files) = (AtomicU64::new(0), AtomicU64::new(0));
        let budget = Arc::new(Budget { bytes_limit, bytes, files_limit, files });
        Self { notes, grant, workspace, places: HashMap::new(), listings: HashMap::new(), budget }
    }

    pub(super) fn files(&self) -> &FileGrant {
        &self.grant.files
    }

    /// Where `path`, seen from the folder `fd`, is; refused when it leaves.
    pub(super) fn place(&self, fd: u32, path: &str) -> Result<Place, StepError> {
        let from = self.places.get(&fd).ok_or_else(|| refusal(path))?;
        if path.starts_with('/') {
            return Err(refusal(path));
        }
        let spelled = format!("{}/{path}", from.path).trim_start_matches('/').to_owned();
        match plain(&resolve(&from.path, path)) {
            Ok(inside) => {
                let path = if inside == "." { String::new() } else { inside };
                Ok(Place { in_workspace: from.in_workspace, path, spelled, writable: false })
            }
            Err(_) => Err(refusal(path)),
        }
    }

    /// Whether the grant covers what is wanted there.
    pub(super) fn check(&self, place: &Place, want: Want) -> Result<(), StepError> {
        if !place.in_workspace {
            return Ok(());
        }
        let (path, files) = (place.path.as_str(), self.files());
        let covered = match want {
            Want::Look | Want::LookAtLink if files.may_lead_to(path) => Ok(()),
            Want::Look | Want::LookAtLink | Want::Read => files.check_read(path),
            Want::Write => files.check_write(path),
        };
        covered?;
        let covers_all = if want == Want::Write { files.writes_all() } else { files.reads_all() };
        if covers_all { Ok(()) } else { self.check_no_link(&place.spelled, want) }
    }

    /// Refuses a path that goes through a symbolic link, or is one that would be followed.
    fn check_no_link(&self, path: &str, want: Want) -> Result<(), StepError> {
        let Some(workspace) = &self.workspace else {
            return Ok(());
        };
        let path = if path.is_empty() { "." } else { path };
        let leaf = if want == Want::LookAtLink { OFlags::NOFOLLOW } else { OFlags::empty() };
        let flags = OFlags::PATH | OFlags::CLOEXEC | leaf;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        match rustix::fs::openat2(workspace, path, flags, Mode::empty(), resolve) {
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::XDEV) => Err(refusal(path)),
            _ => Ok(()),
        }
    }

    /// Whether a name may be told: what may be read, and folders on the way to it.
    pub(super) fn may_see(&self, listing: u32, name: &str) -> bool {
        let Some(folder) = self.listings.get(&listing) else {
            return true;
        };
        let path = resolve(folder, name);
        self.files().check_read(&path).is_ok() || self.files().may_lead_to(&path)
    }

    pub(super) fn note(&self, denial: &StepError) {
        self.notes.tell(denial.message.len(), Note::Denied(denial.clone()));
    }

    pub(super) fn forget(&mut self, fd: u32) {
        self.places.remove(&fd);
    }
}

pub(super) fn refusal(path: &str) -> StepError {
    let shown: String = path.chars().take(200).flat_map(char::escape_default).collect();
    let mut error = denied(Capability::Files, &shown, "");
    error.help = Some("write a path inside the workspace, without links that leave what is granted".to_owned());
    error
}

/// `path` as seen from `from`, with `..` taken away where that is inside.
pub(super) fn resolve(from: &str, path: &str) -> String {
    let mut segments: Vec<&str> = from.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." if segments.last().is_some_and(|last| *last != "..") => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    segments.join("/")
}

/// A stream into a file, counted against the budget.
pub(super) struct Counted {
    pub(super) inner: DynOutputStream,
    pub(super) budget: Arc<Budget>,
}

impl OutputStream for Counted {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.budget.take_bytes(bytes.len() as u64).map_err(|hit| StreamError::Trap(hit.into()))?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Counted {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}
