//! A stage and its steps.

use std::collections::VecDeque;

use sealock_events::{Cause, Conclusion, EventKind, LogLevel, Place, PlannedStep, ServiceState, Waiting};

use super::{Deployment, RollbackPart};
use crate::figures::figure;
use crate::line::without_colours;

/// The end of a failed step's log that is shown; a step that prints without end fills no memory.
const TAIL_LINES_MAX: usize = 20;
/// Lines shown of what is running.
const RECENT_LINES_MAX: usize = 3;
/// Problems kept for a failed step: a linter can report thousands.
const PROBLEMS_MAX: usize = 10;
/// Denials that are told once each: a step can ask for a thousand things a second.
const DENIALS_MAX: usize = 10;
/// Longer lines are cut where they are kept for a tail.
const LINE_CHARS_MAX: usize = 2000;

/// Where a stage stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StageState {
    Waiting,
    Running,
    Skipped(String),
    Finished(Conclusion),
}

/// One stage, or one cell of a matrix.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) needs: Vec<String>,
    pub(crate) environment: Option<String>,
    pub(crate) planned: Vec<PlannedStep>,
    /// Whether its cells stand in its place.
    pub(crate) is_replaced: bool,
    pub(crate) state: StageState,
    pub(crate) started: i64,
    pub(crate) duration_ms: u64,
    pub(crate) steps: Vec<Step>,
    /// Services that are starting or failed.
    pub(crate) services: Vec<(String, ServiceState)>,
    pub(crate) waiting: Option<Waiting>,
    /// The last lines that anything of the stage printed.
    pub(crate) recent: VecDeque<String>,
    pub(crate) deployment: Option<Deployment>,
    /// Why it failed.
    pub(crate) cause: Option<Cause>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepState {
    Running,
    /// Between two attempts.
    Retrying,
    Skipped,
    /// How it ended, and what the run makes of that.
    Finished(Conclusion, Conclusion),
}

/// Something that a step found.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) level: LogLevel,
    pub(crate) message: String,
    pub(crate) place: Option<String>,
}

/// One step, in its last attempt.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) plugin: String,
    pub(crate) attempt: u32,
    pub(crate) at: Option<Place>,
    pub(crate) state: StepState,
    pub(crate) started: i64,
    pub(crate) duration_ms: u64,
    pub(crate) figures: Vec<String>,
    /// How far it is, in words.
    pub(crate) progress: Option<String>,
    pub(crate) tail: VecDeque<String>,
    /// Lines that it printed in all.
    pub(crate) lines: u64,
    pub(crate) problems: Vec<Problem>,
    pub(crate) problem_count: usize,
    pub(crate) denials: Vec<String>,
    pub(crate) denial_count: usize,
    /// Whether the last denial was not told before.
    pub(crate) is_new_denial: bool,
    pub(crate) why_skipped: Option<String>,
    pub(crate) cause: Option<Cause>,
}

