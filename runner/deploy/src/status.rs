//! What is live on the targets of an environment, without locking anything.

use bytes::Bytes;
use futures_util::future::join_all;
use sealock_broker::ssh::SshLimits;
use sealock_contract::seam::{Release, ReleaseState};

use crate::environment::{RunFacts, TargetSpec};
use crate::error::TargetError;
use crate::lease::{self, LockAnswer, LockEvent, Turn};
use crate::ledger::Outcome;
use crate::link::nonce;
use crate::state::{Holder, TargetState};

/// What one target is doing.
#[derive(Debug)]
pub struct TargetStatus {
    /// Its name.
    pub name: String,
    /// What it told, or why it did not.
    pub told: Result<LiveStatus, TargetError>,
}

/// What a target that could be asked is doing.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveStatus {
    /// What `current` names, when its ledger knows it.
    pub live: Option<Release>,
    /// When that was last verified, Unix time in milliseconds; `None` when it never was.
    pub verified_ms: Option<u64>,
    /// Who holds the lock, or held it and did not let go.
    pub holder: Option<Holder>,
    /// What is not as it should be.
    pub drift: Vec<Drift>,
    /// Everything that it told.
    pub state: TargetState,
}

/// A difference between what is and what should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// `current` is not what the target's own ledger says: somebody moved it by hand.
    Moved {
        /// What the ledger says.
        expected: Option<String>,
        /// What `current` names.
        found: Option<String>,
        /// When it was moved, Unix time in seconds.
        at: Option<u64>,
        /// One of both, or the newest other one, that one may go back to.
        back: Option<String>,
    },
    /// A run was cut off while it moved `current`, and nobody goes on with it.
    Cut {
        /// The run.
        run: String,
        /// The newest that one may go back to.
        back: Option<String>,
    },
    /// What `current` names is not there.
    Missing {
        /// The release.
        release: String,
        /// The newest that one may go back to.
        back: Option<String>,
    },
    /// Another target of the environment runs something newer that is verified.
    Behind {
        /// That target.
        other: String,
        /// What it runs.
        release: String,
        /// Whether this one may go there, too.
        is_usable: bool,
    },
}

/// Asks every target, all at once; in the order given.
pub async fn status(targets: &[TargetSpec], limits: SshLimits) -> Vec<TargetStatus> {
    let asking = targets.iter().map(|spec| async move {
        let told = ask(spec, limits).await.map(live);
        TargetStatus { name: spec.ssh.name.clone(), told }
    });
    let mut all = join_all(asking).await;
    compare(&mut all);
    all
}

async fn ask(spec: &TargetSpec, limits: SshLimits) -> Result<TargetState, TargetError> {
    let link = spec.link(limits)?;
    link.client.connect().await?;
    let reply = link.tell(&["status"], Bytes::new()).await?;
    link.client.close().await;
    TargetState::read(&link.name, &reply)
}

fn live(state: TargetState) -> LiveStatus {
    let release = state.current.as_ref().and_then(|id| state.ledger.release(id));
    let verified = release.as_ref().filter(|release| release.state == ReleaseState::Verified);
    LiveStatus {
        verified_ms: verified.and_then(|release| state.ledger.verified_ms(&release.id)),
        holder: state.holder.clone(),
        drift: own_drift(&state),
        live: release,
        state,
    }
}

fn own_drift(state: &TargetState) -> Vec<Drift> {
    let mut drift = Vec::new();
    let usable = state.usable();
    let newest = || usable.last().map(|&id| id.to_owned());
    let (expected, found) = (state.ledger.expected_current(), state.current.as_deref());
    if !state.ledger.possible_current().contains(&found) {
        let either = [expected, found].into_iter().flatten().find(|id| usable.contains(id));
        let back = either.map(str::to_owned).or_else(newest);
        let (expected, found) = (expected.map(str::to_owned), state.current.clone());
        drift.push(Drift::Moved { expected, found, at: state.moved, back });
    }
    drift.extend(cut(state, newest));
    if let Some(current) = state.current.as_ref().filter(|current| !state.releases.contains(current)) {
        drift.push(Drift::Missing { release: current.clone(), back: newest() });
    }
    drift
}

