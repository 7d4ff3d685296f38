//! The machine under a driver of a few lines: what it asks for is answered from a table.

use std::collections::{BTreeMap, VecDeque};

use sealock_contract::{Digest, StepLimits};
use sealock_events::{Cause, Conclusion, DeploymentResult, EventKind, ProbeState};
use sealock_plan::{LateFlag, Plan, PlannedStage, PlannedStep, Retry};
use serde_json::Map;

use super::*;

pub(super) fn step(key: &str) -> PlannedStep {
    PlannedStep {
        key: key.into(),
        has_id: true,
        title: key.into(),
        plugin: "shell".into(),
        with: Vec::new(),
        env: Vec::new(),
        condition: None,
        retry: None,
        allow_failure: LateFlag::Known(false),
        working_directory: None,
        limits: StepLimits::default(),
        wants_unconfined_network: false,
        line: 1,
    }
}

pub(super) fn stage(id: &str, needs: &[&str], steps: &[&str]) -> PlannedStage {
    PlannedStage {
        id: id.into(),
        name: id.into(),
        title: None,
        needs: needs.iter().map(|need| (*need).into()).collect(),
        condition: None,
        matrix: Map::new(),
        late_matrix: None,
        withheld: None,
        cell: 0,
        cells: 1,
        max_parallel: None,
        fail_fast: true,
        env: Vec::new(),
        container: None,
        services: Vec::new(),
        environment: None,
        concurrency: None,
        timeout_ms: 1_000,
        outputs: Vec::new(),
        steps: steps.iter().map(|key| step(key)).collect(),
        rollback: Vec::new(),
        line: 1,
    }
}

pub(super) fn plan(stages: Vec<PlannedStage>) -> Plan {
    Plan {
        version: sealock_plan::VERSION,
        name: "test".into(),
        file: "pipelines/test.yml".into(),
        file_digest: Digest::of(b""),
        trust: sealock_plan::Trust::default(),
        github: Map::new(),
        inputs: Map::new(),
        vars: Map::new(),
        env: Vec::new(),
        secrets: Vec::new(),
        environments: BTreeMap::new(),
        plugins: BTreeMap::new(),
        concurrency: None,
        stages,
        grants: sealock_contract::GrantTable::new(),
    }
}

/// How a step ends, by its key; each try takes the next word: `ok`, `fail`, `timeout`, `trap`.
#[derive(Default)]
struct World {
    steps: BTreeMap<&'static str, VecDeque<&'static str>>,
    effects: Vec<&'static str>,
    rollback: Option<DeploymentResult>,
    cancel_at: Option<&'static str>,
}

/// What happened, in words.
fn run(plan: Plan, mut world: World) -> Vec<String> {
    let mut machine = Machine::new(plan, 4);
    let mut told = Vec::new();
    let mut inputs = VecDeque::from([Input::Start]);
    while let Some(input) = inputs.pop_front() {
        for command in machine.step(input) {
            answer(&machine, &mut world, command, &mut inputs, &mut told);
        }
    }
    told
}

fn answer(
    machine: &Machine,
    world: &mut World,
    command: Command,
    inputs: &mut VecDeque<Input>,
    told: &mut Vec<String>,
) {
    match command {
        Command::Record(kind) => told.extend(words(&kind)),
        Command::OpenStage { stage, .. } => {
            let deployment = machine.stage(stage).plan.environment.clone().map(|environment| Deployment {
                environment,
                release: "r2".into(),
                fence: 7,
                fences: vec![("web1".into(), 7)],
                targets: vec!["web1".into()],
                previous: vec![("web1".into(), Some("r1".into()))],
            });
            inputs.push_back(Input::StageReady { stage, deployment, fresh: None });
        }
        Command::DecideStep { stage, step } => {
            let own = machine.stage(stage);
            let always = own.plan.steps[step].condition.as_deref() == Some("always()");
            let decision = Ok(always || !own.has_failed() && !own.is_cancelled());
            inputs.push_back(Input::StepDecided { stage, step, decision });
        }
        Command::StartStep { stage, attempt } => start(machine, world, stage, attempt, inputs),
        Command::SetTimer { timer: timer @ Timer::Retry(..), .. } => inputs.push_back(Input::TimerFired(timer)),
        Command::RollBack { stage, steps, .. } => {
            let keys: Vec<&str> =
                steps.iter().map(|&step| machine.stage(stage).plan.steps[step].key.as_str()).collect();
            told.push(format!("roll back {}", keys.join(", ")));
            let result = world.rollback.unwrap_or(DeploymentResult::RolledBackVerified);
            inputs.push_back(Input::RolledBack {
                stage,
                result: RolledBack { result, live: Vec::new(), duration_ms: 1 },
            });
        }
        Command::CloseStage { stage, succeeded, settled } => {
            let own = machine.stage(stage).plan.environment.is_some();
            let result =
                settled.unwrap_or(if succeeded { DeploymentResult::Verified } else { DeploymentResult::Unchanged });
            let deployment = own.then(|| at_its_end(result));
            inputs.push_back(Input::StageClosed { stage, outputs: Map::new(), deployment, cause: None });
        }
        Command::Finish { result, exit, .. } => told.push(format!("finish {result:?} {exit}")),
        Command::StopStep { .. }
        | Command::StopOpening { .. }
        | Command::KillStep { .. }
        | Command::ProbeStep { .. }
        | Command::SetTimer { .. }
        | Command::MakeCells { .. } => {}
    }
}

