//! The machine in a simulated world: time, crashes at any command, answers that come late, in another order, or never,
//! targets that are slow or not there, and records of which a crash takes the end. Everything follows from one seed.
//!
//! `SEALOCK_SIMULATION_SEED=N cargo test -p sealock-engine simulated` runs that one seed and prints what happens;
//! `SEALOCK_SIMULATION_RUNS=N` runs so many.

use std::collections::{BTreeMap, BTreeSet};

use sealock_events::{Cause, Conclusion, DeploymentResult, Event, EventKind, ProbeState, RunResult, Timestamp, Wall};
use sealock_plan::{LateFlag, MatrixSource, Plan, Retry, WithValue};
use serde_json::{Map, json};

use super::tests::{plan, stage};
use super::*;

/// Runs, when nothing else is asked for.
const RUNS: u64 = 10_000;
/// No run of so few stages takes more: one that does goes round in circles.
const ROUNDS_MAX: u32 = 3_000;
/// After so many crashes the world is kind.
const CRASHES_MAX: u32 = 6;

/// Numbers that look random, from a seed.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).expect("64 bits") % end
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// What goes on outside of the process, and outlives it.
#[derive(Default)]
struct Outside {
    /// Effects that happened and were not taken back, by stage, step, and generation.
    applied: BTreeSet<Mark>,
    /// The release that each environment's target runs.
    live: BTreeMap<String, &'static str>,
}

type Mark = (String, String, u32);

const OLD: &str = "r1";
const NEW: &str = "r2";

/// Something that is on its way to the machine.
enum Coming {
    Answer(Input),
    /// A step whose intent is recorded acts, then ends.
    Act {
        stage: StageId,
        attempt: Attempt,
        ends: &'static str,
    },
    /// A rollback takes the next of these steps back.
    Undo {
        stage: StageId,
        steps: Vec<usize>,
        failed: bool,
    },
}

struct Simulation {
    dice: Dice,
    plan: Plan,
    machine: Machine,
    /// What the record says, folded event by event.
    shadow: Machine,
    outside: Outside,
    coming: Vec<Coming>,
    /// Told, and on the disk up to `durable`.
    record: Vec<EventKind>,
    durable: usize,
    /// Whose effects were asked for after a crash, and had happened.
    doubled: Vec<Mark>,
    crashes: u32,
    finish: Option<(RunResult, u8)>,
    open: BTreeMap<String, i32>,
    verbose: bool,
}

fn effect_plan(dice: &mut Dice) -> Plan {
    let count = 1 + dice.below(3);
    let stages = (0..count).map(|number| {
        let id = format!("s{number}");
        let needs: Vec<String> = (0..number).filter(|_| dice.percent(40)).map(|other| format!("s{other}")).collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        let keys = ["plain", "push", "deploy", "smoke"];
        let keys: Vec<&str> = keys.into_iter().filter(|_| dice.percent(60)).collect();
        let keys = if keys.is_empty() { vec!["plain"] } else { keys };
        let mut own = stage(&id, &needs, &keys);
        // A slice of it is a second.
        own.timeout_ms = 20_000;
        own.environment = dice.percent(50).then(|| format!("env{number}"));
        own.condition = dice.percent(10).then(|| "always()".to_owned());
        if number > 0 && dice.percent(10) {
            own.late_matrix = Some(MatrixSource { axes: nothing(), include: nothing(), exclude: nothing() });
        }
        for step in &mut own.steps {
            if dice.percent(20) {
                step.retry = Some(Retry { attempts: 2, backoff_ms: 1, on: Vec::new() });
            }
            if dice.percent(5) {
                step.allow_failure = LateFlag::Known(true);
            }
        }
        own
    });
    plan(stages.collect())
}

fn nothing() -> WithValue {
    WithValue::Null
}

fn is_effect(key: &str) -> bool {
    key == "push" || key == "deploy"
}

impl Simulation {
    fn new(seed: u64, verbose: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = effect_plan(&mut dice);
        let jobs = 1 + dice.below(2);
        let mut outside = Outside::default();
        for stage in &plan.stages {
            outside.live.extend(stage.environment.clone().map(|environment| (environment, OLD)));
        }
        Self {
            machine: Machine::new(plan.clone(), jobs),
            shadow: Machine::new(plan.clone(), jobs),
            dice,
            plan,
            outside,
            coming: Vec::new(),
            record: Vec::new(),
            durable: 0,
            doubled: Vec::new(),
            crashes: 0,
            finish: None,
            open: BTreeMap::new(),
            verbose,
        }
    }

