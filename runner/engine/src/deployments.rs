//! A deployment's locks, its verification, and its way back.

use std::sync::{Arc, Weak};
use std::time::Instant;

use futures_util::future::BoxFuture;
use sealock_broker::ssh::{HostKey, SshAddress, SshAuth, SshLimits, SshTarget};
use sealock_contract::manifest::{InputType, RequestSpec, Source};
use sealock_contract::{ErrorKind, Manifest, StepError, Value, grant::Capability};
use sealock_deploy::{
    Chronicle, Deployment, DeploymentSpec, LockEvent, Outcome, RunFacts, TargetSpec, TargetState, Verifier, Verify,
};
use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, Waiting};
use sealock_plan::{PlannedEnvironment, PlannedTarget, SshLogin};
use sealock_sandbox::CancellationToken;
use sealock_secrets::Vault;

use crate::attempt::Attempt;
use crate::machine::{self, RolledBack};
use crate::outcome::cause_of;
use crate::recorder::Recorder;
use crate::rollback_steps::{self, RollbackStep};
use crate::room::{Room, highest_epoch};
use crate::shared::{Settings, Shared};
use crate::verifying;

/// The machines of an environment, with their logins.
///
/// # Errors
///
/// A login's secret that is missing, or a key or address that cannot be one.
pub fn targets(environment: &PlannedEnvironment, vault: &Vault, settings: &Settings) -> Result<Vec<TargetSpec>, Cause> {
    environment.targets.iter().map(|target| one_target(target, vault, settings)).collect()
}

fn one_target(target: &PlannedTarget, vault: &Vault, settings: &Settings) -> Result<TargetSpec, Cause> {
    let refused = |code: &str, message: String| Cause {
        code: code.to_owned(),
        message: format!("target `{}`: {message}", target.name),
        help: None,
        exit: sealock_diagnostics::codes::exit(code),
    };
    let address = SshAddress::new(&target.user, &target.host, target.port)
        .map_err(|error| refused("E-SSH-NAME", error.to_string()))?;
    let keys = target.host_keys.iter().map(|key| key.parse::<HostKey>());
    let host_keys =
        keys.collect::<Result<Vec<_>, _>>().map_err(|error| refused("E-SSH-HOSTKEY-FORMAT", error.to_string()))?;
    let auth =
        match &target.login {
            SshLogin::Key(secret) => {
                let bytes = vault
                    .get(secret)
                    .ok_or_else(|| refused("E-SECRET-MISSING", format!("the secret `{secret}` is not there")))?;
                SshAuth::Key { secret: secret.clone(), bytes }
            }
            SshLogin::Agent => {
                let socket = settings.ssh_agent.clone();
                SshAuth::Agent(socket.ok_or_else(|| {
                    refused("E-SSH-AGENT", "there is no ssh agent: SSH_AUTH_SOCK is not set".to_owned())
                })?)
            }
        };
    let ssh = SshTarget { name: target.name.clone(), address, host_keys, auth };
    Ok(TargetSpec { ssh, directory: target.directory.clone(), sudo: target.sudo.clone() })
}

/// Takes the locks of the stage's targets.
///
/// # Errors
///
/// A target that cannot be reached or used, uncommitted changes, or a branch that may not deploy there.
pub(crate) async fn begin(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    environment: &PlannedEnvironment,
    begun: Option<&machine::Deployment>,
    stop: &CancellationToken,
) -> Result<machine::Deployment, Cause> {
    let fences = begun.map(|begun| begun.fences.clone()).unwrap_or_default();
    let deployment = take(shared, room, environment, fences, stop).await?;
    let refused = match begun {
        Some(begun) => {
            deployment.take_up();
            superseded(&deployment, begun, &locked_as(&shared.run, room.generation))
        }
        None => deployment.check_sound().err().map(|error| named(cause_of(error.into()), environment)),
    };
    if let Some(cause) = refused {
        deployment.finish().await;
        return Err(cause);
    }
    Ok(entered(shared, room, environment, deployment))
}

/// The same, where somebody has been at work by hand, too: what a person asks for puts that right.
pub(crate) async fn begin_by_hand(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    environment: &PlannedEnvironment,
    stop: &CancellationToken,
) -> Result<machine::Deployment, Cause> {
    let deployment = take(shared, room, environment, Vec::new(), stop).await?;
    Ok(entered(shared, room, environment, deployment))
}

