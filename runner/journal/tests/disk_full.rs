//! A disk that is really full: a small one, mounted for the test (which takes root).

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod kit;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use kit::{head, line, started};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use sealock_journal::{Journal, RunLog};
use tempfile::{TempDir, tempdir};

struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempdir().unwrap();
        let mounted = mount("tmpfs", folder.path(), "tmpfs", MountFlags::empty(), Some(c"size=80m,mode=0700"));
        assert!(mounted.is_ok() || !rustix::process::geteuid().is_root(), "{mounted:?}");
        mounted.is_ok().then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes until nothing fits.
    fn fill(&self, name: &str) {
        let mut file = File::create(self.path().join(name)).unwrap();
        let block = vec![1; 64 << 10];
        while file.write_all(&block).is_ok() {}
        while file.write_all(&block[..512]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = unmount(self.path(), UnmountFlags::DETACH);
    }
}

#[test]
fn on_a_full_disk_the_reserve_is_used_and_then_it_is_over() {
    let Some(disk) = SmallDisk::new() else { return };
    let mut journal = Journal::open(disk.path()).unwrap();
    let mut log = RunLog::open(disk.path(), "01A").unwrap();
    journal.begin(&head("01A")).unwrap();
    journal.commit(&[started("01A", 1)]).unwrap();
    log.append(&[line("01A", 1, 1)]).unwrap();
    assert!(disk.path().join("journal.reserve").exists() && !journal.is_low());

    disk.fill("filler");
    let mut seq = 1;
    while !journal.is_low() {
        seq += 1;
        journal.commit(&[started("01A", seq)]).unwrap();
    }
    let many: Vec<_> = (seq + 1..=seq + 2_000).map(|seq| started("01A", seq)).collect();
    journal.commit(&many).unwrap();
    seq += 2_000;

    disk.fill("more");
    let failed = loop {
        let group: Vec<_> = (seq + 1..=seq + 100).map(|seq| started("01A", seq)).collect();
        match journal.commit(&group) {
            Ok(()) => seq += 100,
            Err(error) => break error,
        }
    };
    assert_eq!(failed.code(), "E-JOURNAL-FULL");
    assert_eq!(journal.commit(&[started("01A", seq + 1)]).unwrap_err().code(), "E-JOURNAL-WRITE");
    let lines: Vec<_> = (1..2_000).map(|sub| line("01A", seq, sub)).collect();
    assert_eq!(log.append(&lines).unwrap_err().code(), "E-DISK-FULL");

    fs::remove_file(disk.path().join("filler")).unwrap();
    log.append(&[line("01A", seq, 1)]).unwrap();
    drop(journal);
    let mut journal = Journal::open(disk.path()).unwrap();
    assert_eq!(journal.go_on("01A").unwrap(), seq, "every event that was acknowledged, and none that was not");
    journal.commit(&[started("01A", seq + 1)]).unwrap();
    assert_eq!(journal.merged("01A").unwrap().flatten().count() as u64, seq + 3);
    assert!(disk.path().join("journal.reserve").exists(), "it is kept again");
}
