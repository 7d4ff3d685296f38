//! One try of a step: desk, sandbox, and what it left behind.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sealock_broker::{EnvText, StepDesk, StepDeskSpec};
use sealock_contract::grant::FileGrant;
use sealock_contract::seam::{Note, Outcome};
use sealock_contract::{Grant, Manifest, StepLimits, StepName, Value};
use sealock_events::{Cause, EventKind};
use sealock_sandbox::{CancellationToken, Entry, Facts, Program, ProgramKind, StepCall, Workspace};
use sealock_workspace::Selection;

use crate::machine::{Ended, Why};
use crate::outcome;
use crate::prepare::Prepared;
use crate::room::Room;
use crate::scripts::{self, Handover, Taken};
use crate::shared::Shared;
use crate::try_folder::TryFolder;

/// The input of a plain program that is its arguments: a list, or one text.
pub(crate) const ARGUMENTS_INPUT: &str = "args";

/// One try, ready to be made.
pub(crate) struct Attempt {
    pub(crate) name: StepName,
    pub(crate) number: u32,
    /// Desks of the same step with a smaller epoch are closed.
    pub(crate) epoch: u64,
    /// Names what it starts on targets: the same when the same try is made again after a crash.
    pub(crate) action: String,
    pub(crate) program: Program,
    pub(crate) manifest: Option<Manifest>,
    pub(crate) grant: Grant,
    pub(crate) limits: StepLimits,
    pub(crate) prepared: Prepared,
    pub(crate) entry: Entry,
    /// Marks its effect.
    pub(crate) key: Option<String>,
    /// The release that its deployment makes, or the one that is verified.
    pub(crate) release: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) component: String,
}

/// The end of a try that had less than its whole time.
pub(crate) fn cut(mut ended: Ended) -> Ended {
    if let Some(cause) = ended.cause.as_mut().filter(|_| ended.why == Why::Timeout) {
        let told = "the run was interrupted within this step, and what it had used of its `timeout` before counts";
        cause.help.get_or_insert_with(|| told.to_owned());
    }
    ended
}

/// What a try came to.
pub(crate) struct Made {
    pub(crate) ended: Ended,
    /// For later steps of the stage.
    pub(crate) taken: Taken,
}

impl Attempt {
    /// The same in what is left of its time.
    pub(crate) fn within(mut self, left_ms: u64) -> Self {
        self.limits.wall_ms = self.limits.wall_ms.min(left_ms);
        self
    }

    fn is_effect(&self) -> bool {
        self.manifest.as_ref().is_some_and(|manifest| manifest.effect)
    }

    pub(crate) fn is_hermetic(&self) -> bool {
        self.manifest.as_ref().is_some_and(Manifest::is_hermetic)
    }

    /// A plain `wasi:cli` program, with a manifest or without.
    pub(crate) fn is_plain(&self) -> bool {
        self.program.kind() == ProgramKind::Command
    }

    /// Whether it may start native commands, which hand on through files.
    pub(crate) fn runs_commands(&self) -> bool {
        !self.grant.exec.is_empty()
    }
}

/// Makes the try. Always comes back with an end.
pub(crate) async fn make(shared: &Arc<Shared>, room: &Room, attempt: Attempt, stop: CancellationToken) -> Made {
    let started = Instant::now();
    shared.teller.reset(&attempt.name);
    let (number, effect, allow_failure) = (attempt.number, attempt.is_effect(), attempt.prepared.allow_failure);
    let name = attempt.name.clone();
    let (why, cause, skipped, taken) = match perform(shared, room, attempt, &stop).await {
        Ok((outcome, taken)) => {
            let (why, cause, skipped) = outcome::judge(outcome, stop.is_cancelled());
            (why, cause, skipped, taken)
        }
        Err(cause) => (Why::Failure, Some(cause), None, Taken::default()),
    };
    let heard = shared.teller.take(&name);
    let ended = Ended {
        attempt: number,
        why,
        cause,
        skipped,
        outputs: heard.outputs,
        effect,
        allow_failure,
        duration_ms: milliseconds(started),
        log_bytes: heard.log_bytes,
    };
    Made { ended, taken }
}

