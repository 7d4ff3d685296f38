//! The record of what was deployed to a target: append-only lines of JSON, one [`Record`] each.

use std::collections::BTreeMap;

use sealock_contract::Digest;
use sealock_contract::seam::{Release, ReleaseState};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of [`Record`] that this runner writes. It reads this one and those before it.
pub const RECORD_VERSION: u32 = 1;

/// How far a release had got when a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its folder is there.
    Staged,
    /// `current` is being moved to it.
    Switching,
    /// Its verifiers passed.
    Verified,
    /// It was taken back, or stopped when there was none before it.
    RolledBack,
    /// It failed, and taking it back failed too.
    Failed,
}

/// A step that can verify a release, with what it needs to run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verifier {
    /// The step's id.
    pub step: String,
    /// What the author wrote after `uses`.
    pub uses: String,
    /// Of its component.
    pub component: Digest,
    /// Its resolved inputs; secrets by name.
    pub inputs: Value,
}

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_VERSION`].
    pub v: u32,
    /// Unix time in milliseconds, by the runner's clock.
    pub time_ms: u64,
    /// Such as `r42`.
    pub release: String,
    /// How far it got.
    pub outcome: Outcome,
    /// The run that wrote this.
    pub run: String,
    /// The epoch that it held the target with.
    pub fence: u64,
    /// By service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<(String, Digest)>,
    /// More, by name: `project`, `compose`, `backup`, …
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<(String, String)>,
    /// Of its folder, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
    /// What verified it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verifiers: Vec<Verifier>,
    /// The commit that was deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Whether files that were not committed were deployed with it.
    #[serde(default)]
    pub dirty: bool,
}

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A line that is not the last one is no record.
    #[error("line {line} of the ledger is not a record")]
    Damaged {
        /// From 1, of those that were read.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A line is not what was written.
    #[error("line {line} of the ledger was changed since it was written: it says `{outcome} {release}`")]
    Changed {
        /// From 1, of those that were read.
        line: usize,
        /// What it says now.
        outcome: String,
        /// Of which release.
        release: String,
    },
    /// A newer runner wrote this.
    #[error("line {line} of the ledger has version {found}; this runner reads up to {RECORD_VERSION}")]
    Newer {
        /// From 1, of those that were read.
        line: usize,
        /// Its version.
        found: u32,
    },
}

/// The newest records of a target, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ledger {
    records: Vec<Record>,
}

impl Ledger {
    /// From lines. A last line that is cut off was never told to anyone as written, and is left out.
    ///
    /// # Errors
    ///
    /// When another line is no record, or one is newer than this runner.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, LedgerError> {
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        let mut records = Vec::with_capacity(lines.len());
        for (index, text) in lines.iter().enumerate() {
            let line = index + 1;
            match read_line(text) {
                Ok(Line { record: Some(record), .. }) if !is_as_written(text) => return Err(changed(line, &record)),
                Ok(Line { v, .. }) if v > RECORD_VERSION => return Err(LedgerError::Newer { line, found: v }),
                Ok(Line { record: Some(record), .. }) => records.push(record),
                Ok(Line { record: None, .. }) => {}
                Err(_) if line == lines.len() => {}
                Err(source) => return Err(LedgerError::Damaged { line, source }),
            }
        }
        Ok(Self { records })
    }

    /// All records, oldest first.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    pub(crate) fn extend(&mut self, records: impl IntoIterator<Item = Record>) {
        self.records.extend(records);
    }

    /// What is known of the release called `id`.
    pub fn release(&self, id: &str) -> Option<Release> {
        let mut found: Option<Release> = None;
        for record in self.records.iter().filter(|record| record.release == id) {
            let release = found.get_or_insert_with(|| start(record));
            release.state = state(record.outcome);
            if !record.images.is_empty() {
                release.images.clone_from(&record.images);
            }
            merge(&mut release.details, &record.details);
            if let Some(commit) = &record.commit {
                merge(&mut release.details, &[("commit".to_owned(), commit.clone())]);
            }
            if record.dirty {
                merge(&mut release.details, &[("dirty".to_owned(), "true".to_owned())]);
            }
        }
        found
    }

    /// The release that was verified last among those that still count as verified.
    pub fn previous(&self) -> Option<Release> {
        let last = self.last_outcomes();
        let counts = |record: &&Record| {
            record.outcome == Outcome::Verified && last.get(record.release.as_str()) == Some(&Outcome::Verified)
        };
        let record = self.records.iter().rev().find(counts)?;
        self.release(&record.release)
    }

    /// Every release that was verified once, in the order in which they first were. One that was left by hand since is
    /// still among them; one that a failed deployment took back was never verified.
    pub fn verified(&self) -> Vec<&str> {
        let mut verified: Vec<&str> = Vec::new();
        for record in self.records.iter().filter(|record| record.outcome == Outcome::Verified) {
            if !verified.contains(&record.release.as_str()) {
                verified.push(&record.release);
            }
        }
        verified
    }

    /// What a rollback by hand goes back to from `current`: the release that was verified before it. From one that was
    /// never verified itself, the last verified one. Going back twice goes back two releases, not there and back again.
    pub fn before(&self, current: Option<&str>) -> Option<Release> {
        let verified = self.verified();
        match verified.iter().position(|id| Some(*id) == current) {
            Some(0) => None,
            Some(place) => self.release(verified[place - 1]),
            None => self.previous(),
        }
    }

    /// The verifiers stored with the release called `id`.
    pub fn verifiers(&self, id: &str) -> &[Verifier] {
        let verified = |record: &&Record| record.release == id && record.outcome == Outcome::Verified;
        let with_verifiers = |record: &&Record| !record.verifiers.is_empty();
        let newest = self.records.iter().rev().filter(verified).find(with_verifiers);
        newest.map_or(&[], |record| record.verifiers.as_slice())
    }

    /// When the release called `id` was last verified, in Unix milliseconds.
    pub fn verified_ms(&self, id: &str) -> Option<u64> {
        let verified = |record: &&Record| record.release == id && record.outcome == Outcome::Verified;
        self.records.iter().rev().find(verified).map(|record| record.time_ms)
    }

    /// The release that should be live: the last one switched to that has not been taken back.
    pub fn expected_current(&self) -> Option<&str> {
        let mut live: Vec<&str> = Vec::new();
        for record in &self.records {
            let release = record.release.as_str();
            match record.outcome {
                Outcome::Switching | Outcome::Verified if live.last() != Some(&release) => live.push(release),
                Outcome::RolledBack => live.retain(|id| *id != release),
                _ => {}
            }
        }
        live.last().copied()
    }

    /// What `current` may name: the release that should be live; and where the last run was cut off in the middle, the one
    /// that was live before it, too.
    pub(crate) fn possible_current(&self) -> Vec<Option<&str>> {
        let mut possible = vec![self.expected_current()];
        let Some(last) = self.records.last().filter(|last| last.outcome != Outcome::Verified) else {
            return possible;
        };
        let before = self.records.iter().take_while(|record| record.run != last.run).cloned().collect();
        let before = Self { records: before };
        let id = before.expected_current().and_then(|id| self.records.iter().find(|record| record.release == id));
        possible.push(id.map(|record| record.release.as_str()));
        // It is written before it happens that a release is left.
        possible.extend((last.outcome == Outcome::RolledBack).then_some(Some(last.release.as_str())));
        possible
    }

    /// The release that `run` made, when it has made one.
    pub(crate) fn release_of(&self, run: &str) -> Option<&str> {
        let made = |record: &&Record| record.run == run && record.outcome == Outcome::Staged;
        self.records.iter().rev().find(made).map(|record| record.release.as_str())
    }

    /// The highest `N` of all `rN`.
    pub(crate) fn highest(&self) -> u64 {
        self.records.iter().filter_map(|record| release_number(&record.release)).max().unwrap_or(0)
    }

    fn last_outcomes(&self) -> BTreeMap<&str, Outcome> {
        self.records.iter().map(|record| (record.release.as_str(), record.outcome)).collect()
    }
}

/// Stands before the sum of a line, which is its last field.
const SUM: &str = ",\"sum\":\"";
/// How much of a line's digest it carries: against a slip of the hand, not against somebody who means it.
const SUM_CHARS: usize = 16;

/// Records as lines; each ends with a sum of its own text.
pub(crate) fn lines(records: &[Record]) -> Vec<u8> {
    let line = |record: &Record| {
        let text = serde_json::to_string(record).expect("records are plain data");
        let body = text.strip_suffix('}').unwrap_or(&text);
        format!("{body}{SUM}{}\"}}\n", sum(&text))
    };
    records.iter().map(line).collect::<String>().into_bytes()
}

fn sum(text: &str) -> String {
    Digest::of(text.as_bytes()).hex().chars().take(SUM_CHARS).collect()
}

/// Whether a line's sum is that of its text. Those that an older runner wrote have none.
fn is_as_written(line: &str) -> bool {
    let Some((body, told)) = line.rsplit_once(SUM) else { return true };
    told.strip_suffix("\"}").is_some_and(|told| told == sum(&format!("{body}}}")))
}

fn changed(line: usize, record: &Record) -> LedgerError {
    let outcome = serde_json::to_value(record.outcome).ok();
    let outcome = outcome.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    LedgerError::Changed { line, outcome, release: record.release.clone() }
}

/// The `N` of `rN`.
pub(crate) fn release_number(id: &str) -> Option<u64> {
    id.strip_prefix('r')?.parse().ok()
}

struct Line {
    v: u32,
    record: Option<Record>,
}

fn read_line(text: &str) -> Result<Line, serde_json::Error> {
    #[derive(Deserialize)]
    struct Version {
        v: u32,
    }
    let Version { v } = serde_json::from_str(text)?;
    let record = if v > RECORD_VERSION { None } else { Some(serde_json::from_str(text)?) };
    Ok(Line { v, record })
}

fn start(record: &Record) -> Release {
    Release {
        id: record.release.clone(),
        run: record.run.clone(),
        created_ms: record.time_ms,
        state: state(record.outcome),
        images: Vec::new(),
        details: Vec::new(),
    }
}

fn state(outcome: Outcome) -> ReleaseState {
    match outcome {
        Outcome::Staged | Outcome::Switching => ReleaseState::Switching,
        Outcome::Verified => ReleaseState::Verified,
        Outcome::RolledBack => ReleaseState::RolledBack,
        Outcome::Failed => ReleaseState::Failed,
    }
}

fn merge(details: &mut Vec<(String, String)>, newer: &[(String, String)]) {
    for (name, value) in newer {
        match details.iter_mut().find(|(known, _)| known == name) {
            Some(entry) => entry.1.clone_from(value),
            None => details.push((name.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(release: &str, outcome: Outcome) -> String {
        let record = Record {
            v: RECORD_VERSION,
            time_ms: 1,
            release: release.to_owned(),
            outcome,
            run: format!("run-of-{release}"),
            fence: 1,
            images: Vec::new(),
            details: Vec::new(),
            content: None,
            verifiers: Vec::new(),
            commit: None,
            dirty: false,
        };
        serde_json::to_string(&record).expect("plain data")
    }

    fn ledger(told: &[(&str, Outcome)]) -> Ledger {
        let lines: Vec<_> = told.iter().map(|(release, outcome)| line(release, *outcome)).collect();
        Ledger::parse(lines.iter().map(String::as_str)).expect("records")
    }

    fn id(release: Option<Release>) -> Option<String> {
        release.map(|release| release.id)
    }

    #[test]
    fn previous_is_the_last_verified_release_and_nothing_else() {
        use Outcome::{Failed, RolledBack, Switching, Verified};
        assert_eq!(id(ledger(&[]).previous()), None);
        assert_eq!(id(ledger(&[("r1", Switching)]).previous()), None);
        let two = [("r1", Verified), ("r2", Switching), ("r2", Verified), ("r3", Switching)];
        assert_eq!(id(ledger(&two).previous()).as_deref(), Some("r2"));
        let taken_back = [&two[..], &[("r3", RolledBack), ("r2", Verified)]].concat();
        assert_eq!(id(ledger(&taken_back).previous()).as_deref(), Some("r2"));
        assert_eq!(ledger(&taken_back).expected_current(), Some("r2"));
        assert_eq!(id(ledger(&taken_back).before(Some("r2"))).as_deref(), Some("r1"));
        let failed = [&two[..], &[("r3", Failed), ("r2", RolledBack)]].concat();
        assert_eq!(id(ledger(&failed).previous()).as_deref(), Some("r1"));
    }

    #[test]
    fn going_back_by_hand_goes_on_back_and_what_was_left_can_still_be_named() {
        use Outcome::{RolledBack, Switching, Verified};
        let three = [("r1", Verified), ("r2", Verified), ("r3", Verified)];
        let once = [&three[..], &[("r3", RolledBack), ("r2", Verified)]].concat();
        let twice = [&once[..], &[("r2", RolledBack), ("r1", Verified)]].concat();
        assert_eq!(id(ledger(&three).before(Some("r3"))).as_deref(), Some("r2"));
        assert_eq!(id(ledger(&once).before(Some("r2"))).as_deref(), Some("r1"));
        assert_eq!(id(ledger(&twice).before(Some("r1"))), None, "r1 is the first one");
        assert_eq!(ledger(&twice).verified(), ["r1", "r2", "r3"]);
        let failed = [&twice[..], &[("r4", Switching)]].concat();
        assert_eq!(id(ledger(&failed).before(Some("r4"))).as_deref(), Some("r1"));
    }

    #[test]
    fn after_the_first_release_was_taken_back_none_is_expected() {
        let told = ledger(&[("r1", Outcome::Switching), ("r1", Outcome::RolledBack)]);
        assert_eq!(told.expected_current(), None);
        assert_eq!(told.release("r1").map(|release| release.state), Some(ReleaseState::RolledBack));
    }

    #[test]
    fn a_cut_off_last_line_is_left_out_and_damage_before_it_is_told() {
        let good = line("r1", Outcome::Verified);
        let cut = &good[..20];
        assert_eq!(Ledger::parse([good.as_str(), cut]).expect("one record").records().len(), 1);
        assert!(matches!(Ledger::parse([cut, good.as_str()]), Err(LedgerError::Damaged { line: 1, .. })));
        let newer = r#"{"v":99,"something":"else"}"#;
        assert!(matches!(Ledger::parse([newer]), Err(LedgerError::Newer { found: 99, .. })));
    }

    #[test]
    fn a_line_that_was_changed_by_hand_is_told_and_one_without_a_sum_is_an_older_runners() {
        let text = String::from_utf8(lines(ledger(&[("r1", Outcome::Verified), ("r2", Outcome::Verified)]).records()));
        let text = text.expect("text");
        assert_eq!(Ledger::parse(text.lines()).expect("as written").records().len(), 2);
        let edited = text.replacen("\"r1\"", "\"r7\"", 1);
        let error = Ledger::parse(edited.lines()).expect_err("changed");
        assert_eq!(error.to_string(), "line 1 of the ledger was changed since it was written: it says `verified r7`");
        let last = text.replace("\"r2\"", "\"r7\"");
        assert!(matches!(Ledger::parse(last.lines()), Err(LedgerError::Changed { line: 2, .. })));
    }

    #[test]
    fn a_run_that_was_cut_off_may_have_moved_current_or_not() {
        use Outcome::{RolledBack, Staged, Switching, Verified};
        let good = [("r1", Verified), ("r2", Switching), ("r2", Verified)];
        assert_eq!(ledger(&good).possible_current(), [Some("r2")]);
        let cut = [&good[..], &[("r3", Staged), ("r3", Switching)]].concat();
        assert_eq!(ledger(&cut).possible_current(), [Some("r3"), Some("r2")]);
        let first = [("r1", Switching), ("r1", RolledBack)];
        assert_eq!(ledger(&first).possible_current(), [None, None, Some("r1")]);
        let leaving = [&cut[..], &[("r3", RolledBack)]].concat();
        assert_eq!(ledger(&leaving).possible_current(), [Some("r2"), Some("r2"), Some("r3")]);
        let back = [&leaving[..], &[("r2", Verified)]].concat();
        assert_eq!(ledger(&back).possible_current(), [Some("r2")]);
        assert_eq!(ledger(&[]).possible_current(), [None]);
    }

    #[test]
    fn a_number_is_never_given_twice() {
        let told = ledger(&[("r9", Outcome::Verified), ("r10", Outcome::RolledBack)]);
        assert_eq!(told.highest(), 10);
    }
}
