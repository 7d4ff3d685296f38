//! The engine's settings, once, for the compiler and for the loader.

use wasmtime::{Config, Engine, EngineWeak};

/// Stack of the guest's own frames: deep recursion traps here.
pub(crate) const WASM_STACK_BYTES: usize = 512 << 10;
/// Stack of a step altogether: the host functions that a guest calls have the rest, and too little of it would
/// end the process.
const STEP_STACK_BYTES: usize = 2 << 20;

/// The settings that compiled code depends on. What compiles and what loads ask here, so that they agree.
pub fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_memory64(false)
        .wasm_exceptions(false)
        .wasm_gc(false)
        .wasm_function_references(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(STEP_STACK_BYTES)
        .async_stack_zeroing(true);
    config
}

/// A string that differs whenever compiled code of another engine would not load: part of a cache key.
pub(crate) fn engine_compatibility(engine: &Engine) -> String {
    use std::hash::{Hash, Hasher};
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Moves the engine's clock: whoever owns the time of the run calls [`Ticker::tick`] every
/// [`sealock_contract::limits::EPOCH_TICK_MS`], from a task or a thread of its own.
#[derive(Clone)]
pub struct Ticker {
    engine: EngineWeak,
}

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}

impl Ticker {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self { engine: engine.weak() }
    }

    /// Lets every running guest yield once; `false` when there is no sandbox left to tick for.
    pub fn tick(&self) -> bool {
        match self.engine.upgrade() {
            Some(engine) => {
                engine.increment_epoch();
                true
            }
            None => false,
        }
    }
}
