//! What the events so far add up to: the run as it stands.
//!
//! One small function per event. Nothing here is worded or drawn; the sinks that tell the story read
//! it after each event.

mod deployment;
mod stage;

use std::collections::HashMap;

use sealock_events::{Cause, Event, EventKind, Place, PlannedStage, Wall};

use crate::line::width;
pub(crate) use deployment::{Deployment, RollbackPart};
pub(crate) use stage::{Stage, StageState, Step, StepState, place_in};

/// The run so far.
#[derive(Debug, Default)]
pub(crate) struct Story {
    /// The run's id.
    pub(crate) run: String,
    /// When it was accepted, Unix milliseconds.
    pub(crate) started: i64,
    pub(crate) pipeline: String,
    pub(crate) commit: Option<String>,
    pub(crate) reference: Option<String>,
    pub(crate) dirty_files: u64,
    pub(crate) wall: Wall,
    /// Columns of the longest name of a stage.
    pub(crate) widest_name: usize,
    stages: Vec<Stage>,
    places: HashMap<String, usize>,
}

impl Story {
    /// The stages, in the plan's order; cells that were made in the run stand where they came up.
    pub(crate) fn stages(&self) -> impl Iterator<Item = &Stage> {
        self.stages.iter().filter(|stage| !stage.is_replaced)
    }

    pub(crate) fn stage(&self, name: &str) -> Option<&Stage> {
        self.places.get(name).map(|&place| &self.stages[place])
    }

    pub(crate) fn step(&self, stage: &str, step: &str) -> Option<&Step> {
        self.stage(stage)?.step(step)
    }

    /// The deployments, in the plan's order.
    pub(crate) fn deployments(&self) -> impl Iterator<Item = (&Stage, &Deployment)> {
        self.stages().filter_map(|stage| stage.deployment.as_ref().map(|deployment| (stage, deployment)))
    }

    /// The step that `cause` is the cause of, with its stage; the first failed step when none has it.
    pub(crate) fn failed_step(&self, cause: Option<&Cause>) -> Option<(&Stage, &Step)> {
        let failed = || self.stages().flat_map(|stage| stage.failed_steps().map(move |step| (stage, step)));
        failed().find(|(_, step)| step.cause.as_ref() == cause).or_else(|| failed().next())
    }

    /// Whether a stage runs.
    pub(crate) fn is_running(&self) -> bool {
        self.stages().any(|stage| stage.state == StageState::Running)
    }

    /// The stages that `stage` still waits for.
    pub(crate) fn waits_for<'s>(&'s self, stage: &'s Stage) -> Vec<&'s str> {
        let is_open = |need: &&String| self.stages().any(|other| !other.is_over() && other.is_cell_of(need));
        stage.needs.iter().filter(is_open).map(String::as_str).collect()
    }

    /// Takes the next event.
    pub(crate) fn apply(&mut self, event: &Event) {
        let time = event.time.unix_ms();
        match &event.kind {
            EventKind::RunStarted { pipeline, commit, reference, dirty_files, .. } => {
                (self.run, self.started) = (event.run.clone(), time);
                (self.pipeline, self.dirty_files) = (pipeline.clone(), *dirty_files);
                (self.commit, self.reference) = (commit.clone(), reference.clone());
            }
            EventKind::Plan { stages, wall } => {
                self.wall = wall.clone();
                for planned in stages {
                    self.plan(planned);
                }
            }
            EventKind::StageStarted { stage } => self.open(stage).start(time),
            EventKind::RunResumed { wall, .. } => self.wall = wall.clone(),
            EventKind::RunFinished { .. } => {}
            kind => {
                if let Some(name) = kind.stage() {
                    self.open(name).apply(kind, time);
                }
            }
        }
    }

    fn plan(&mut self, planned: &PlannedStage) {
        let stage = self.open(&planned.stage);
        stage.title.clone_from(&planned.title);
        stage.needs.clone_from(&planned.needs);
        stage.environment.clone_from(&planned.environment);
        stage.planned.clone_from(&planned.steps);
        self.widest_name = self.widest_name.max(planned.title.as_deref().map_or(0, width));
    }

    /// The stage of that name, made when it is new: a cell of a matrix that was planned as a whole.
    fn open(&mut self, name: &str) -> &mut Stage {
        let place = self.places.get(name).copied().unwrap_or_else(|| self.add(name));
        &mut self.stages[place]
    }

    fn add(&mut self, name: &str) -> usize {
        let mut stage = Stage::named(name);
        if let Some(template) = self.template(name) {
            template.is_replaced = true;
            stage.needs.clone_from(&template.needs);
            stage.environment.clone_from(&template.environment);
            stage.planned.clone_from(&template.planned);
        }
        self.widest_name = self.widest_name.max(width(name));
        self.stages.push(stage);
        self.places.insert(name.to_owned(), self.stages.len() - 1);
        self.stages.len() - 1
    }

    /// The stage whose matrix has a cell `name`, as long as the matrix was not known.
    fn template(&mut self, name: &str) -> Option<&mut Stage> {
        let mut matrices = name.match_indices(" (").map(|(end, _)| &name[..end]);
        let place = matrices.find_map(|matrix| self.places.get(matrix).copied())?;
        self.stages.get_mut(place).filter(|stage| stage.state == StageState::Waiting)
    }
}

/// `pipelines/main.yml:18`.
pub(crate) fn place(at: &Place) -> String {
    format!("{}:{}", at.file, at.line)
}