fn at_its_end(result: DeploymentResult) -> DeploymentEnd {
    DeploymentEnd { result, release: "r2".into(), live: Vec::new(), url: None }
}

fn start(machine: &Machine, world: &mut World, stage: StageId, attempt: Attempt, inputs: &mut VecDeque<Input>) {
    let key = machine.stage(stage).plan.steps[attempt.step].key.clone();
    if world.effects.contains(&key.as_str()) {
        inputs.push_back(Input::EffectBegan { stage });
    }
    let cancelled = world.cancel_at == Some(key.as_str());
    if cancelled {
        inputs.push_back(Input::CancelAsked);
    }
    let word = world.steps.get_mut(key.as_str()).and_then(VecDeque::pop_front).unwrap_or("ok");
    let why = match word {
        _ if cancelled => Why::Cancelled,
        "ok" => Why::Fine,
        "timeout" => Why::Timeout,
        "trap" => Why::Trap,
        _ => Why::Failure,
    };
    let cause =
        (why != Why::Fine).then(|| Cause { code: "E-STEP-FAILED".into(), message: word.into(), help: None, exit: 1 });
    let ended = Ended {
        attempt: attempt.number,
        why,
        cause,
        skipped: None,
        outputs: Map::new(),
        effect: world.effects.contains(&key.as_str()),
        allow_failure: key.starts_with("may"),
        duration_ms: 1,
        log_bytes: 0,
    };
    inputs.push_back(Input::StepEnded { stage, step: attempt.step, ended: Box::new(ended) });
}

fn words(kind: &EventKind) -> Option<String> {
    match kind {
        EventKind::StepFinished { step, outcome, conclusion, .. } if outcome != conclusion => {
            Some(format!("{step} {} → {}", outcome.word(), conclusion.word()))
        }
        EventKind::StepFinished { step, outcome, .. } => Some(format!("{step} {}", outcome.word())),
        EventKind::StageFinished { stage, result, .. } => Some(format!("[{stage}] {}", result.word())),
        EventKind::Skipped { stage, step, .. } => Some(format!("skipped {}", step.as_ref().unwrap_or(stage))),
        _ => None,
    }
}

fn failing(step: &'static str) -> World {
    World { steps: BTreeMap::from([(step, VecDeque::from(["fail", "fail"]))]), ..World::default() }
}

#[test]
fn stages_run_after_what_they_need_and_steps_in_order() {
    let told = run(plan(vec![stage("a", &[], &["a1", "a2"]), stage("b", &["a"], &["b1"])]), World::default());
    assert_eq!(told, ["a1 success", "a2 success", "[a] success", "b1 success", "[b] success", "finish Success 0"]);
}

#[test]
fn a_failure_skips_what_is_behind_it_and_always_runs() {
    let mut last = stage("c", &["b"], &["c1"]);
    last.condition = Some("always()".into());
    let told = run(plan(vec![stage("a", &[], &["a1", "a2"]), stage("b", &["a"], &["b1"]), last]), failing("a1"));
    assert_eq!(
        told,
        ["a1 failure", "skipped a2", "[a] failure", "skipped b", "c1 success", "[c] success", "finish Failure 1"]
    );
}

#[test]
fn failure_is_true_behind_a_skipped_stage_too() {
    let mut last = stage("c", &["b"], &["c1"]);
    last.condition = Some("failure()".into());
    let told = run(plan(vec![stage("a", &[], &["a1"]), stage("b", &["a"], &["b1"]), last]), failing("a1"));
    assert!(told.contains(&"c1 success".to_owned()), "{told:?}");
}

