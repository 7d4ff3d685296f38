//! What the exits of scripts mean.

use sealock_sdk::process::Exit;
use sealock_sdk::{EffectState, Error, ErrorKind};

/// What went wrong, when something did.
pub(crate) fn problem(exit: Exit) -> Option<String> {
    match exit {
        Exit::Code(0) => None,
        Exit::Code(code) => Some(format!("exit code {code}")),
        Exit::Signal(signal) => Some(format!("ended by signal {signal}")),
    }
}

/// The targets to run on, in the environment's order.
pub(crate) fn chosen(all: &[String], asked: &[String]) -> Result<Vec<String>, Error> {
    let invalid = |code: &str, message: String| Error::of_kind(ErrorKind::Invalid, code, message);
    if all.is_empty() {
        let error = invalid("E-TARGET-NONE", "this stage has no targets".to_owned());
        return Err(error.help("give the stage an `environment` that has targets"));
    }
    if let Some(unknown) = asked.iter().find(|name| !all.contains(name)) {
        let message = format!("found the target `{unknown}`, expected one of {}", all.join(", "));
        return Err(invalid("E-TARGET-UNKNOWN", message));
    }
    Ok(all.iter().filter(|name| asked.is_empty() || asked.contains(name)).cloned().collect())
}

/// What the probes on all targets say together.
pub(crate) fn state(found: &[(String, Exit)]) -> EffectState {
    if let Some((target, exit)) = found.iter().find(|(_, exit)| !matches!(exit, Exit::Code(0 | 1))) {
        let exit = problem(*exit).unwrap_or_default();
        return EffectState::Unknown(format!(
            "the probe on {target} ended with {exit}; 0 is applied, 1 is not applied"
        ));
    }
    let (applied, missing): (Vec<_>, Vec<_>) = found.iter().partition(|(_, exit)| matches!(exit, Exit::Code(0)));
    let names = |found: &[&(String, Exit)]| found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    match (applied.as_slice(), missing.as_slice()) {
        (_, []) => EffectState::Applied,
        ([], _) => EffectState::NotApplied,
        (applied, missing) => {
            EffectState::Partly(format!("it happened on {}, and not on {}", names(applied), names(missing)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn probed(exits: &[Exit]) -> String {
        let found: Vec<_> = exits.iter().enumerate().map(|(at, exit)| (format!("web{}", at + 1), *exit)).collect();
        match state(&found) {
            EffectState::Applied => "applied".to_owned(),
            EffectState::NotApplied => "not applied".to_owned(),
            EffectState::Partly(why) => format!("partly: {why}"),
            EffectState::Unknown(why) => format!("unknown: {why}"),
        }
    }

    #[test]
    fn probes_of_all_targets_make_one_answer() {
        assert_eq!(probed(&[Exit::Code(0), Exit::Code(0)]), "applied");
        assert_eq!(probed(&[Exit::Code(1), Exit::Code(1)]), "not applied");
        assert_eq!(probed(&[Exit::Code(0), Exit::Code(1)]), "partly: it happened on web1, and not on web2");
    }

    #[test]
    fn a_probe_that_fails_is_no_answer() {
        let unknown = "unknown: the probe on web2 ended with exit code 127; 0 is applied, 1 is not applied";
        assert_eq!(probed(&[Exit::Code(0), Exit::Code(127)]), unknown);
        assert!(probed(&[Exit::Signal(9)]).contains("ended by signal 9"));
    }

    #[test]
    fn targets_are_all_of_them_or_those_that_were_named() {
        let all = texts(&["web1", "web2", "web3"]);
        assert_eq!(chosen(&all, &[]).expect("all"), all);
        assert_eq!(chosen(&all, &texts(&["web3", "web1"])).expect("two"), texts(&["web1", "web3"]));
        let error = chosen(&all, &texts(&["web4"])).expect_err("unknown");
        assert_eq!(error.message(), "found the target `web4`, expected one of web1, web2, web3");
        assert_eq!(chosen(&[], &[]).expect_err("none").code(), "E-TARGET-NONE");
    }
}
