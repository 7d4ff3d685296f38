//! What an error that came out of a guest was: a limit, an exit, or a trap.

use sealock_contract::limits::{HANDLES, HOST_CALL_BYTES};
use sealock_contract::seam::{LimitName, Outcome};
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use crate::convert::REASON_BYTES;
use crate::engine::WASM_STACK_BYTES;
use crate::limit::LimitHit;
use crate::limiter::INSTANCES;
use crate::notes::truncate;

/// Functions of a backtrace that are named.
const FRAMES: usize = 8;

/// Characters of a function's name.
const NAME_CHARS: usize = 200;

/// What `error` was. A guest that was refused memory mostly traps without a word: `refused_growth` says it then.
pub(crate) fn of(error: &wasmtime::Error, refused_growth: Option<LimitHit>) -> Outcome {
    if let Some(exit) = error.downcast_ref::<I32Exit>() {
        return exit_code(exit.0);
    }
    let hit = limit(error).or(refused_growth);
    hit.map_or_else(|| Outcome::Trapped(trap(error)), |hit| Outcome::Stopped(hit.into_cause()))
}

/// How a program that returned `code` ended.
pub(crate) fn exit_code(code: i32) -> Outcome {
    if code == 0 { Outcome::Success } else { Outcome::Failed(format!("exit code {code}")) }
}

/// The limit that `error` speaks of. wasmtime has no types for some, only its own fixed words; each has a test.
fn limit(error: &wasmtime::Error) -> Option<LimitHit> {
    if let Some(hit) = error.downcast_ref::<LimitHit>() {
        return Some(hit.clone());
    }
    if error.downcast_ref::<Trap>() == Some(&Trap::StackOverflow) {
        return Some(LimitHit::bytes(LimitName::Stack, WASM_STACK_BYTES as u64));
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return Some(LimitHit::count(LimitName::Handles, HANDLES as u64));
    }
    let words = format!("{error:#}");
    let says = |phrase: &str| words.contains(phrase);
    if says("fuel allocated for hostcalls has been exhausted") || says("requested len") {
        Some(LimitHit::bytes(LimitName::HostCall, HOST_CALL_BYTES as u64))
    } else if says("store handle limit exceeded") || says("resource table has no free keys") {
        Some(LimitHit::count(LimitName::Handles, HANDLES as u64))
    } else if says("instance count too high") {
        Some(LimitHit::count(LimitName::Instances, INSTANCES as u64))
    } else {
        None
    }
}

/// What the trap was and in which functions of the guest; nothing of the host.
fn trap(error: &wasmtime::Error) -> String {
    let what = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => error.root_cause().to_string(),
    };
    let frames = error.downcast_ref::<WasmBacktrace>().map(WasmBacktrace::frames).unwrap_or_default();
    let names = frames.iter().filter_map(|frame| frame.func_name()).map(readable);
    let names: Vec<String> = names.filter(|name| !is_panicking(name)).take(FRAMES).collect();
    let mut text = if names.is_empty() { what } else { format!("{what}, in {}", names.join(" < ")) };
    truncate(&mut text, REASON_BYTES);
    text
}

/// The name as its language writes it, when that is Rust.
fn readable(name: &str) -> String {
    format!("{:#}", rustc_demangle::demangle(name)).chars().take(NAME_CHARS).collect()
}

/// Whether a function only ends the guest: what led there is what an author looks for.
fn is_panicking(name: &str) -> bool {
    ["std::", "core::", "__rustc", "abort", "<std::", "<core::"].iter().any(|start| name.starts_with(start))
}
