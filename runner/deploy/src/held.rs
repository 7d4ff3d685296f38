//! A target that a deployment holds: its lease, and its state as far as the deployment was told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use futures_util::future::join_all;
use sealock_broker::ssh::{SshError, SshLimits};
use tokio::sync::Notify;

use crate::environment::TargetSpec;
use crate::error::TargetError;
use crate::lease::{self, Lease, LockEvent, Locked, Wish};
use crate::link::{Link, Reply, is_lost};
use crate::state::TargetState;

/// A target that this deployment holds.
pub(crate) struct Held {
    pub(crate) link: Link,
    pub(crate) epoch: u64,
    pub(crate) sudo: Vec<String>,
    pub(crate) lease: Lease,
    state: Mutex<TargetState>,
    /// It did not answer for as long as it is tried; nothing is asked of it until a renewal gets through.
    pub(crate) silent: AtomicBool,
    /// Wakes the renewal, which finds out when it answers again.
    pub(crate) wake: Notify,
    /// A change of it went out and no answer came: `state` may be behind.
    unsure: AtomicBool,
    /// How many releases stay, once it is verified; none are removed without.
    keep: OnceLock<u32>,
    /// Whether the run held it before: what it did then is not known here.
    pub(crate) is_resumed: bool,
}

impl Held {
    pub(crate) fn new(link: Link, locked: Locked, sudo: Vec<String>) -> Self {
        let Locked { epoch, state, lease, is_resumed } = locked;
        Self {
            link,
            epoch,
            sudo,
            lease,
            state: Mutex::new(state),
            silent: AtomicBool::new(false),
            wake: Notify::new(),
            unsure: AtomicBool::new(false),
            keep: OnceLock::new(),
            is_resumed,
        }
    }

    /// Asks; whether the target answers at all is remembered.
    pub(crate) async fn tell(&self, words: &[&str], stdin: impl Into<Bytes>) -> Result<Reply, TargetError> {
        self.check_answers()?;
        let told = self.link.tell(words, stdin).await;
        if told.as_ref().is_err_and(is_lost) {
            self.unsure.store(true, Ordering::Relaxed);
            self.fall_silent();
        }
        told
    }

    /// Nobody answers there: until somebody does, the target is left out, so that the others need not wait for it.
    pub(crate) fn fall_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
        self.wake.notify_one();
    }

    pub(crate) fn check_answers(&self) -> Result<(), TargetError> {
        if self.silent.load(Ordering::Relaxed) {
            return Err(SshError::Lost { target: self.link.name.clone() }.into());
        }
        Ok(())
    }

    /// Reads its state again when a change may have happened that we were not told of.
    pub(crate) async fn make_sure(&self) -> Result<(), TargetError> {
        self.check_answers()?;
        if self.unsure.load(Ordering::Relaxed) {
            let state = TargetState::read(&self.link.name, &self.tell(&["status"], Bytes::new()).await?)?;
            *self.state() = state;
            self.unsure.store(false, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) fn keep_releases(&self, keep: u32) {
        // A stage with several steps that deploy prunes by the first of them.
        let _ = self.keep.set(keep);
    }

    pub(crate) fn releases_to_keep(&self) -> Option<u32> {
        self.keep.get().copied()
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, TargetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes the lock of a target.
pub(crate) async fn hold(
    spec: &TargetSpec,
    limits: SshLimits,
    wish: &Wish<'_>,
    tell: &(dyn Fn(LockEvent) + Send + Sync),
) -> Result<Held, TargetError> {
    let link = spec.link(limits)?;
    // A target that was never reached is told at once; only one that was is tried again.
    link.client.connect().await?;
    let locked = lease::wait(&link, wish, tell).await?;
    Ok(Held::new(link, locked, spec.sudo.clone()))
}

/// What becomes of the results of scripts when a target is let go of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetGo {
    /// Nobody will ask for them.
    Removing,
    /// The run will be resumed, and ask.
    Keeping,
}

/// Lets go of targets.
pub(crate) async fn let_go(held: &[Held], run: &str, results: LetGo) {
    let results = if results == LetGo::Keeping { "keep" } else { "remove" };
    let letting = held.iter().map(|held| async move {
        let epoch = held.epoch.to_string();
        held.tell(&["unlock", &epoch, run, results], Bytes::new()).await
    });
    for error in join_all(letting).await.into_iter().filter_map(Result::err) {
        // It is free when its lease ends.
        tracing::warn!(%error, "a target was not told that it is free");
    }
}