#[test]
fn a_forgiven_failure_is_success_for_everything_behind_it() {
    let told = run(plan(vec![stage("a", &[], &["may1", "a2"])]), failing("may1"));
    assert_eq!(told, ["may1 failure → success", "a2 success", "[a] success", "finish Success 0"]);
}

#[test]
fn a_step_is_tried_again_as_often_as_its_author_said() {
    let mut own = stage("a", &[], &["a1"]);
    own.steps[0].retry = Some(Retry { attempts: 3, backoff_ms: 1, on: vec![] });
    assert_eq!(
        run(plan(vec![own.clone()]), failing("a1")),
        ["a1 failure", "a1 failure", "a1 success", "[a] success", "finish Success 0"]
    );
    own.steps[0].retry = Some(Retry { attempts: 3, backoff_ms: 1, on: vec![sealock_plan::RetryKind::Timeout] });
    assert_eq!(run(plan(vec![own]), failing("a1")), ["a1 failure", "[a] failure", "finish Failure 1"]);
}

fn deployment(world: World) -> Vec<String> {
    let mut own = stage("deploy", &[], &["compose", "smoke"]);
    own.environment = Some("production".into());
    run(plan(vec![own]), World { effects: vec!["compose"], ..world })
}

#[test]
fn a_deployment_that_fails_after_its_effect_goes_back_and_says_which_of_both_is_true() {
    let told = deployment(failing("smoke"));
    assert_eq!(
        told,
        ["compose success", "smoke failure", "roll back compose", "[deploy] failure", "finish Failure 10"]
    );
    let world = World { rollback: Some(DeploymentResult::RolledBackUnverified), ..failing("smoke") };
    assert_eq!(deployment(world).last().map(String::as_str), Some("finish Failure 11"));
}

#[test]
fn an_effect_that_fails_itself_is_undone_too() {
    let told = deployment(failing("compose"));
    assert_eq!(
        told,
        ["compose failure", "skipped smoke", "roll back compose", "[deploy] failure", "finish Failure 10"]
    );
}

#[test]
fn a_deployment_that_fails_before_its_first_effect_keeps_its_cause() {
    let mut own = stage("deploy", &[], &["first", "compose"]);
    own.environment = Some("production".into());
    let told = run(plan(vec![own]), World { effects: vec!["compose"], ..failing("first") });
    assert_eq!(told, ["first failure", "skipped compose", "[deploy] failure", "finish Failure 1"]);
}

#[test]
fn a_fenced_run_touches_nothing_more_and_ends_with_seven() {
    let mut own = stage("deploy", &[], &["compose", "smoke"]);
    own.environment = Some("production".into());
    let mut machine = Machine::new(plan(vec![own]), 1);
    let id = StageId(0);
    let cause = Cause { code: "E-FENCED".into(), message: "another run holds it".into(), help: None, exit: 7 };
    let ended = Ended {
        attempt: 1,
        why: Why::Remote,
        cause: Some(cause),
        skipped: None,
        outputs: Map::new(),
        effect: true,
        allow_failure: false,
        duration_ms: 1,
        log_bytes: 0,
    };
    let deployment = Deployment {
        environment: "production".into(),
        release: "r2".into(),
        fence: 1,
        fences: vec![("web1".into(), 1)],
        targets: vec!["web1".into()],
        previous: Vec::new(),
    };
    let mut commands = Vec::new();
    for input in [
        Input::Start,
        Input::StageReady { stage: id, deployment: Some(deployment), fresh: None },
        Input::StepDecided { stage: id, step: 0, decision: Ok(true) },
        Input::EffectBegan { stage: id },
        Input::StepEnded { stage: id, step: 0, ended: Box::new(ended) },
        Input::StepDecided { stage: id, step: 1, decision: Ok(false) },
        Input::StageClosed {
            stage: id,
            outputs: Map::new(),
            deployment: Some(at_its_end(DeploymentResult::Unchanged)),
            cause: None,
        },
    ] {
        commands.extend(machine.step(input));
    }
    assert!(!commands.iter().any(|command| matches!(command, Command::RollBack { .. })));
    assert!(commands.iter().any(|command| matches!(command, Command::Finish { exit: 7, .. })));
}

