use sealock_sdk::bindings::wasi::io::poll::Pollable;
use sealock_sdk::bindings::wasi::{clocks::monotonic_clock, random::random as wasi_random};
use sealock_sdk::process::Command;
use sealock_sdk::{Error, Outcome, Step};

pub(crate) fn grow(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let mut kept = Vec::new();
    loop {
        kept.push(std::hint::black_box(vec![1_u8; 8 << 20]));
    }
}

pub(crate) fn handles(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let kept: Vec<Pollable> = (0..10_000_000).map(|_| monotonic_clock::subscribe_duration(1)).collect();
    Ok(Outcome::Failed(format!("made {}", kept.len())))
}

/// One request, built for ever on the host's side.
pub(crate) fn drafts(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let argument = "x".repeat(1 << 20);
    let mut command = Command::new("sh");
    loop {
        command = command.arg(&argument);
    }
}

pub(crate) fn random(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let bytes = wasi_random::get_random_bytes(1 << 40);
    Ok(Outcome::Failed(format!("got {}", bytes.len())))
}

pub(crate) fn stack(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    #[expect(unconditional_recursion, reason = "that is the attack")]
    fn deeper(depth: u64) -> u64 {
        std::hint::black_box(deeper(depth + 1)) + 1
    }
    Ok(Outcome::Failed(format!("came back from {}", deeper(0))))
}

pub(crate) fn trap(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    panic!("the secret is {at}")
}

pub(crate) fn exit(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    std::process::exit(at.parse().unwrap_or(7))
}