    fn run(&mut self) {
        self.feed(Input::Start);
        for _ in 0..ROUNDS_MAX {
            if let Some((result, _)) = self.finish {
                if !result.is_open() {
                    return self.check_end();
                }
                self.go_on();
                continue;
            }
            let may_crash = self.crashes < CRASHES_MAX;
            match self.dice.below(100) {
                0..4 if may_crash => self.crash(),
                4 if may_crash => {
                    self.crashes += 1;
                    self.coming.retain(|coming| !matches!(coming, Coming::Answer(_)));
                    self.feed(Input::Interrupted);
                }
                5 if may_crash => self.feed(Input::CancelAsked),
                6..30 => self.durable = self.record.len(),
                _ => self.next(),
            }
        }
        panic!("it goes round in circles");
    }

    /// The process is gone: with it what was on its way, and the end of the record that was not synced.
    fn crash(&mut self) {
        self.say("crash");
        self.crashes += 1;
        // What was sent to a target happens there all the same.
        for coming in std::mem::take(&mut self.coming) {
            if let Coming::Act { stage, attempt, .. } = coming
                && self.dice.percent(50)
            {
                self.apply(stage, attempt.step);
            }
        }
        let keeps = self.durable + self.dice.below(self.record.len() - self.durable + 1);
        self.record.truncate(keeps);
        self.durable = keeps;
        self.finish = Some((RunResult::Interrupted, 130));
    }

    /// Another process takes the run up by its record.
    fn go_on(&mut self) {
        self.say("resume");
        self.coming.clear();
        self.finish = None;
        self.durable = self.record.len();
        let events: Vec<Event> = self.record.iter().cloned().enumerate().map(event).collect();
        self.machine = Machine::replay(self.plan.clone(), 2, &events).expect("it is of this plan");
        self.shadow = Machine::replay(self.plan.clone(), 2, &events).expect("it is of this plan");
        self.recount();
        if !matches!(self.record.last(), Some(EventKind::RunFinished { .. })) {
            self.feed(Input::Interrupted);
            self.finish = None;
        }
        self.feed(Input::Resumed { again: Vec::new(), by: ("somebody".to_owned(), Wall::default()) });
    }

    fn recount(&mut self) {
        self.open.clear();
        for kind in self.record.clone() {
            self.count(&kind);
        }
    }

    /// Every start has one end, in time.
    fn count(&mut self, kind: &EventKind) {
        let json = serde_json::to_value(kind).expect("plain data");
        let word = json["kind"].as_str().unwrap_or_default();
        let (what, change) = match (word.strip_suffix("-started"), word.strip_suffix("-finished")) {
            (Some(what), _) => (what, 1),
            (_, Some(what)) => (what, -1),
            _ => return,
        };
        if what == "run" {
            return;
        }
        let name = format!("{what} {} {} {}", json["stage"], json["step"], json["attempt"]);
        let count = self.open.entry(name).or_default();
        *count += change;
        assert!((0..=1).contains(count), "{word} once more: {kind:?}");
    }

    fn say(&self, text: &str) {
        if self.verbose {
            println!("{text}");
        }
    }

    fn tell(&mut self, kind: EventKind) {
        self.say(&format!("  {kind:?}"));
        self.count(&kind);
        let known = self.shadow.apply(&kind);
        assert_eq!(known, Ok(()), "{kind:?}");
        self.record.push(kind);
    }

    fn feed(&mut self, input: Input) {
        self.say(&format!("> {input:?}"));
        if let Input::StepEnded { stage, step, ended } = &input {
            // What a step gives is told before its end.
            let own = self.machine.stage(*stage);
            let (stage, step) = (own.plan.name.clone(), own.plan.steps[*step].key.clone());
            for (name, value) in ended.outputs.clone() {
                self.tell(EventKind::Output { stage: stage.clone(), step: step.clone(), name, value });
            }
        }
        for command in self.machine.step(input) {
            assert!(self.finish.is_none(), "a command after the end: {command:?}");
            self.carry_out(command);
        }
        self.compare();
    }

