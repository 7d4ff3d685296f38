//! Every code that Sealock can print, with its explanation and exit code.
//!
//! The texts are Markdown files under `codes/`, one an area. A section is a code (`## E-…`), a line
//! `exit: N` (the process's exit code when this is what ended it), a first paragraph that says what it
//! means, and what to do. `sealock explain` shows a section as it stands.

use std::sync::LazyLock;

const AREAS: &[&str] = &[
    include_str!("../codes/language.md"),
    include_str!("../codes/expressions.md"),
    include_str!("../codes/plan.md"),
    include_str!("../codes/plugins.md"),
    include_str!("../codes/registries.md"),
    include_str!("../codes/steps.md"),
    include_str!("../codes/trust.md"),
    include_str!("../codes/network.md"),
    include_str!("../codes/containers.md"),
    include_str!("../codes/deployments.md"),
    include_str!("../codes/secrets.md"),
    include_str!("../codes/runs.md"),
];

/// One code: its name, the exit code that goes with it, and its explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// Such as `E-KEY-UNKNOWN`.
    pub name: &'static str,
    /// What the process exits with when this is what ended it.
    pub exit: u8,
    /// Markdown.
    pub text: &'static str,
}

impl Code {
    /// The first sentence of the explanation.
    pub fn title(&self) -> &'static str {
        let line = self.text.lines().next().unwrap_or_default();
        line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.')
    }
}

static ALL: LazyLock<Vec<Code>> = LazyLock::new(|| {
    let mut codes: Vec<Code> = AREAS.iter().flat_map(|area| area.split("\n## ").skip(1)).filter_map(section).collect();
    codes.sort_by_key(|code| code.name);
    codes
});

/// All codes, by name.
pub fn all() -> &'static [Code] {
    &ALL
}

/// The code called `name`, in any case.
pub fn find(name: &str) -> Option<&'static Code> {
    ALL.iter().find(|code| code.name.eq_ignore_ascii_case(name))
}

/// The exit code that goes with `name`; 70, a bug in Sealock, when the code is not listed.
pub fn exit(name: &str) -> u8 {
    const BUG: u8 = 70;
    find(name).map_or(BUG, |code| code.exit)
}

fn section(text: &'static str) -> Option<Code> {
    let (name, rest) = text.split_once('\n')?;
    let (exit, body) = rest.trim_start().split_once('\n')?;
    let exit = exit.strip_prefix("exit: ")?.trim().parse().ok()?;
    Some(Code { name: name.trim(), exit, text: body.trim() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_has_a_code_an_exit_code_and_a_text() {
        let sections = AREAS.iter().flat_map(|area| area.split("\n## ").skip(1)).count();
        assert_eq!(all().len(), sections, "a section lacks its `exit:` line");
        for code in all() {
            let is_code_char = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
            assert!(code.name.starts_with("E-") && code.name.chars().all(is_code_char), "{}", code.name);
            assert!(code.text.len() > 40, "{} says too little", code.name);
        }
    }

    #[test]
    fn no_code_is_listed_twice() {
        for pair in all().windows(2) {
            assert_ne!(pair[0].name, pair[1].name);
        }
    }

    #[test]
    fn an_unlisted_code_is_a_bug_of_ours() {
        assert_eq!(exit("E-NOBODY-KNOWS"), 70);
        assert_eq!(exit("E-KEY-UNKNOWN"), 2);
    }
}
