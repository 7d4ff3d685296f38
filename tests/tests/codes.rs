//! Every code that anything can print is explained, and every explained code can be printed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Words of tests that look like codes.
const MADE_UP: &[&str] = &["E-NOBODY-KNOWS", "E-TEST", "E-KEY-TWICE"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_ours = !path.ends_with("target") && !path.ends_with("tests");
        if path.is_dir() && is_ours {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs" || end == "sh") {
            found.push(path);
        }
    }
}

fn is_code_char(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-'
}

/// Texts between quotes that are codes.
fn codes_in(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split("\"E-").skip(1).filter_map(|rest| {
        let (code, _) = rest.split_once('"')?;
        (!code.is_empty() && !code.ends_with('-') && code.chars().all(is_code_char)).then(|| format!("E-{code}"))
    })
}

#[test]
fn every_code_is_explained() {
    let mut sources = Vec::new();
    for folder in ["runner", "plugins"] {
        files(&root().join(folder), &mut sources);
    }
    let used: BTreeSet<String> = sources
        .iter()
        .flat_map(|path| codes_in(&std::fs::read_to_string(path).unwrap_or_default()).collect::<Vec<_>>())
        .filter(|code| !MADE_UP.contains(&code.as_str()))
        .collect();
    let explained: BTreeSet<String> = std::fs::read_dir(root().join("runner/diagnostics/codes"))
        .expect("the codes")
        .flat_map(|entry| {
            let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("text");
            text.lines().filter_map(|line| line.strip_prefix("## ").map(str::to_owned)).collect::<Vec<_>>()
        })
        .collect();
    let missing: Vec<_> = used.difference(&explained).collect();
    assert!(missing.is_empty(), "not explained: {missing:?}");
    assert!(used.len() > 100, "the search finds too little: {}", used.len());
}