    /// The record says what the machine knows.
    fn compare(&self) {
        for (own, told) in self.machine.stages.iter().zip(&self.shadow.stages) {
            assert_eq!(seen(own), seen(told), "the record says otherwise of {}", own.plan.name);
        }
        assert_eq!(self.machine.stages.len(), self.shadow.stages.len());
        assert_eq!(self.machine.cancelled, self.shadow.cancelled);
        assert_eq!(self.machine.deployments, self.shadow.deployments);
        let causes = |machine: &Machine| machine.failures.iter().map(|own| own.cause.clone()).collect::<Vec<_>>();
        let (own, told) = (causes(&self.machine), causes(&self.shadow));
        if self.machine.stages.iter().all(|stage| stage.phase != Phase::Closing) {
            assert_eq!(own, told);
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Record(kind) => self.tell(*kind),
            Command::MakeCells { stage } => {
                let cell = |n: u64| Map::from_iter([("n".to_owned(), json!(n))]);
                self.come(Input::CellsMade { stage, cells: Ok(vec![cell(1), cell(2)]) });
            }
            Command::OpenStage { stage, resumed } => self.open_stage(stage, resumed),
            Command::StopOpening { stage } => self.stop_opening(stage),
            Command::DecideStep { stage, step } => {
                let own = self.machine.stage(stage);
                let decision = Ok(!own.has_failed() && !own.is_cancelled());
                self.come(Input::StepDecided { stage, step, decision });
            }
            Command::StartStep { stage, attempt } => self.start_step(stage, attempt),
            Command::ProbeStep { stage, attempt } => self.probe(stage, attempt),
            Command::StopStep { stage, attempt } | Command::KillStep { stage, attempt } => self.stop(stage, attempt),
            Command::SetTimer { timer, ms } => {
                self.check_time(timer, ms);
                self.come(Input::TimerFired(timer));
            }
            Command::RollBack { stage, steps, .. } => {
                // The intent to go back is on the disk before anything is taken back.
                self.durable = self.record.len();
                self.coming.push(Coming::Undo { stage, steps, failed: false });
            }
            Command::CloseStage { stage, succeeded, settled } => self.close(stage, succeeded, settled),
            Command::Finish { result, exit, cause } => {
                self.tell(EventKind::RunFinished { result, exit, cause, duration_ms: 0, next: None });
                self.finish = Some((result, exit));
            }
        }
    }

    /// A stage that goes on has what its record leaves of its time, whatever crashed in between.
    fn check_time(&self, timer: Timer, ms: u64) {
        let Timer::StageTimeout(id) = timer else { return };
        let own = self.machine.stage(id);
        let mut used = 0;
        for kind in self.record.iter().filter(|kind| kind.stage() == Some(&own.plan.name)) {
            match kind {
                EventKind::TimeUsed { stage_ms, .. } => used = *stage_ms,
                EventKind::StageRestarted { effects_again: true, .. } => used = 0,
                _ => {}
            }
        }
        assert!(used < own.plan.timeout_ms && ms <= own.plan.timeout_ms - used, "{ms} ms are left after {used}");
        assert!(ms > 0, "slices end before the time does");
    }

    fn come(&mut self, input: Input) {
        self.coming.push(Coming::Answer(input));
    }

    /// Something that is on its way arrives: any of it, timers less often than answers.
    fn next(&mut self) {
        let phases = || self.machine.stages.iter().map(|stage| stage.phase).collect::<Vec<_>>();
        assert!(!self.coming.is_empty(), "everybody waits: {:?}", phases());
        let place = self.dice.below(self.coming.len());
        let is_timeout = |coming: &Coming| matches!(coming, Coming::Answer(Input::TimerFired(Timer::StageTimeout(_))));
        let others = self.coming.iter().any(|coming| !is_timeout(coming));
        if is_timeout(&self.coming[place]) && others && !self.dice.percent(2) {
            return;
        }
        match self.coming.swap_remove(place) {
            Coming::Answer(input) => self.feed(input),
            Coming::Act { stage, attempt, ends } => self.act(stage, attempt, ends),
            Coming::Undo { stage, steps, failed } => self.undo(stage, steps, failed),
        }
    }

    fn mark(&self, stage: StageId, step: usize) -> Mark {
        let own = self.machine.stage(stage);
        (own.plan.name.clone(), own.plan.steps[step].key.clone(), own.generation)
    }

    fn apply(&mut self, stage: StageId, step: usize) {
        let mark = self.mark(stage, step);
        if mark.1 == "deploy"
            && let Some(environment) = self.machine.stage(stage).plan.environment.clone()
        {
            self.outside.live.insert(environment, NEW);
        }
        self.outside.applied.insert(mark);
    }

