//! What is live on the targets of an environment, without locking anything.

use bytes::Bytes;
use futures_util::future::join_all;
use sealock_broker::ssh::SshLimits;
use sealock_contract::seam::{Release, ReleaseState};

use crate::environment::{RunFacts, TargetSpec};
use crate::error::TargetError;
use crate::lease::{self, LockAnswer, LockEvent};
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
    },
    /// What `current` names is not there.
    Missing {
        /// The release.
        release: String,
    },
    /// Another target of the environment runs something newer that is verified.
    Behind {
        /// That target.
        other: String,
        /// What it runs.
        release: String,
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
    let expected = state.ledger.expected_current();
    if state.current.as_deref() != expected {
        let expected = expected.map(str::to_owned);
        drift.push(Drift::Moved { expected, found: state.current.clone(), at: state.moved });
    }
    if let Some(current) = state.current.as_ref().filter(|current| !state.releases.contains(current)) {
        drift.push(Drift::Missing { release: current.clone() });
    }
    drift
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
            told.drift.push(Drift::Behind { other: other.clone(), release: release.clone() });
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
        match lease::ask(&link, facts, &token).await? {
            LockAnswer::Ours(locked, event) => {
                tell(event);
                link.tell(&["unlock", &locked.epoch.to_string(), &facts.run, "remove"], Bytes::new()).await?;
            }
            LockAnswer::Theirs(holder) => return Err(lease::locked(&link, holder)),
        }
    }
    Ok(())
}