async fn take(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    environment: &PlannedEnvironment,
    fences: Vec<(String, u64)>,
    stop: &CancellationToken,
) -> Result<Deployment, Cause> {
    refuse(shared, environment)?;
    let facts = RunFacts {
        run: locked_as(&shared.run, room.generation),
        who: shared.settings.who.clone(),
        commit: shared.plan.github.get("sha").and_then(|sha| sha.as_str()).map(str::to_owned),
        dirty: shared.settings.dirty_files > 0,
    };
    let targets = targets(environment, shared.broker.vault(), &shared.settings)?;
    let spec = DeploymentSpec { targets, facts, limits: SshLimits::default(), patience: room.patience(), fences };
    let tell = |event| tell_lock(shared, &room.stage, event);
    let begun = Deployment::begin(spec, &tell, stop).await;
    begun.map_err(|error| named(cause_of(error.into()), environment))
}

/// Help that names the environment is a command to type.
fn named(cause: Cause, environment: &PlannedEnvironment) -> Cause {
    let help = cause.help.map(|help| help.replace("ENVIRONMENT", &environment.name));
    Cause { help, ..cause }
}

/// Lets the stage's steps act on the targets.
fn entered(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    environment: &PlannedEnvironment,
    deployment: Deployment,
) -> machine::Deployment {
    let deployment = Arc::new(deployment);
    let begun = described(&deployment, environment, highest_epoch(&deployment));
    let verify = Arc::new(Verifying { shared: Arc::downgrade(shared), room: Arc::downgrade(room) });
    let (recorder, stage) = (shared.recorder.clone(), room.stage.clone());
    let switches = Arc::new(Switches { recorder, stage, environment: environment.name.clone() });
    shared.targets.begin(&room.stage, deployment.clone(), verify, switches);
    let _ = room.deployment.set(deployment);
    begun
}

/// Under what name a run holds its targets: a stage that was started again makes another release.
fn locked_as(run: &str, generation: u32) -> String {
    if generation == 0 { run.to_owned() } else { format!("{run}.{generation}") }
}

/// Why a deployment that was interrupted must not go on: another run has changed a target since.
fn superseded(deployment: &Deployment, begun: &machine::Deployment, run: &str) -> Option<Cause> {
    let by = |name: &String| {
        let state = deployment.state(name)?;
        let records = state.ledger.records();
        let is_ours = |record: &sealock_deploy::Record| record.run == run;
        let ours = records.iter().position(is_ours);
        let since = ours.map_or(&[][..], |first| &records[first..]);
        // A release is numbered above everything that its targets have seen.
        let number = |id: &str| id.strip_prefix('r').and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0);
        let newer = records.iter().filter(|record| number(&record.release) > number(&begun.release));
        if let Some(other) = changed_since(&state, fence_of(begun, name), run) {
            return Some((name.clone(), other));
        }
        since.iter().chain(newer).find(|record| !is_ours(record)).map(|record| (name.clone(), record.run.clone()))
    };
    let found = deployment.names().iter().find_map(by);
    let renumbered = || deployment.names().first().map(|name| (name.clone(), "another run".to_owned()));
    let (target, other) = found.or_else(|| renumbered().filter(|_| deployment.release() != begun.release))?;
    Some(Cause {
        code: "E-DEPLOY-SUPERSEDED".into(),
        message: format!("{target} was changed by run {other} since this run was interrupted; it is left as it is"),
        help: Some(format!("look with `sealock status {}`, and start a new run", begun.environment)),
        exit: 7,
    })
}

/// The run that changed a target last, when it is another one and did so after this one had it: also by what no ledger
/// tells, such as a script.
fn changed_since(state: &TargetState, fence: Option<u64>, run: &str) -> Option<String> {
    let (epoch, by) = state.changed.as_ref()?;
    (fence.is_some_and(|fence| *epoch > fence) && by != run).then(|| by.clone())
}

fn fence_of(begun: &machine::Deployment, target: &str) -> Option<u64> {
    begun.fences.iter().find(|(name, _)| name == target).map(|(_, fence)| *fence)
}

fn described(deployment: &Deployment, environment: &PlannedEnvironment, fence: u64) -> machine::Deployment {
    let names = deployment.names();
    let fences = names.iter().filter_map(|name| Some((name.clone(), deployment.epoch(name)?))).collect();
    machine::Deployment {
        fences,
        environment: environment.name.clone(),
        release: deployment.release().to_owned(),
        fence,
        previous: names
            .iter()
            .map(|name| (name.clone(), deployment.previous(name).map(|release| release.id)))
            .collect(),
        targets: names,
    }
}

