//! What goes over to an init, and what comes back.

use std::fmt;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One program to start.
#[derive(Serialize, Deserialize)]
pub struct Order {
    /// A name for `PATH` when it has no `/`; a path otherwise.
    pub program: String,
    /// Its arguments, without its name.
    pub args: Vec<String>,
    /// Its whole environment; values may be secrets.
    pub env: Vec<(String, Vec<u8>)>,
    /// The path of the folder that it starts in. It must still be the folder that the descriptor beside
    /// the order is of.
    pub folder: PathBuf,
    /// What it may touch.
    pub wall: WallSpec,
}

/// What all programs of a run may touch, beyond the system; workspaces, homes, and temporary folders are each
/// program's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpec {
    /// Folders to read and execute: homes of tool chains.
    pub readable: Vec<PathBuf>,
    /// Folders to write, for the steps of every stage: caches.
    pub writable: Vec<PathBuf>,
    /// Sockets that nobody may reach, such as the container engine's, and folders where the operator's are: nothing is
    /// left of those but what is readable or writable, beside those that are emptied for everybody. Needs a mount
    /// namespace.
    pub hidden: Vec<PathBuf>,
}

/// What a program may touch of the file system, and use up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WallSpec {
    /// What it shares with the others of its run.
    pub host: HostSpec,
    /// Folders of its own that it may read and execute.
    pub readable: Vec<PathBuf>,
    /// Folders of its own that it may also write.
    pub writable: Vec<PathBuf>,
    /// Most bytes of one file that it writes.
    pub file_bytes_max: u64,
    /// Most bytes of memory of its own that it, or one process that it starts, takes.
    pub memory_bytes_max: Option<u64>,
}

impl WallSpec {
    /// Everything that it may read and not write, beyond the system.
    pub(super) fn all_readable(&self) -> impl Iterator<Item = &Path> {
        self.host.readable.iter().chain(&self.readable).map(PathBuf::as_path)
    }

    /// Everything that it may write.
    pub(super) fn all_writable(&self) -> impl Iterator<Item = &Path> {
        self.host.writable.iter().chain(&self.writable).map(PathBuf::as_path)
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It returned this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// Where building the wall, or starting the program, failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SetupStage {
    /// The order could not be read.
    Order = 1,
    /// Namespaces and their mounts.
    Namespaces = 2,
    /// Limits, capabilities, and privileges.
    Limits = 3,
    /// Landlock.
    Landlock = 4,
    /// Streams and folder.
    Streams = 5,
    /// The program itself.
    Exec = 6,
}

impl SetupStage {
    const ALL: [Self; 6] = [Self::Order, Self::Namespaces, Self::Limits, Self::Landlock, Self::Streams, Self::Exec];
}

impl fmt::Display for SetupStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Order => "reading the order",
            Self::Namespaces => "making its namespaces",
            Self::Limits => "setting its limits",
            Self::Landlock => "setting up Landlock",
            Self::Streams => "opening its streams and folder",
            Self::Exec => "executing it",
        })
    }
}

/// Why a program did not start.
#[derive(Debug)]
pub struct LaunchFailure {
    /// Where.
    pub stage: SetupStage,
    /// Why.
    pub error: io::Error,
}

/// A report of an init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    Started,
    Failed(SetupStage, i32),
    Ended(End),
}

pub(super) const REPORT_BYTES: usize = 6;

impl Report {
    pub(super) fn encode(self) -> [u8; REPORT_BYTES] {
        let (kind, stage, number) = match self {
            Self::Started => (0, 0, 0),
            Self::Failed(stage, errno) => (1, stage as u8, errno),
            Self::Ended(End::Code(code)) => (2, 0, code),
            Self::Ended(End::Signal(signal)) => (3, 0, signal),
        };
        let [a, b, c, d] = number.to_ne_bytes();
        [kind, stage, a, b, c, d]
    }

    pub(super) fn decode([kind, stage, number @ ..]: [u8; REPORT_BYTES]) -> Option<Self> {
        let number = i32::from_ne_bytes(number);
        match kind {
            0 => Some(Self::Started),
            1 => {
                let stage = SetupStage::ALL.into_iter().find(|&known| known as u8 == stage)?;
                Some(Self::Failed(stage, number))
            }
            2 => Some(Self::Ended(End::Code(number))),
            3 => Some(Self::Ended(End::Signal(number))),
            _ => None,
        }
    }
}

/// What the runner tells an init. Hanging up means [`KILL`].
pub(super) const TERMINATE: u8 = b't';
pub(super) const KILL: u8 = b'k';

pub(super) fn tell(mut to: impl Write, report: Report) {
    // Nobody listens any more when this fails, and then there is nobody to tell.
    let _ = to.write_all(&report.encode());
}

pub(super) fn read_order(mut from: impl Read) -> io::Result<Order> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes)?;
    postcard::from_bytes(&bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_read_back_and_others_are_none() {
        let reports = [
            Report::Started,
            Report::Failed(SetupStage::Exec, 2),
            Report::Ended(End::Code(-1)),
            Report::Ended(End::Signal(9)),
        ];
        for report in reports {
            assert_eq!(Report::decode(report.encode()), Some(report));
        }
        assert_eq!(Report::decode([9; REPORT_BYTES]), None);
        assert_eq!(Report::decode([1, 77, 0, 0, 0, 0]), None);
    }
}
