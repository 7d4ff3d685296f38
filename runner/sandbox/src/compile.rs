//! From a component to machine code. Never in the path of a run: in a child process that can be killed.

use std::io::{self, Read, Write};

use sealock_contract::limits::COMPONENT_BYTES;
use wasmtime::Engine;

use crate::engine::{engine_compatibility, engine_config};
use crate::format::{self, FormatError};

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is not a component that can be a step.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The compiler refused it.
    #[error("it cannot be compiled: {0}")]
    Compiler(String),
    /// The engine does not start on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
    /// A stream of the child process failed.
    #[error("failed to pass the component between processes")]
    Io(#[from] io::Error),
}

impl CompileError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(_) | Self::Compiler(_) => "E-PLUGIN-FORMAT",
            Self::Engine(_) | Self::Io(_) => "E-PLUGIN-COMPILE",
        }
    }
}

/// Compiles components.
#[derive(Clone)]
pub struct Compiler {
    engine: Engine,
}

impl std::fmt::Debug for Compiler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Compiler").finish_non_exhaustive()
    }
}

impl Compiler {
    /// A compiler whose code the loader of this same build takes.
    ///
    /// # Errors
    ///
    /// When the engine does not start on this machine.
    pub fn new() -> Result<Self, CompileError> {
        let engine = Engine::new(&engine_config()).map_err(|error| CompileError::Engine(format!("{error:#}")))?;
        Ok(Self { engine })
    }

    /// A string that differs whenever the compiled code would: part of a cache key.
    pub fn compatibility(&self) -> String {
        engine_compatibility(&self.engine)
    }

    /// Checks the component as a whole, then compiles it. Takes as long as it takes: its process has the limits.
    ///
    /// # Errors
    ///
    /// When it cannot be a step, or the compiler refuses it.
    pub fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileError> {
        format::inspect(component)?;
        format::validate(component)?;
        self.engine.precompile_component(component).map_err(|error| CompileError::Compiler(format!("{error:#}")))
    }
}

/// What the child process does: reads a component from `input`, writes its compiled form to `output`.
///
/// # Errors
///
/// As [`Compiler::compile`]; the parent tells by the exit code that there is no artifact, and reads the message.
pub fn compile_between(input: impl Read, mut output: impl Write) -> Result<(), CompileError> {
    let mut component = Vec::new();
    input.take(COMPONENT_BYTES + 1).read_to_end(&mut component)?;
    let artifact = Compiler::new()?.compile(&component)?;
    output.write_all(&artifact)?;
    Ok(output.flush()?)
}