    fn open_stage(&mut self, stage: StageId, resumed: bool) {
        let kind = self.crashes >= CRASHES_MAX;
        if !kind && self.dice.percent(3) {
            let exit = if self.dice.percent(50) { 6 } else { 7 };
            let cause = Cause { code: "E-SSH-LOST".into(), message: "no answer".into(), help: None, exit };
            return self.come(Input::StageRefused { stage, cause });
        }
        let own = self.machine.stage(stage);
        let deployment = own.plan.environment.clone().filter(|_| own.settled.is_none());
        let deployment = deployment.map(|environment| Deployment {
            environment,
            release: NEW.into(),
            fence: 7,
            fences: vec![("web1".into(), 7)],
            targets: vec!["web1".into()],
            previous: vec![("web1".into(), Some(OLD.into()))],
        });
        let fresh = (resumed && self.dice.percent(30)).then(|| "it is gone".to_owned());
        self.come(Input::StageReady { stage, deployment, fresh });
    }

    fn stop_opening(&mut self, stage: StageId) {
        let is_ready =
            |coming: &Coming| matches!(coming, Coming::Answer(Input::StageReady { stage: own, .. }) if *own == stage);
        if let Some(place) = self.coming.iter().position(is_ready) {
            self.coming.swap_remove(place);
            self.come(Input::StageRefused { stage, cause: cancelled() });
        }
    }

    fn start_step(&mut self, stage: StageId, attempt: Attempt) {
        let mark = self.mark(stage, attempt.step);
        self.check_not_finished(&mark);
        if is_effect(&mark.1) {
            if self.was_interrupted(&mark) && self.outside.applied.contains(&mark) {
                self.doubled.push(mark.clone());
            }
            self.tell(EventKind::EffectIntent {
                stage: mark.0,
                step: mark.1,
                key: "k".into(),
                fence: None,
                component: "c".into(),
                inputs: json!({}),
            });
            self.durable = self.record.len();
            self.machine.step(Input::EffectBegan { stage });
        }
        let ends = match self.dice.below(20) {
            _ if self.crashes >= CRASHES_MAX => "ok",
            0 => "fail",
            1 => "lost",
            2 => "timeout",
            _ => "ok",
        };
        self.coming.push(Coming::Act { stage, attempt, ends });
    }

    /// Whether the last try of a step that ended was ended by an interruption: its author did not ask for another.
    fn was_interrupted(&self, mark: &Mark) -> bool {
        let last = self.record.iter().rev().find_map(|kind| match kind {
            EventKind::StepFinished { stage, step, cause, .. } if *stage == mark.0 && *step == mark.1 => Some(cause),
            _ => None,
        });
        last.is_some_and(|cause| cause.as_ref().is_some_and(Cause::is_interruption))
    }

    /// A step whose success is recorded is not run again, unless its stage was started again.
    fn check_not_finished(&self, mark: &Mark) {
        let mut finished = false;
        for kind in &self.record {
            match kind {
                EventKind::StageRestarted { stage, effects_again, .. } if *stage == mark.0 => {
                    finished &= !effects_again && is_effect(&mark.1);
                }
                EventKind::StepFinished { stage, step, conclusion, cause: None, retrying: false, .. }
                    if *stage == mark.0 && *step == mark.1 =>
                {
                    finished = *conclusion == Conclusion::Success;
                }
                _ => {}
            }
        }
        assert!(!finished, "{mark:?} is run again");
    }

    fn act(&mut self, stage: StageId, attempt: Attempt, ends: &'static str) {
        let mark = self.mark(stage, attempt.step);
        let happens = match ends {
            "ok" | "lost" => true,
            _ => self.dice.percent(50),
        };
        if is_effect(&mark.1) {
            if happens {
                self.apply(stage, attempt.step);
            }
            let applied = ends == "ok";
            self.tell(EventKind::EffectDone { stage: mark.0, step: mark.1.clone(), key: "k".into(), applied });
            self.durable = self.record.len();
        }
        let why = match ends {
            "ok" => Why::Fine,
            "lost" => Why::Remote,
            "timeout" => Why::Timeout,
            "stopped" => Why::Cancelled,
            _ => Why::Failure,
        };
        let code = if why == Why::Cancelled { "E-CANCELLED" } else { "E-STEP-FAILED" };
        let cause = (why != Why::Fine).then(|| Cause { code: code.into(), message: ends.into(), help: None, exit: 1 });
        let allow_failure = self.machine.stage(stage).plan.steps[attempt.step].allow_failure == LateFlag::Known(true);
        let ended = Ended {
            attempt: attempt.number,
            why,
            cause,
            skipped: None,
            outputs: Map::from_iter([("gave".to_owned(), json!(attempt.number))]),
            effect: is_effect(&mark.1),
            allow_failure,
            duration_ms: 1,
            log_bytes: 0,
        };
        self.feed(Input::StepEnded { stage, step: attempt.step, ended: Box::new(ended) });
    }

