//! A temporary folder for the state of runs that are killed: what they mounted goes with it.

use std::ops::Deref;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A temporary folder. A run that was killed leaves its stages' workspaces mounted below its state, for a next run that never comes.
pub struct Scratch(TempDir);

impl Scratch {
    /// A new one.
    ///
    /// # Panics
    /// When there is no room.
    #[expect(clippy::new_without_default, reason = "it makes a folder")]
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }
}

impl Deref for Scratch {
    type Target = TempDir;

    fn deref(&self) -> &TempDir {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        let below: Vec<&str> = places.filter(|place| Path::new(place).starts_with(self.0.path())).collect();
        if !below.is_empty() {
            // What cannot be unmounted is left: a scenario has shown what it shows by now.
            let _ = Command::new("umount").arg("--lazy").args(below.iter().rev()).status();
        }
    }
}