/// What the command line refused already where it could be known; a condition may have let the stage in since.
fn refuse(shared: &Shared, environment: &PlannedEnvironment) -> Result<(), Cause> {
    let dirty_files = if shared.settings.allow_dirty { 0 } else { shared.settings.dirty_files };
    let refusal = sealock_plan::refuse_dirty(dirty_files, environment)
        .or_else(|| sealock_plan::refuse_branch(&shared.plan, environment));
    let Some(refusal) = refusal else {
        return Ok(());
    };
    let help = refusal.help.map(str::to_owned);
    Err(Cause { code: refusal.code.into(), message: refusal.message, help, exit: 3 })
}

fn tell_lock(shared: &Shared, stage: &str, event: LockEvent) {
    if let LockEvent::Waiting { target, holder, place } = event {
        let since =
            sealock_events::Timestamp::from_unix_ms(i64::try_from(holder.since).unwrap_or(0).saturating_mul(1000));
        let (position, of) = (place.as_ref().map(|place| place.position), place.as_ref().map(|place| place.of));
        let waiting = Waiting::Lock {
            target,
            holder: format!("{} ({})", holder.run, holder.who),
            since: since.to_string(),
            position,
            of,
            behind: place.and_then(|place| place.behind),
        };
        shared.recorder.tell(EventKind::Waiting { stage: Some(stage.to_owned()), step: None, waiting });
    } else if let LockEvent::TakenOver { target, before, .. } = event {
        let message = format!("took over the stale lock of {target}, which {} ({}) held", before.run, before.who);
        shared.recorder.tell(EventKind::Annotation {
            stage: stage.to_owned(),
            step: String::new(),
            level: sealock_events::LogLevel::Notice,
            message,
            title: None,
            file: None,
            line: None,
            column: None,
            end_line: None,
            end_column: None,
        });
    }
}

/// Runs the stage's verifying steps between batches.
struct Verifying {
    shared: Weak<Shared>,
    room: Weak<Room>,
}

impl Verify for Verifying {
    fn verify(&self, targets: Vec<String>) -> BoxFuture<'_, Result<(), StepError>> {
        Box::pin(async move {
            let (Some(shared), Some(room)) = (self.shared.upgrade(), self.room.upgrade()) else {
                return Err(StepError::new(ErrorKind::Cancelled, "E-CANCELLED", "the stage is over"));
            };
            verifying::between_batches(&shared, &room, &targets).await
        })
    }
}

/// Writes down that targets are switched, each by itself.
struct Switches {
    recorder: Recorder,
    stage: String,
    environment: String,
}

impl Switches {
    fn of(shared: &Shared, room: &Room) -> Self {
        let environment = room.environment().unwrap_or_default().to_owned();
        Self { recorder: shared.recorder.clone(), stage: room.stage.clone(), environment }
    }

    async fn commit(&self, kind: EventKind) -> Result<(), StepError> {
        let told = self.recorder.commit(kind).await;
        told.map_err(|error| StepError::new(ErrorKind::Io, error.code, error.message))
    }
}

impl Chronicle for Switches {
    fn switching<'a>(&'a self, target: &'a str, release: &'a str) -> BoxFuture<'a, Result<(), StepError>> {
        let (stage, environment) = (self.stage.clone(), self.environment.clone());
        let (target, release) = (target.to_owned(), release.to_owned());
        Box::pin(self.commit(EventKind::SwitchIntent { stage, environment, target, release }))
    }

    fn switched<'a>(&'a self, target: &'a str, release: &'a str) -> BoxFuture<'a, Result<(), StepError>> {
        let (stage, environment) = (self.stage.clone(), self.environment.clone());
        let (target, release) = (target.to_owned(), release.to_owned());
        Box::pin(self.commit(EventKind::Switched { stage, environment, target, release }))
    }
}

/// Switches a target, and writes it down.
///
/// # Errors
///
/// What connections fail at, and a journal that cannot be written.
pub(crate) async fn switch(
    shared: &Shared,
    room: &Room,
    deployment: &Deployment,
    target: &str,
    release: Option<&str>,
) -> Result<(), StepError> {
    let switches = Switches::of(shared, room);
    switches.switching(target, release.unwrap_or_default()).await?;
    deployment.switch(target, release).await?;
    switches.switched(target, release.unwrap_or_default()).await
}

/// What a rollback needs of the driver.
pub(crate) struct Way {
    /// The rollback of each effect step, newest first.
    pub(crate) undo: Vec<Attempt>,
    /// The stage's own rollback steps.
    pub(crate) extra: Vec<RollbackStep>,
}

