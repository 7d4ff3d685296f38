//! The way back, over all targets.

use sealock_sdk::{Error, Level};

use crate::fleet::{Fleet, Machine, NO_RELEASE, Started};
use crate::problem::remote;

/// What has been started on a target to take the deployment back.
pub struct Undoing<'a> {
    /// The target.
    pub machine: Box<dyn Machine + 'a>,
    /// The release that is to run, or none.
    pub to: Option<String>,
    /// What brings it up, or takes the new one down.
    pub started: Option<Box<dyn Started>>,
    /// Whether `current` is to name nothing once that has ended.
    pub clears: bool,
}

/// Takes back every target, last one first: `begin` starts it, `judge` says what is wrong with what its script printed.
/// What could not be begun on is asked once more when the others are back.
///
/// # Errors
///
/// Every target that could not be brought back, as `code`. The others are.
pub fn roll_back<'a>(
    fleet: &'a dyn Fleet,
    code: &str,
    begin: &dyn Fn(&str) -> Result<Undoing<'a>, Error>,
    judge: &dyn Fn(i32, &str) -> Option<String>,
) -> Result<(), Error> {
    let (mut problems, mut unreached) = (Vec::new(), Vec::new());
    round(fleet, fleet.names().into_iter().rev().collect(), (begin, judge), &mut problems, &mut unreached);
    let names = unreached.drain(..).map(|(name, _)| name).collect();
    round(fleet, names, (begin, judge), &mut problems, &mut unreached);
    problems.extend(unreached.into_iter().map(|(name, error): (String, Error)| format!("{name}: {error}")));
    if problems.is_empty() { Ok(()) } else { Err(remote(code, problems.join("\n"))) }
}

type Ways<'w, 'a> = (&'w dyn Fn(&str) -> Result<Undoing<'a>, Error>, &'w dyn Fn(i32, &str) -> Option<String>);

/// Begins on all of `names`, then waits for them. Those that could not be begun on are `unreached`.
fn round<'a>(
    fleet: &'a dyn Fleet,
    names: Vec<String>,
    (begin, judge): Ways<'_, 'a>,
    problems: &mut Vec<String>,
    unreached: &mut Vec<(String, Error)>,
) {
    let mut undoing = Vec::new();
    for name in names {
        match begin(&name) {
            Ok(one) => undoing.push((name, one)),
            Err(error) => unreached.push((name, error)),
        }
    }
    for (name, undoing) in undoing {
        match end(&undoing, judge) {
            Ok(line) => fleet.tell(Level::Notice, &format!("{name}: {line}")),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
}

/// What is true then, or what is wrong.
fn end(undoing: &Undoing<'_>, judge: &dyn Fn(i32, &str) -> Option<String>) -> Result<String, String> {
    if let Some(started) = &undoing.started {
        let (code, stdout) = started.finish().map_err(|error| error.to_string())?;
        if let Some(problem) = judge(code, &stdout) {
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
