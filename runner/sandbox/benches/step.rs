//! A sealed hermetic step, warm and in process, against spawning `bash -c true`; and ten thousand of them.
//!
//! Prints one JSON object. The first figure is bound by a ratio in the same run, the second by time and memory.

#![expect(clippy::print_stdout, reason = "a bench speaks through its output")]

#[path = "../tests/sandbox/guests.rs"]
mod guests;

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealock_contract::seam::{Answer, Desk, Note, Outcome, Request};
use sealock_contract::{ErrorKind, StepError, Value, limits};
use sealock_sandbox::{CancellationToken, Compiler, Program, Sandbox, StepCall, read_manifest};

/// A step is at most such a part of a spawned shell.
const RATIO_MAX: f64 = 1.0 / 20.0;
/// For ten thousand steps.
const TIME_MAX: Duration = Duration::from_secs(2);
/// Of the whole process.
const MEMORY_MIB_MAX: u64 = 150;

/// Counts what it is told.
struct Counting;

impl Desk for Counting {
    fn call(&self, _: Request) -> Answer<'_> {
        Box::pin(std::future::ready(Err(StepError::new(ErrorKind::Denied, "E-GRANT-EXEC", "no"))))
    }

    fn note(&self, notes: Vec<Note>) {
        std::hint::black_box(notes);
    }
}

fn main() {
    let component = guests::bytes("guest_polite");
    let outputs = Some(read_manifest(&component).expect("a component").expect("a manifest").outputs);
    let sandbox = Sandbox::new().expect("the engine starts");
    let ticker = sandbox.ticker();
    std::thread::spawn(move || {
        while ticker.tick() {
            std::thread::sleep(Duration::from_millis(limits::EPOCH_TICK_MS));
        }
    });
    let artifact = Compiler::new().expect("a compiler").compile(&component).expect("it compiles");
    let program = sandbox.load(&artifact).expect("it loads");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");

    let step = || runtime.block_on(run(&sandbox, &program, call(outputs.clone())));
    let step_time = median(500, step);
    let bash_time = median(100, bash);
    let started = Instant::now();
    (0..10_000).for_each(|_| step());
    let (ten_thousand, memory) = (started.elapsed(), resident_mib());

    let ratio = step_time.as_secs_f64() / bash_time.as_secs_f64();
    println!(
        "{{\"step_us\":{:.1},\"bash_us\":{:.1},\"ratio\":{ratio:.4},\"ratio_max\":{RATIO_MAX},\
         \"ten_thousand_ms\":{},\"ten_thousand_ms_max\":{},\"rss_mib\":{memory},\"rss_mib_max\":{MEMORY_MIB_MAX}}}",
        step_time.as_secs_f64() * 1e6,
        bash_time.as_secs_f64() * 1e6,
        ten_thousand.as_millis(),
        TIME_MAX.as_millis(),
    );
    assert!(ratio <= RATIO_MAX, "a sealed step is slower than 1/20 of a spawned shell");
    assert!(ten_thousand <= TIME_MAX && memory <= MEMORY_MIB_MAX, "ten thousand steps take too much");
}

fn call(outputs: Option<std::collections::BTreeMap<String, sealock_contract::manifest::OutputSpec>>) -> StepCall {
    let inputs = [
        ("greeting", Value::Text("hello".to_owned())),
        ("times", Value::Integer(1)),
        ("ratio", Value::Number(80.5)),
        ("clock", Value::Flag(false)),
        ("pause", Value::Integer(2_000)),
        ("size", Value::Integer(1_024)),
        ("volume", Value::Text("quiet".to_owned())),
    ];
    let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    StepCall { inputs, outputs, hermetic: true, ..StepCall::default() }
}

async fn run(sandbox: &Sandbox, program: &Program, call: StepCall) {
    let outcome = sandbox.run(program, call, Arc::new(Counting), &CancellationToken::new()).await;
    assert_eq!(outcome, Outcome::Success);
}

fn bash() {
    let status = Command::new("bash").args(["-c", "true"]).stdin(Stdio::null()).status();
    assert!(status.expect("bash is the peer of this bench").success());
}

fn median(times: usize, mut act: impl FnMut()) -> Duration {
    act();
    let mut taken: Vec<Duration> = (0..times)
        .map(|_| {
            let started = Instant::now();
            act();
            started.elapsed()
        })
        .collect();
    taken.sort();
    taken[times / 2]
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib >> 10
}