/// Goes back: undoes effects, runs the stage's own rollback steps, verifies what is live then.
pub(crate) async fn roll_back(shared: &Arc<Shared>, room: &Arc<Room>, way: Way) -> RolledBack {
    let started = Instant::now();
    if let Some(deployment) = room.deployment.get()
        && !deployment.is_touched()
        && way.undo.iter().all(acts_on_targets_only)
    {
        // Nothing is to be taken back: the run keeps the cause of its failure.
        return RolledBack { result: DeploymentResult::Unchanged, live: live(deployment), duration_ms: 0 };
    }
    let mut undone = undo(shared, room, way).await;
    let Some(deployment) = room.deployment.get() else {
        let result = if undone { DeploymentResult::Unchanged } else { DeploymentResult::RollbackFailed };
        return RolledBack { result, live: Vec::new(), duration_ms: elapsed_ms(started) };
    };
    undone &= leave_none_current(shared, room, deployment).await;
    let back = back(deployment).await;
    let failed = Some(deployment.release());
    let result = settled(shared, room, deployment, undone, &back, failed).await;
    RolledBack { result, live: live(deployment), duration_ms: elapsed_ms(started) }
}

/// Whether all that a step can change is on the targets, where it is known what was.
fn acts_on_targets_only(attempt: &Attempt) -> bool {
    let is_target = |request: &RequestSpec| request.capability == Capability::Targets;
    attempt.manifest.as_ref().is_some_and(|manifest| manifest.requests.iter().all(is_target))
}

/// Brings up, on every target, the release that is to be live there, as it was switched to by hand, and verifies it.
pub(crate) async fn bring_back(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    way: Way,
    switched: &[(String, Option<String>)],
) -> RolledBack {
    let Some(deployment) = room.deployment.get() else {
        return RolledBack { result: DeploymentResult::Unchanged, live: Vec::new(), duration_ms: 0 };
    };
    let started = Instant::now();
    let undone = undo(shared, room, way).await;
    let mut there = Vec::new();
    for (target, release) in switched {
        let current = deployment.confirmed_current(target).await;
        if current.is_ok_and(|own| own.map(|own| own.id) == *release) {
            there.push(target.clone());
        }
    }
    let result = settled(shared, room, deployment, undone, &there, None).await;
    RolledBack { result, live: live(deployment), duration_ms: elapsed_ms(started) }
}

async fn undo(shared: &Arc<Shared>, room: &Arc<Room>, way: Way) -> bool {
    let mut undone = true;
    for attempt in way.undo {
        let what = format!("undo {}", attempt.name.step);
        undone &= rollback_steps::make(shared, room, attempt, &what).await.why.conclusion() == Conclusion::Success;
    }
    for step in way.extra {
        undone &= rollback_steps::run(shared, room, step).await;
    }
    undone
}

/// What is true once everything that could be undone is. The targets in `back` are verified and say so, whatever became
/// of the others; on those, `failed` is written down.
async fn settled(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    deployment: &Deployment,
    undone: bool,
    back: &[String],
    failed: Option<&str>,
) -> DeploymentResult {
    let verified = verify_old(shared, room, deployment, undone, back).await;
    let names = deployment.names();
    let lost: Vec<&String> = names.iter().filter(|name| !back.contains(name)).collect();
    for (target, failed) in lost.iter().zip(failed.into_iter().cycle()) {
        // What cannot be told now stands as `switching` in the ledger, which is not verified either.
        let _ = deployment.record(target, failed, Outcome::Failed, &[], &[]).await;
    }
    match (undone && lost.is_empty(), verified) {
        (false, _) => DeploymentResult::RollbackFailed,
        (true, true) => DeploymentResult::RolledBackVerified,
        (true, false) => DeploymentResult::RolledBackUnverified,
    }
}

/// On a first deployment there is nothing to go back to: none is current.
async fn leave_none_current(shared: &Shared, room: &Room, deployment: &Deployment) -> bool {
    let mut done = true;
    for target in deployment.names() {
        let is_ours = deployment.current(&target).is_some_and(|release| release.id == deployment.release());
        if is_ours && deployment.previous(&target).is_none() {
            done &= switch(shared, room, deployment, &target, None).await.is_ok();
        }
    }
    done
}

/// The targets whose `current` is what it was before, by their own word.
async fn back(deployment: &Deployment) -> Vec<String> {
    let mut back = Vec::new();
    for target in deployment.names() {
        let Ok(current) = deployment.confirmed_current(&target).await else { continue };
        let previous = deployment.previous(&target);
        let is_new = current.as_ref().is_some_and(|release| release.id == deployment.release());
        if !is_new && current.map(|release| release.id) == previous.map(|release| release.id) {
            back.push(target);
        }
    }
    back
}

