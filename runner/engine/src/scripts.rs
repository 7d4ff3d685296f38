//! The files through which native commands hand on: made before a step, read after it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use sealock_contract::limits::OUTPUT_BYTES;
use sealock_events::Cause;

use crate::handover::{self, HandoverError, Outputs};

/// One file that a script wrote, and all its outputs together: more fails the step instead of filling memory.
const HANDOVER_BYTES_MAX: u64 = 4 << 20;
/// Files in `$SEALOCK_OUTPUTS`.
const OUTPUT_FILES_MAX: usize = 1_000;

/// `$SEALOCK_OUTPUTS`.
const OUTPUTS: &str = "outputs";
/// To open a folder, and nothing that leads to one.
const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// The folder of one try, and the files in it.
pub(crate) struct Handover {
    path: PathBuf,
    /// Opened before the try: whatever stands at its path afterwards, this is the folder that was made.
    folder: OwnedFd,
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
    /// When they cannot be made, or something is there already.
    pub(crate) fn make(temporary: &Path) -> io::Result<Self> {
        let path = temporary.join("handover");
        fs::create_dir(&path)?;
        let folder = rustix::fs::open(&path, FOLDER, Mode::empty())?;
        rustix::fs::mkdirat(&folder, OUTPUTS, Mode::from_raw_mode(0o777))?;
        let fresh = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for name in ["summary", "github-output", "github-env", "github-path"] {
            rustix::fs::openat(&folder, name, fresh, Mode::from_raw_mode(0o666))?;
        }
        Ok(Self { path, folder })
    }

