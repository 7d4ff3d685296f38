//! A desk that lies or hangs does not hold the step.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sealock_contract::seam::{Answer, Desk, Note, Outcome, Request, Response, StopCause};
use sealock_contract::{Grant, StepLimits};
use sealock_sandbox::{CancellationToken, StepCall};

use crate::rig::{FakeDesk, assert_next_step_runs, attack, limit_of, program, run, run_at};

/// Never answers.
struct Silent;

impl Desk for Silent {
    fn call(&self, _: Request) -> Answer<'_> {
        Box::pin(std::future::pending())
    }

    fn note(&self, _: Vec<Note>) {}
}

fn exec() -> StepCall {
    StepCall { grant: Grant { exec: vec!["npm".into()], ..Grant::default() }, ..attack("exec", "npm") }
}

#[test]
fn a_desk_that_never_answers_is_left_when_the_time_is_up_or_the_run_is_cancelled() {
    let program = program("guest_hostile");
    let limits = StepLimits { wall_ms: 200, ..StepLimits::default() };
    let outcome = run_at(&program, StepCall { limits, ..exec() }, Arc::new(Silent), CancellationToken::new());
    assert_eq!(limit_of(&outcome), "E-PLUGIN-TIMEOUT wall time: 200ms");

    let (stop, started) = (CancellationToken::new(), Instant::now());
    stop.cancel();
    assert_eq!(run_at(&program, exec(), Arc::new(Silent), stop), Outcome::Stopped(StopCause::Cancelled));
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_next_step_runs();
}

#[test]
fn an_answer_to_another_question_is_an_error() {
    let lies = [Response::Done, Response::Names(Vec::new()), Response::Text("x".into())];
    for lie in lies {
        let told = lie.clone();
        let outcome = run("guest_hostile", exec(), &FakeDesk::new(move |_| Ok(told.clone())));
        assert!(matches!(&outcome, Outcome::Error(error) if error.code == "E-BROKER-ANSWER"), "{lie:?}: {outcome:?}");
    }
}

#[test]
fn a_desk_that_breaks_is_a_lost_step() {
    let desk = FakeDesk::new(|_| panic!("a fault of the broker"));
    assert_eq!(run("guest_hostile", exec(), &desk), Outcome::Lost { signal: None });
    assert_next_step_runs();
}
