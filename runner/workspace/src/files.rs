//! Copying files of our own folders: by reflink where the file system can, never through a link.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use rustix::fs::{OFlags, ioctl_ficlone};

use crate::removal::remove_tree;

/// The code of a failed write: a full disk has its own.
pub(crate) fn code(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "E-DISK-FULL",
        _ => "E-DISK",
    }
}

/// Whether contents were shared with the original or copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Copied {
    Shared,
    Whole,
}

/// Copies one file or link with mode and modification time; anything else is passed over.
pub(crate) fn copy_entry(from: &Path, to: &Path) -> io::Result<Option<Copied>> {
    let meta = fs::symlink_metadata(from)?;
    let kind = meta.file_type();
    if kind.is_symlink() {
        symlink(fs::read_link(from)?, to)?;
        return Ok(None);
    }
    if !kind.is_file() {
        return Ok(None);
    }
    let nofollow = i32::try_from(OFlags::NOFOLLOW.bits()).expect("a flag of open fits in a C int");
    let source = OpenOptions::new().read(true).custom_flags(nofollow).open(from)?;
    let target = OpenOptions::new().write(true).create_new(true).mode(meta.mode() & 0o777).open(to)?;
    let copied = copy_contents(&source, &target)?;
    target.set_permissions(Permissions::from_mode(meta.mode() & 0o777))?;
    target.set_modified(meta.modified()?)?;
    Ok(Some(copied))
}

/// Gives `target`, which is empty, what `source` holds.
pub(crate) fn copy_contents(source: &File, target: &File) -> io::Result<Copied> {
    if ioctl_ficlone(target, source).is_ok() {
        return Ok(Copied::Shared);
    }
    io::copy(&mut &*source, &mut &*target)?;
    Ok(Copied::Whole)
}

/// Lays the tree `from` over `to`: what stands in the way is replaced, folders are united. Whiteouts of an
/// overlay are passed over. Answers how the contents went.
pub(crate) fn copy_tree(from: &Path, to: &Path) -> io::Result<Option<Copied>> {
    let mut worst = None;
    let mut waiting = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = waiting.pop() {
        make_folder_like(&from, &to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let target = to.join(entry.file_name());
            if kind.is_dir() {
                waiting.push((entry.path(), target));
            } else if !kind.is_char_device() {
                remove(&target)?;
                if let Some(copied) = copy_entry(&entry.path(), &target)? {
                    worst = if worst == Some(Copied::Whole) { worst } else { Some(copied) };
                }
            }
        }
    }
    Ok(worst)
}

/// Makes `to` a folder with the mode of `from`, in place of anything else that has its name.
pub(crate) fn make_folder_like(from: &Path, to: &Path) -> io::Result<()> {
    if !fs::symlink_metadata(to).is_ok_and(|meta| meta.is_dir()) {
        remove(to)?;
        fs::create_dir(to)?;
    }
    let mode = fs::metadata(from)?.mode() & 0o777;
    fs::set_permissions(to, Permissions::from_mode(mode | 0o700))
}

/// Removes whatever has this name, and is content when nothing has.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => remove_tree(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Err(error),
        _ => Ok(()),
    }
}
