//! Runs a script on one or more targets, one after the other.
//!
//! Scripts are literal text for the target's `sh -eu`; values reach them through the environment, with the entries
//! of `env`, `SEALOCK_KEY` (the same in every attempt, in `probe`, and in `undo`), and `SEALOCK_RELEASE`.
//!
//! # Probe and rollback
//!
//! Without a `probe` script the targets' own records say what became of the script: one that ended is not started again,
//! and its result is read; the step goes on with the targets that it had not come to. Where the records do not know either,
//! because the machine went down under the script, the answer is *unknown*, and the run stops for a person. `undo` runs on every target of the step, last one first, also on those where the script
//! failed or never ran: it has to bear that. Without `undo`, what the script did stays, and the log says so.

mod lines;
mod outcome;
mod verdict;

use sealock_sdk::process::{Exit, Stdio};
use sealock_sdk::targets::{self, Script};
use sealock_sdk::{EffectState, Error, Inputs, Outcome, Outputs, SecretMap, Step, step};

use lines::Lines;
use outcome::Became;

#[derive(Inputs)]
struct RemoteScript {
    /// Where it runs; every target of the environment without it.
    targets: Vec<String>,
    /// The script.
    #[input(script)]
    script: String,
    /// What undoes it when the deployment is rolled back. It runs on every target of the step, also where `script`
    /// did not get to.
    #[input(script)]
    undo: Option<String>,
    /// What finds out after a crash whether it happened: exit code 0 says it did, 1 that it did not.
    #[input(script)]
    probe: Option<String>,
    /// The scripts' environment; values may be secrets.
    env: SecretMap,
    /// Whom they run as, by `sudo -n`; the target's entry must allow it.
    user: Option<String>,
    /// Where they start; the environment's directory without it.
    directory: Option<String>,
}

#[derive(Outputs)]
struct Ran {
    /// What the script wrote to standard output on the last target, at most 1 MiB.
    stdout: String,
}

#[step(outputs = Ran, probe = probe, rollback = rollback)]
fn run(inputs: RemoteScript, step: &mut Step) -> Result<Outcome, Error> {
    let mut stdout = String::new();
    for target in names(&inputs)? {
        if step.is_cancelled() {
            return Ok(Outcome::failed(format!("cancelled before {target}")));
        }
        let _group = step.group(&target);
        let ended = run_on(&inputs, &inputs.script, &target, inputs.probe.is_none(), step)?;
        if let Some(problem) = verdict::problem(ended.exit) {
            return Ok(Outcome::failed(format!("{target}: {problem}")));
        }
        stdout = ended.stdout;
    }
    step.outputs(&Ran { stdout })?;
    Ok(Outcome::Success)
}

fn probe(inputs: RemoteScript, step: &mut Step) -> Result<EffectState, Error> {
    let Some(script) = &inputs.probe else {
        return probe_results(&inputs, step);
    };
    let mut found = Vec::new();
    for target in names(&inputs)? {
        let ended = run_on(&inputs, script, &target, false, step)?;
        found.push((target, ended.exit));
    }
    Ok(verdict::state(&found))
}

/// By what the targets keep of the script itself.
fn probe_results(inputs: &RemoteScript, step: &mut Step) -> Result<EffectState, Error> {
    let key = step.idempotency_key().unwrap_or_default();
    let mut found = Vec::new();
    for name in names(inputs)? {
        let target = targets::open(&name)?;
        let script = Script::new(&target, outcome::ASK);
        script.env("SEALOCK_KEY", &key);
        script.stdout(&Stdio::Capture);
        script.stderr(&Stdio::Log);
        let mut lines = Lines::default();
        lines.take(targets::start(&script)?.output()?.text().as_bytes(), |_| {});
        found.push((name, Became::parse(&lines.into_text())));
    }
    let state = outcome::state(&found);
    if let (EffectState::Applied, Some((_, Became::Ended { stdout, .. }))) = (&state, found.pop()) {
        step.outputs(&Ran { stdout })?;
    }
    Ok(state)
}