async fn perform(
    shared: &Arc<Shared>,
    room: &Room,
    attempt: Attempt,
    stop: &CancellationToken,
) -> Result<(Outcome, Taken), Cause> {
    if may_write(&attempt.grant) {
        room.before_writing(shared, &attempt.name.step, attempt.number)?;
    }
    let mut folder = TryFolder::make(shared, room, &attempt, attempt.runs_commands()).map_err(|error| disk(&error))?;
    let desk = desk(shared, room, &attempt, &folder);
    if attempt.is_effect() && attempt.entry == Entry::Run {
        intend(shared, room, &attempt).await?;
    }
    let (call, _selection) = call(shared, room, &attempt, &folder)?;
    let mut running = std::pin::pin!(shared.sandbox.run(&attempt.program, call, desk.clone(), stop));
    let outcome = tokio::select! {
        outcome = &mut running => outcome,
        () = stop.cancelled() => {
            desk.ask_to_stop();
            running.await
        }
    };
    desk.close().await;
    let taken = settle(shared, room, &attempt, desk.as_ref(), &outcome, folder.handover());
    folder.is_left(outcome == Outcome::Success && desk.has_accounted());
    if attempt.is_effect() && attempt.entry == Entry::Run {
        done(shared, &attempt, &outcome).await?;
    }
    match taken {
        Ok(taken) => Ok((outcome, taken)),
        // A step that failed by itself keeps its own cause.
        Err(cause) if outcome == Outcome::Success => Err(cause),
        Err(_) => Ok((outcome, Taken::default())),
    }
}

/// Whether a step with this grant may write into the workspace.
fn may_write(grant: &Grant) -> bool {
    !grant.files.write.is_empty() || !grant.exec.is_empty() || !grant.containers.run.is_empty()
}

pub(crate) fn desk(shared: &Shared, room: &Room, attempt: &Attempt, folder: &TryFolder<'_>) -> Arc<StepDesk> {
    let mut env = room.base_env(shared);
    env.extend(
        folder.handover().into_iter().flat_map(Handover::env).map(|(name, value)| (name, EnvText::Plain(value))),
    );
    env.push(("TMPDIR".to_owned(), EnvText::Plain(folder.path().display().to_string())));
    env.extend(attempt.prepared.env.iter().cloned());
    shared.broker.desk(StepDeskSpec {
        name: attempt.name.clone(),
        epoch: attempt.epoch,
        action: attempt.action.clone(),
        limits: attempt.limits,
        workspace: room.workspace(),
        temporary: folder.path().to_owned(),
        env,
        secret_inputs: attempt.prepared.secrets.clone(),
        place: room.place.clone(),
        sink: shared.teller.clone(),
    })
}

/// The call, and the copies of files that must live as long as it.
pub(crate) fn call(
    shared: &Shared,
    room: &Room,
    attempt: &Attempt,
    folder: &TryFolder<'_>,
) -> Result<(StepCall, Option<Selection>), Cause> {
    let is_plain = attempt.is_plain();
    let (workspace, selection) = workspace(room, attempt)?;
    let call = StepCall {
        entry: attempt.entry,
        facts: Facts {
            run: shared.run.clone(),
            stage: attempt.name.stage.clone(),
            step: attempt.name.step.clone(),
            attempt: attempt.number,
            idempotency_key: attempt.key.clone(),
            environment: attempt.environment.clone(),
            release: attempt.release.clone(),
        },
        inputs: attempt.prepared.inputs.clone(),
        declared: attempt.manifest.as_ref().map(|manifest| manifest.inputs.keys().cloned().collect()),
        outputs: attempt.manifest.as_ref().map(|manifest| manifest.outputs.clone()),
        grant: attempt.grant.clone(),
        limits: attempt.limits,
        hermetic: attempt.is_hermetic(),
        workspace,
        tmp: Some(open(&folder.path().join("tmp")).map_err(|error| disk(&error))?),
        step_out: is_plain.then(|| open(&folder.path().join("out"))).transpose().map_err(|error| disk(&error))?,
        args: if is_plain { arguments(attempt) } else { Vec::new() },
        env: if is_plain { input_variables(&attempt.prepared.inputs) } else { Vec::new() },
        ..StepCall::default()
    };
    Ok((call, selection))
}

/// What the step sees as `/workspace`: nothing, everything, or copies of what it was granted.
fn workspace(room: &Room, attempt: &Attempt) -> Result<(Option<Workspace>, Option<Selection>), Cause> {
    let files = &attempt.grant.files;
    if *files == FileGrant::default() {
        return Ok((None, None));
    }
    let writable = !files.write.is_empty();
    if writable || files.reads_all() && !attempt.is_hermetic() {
        let folder = room.open_workspace(writable).map_err(|error| disk(&error))?;
        return Ok((Some(Workspace { folder, writable }), None));
    }
    let (folder, selection) = room.select(files)?;
    Ok((Some(Workspace { folder, writable: false }), Some(selection)))
}

