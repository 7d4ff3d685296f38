//! One engine, one linker, and every step a store of its own.

use std::sync::Arc;

use sealock_contract::limits::COMPONENT_BYTES;
use sealock_contract::seam::{Desk, EffectState, Outcome};
use tokio_util::sync::CancellationToken;
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::call::StepCall;
use crate::engine::{Ticker, engine_compatibility, engine_config};
use crate::program::Program;
use crate::run;
use crate::state::StepState;

/// Compiled code is at most so many times its component: a larger file is not one of ours.
const ARTIFACT_RATIO: u64 = 16;

/// Why a sandbox or a program could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine does not start on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// The compiled code is of another engine, or cut short. Compiling again helps.
    #[error("the compiled component cannot be loaded: {0}")]
    Load(String),
    /// The component wants an interface or a type that is not linked.
    #[error("the component cannot be linked: {0}")]
    Link(String),
}

/// Runs steps. Starts no thread and reads no path, environment, or current folder.
pub struct Sandbox {
    engine: Engine,
    linker: Linker<StepState>,
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// One a process is enough.
    ///
    /// # Errors
    ///
    /// When the engine does not start on this machine.
    pub fn new() -> Result<Self, SandboxError> {
        let wrong = |error: wasmtime::Error| SandboxError::Engine(format!("{error:#}"));
        let engine = Engine::new(&engine_config()).map_err(wrong)?;
        let linker = crate::link::link(&engine).map_err(wrong)?;
        Ok(Self { engine, linker })
    }

    /// What moves this sandbox's clock. Without ticks an endless loop is never stopped.
    pub fn ticker(&self) -> Ticker {
        Ticker::new(&self.engine)
    }

    /// As [`crate::Compiler::compatibility`].
    pub fn compatibility(&self) -> String {
        engine_compatibility(&self.engine)
    }

    /// Makes a program of what [`crate::Compiler::compile`] made.
    ///
    /// The bytes are machine code: they must come from that compiler by way of memory, or of a store that
    /// authenticates them (`sealock-cache` does). Never from a registry, and never from a cache that others write.
    ///
    /// # Errors
    ///
    /// When they are of another engine or cut short, or the component wants what is not linked.
    pub fn load(&self, compiled: &[u8]) -> Result<Program, SandboxError> {
        if compiled.len() as u64 > COMPONENT_BYTES * ARTIFACT_RATIO {
            return Err(SandboxError::Load(format!("it has {} bytes", compiled.len())));
        }
        #[expect(unsafe_code, reason = "the caller's promise above; the engine checks its version and settings itself")]
        // SAFETY: `compiled` was made by `Engine::precompile_component` and authenticated since.
        let component = unsafe { Component::deserialize(&self.engine, compiled) };
        let component = component.map_err(|error| SandboxError::Load(format!("{error:#}")))?;
        let link = |error: wasmtime::Error| SandboxError::Link(format!("{error:#}"));
        let pre = self.linker.instantiate_pre(&component).map_err(link)?;
        Program::new(pre).map_err(link)
    }

    /// Runs one call to its end, whatever the guest, the desk, and the time do. `stop` asks the step to stop; after
    /// the call's grace it is stopped.
    pub async fn run(
        &self,
        program: &Program,
        call: StepCall,
        desk: Arc<dyn Desk>,
        stop: &CancellationToken,
    ) -> Outcome {
        run::run(&self.engine, program, call, desk, stop).await
    }

    /// Asks a step with effects how far its effect got.
    ///
    /// # Errors
    ///
    /// How the call ended, when it did not answer.
    pub async fn probe(
        &self,
        program: &Program,
        call: StepCall,
        desk: Arc<dyn Desk>,
        stop: &CancellationToken,
    ) -> Result<EffectState, Outcome> {
        run::probe(&self.engine, program, call, desk, stop).await
    }
}
