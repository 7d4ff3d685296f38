//! What coverage means: enough or not, and in which words.

use std::fmt::Write as _;

use sealock_report::{escape_markdown, shorten, visible};
use sealock_sdk::Outcome;

use crate::coverage::{Coverage, FileLines, Share};
use crate::limits::{MAX_LISTED_FILES, MAX_LISTED_RANGES, MAX_NAME_CHARS};

/// Enough or not, and in which words.
#[derive(Debug)]
pub struct Verdict {
    /// How the step ends.
    pub outcome: Outcome,
    /// For the log: the whole, then the least covered files.
    pub lines: Vec<String>,
    /// Markdown.
    pub summary: String,
}

impl Verdict {
    /// Judges what was read from `path`.
    pub fn new(coverage: &Coverage, path: &str, minimum: f64) -> Self {
        let share = coverage.share();
        let least = least_covered(coverage);
        let lines = std::iter::once(format!("covered: {}", shown(share))).chain(least.iter().map(|file| line(file)));
        Self {
            outcome: outcome(share, path, minimum),
            lines: lines.collect(),
            summary: summary(share, path, minimum, &least),
        }
    }
}

fn outcome(share: Share, path: &str, minimum: f64) -> Outcome {
    if share.valid == 0 {
        return Outcome::failed(format!("found no measured lines in {path}, expected at least one"));
    }
    Outcome::require(share.reaches(minimum), || format!("expected at least {minimum} %, found {}", shown(share)))
}

/// `79.38 % (312 of 393 lines)`.
fn shown(share: Share) -> String {
    let percent = share.percent().map_or_else(|| "nothing".to_owned(), |percent| format!("{percent} %"));
    format!("{percent} ({} of {} lines)", share.covered, share.valid)
}

/// Files that are not covered whole, the least covered first, of those the largest.
fn least_covered(coverage: &Coverage) -> Vec<&FileLines> {
    let rank = |file: &FileLines| {
        let share = file.share();
        (share.hundredths().unwrap_or(u64::MAX), u64::MAX - (share.valid - share.covered))
    };
    let mut files: Vec<&FileLines> =
        coverage.files().iter().filter(|file| file.share().covered < file.share().valid).collect();
    files.sort_by_cached_key(|file| (rank(file), file.name.clone()));
    files.truncate(MAX_LISTED_FILES);
    files
}

fn name(file: &FileLines) -> String {
    shorten(&visible(&file.name), MAX_NAME_CHARS)
}

fn line(file: &FileLines) -> String {
    format!("{}: {}, not covered: {}", name(file), shown(file.share()), missing(file))
}

/// `3-4, 12-14`.
fn missing(file: &FileLines) -> String {
    let mut ranges = file.lines.missing(MAX_LISTED_RANGES + 1);
    let has_more = ranges.len() > MAX_LISTED_RANGES;
    ranges.truncate(MAX_LISTED_RANGES);
    let shown =
        ranges.iter().map(|(first, last)| if first == last { format!("{first}") } else { format!("{first}-{last}") });
    let shown = shown.collect::<Vec<_>>().join(", ");
    if has_more { format!("{shown}, …") } else { shown }
}

fn summary(share: Share, path: &str, minimum: f64, least: &[&FileLines]) -> String {
    let mut text =
        format!("### Coverage: {}\n\n{}, at least {minimum} % expected\n", escape_markdown(path), shown(share));
    if !least.is_empty() {
        text.push_str("\n| least covered | lines | not covered |\n|---|---|---|\n");
    }
    for file in least {
        let _ = writeln!(text, "| {} | {} | {} |", escape_markdown(&name(file)), shown(file.share()), missing(file));
    }
    text
}