/// A switch that was begun and has no end, when the run that began it does not hold the target any more: to a release that was
/// not verified, or away from one that is still there.
fn cut(state: &TargetState, back: impl Fn() -> Option<String>) -> Option<Drift> {
    let last = state.ledger.records().last()?;
    let goes_on = state.holder.as_ref().is_some_and(|holder| holder.left_seconds.is_some());
    let is_left = last.outcome == Outcome::RolledBack && state.current.as_ref() == Some(&last.release);
    let is_cut = (last.outcome == Outcome::Switching || is_left) && !goes_on;
    // A stage that was started again holds its targets under a name of its own.
    let run = last.run.split_once('.').map_or(last.run.as_str(), |(run, _)| run).to_owned();
    is_cut.then(|| Drift::Cut { run, back: back() })
}

/// Marks those that run something older than the newest verified release among them.
fn compare(all: &mut [TargetStatus]) {
    let verified = |status: &TargetStatus| {
        let told = status.told.as_ref().ok()?;
        told.verified_ms?;
        let release = told.live.as_ref()?;
        Some((crate::ledger::release_number(&release.id)?, release.id.clone(), status.name.clone()))
    };
    let Some((number, release, other)) = all.iter().filter_map(verified).max() else { return };
    for status in all.iter_mut().filter(|status| status.name != other) {
        let Ok(told) = &mut status.told else { continue };
        let own = told.state.current.as_deref().and_then(crate::ledger::release_number);
        if own.unwrap_or(0) < number {
            let is_usable = told.state.usable().contains(&release.as_str());
            told.drift.push(Drift::Behind { other: other.clone(), release: release.clone(), is_usable });
        }
    }
}

/// Takes the stale locks of all targets over, in the open, and lets go of them.
///
/// # Errors
///
/// `E-TARGET-LOCKED` for the first whose lock is not stale, and what connections fail at.
pub async fn unlock(
    targets: &[TargetSpec],
    facts: &RunFacts,
    limits: SshLimits,
    tell: &(dyn Fn(LockEvent) + Send + Sync),
) -> Result<(), TargetError> {
    let token = nonce();
    for spec in targets {
        let link = spec.link(limits)?;
        link.client.connect().await?;
        match lease::ask(&link, facts, &token, 0, Turn::Once).await? {
            LockAnswer::Ours(locked, event) => {
                tell(event);
                link.tell(&["unlock", &locked.epoch.to_string(), &facts.run, "remove"], Bytes::new()).await?;
            }
            LockAnswer::Theirs(holder, _) => return Err(lease::locked(&link, holder)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ledger;

    fn state(told: &[(&str, &str)], current: &str, releases: &[&str]) -> TargetState {
        let line = |(release, outcome): &(&str, &str)| {
            format!(
                r#"{{"v":1,"time_ms":1,"release":"{release}","outcome":"{outcome}","run":"of-{release}.1","fence":1}}"#
            )
        };
        let lines: Vec<String> = told.iter().map(line).collect();
        TargetState {
            ledger: Ledger::parse(lines.iter().map(String::as_str)).expect("records"),
            current: Some(current.to_owned()),
            releases: releases.iter().map(|&id| id.to_owned()).collect(),
            ..TargetState::default()
        }
    }

    #[test]
    fn a_switch_that_was_cut_off_is_no_hand_that_moved_current_and_a_running_one_is_nothing() {
        let cut = [("r1", "verified"), ("r2", "switching")];
        let both = ["r1", "r2"];
        let expected = [Drift::Cut { run: "of-r2".to_owned(), back: Some("r1".to_owned()) }];
        assert_eq!(own_drift(&state(&cut, "r1", &both)), expected);
        assert_eq!(own_drift(&state(&cut, "r2", &both)), expected);
        let left = [("r1", "verified"), ("r2", "verified"), ("r2", "rolled-back")];
        assert!(matches!(&own_drift(&state(&left, "r2", &both))[..], [Drift::Cut { .. }]));
        assert_eq!(own_drift(&state(&left, "r1", &both)), []);
        let holder = Some(Holder { left_seconds: Some(9), ..Holder::default() });
        assert_eq!(own_drift(&TargetState { holder, ..state(&cut, "r1", &both) }), []);
    }

    #[test]
    fn only_what_may_be_gone_back_to_is_offered() {
        let told = [("r1", "verified"), ("r2", "verified"), ("r3", "rolled-back"), ("r2", "verified")];
        let moved = own_drift(&state(&told, "r3", &["r1", "r3"]));
        assert!(matches!(&moved[..], [Drift::Moved { back: Some(back), .. }] if back == "r1"), "{moved:?}");
        let missing = own_drift(&state(&told[..2], "r2", &["r1"]));
        assert_eq!(missing, [Drift::Missing { release: "r2".to_owned(), back: Some("r1".to_owned()) }]);
    }
}