#[test]
fn an_unknown_outcome_that_was_rolled_back_is_what_its_rollback_came_to() {
    let unknown = || {
        let mut own = stage("deploy", &[], &["compose"]);
        own.environment = Some("production".into());
        let mut machine = Machine::new(plan(vec![own]), 1);
        let cause = Cause { code: "E-OUTCOME-UNKNOWN".into(), message: String::new(), help: None, exit: 12 };
        machine.failures = vec![Failure { stage: StageId(0), cause }];
        machine.stages[0].phase = Phase::Done;
        machine
    };
    for (result, wanted) in [(DeploymentResult::RollbackFailed, 11), (DeploymentResult::RolledBackVerified, 10)] {
        let mut machine = unknown();
        machine.deployments.insert(StageId(0), result);
        machine.stages[0].rolled_back = Some(RolledBack { result, live: Vec::new(), duration_ms: 0 });
        assert_eq!(machine.verdict().1, wanted);
    }
    assert_eq!(unknown().verdict().1, 12);
}

#[test]
fn cancelling_a_deployment_that_has_begun_rolls_it_back() {
    let told = deployment(World { cancel_at: Some("smoke"), ..World::default() });
    assert_eq!(
        told,
        ["compose success", "smoke cancelled", "roll back compose", "[deploy] cancelled", "finish Failure 10"]
    );
}

#[test]
fn cancelling_anything_else_ends_with_130() {
    let told = run(
        plan(vec![stage("a", &[], &["a1"]), stage("b", &["a"], &["b1"])]),
        World { cancel_at: Some("a1"), ..World::default() },
    );
    assert_eq!(told, ["a1 cancelled", "[a] cancelled", "skipped b", "finish Cancelled 130"]);
}

/// As in GitHub Actions: such a stage is what cleans up.
#[test]
fn a_stage_that_starts_because_the_run_is_cancelled_runs_its_steps() {
    for condition in ["always()", "cancelled()"] {
        let mut cleanup = stage("cleanup", &["a"], &["c1"]);
        cleanup.condition = Some(condition.into());
        let told = run(
            plan(vec![stage("a", &[], &["a1", "a2"]), stage("b", &["a"], &["b1"]), cleanup]),
            World { cancel_at: Some("a1"), ..World::default() },
        );
        let told: Vec<&str> = told.iter().map(String::as_str).collect();
        assert!(told.contains(&"c1 success") && told.contains(&"[cleanup] success"), "{told:?}");
        assert!(told.contains(&"skipped b") && told.last() == Some(&"finish Cancelled 130"), "{told:?}");
    }
}

#[test]
fn the_first_failed_cell_stops_the_others_unless_told_otherwise() {
    let cell = |index: usize, fail_fast| PlannedStage {
        name: format!("t ({index})"),
        cell: index,
        cells: 2,
        max_parallel: Some(1),
        fail_fast,
        ..stage("t", &[], if index == 0 { &["a1"] } else { &["b1"] })
    };
    let fast = run(plan(vec![cell(0, true), cell(1, true)]), failing("a1"));
    assert_eq!(fast, ["a1 failure", "[t (0)] failure", "skipped t (1)", "finish Failure 1"]);
    let slow = run(plan(vec![cell(0, false), cell(1, false)]), failing("a1"));
    assert_eq!(slow, ["a1 failure", "[t (0)] failure", "b1 success", "[t (1)] success", "finish Failure 1"]);
}

#[test]
fn a_cell_that_is_not_run_says_which_one_failed() {
    let cell = |index: usize| PlannedStage {
        name: format!("t ({index})"),
        cell: index,
        cells: 2,
        max_parallel: Some(1),
        ..stage("t", &[], if index == 0 { &["a1"] } else { &["b1"] })
    };
    let mut machine = Machine::new(plan(vec![cell(0), cell(1)]), 1);
    machine.step(Input::Start);
    let cause = Cause { code: "E-TARGET-DOCKER".into(), message: "no engine".into(), help: None, exit: 6 };
    machine.step(Input::StageRefused { stage: StageId(0), cause });
    let closed = Input::StageClosed { stage: StageId(0), outputs: Map::new(), deployment: None, cause: None };
    let skipped = machine.step(closed).into_iter().find_map(|command| match command {
        Command::Record(kind) => match *kind {
            EventKind::Skipped { why, .. } => Some(why),
            _ => None,
        },
        _ => None,
    });
    assert_eq!(skipped.as_deref(), Some("`t (0)` failed, and its matrix stops at the first failure (`fail-fast`)"));
}