    /// An honest answer, or none.
    fn probe(&mut self, stage: StageId, attempt: Attempt) {
        let mark = self.mark(stage, attempt.step);
        let kind = self.crashes >= CRASHES_MAX;
        let state = match self.outside.applied.contains(&mark) {
            _ if !kind && self.dice.percent(15) => ProbeState::Unknown,
            true if self.dice.percent(10) => ProbeState::Partly,
            true => ProbeState::Applied,
            false => ProbeState::NotApplied,
        };
        let (name, step) = (mark.0.clone(), mark.1.clone());
        self.tell(EventKind::EffectProbed {
            stage: name.clone(),
            step: step.clone(),
            key: "k".into(),
            state,
            why: None,
        });
        if state == ProbeState::Applied {
            self.tell(EventKind::EffectDone { stage: name, step, key: "k".into(), applied: true });
        }
        self.durable = self.record.len();
        self.come(Input::Probed { stage, step: attempt.step, state, why: None, outputs: Map::new() });
    }

    fn stop(&mut self, stage: StageId, attempt: Attempt) {
        let running = self.coming.iter_mut().find_map(|coming| match coming {
            Coming::Act { stage: own, attempt: tried, ends } if *own == stage && *tried == attempt => Some(ends),
            _ => None,
        });
        if let Some(ends) = running {
            *ends = "stopped";
        }
    }

    fn undo(&mut self, stage: StageId, mut steps: Vec<usize>, mut failed: bool) {
        if !steps.is_empty() {
            let step = steps.remove(0);
            let mark = self.mark(stage, step);
            failed |= self.crashes < CRASHES_MAX && self.dice.percent(5);
            if !failed {
                self.outside.applied.remove(&mark);
                if let Some(environment) =
                    self.machine.stage(stage).plan.environment.clone().filter(|_| mark.1 == "deploy")
                {
                    self.outside.live.insert(environment, OLD);
                }
            }
            return self.coming.push(Coming::Undo { stage, steps, failed });
        }
        let result = match self.machine.stage(stage).deployment {
            _ if failed => DeploymentResult::RollbackFailed,
            None => DeploymentResult::Unchanged,
            Some(_) if self.dice.percent(20) => DeploymentResult::RolledBackUnverified,
            Some(_) => DeploymentResult::RolledBackVerified,
        };
        let result = RolledBack { result, live: Vec::new(), duration_ms: 1 };
        self.feed(Input::RolledBack { stage, result });
    }

    fn close(&mut self, stage: StageId, succeeded: bool, settled: Option<DeploymentResult>) {
        let own = self.machine.stage(stage);
        let has_switched = own.plan.environment.as_ref().is_some_and(|name| self.outside.live[name] == NEW);
        let verified = succeeded && own.is_saga && has_switched;
        let usual = if verified { DeploymentResult::Verified } else { DeploymentResult::Unchanged };
        let deployment = own.holds_locks.then(|| DeploymentEnd {
            result: settled.unwrap_or(usual),
            release: NEW.into(),
            live: Vec::new(),
            url: None,
        });
        let bug = Cause { code: "E-BUG".into(), message: "bug".into(), help: None, exit: 70 };
        let cause = (self.dice.below(500) == 0).then_some(bug);
        self.come(Input::StageClosed { stage, outputs: Map::new(), deployment, cause });
    }

    fn check_end(&self) {
        let left: Vec<_> = self.open.iter().filter(|(_, count)| **count != 0).collect();
        assert!(left.is_empty(), "without an end: {left:?}");
        assert_eq!(self.doubled, [], "done twice");
        let (result, exit) = self.finish.expect("it is over");
        for (place, stage) in self.machine.stages.iter().enumerate() {
            self.check_deployment(stage, self.machine.deployments.get(&StageId(place)));
        }
        let came_to =
            |wanted: &[DeploymentResult]| self.machine.deployments.values().any(|result| wanted.contains(result));
        if came_to(&[DeploymentResult::RollbackFailed, DeploymentResult::RolledBackUnverified]) {
            assert!([11, 12, 70].contains(&exit), "{result:?} {exit}");
        } else if came_to(&[DeploymentResult::RolledBackVerified]) {
            assert!([10, 12, 70].contains(&exit), "{result:?} {exit}");
        }
        self.check_records();
    }

