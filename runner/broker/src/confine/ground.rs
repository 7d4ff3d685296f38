//! The ground that walls stand on: a mount namespace that is furnished once, and of which each program gets a copy.
//!
//! Most of a program's mounts are the same for every program of a run: the system read-only, folders of sockets
//! emptied, tool chains, a `/dev`. To make them anew took more than everything else of a wall.
//!
//! # Invariants
//!
//! - What belongs to one program is not in it: workspace, home, temporary folder, `/proc`, `/dev/shm`, terminals.
//! - No program writes to it: a copy is read-only as a whole before anything of the program's own is put there, and who
//!   may not mount cannot change that. Devices can be written; their modes and owners cannot.
//! - It is laid anew as soon as one of the paths that it was made of leads to another file.
//! - It holds no workspace of a stage that was there when it was laid: one that is mounted twice cannot be taken apart. Later ones come
//!   and go in it with the machine's, where those are shared; in a program's copy none comes.
//!
//! Only with [`Namespaces::Privileged`](super::wall::Namespaces): joining namespaces takes the runner's privileges.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Signal, WaitOptions};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde::{Deserialize, Serialize};

use super::order::HostSpec;
use super::veil::NAME_SERVERS;
use super::{descriptors, prison, system};

/// What travels beside a ground's descriptors.
const WORD: &[u8] = b"g";
/// For laying one. A folder of the machine that never answers (a file server that is gone) must not hold up every program: without a
/// ground, those that look at it wait by themselves.
const LAYING: Timespec = Timespec { tv_sec: 5, tv_nsec: 0 };

/// A mount namespace to make copies of.
pub(super) struct Ground {
    namespace: OwnedFd,
    /// The runner's root, which need not be that of its mount namespace.
    root: OwnedFd,
}

impl Ground {
    fn lay(host: &HostSpec) -> io::Result<Self> {
        let (here, there) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        match system::fork(libc::CLONE_NEWNS)? {
            system::Fork::Child => {
                drop(here);
                let sent = prison::lay(host).and_then(|()| Self::here()).and_then(|ground| ground.send(&there));
                system::exit(i32::from(sent.is_err()))
            }
            system::Fork::Parent(child) => {
                drop(there);
                if poll(&mut [PollFd::new(&here, PollFlags::IN)], Some(&LAYING)) != Ok(1) {
                    // It may not even die while it waits for that folder.
                    rustix::process::kill_process(child, Signal::KILL)?;
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let laid = descriptors::receive(&here, &mut [0; WORD.len()]);
                rustix::process::waitpid(Some(child), WaitOptions::empty())?;
                let (_, laid) = laid?.ok_or(io::ErrorKind::ConnectionAborted)?;
                let [namespace, root] = descriptors::exactly(laid)?;
                Ok(Self { namespace, root })
            }
        }
    }

    /// That of this process. Enters it once, so that what cannot be entered is not taken for a ground.
    fn here() -> io::Result<Self> {
        let open = |path, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
        let ground = Self {
            namespace: open("/proc/self/ns/mnt", OFlags::RDONLY)?,
            root: open("/", OFlags::PATH | OFlags::DIRECTORY)?,
        };
        ground.enter()?;
        Ok(ground)
    }

    fn send(&self, to: &OwnedFd) -> io::Result<()> {
        descriptors::send(to, WORD, &[self.namespace.as_fd(), self.root.as_fd()])
    }

    /// Moves this process into a copy.
    pub(super) fn enter(&self) -> io::Result<()> {
        move_into_link_name_space(self.namespace.as_fd(), Some(LinkNameSpaceType::Mount))?;
        rustix::process::fchdir(&self.root)?;
        rustix::process::chroot(".")?;
        system::copy_mounts()
    }
}

/// What the runner asks for, with every order: the same words get the same ground.
#[derive(Serialize, Deserialize)]
pub(super) struct Wanted {
    host: HostSpec,
    /// Which files the paths lead to.
    found: Vec<Option<(u64, u64)>>,
}

impl Wanted {
    /// `host`, as it is now.
    pub(super) fn now(host: &HostSpec) -> Self {
        let paths = host.readable.iter().chain(&host.writable).map(std::path::PathBuf::as_path);
        let found = paths.chain([Path::new(NAME_SERVERS)]).map(|path| {
            let found = rustix::fs::stat(path).ok()?;
            Some((found.st_dev, found.st_ino))
        });
        Self { host: host.clone(), found: found.collect() }
    }
}

/// The last ground that was asked for.
#[derive(Default)]
pub(super) struct Grounds {
    wanted: Vec<u8>,
    laid: Laid,
}

#[derive(Default)]
enum Laid {
    /// It was asked for once: to lay it takes as long as one program's mounts do, and there may be no second.
    #[default]
    NotYet,
    Ground(Ground),
    /// Every program then makes its mounts by itself, and fails by itself.
    Impossible,
}

impl Grounds {
    /// The ground for `wanted`, an encoded [`Wanted`], where it has been asked for before.
    pub(super) fn of(&mut self, wanted: &[u8]) -> Option<&Ground> {
        if self.wanted != wanted {
            wanted.clone_into(&mut self.wanted);
            self.laid = Laid::NotYet;
            return None;
        }
        if matches!(self.laid, Laid::NotYet) {
            let laid = postcard::from_bytes::<Wanted>(wanted).ok().and_then(|wanted| Ground::lay(&wanted.host).ok());
            self.laid = laid.map_or(Laid::Impossible, Laid::Ground);
        }
        match &self.laid {
            Laid::Ground(ground) => Some(ground),
            Laid::NotYet | Laid::Impossible => None,
        }
    }
}
