//! What is left of the time of a stage, and of a verifier, when a run goes on after an interruption.
//!
//! There is no clock here, and none is believed: while a step runs, a timer says every so often that so much time has gone
//! by, and the record keeps the sum. So the time in which nobody ran does not count, a clock that jumps changes nothing,
//! and a kill gives back at most one slice.
//!
//! What starts again from nothing needs all the time that its author gave it, or it can never come to its end: an
//! interrupted step has its own `timeout` whole. A verifier only looks, and waits for something until its deadline: it goes
//! on waiting. Both do so in what their stage has left.
//!
//! # Invariants
//!
//! - What a stage used never shrinks but where it is started again with everything that it did; what a verifier used,
//!   also where it comes to an end of its own.
//! - What is left is never more than what the author gave.

use sealock_events::EventKind;
use sealock_plan::{PlannedStage, PlannedStep};

use super::Machine;
use super::messages::{Attempt, Command, StageId, Timer};
use super::stage::{Phase, Stage, StepState, StepStatus};

/// A slice is such a part of the time that the step has.
const SLICES: u64 = 20;
/// No slice is shorter: each is a record on the disk.
const SLICE_MIN_MS: u64 = 1_000;
/// No slice is longer: a kill gives so much time back.
const SLICE_MAX_MS: u64 = 60_000;

impl Stage {
    /// What is left of its `timeout`.
    pub(super) fn left_ms(&self) -> u64 {
        self.plan.timeout_ms.saturating_sub(self.used_ms)
    }

    /// What is left of the time of `step`, in the try that is being made.
    pub(crate) fn left_of_step_ms(&self, step: usize) -> u64 {
        self.plan.steps[step].limits.wall_ms.saturating_sub(self.steps[step].used_ms)
    }

    /// A try begins: the wait before it is over.
    pub(super) fn count_start(&mut self, step: usize) {
        let state = &mut self.steps[step];
        let waited_ms = std::mem::take(&mut state.waiting_ms);
        state.counted_ms = 0;
        self.used_ms = self.used_ms.saturating_add(waited_ms);
    }

    /// A try is over, after so much time in this process.
    pub(super) fn count_end(&mut self, step: usize, duration_ms: u64) {
        let state = &mut self.steps[step];
        let uncounted_ms = duration_ms.saturating_sub(state.counted_ms);
        (state.used_ms, state.counted_ms) = (0, 0);
        self.used_ms = self.used_ms.saturating_add(uncounted_ms);
    }

    /// A try was cut off: the one that is made in its place begins from nothing, unless it only `looks`.
    pub(super) fn count_interruption(&mut self, step: usize, looks: bool) {
        if !looks {
            self.steps[step].used_ms = 0;
        }
    }

    pub(super) fn take_time(&mut self, step: usize, step_ms: u64, stage_ms: u64) {
        let state = &mut self.steps[step];
        state.counted_ms = state.counted_ms.saturating_add(step_ms.saturating_sub(state.used_ms));
        state.used_ms = state.used_ms.max(step_ms);
        self.used_ms = self.used_ms.max(stage_ms);
    }
}

impl StepState {
    /// The same with a new workspace: it runs again, a verifier in the time that it has left.
    pub(super) fn afresh(&self) -> Self {
        Self { attempts: self.attempts, used_ms: self.used_ms, ..Self::default() }
    }
}

impl Machine {
    /// Whether the step verifies what others did, and changes nothing.
    pub(super) fn verifies(&self, step: &PlannedStep) -> bool {
        let manifest = self.plan.plugins.get(&step.plugin).and_then(|plugin| plugin.manifest.as_ref());
        manifest.is_some_and(|manifest| manifest.verifies && !manifest.effect)
    }

    /// Has the step's plugin run, and its time counted.
    pub(super) fn launch(&self, id: StageId, attempt: Attempt, out: &mut Vec<Command>) {
        out.push(Command::StartStep { stage: id, attempt });
        self.set_slice(id, attempt, out);
    }

    fn set_slice(&self, id: StageId, attempt: Attempt, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        let ms = slice_ms(&stage.plan, &stage.plan.steps[attempt.step]);
        // The last one would come when the time is up.
        if ms < stage.left_ms() && ms < stage.left_of_step_ms(attempt.step) {
            out.push(Command::SetTimer { timer: Timer::Slice(id, attempt), ms });
        }
    }

    /// A slice of the time of a step has gone by.
    pub(super) fn slice_used(&mut self, id: StageId, attempt: Attempt, out: &mut Vec<Command>) {
        let stage = &self.stages[id.0];
        if stage.phase != Phase::Running || stage.running() != Some(attempt) {
            return;
        }
        let plan = &stage.plan.steps[attempt.step];
        let ms = slice_ms(&stage.plan, plan);
        let kind = EventKind::TimeUsed {
            stage: stage.plan.name.clone(),
            step: plan.key.clone(),
            step_ms: stage.steps[attempt.step].used_ms.saturating_add(ms),
            stage_ms: stage.used_ms.saturating_add(ms),
        };
        self.tell(kind, out);
        self.set_slice(id, attempt, out);
    }
}