#[test]
fn a_matrix_is_as_good_as_its_worst_cell() {
    let machine = {
        let mut machine = Machine::new(plan(vec![stage("a", &[], &["x"]), stage("b", &["a"], &["y"])]), 1);
        machine.stages[0].result = Some(Conclusion::Failure);
        machine
    };
    let needs = machine.needs(&machine.stages[1]);
    assert_eq!(needs["a"]["result"], "failure");
    assert_eq!(needs["a"]["cells"][0]["name"], "a");
}

#[test]
fn a_thousand_stages_in_a_row_take_no_quadratic_time() {
    let names: Vec<String> = (0..2_000).map(|number| format!("s{number}")).collect();
    let stages = names.iter().enumerate().map(|(place, name)| {
        let needs: Vec<&str> = place.checked_sub(1).map(|before| names[before].as_str()).into_iter().collect();
        stage(name, &needs, &["x"])
    });
    let told = run(plan(stages.collect()), World::default());
    assert_eq!(told.last().map(String::as_str), Some("finish Success 0"));
    assert_eq!(told.len(), 4_001);
}

/// The events among the commands, in words.
fn recorded(commands: Vec<Command>) -> Vec<String> {
    let kinds = commands.into_iter().filter_map(|command| match command {
        Command::Record(kind) => Some(*kind),
        _ => None,
    });
    kinds.filter_map(|kind| words(&kind)).collect()
}

/// A machine whose only stage runs its only step; the stage deploys when there is an `environment`.
fn running(environment: Option<&str>) -> Machine {
    let environment = environment.map(str::to_owned);
    let mut machine = Machine::new(plan(vec![PlannedStage { environment, ..stage("a", &[], &["s"]) }]), 1);
    machine.step(Input::Start);
    machine.step(ready(&machine));
    machine.step(Input::StepDecided { stage: StageId(0), step: 0, decision: Ok(true) });
    machine
}

/// Its only stage has everything that it needs.
fn ready(machine: &Machine) -> Input {
    let deployment = machine.stage(StageId(0)).plan.environment.clone().map(|environment| Deployment {
        environment,
        release: "r2".into(),
        fence: 1,
        fences: vec![("web1".into(), 1)],
        targets: vec!["web1".into()],
        previous: Vec::new(),
    });
    Input::StageReady { stage: StageId(0), deployment, fresh: None }
}

/// A machine that goes on after a kill within an effect, and asks how far that got.
fn asking(environment: Option<&str>) -> Machine {
    let mut machine = running(environment);
    machine.step(Input::EffectBegan { stage: StageId(0) });
    machine.step(Input::Interrupted);
    machine.step(Input::Resumed { again: Vec::new(), by: ("somebody".into(), sealock_events::Wall::default()) });
    let commands = machine.step(ready(&machine));
    assert!(commands.iter().any(|command| matches!(command, Command::ProbeStep { .. })), "{commands:?}");
    machine
}

fn probed(state: ProbeState) -> Input {
    Input::Probed { stage: StageId(0), step: 0, state, why: None, outputs: Map::new() }
}

fn stops(commands: &[Command]) -> bool {
    commands.iter().any(|command| matches!(command, Command::StopStep { .. } | Command::KillStep { .. }))
}

fn is_cancelling_for(commands: &[Command], code: &str) -> bool {
    let is_told = |kind: &EventKind| match kind {
        EventKind::Cancelling { cause: Some(cause), .. } => cause.code == code,
        _ => false,
    };
    commands.iter().any(|command| matches!(command, Command::Record(kind) if is_told(kind)))
}

#[test]
fn the_end_of_a_stages_time_waits_for_the_answer_of_a_probe_and_starts_nothing_then() {
    for (state, wanted) in [(ProbeState::Applied, "s success"), (ProbeState::NotApplied, "s cancelled")] {
        let mut machine = asking(Some("production"));
        let commands = machine.step(Input::TimerFired(Timer::StageTimeout(StageId(0))));
        assert!(is_cancelling_for(&commands, "E-STAGE-TIMEOUT") && !stops(&commands), "{commands:?}");
        let commands = machine.step(probed(state));
        assert!(matches!(commands.last(), Some(Command::RollBack { .. })), "{commands:?}");
        assert!(!commands.iter().any(|command| matches!(command, Command::StartStep { .. })), "{commands:?}");
        assert_eq!(recorded(commands), [wanted]);
    }
}

#[test]
fn a_step_that_runs_after_its_probe_ends_with_its_stages_time() {
    let mut machine = asking(None);
    let commands = machine.step(probed(ProbeState::NotApplied));
    assert!(commands.iter().any(|command| matches!(command, Command::StartStep { .. })), "{commands:?}");
    assert!(stops(&machine.step(Input::TimerFired(Timer::StageTimeout(StageId(0))))));
}