    /// The variables that name the files.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let names = [
            ("SEALOCK_OUTPUTS", OUTPUTS),
            ("SEALOCK_SUMMARY", "summary"),
            ("GITHUB_OUTPUT", "github-output"),
            ("GITHUB_STEP_SUMMARY", "summary"),
            ("GITHUB_ENV", "github-env"),
            ("GITHUB_PATH", "github-path"),
        ];
        names.iter().map(|(name, file)| ((*name).to_owned(), self.path.join(file).display().to_string())).collect()
    }

    /// Reads what was handed on. Messages about it quote what was found as `redact` leaves it.
    ///
    /// # Errors
    ///
    /// A malformed line, a refused name, a file that is too large or no file.
    pub(crate) fn take(&self, redact: &dyn Fn(&str) -> String) -> Result<Taken, Cause> {
        let mut outputs = self.output_files()?;
        let pairs = parsed(&self.text("github-output")?, redact, |text| handover::read_pairs("GITHUB_OUTPUT", text))?;
        outputs.extend(pairs.into_iter().map(|(_, name, value)| (name, value)));
        let summary = self.text("summary")?;
        let taken = Taken {
            outputs,
            summary: (!summary.trim().is_empty()).then_some(summary),
            env: parsed(&self.text("github-env")?, redact, handover::read_env)?,
            path: parsed(&self.text("github-path")?, redact, handover::read_path)?,
        };
        refuse_secrets(&taken, redact)?;
        Ok(taken)
    }

    fn output_files(&self) -> Result<Outputs, Cause> {
        let unreadable = |error: io::Error| unreadable("SEALOCK_OUTPUTS", &error);
        let folder = self.open(OUTPUTS, FOLDER).map_err(unreadable)?;
        let entries = rustix::fs::Dir::read_from(&folder).map_err(|error| unreadable(error.into()))?;
        let (mut outputs, mut room) = (BTreeMap::new(), HANDOVER_BYTES_MAX);
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(error.into()))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if matches!(name.as_str(), "." | "..") {
                continue;
            }
            if outputs.len() == OUTPUT_FILES_MAX {
                return Err(too_much(format!("there are more than {OUTPUT_FILES_MAX} outputs")));
            }
            let text = self.text_at_most(&format!("{OUTPUTS}/{name}"), room.min(OUTPUT_BYTES as u64))?;
            room -= text.len() as u64;
            outputs.insert(name, handover::output_value(&text).to_owned());
        }
        Ok(outputs)
    }

    /// Something below the folder that was made for this try, links not followed and not left: the script could have put
    /// anything in its place, and another folder in the place of this one.
    fn open(&self, name: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        Ok(rustix::fs::openat2(&self.folder, name, flags, Mode::empty(), resolve)?)
    }

    fn text(&self, name: &str) -> Result<String, Cause> {
        self.text_at_most(name, HANDOVER_BYTES_MAX)
    }

    /// The text of a regular file.
    fn text_at_most(&self, name: &str, most: u64) -> Result<String, Cause> {
        let file = fs::File::from(self.open(name, OFlags::empty()).map_err(|error| unreadable(name, &error))?);
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(unreadable(name, &io::Error::other("expected a regular file")));
        }
        let mut bytes = Vec::new();
        file.take(most + 1).read_to_end(&mut bytes).map_err(|error| unreadable(name, &error))?;
        if bytes.len() as u64 > most {
            return Err(too_much(format!("`{name}` has more than {most} bytes")));
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// What a file says. What is wrong with it is told of its redacted text: cut short, half a secret would be left.
fn parsed<T>(
    text: &str,
    redact: &dyn Fn(&str) -> String,
    read: impl Fn(&str) -> Result<T, HandoverError>,
) -> Result<T, Cause> {
    read(text).map_err(|error| {
        let told = read(&redact(text)).err().filter(|told| told.code() == error.code());
        let unquoted = || "a line is refused, and cannot be quoted: it holds a secret".to_owned();
        let message = told.map_or_else(unquoted, |told| told.to_string());
        Cause { code: error.code().into(), message, help: None, exit: 1 }
    })
}

/// A variable that holds a secret would be a plain text for every later step.
fn refuse_secrets(taken: &Taken, redact: &dyn Fn(&str) -> String) -> Result<(), Cause> {
    let holds_secret = |text: &str| redact(text) != text;
    let found = taken.env.iter().find(|(name, value)| holds_secret(value) || holds_secret(name));
    let found = found.map(|(name, _)| format!("`GITHUB_ENV` sets `{}` to a text", redact(name)));
    let in_path =
        || taken.path.iter().find(|folder| holds_secret(folder)).map(|_| "`GITHUB_PATH` has a line".to_owned());
    let Some(found) = found.or_else(in_path) else { return Ok(()) };
    Err(Cause {
        code: "E-HANDOVER-SECRET".into(),
        message: format!("{found} that holds a secret: later steps would have it as plain text"),
        help: Some("give the steps that need it `env: { NAME: \"${{ secrets.NAME }}\" }`".into()),
        exit: 1,
    })
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
        fs::write(handover.path.join("outputs/version"), "1.2\n").expect("written");
        fs::write(handover.path.join("github-output"), "digest=abc\n").expect("written");
        fs::write(handover.path.join("github-env"), "MODE=fast\n").expect("written");
        fs::write(handover.path.join("github-path"), "/opt/bin\n").expect("written");
        let taken = handover.take(&plain).expect("well-formed");
        assert_eq!(taken.outputs, BTreeMap::from([("digest".into(), "abc".into()), ("version".into(), "1.2".into())]));
        assert_eq!((taken.env.len(), taken.path.len(), taken.summary), (1, 1, None));
    }

    fn plain(text: &str) -> String {
        text.to_owned()
    }

    fn masking(text: &str) -> String {
        text.replace("hunter2-hunter2", "***")
    }

    #[test]
    fn folders_in_the_place_of_folders_are_not_followed() {
        let elsewhere = tempfile::tempdir().expect("a folder");
        fs::write(elsewhere.path().join("key"), "private").expect("written");
        let (_folder, handover) = handover();
        fs::remove_dir(handover.path.join("outputs")).expect("removed");
        std::os::unix::fs::symlink(elsewhere.path(), handover.path.join("outputs")).expect("linked");
        assert_eq!(handover.take(&plain).expect_err("a link").code, "E-HANDOVER-FORMAT");

        let (_folder, handover) = self::handover();
        fs::create_dir(elsewhere.path().join("outputs")).expect("made");
        fs::write(elsewhere.path().join("outputs/key"), "private").expect("written");
        fs::rename(&handover.path, handover.path.with_extension("moved")).expect("moved");
        std::os::unix::fs::symlink(elsewhere.path(), &handover.path).expect("linked");
        assert_eq!(handover.take(&plain).expect("the folder that was made").outputs, BTreeMap::new());
    }

    #[test]
    fn nothing_is_made_where_something_is() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("handover")).expect("made");
        assert!(Handover::make(folder.path()).is_err());
    }

    #[test]
    fn outputs_have_one_budget_and_are_not_read_beyond_it() {
        let (_folder, handover) = handover();
        let file = |name: &str, bytes: u64| {
            let file = fs::File::create(handover.path.join("outputs").join(name)).expect("made");
            file.set_len(bytes).expect("sparse");
        };
        file("a", OUTPUT_BYTES as u64 + 1);
        assert_eq!(handover.take(&plain).expect_err("too large").code, "E-LIMIT-OUTPUTS");
        (0..5).for_each(|number| file(&format!("f{number}"), OUTPUT_BYTES as u64));
        file("a", 1);
        assert_eq!(handover.take(&plain).expect_err("too much").code, "E-LIMIT-OUTPUTS");
    }

    #[test]
    fn what_is_wrong_is_told_without_secrets_and_a_secret_is_not_handed_on() {
        let (_folder, handover) = handover();
        let line = format!("{}hunter2-hunter2\n", "x".repeat(90));
        fs::write(handover.path.join("github-output"), line).expect("written");
        let refused = handover.take(&masking).expect_err("no pair");
        assert!(!refused.message.contains("hunter2"), "{}", refused.message);
        fs::write(handover.path.join("github-output"), "").expect("written");
        fs::write(handover.path.join("github-env"), "A=x hunter2-hunter2\n").expect("written");
        assert_eq!(handover.take(&masking).expect_err("a secret").code, "E-HANDOVER-SECRET");
    }

    #[test]
    fn a_link_in_the_place_of_an_output_is_not_followed() {
        let (_folder, handover) = handover();
        std::os::unix::fs::symlink("/etc/passwd", handover.path.join("outputs/secret")).expect("linked");
        assert_eq!(handover.take(&plain).expect_err("a link").code, "E-HANDOVER-FORMAT");
    }
}
