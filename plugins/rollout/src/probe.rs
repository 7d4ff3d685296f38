//! Finding out whether a deployment happened: by the key of what `current` names on each target, and by what runs.

use sealock_sdk::targets::Release;
use sealock_sdk::{EffectState, Error};

use crate::fleet::{Fleet, Machine};
use crate::releases::{Releases, is_of};

/// The targets, by what `current` names there.
struct Switched<'a> {
    /// Those on the release of the deployment.
    ours: Vec<(Box<dyn Machine + 'a>, Release)>,
    /// The names of the others.
    others: Vec<String>,
}

/// Whether the deployment with this key happened, and its release runs on every target.
///
/// # Errors
///
/// When a target cannot be asked.
pub fn probe(fleet: &dyn Fleet, key: &str, releases: &dyn Releases) -> Result<EffectState, Error> {
    let found = switched(fleet, key)?;
    if found.ours.is_empty() {
        return Ok(EffectState::NotApplied);
    }
    if !found.others.is_empty() {
        return Ok(EffectState::Partly(found.half()));
    }
    for (machine, release) in &found.ours {
        let name = machine.name();
        let started = machine.start(&releases.status(machine.as_ref(), release)?)?;
        let (_, stdout) = started.finish().map_err(|error| error.while_doing(&name))?;
        if let Some(problem) = releases.problem(&stdout) {
            return Ok(EffectState::Partly(format!("{name} is on the new release: {problem}")));
        }
    }
    Ok(EffectState::Applied)
}

fn switched<'a>(fleet: &'a dyn Fleet, key: &str) -> Result<Switched<'a>, Error> {
    let mut switched = Switched { ours: Vec::new(), others: Vec::new() };
    for name in fleet.names() {
        let machine = fleet.open(&name)?;
        match machine.current()?.filter(|release| is_of(release, key)) {
            Some(release) => switched.ours.push((machine, release)),
            None => switched.others.push(name),
        }
    }
    Ok(switched)
}

impl Switched<'_> {
    fn half(&self) -> String {
        let ours: Vec<String> = self.ours.iter().map(|(machine, _)| machine.name()).collect();
        format!("{} is on the new release, and {} is not", ours.join(", "), self.others.join(", "))
    }
}
