//! One deployment: the locks of all its targets, the release that it makes, and what the ledgers say of it.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::join_all;
use sealock_broker::ssh::SshLimits;
use sealock_contract::seam::Release;
use sealock_contract::{Digest, StepError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::environment::{RunFacts, TargetSpec};
use crate::error::TargetError;
use crate::held::{Held, LetGo, hold, let_go};
use crate::lease::{LockEvent, Wish};
use crate::ledger::{Outcome, RECORD_VERSION, Record, Verifier, lines};
use crate::link::nonce;
use crate::prune;
use crate::renewal;
use crate::sound;
use crate::state::TargetState;

/// A deployment that holds its targets. It lets go of them by [`finish`](Self::finish) or [`verified`](Self::verified);
/// dropped, its leases end by themselves.
pub struct Deployment {
    shared: Arc<Shared>,
    renewing: Mutex<Vec<JoinHandle<()>>>,
}

pub(crate) struct Shared {
    pub(crate) facts: RunFacts,
    release: String,
    pub(crate) held: Vec<Held>,
    /// Whether anything that is live may have been changed.
    touched: AtomicBool,
    /// Whether another process of its run may have left scripts that still run.
    taken_up: AtomicBool,
    /// What a person said did not happen: what it left on the targets says nothing.
    void: Mutex<HashSet<String>>,
    /// Why nothing may be changed anywhere any more: another run holds a target.
    fenced: OnceLock<StepError>,
}

/// What a deployment needs to begin.
pub struct DeploymentSpec {
    /// In the pipeline's order.
    pub targets: Vec<TargetSpec>,
    /// The run.
    pub facts: RunFacts,
    /// Time limits of connections.
    pub limits: SshLimits,
    /// How long to wait for all targets that somebody else holds.
    pub patience: Duration,
    /// With which epoch the run has held targets before, by name: one that knows only lower ones was put back to an older state.
    pub fences: Vec<(String, u64)>,
}

impl Deployment {
    /// Takes the lock of every target, in the same order whatever an environment calls them, and waits for those that
    /// somebody else holds.
    ///
    /// # Errors
    ///
    /// When a target cannot be reached or used, is held by another run for longer than `spec.patience`
    /// (`E-TARGET-LOCKED`), is older than `spec.fences` say (`E-TARGET-REGRESS`), or `cancelled` fires. No lock is held then.
    pub async fn begin(
        spec: DeploymentSpec,
        tell: &(dyn Fn(LockEvent) + Send + Sync),
        cancelled: &CancellationToken,
    ) -> Result<Self, TargetError> {
        let DeploymentSpec { targets, facts, limits, patience, fences } = spec;
        let (token, until) = (nonce(), Instant::now() + patience);
        let wish = Wish { facts: &facts, token, fences: &fences, until, cancelled };
        let mut held = Vec::with_capacity(targets.len());
        for place in order(&targets) {
            match hold(&targets[place], limits, &wish, tell).await {
                Ok(one) => held.push((place, one)),
                Err(error) => {
                    let so_far: Vec<Held> = held.into_iter().map(|(_, one)| one).collect();
                    // Where the run was resumed, it may be once more.
                    let_go(&so_far, &facts.run, LetGo::Keeping).await;
                    return Err(error);
                }
            }
        }
        held.sort_by_key(|(place, _)| *place);
        Ok(Self::start(facts, held.into_iter().map(|(_, one)| one).collect()))
    }

    pub(crate) fn start(facts: RunFacts, held: Vec<Held>) -> Self {
        let release = release_id(&facts.run, &held);
        let fenced = OnceLock::new();
        let touched = AtomicBool::new(held.iter().any(|held| held.is_resumed));
        let (taken_up, void) = (AtomicBool::new(false), Mutex::default());
        let shared = Arc::new(Shared { facts, release, held, touched, taken_up, void, fenced });
        let renewing: Vec<_> =
            (0..shared.held.len()).map(|index| tokio::spawn(renewal::keep(shared.clone(), index))).collect();
        Self { shared, renewing: Mutex::new(renewing) }
    }

    /// The release that this deployment makes: `rN`, the same on all targets. A resumed run keeps its own.
    pub fn release(&self) -> &str {
        &self.shared.release
    }

    /// The targets' names, in the pipeline's order.
    pub fn names(&self) -> Vec<String> {
        self.shared.held.iter().map(|held| held.link.name.clone()).collect()
    }

    /// The epoch that `target` is held with.
    pub fn epoch(&self, target: &str) -> Option<u64> {
        self.held(target).ok().map(|held| held.epoch)
    }

    /// What `target` looked like when it was locked, with what this deployment has done since.
    pub fn state(&self, target: &str) -> Option<TargetState> {
        self.held(target).ok().map(|held| held.state().clone())
    }

    /// The release that `current` names on `target`.
    pub fn current(&self, target: &str) -> Option<Release> {
        let held = self.held(target).ok()?;
        let state = held.state();
        state.current.as_ref().and_then(|id| state.ledger.release(id))
    }

    /// The release that `current` names on `target`, asked for anew when a switch was not answered.
    ///
    /// # Errors
    ///
    /// When the target does not answer.
    pub async fn confirmed_current(&self, target: &str) -> Result<Option<Release>, StepError> {
        self.held(target)?.make_sure().await?;
        Ok(self.current(target))
    }

    /// The last verified release of `target`.
    pub fn previous(&self, target: &str) -> Option<Release> {
        self.held(target).ok()?.state().ledger.previous()
    }

    /// The verifiers stored with a release of `target`.
    pub fn verifiers(&self, target: &str, release: &str) -> Vec<Verifier> {
        self.held(target).map(|held| held.state().ledger.verifiers(release).to_vec()).unwrap_or_default()
    }

    /// Whether an effect may be started: every target is ours, for long enough.
    ///
    /// # Errors
    ///
    /// `E-FENCED`, or `E-LEASE-LOST` from 20 s before a lease's end when the target does not renew it.
    pub async fn check(&self) -> Result<(), StepError> {
        for held in &self.shared.held {
            self.shared.check(held).await?;
        }
        Ok(())
    }

    /// How often each target was waited for, by name; see [`sealock_broker::ssh::SshClient::round_trips`].
    pub fn round_trips(&self) -> Vec<(String, u64)> {
        let count = |held: &Held| (held.link.name.clone(), held.link.client.round_trips());
        self.shared.held.iter().map(count).collect()
    }

    pub(crate) fn held(&self, target: &str) -> Result<&Held, TargetError> {
        let found = self.shared.held.iter().find(|held| held.link.name == target);
        found.ok_or_else(|| TargetError::Failed {
            target: target.to_owned(),
            found: "it is not a target of this deployment".to_owned(),
        })
    }

    pub(crate) fn run(&self) -> &str {
        &self.shared.facts.run
    }

    /// Makes the release's folder on `target` from `archive`.
    pub(crate) async fn stage(
        &self,
        target: &str,
        archive: (Bytes, Digest),
        images: Vec<(String, Digest)>,
        details: Vec<(String, String)>,
    ) -> Result<Release, StepError> {
        let held = self.held(target)?;
        self.shared.check(held).await?;
        let (archive, digest) = archive;
        let mut record = self.shared.record(held, self.release(), Outcome::Staged);
        let path = format!("{}/releases/{}", held.state().directory, self.release());
        record.images = images;
        record.details = [details, vec![("path".to_owned(), path)]].concat();
        record.content = Some(digest);
        let stdin = [lines(std::slice::from_ref(&record)).as_slice(), archive.as_ref()].concat();
        self.change(held, "stage", &[self.release(), &digest.hex()], stdin).await?;
        let mut state = held.state();
        if !state.releases.iter().any(|id| id == self.release()) {
            state.releases.push(self.release().to_owned());
        }
        state.ledger.extend([record]);
        state.ledger.release(self.release()).ok_or_else(|| held.link.refusal("missing", self.release()).into())
    }

    /// Moves `current` of `target` to `release`, by rename, or removes it without one. Moving it to another
    /// release than the one being made takes back the one that was current.
    ///
    /// # Errors
    ///
    /// `E-FENCED`, `E-RELEASE-MISSING`, `E-TARGET-DISK` before anything was moved, and what connections fail at.
    pub async fn switch(&self, target: &str, release: Option<&str>) -> Result<(), StepError> {
        let held = self.held(target)?;
        self.shared.check(held).await?;
        self.touch();
        let current = held.state().current.clone();
        let record = match (release, current) {
            (Some(release), _) if release == self.release() => {
                Some(self.shared.record(held, release, Outcome::Switching))
            }
            (to, Some(current)) if to != Some(&current) => {
                Some(self.shared.record(held, &current, Outcome::RolledBack))
            }
            _ => None,
        };
        let mut records: Vec<Record> = record.into_iter().collect();
        let mut told = held.state().ledger.clone();
        told.extend(records.iter().cloned());
        if let Some(release) = release.filter(|release| told.expected_current() != Some(release)) {
            records.push(self.shared.record(held, release, Outcome::Switching));
        }
        let stdin = lines(&records);
        let words = [release.unwrap_or("-"), &stdin.len().to_string()];
        self.change(held, "switch", &words, stdin).await?;
        let mut state = held.state();
        state.current = release.map(str::to_owned);
        state.ledger.extend(records);
        Ok(())
    }

    /// The images of `release` that `target`'s engine no longer has, by service.
    ///
    /// # Errors
    ///
    /// What connections fail at.
    pub async fn missing_images(&self, target: &str, release: &str) -> Result<Vec<(String, Digest)>, StepError> {
        let held = self.held(target)?;
        let Some(release) = held.state().ledger.release(release).filter(|release| !release.images.is_empty()) else {
            return Ok(Vec::new());
        };
        let asked: String =
            release.images.iter().flat_map(|(_, digest)| [digest.to_string(), "\n".to_owned()]).collect();
        let reply = held.tell(&["images"], asked).await?;
        let is_gone =
            |digest: &Digest| reply.lines.iter().any(|(name, text)| name == "gone" && *text == digest.to_string());
        Ok(release.images.into_iter().filter(|(_, digest)| is_gone(digest)).collect())
    }

    /// Writes to the ledger of `target` how far `release` got, keeping the lock.
    ///
    /// # Errors
    ///
    /// `E-FENCED` and what connections fail at.
    pub async fn record(
        &self,
        target: &str,
        release: &str,
        outcome: Outcome,
        verifiers: &[Verifier],
        details: &[(String, String)],
    ) -> Result<(), StepError> {
        let held = self.held(target)?;
        let mut record = self.shared.record(held, release, outcome);
        record.verifiers = verifiers.to_vec();
        record.details = details.to_vec();
        self.append(held, vec![record], "keep").await
    }

    /// Refuses targets on which somebody has been at work by hand. Those that this run held before are left out: it may be
    /// in the middle of something.
    ///
    /// # Errors
    ///
    /// `E-TARGET-MOVED`, `E-RELEASE-GONE`.
    pub fn check_sound(&self) -> Result<(), TargetError> {
        let mut fresh = self.shared.held.iter().filter(|held| !held.is_resumed);
        fresh.try_for_each(|held| sound::check(&held.link.name, &held.state()))
    }

    /// Has what `keep` leaves over removed from `target` once the deployment is verified.
    pub(crate) fn prune_later(&self, target: &str, keep: u32) -> Result<(), TargetError> {
        self.held(target)?.keep_releases(keep);
        Ok(())
    }

    /// Writes to every ledger that the release is verified, by which verifiers, removes what is to be pruned, and lets go of
    /// all targets. Targets on which it was not made current get no record.
    ///
    /// # Errors
    ///
    /// The first target's that could not be told; the others have been.
    pub async fn verified(&self, verifiers: &[Verifier]) -> Result<(), StepError> {
        let told = self.shared.held.iter().map(|held| self.end(held, verifiers));
        let results = join_all(told).await;
        self.stop_renewing();
        results.into_iter().collect()
    }

    async fn end(&self, held: &Held, verifiers: &[Verifier]) -> Result<(), StepError> {
        let is_current = held.state().current.as_deref() == Some(self.release());
        let mut records = Vec::new();
        if is_current {
            let mut record = self.shared.record(held, self.release(), Outcome::Verified);
            record.verifiers = verifiers.to_vec();
            records.push(record);
        }
        let Some(keep) = held.releases_to_keep().filter(|_| is_current) else {
            return self.append(held, records, "unlock").await;
        };
        self.append(held, records, "keep").await?;
        if let Err(error) = prune::prune(self, held, keep).await {
            // What is left over is removed by the next deployment.
            tracing::warn!(%error, target = held.link.name, "old releases were not removed");
        }
        self.append(held, Vec::new(), "unlock").await
    }

    /// Lets go of all targets. One that cannot be told is free when its lease ends.
    pub async fn finish(&self) {
        self.stop_renewing();
        let_go(&self.shared.held, &self.shared.facts.run, LetGo::Removing).await;
    }

    /// The same, of a run that will be resumed: what became of its scripts is still to be read there then.
    pub async fn interrupt(&self) {
        self.stop_renewing();
        let_go(&self.shared.held, &self.shared.facts.run, LetGo::Keeping).await;
    }

    async fn append(&self, held: &Held, records: Vec<Record>, then: &str) -> Result<(), StepError> {
        let stdin = lines(&records);
        let words = [then, &stdin.len().to_string()];
        self.change(held, "record", &words, stdin).await?;
        let mut state = held.state();
        state.ledger.extend(records);
        Ok(())
    }

    /// Asks for a change: the command, epoch and run, then its words. A fenced answer ends the deployment.
    pub(crate) async fn change(
        &self,
        held: &Held,
        command: &str,
        words: &[&str],
        stdin: impl Into<Bytes>,
    ) -> Result<(), StepError> {
        let epoch = held.epoch.to_string();
        let words = [&[command, &epoch, self.run()], words].concat();
        self.shared.heed(held.tell(&words, stdin).await).map(drop)
    }

    /// Whether anything that is live on any target may have been changed: a release was switched to, a file was written, or
    /// a script was started, but for those that make a release ready that is not live.
    pub fn is_touched(&self) -> bool {
        self.shared.touched.load(Ordering::Relaxed)
    }

    /// It goes on where another process of its run stopped: what that changed, and what of it still runs, is not known.
    pub fn take_up(&self) {
        self.touch();
        self.shared.taken_up.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_taken_up(&self) -> bool {
        self.shared.taken_up.load(Ordering::Relaxed)
    }

    /// A person said that what is named by `action` did not happen: it is made again, whatever is found of it.
    pub fn void(&self, action: &str) {
        self.shared.void.lock().unwrap_or_else(PoisonError::into_inner).insert(action.to_owned());
    }

    pub(crate) fn is_void(&self, action: &str) -> bool {
        self.shared.void.lock().unwrap_or_else(PoisonError::into_inner).contains(action)
    }

    pub(crate) fn touch(&self) {
        self.shared.touched.store(true, Ordering::Relaxed);
    }

    pub(crate) async fn check_one(&self, held: &Held) -> Result<(), StepError> {
        self.shared.check(held).await
    }

    /// Passes a result on; when it says that the target is another run's now, the deployment is lost.
    pub(crate) fn heed<T>(&self, result: Result<T, StepError>) -> Result<T, StepError> {
        if let Err(error) = &result
            && error.code == "E-FENCED"
        {
            self.shared.fence(error.clone());
        }
        result
    }

    fn stop_renewing(&self) {
        self.renewing.lock().unwrap_or_else(PoisonError::into_inner).drain(..).for_each(|task| task.abort());
    }
}

impl Drop for Deployment {
    fn drop(&mut self) {
        self.stop_renewing();
    }
}

impl Shared {
    async fn check(&self, held: &Held) -> Result<(), StepError> {
        if let Some(why) = self.fenced.get() {
            return Err(why.clone());
        }
        held.check_answers()?;
        if held.lease.allows_effects() {
            return Ok(());
        }
        // Rare, and larger than everything that waits for it.
        Box::pin(renewal::renew_now(self, held)).await
    }

    fn heed<T>(&self, result: Result<T, TargetError>) -> Result<T, StepError> {
        result.map_err(|error| {
            let is_fenced = matches!(error, TargetError::Fenced { .. });
            let told = StepError::from(error);
            if is_fenced {
                self.fence(told.clone());
            }
            told
        })
    }

    /// Another run holds a target: this one changes nothing more on any.
    pub(crate) fn fence(&self, why: StepError) {
        // The first cause is the one that is told.
        let _ = self.fenced.set(why);
    }

    fn record(&self, held: &Held, release: &str, outcome: Outcome) -> Record {
        let is_ours = release == self.release;
        Record {
            v: RECORD_VERSION,
            time_ms: unix_ms(),
            release: release.to_owned(),
            outcome,
            run: self.facts.run.clone(),
            fence: held.epoch,
            images: Vec::new(),
            details: Vec::new(),
            content: None,
            verifiers: Vec::new(),
            commit: self.facts.commit.clone().filter(|_| is_ours),
            dirty: self.facts.dirty && is_ours,
        }
    }
}

/// The places of the targets in the order in which all runs take them, by what they are and not by their names: two that
/// want the same ones never wait for each other.
fn order(targets: &[TargetSpec]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_key(|&place| {
        let TargetSpec { ssh, directory, .. } = &targets[place];
        (ssh.address.host().to_ascii_lowercase(), ssh.address.port(), directory.as_str())
    });
    order
}

fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// One above everything that any target has seen, or the one that this run has begun already.
fn release_id(run: &str, held: &[Held]) -> String {
    let begun = held.iter().find_map(|held| held.state().ledger.release_of(run).map(str::to_owned));
    let highest = held.iter().map(|held| highest(&held.state())).max().unwrap_or(0);
    begun.unwrap_or_else(|| format!("r{}", highest + 1))
}

fn highest(state: &TargetState) -> u64 {
    let folders = state.releases.iter().filter_map(|id| crate::ledger::release_number(id)).max();
    state.ledger.highest().max(folders.unwrap_or(0))
}
