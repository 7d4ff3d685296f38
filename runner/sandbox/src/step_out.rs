//! The files that a plain program left in `/step/out`, as outputs: text, or what the manifest declares.

use std::io::{self, Read};
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, FileType, Mode, OFlags};
use sealock_contract::limits::OUTPUT_BYTES;
use sealock_contract::seam::Outcome;
use sealock_contract::{ErrorKind, StepError};

use crate::capability::outputs::OutputRefusal;
use crate::state::StepState;

/// Sets each file of `folder` as an output: its name, its content without the last line end.
pub(crate) fn gather(state: &mut StepState, folder: &OwnedFd) -> Result<(), Outcome> {
    let mut names = names(folder).map_err(|error| Outcome::Error(unreadable("/step/out", &error)))?;
    names.sort();
    for name in names {
        let text = read(folder, &name).map_err(Outcome::Error)?;
        let value = state.outputs.typed(&name, text);
        state.set_output(name, value).map_err(|refusal| match refusal {
            OutputRefusal::Error(error) => Outcome::Error(error),
            OutputRefusal::Limit(hit) => Outcome::Stopped(hit.into_cause()),
        })?;
    }
    Ok(())
}

fn names(folder: &OwnedFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    Ok(names)
}

/// Reads a plain file; a link, a folder, or anything else is refused, and never waited for.
fn read(folder: &OwnedFd, name: &str) -> Result<String, StepError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(folder, name, flags, Mode::empty());
    let file = opened.map_err(|error| unreadable(name, &error.into()))?;
    let kind = rustix::fs::fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if kind != Ok(FileType::RegularFile) {
        return Err(unreadable(name, &io::Error::other("it is not a plain file")));
    }

    let mut bytes = Vec::new();
    let limit = OUTPUT_BYTES as u64 + 1;
    std::fs::File::from(file).take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
    let mut text = String::from_utf8(bytes).map_err(|_| unreadable(name, &io::Error::other("it is not UTF-8")))?;
    if text.ends_with('\n') {
        text.pop();
    }
    Ok(text)
}

fn unreadable(name: &str, error: &io::Error) -> StepError {
    let shown: String = name.chars().take(100).flat_map(char::escape_default).collect();
    StepError::new(ErrorKind::Invalid, "E-OUTPUT-FILE", format!("the output file `{shown}` cannot be taken: {error}"))
}