fn rollback(inputs: RemoteScript, step: &mut Step) -> Result<(), Error> {
    let names = names(&inputs)?;
    let Some(undo) = &inputs.undo else {
        step.warn(format_args!("there is no `undo` script: what the script did on {} stays", names.join(", ")));
        return Ok(());
    };
    let mut problems = Vec::new();
    for target in names.iter().rev() {
        let _group = step.group(format_args!("undo on {target}"));
        match run_on(&inputs, undo, target, false, step) {
            Ok(ended) => problems.extend(verdict::problem(ended.exit).map(|problem| format!("{target}: {problem}"))),
            Err(error) => problems.push(format!("{target}: {error}")),
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(Error::new("E-SCRIPT-UNDO", format!("`undo` failed on {}", problems.join("; "))))
}

fn names(inputs: &RemoteScript) -> Result<Vec<String>, Error> {
    let all = targets::names();
    verdict::chosen(&all, &inputs.targets)
}

struct Ended {
    exit: Exit,
    stdout: String,
}

/// Runs `text` on `target`; its output goes into the log as it comes. `once`: in a try that is made again after a crash, what
/// ended already is not started again.
fn run_on(inputs: &RemoteScript, text: &str, target: &str, once: bool, step: &mut Step) -> Result<Ended, Error> {
    let target = targets::open(target)?;
    let script = Script::new(&target, &format!("set -eu\n{text}"));
    prepare(&script, inputs, step);
    if once {
        script.env("SEALOCK_ONCE", "1");
    }
    let running = targets::start(&script)?;
    let mut lines = Lines::default();
    loop {
        let bytes = running.read_stdout()?;
        lines.take(&bytes, |line| step.info(line));
        if bytes.is_empty() {
            break;
        }
    }
    Ok(Ended { exit: running.wait()?, stdout: lines.into_text() })
}

fn prepare(script: &Script, inputs: &RemoteScript, step: &Step) {
    if let Some(key) = step.idempotency_key() {
        script.env("SEALOCK_KEY", &key);
    }
    if let Some(release) = step.release() {
        script.env("SEALOCK_RELEASE", &release);
    }
    inputs.env.iter().for_each(|(name, value)| script.secret_env(name, value.handle()));
    if let Some(user) = &inputs.user {
        script.user(user);
    }
    if let Some(directory) = &inputs.directory {
        script.cwd(directory);
    }
    script.stdout(&Stdio::Capture);
    script.stderr(&Stdio::Log);
}

#[cfg(test)]
mod tests {
    use sealock_sdk::Value;
    use sealock_sdk::testing::{Kit, Reply};

    use super::*;

    fn kit() -> Kit {
        let mut kit = Kit::new();
        kit.target("web1").target("web2").input("script", "deploy").input("undo", "take back").input("probe", "is it?");
        kit.script("deploy", Reply::stdout("done\n")).script("take back", Reply::default());
        kit
    }

    #[test]
    fn it_runs_on_every_target_with_the_key_and_hands_on_what_the_last_one_wrote() {
        let ended = kit().release("r1").run(run);
        assert_eq!(ended.outcome(), &Outcome::Success);
        assert_eq!(ended.groups, ["web1", "web2"]);
        assert_eq!(ended.output("stdout"), Some(&Value::Text("done".to_owned())));
        assert!(ended.calls.contains(&"env SEALOCK_KEY=key".to_owned()), "{:?}", ended.calls);
        assert!(ended.calls.contains(&"env SEALOCK_RELEASE=r1".to_owned()), "{:?}", ended.calls);
    }

    #[test]
    fn a_failure_on_one_target_leaves_the_next_alone_and_undo_runs_on_all_of_them() {
        let mut kit = Kit::new();
        kit.target("web1").target("web2").input("script", "deploy").input("undo", "take back");
        kit.script("deploy", Reply::exit(4))
            .script("web1 take back", Reply::exit(1))
            .script("take back", Reply::default());
        assert!(matches!(kit.run(run).outcome(), Outcome::Failed(why) if why.starts_with("web1:")));
        let back = kit.rollback(rollback);
        assert_eq!(back.groups, ["undo on web2", "undo on web1"]);
        assert_eq!(back.error().code(), "E-SCRIPT-UNDO");
    }

    #[test]
    fn without_a_probe_script_the_targets_records_are_asked() {
        let asked = |web2: &str| {
            let mut kit = Kit::new();
            kit.target("web1").target("web2").input("script", "deploy");
            kit.script("web1 sh", Reply::stdout("0\none\n")).script("web2 sh", Reply::stdout(web2));
            kit.probe(probe)
        };
        let ended = asked("0\ntwo\n");
        assert!(matches!(ended.outcome(), EffectState::Applied));
        assert_eq!(ended.output("stdout"), Some(&Value::Text("two".to_owned())));
        assert!(matches!(asked("lost\n").outcome(), EffectState::Unknown(why) if why.contains("web2")));
    }

    #[test]
    fn only_without_a_probe_script_is_a_script_started_once() {
        let has_once = |kit: &mut Kit| kit.run(run).calls.contains(&"env SEALOCK_ONCE=1".to_owned());
        assert!(!has_once(&mut kit()));
        let mut kit = Kit::new();
        kit.target("web1").input("script", "deploy").script("deploy", Reply::default());
        assert!(has_once(&mut kit));
    }

    #[test]
    fn a_probe_asks_every_target() {
        let mut kit = kit();
        assert!(matches!(kit.script("is it?", Reply::default()).probe(probe).outcome(), EffectState::Applied));
        assert_eq!(kit.input("targets", "web9").run(run).calls, Vec::<String>::new());
    }
}
