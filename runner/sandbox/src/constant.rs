//! Time and randomness of a hermetic step: the same in every run, so that its result can be kept.

use std::time::Duration;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock};
use wasmtime_wasi::random::Deterministic;

/// 2000-01-01T00:00:00Z: a time that no program takes for "not set".
const UNIX_SECONDS: u64 = 946_684_800;
/// Both clocks have one value, so a program can tell no time by them.
const RESOLUTION: Duration = Duration::from_secs(1);

struct Stopped;

impl HostWallClock for Stopped {
    fn resolution(&self) -> Duration {
        RESOLUTION
    }

    fn now(&self) -> Duration {
        Duration::from_secs(UNIX_SECONDS)
    }
}

impl HostMonotonicClock for Stopped {
    fn resolution(&self) -> u64 {
        RESOLUTION.as_nanos().try_into().unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        0
    }
}

/// What every hermetic step throws: without a short period, so that hash tables and shuffles work as usual.
const DICE: [u8; 4096] = dice();

const fn dice() -> [u8; 4096] {
    let (mut bytes, mut state, mut at) = ([0; 4096], 0x9e37_79b9_7f4a_7c15_u64, 0);
    while at < bytes.len() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes[at] = state.to_le_bytes()[7];
        at += 1;
    }
    bytes
}

/// Stops the clocks and fixes the dice.
pub(crate) fn make_constant(builder: &mut WasiCtxBuilder) {
    builder
        .wall_clock(Stopped)
        .monotonic_clock(Stopped)
        .secure_random(Deterministic::new(DICE.to_vec()))
        .insecure_random(Deterministic::new(DICE.to_vec()))
        .insecure_random_seed(0x5ea1_0c5e_a10c_5ea1_0c5e_a10c_5ea1_0c5e);
}
