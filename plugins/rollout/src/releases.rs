//! What a plugin knows of the releases that it made.

use sealock_sdk::Error;
use sealock_sdk::targets::Release;

use crate::fleet::{Machine, detail_of};
use crate::script::Script;

/// The detail of a release that holds the key of the deployment that made it.
pub const KEY: &str = "key";

/// How a plugin's releases are started, stopped, and looked at: the scripts for it, and what they print.
pub trait Releases {
    /// Starts `release` again and waits until it runs.
    ///
    /// # Errors
    ///
    /// When another plugin made it: nobody knows how it is started.
    fn start(&self, machine: &dyn Machine, release: &Release) -> Result<Script, Error>;

    /// Stops `release`.
    ///
    /// # Errors
    ///
    /// When another plugin made it.
    fn stop(&self, machine: &dyn Machine, release: &Release) -> Result<Script, Error>;

    /// Looks whether `release` runs, and changes nothing.
    ///
    /// # Errors
    ///
    /// When another plugin made it.
    fn status(&self, machine: &dyn Machine, release: &Release) -> Result<Script, Error>;

    /// Why it is not as it should be, by what one of these scripts printed.
    fn problem(&self, stdout: &str) -> Option<String>;
}

/// Whether the deployment with this key made `release`.
pub(crate) fn is_of(release: &Release, key: &str) -> bool {
    detail_of(release, KEY) == Some(key)
}