impl Stage {
    pub(super) fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            title: None,
            needs: Vec::new(),
            environment: None,
            planned: Vec::new(),
            is_replaced: false,
            state: StageState::Waiting,
            started: 0,
            duration_ms: 0,
            steps: Vec::new(),
            services: Vec::new(),
            waiting: None,
            recent: VecDeque::new(),
            deployment: None,
            cause: None,
        }
    }

    /// What people call it.
    pub(crate) fn shown(&self) -> &str {
        self.title.as_deref().unwrap_or(&self.name)
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, StageState::Skipped(_) | StageState::Finished(_))
    }

    /// Whether `need` names this stage, or the matrix that it is a cell of.
    pub(crate) fn is_cell_of(&self, need: &str) -> bool {
        let rest = self.name.strip_prefix(need);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(" ("))
    }

    pub(crate) fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().rev().find(|step| step.id == id)
    }

    /// The step that runs or waits for its next attempt.
    pub(crate) fn running(&self) -> Option<&Step> {
        self.steps.iter().rev().find(|step| matches!(step.state, StepState::Running | StepState::Retrying))
    }

    pub(crate) fn failed_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.has_failed())
    }

    /// Whether a step of it failed by `cause`, and so has told it.
    pub(crate) fn tells(&self, cause: &Cause) -> bool {
        self.steps.iter().any(|step| step.has_failed() && step.cause.as_ref() == Some(cause))
    }

    /// How many of its steps ended.
    pub(crate) fn finished_steps(&self) -> usize {
        self.steps.iter().filter(|step| step.is_over()).count()
    }

    /// The figures of its steps, in order.
    pub(crate) fn figures(&self) -> Vec<&str> {
        self.steps.iter().flat_map(|step| &step.figures).map(String::as_str).collect()
    }

    pub(super) fn start(&mut self, time: i64) {
        (self.state, self.started, self.waiting) = (StageState::Running, time, None);
    }

    pub(super) fn apply(&mut self, kind: &EventKind, time: i64) {
        match kind {
            EventKind::StepStarted { step, name, plugin, attempt, at, .. } => {
                self.start_step(Step::start(step, name, plugin, *attempt, at.clone(), time));
            }
            EventKind::Log { step, text, .. } => self.log(step, text),
            EventKind::StepFinished { step, .. } => {
                self.recent.clear();
                self.change(step, |own| own.finish(kind));
            }
            EventKind::Skipped { step: Some(step), why, .. } => self.skip_step(step, why),
            EventKind::Skipped { step: None, why, .. } => self.state = StageState::Skipped(why.clone()),
            EventKind::Waiting { waiting, .. } => self.waiting = Some(waiting.clone()),
            EventKind::Service { name, state, .. } => self.serve(name, *state),
            EventKind::StageFinished { result, cause, duration_ms, .. } => {
                (self.state, self.duration_ms) = (StageState::Finished(*result), *duration_ms);
                (self.cause, self.waiting) = (cause.clone(), None);
                self.recent = VecDeque::new();
            }
            kind => {
                self.apply_to_step(kind);
                self.apply_to_deployment(kind);
            }
        }
    }

    fn apply_to_step(&mut self, kind: &EventKind) {
        match kind {
            EventKind::Progress { step, done, total, message, .. } => {
                let told = progress(*done, *total, message);
                self.change(step, |own| own.progress = Some(told));
            }
            EventKind::Output { step, name, value, .. } => {
                self.change(step, |own| own.figures.extend(figure(name, value)));
            }
            EventKind::Annotation { step, .. } => self.change(step, |own| own.annotate(kind)),
            EventKind::Denied { step, message, .. } => self.change(step, |own| own.deny(message)),
            _ => {}
        }
    }

    fn apply_to_deployment(&mut self, kind: &EventKind) {
        match kind {
            EventKind::DeploymentStarted { environment, release, targets, previous, .. } => {
                self.waiting = None;
                let own = self.deployed(environment, release);
                (own.targets, own.previous) = (targets.clone(), previous.clone());
            }
            EventKind::Switched { environment, target, release, .. } => {
                self.deployed(environment, release).switched.push(target.clone());
            }
            EventKind::RollbackStarted { environment, release, cause, .. } => {
                self.deployed(environment, release).failure = Some(cause.clone());
            }
            EventKind::RollbackStep { step, what, outcome, cause, duration_ms, .. } => {
                let part = RollbackPart {
                    step: step.clone(),
                    what: what.clone(),
                    outcome: *outcome,
                    cause: cause.clone(),
                    duration_ms: *duration_ms,
                };
                self.recent.clear();
                self.deployment.iter_mut().for_each(|own| own.rollback.push(part.clone()));
            }
            EventKind::RollbackFinished { result, live, .. } => {
                self.deployment.iter_mut().for_each(|own| (own.result, own.live) = (Some(*result), live.clone()));
            }
            EventKind::DeploymentFinished { environment, release, result, live, url, .. } => {
                let own = self.deployed(environment, release);
                (own.result, own.live, own.url) = (Some(*result), live.clone(), url.clone());
            }
            _ => {}
        }
    }

    fn deployed(&mut self, environment: &str, release: &str) -> &mut Deployment {
        self.deployment.get_or_insert_with(|| Deployment::new(environment, release))
    }

    fn start_step(&mut self, new: Step) {
        self.recent.clear();
        self.waiting = None;
        // A first attempt is a new step: a stage may have ten thousand of them.
        let old = self.steps.iter_mut().rev().find(|step| new.attempt > 1 && step.id == new.id);
        match old {
            Some(step) => *step = new,
            None => self.steps.push(new),
        }
    }

    fn log(&mut self, step: &str, text: &str) {
        let text: String = without_colours(text).chars().take(LINE_CHARS_MAX).collect();
        push_bounded(&mut self.recent, text.clone(), RECENT_LINES_MAX);
        self.change(step, |own| {
            // A finished step's rollback prints under its name; its own tail stays what it was.
            if own.state == StepState::Running {
                own.lines += 1;
                push_bounded(&mut own.tail, text, TAIL_LINES_MAX);
            }
        });
    }

    fn skip_step(&mut self, step: &str, why: &str) {
        if self.step(step).is_none() {
            let planned = self.planned.iter().find(|planned| planned.step == step);
            let (name, plugin) = planned.map_or((step, ""), |planned| (&planned.name, &planned.plugin));
            self.steps.push(Step::start(step, name, plugin, 0, None, 0));
        }
        self.change(step, |own| (own.state, own.why_skipped) = (StepState::Skipped, Some(why.to_owned())));
    }

    fn serve(&mut self, name: &str, state: ServiceState) {
        self.services.retain(|(other, _)| other != name);
        if matches!(state, ServiceState::Starting | ServiceState::Failed) {
            self.services.push((name.to_owned(), state));
        }
    }

    fn change(&mut self, step: &str, change: impl FnOnce(&mut Step)) {
        if let Some(own) = self.steps.iter_mut().rev().find(|own| own.id == step) {
            change(own);
        }
    }
}

