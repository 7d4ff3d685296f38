//! Deliveries that are killed at their commits to the journal and resumed, and what may not get lost by that.

use std::collections::HashSet;

use e2e::{Dice, Ended, Sealock};

/// No delivery makes so many commits.
const COMMITS_MAX: u64 = 200;
/// As many as a delivery makes at most, until one goes through.
const COMMITS: u64 = 40;

/// Where deliveries are killed: at the sample that every test run takes, or where `cargo xtask crash --delivery` says by the environment.
pub(crate) enum Points {
    /// These, in turn, until the delivery makes no such commit.
    Listed(Vec<String>),
    /// So many that this seed draws; of those every second is killed again while it is resumed.
    Drawn { count: u64, seed: u64 },
}

impl Points {
    #[expect(clippy::disallowed_methods, reason = "the sweep is asked for by its environment")]
    pub(crate) fn asked(sample: &[&str]) -> Self {
        let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
        if let Some(count) = number("SEALOCK_DELIVERY_COUNT") {
            return Self::Drawn { count, seed: number("SEALOCK_DELIVERY_SEED").unwrap_or(1) };
        }
        Self::Listed(match std::env::var("SEALOCK_DELIVERY_POINTS").ok().as_deref() {
            None => sample.iter().map(|&at| at.to_owned()).collect(),
            Some("all") => (1..COMMITS_MAX).flat_map(|n| [format!("{n}:before"), format!("{n}:after")]).collect(),
            Some(listed) => listed.split(',').map(str::to_owned).collect(),
        })
    }

    /// Has `point` kill a delivery at each, and perhaps again; it says whether the delivery made such a commit. Gives how many did.
    ///
    /// # Panics
    /// When so few did that something is wrong with the sweep.
    pub(crate) fn sweep(self, mut point: impl FnMut(u64, &str, Option<&str>) -> bool) -> u64 {
        let (killed, least) = match self {
            Self::Listed(points) => {
                let least = points.len().min(4) as u64;
                let made = (0..).zip(&points).take_while(|&(number, at)| point(number, at, None));
                (made.count() as u64, least)
            }
            Self::Drawn { count, seed } => {
                let mut dice = Dice::of(seed);
                let (mut killed, mut most) = (0, COMMITS);
                for number in 0..count {
                    let at = dice.point(most);
                    let again = (dice.below(2) == 0).then(|| dice.point(most));
                    if point(number, &at, again.as_deref()) {
                        killed += 1;
                    } else {
                        most = at.split(':').next().and_then(|n| n.parse().ok()).map_or(most, |n: u64| n - 1);
                    }
                }
                (killed, count / 2)
            }
        };
        assert!(killed >= least, "only {killed} points were commits");
        killed
    }
}

/// How a delivery ended that was to be killed.
pub(crate) struct Swept {
    pub(crate) ended: Ended,
    /// Whether it made such a commit.
    pub(crate) is_killed: bool,
}

/// Starts `run`, kills it at this commit, and resumes it, perhaps killed `again`, to its end: nothing that was told is lost.
#[track_caller]
pub(crate) fn killed_and_resumed(sealock: &Sealock, run: &[&str], at: &str, again: Option<&str>) -> Swept {
    let killed = sealock.events(&[run, &["--die-at", at]].concat());
    if killed.code != -1 {
        return Swept { ended: killed, is_killed: false };
    }
    let mut told = vec![killed];
    let resumed = again.map(|again| sealock.events(&["resume", "--die-at", again]));
    // There may be no run yet.
    told.extend(resumed.filter(|ended| ended.code != 2));
    let code = match told.last() {
        Some(Ended { code: code @ (0 | 10), .. }) => *code,
        _ => finish(sealock, run, &mut told),
    };
    let shown = sealock.events(&["show"]);
    let kept: HashSet<&str> = shown.events().collect();
    for line in told.iter().flat_map(Ended::events) {
        assert!(kept.contains(line), "{at}, then {again:?}: lost {line}");
    }
    let text = told.pop().map(|last| last.text).unwrap_or_default();
    Swept { ended: Ended { code, text }, is_killed: true }
}

/// Resumes what was killed, or runs it anew where nothing was told of it, and gives how it ended.
fn finish(sealock: &Sealock, run: &[&str], told: &mut Vec<Ended>) -> i32 {
    let is_told = told.iter().any(|ended| ended.events().next().is_some());
    let mut ended = sealock.events(&["resume"]);
    if ended.code == 2 {
        assert!(ended.text.contains("E-RUN-UNKNOWN"), "{}", ended.text);
        if is_told {
            return code_shown(sealock);
        }
        ended = sealock.events(run);
    }
    let code = ended.code;
    told.push(ended);
    code
}

/// The exit code of the newest run, whose end was in the record already when it was killed.
fn code_shown(sealock: &Sealock) -> i32 {
    let shown = sealock.events(&["show"]);
    let last = shown.events().last().unwrap_or_default();
    let last: serde_json::Value = serde_json::from_str(last).unwrap_or_default();
    assert_eq!(last["type"], "run-finished", "it was lost: {last}");
    last["exit"].as_i64().and_then(|code| code.try_into().ok()).unwrap_or_else(|| panic!("no exit code: {last}"))
}