/// Whoever does not want to wait for the answer need not.
#[test]
fn a_person_can_stop_a_probe_also_after_the_end_of_its_stages_time() {
    let mut machine = asking(Some("production"));
    machine.step(Input::TimerFired(Timer::StageTimeout(StageId(0))));
    assert!(stops(&machine.step(Input::CancelAsked)));
}

#[test]
fn cancelling_reaches_a_stage_that_is_being_opened() {
    let mut machine = Machine::new(plan(vec![stage("a", &[], &["s"])]), 1);
    machine.step(Input::Start);
    let commands = machine.step(Input::CancelAsked);
    assert!(commands.contains(&Command::StopOpening { stage: StageId(0) }), "{commands:?}");
}

#[test]
fn cancelling_does_not_wait_for_another_try() {
    let mut machine = running(None);
    machine.stages[0].plan.steps[0].retry = Some(Retry { attempts: 2, backoff_ms: 60_000, on: Vec::new() });
    let cause = Cause { code: "E-STEP-FAILED".into(), message: "no".into(), help: None, exit: 1 };
    let ended = Ended { duration_ms: 1, ..Ended::unmade(1, cause) };
    let commands = machine.step(Input::StepEnded { stage: StageId(0), step: 0, ended: Box::new(ended) });
    assert!(commands.iter().any(|command| matches!(command, Command::SetTimer { timer: Timer::Retry(..), .. })));
    let commands = machine.step(Input::CancelAsked);
    assert!(commands.iter().any(|command| matches!(command, Command::CloseStage { .. })), "{commands:?}");
}

#[test]
fn an_interrupted_run_tells_the_end_of_everything_that_began() {
    let mut machine = running(None);
    let commands = machine.step(Input::Interrupted);
    let finish = commands.last().cloned();
    assert!(matches!(finish, Some(Command::Finish { exit: 130, .. })), "{finish:?}");
    assert_eq!(recorded(commands), ["s cancelled", "[a] cancelled"]);
}

#[test]
fn an_interrupted_deployment_says_so_once_an_effect_has_begun() {
    let mut machine = running(Some("production"));
    machine.step(Input::EffectBegan { stage: StageId(0) });
    let commands = machine.step(Input::Interrupted);
    let Some(Command::Finish { exit, cause: Some(cause), .. }) = commands.last().cloned() else {
        panic!("{commands:?}");
    };
    assert_eq!((exit, cause.code.as_str()), (12, "E-INTERRUPTED"));
    let mut machine = running(Some("production"));
    assert!(matches!(machine.step(Input::Interrupted).last(), Some(Command::Finish { exit: 130, .. })));
}

#[test]
fn a_condition_that_cannot_be_evaluated_is_a_failed_step() {
    let mut machine = Machine::new(plan(vec![stage("a", &[], &["s"])]), 1);
    machine.step(Input::Start);
    machine.step(Input::StageReady { stage: StageId(0), deployment: None, fresh: None });
    let cause = Cause { code: "E-EXPR-EVALUATION".into(), message: "no".into(), help: None, exit: 2 };
    let commands = machine.step(Input::StepDecided { stage: StageId(0), step: 0, decision: Err(cause) });
    let starts =
        |command: &Command| matches!(command, Command::Record(kind) if matches!(**kind, EventKind::StepStarted { .. }));
    assert!(
        commands.iter().any(starts) && !commands.iter().any(|command| matches!(command, Command::StartStep { .. }))
    );
    assert_eq!(recorded(commands), ["s failure"]);
}

#[test]
fn a_bug_and_an_unknown_outcome_come_before_everything() {
    let mut machine = Machine::new(plan(vec![stage("a", &[], &["s"])]), 1);
    let cause = |exit: u8| Cause { code: "E-STEP-FAILED".into(), message: String::new(), help: None, exit };
    let failure = |exit: u8| Failure { stage: StageId(0), cause: cause(exit) };
    machine.failures = [1, 12, 70].map(failure).into();
    machine.deployments.insert(StageId(0), DeploymentResult::RollbackFailed);
    let mut out = Vec::new();
    machine.stages[0].phase = Phase::Done;
    machine.finish_when_done(&mut out);
    assert!(matches!(out.last(), Some(Command::Finish { exit: 70, .. })), "{out:?}");
}
