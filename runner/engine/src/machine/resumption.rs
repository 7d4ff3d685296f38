//! A run goes on after an interruption: at the first step of each stage that is not over.
//!
//! Steps without effects are run again. A step whose effect was begun is asked how far it got, before anything else of its
//! stage happens; what nobody can say is left for a person.

use sealock_events::{Cause, Conclusion, EventKind, NEEDS_RECOVERY, ProbeState, Wall};
use serde_json::{Map, Value as Json};

use super::Machine;
use super::interruption::interruption;
use super::messages::{Attempt, Command, StageId};
use super::rollback::{cancelled, cancelled_because};
use super::stage::{Deployment, Phase, Stage, StepStatus};
use crate::exit;

/// The code of a step of which a part happened.
pub(super) const PARTLY: &str = "E-EFFECT-PARTLY";

impl Machine {
    pub(super) fn resumed(&mut self, again: &[StageId], (who, wall): (String, Wall), out: &mut Vec<Command>) {
        let has_ended = std::mem::take(&mut self.has_ended);
        self.tell(EventKind::RunResumed { who, wall }, out);
        let is_asked = |id: &StageId| again.contains(id);
        let failed = if has_ended { self.to_repeat() } else { Vec::new() };
        let failed: Vec<_> = failed.into_iter().filter(|(id, _)| !is_asked(id)).collect();
        let asked = again.iter().map(|id| (*id, "it was asked for".to_owned()));
        let again: Vec<(StageId, String)> = asked.chain(failed).collect();
        let behind = self.behind(&again);
        for (id, why) in again.into_iter().chain(behind) {
            let stage = self.stages[id.0].plan.name.clone();
            self.tell(EventKind::StageRestarted { stage, why, effects_again: true }, out);
        }
    }

    /// Stages of a run that came to its end without success: those that failed or were cancelled.
    fn to_repeat(&self) -> Vec<(StageId, String)> {
        let ended = self.stages.iter().enumerate().filter_map(|(place, stage)| {
            let why = match stage.result? {
                Conclusion::Failure => "it failed",
                Conclusion::Cancelled => "it was cancelled",
                Conclusion::Success | Conclusion::Skipped => return None,
            };
            Some((StageId(place), why.to_owned()))
        });
        ended.collect()
    }

    /// What was decided by the results of stages that run again: everything behind them that is over.
    fn behind(&self, again: &[(StageId, String)]) -> Vec<(StageId, String)> {
        let names: Vec<&str> = again.iter().map(|(id, _)| self.stages[id.0].plan.id.as_str()).collect();
        let is_behind = |place: usize| {
            let stage = &self.stages[place];
            let is_listed = again.iter().any(|(id, _)| id.0 == place);
            let rests = || self.ancestors(stage).iter().any(|other| names.contains(&other.plan.id.as_str()));
            !is_listed && stage.phase == Phase::Done && rests()
        };
        let places = (0..self.stages.len()).filter(|&place| is_behind(place));
        places.map(|place| (StageId(place), "a stage before it runs again".to_owned())).collect()
    }

    /// Opens a stage that was interrupted.
    pub(super) fn reopen(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = self.stages[id.0].plan.name.clone();
        self.tell(EventKind::StageStarted { stage: stage.clone() }, out);
        let own = &self.stages[id.0];
        if own.is_cancelled() && !own.is_saga {
            let (result, outputs) = (Conclusion::Cancelled, Map::new());
            let cause = own.cancelled.as_deref().map(cancelled_because);
            return self.tell(EventKind::StageFinished { stage, result, outputs, cause, duration_ms: 0 }, out);
        }
        out.push(Command::OpenStage { stage: id, resumed: true });
    }

    /// Goes on with the steps of a stage that has its workspace and its locks.
    pub(super) fn go_on(&mut self, id: StageId, fresh: Option<String>, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        if stage.settled.is_some() || stage.rolled_back.is_some() {
            return self.close(id, out);
        }
        if stage.is_going_back() {
            return self.roll_back(id, out);
        }
        if let Some(why) = fresh {
            let stage = stage.plan.name.clone();
            self.tell(EventKind::StageRestarted { stage, why, effects_again: false }, out);
        }
        let stage = &self.stages[id.0];
        let waiting = stage.steps.iter().position(|step| step.status == StepStatus::Waiting);
        match (stage.interrupted_step(), waiting) {
            (Some(step), _) => self.take_up(id, step, out),
            (None, Some(step)) => self.start_step(id, step, out),
            (None, None) => self.next_step(id, out),
        }
    }

