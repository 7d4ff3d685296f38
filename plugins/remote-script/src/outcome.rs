//! What became of a script, by the word of the target's own records.

use sealock_sdk::EffectState;

/// Asks for it; the target's side answers by [`Became::parse`]'s words.
pub(crate) const ASK: &str = "sh \"$SEALOCK_TARGET\" --outcome \"$SEALOCK_KEY\"";

/// How far a script got on one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Became {
    /// It ended with this code, and wrote this.
    Ended { code: i32, stdout: String },
    /// It was not started.
    Absent,
    /// It was started, and nothing says how it ended; or the answer cannot be read.
    Lost,
}

impl Became {
    /// A word, or an exit code with the script's output below it.
    pub(crate) fn parse(text: &str) -> Self {
        let (word, stdout) = text.split_once('\n').unwrap_or((text, ""));
        match (word, word.parse()) {
            ("absent", _) => Self::Absent,
            (_, Ok(code)) => Self::Ended { code, stdout: stdout.to_owned() },
            _ => Self::Lost,
        }
    }
}

/// What all targets say together. Where a script ended its result is read again, not made again: unless one is lost, the
/// step can go on where it was.
pub(crate) fn state(found: &[(String, Became)]) -> EffectState {
    let lost: Vec<&str> =
        found.iter().filter(|(_, became)| *became == Became::Lost).map(|(name, _)| name.as_str()).collect();
    if !lost.is_empty() {
        return EffectState::Unknown(format!(
            "the script was started on {}, and nothing there says how it ended; look there for what it does, or give the \
             step a `probe` script that finds out",
            lost.join(", ")
        ));
    }
    let is_done = |(_, became): &(String, Became)| matches!(became, Became::Ended { code: 0, .. });
    if found.iter().all(is_done) { EffectState::Applied } else { EffectState::NotApplied }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(words: &[&str]) -> String {
        let found: Vec<_> =
            words.iter().enumerate().map(|(at, word)| (format!("web{}", at + 1), Became::parse(word))).collect();
        match state(&found) {
            EffectState::Applied => "applied".to_owned(),
            EffectState::NotApplied => "not applied".to_owned(),
            EffectState::Partly(why) => format!("partly: {why}"),
            EffectState::Unknown(why) => why,
        }
    }

    #[test]
    fn what_ended_well_everywhere_is_applied_and_what_can_go_on_is_not_yet() {
        assert_eq!(judged(&["0\nout\n", "0\n"]), "applied");
        assert_eq!(judged(&["0\n", "absent\n"]), "not applied");
        assert_eq!(judged(&["3\nout", "absent"]), "not applied");
        assert_eq!(Became::parse("0\none\ntwo\n"), Became::Ended { code: 0, stdout: "one\ntwo\n".to_owned() });
    }

    #[test]
    fn a_script_whose_end_nobody_saw_is_for_a_person() {
        for word in ["lost\n", "running\n", "", "sh: not found\n"] {
            let why = judged(&["0\n", word]);
            assert!(why.starts_with("the script was started on web2, and nothing there says"), "{word}: {why}");
        }
    }
}