fn slice_ms(stage: &PlannedStage, step: &PlannedStep) -> u64 {
    (stage.timeout_ms.min(step.limits.wall_ms) / SLICES).clamp(SLICE_MIN_MS, SLICE_MAX_MS)
}

/// A step that waits for another try does so in its stage's time.
pub(super) fn waits(state: &mut StepState, ms: u64) {
    if state.status == StepStatus::Waiting {
        state.waiting_ms = ms;
    }
}

#[cfg(test)]
mod tests {
    use sealock_contract::{Digest, Manifest};
    use sealock_events::{Cause, Event, Timestamp, Wall};
    use sealock_plan::{Plan, PlannedPlugin, PluginOrigin, Retry};

    use super::super::tests::{plan, stage};
    use super::super::{Ended, Input};
    use super::*;

    const STAGE: StageId = StageId(0);
    const FIRST: Attempt = Attempt { step: 0, number: 1 };

    /// One stage of a minute, whose only step has half of it: a slice is a second and a half.
    fn one() -> Plan {
        let mut own = stage("a", &[], &["s"]);
        own.timeout_ms = 60_000;
        own.steps[0].limits.wall_ms = 30_000;
        own.steps[0].retry = Some(Retry { attempts: 2, backoff_ms: 2_000, on: Vec::new() });
        plan(vec![own])
    }

    /// The same, of a plugin that only looks.
    fn verifying() -> Plan {
        let json = br#"{"name":"shell","version":"0.1.0","world":"sealock:step/full-step@0.1.0","verifies":true}"#;
        let manifest = Some(Manifest::from_json(json).expect("a manifest"));
        let plugin = PlannedPlugin { origin: PluginOrigin::Builtin, digest: Digest::of(b""), manifest };
        Plan { plugins: [("shell".to_owned(), plugin)].into(), ..one() }
    }

    /// A machine and what it recorded.
    struct Told {
        plan: Plan,
        machine: Machine,
        record: Vec<EventKind>,
    }

    impl Told {
        fn begin() -> Self {
            Self::of(one())
        }

        fn of(plan: Plan) -> Self {
            let mut told = Self { machine: Machine::new(plan.clone(), 1), plan, record: Vec::new() };
            told.feed(Input::Start);
            told.feed(ready());
            told.feed(Input::StepDecided { stage: STAGE, step: 0, decision: Ok(true) });
            told
        }

        fn feed(&mut self, input: Input) -> Vec<Command> {
            let commands = self.machine.step(input);
            self.record.extend(commands.iter().filter_map(|command| match command {
                Command::Record(kind) => Some((**kind).clone()),
                _ => None,
            }));
            commands
        }

        fn slices(&mut self, attempt: Attempt, count: u32) {
            for _ in 0..count {
                self.feed(Input::TimerFired(Timer::Slice(STAGE, attempt)));
            }
        }

        /// The process is killed; another takes the run up. Answers how long its stage has.
        fn killed(self) -> (Self, u64) {
            self.killed_and_has(None)
        }

        /// The same, where what was in its workspace may be gone, as `fresh` says.
        fn killed_and_has(self, fresh: Option<&str>) -> (Self, u64) {
            let event = |(seq, kind): (usize, &EventKind)| Event {
                v: sealock_events::VERSION,
                seq: u64::try_from(seq).expect("few"),
                sub: 0,
                // Whatever the clock said.
                time: Timestamp::from_unix_ms(if seq % 2 == 0 { i64::MAX / 2 } else { 0 }),
                run: "r".into(),
                kind: kind.clone(),
            };
            let events: Vec<Event> = self.record.iter().enumerate().map(event).collect();
            let machine = Machine::replay(self.plan.clone(), 1, &events).expect("it is of this plan");
            let mut told = Self { machine, ..self };
            told.feed(Input::Interrupted);
            told.feed(Input::Resumed { again: Vec::new(), by: ("somebody".into(), Wall::default()) });
            let fresh = fresh.map(str::to_owned);
            let left = timeout_of(&told.feed(Input::StageReady { stage: STAGE, deployment: None, fresh }));
            (told, left)
        }

        fn left_of_step(&self) -> u64 {
            self.machine.stage(STAGE).left_of_step_ms(0)
        }
    }

    fn ready() -> Input {
        Input::StageReady { stage: STAGE, deployment: None, fresh: None }
    }

    fn timeout_of(commands: &[Command]) -> u64 {
        let timer = commands.iter().find_map(|command| match command {
            Command::SetTimer { timer: Timer::StageTimeout(_), ms } => Some(*ms),
            _ => None,
        });
        timer.expect("a stage has a timeout")
    }

    fn failed(attempt: u32, duration_ms: u64) -> Input {
        let cause = Cause { code: "E-STEP-FAILED".into(), message: "no".into(), help: None, exit: 1 };
        let ended = Ended { duration_ms, ..Ended::unmade(attempt, cause) };
        Input::StepEnded { stage: STAGE, step: 0, ended: Box::new(ended) }
    }

