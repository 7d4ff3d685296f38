//! One call: a store, an instance, and the outcome, whatever happens.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use sealock_contract::limits::{HANDLES, HOST_CALL_BYTES};
use sealock_contract::seam::{Desk, EffectState, Level, LimitName, Outcome, StopCause};
use sealock_contract::{ErrorKind, StepError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::filesystem::FsPerms;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

use crate::bindings::effecting::exports::sealock::step::effect::State;
use crate::bindings::sealock::step::base;
use crate::bindings::stepping::exports::sealock::step::step;
use crate::call::{Entry, StepCall};
use crate::capability::file_watch::FileWatch;
use crate::capability::files::WORKSPACE;
use crate::capability::http::Sender;
use crate::capability::outputs::OutputBook;
use crate::constant::make_constant;
use crate::convert::REASON_BYTES;
use crate::ending;
use crate::limiter::Limiter;
use crate::notes::{Notes, truncate};
use crate::program::{Entries, Program};
use crate::state::{StepState, http_ctx};
use crate::stdio::LogStream;
use crate::step_out;

/// Random bytes of one call: a terabyte must not be made.
const RANDOM_BYTES: u64 = 1 << 20;
/// Between two hand-overs of notes while a guest waits for something.
const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// Which function of a component is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Function {
    Run,
    Rollback,
    Probe,
}

/// What it answered.
enum Answer {
    Outcome(Outcome),
    State(State),
}

/// Runs `run` or `rollback`.
pub(crate) async fn run(
    engine: &Engine,
    program: &Program,
    call: StepCall,
    desk: Arc<dyn Desk>,
    stop: &CancellationToken,
) -> Outcome {
    let function = match call.entry {
        Entry::Run => Function::Run,
        Entry::Rollback => Function::Rollback,
    };
    match watched(engine, program, function, call, desk, stop).await {
        Answer::Outcome(outcome) => outcome,
        Answer::State(_) => Outcome::Error(no_entry("run")),
    }
}

/// Runs `probe`.
pub(crate) async fn probe(
    engine: &Engine,
    program: &Program,
    call: StepCall,
    desk: Arc<dyn Desk>,
    stop: &CancellationToken,
) -> Result<EffectState, Outcome> {
    match watched(engine, program, Function::Probe, call, desk, stop).await {
        Answer::State(State::Applied) => Ok(EffectState::Applied),
        Answer::State(State::NotApplied) => Ok(EffectState::NotApplied),
        Answer::State(State::Partly(why)) => Ok(EffectState::Partly(reason(why))),
        Answer::State(State::Unknown(why)) => Ok(EffectState::Unknown(reason(why))),
        Answer::Outcome(outcome) => Err(outcome),
    }
}

/// Calls the function and watches the clock, the stop, and the notes meanwhile.
async fn watched(
    engine: &Engine,
    program: &Program,
    function: Function,
    call: StepCall,
    desk: Arc<dyn Desk>,
    stop: &CancellationToken,
) -> Answer {
    let (wall, grace) = (Duration::from_millis(call.limits.wall_ms), call.grace);
    let notes = Notes::new(Arc::clone(&desk), call.limits.log_bytes);
    let streams = [LogStream::new(notes.clone(), Level::Info), LogStream::new(notes.clone(), Level::Info)];
    let deadline = Instant::now() + wall;
    let guest = async {
        let (mut store, folder) = prepare(engine, call, desk, &notes, &streams, deadline, stop)?;
        let called = invoke(&mut store, &program.entries, function).await;
        Ok(conclude(store, called, folder.as_ref()))
    };
    let guest = AssertUnwindSafe(guest).catch_unwind();

    let mut guest = std::pin::pin!(guest);
    let mut time_up = std::pin::pin!(tokio::time::sleep_until(deadline));
    let mut stopped = std::pin::pin!(stopped(stop, grace));
    let mut flush = tokio::time::interval(FLUSH_EVERY);
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut guest => break ended.unwrap_or(Ok(Answer::Outcome(Outcome::Lost { signal: None }))),
            () = &mut time_up => break Ok(Answer::Outcome(Outcome::Stopped(wall_time(wall)))),
            () = &mut stopped => break Ok(Answer::Outcome(Outcome::Stopped(StopCause::Cancelled))),
            _ = flush.tick() => notes.flush(),
        }
    };
    streams.iter().for_each(LogStream::finish);
    notes.finish();
    ended.unwrap_or_else(|error: StepError| Answer::Outcome(Outcome::Error(error)))
}

/// Ready when a step that was asked to stop has had its grace.
async fn stopped(stop: &CancellationToken, grace: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(grace).await;
}

fn wall_time(wall: Duration) -> StopCause {
    let limit = if wall.subsec_millis() == 0 { format!("{} s", wall.as_secs()) } else { format!("{wall:?}") };
    StopCause::Limit { name: LimitName::WallTime, limit }
}

