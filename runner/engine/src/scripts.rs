//! The files through which native commands hand on: made before a step, read after it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sealock_contract::limits::OUTPUT_BYTES;
use sealock_events::Cause;

use crate::handover::{self, HandoverError, Outputs};

/// One file that a script wrote: larger ones fail the step instead of filling memory.
const HANDOVER_BYTES_MAX: u64 = 4 << 20;
/// Files in `$SEALOCK_OUTPUTS`.
const OUTPUT_FILES_MAX: usize = 1_000;

/// The folder of one try, and the files in it.
pub(crate) struct Handover {
    folder: PathBuf,
}

/// What a script handed on.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    pub(crate) outputs: Outputs,
    pub(crate) summary: Option<String>,
    /// For later steps of the stage.
    pub(crate) env: Vec<(String, String)>,
    /// For the front of later steps' search path.
    pub(crate) path: Vec<String>,
}

impl Handover {
    /// Makes the files below `temporary`, which is the try's own.
    ///
    /// # Errors
    ///
    /// When they cannot be made.
    pub(crate) fn make(temporary: &Path) -> io::Result<Self> {
        let folder = temporary.join("handover");
        fs::create_dir_all(folder.join("outputs"))?;
        for name in ["summary", "github-output", "github-env", "github-path"] {
            fs::write(folder.join(name), "")?;
        }
        Ok(Self { folder })
    }

    /// The variables that name the files.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let names = [
            ("SEALOCK_OUTPUTS", "outputs"),
            ("SEALOCK_SUMMARY", "summary"),
            ("GITHUB_OUTPUT", "github-output"),
            ("GITHUB_STEP_SUMMARY", "summary"),
            ("GITHUB_ENV", "github-env"),
            ("GITHUB_PATH", "github-path"),
        ];
        names.iter().map(|(name, file)| ((*name).to_owned(), self.folder.join(file).display().to_string())).collect()
    }

    /// Reads what was handed on.
    ///
    /// # Errors
    ///
    /// A malformed line, a refused name, a file that is too large or no file.
    pub(crate) fn take(&self) -> Result<Taken, Cause> {
        let mut outputs = self.output_files()?;
        let github = self.text("github-output")?;
        let pairs = handover::read_pairs("GITHUB_OUTPUT", &github).map_err(|error| malformed(&error))?;
        outputs.extend(pairs.into_iter().map(|(_, name, value)| (name, value)));
        let summary = self.text("summary")?;
        Ok(Taken {
            outputs,
            summary: (!summary.trim().is_empty()).then_some(summary),
            env: handover::read_env(&self.text("github-env")?).map_err(|error| malformed(&error))?,
            path: handover::read_path(&self.text("github-path")?).map_err(|error| malformed(&error))?,
        })
    }

    fn output_files(&self) -> Result<Outputs, Cause> {
        let mut outputs = BTreeMap::new();
        let folder = self.folder.join("outputs");
        let entries = fs::read_dir(&folder).map_err(|error| unreadable("SEALOCK_OUTPUTS", &error))?;
        for entry in entries.take(OUTPUT_FILES_MAX + 1) {
            let entry = entry.map_err(|error| unreadable("SEALOCK_OUTPUTS", &error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = self.text(&format!("outputs/{name}"))?;
            outputs.insert(name, handover::output_value(&text).to_owned());
        }
        if outputs.len() > OUTPUT_FILES_MAX {
            return Err(too_much(format!("there are more than {OUTPUT_FILES_MAX} outputs")));
        }
        Ok(outputs)
    }

    /// The text of a regular file, links not followed: the script could have put anything in its place.
    fn text(&self, name: &str) -> Result<String, Cause> {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
        let path = self.folder.join(name);
        let file = fs::OpenOptions::new()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(|error| unreadable(name, &error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(unreadable(name, &io::Error::other("expected a regular file")));
        }
        let mut bytes = Vec::new();
        file.take(HANDOVER_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
        if bytes.len() as u64 > HANDOVER_BYTES_MAX {
            return Err(too_much(format!("`{name}` has more than {HANDOVER_BYTES_MAX} bytes")));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Whether an output fits the budget.
///
/// # Errors
///
/// `E-LIMIT-OUTPUTS`.
pub(crate) fn check_sizes(outputs: &Outputs) -> Result<(), Cause> {
    match outputs.iter().find(|(_, value)| value.len() > OUTPUT_BYTES) {
        Some((name, value)) => {
            Err(too_much(format!("output `{name}` has {} bytes; {OUTPUT_BYTES} are the most", value.len())))
        }
        None => Ok(()),
    }
}

fn malformed(error: &HandoverError) -> Cause {
    Cause { code: error.code().into(), message: error.to_string(), help: None, exit: 1 }
}

fn unreadable(name: &str, error: &io::Error) -> Cause {
    Cause {
        code: "E-HANDOVER-FORMAT".into(),
        message: format!("`{name}` cannot be read: {error}"),
        help: None,
        exit: 1,
    }
}

fn too_much(message: String) -> Cause {
    Cause { code: "E-LIMIT-OUTPUTS".into(), message, help: None, exit: 4 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handover() -> (tempfile::TempDir, Handover) {
        let folder = tempfile::tempdir().expect("a folder");
        let handover = Handover::make(folder.path()).expect("made");
        (folder, handover)
    }

    #[test]
    fn files_and_pairs_become_outputs_and_the_rest_goes_to_later_steps() {
        let (_folder, handover) = handover();
        fs::write(handover.folder.join("outputs/version"), "1.2\n").expect("written");
        fs::write(handover.folder.join("github-output"), "digest=abc\n").expect("written");
        fs::write(handover.folder.join("github-env"), "MODE=fast\n").expect("written");
        fs::write(handover.folder.join("github-path"), "/opt/bin\n").expect("written");
        let taken = handover.take().expect("well-formed");
        assert_eq!(taken.outputs, BTreeMap::from([("digest".into(), "abc".into()), ("version".into(), "1.2".into())]));
        assert_eq!((taken.env.len(), taken.path.len(), taken.summary), (1, 1, None));
    }

    #[test]
    fn a_link_in_the_place_of_an_output_is_not_followed() {
        let (_folder, handover) = handover();
        std::os::unix::fs::symlink("/etc/passwd", handover.folder.join("outputs/secret")).expect("linked");
        assert_eq!(handover.take().expect_err("a link").code, "E-HANDOVER-FORMAT");
    }
}
