//! Whether a target is as its ledger says, before anything is done there.

use crate::error::TargetError;
use crate::state::TargetState;

/// Refuses a target whose `current` somebody moved, or whose live release somebody deleted while there is another one to go
/// back to. Where there is none, deploying is what mends it.
pub(crate) fn check(target: &str, state: &TargetState) -> Result<(), TargetError> {
    let (target, current) = (target.to_owned(), state.current.clone());
    let possible = state.ledger.possible_current();
    // Without a ledger nothing is known: somebody has begun a new one.
    if !state.ledger.records().is_empty() && !possible.contains(&current.as_deref()) {
        let expected = state.ledger.expected_current().map(str::to_owned);
        let usable = state.usable().into_iter().map(str::to_owned).collect();
        return Err(TargetError::Moved { target, expected, found: current, usable });
    }
    let is_there = |id: &String| state.releases.contains(id);
    let Some(release) = current.filter(|id| !is_there(id)) else { return Ok(()) };
    match state.usable().last().map(|&id| id.to_owned()) {
        Some(other) => Err(TargetError::Gone { target, release, other }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    fn state(told: &[(&str, &str)], current: Option<&str>, releases: &[&str]) -> TargetState {
        let line = |(release, outcome): &(&str, &str)| {
            format!(
                r#"{{"v":1,"time_ms":1,"release":"{release}","outcome":"{outcome}","run":"of-{release}","fence":1}}"#
            )
        };
        let lines: Vec<String> = told.iter().map(line).collect();
        TargetState {
            ledger: Ledger::parse(lines.iter().map(String::as_str)).expect("records"),
            current: current.map(str::to_owned),
            releases: releases.iter().map(|&id| id.to_owned()).collect(),
            ..TargetState::default()
        }
    }

    fn code(state: &TargetState) -> Option<&'static str> {
        check("web1", state).err().map(|error| error.code())
    }

    #[test]
    fn what_somebody_moved_or_deleted_is_refused_and_what_a_cut_left_is_not() {
        let two = [("r1", "verified"), ("r2", "verified")];
        let both = ["r1", "r2"];
        assert_eq!(code(&state(&two, Some("r2"), &both)), None);
        assert_eq!(code(&state(&two, Some("r1"), &both)), Some("E-TARGET-MOVED"));
        assert_eq!(code(&state(&two, None, &both)), Some("E-TARGET-MOVED"));
        assert_eq!(code(&state(&two, Some("r2"), &["r1"])), Some("E-RELEASE-GONE"));
        assert_eq!(code(&state(&two[..1], Some("r1"), &[])), None, "there is nothing else to go back to");
        let Err(error) = check("web1", &state(&two, None, &both[..1])) else { panic!("none is current") };
        let help = sealock_contract::StepError::from(error).help.expect("help");
        assert!(help.ends_with("then `sealock rollback ENVIRONMENT --to r1`"), "r2 is not there: {help}");
        let cut = [two[0], ("r2", "switching")];
        assert_eq!(code(&state(&cut, Some("r1"), &both)), None);
        assert_eq!(code(&state(&cut, Some("r2"), &both)), None);
        assert_eq!(code(&state(&[], Some("r2"), &both)), None, "a new ledger");
    }
}
