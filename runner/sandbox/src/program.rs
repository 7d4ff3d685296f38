//! A component that is ready to be instantiated.

use wasmtime::component::InstancePre;
use wasmtime_wasi::p2::bindings::CommandPre;

use crate::bindings::effecting::EffectingPre;
use crate::bindings::stepping::SteppingPre;
use crate::format::ProgramKind;
use crate::state::StepState;

/// Compiled, loaded, and linked; an instance of it costs microseconds. Cheap to clone.
#[derive(Clone)]
pub struct Program {
    pub(crate) entries: Entries,
}

/// What can be called.
#[derive(Clone)]
pub(crate) enum Entries {
    Step(SteppingPre<StepState>),
    Effect(SteppingPre<StepState>, EffectingPre<StepState>),
    Command(CommandPre<StepState>),
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("kind", &self.kind()).finish_non_exhaustive()
    }
}

impl Program {
    /// Looks up what `pre` exports.
    pub(crate) fn new(pre: InstancePre<StepState>) -> wasmtime::Result<Self> {
        let entries = match SteppingPre::new(pre.clone()) {
            Ok(step) => match EffectingPre::new(pre) {
                Ok(effect) => Entries::Effect(step, effect),
                Err(_) => Entries::Step(step),
            },
            Err(_) => Entries::Command(CommandPre::new(pre)?),
        };
        Ok(Self { entries })
    }

    /// Which kind of step it is.
    pub fn kind(&self) -> ProgramKind {
        match &self.entries {
            Entries::Step(_) => ProgramKind::Step,
            Entries::Effect(..) => ProgramKind::EffectStep,
            Entries::Command(_) => ProgramKind::Command,
        }
    }
}