/// Instantiates the component and calls the function.
async fn invoke(
    store: &mut Store<StepState>,
    entries: &Entries,
    function: Function,
) -> wasmtime::Result<Result<Answer, base::Error>> {
    match (entries, function) {
        (Entries::Step(pre) | Entries::Effect(pre, _), Function::Run) => {
            let step = pre.instantiate_async(&mut *store).await?;
            let ended = step.sealock_step_step().call_run(store).await?;
            Ok(ended.map(|ended| Answer::Outcome(outcome(ended))))
        }
        (Entries::Effect(_, pre), Function::Rollback) => {
            let step = pre.instantiate_async(&mut *store).await?;
            let ended = step.sealock_step_effect().call_rollback(store).await?;
            Ok(ended.map(|()| Answer::Outcome(Outcome::Success)))
        }
        (Entries::Effect(_, pre), Function::Probe) => {
            let step = pre.instantiate_async(&mut *store).await?;
            Ok(step.sealock_step_effect().call_probe(store).await?.map(Answer::State))
        }
        (Entries::Command(pre), Function::Run) => {
            let program = pre.instantiate_async(&mut *store).await?;
            let ended = program.wasi_cli_run().call_run(store).await?;
            Ok(Ok(Answer::Outcome(ended.map_or_else(|()| ending::exit_code(1), |()| Outcome::Success))))
        }
        (Entries::Step(_) | Entries::Command(_), Function::Rollback) => Ok(Err(no_entry("rollback").into())),
        (Entries::Step(_) | Entries::Command(_), Function::Probe) => Ok(Err(no_entry("probe").into())),
    }
}

/// What the call came to, when also its outputs are looked at.
fn conclude(
    mut store: Store<StepState>,
    called: wasmtime::Result<Result<Answer, base::Error>>,
    step_out: Option<&OwnedFd>,
) -> Answer {
    let answer = match called {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => Answer::Outcome(Outcome::Error(error.into())),
        Err(error) => Answer::Outcome(ending::of(&error, store.data().limiter.hit())),
    };
    let Answer::Outcome(Outcome::Success) = answer else {
        return answer;
    };
    let state = store.data_mut();
    if let Some(outcome) = step_out.and_then(|folder| step_out::gather(state, folder).err()) {
        return Answer::Outcome(outcome);
    }
    state.outputs.fault().map_or(answer, |fault| Answer::Outcome(Outcome::Error(fault)))
}

/// The store of one call, with every limit set.
fn prepare(
    engine: &Engine,
    call: StepCall,
    desk: Arc<dyn Desk>,
    notes: &Notes,
    streams: &[LogStream; 2],
    deadline: Instant,
    stop: &CancellationToken,
) -> Result<(Store<StepState>, Option<OwnedFd>), StepError> {
    let wasi = wasi(&call, streams)?;
    let limits = call.limits;
    let grant = Arc::new(call.grant);
    let workspace = call.workspace.map(|workspace| workspace.folder);
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES);
    let state = StepState {
        table,
        wasi,
        http: http_ctx(),
        sender: Sender::new(Arc::clone(&desk), notes.clone(), Arc::clone(&grant), call.hermetic),
        limiter: Limiter::new(limits.memory_bytes),
        files: FileWatch::new(notes.clone(), Arc::clone(&grant), workspace, limits.written_bytes, limits.written_files),
        desk,
        notes: notes.clone(),
        facts: call.facts,
        inputs: call.inputs,
        declared: call.declared,
        told: 0,
        outputs: OutputBook::new(call.outputs),
        grant,
        hermetic: call.hermetic,
        stop: stop.clone(),
        deadline,
        draft_bytes: 0,
        groups: 0,
    };
    Ok((limited(engine, state), call.step_out))
}

fn limited(engine: &Engine, state: StepState) -> Store<StepState> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(HOST_CALL_BYTES);
    store.set_max_component_handles(HANDLES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        store.data().notes.flush();
        Ok(UpdateDeadline::Yield(1))
    });
    store
}

/// What plain WASI shows: folders, two streams, and, to a plain program, arguments and environment.
fn wasi(call: &StepCall, [stdout, stderr]: &[LogStream; 2]) -> Result<WasiCtx, StepError> {
    let mut builder = WasiCtxBuilder::new();
    builder.stdout(stdout.clone()).stderr(stderr.clone()).max_random_size(RANDOM_BYTES);
    builder.args(&call.args).envs(&call.env);
    if call.hermetic {
        make_constant(&mut builder);
    }
    let workspace = call.workspace.as_ref().map(|workspace| (&workspace.folder, workspace.writable, WORKSPACE));
    let tmp = call.tmp.as_ref().map(|folder| (folder, true, "/tmp"));
    let step_out = call.step_out.as_ref().map(|folder| (folder, true, "/step/out"));
    for (folder, is_writable, seen_as) in [workspace, tmp, step_out].into_iter().flatten() {
        let perms = if is_writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        let opened = builder.preopened_dir(descriptor_path(folder), seen_as, perms);
        opened.map_err(|error| {
            StepError::new(ErrorKind::Io, "E-SANDBOX-FOLDER", format!("the folder {seen_as} cannot be opened: {error}"))
        })?;
    }
    Ok(builder.build())
}

/// A name of an open folder: wasmtime takes no descriptors.
fn descriptor_path(folder: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", folder.as_fd().as_raw_fd())
}

fn no_entry(entry: &str) -> StepError {
    let message = format!("the plugin has no `{entry}`: it does not export `sealock:step/effect`");
    StepError::new(ErrorKind::Invalid, "E-PLUGIN-ENTRY", message)
}

fn outcome(outcome: step::Outcome) -> Outcome {
    match outcome {
        step::Outcome::Success => Outcome::Success,
        step::Outcome::Skipped(why) => Outcome::Skipped(reason(why)),
        step::Outcome::Failed(why) => Outcome::Failed(reason(why)),
    }
}

fn reason(mut why: String) -> String {
    truncate(&mut why, REASON_BYTES);
    why
}