/// A plain program's own name, which is its step's, and what its input `args` holds.
fn arguments(attempt: &Attempt) -> Vec<String> {
    let given = attempt.prepared.inputs.iter().find(|(name, _)| name == ARGUMENTS_INPUT).map(|(_, value)| value);
    let given = match given {
        Some(Value::Items(items)) => items.clone(),
        Some(value) => vec![input_text(value)],
        None => Vec::new(),
    };
    [vec![attempt.name.step.clone()], given].concat()
}

fn input_text(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Json(text) => text.clone(),
        other => other.to_json().to_string(),
    }
}

fn input_variables(inputs: &[(String, Value)]) -> Vec<(String, String)> {
    let name = |name: &str| format!("INPUT_{}", name.to_ascii_uppercase().replace(['-', ' '], "_"));
    inputs.iter().map(|(own, value)| (name(own), input_text(value))).collect()
}

/// What was handed on, and whether anything leaves the workspace now.
fn settle(
    shared: &Shared,
    room: &Room,
    attempt: &Attempt,
    desk: &StepDesk,
    outcome: &Outcome,
    handover: Option<&Handover>,
) -> Result<Taken, Cause> {
    if !attempt.grant.files.write.is_empty() {
        room.remove_escapes(desk)?;
    }
    let Some(handover) = handover.filter(|_| *outcome == Outcome::Success || matches!(outcome, Outcome::Failed(_)))
    else {
        return Ok(Taken::default());
    };
    // The desk is closed; what scripts hand on passes the same redactor.
    let redactor = shared.broker.vault().redactor();
    let taken = handover.take(&|text| redactor.redact_text(text).into_owned())?;
    scripts::check_sizes(&taken.outputs)?;
    if !taken.env.is_empty() || !taken.path.is_empty() {
        let (stage, step) = (attempt.name.stage.clone(), attempt.name.step.clone());
        let (env, path) = (taken.env.clone(), taken.path.clone());
        shared.recorder.tell(EventKind::HandedOn { stage, step, env, path });
    }
    let clean = |text: &String| redactor.redact_text(text).into_owned();
    let outputs =
        taken.outputs.iter().map(|(name, value)| Note::Output { name: clean(name), value: Value::Text(clean(value)) });
    let summary = taken.summary.iter().map(|markdown| Note::Summary { markdown: clean(markdown) });
    let _ = desk.step().tell(outputs.chain(summary).collect());
    Ok(taken)
}

async fn intend(shared: &Shared, room: &Room, attempt: &Attempt) -> Result<(), Cause> {
    let kind = EventKind::EffectIntent {
        stage: attempt.name.stage.clone(),
        step: attempt.name.step.clone(),
        key: attempt.key.clone().unwrap_or_default(),
        fence: room.fence(),
        component: attempt.component.clone(),
        inputs: attempt.prepared.record.clone(),
    };
    room.check_effect().await?;
    shared.commit(kind).await?;
    room.effect_began();
    Ok(())
}

async fn done(shared: &Shared, attempt: &Attempt, outcome: &Outcome) -> Result<(), Cause> {
    let kind = EventKind::EffectDone {
        stage: attempt.name.stage.clone(),
        step: attempt.name.step.clone(),
        key: attempt.key.clone().unwrap_or_default(),
        applied: *outcome == Outcome::Success,
    };
    shared.commit(kind).await
}

pub(crate) fn open(path: &Path) -> std::io::Result<OwnedFd> {
    let flags = rustix::fs::OFlags::RDONLY
        | rustix::fs::OFlags::DIRECTORY
        | rustix::fs::OFlags::NOFOLLOW
        | rustix::fs::OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, rustix::fs::Mode::empty())?)
}

/// The disk said no.
pub(crate) fn disk(error: &std::io::Error) -> Cause {
    let full = error.raw_os_error() == Some(rustix::io::Errno::NOSPC.raw_os_error());
    let code = if full { "E-DISK-FULL" } else { "E-DISK" };
    Cause { code: code.into(), message: format!("the state folder cannot be used: {error}"), help: None, exit: 4 }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// A try that did not stop when it was asked to.
pub(crate) fn killed(number: u32, started: Instant) -> Ended {
    let cause = Cause {
        code: "E-CANCELLED".into(),
        message: "the step did not stop by itself and was ended".into(),
        help: None,
        exit: 130,
    };
    Ended { why: Why::Cancelled, duration_ms: milliseconds(started), ..Ended::unmade(number, cause) }
}