impl Step {
    fn start(id: &str, name: &str, plugin: &str, attempt: u32, at: Option<Place>, time: i64) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            plugin: plugin.to_owned(),
            attempt,
            at,
            state: StepState::Running,
            started: time,
            duration_ms: 0,
            figures: Vec::new(),
            progress: None,
            tail: VecDeque::new(),
            lines: 0,
            problems: Vec::new(),
            problem_count: 0,
            denials: Vec::new(),
            denial_count: 0,
            is_new_denial: false,
            why_skipped: None,
            cause: None,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, StepState::Skipped | StepState::Finished(..))
    }

    /// Whether the run fails by it.
    pub(crate) fn has_failed(&self) -> bool {
        matches!(self.state, StepState::Finished(_, Conclusion::Failure))
    }

    /// Whether it failed and was allowed to.
    pub(crate) fn is_forgiven(&self) -> bool {
        matches!(self.state, StepState::Finished(Conclusion::Failure, Conclusion::Success))
    }

    /// Whether this denial was told.
    pub(crate) fn is_denied(&self, message: &str) -> bool {
        self.denials.iter().any(|told| told == message)
    }

    fn finish(&mut self, kind: &EventKind) {
        let EventKind::StepFinished { outcome, conclusion, cause, duration_ms, retrying, .. } = kind else {
            return;
        };
        (self.cause, self.duration_ms, self.progress) = (cause.clone(), *duration_ms, None);
        self.state = if *retrying { StepState::Retrying } else { StepState::Finished(*outcome, *conclusion) };
        if *outcome != Conclusion::Failure {
            self.tail = VecDeque::new();
        }
    }

    fn annotate(&mut self, kind: &EventKind) {
        let EventKind::Annotation { level, message, file, line, column, .. } = kind else {
            return;
        };
        if *level < LogLevel::Warning {
            return;
        }
        self.problem_count += 1;
        if self.problems.len() < PROBLEMS_MAX {
            let place = file.as_deref().map(|file| place_in(file, *line, *column));
            self.problems.push(Problem { level: *level, message: message.clone(), place });
        }
    }

    fn deny(&mut self, message: &str) {
        self.denial_count += 1;
        self.is_new_denial = self.denials.len() < DENIALS_MAX && !self.is_denied(message);
        if self.is_new_denial {
            self.denials.push(message.to_owned());
        }
    }
}

/// `src/app.py:3:7`.
pub(crate) fn place_in(file: &str, line: Option<u32>, column: Option<u32>) -> String {
    let numbers = [line, column].into_iter().map_while(|number| number);
    numbers.fold(file.to_owned(), |place, number| format!("{place}:{number}"))
}

fn progress(done: u64, total: Option<u64>, message: &str) -> String {
    let so_far = match total {
        Some(total) => format!("{done} of {total}"),
        None => done.to_string(),
    };
    if message.is_empty() { so_far } else { format!("{message} ({so_far})") }
}

fn push_bounded(lines: &mut VecDeque<String>, line: String, most: usize) {
    if lines.len() >= most {
        lines.pop_front();
    }
    lines.push_back(line);
}