    #[test]
    fn a_step_that_starts_again_has_all_its_time_and_its_stage_has_what_was_left() {
        let mut told = Told::begin();
        told.slices(FIRST, 4);
        let (mut told, left) = told.killed();
        assert_eq!((left, told.left_of_step()), (54_000, 30_000));
        told.slices(Attempt { step: 0, number: 2 }, 2);
        assert_eq!(told.left_of_step(), 27_000);
        let (told, left) = told.killed_and_has(Some("it is gone"));
        assert_eq!((left, told.left_of_step()), (51_000, 30_000));
        let (told, left) = told.killed();
        assert_eq!((left, told.left_of_step()), (51_000, 30_000), "time in which nobody ran does not count");
    }

    #[test]
    fn time_before_a_kill_counts_once_for_its_stage() {
        let mut told = Told::begin();
        told.slices(FIRST, 4);
        let (mut told, _) = told.killed();
        told.slices(Attempt { step: 0, number: 2 }, 2);
        told.feed(failed(2, 3_500));
        assert_eq!(told.killed().1, 60_000 - 6_000 - 3_500);
    }

    #[test]
    fn a_verifier_that_goes_on_has_what_was_left_however_often_it_is_killed() {
        let mut told = Told::of(verifying());
        told.slices(FIRST, 4);
        let (mut told, left) = told.killed();
        assert_eq!((left, told.left_of_step()), (54_000, 24_000));
        told.slices(Attempt { step: 0, number: 2 }, 2);
        let (told, left) = told.killed_and_has(Some("it is gone"));
        assert_eq!((left, told.left_of_step()), (51_000, 21_000));
        let (told, left) = told.killed();
        assert_eq!((left, told.left_of_step()), (51_000, 21_000), "time in which nobody ran does not count");
    }

    #[test]
    fn slices_end_before_the_time_does() {
        let mut told = Told::of(verifying());
        told.slices(FIRST, 18);
        let last = told.feed(Input::TimerFired(Timer::Slice(STAGE, FIRST)));
        assert!(!last.iter().any(|command| matches!(command, Command::SetTimer { .. })), "{last:?}");
        let (told, left) = told.killed();
        assert_eq!((left, told.left_of_step()), (31_500, 1_500));
    }

    #[test]
    fn a_try_that_ended_counts_for_its_stage_and_the_next_has_all_its_time() {
        let mut told = Told::begin();
        told.slices(FIRST, 2);
        let commands = told.feed(failed(1, 4_000));
        assert!(
            commands
                .contains(&Command::SetTimer { timer: Timer::Retry(STAGE, Attempt { step: 0, number: 2 }), ms: 2_000 })
        );
        let second = Attempt { step: 0, number: 2 };
        told.feed(Input::TimerFired(Timer::Retry(STAGE, second)));
        assert_eq!(told.left_of_step(), 30_000);
        told.slices(second, 1);
        // A slice of the first try that comes late is none of the second.
        told.slices(FIRST, 1);
        let (told, left) = told.killed();
        assert_eq!((left, told.left_of_step()), (60_000 - 4_000 - 2_000 - 1_500, 30_000));
    }

    #[test]
    fn a_wait_that_was_cut_off_counts_for_nobody() {
        let mut told = Told::begin();
        told.feed(failed(1, 4_000));
        let (_, left) = told.killed();
        assert_eq!(left, 56_000);
    }

    #[test]
    fn a_record_that_says_too_much_leaves_no_time_and_never_more() {
        for used in [60_000, u64::MAX] {
            let mut told = Told::of(verifying());
            let (stage, step) = ("a".to_owned(), "s".to_owned());
            told.record.push(EventKind::TimeUsed { stage, step, step_ms: used, stage_ms: used });
            let (mut told, left) = told.killed();
            assert_eq!((left, told.left_of_step()), (0, 0));
            let commands = told.feed(Input::TimerFired(Timer::StageTimeout(STAGE)));
            let stops = |command: &Command| matches!(command, Command::StopStep { .. });
            assert!(commands.iter().any(stops), "{commands:?}");
        }
        // Time is not given back either.
        let mut told = Told::begin();
        told.slices(FIRST, 4);
        let (stage, step) = ("a".to_owned(), "s".to_owned());
        told.record.push(EventKind::TimeUsed { stage, step, step_ms: 0, stage_ms: 0 });
        assert_eq!(told.killed().1, 54_000);
    }

    #[test]
    fn a_stage_that_is_asked_to_run_again_has_all_its_time() {
        let mut told = Told::begin();
        told.slices(FIRST, 4);
        let (mut told, _) = told.killed();
        told.feed(Input::Interrupted);
        let again = vec![STAGE];
        told.feed(Input::Resumed { again, by: ("somebody".into(), Wall::default()) });
        assert_eq!(timeout_of(&told.feed(ready())), 60_000);
    }
}
