//! Whether a folder is this user's alone to write in.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The bits that let a group or everybody write.
const OTHERS_WRITE: u32 = 0o022;

/// Who else could have written what stands in `folder`, as the end of a sentence; nothing where nobody could.
pub(crate) fn stranger(folder: &Path) -> io::Result<Option<String>> {
    let found = fs::metadata(folder)?;
    if found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(Some(format!("belongs to the user {}", found.uid())));
    }
    let mode = found.mode() & 0o7777;
    Ok((mode & OTHERS_WRITE != 0).then(|| format!("has the mode {mode:04o}")))
}
