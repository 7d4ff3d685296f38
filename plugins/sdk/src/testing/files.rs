//! What a call did to the files of the kit's workspace.

use std::collections::BTreeMap;
use std::path::Path;

/// Files by their path below the workspace, with what is in them.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// Every file below `folder`. Links are not followed: a step may have made one.
pub(crate) fn all(folder: &Path) -> Files {
    let mut files = Files::new();
    gather(folder, "", &mut files);
    files
}

fn gather(folder: &Path, prefix: &str, files: &mut Files) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => gather(&entry.path(), &format!("{name}/"), files),
            Ok(kind) if kind.is_file() => {
                let bytes = std::fs::read(entry.path()).expect("the workspace can be read");
                files.insert(name, bytes);
            }
            _ => {}
        }
    }
}

/// The files that are new or have another content, and the paths of those that are gone.
pub(crate) fn changed(before: &Files, after: Files) -> (Files, Vec<String>) {
    let removed = before.keys().filter(|path| !after.contains_key(*path)).cloned().collect();
    let written = after.into_iter().filter(|(path, bytes)| before.get(path) != Some(bytes));
    (written.collect(), removed)
}
