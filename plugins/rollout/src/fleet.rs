//! The targets, as far as a deployment needs them: two traits, so that its order can be tested without any.

use sealock_sdk::targets::Release;
use sealock_sdk::{Error, Level};

use crate::script::Script;

/// What [`Machine::switch_to`] is told when no release is to be current.
pub const NO_RELEASE: &str = "";

/// The targets of the stage, and the way to tell people.
pub trait Fleet {
    /// In the pipeline's order.
    fn names(&self) -> Vec<String>;
    /// Opens the target of this name.
    ///
    /// # Errors
    ///
    /// When it is not granted or does not answer.
    fn open(&self, name: &str) -> Result<Box<dyn Machine + '_>, Error>;
    /// Runs the stage's verifiers against these targets.
    ///
    /// # Errors
    ///
    /// When one of them says no.
    fn verify(&self, names: &[String]) -> Result<(), Error>;
    /// Tells people.
    fn tell(&self, level: Level, text: &str);
    /// Whether the run is being cancelled.
    fn is_cancelled(&self) -> bool;
    /// Waits, and wakes early when the run is cancelled.
    fn pause(&self, seconds: u64);
}

/// One target. Every call may fail by what a connection fails at, and by another run that holds the target now.
#[expect(clippy::missing_errors_doc, reason = "the same for all of them, said above")]
pub trait Machine {
    /// Its name.
    fn name(&self) -> String;
    /// The environment's directory on it.
    fn directory(&self) -> String;
    /// The release that `current` names.
    fn current(&self) -> Result<Option<Release>, Error>;
    /// The last verified release.
    fn previous(&self) -> Result<Option<Release>, Error>;
    /// Pulls an image by digest.
    fn pull(&self, reference: &str) -> Result<(), Error>;
    /// Makes a release of the staging folder.
    fn stage(&self, images: &[(String, String)], details: &[(String, String)]) -> Result<Release, Error>;
    /// Moves `current`; to none for [`NO_RELEASE`].
    fn switch_to(&self, release: &str) -> Result<(), Error>;
    /// Has old releases removed once the deployment is verified.
    fn prune(&self, keep: u32) -> Result<(), Error>;
    /// Starts a script without waiting for it, so that several targets work at once.
    fn start(&self, script: &Script) -> Result<Box<dyn Started>, Error>;
}

/// A script that runs.
pub trait Started {
    /// Waits for its end: its exit code and standard output.
    ///
    /// # Errors
    ///
    /// When nobody knows how it ended.
    fn finish(&self) -> Result<(i32, String), Error>;
}

/// The value of a release's detail.
pub fn detail_of<'a>(release: &'a Release, name: &str) -> Option<&'a str> {
    release.details.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
