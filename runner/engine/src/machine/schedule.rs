//! Which stages start now, and which never will.

use sealock_events::{Cause, Conclusion, EventKind};
use sealock_plan::evaluate::{self, Known};
use serde_json::{Map, Value as Json};

use super::Machine;
use super::messages::{Command, StageId};
use super::stage::{Phase, Stage};
use crate::contexts;

/// What becomes of a stage whose needs have finished.
enum Decision {
    Start,
    Skip(String),
    Fail(Cause),
}

impl Machine {
    /// Settles every stage whose needs have finished, until nothing changes. Stages stand after what they need,
    /// so that one pass sees most of what it brings about.
    pub(super) fn schedule(&mut self, out: &mut Vec<Command>) {
        if !self.unsettled.is_empty() {
            return;
        }
        while std::mem::take(&mut self.may_start) {
            for place in 0..self.stages.len() {
                if self.stages[place].phase == Phase::Interrupted && self.has_room(&self.stages[place]) {
                    self.reopen(StageId(place), out);
                } else if self.is_ready(place) {
                    self.settle(place, out);
                }
            }
        }
    }

    fn settle(&mut self, place: usize, out: &mut Vec<Command>) {
        match self.decide(&self.stages[place]) {
            Decision::Start => self.start(StageId(place), out),
            Decision::Skip(why) => self.skip(StageId(place), &why, out),
            Decision::Fail(cause) => self.refuse(StageId(place), cause, out),
        }
    }

    fn is_ready(&self, place: usize) -> bool {
        let stage = &self.stages[place];
        stage.phase == Phase::Waiting
            && self.needs_finished(stage)
            && (self.cancelled || stage.is_cancelled() || self.has_room(stage))
    }

    fn needs_finished(&self, stage: &Stage) -> bool {
        stage.plan.needs.iter().all(|need| self.cells_of(need).all(|cell| cell.phase == Phase::Done))
    }

    fn has_room(&self, stage: &Stage) -> bool {
        let is_active = |other: &&Stage| !matches!(other.phase, Phase::Waiting | Phase::Interrupted | Phase::Done);
        let active = self.stages.iter().filter(is_active);
        let same_matrix = active.clone().filter(|other| other.plan.id == stage.plan.id).count();
        let most = stage.plan.max_parallel.map_or(usize::MAX, |most| most as usize);
        active.count() < self.jobs && same_matrix < most
    }

    fn decide(&self, stage: &Stage) -> Decision {
        if let Some(why) = &stage.plan.withheld {
            return Decision::Skip(why.clone());
        }
        let status = Status { machine: self, stage };
        let default = "success()".to_owned();
        let written = stage.plan.condition.as_ref().unwrap_or(&default);
        match evaluate::condition(written, &status) {
            Ok(true) => Decision::Start,
            Ok(false) => Decision::Skip(self.why_skipped(stage)),
            Err(error) => Decision::Fail(Cause {
                code: "E-EXPR-EVALUATION".into(),
                message: format!("the condition of stage `{}` cannot be evaluated: {error}", stage.plan.name),
                help: None,
                exit: 2,
            }),
        }
    }

    fn why_skipped(&self, stage: &Stage) -> String {
        if let Some(why) = &stage.cancelled {
            return why.clone();
        }
        let unsuccessful = |other: &&&Stage| other.result != Some(Conclusion::Success);
        let needs = self.ancestors(stage);
        match (needs.iter().find(unsuccessful), &stage.plan.condition) {
            (Some(other), None) => {
                let result = other.result.unwrap_or(Conclusion::Skipped);
                format!("`{}`, which it needs, ended with {}", other.plan.name, result.word())
            }
            (_, Some(condition)) => format!("its condition is false: {condition}"),
            (None, None) => "something that it needs did not succeed".to_owned(),
        }
    }

    fn start(&mut self, id: StageId, out: &mut Vec<Command>) {
        let stage = &mut self.stages[id.0];
        if stage.plan.late_matrix.is_some() {
            stage.phase = Phase::MakingCells;
            out.push(Command::MakeCells { stage: id });
            return;
        }
        let stage = stage.plan.name.clone();
        self.tell(EventKind::StageStarted { stage }, out);
        out.push(Command::OpenStage { stage: id, resumed: false });
    }

    fn skip(&mut self, id: StageId, why: &str, out: &mut Vec<Command>) {
        let stage = self.stages[id.0].plan.name.clone();
        self.tell(EventKind::Skipped { stage, step: None, why: why.to_owned() }, out);
    }

    fn refuse(&mut self, id: StageId, cause: Cause, out: &mut Vec<Command>) {
        let stage = self.stages[id.0].plan.name.clone();
        self.tell(EventKind::StageStarted { stage: stage.clone() }, out);
        let (result, outputs) = (Conclusion::Failure, Map::new());
        let cause = Some(cause);
        self.tell(EventKind::StageFinished { stage, result, outputs, cause, duration_ms: 0 }, out);
    }

    /// Cells made at run time take their template's place.
    pub(super) fn cells_made(
        &mut self,
        id: StageId,
        cells: Result<Vec<Map<String, Json>>, Cause>,
        out: &mut Vec<Command>,
    ) {
        match cells {
            Ok(cells) => {
                let stage = self.stages[id.0].plan.name.clone();
                self.tell(EventKind::Cells { stage, cells }, out);
            }
            Err(cause) => self.refuse(id, cause, out),
        }
    }
}

/// The contexts and status functions of a stage's condition.
struct Status<'a> {
    machine: &'a Machine,
    stage: &'a Stage,
}

impl Known for Status<'_> {
    fn json(&self, name: &str) -> Option<Json> {
        match name {
            "needs" => Some(self.machine.needs(self.stage).into()),
            _ => contexts::of_plan(self.machine.plan(), self.stage, name),
        }
    }

    fn function(&self, name: &str, _: &[String]) -> Option<Result<Json, String>> {
        let needs = || self.stage.plan.needs.iter().flat_map(|need| self.machine.cells_of(need));
        let failed = || needs().any(|other| other.failed_behind);
        let cancelled = self.machine.cancelled || self.stage.is_cancelled();
        let holds = match name.to_ascii_lowercase().as_str() {
            "always" => true,
            "cancelled" => cancelled,
            "failure" => !cancelled && failed(),
            "success" => {
                let all = needs().all(|other| other.result == Some(Conclusion::Success));
                !cancelled && all && !failed() && !needs().any(|other| other.cancelled_behind)
            }
            _ => return None,
        };
        Some(Ok(holds.into()))
    }
}
