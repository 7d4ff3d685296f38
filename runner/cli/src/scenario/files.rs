//! Files that a scenario expects in the workspace when its step has ended.
//!
//! # Invariants
//!
//! - They are read in the run, from the workspace as it is before it is gone, and compared by whoever waits for the run.
//! - Nothing is read through a link: the step under test may have made one that leads to a file of this machine.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use sealock_engine::LastLook;
use serde::{Deserialize, Serialize};

use super::served::Rehearsal;
use super::told::{Difference, differs, json};
use crate::content;

/// What is read of one file: a step that writes for ever must not fill the memory of who looks.
const FOUND_BYTES_MAX: u64 = 1 << 20;
/// What of a file is shown where it is not as expected.
const SHOWN_CHARS_MAX: usize = 200;

/// A file that must be there, or must not.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpectedFile {
    /// Where, below the workspace.
    pub path: PathBuf,
    /// All that is in it.
    content: Option<String>,
    /// Parts of what is in it.
    #[serde(default)]
    contains: Vec<String>,
    /// It must not be there.
    #[serde(default)]
    absent: bool,
}

/// What was found of a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Found {
    /// Nothing has this name.
    Nothing,
    /// Text.
    Text(String),
    /// So many bytes that are no text.
    Bytes(usize),
    /// Something that is no file, or too large a one, in words.
    Other(String),
}

impl ExpectedFile {
    /// Checks what the form of the file does not say.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub(crate) fn check(&self) -> Result<(), String> {
        let path = self.path.display();
        let is_below = |component| matches!(component, Component::Normal(_) | Component::CurDir);
        if self.path.as_os_str().is_empty() || !self.path.components().all(is_below) {
            return Err(format!("no file of the workspace is called `{path}`: expected a path below it"));
        }
        if self.absent && (self.content.is_some() || !self.contains.is_empty()) {
            return Err(format!("the file {path} is expected to be absent, and to have something in it"));
        }
        Ok(())
    }

    fn differences(&self, found: Option<&Found>) -> Vec<String> {
        let what = format!("the file {}", self.path.display());
        let Some(found) = found else {
            return vec![format!("{what} was not looked at: the step never ran")];
        };
        match found {
            Found::Nothing if self.absent => Vec::new(),
            Found::Nothing => vec![differs(&what, &self.wanted(), "no such file")],
            found if self.absent => vec![differs(&what, "no such file", &found.text())],
            Found::Text(text) => {
                let content = self.content.iter().filter_map(|own| first_difference(&what, own, text));
                let parts = self.contains.iter().filter(|part| !text.contains(part.as_str()));
                content
                    .chain(parts.map(|part| differs(&what, &format!("a part {}", json(part)), &shown(text))))
                    .collect()
            }
            Found::Bytes(_) if self.content.is_none() && self.contains.is_empty() => Vec::new(),
            found => vec![differs(&what, &self.wanted(), &found.text())],
        }
    }

    /// What is expected, in words.
    fn wanted(&self) -> String {
        match (&self.content, self.contains.first()) {
            (Some(content), _) => shown(content),
            (None, Some(part)) => format!("a part {}", json(part)),
            (None, None) => "a file".to_owned(),
        }
    }
}

impl Found {
    fn at(workspace: &Path, path: &Path) -> Self {
        match content::within(workspace, path, FOUND_BYTES_MAX) {
            Ok(bytes) => {
                let count = bytes.len();
                String::from_utf8(bytes).map_or(Self::Bytes(count), Self::Text)
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Self::Nothing,
            Err(error) => Self::Other(error.to_string()),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Nothing => "no such file".to_owned(),
            Self::Text(text) => shown(text),
            Self::Bytes(count) => format!("{count} bytes that are not UTF-8"),
            Self::Other(what) => format!("something else ({what})"),
        }
    }
}

/// Looks at the files that `stage` names, and keeps what was found for whoever waits.
pub(crate) fn last_look(stage: Rehearsal) -> LastLook {
    Arc::new(move |workspace| {
        let found = stage.looked_at.iter().map(|path| (path, Found::at(workspace, path)));
        // What cannot be kept is told as what was not looked at.
        let _ = std::fs::write(&stage.seen, json(&found.collect::<BTreeMap<_, _>>()));
    })
}

/// What was found; nothing where the step never ran.
pub(crate) fn seen(stage: &Rehearsal) -> BTreeMap<PathBuf, Found> {
    let kept = std::fs::read(&stage.seen).unwrap_or_default();
    serde_json::from_slice(&kept).unwrap_or_default()
}

/// What of `expected` is not as it was found.
pub(super) fn differences<'a>(
    expected: &'a [ExpectedFile],
    found: &'a BTreeMap<PathBuf, Found>,
) -> impl Iterator<Item = Difference> + 'a {
    let one = |(index, file): (usize, &'a ExpectedFile)| {
        let differences = file.differences(found.get(&file.path)).into_iter();
        differences.map(move |text| Difference::of_one("files", index, text))
    };
    expected.iter().enumerate().flat_map(one)
}