    /// Takes up the step that was interrupted. Its condition held when it was started.
    fn take_up(&mut self, id: StageId, step: usize, out: &mut Vec<Command>) {
        let state = &self.stages[id.0].steps[step];
        let (has_intent, done) = (state.has_intent, state.done);
        let attempt = self.begin_step(id, step, out);
        match (has_intent, done) {
            (true, Some(true)) => self.take_as_done(id, attempt, out),
            (true, _) => {
                self.stages[id.0].steps[step].is_probed = true;
                out.push(Command::ProbeStep { stage: id, attempt });
            }
            (false, _) => self.launch(id, attempt, out),
        }
    }

    fn take_as_done(&mut self, id: StageId, attempt: Attempt, out: &mut Vec<Command>) {
        let kind = self.step_end(id, attempt, Conclusion::Success, None);
        self.tell(kind, out);
        self.next_step(id, out);
    }

    pub(super) fn probed(
        &mut self,
        id: StageId,
        step: usize,
        (state, why): (ProbeState, Option<String>),
        outputs: Map<String, Json>,
        out: &mut Vec<Command>,
    ) {
        let own = &mut self.stages[id.0].steps[step];
        own.is_probed = false;
        let number = own.attempts;
        let attempt = Attempt { step, number };
        match state {
            ProbeState::Applied => {
                self.stages[id.0].steps[step].outputs.extend(outputs);
                self.take_as_done(id, attempt, out);
            }
            ProbeState::NotApplied if self.stages[id.0].is_cancelled() => {
                let kind = self.step_end(id, attempt, Conclusion::Cancelled, Some(cancelled()));
                self.tell(kind, out);
                self.next_step(id, out);
            }
            ProbeState::NotApplied => self.launch(id, attempt, out),
            ProbeState::Partly => {
                let cause = Some(partly(&self.stages[id.0].plan.steps[step].title, why.as_deref()));
                let kind = self.step_end(id, attempt, Conclusion::Failure, cause);
                self.tell(kind, out);
                self.next_step(id, out);
            }
            ProbeState::Unknown => {
                let cause = unknown(&self.run, &self.stages[id.0], step, why.as_deref());
                let kind = self.step_end(id, attempt, Conclusion::Cancelled, Some(interruption()));
                self.tell(kind, out);
                self.stages[id.0].unclear = Some(cause);
                self.close(id, out);
            }
        }
    }
}

fn partly(step: &str, why: Option<&str>) -> Cause {
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Cause {
        code: PARTLY.into(),
        message: format!("the run was interrupted within `{step}`, and a part of what it does has happened{why}"),
        help: None,
        exit: exit::FAILED,
    }
}

/// With what to look at, and what to type then.
fn unknown(run: &str, stage: &Stage, step: usize, why: Option<&str>) -> Cause {
    let own = &stage.plan.steps[step];
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    let name = format!("{}/{}", stage.plan.name, own.key);
    let look = stage.deployment.as_ref().map_or_else(
        || format!("look whether `{}` happened", own.title),
        |deployment| format!("look at the targets, beginning with `sealock status {}`", deployment.environment),
    );
    Cause {
        code: NEEDS_RECOVERY.into(),
        message: format!("the run was interrupted within `{}`, and nobody can say whether it happened{why}", own.title),
        help: Some(format!(
            "{look}\nit happened:        sealock resume {run} --settle {name}=applied\nit did not happen:  sealock resume {run} --settle {name}=not-applied"
        )),
        exit: exit::NEEDS_RECOVERY,
    }
}

/// A deployment that had begun an effect cannot be taken up now.
pub(super) fn between(deployment: Option<&Deployment>, cause: &Cause) -> Cause {
    let environment = deployment.map(|own| own.environment.as_str()).unwrap_or_default();
    Cause {
        code: NEEDS_RECOVERY.into(),
        message: format!("the interrupted deployment to {environment} cannot be taken up: {}", cause.message),
        help: Some("put that right, then resume the run again: it goes on, or goes back".to_owned()),
        exit: exit::NEEDS_RECOVERY,
    }
}
