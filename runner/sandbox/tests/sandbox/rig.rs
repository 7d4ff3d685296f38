//! What every test needs: one sandbox, programs compiled once, a scripted desk.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use sealock_contract::manifest::OutputSpec;
use sealock_contract::seam::{Answer, Desk, EffectState, Note, Outcome, Refusal, Request, Response, StopCause};
use sealock_contract::{ErrorKind, StepError, Value, limits};
use sealock_sandbox::{CancellationToken, Compiler, Program, Sandbox, StepCall, Workspace, read_manifest};

use crate::guests;

/// One sandbox for the whole test process: what a hostile step leaves behind, the next one would meet.
pub(crate) static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let sandbox = Sandbox::new().expect("the engine starts");
    let ticker = sandbox.ticker();
    std::thread::spawn(move || {
        while ticker.tick() {
            std::thread::sleep(Duration::from_millis(limits::EPOCH_TICK_MS));
        }
    });
    sandbox
});

/// The guest called `name`, compiled once.
pub(crate) fn program(name: &str) -> Program {
    static PROGRAMS: LazyLock<Mutex<HashMap<String, Program>>> = LazyLock::new(Mutex::default);
    let mut programs = PROGRAMS.lock().expect("no test panics while it compiles");
    let load = || compiled(&guests::bytes(name));
    programs.entry(name.to_owned()).or_insert_with(load).clone()
}

pub(crate) fn compiled(component: &[u8]) -> Program {
    let artifact = Compiler::new().expect("a compiler").compile(component).expect("it compiles");
    SANDBOX.load(&artifact).expect("it loads")
}

type Script = dyn Fn(&Request) -> Result<Response, Refusal> + Send + Sync;

/// Answers by a script and keeps everything that it hears.
pub(crate) struct FakeDesk {
    script: Box<Script>,
    pub(crate) requests: Mutex<Vec<Request>>,
    pub(crate) notes: Mutex<Vec<Note>>,
    pub(crate) batches: Mutex<usize>,
}

impl FakeDesk {
    pub(crate) fn new(script: impl Fn(&Request) -> Result<Response, Refusal> + Send + Sync + 'static) -> Arc<Self> {
        let script = Box::new(script);
        Arc::new(Self { script, requests: Mutex::default(), notes: Mutex::default(), batches: Mutex::default() })
    }

    /// A desk that must not be asked.
    pub(crate) fn closed() -> Arc<Self> {
        Self::new(|request| panic!("the desk was asked: {request:?}"))
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        self.notes.lock().expect("no poison").clone()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no poison").clone()
    }

    /// The log's lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |note: &Note| match note {
            Note::Log { message, .. } => Some(message.clone()),
            _ => None,
        };
        self.notes().iter().filter_map(line).collect()
    }

    /// Codes of all denials, in order.
    pub(crate) fn denials(&self) -> Vec<String> {
        let code = |note: &Note| match note {
            Note::Denied(error) => Some(error.code.clone()),
            _ => None,
        };
        self.notes().iter().filter_map(code).collect()
    }

    pub(crate) fn output(&self, name: &str) -> Option<Value> {
        self.notes().iter().find_map(|note| match note {
            Note::Output { name: found, value } if found == name => Some(value.clone()),
            _ => None,
        })
    }
}

impl Desk for FakeDesk {
    fn call(&self, request: Request) -> Answer<'_> {
        let answer = (self.script)(&request);
        self.requests.lock().expect("no poison").push(request);
        Box::pin(std::future::ready(answer))
    }

    fn note(&self, notes: Vec<Note>) {
        *self.batches.lock().expect("no poison") += 1;
        self.notes.lock().expect("no poison").extend(notes);
    }
}

pub(crate) fn refuse(kind: ErrorKind, code: &str) -> Refusal {
    StepError::new(kind, code, "the broker says no")
}

/// A call of `guest-hostile`.
pub(crate) fn attack(name: &str, at: &str) -> StepCall {
    let inputs = vec![("attack".to_owned(), text(name)), ("at".to_owned(), text(at))];
    StepCall {
        inputs,
        outputs: Some(outputs_of("guest_hostile")),
        grace: Duration::from_millis(100),
        ..StepCall::default()
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn outputs_of(guest: &str) -> std::collections::BTreeMap<String, OutputSpec> {
    read_manifest(&guests::bytes(guest)).expect("a component").expect("a manifest").outputs
}

/// Runs `call` of the guest called `name`, on a runtime of its own.
pub(crate) fn run(name: &str, call: StepCall, desk: &Arc<FakeDesk>) -> Outcome {
    run_until(name, call, desk, CancellationToken::new())
}

pub(crate) fn run_until(name: &str, call: StepCall, desk: &Arc<FakeDesk>, stop: CancellationToken) -> Outcome {
    let desk: Arc<dyn Desk> = Arc::clone(desk) as _;
    run_at(&program(name), call, desk, stop)
}

pub(crate) fn run_at(program: &Program, call: StepCall, desk: Arc<dyn Desk>, stop: CancellationToken) -> Outcome {
    block_on(async move { SANDBOX.run(program, call, desk, &stop).await })
}

pub(crate) fn probe(name: &str, call: StepCall, desk: &Arc<FakeDesk>) -> Result<EffectState, Outcome> {
    let (program, stop, desk) = (program(name), CancellationToken::new(), Arc::clone(desk) as _);
    block_on(async { SANDBOX.probe(&program, call, desk, &stop).await })
}

pub(crate) fn block_on<T>(future: impl Future<Output = T> + Send) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let ended = runtime.block_on(future);
    runtime.shutdown_background();
    ended
}

/// The code and the limit's name and value that stopped a step.
pub(crate) fn limit_of(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Stopped(StopCause::Limit { name, limit }) => format!("{} {}: {limit}", name.code(), name.word()),
        other => panic!("expected a limit, found {other:?}"),
    }
}

/// The next step in the same process is untouched by what the last one did.
pub(crate) fn assert_next_step_runs() {
    let inputs = vec![("greeting".to_owned(), text("hello")), ("times".to_owned(), Value::Integer(1))];
    let call = StepCall { inputs: crate::steps::defaults(inputs), hermetic: true, ..StepCall::default() };
    assert_eq!(run("guest_polite", call, &FakeDesk::closed()), Outcome::Success);
}

pub(crate) fn open(folder: &Path) -> OwnedFd {
    std::fs::File::open(folder).expect("the folder is there").into()
}

pub(crate) fn workspace(folder: &Path, writable: bool) -> Workspace {
    Workspace { folder: open(folder), writable }
}

/// What a step that fails with a text said.
pub(crate) fn said(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed(text) => text,
        other => panic!("expected a text, found {other:?}"),
    }
}

/// Code, and the line that would grant it.
pub(crate) fn denial(outcome: Outcome) -> (String, String) {
    match outcome {
        Outcome::Error(error) if error.kind == ErrorKind::Denied => (error.code, error.help.unwrap_or_default()),
        other => panic!("expected a denial, found {other:?}"),
    }
}
