//! What a view is made of and since which boot, written beside it, so that a process that resumes the run can open it
//! again. After a reboot it is not: nothing in it was ever synced.

use std::fs;
use std::io;
use std::path::Path;

use super::ViewKind;
use crate::checkout::notes::this_boot;

const KINDS: [ViewKind; 3] = [ViewKind::Overlay, ViewKind::Reflink, ViewKind::Copy];

pub(super) fn write(home: &Path, kind: ViewKind) -> io::Result<()> {
    fs::write(home.join("kind"), format!("{}\n{}\n", this_boot()?, kind.word()))
}

pub(super) fn read(home: &Path) -> Option<ViewKind> {
    let text = fs::read_to_string(home.join("kind")).ok()?;
    let (boot, word) = text.trim_end().split_once('\n')?;
    let kind = KINDS.into_iter().find(|kind| kind.word() == word)?;
    this_boot().is_ok_and(|now| now == boot).then_some(kind)
}
