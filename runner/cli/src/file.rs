//! Reads pipeline files, and finds them.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sealock_diagnostics::{Diagnostic, Source, near};

use crate::content;
use crate::failure::Failure;
use crate::shell::Shell;

/// The largest pipeline file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What to write in place of a folder.
const FOLDER_HELP: &str = "name the file, such as `pipelines/main.yml`; `sealock check` without a name checks every \
                           pipeline of the repository, and `-C FOLDER` starts in another one";

/// Reads what was found, as [`content`] does: below the repository's `root` no link is followed.
///
/// # Errors
///
/// What stands in the way, as a diagnostic without a place.
pub(crate) fn read(root: &Path, found: &Found) -> Result<Source, (Source, Diagnostic)> {
    let nothing = || Source::new(&found.name, "");
    let bytes = match found.path.strip_prefix(root) {
        Ok(below) => content::within(root, below, FILE_BYTES_MAX),
        Err(_) => content::at(&found.path, FILE_BYTES_MAX),
    };
    let bytes = bytes.map_err(|error| (nothing(), unreadable(&error)))?;
    match sealock_pipeline::decode(&bytes) {
        Ok(text) => Ok(Source::new(&found.name, text)),
        Err(diagnostic) => Err((nothing(), *diagnostic)),
    }
}

fn unreadable(error: &std::io::Error) -> Diagnostic {
    match error.kind() {
        ErrorKind::IsADirectory => {
            Diagnostic::error("E-FILE-READ", "expected a pipeline file, found a folder", None).help(FOLDER_HELP)
        }
        ErrorKind::FileTooLarge => Diagnostic::error("E-YAML-SIZE", error.to_string(), None)
            .help("keep data out of the pipeline: put it into a file of the repository and name that"),
        _ => Diagnostic::error("E-FILE-READ", error.to_string(), None),
    }
}

/// A pipeline file: where it is, and what messages call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Where it is.
    pub path: PathBuf,
    /// Relative to the repository or the folder of the command.
    pub name: String,
}

/// Folders in which pipelines are looked for, in this order.
const FOLDERS: [&str; 2] = ["pipelines", ".sealock"];
/// What is taken without a name, in this order.
const DEFAULTS: [&str; 3] = ["pipelines/main.yml", "pipelines/main.yaml", "sealock.yml"];

/// Finds the pipeline that a person means: `deploy` is `pipelines/deploy.yml`, `.sealock/deploy.yml`, or a path;
/// nothing is the main one, or the only one.
///
/// # Errors
///
/// When there is none, or more than one and none is meant; the message lists what was found.
pub(crate) fn find(shell: &Shell, root: &Path, wanted: Option<&str>) -> Result<Found, Failure> {
    match wanted {
        Some(wanted) => named(shell, root, wanted),
        None => default(root),
    }
}

fn named(shell: &Shell, root: &Path, wanted: &str) -> Result<Found, Failure> {
    let names = FOLDERS.iter().flat_map(|folder| ["yml", "yaml"].map(|end| format!("{folder}/{wanted}.{end}")));
    let in_folders = names.map(|name| (root.join(&name), name)).find(|(path, _)| path.symlink_metadata().is_ok());
    if let Some((path, name)) = in_folders {
        return Ok(Found { path, name });
    }
    let path = shell.path(Path::new(wanted));
    if path.symlink_metadata().is_ok() {
        let inside = path.strip_prefix(root).ok().filter(|name| name.file_name().is_some());
        let name = inside.map_or_else(|| wanted.to_owned(), |name| name.display().to_string());
        return Ok(Found { path, name });
    }
    let found = all(root);
    let stems: Vec<&str> = found.iter().filter_map(|found| Path::new(&found.name).file_stem()?.to_str()).collect();
    let message = format!("there is no pipeline `{wanted}` in pipelines/ or .sealock/, and no such file");
    Err(Failure::new("E-PIPELINE-UNKNOWN", message).maybe_help(near::offer(wanted, stems)))
}

fn default(root: &Path) -> Result<Found, Failure> {
    let main = DEFAULTS.iter().map(|name| (root.join(name), *name)).find(|(path, _)| path.symlink_metadata().is_ok());
    if let Some((path, name)) = main {
        return Ok(Found { path, name: name.to_owned() });
    }
    let mut found = all(root);
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(Failure::new("E-PIPELINE-UNKNOWN", "there is no pipeline here")
            .help("write one to pipelines/main.yml; the README has one of twenty lines")),
        _ => {
            let names = found.iter().map(|found| found.name.as_str()).collect::<Vec<_>>().join(", ");
            Err(Failure::new("E-PIPELINE-UNKNOWN", "there are several pipelines here and none is called `main`")
                .help(format!("name one of {names}")))
        }
    }
}

/// Every pipeline of the repository, by name.
pub(crate) fn all(root: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    for folder in FOLDERS {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let is_pipeline = |path: &Path| path.extension().is_some_and(|end| end == "yml" || end == "yaml");
        let paths = entries.map(|entry| entry.path()).filter(|path| is_pipeline(path));
        found.extend(paths.map(|path| {
            let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
            Found { path, name }
        }));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}
