//! Unmounting what killed runs left.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::overlay;
use crate::run_folder::is_live;

/// What a sweep did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Views of dead runs, unmounted now. What was written in them is still in their folders.
    pub unmounted: Vec<PathBuf>,
    /// Views of runs that live in another process.
    pub live: Vec<PathBuf>,
}

pub(super) fn sweep(state: &Path) -> io::Result<Swept> {
    let mut swept = Swept::default();
    let Ok(runs) = state.join("runs").canonicalize() else { return Ok(swept) };
    let mounts = fs::read("/proc/self/mountinfo")?;
    let mut found: Vec<PathBuf> = mounts.split(|&byte| byte == b'\n').filter_map(mount_point).collect();
    found.retain(|path| path.starts_with(&runs));
    found.dedup();
    for path in found.into_iter().rev() {
        let run = path.strip_prefix(&runs).ok().and_then(|inside| inside.iter().next());
        if run.is_some_and(|run| is_live(&runs.join(run))) {
            swept.live.push(path);
        } else {
            overlay::unmount(&path);
            swept.unmounted.push(path);
        }
    }
    Ok(swept)
}

/// The fifth field, in which space, tab, line end, and backslash are written as `\` and three octal digits.
fn mount_point(line: &[u8]) -> Option<PathBuf> {
    let field = line.split(|&byte| byte == b' ').nth(4)?;
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let octal = after.get(..3).and_then(|digits| str::from_utf8(digits).ok());
        match octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(escaped) if byte == b'\\' => {
                bytes.push(escaped);
                rest = &after[3..];
            }
            _ => bytes.push(byte),
        }
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_points_with_odd_characters_are_read_back() {
        let line = br"36 35 98:0 / /a\040b\134c\011d rw,noatime shared:1 - overlay sealock rw";
        assert_eq!(mount_point(line), Some(PathBuf::from("/a b\\c\td")));
        assert_eq!(mount_point(b""), None);
    }
}