/// Runs the verifiers stored with what is live now, each release's on those of its own targets that are `back`, and
/// writes into their ledgers what passed. Without verifiers, the steps that were `undone` have looked at what runs.
async fn verify_old(
    shared: &Arc<Shared>,
    room: &Arc<Room>,
    deployment: &Deployment,
    undone: bool,
    back: &[String],
) -> bool {
    let mut by_release: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for (target, release) in live(deployment).into_iter().filter(|(target, _)| back.contains(target)) {
        if let Some(release) = release {
            by_release.entry(release).or_default().push(target);
        }
    }
    let mut all = true;
    for (release, targets) in by_release {
        let verifiers = targets.first().map(|target| deployment.verifiers(target, &release)).unwrap_or_default();
        let mut passed = undone || !verifiers.is_empty();
        for verifier in &verifiers {
            passed &= verifying::stored(shared, room, verifier, &release, &targets).await;
        }
        all &= passed;
        for target in targets.iter().filter(|_| passed) {
            let stored = deployment.verifiers(target, &release);
            // A ledger that cannot be told keeps what it said before: that this release was verified once.
            let _ = deployment.record(target, &release, Outcome::Verified, &stored, &[]).await;
        }
    }
    all
}

/// What is live, by target.
pub(crate) fn live(deployment: &Deployment) -> Vec<(String, Option<String>)> {
    let current = |name: String| {
        let release = deployment.current(&name).map(|release| release.id);
        (name, release)
    };
    deployment.names().into_iter().map(current).collect()
}

/// Ends the deployment: a successful one is verified in every ledger; all locks go. One that is interrupted will be resumed.
///
/// # Errors
///
/// When a ledger could not be told.
pub(crate) async fn end(
    shared: &Shared,
    room: &mut Room,
    verified: Option<Vec<Verifier>>,
    is_interrupted: bool,
) -> Result<(), Cause> {
    shared.targets.end(&room.stage);
    let Some(deployment) = room.deployment.take() else {
        return Ok(());
    };
    let Some(deployment) = only_owner(deployment).await else {
        return Err(Cause {
            code: "E-BUG".into(),
            message: "something still uses the deployment".into(),
            help: None,
            exit: 70,
        });
    };
    if let Some(verifiers) = verified {
        return deployment.verified(&verifiers).await.map_err(cause_of);
    }
    if is_interrupted {
        deployment.interrupt().await;
    } else {
        deployment.finish().await;
    }
    Ok(())
}

/// Requests in flight hold the deployment for a moment after their step ended.
async fn only_owner(mut deployment: Arc<Deployment>) -> Option<Deployment> {
    const TRIES: u32 = 200;
    const PAUSE_MS: u64 = 10;
    for _ in 0..TRIES {
        match Arc::try_unwrap(deployment) {
            Ok(own) => return Some(own),
            Err(shared) => deployment = shared,
        }
        tokio::time::sleep(std::time::Duration::from_millis(PAUSE_MS)).await;
    }
    None
}

/// The input in which a verifier is told its targets: the one that its request for targets names.
pub(crate) fn targets_input(manifest: &Manifest) -> Option<String> {
    manifest.requests.iter().find_map(|request| match request.source() {
        Source::Input(name) if request.capability == Capability::Targets => Some(name),
        _ => None,
    })
}

/// `inputs` with only these targets.
pub(crate) fn narrow(
    manifest: &Manifest,
    mut inputs: Vec<(String, Value)>,
    targets: &[String],
) -> Vec<(String, Value)> {
    let Some(name) = targets_input(manifest) else {
        return inputs;
    };
    if manifest.inputs.get(&name).is_none_or(|spec| spec.kind != InputType::List) {
        return inputs;
    }
    if let Some((_, Value::Items(own))) = inputs.iter_mut().find(|(own, _)| *own == name) {
        own.retain(|target| targets.contains(target));
    }
    inputs
}

fn elapsed_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Marks an effect: the same in every attempt, in `probe`, and in `rollback`; another one when its stage was started
/// again from its first step.
pub(crate) fn effect_key(run: &str, stage: &str, step: &str, generation: u32) -> String {
    let again = if generation == 0 { String::new() } else { format!("\n{generation}") };
    sealock_contract::Digest::of(format!("{run}\n{stage}\n{step}{again}").as_bytes()).hex()[..32].to_owned()
}
