//! The way back, over all targets.

use sealock_sdk::{Error, Level};

use crate::fleet::{Fleet, Machine, NO_RELEASE, Started};
use crate::problem::remote;
use crate::releases::{Releases, is_of};

/// What has been started on a target to take the deployment back.
struct Undoing<'a> {
    machine: Box<dyn Machine + 'a>,
    /// The release that is to run, or none.
    to: Option<String>,
    /// What brings it up, or takes the new one down.
    started: Option<Box<dyn Started>>,
    /// Whether `current` is to name nothing once that has ended.
    clears: bool,
}

/// A deployment that is taken back.
struct Rollback<'a> {
    fleet: &'a dyn Fleet,
    key: &'a str,
    releases: &'a dyn Releases,
    problems: Vec<String>,
}

/// Brings every target, last one first, back to its last verified release; where there is none, stops the new one. What
/// could not be begun on is asked once more when the others are back. May be called again after a crash: what is current
/// has to run, whatever was done before.
///
/// # Errors
///
/// Every target that could not be brought back, as `code`. The others are.
pub fn roll_back(fleet: &dyn Fleet, key: &str, code: &str, releases: &dyn Releases) -> Result<(), Error> {
    let mut rollback = Rollback { fleet, key, releases, problems: Vec::new() };
    let unreached = rollback.round(fleet.names().into_iter().rev());
    let unreached = rollback.round(unreached.into_iter().map(|(name, _)| name));
    let mut problems = rollback.problems;
    problems.extend(unreached.into_iter().map(|(name, error)| format!("{name}: {error}")));
    if problems.is_empty() { Ok(()) } else { Err(remote(code, problems.join("\n"))) }
}

impl<'a> Rollback<'a> {
    /// Begins on all of `names`, then waits for them. Gives those that could not be begun on.
    fn round(&mut self, names: impl Iterator<Item = String>) -> Vec<(String, Error)> {
        let (mut undoing, mut unreached) = (Vec::new(), Vec::new());
        for name in names {
            match self.begin(&name) {
                Ok(one) => undoing.push((name, one)),
                Err(error) => unreached.push((name, error)),
            }
        }
        for (name, undoing) in undoing {
            match self.end(&undoing) {
                Ok(line) => self.fleet.tell(Level::Notice, &format!("{name}: {line}")),
                Err(problem) => self.problems.push(format!("{name}: {problem}")),
            }
        }
        unreached
    }

    fn begin(&self, name: &str) -> Result<Undoing<'a>, Error> {
        let machine = self.fleet.open(name)?;
        let (to, script, clears) = match machine.current()? {
            Some(current) if is_of(&current, self.key) => match machine.previous()? {
                Some(previous) => {
                    let script = self.releases.start(machine.as_ref(), &previous)?;
                    machine.switch_to(&previous.id)?;
                    (Some(previous.id), Some(script), false)
                }
                None => (None, Some(self.releases.stop(machine.as_ref(), &current)?), true),
            },
            // Never switched here, or switched back before a crash: what is current has to run.
            Some(other) => {
                let script = self.releases.start(machine.as_ref(), &other)?;
                (Some(other.id), Some(script), false)
            }
            None => (None, None, false),
        };
        let started = script.map(|script| machine.start(&script)).transpose()?;
        Ok(Undoing { machine, to, started, clears })
    }

    /// What is true then, or what is wrong.
    fn end(&self, undoing: &Undoing<'_>) -> Result<String, String> {
        if let Some(started) = &undoing.started {
            let (_, stdout) = started.finish().map_err(|error| error.to_string())?;
            if let Some(problem) = self.releases.problem(&stdout) {
                return Err(problem);
            }
        }
        if undoing.clears {
            undoing.machine.switch_to(NO_RELEASE).map_err(|error| error.to_string())?;
        }
        Ok(match &undoing.to {
            Some(release) => format!("{release} runs again"),
            None => "nothing runs, as before the first deployment".to_owned(),
        })
    }
}