    /// On one release or the other, and says which.
    fn check_deployment(&self, stage: &Stage, result: Option<&DeploymentResult>) {
        let Some(environment) = &stage.plan.environment else { return };
        // Several cells of a matrix share one; a fenced run does not answer for what is there.
        let fenced = stage.failure.as_ref().is_some_and(|cause| cause.exit == 7);
        if stage.plan.cells > 1 || fenced {
            return;
        }
        let deploys = self.outside.applied.iter().any(|mark| mark.0 == stage.plan.name && mark.1 == "deploy");
        let live = self.outside.live[environment];
        match result {
            Some(DeploymentResult::RolledBackVerified | DeploymentResult::RolledBackUnverified) => {
                assert_eq!(live, OLD);
            }
            Some(DeploymentResult::Verified) => assert_eq!(live, NEW),
            Some(DeploymentResult::RollbackFailed) => {}
            Some(DeploymentResult::Interrupted) => panic!("{environment} is left between"),
            Some(DeploymentResult::Unchanged) | None => {
                assert!(!deploys || stage.generation > 0, "{environment} runs {live}, and nobody says so");
            }
        }
    }

    /// No effect is recorded as done twice.
    fn check_records(&self) {
        let mut done: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        for kind in &self.record {
            match kind {
                EventKind::StageRestarted { stage, effects_again: true, .. } => done.retain(|(own, _), _| own != stage),
                EventKind::EffectDone { stage, step, applied: true, .. } => {
                    let count = done.entry((stage, step)).or_default();
                    *count += 1;
                    assert_eq!(*count, 1, "{stage}/{step} is recorded as done twice");
                }
                _ => {}
            }
        }
    }
}

fn event((place, kind): (usize, EventKind)) -> Event {
    let seq = place as u64 + 1;
    Event { v: sealock_events::VERSION, seq, sub: 0, time: Timestamp::from_unix_ms(0), run: "01A".into(), kind }
}

/// What the record has to say of a stage. Whether it is just being opened or closed is not recorded.
fn seen(stage: &Stage) -> impl PartialEq + std::fmt::Debug + '_ {
    // Half an effect of no deployment is taken back without an event of its own.
    let is_undoing = stage.phase == Phase::RollingBack && stage.deployment.is_none();
    let open = is_undoing || matches!(stage.phase, Phase::Opening | Phase::Running | Phase::Closing);
    let phase = match stage.phase {
        _ if open => Phase::Running,
        Phase::MakingCells => Phase::Waiting,
        phase => phase,
    };
    let steps: Vec<_> = stage
        .steps
        .iter()
        .map(|own| {
            let outputs = (own.status == StepStatus::Done).then_some(&own.outputs);
            (own.status, own.attempts, own.interruptions, own.has_intent, own.outcome, own.conclusion, outputs)
        })
        .collect();
    let closing = stage.phase == Phase::Closing || open;
    let failure = stage.failure.as_ref().filter(|_| !closing);
    let whole = (phase, steps, stage.result, stage.failed_behind, stage.cancelled_behind);
    let deployment = (&stage.deployment, stage.is_saga, &stage.effects, stage.goes_back, &stage.rolled_back);
    let time = (stage.used_ms, stage.steps.iter().map(|own| own.used_ms).collect::<Vec<_>>());
    (whole, deployment, failure, stage.holds_locks, stage.generation, &stage.outputs, time)
}

#[expect(clippy::disallowed_methods, reason = "a failure is run again by its seed")]
fn asked(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn simulate(seed: u64, verbose: bool) {
    let run = || Simulation::new(seed, verbose).run();
    let held = std::panic::catch_unwind(run).is_ok();
    assert!(held, "seed {seed}: SEALOCK_SIMULATION_SEED={seed} cargo test -p sealock-engine simulated -- --nocapture");
}

#[test]
fn simulated_runs_keep_every_promise() {
    if let Some(seed) = asked("SEALOCK_SIMULATION_SEED") {
        return simulate(seed, true);
    }
    let runs = asked("SEALOCK_SIMULATION_RUNS").unwrap_or(RUNS);
    let halves: Vec<_> = (0..2)
        .map(|half| std::thread::spawn(move || (0..runs / 2).for_each(|seed| simulate(2 * seed + half, false))))
        .collect();
    for half in halves {
        half.join().unwrap_or_else(|why| std::panic::resume_unwind(why));
    }
}
