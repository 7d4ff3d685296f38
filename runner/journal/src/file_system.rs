//! Whether a folder is on a network file system, where the locks and shared memory that a WAL needs are not to
//! be relied on.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{major, minor, statfs};

/// The magic numbers of network file systems, as `statfs(2)` has them.
const NETWORK: &[(u64, &str)] = &[
    (0x6969, "NFS"),
    (0x517B, "SMB"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB2"),
    (0x0102_1997, "9P"),
    (0x7375_7245, "Coda"),
    (0x5346_414F, "AFS"),
    (0x6B41_4653, "AFS"),
    (0x00C3_6400, "Ceph"),
    (0x0BD0_0BD0, "Lustre"),
    (0x1983_0326, "BeeGFS"),
    (0x4750_4653, "GPFS"),
    (0x786F_4256, "a VirtualBox shared folder"),
    (0xBACB_ACBC, "a VMware shared folder"),
];
const FUSE: u64 = 0x6573_5546;
/// FUSE is local as often as not; these are not.
const NETWORK_FUSE: &[&str] = &[
    "ceph-fuse",
    "curlftpfs",
    "davfs",
    "gcsfuse",
    "glusterfs",
    "goofys",
    "juicefs",
    "mount-s3",
    "rclone",
    "s3fs",
    "smbnetfs",
    "sshfs",
    "virtiofs",
];

/// The network file system that `folder` is on; `None` when it is local.
pub(crate) fn network(folder: &Path) -> io::Result<Option<String>> {
    let magic = u64::try_from(statfs(folder)?.f_type).unwrap_or_default() & 0xFFFF_FFFF;
    if let Some(name) = by_magic(magic) {
        return Ok(Some(name.to_owned()));
    }
    if magic != FUSE {
        return Ok(None);
    }
    let device = fs::metadata(folder)?.dev();
    let device = format!("{}:{}", major(device), minor(device));
    let kind = kind_of(&fs::read_to_string("/proc/self/mountinfo")?, &device);
    Ok(kind.filter(|kind| is_network_fuse(kind)))
}

fn by_magic(magic: u64) -> Option<&'static str> {
    NETWORK.iter().find(|(known, _)| *known == magic).map(|(_, name)| *name)
}

/// The type in the table of mounts: `… MAJOR:MINOR … - TYPE SOURCE OPTIONS`.
fn kind_of(mounts: &str, device: &str) -> Option<String> {
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(device))?;
    line.split_once(" - ")?.1.split(' ').next().map(str::to_owned)
}

fn is_network_fuse(kind: &str) -> bool {
    NETWORK_FUSE.contains(&kind.strip_prefix("fuse.").unwrap_or(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_fuse_mount_is_found_and_judged() {
        let mounts = "36 35 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n48 36 0:44 / /mnt rw - fuse.sshfs a@b: rw\n";
        assert_eq!(kind_of(mounts, "0:44").as_deref(), Some("fuse.sshfs"));
        assert_eq!(kind_of(mounts, "0:45"), None);
        assert!(is_network_fuse("fuse.sshfs") && is_network_fuse("virtiofs"));
        assert!(!is_network_fuse("fuse.lazyfs") && !is_network_fuse("fuseblk"));
    }

    #[test]
    fn network_file_systems_are_known_by_their_magic_numbers() {
        const EXT4: u64 = 0xEF53;
        const TMPFS: u64 = 0x0102_1994;
        const OVERLAY: u64 = 0x794C_7630;
        let names = [0x6969, 0xFF53_4D42, 0xFE53_4D42, 0x0102_1997, 0x00C3_6400].map(by_magic);
        assert_eq!(names, [Some("NFS"), Some("CIFS"), Some("SMB2"), Some("9P"), Some("Ceph")]);
        assert_eq!([EXT4, TMPFS, OVERLAY, FUSE].map(by_magic), [None; 4]);
    }

    #[test]
    fn a_folder_of_this_machine_is_local() {
        assert_eq!(network(Path::new("/proc/self")).unwrap(), None);
    }
}
