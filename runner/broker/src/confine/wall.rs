//! Which wall a machine offers, as data for the run's event and as one line.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a program's processes are kept together and apart from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Namespaces {
    /// Own PID and mount namespaces, made with the runner's privileges.
    Privileged,
    /// The same inside an own user namespace, without privileges.
    User,
    /// None: a subreaper kills what the program leaves behind.
    None,
}

/// The wall that native programs run behind on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wall {
    /// Of `security.md`'s table. 1 is claimed without seccomp, which `seccomp` says.
    pub tier: u8,
    /// The kernel's Landlock version; 0 without Landlock.
    pub landlock: u32,
    /// PID and mount namespaces.
    pub namespaces: Namespaces,
    /// Whether system calls are filtered.
    pub seccomp: bool,
}

impl Wall {
    pub(super) fn new(landlock: u32, namespaces: Namespaces) -> Self {
        Self { tier: u8::from(landlock > 0), landlock, namespaces, seccomp: false }
    }
}

impl fmt::Display for Wall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tier {}: ", self.tier)?;
        match self.landlock {
            0 => f.write_str("no Landlock, files are not confined")?,
            version => write!(f, "Landlock {version}")?,
        }
        f.write_str(match self.namespaces {
            Namespaces::Privileged => ", own processes and mounts",
            Namespaces::User => ", own processes and mounts in a user namespace",
            Namespaces::None => ", processes reaped",
        })?;
        f.write_str(if self.seccomp { ", system calls filtered" } else { ", system calls not filtered" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_stands_and_what_does_not() {
        let best = Wall::new(7, Namespaces::Privileged);
        assert_eq!(best.to_string(), "tier 1: Landlock 7, own processes and mounts, system calls not filtered");
        let least = Wall::new(0, Namespaces::None);
        assert_eq!(
            least.to_string(),
            "tier 0: no Landlock, files are not confined, processes reaped, system calls not filtered"
        );
    }
}
