//! Which targets are on the release that a deployment made.

use sealock_sdk::Error;
use sealock_sdk::targets::Release;

use crate::fleet::{Fleet, Machine, detail_of};

/// The detail of a release that holds the key of the deployment that made it.
pub const KEY: &str = "key";

/// The targets, by what `current` names there.
pub struct Switched<'a> {
    /// Those on the release of the deployment.
    pub ours: Vec<(Box<dyn Machine + 'a>, Release)>,
    /// The names of the others.
    pub others: Vec<String>,
}

/// Looks at every target for the release that the deployment with this key made.
///
/// # Errors
///
/// When a target cannot be asked.
pub fn switched<'a>(fleet: &'a dyn Fleet, key: &str) -> Result<Switched<'a>, Error> {
    let mut switched = Switched { ours: Vec::new(), others: Vec::new() };
    for name in fleet.names() {
        let machine = fleet.open(&name)?;
        match machine.current()?.filter(|release| detail_of(release, KEY) == Some(key)) {
            Some(release) => switched.ours.push((machine, release)),
            None => switched.others.push(name),
        }
    }
    Ok(switched)
}

impl Switched<'_> {
    /// What is half done, when it is: on some targets, not on others.
    pub fn half(&self) -> Option<String> {
        if self.ours.is_empty() || self.others.is_empty() {
            return None;
        }
        let ours: Vec<String> = self.ours.iter().map(|(machine, _)| machine.name()).collect();
        Some(format!("{} is on the new release, and {} is not", ours.join(", "), self.others.join(", ")))
    }
}
