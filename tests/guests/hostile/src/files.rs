//! `at` is a path below `/workspace`, or absolute.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

use sealock_sdk::bindings::wasi::filesystem::preopens;
use sealock_sdk::{Error, Outcome, Step};

fn path(at: &str) -> String {
    format!("/workspace/{at}")
}

pub(crate) fn read(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let at = if at.starts_with('/') { at.to_owned() } else { path(at) };
    Ok(Outcome::Failed(format!("read {}", fs::read_to_string(at)?)))
}

pub(crate) fn write(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    fs::write(path(at), "written")?;
    Ok(Outcome::Success)
}

pub(crate) fn list(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let mut names = Vec::new();
    walk(Path::new(&path(at)), &mut names)?;
    names.sort();
    Ok(Outcome::Failed(names.join(" ")))
}

fn walk(folder: &Path, names: &mut Vec<String>) -> Result<(), Error> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), names)?;
        } else {
            names.push(entry.path().display().to_string().replace("/workspace/", ""));
        }
    }
    Ok(())
}

/// `at` is what the link points at.
pub(crate) fn symlink(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let folders = preopens::get_directories();
    let workspace = folders.iter().find(|(_, seen_as)| seen_as == "/workspace");
    let (workspace, _) = workspace.ok_or_else(|| Error::new("E-GUEST", "no workspace"))?;
    workspace.symlink_at(at, "link").map_err(|code| Error::new("E-GUEST", code.message()))?;
    Ok(Outcome::Success)
}

pub(crate) fn hard_link(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    fs::hard_link(path(at), "/workspace/out/second")?;
    fs::write("/workspace/out/second", "changed through a second name")?;
    Ok(Outcome::Success)
}

pub(crate) fn rename(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    fs::rename(path(at), "/workspace/out/moved")?;
    Ok(Outcome::Success)
}

pub(crate) fn truncate(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let by_open = OpenOptions::new().write(true).truncate(true).open(path(at)).map(drop);
    let by_size = File::open(path(at)).and_then(|file| file.set_len(0));
    by_open.or(by_size)?;
    Ok(Outcome::Success)
}

pub(crate) fn write_much(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let mut file = File::create("/workspace/much")?;
    loop {
        file.write_all(&[0; 64 << 10])?;
    }
}

pub(crate) fn many_files(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    for number in 0..1_000_000 {
        File::create(format!("/workspace/{number}"))?;
    }
    Ok(Outcome::Success)
}