/// The first line that is not as expected, with its end: a missing last newline is a difference too.
fn first_difference(what: &str, expected: &str, found: &str) -> Option<String> {
    let (mut own, mut other) = (expected.split_inclusive('\n'), found.split_inclusive('\n'));
    let mut number = 0;
    loop {
        number += 1;
        let text = |line: Option<&str>| line.map_or_else(|| "the end".to_owned(), shown);
        match (own.next(), other.next()) {
            (None, None) => return None,
            (own, other) if own == other => {}
            (own, other) => return Some(differs(&format!("{what}, line {number}"), &text(own), &text(other))),
        }
    }
}

/// Quoted, so that what ends a line is seen, and not without end.
fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{} and more", json(&&text[..end])),
        None => json(&text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(toml: &str) -> ExpectedFile {
        toml::from_str(toml).expect("a good table")
    }

    fn text(text: &str) -> Found {
        Found::Text(text.to_owned())
    }

    #[test]
    fn what_is_as_expected_is_no_difference() {
        for (toml, found) in [
            ("path = 'a'", text("x")),
            ("path = 'a'", Found::Bytes(3)),
            ("path = 'a'\ncontent = ''", text("")),
            ("path = 'a'\ncontent = \"one\\ntwo\\n\"", text("one\ntwo\n")),
            ("path = 'a'\ncontains = ['ne', 'tw']", text("one\ntwo\n")),
            ("path = 'a'\nabsent = true", Found::Nothing),
        ] {
            assert_eq!(expected(toml).differences(Some(&found)), Vec::<String>::new(), "{toml}");
        }
    }

    #[test]
    fn what_is_not_says_what_was_found() {
        let folder = || Found::Other("expected a file, found a folder".to_owned());
        for (toml, found, told) in [
            ("path = 'a'", Found::Nothing, "the file a: expected a file, found no such file"),
            ("path = 'a'\ncontent = 'x'", Found::Nothing, r#"the file a: expected "x", found no such file"#),
            ("path = 'a'\ncontains = ['x']", text("y\n"), r#"the file a: expected a part "x", found "y\n""#),
            ("path = 'a'\ncontent = 'x'", text("x\n"), r#"the file a, line 1: expected "x", found "x\n""#),
            ("path = 'a'\ncontent = \"x\\ny\"", text("x\n"), r#"the file a, line 2: expected "y", found the end"#),
            ("path = 'a'\ncontent = ''", text("y"), r#"the file a, line 1: expected the end, found "y""#),
            ("path = 'a'\nabsent = true", text("y"), r#"the file a: expected no such file, found "y""#),
            (
                "path = 'a'\nabsent = true",
                folder(),
                "the file a: expected no such file, found something else (expected a file, found a folder)",
            ),
            (
                "path = 'a'\ncontent = 'x'",
                Found::Bytes(3),
                r#"the file a: expected "x", found 3 bytes that are not UTF-8"#,
            ),
        ] {
            assert_eq!(expected(toml).differences(Some(&found)), [told], "{toml}");
        }
        assert_eq!(
            expected("path = 'a'\nabsent = true").differences(None),
            ["the file a was not looked at: the step never ran"]
        );
        let long = expected("path = 'a'\ncontains = ['x']").differences(Some(&text(&"ä".repeat(10_000))));
        assert!(long[0].len() < 500 && long[0].ends_with("and more"), "{long:?}");
    }

    #[test]
    fn a_path_that_leaves_the_workspace_and_a_contradiction_are_refused() {
        for toml in ["path = ''", "path = '/etc/passwd'", "path = '../a'", "path = 'a/../../b'"] {
            let told = expected(toml).check().expect_err(toml);
            assert!(told.contains("below it"), "{told}");
        }
        let told = expected("path = 'a'\nabsent = true\ncontent = ''").check().expect_err("a contradiction");
        assert!(told.contains("absent"), "{told}");
        assert_eq!(expected("path = './a/b'").check(), Ok(()));
    }

    #[test]
    fn nothing_is_read_through_a_link() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let workspace = folder.path().join("workspace");
        std::fs::create_dir_all(workspace.join("inner")).expect("the folder is ours");
        std::fs::write(folder.path().join("secret"), "of this machine").expect("the folder is ours");
        std::fs::write(workspace.join("blob"), [0xff]).expect("the folder is ours");
        std::os::unix::fs::symlink("../secret", workspace.join("link")).expect("the folder is ours");
        std::os::unix::fs::symlink("..", workspace.join("up")).expect("the folder is ours");
        let found = |path: &str| Found::at(&workspace, Path::new(path));
        for path in ["link", "up/secret", "inner"] {
            assert!(matches!(found(path), Found::Other(_)), "{path}: {:?}", found(path));
        }
        assert_eq!((found("blob"), found("no"), found("blob/no")), (Found::Bytes(1), Found::Nothing, Found::Nothing));
    }
}
