//! A step in the kit: everything that a step can ask, granted and not.

use std::time::Duration;

use sealock_sdk::http::Request;
use sealock_sdk::process::{Command, Exit};
use sealock_sdk::targets::{self, Script};
use sealock_sdk::testing::{Kit, Reply};
use sealock_sdk::{
    Annotation, EffectState, Error, ErrorKind, Inputs, Level, Outcome, Outputs, Secret, SecretMap, Step, Value,
    WorkspacePath, containers,
};

#[derive(Inputs)]
struct Wanted {
    /// Read whole.
    file: WorkspacePath,
    /// Between two tries.
    #[input(default = "1m30s")]
    pause: Duration,
    /// Asked for.
    url: Option<String>,
    /// Never seen.
    token: Option<Secret>,
    /// For the program.
    env: SecretMap,
}

#[derive(Outputs)]
struct Found {
    /// How many.
    lines: u64,
}

fn kit() -> Kit {
    let mut kit = Kit::new();
    kit.file("a/notes.txt", "one\ntwo\n").input("file", "a/notes.txt");
    kit
}

fn count(wanted: Wanted, step: &mut Step) -> Result<Outcome, Error> {
    let lines = std::fs::read_to_string(&wanted.file)?.lines().count() as u64;
    let group = step.group("counting");
    step.info(format!("{lines} lines, {:?}", wanted.pause));
    drop(group);
    step.progress(1, Some(2), "half");
    step.annotate(&Annotation::new(Level::Warning, "look").title("Here").at(wanted.file.as_str(), 2));
    step.summary("| lines |\n")?;
    step.outputs(&Found { lines })?;
    assert!(sealock_sdk::workspace().join("a/notes.txt").is_file());
    Ok(Outcome::Success)
}

#[test]
fn what_a_step_tells_comes_back() {
    let ended = kit().run(count);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert_eq!(ended.output("lines"), Some(&Value::Integer(2)));
    assert!(ended.logged("2 lines, 90s"));
    assert_eq!(ended.groups, ["counting"]);
    assert_eq!(ended.progress, [(1, Some(2), "half".to_owned())]);
    assert_eq!(ended.annotations[0].place, Some(("a/notes.txt".to_owned(), 2)));
    assert_eq!(ended.summary, "| lines |\n");
    assert!(ended.calls.is_empty() && ended.denials.is_empty());
}

#[test]
fn what_a_step_did_to_files_comes_back() {
    fn tidy(wanted: Wanted, _: &mut Step) -> Result<(), Error> {
        let notes = std::fs::read_to_string(&wanted.file)?;
        let out = sealock_sdk::workspace().join("out");
        std::fs::create_dir_all(&out)?;
        std::fs::write(out.join("report.txt"), format!("{} bytes\n", notes.len()))?;
        std::fs::write(out.join("kept.txt"), "as it was")?;
        std::fs::write(sealock_sdk::temporary().join("scratch"), "x")?;
        Ok(std::fs::remove_file(&wanted.file)?)
    }
    let mut kit = kit();
    kit.file("out/kept.txt", "as it was").file("out/report.txt", "an old one");
    let ended = kit.run(tidy);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert_eq!(ended.wrote("out/report.txt").as_deref(), Some("8 bytes\n"));
    assert_eq!(ended.written.keys().collect::<Vec<_>>(), ["out/report.txt"]);
    assert_eq!(ended.removed, ["a/notes.txt"]);
    assert_eq!(ended.wrote("out/kept.txt"), None);
}

#[test]
fn an_error_of_the_file_system_is_the_steps_error() {
    let ended = Kit::new().input("file", "missing").run(count);
    assert_eq!(ended.error().kind(), ErrorKind::NotFound);
    assert_eq!(ended.error().code(), "E-STEP");
}

#[test]
fn an_output_that_the_manifest_does_not_have_is_refused_as_the_host_does() {
    fn unknown(_: (), step: &mut Step) -> Result<(), Error> {
        step.output("other", 1)
    }
    assert_eq!(Kit::new().outputs::<Found>().run(unknown).error().code(), "E-OUTPUT-UNKNOWN");
}

fn ask(wanted: Wanted, step: &mut Step) -> Result<Outcome, Error> {
    let url = wanted.url.unwrap_or_default();
    let mut request = Request::post(url, "body");
    if let Some(token) = &wanted.token {
        request = request.header("authorization", token.placeholder());
    }
    let answer = request.send()?;
    step.info(format!("{} {:?}", answer.status(), answer.header("X-Name")));
    Ok(Outcome::require(answer.text()? == "good", || "a bad answer".to_owned()))
}

#[test]
fn a_request_is_denied_unless_the_kit_answers_it() {
    let url = "https://hooks.example.com/x";
    let denied = kit().input("url", url).run(ask);
    assert!(denied.error().is_denied());
    assert_eq!((denied.denials, denied.calls), (vec!["E-GRANT-NETWORK".to_owned()], vec![format!("http POST {url}")]));

    let mut kit = kit();
    kit.input("url", url).secret("token", "s3cret").answer_with(url, 200, &[("x-name", "Ada")], "good");
    let ended = kit.run(ask);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert!(ended.logged("200 Some(\"Ada\")"));
}

#[test]
fn a_call_that_is_granted_can_be_made_to_fail() {
    let url = "https://hooks.example.com/x";
    let mut kit = kit();
    kit.input("url", url).answer(url, 200, "good");
    kit.refuse(&format!("http POST {url}"), Error::of_kind(ErrorKind::Timeout, "E-HTTP-TIMEOUT", "late"));
    assert_eq!(kit.run(ask).error().kind(), ErrorKind::Timeout);
}

fn start(wanted: Wanted, step: &mut Step) -> Result<Outcome, Error> {
    let mut git = Command::new("git").args(["status", "--short"]);
    for (name, secret) in wanted.env.iter() {
        git = git.secret_env(name, secret);
    }
    let output = git.output()?;
    step.info(output.text());
    let endless = Command::new("sleep").arg("1h").start()?;
    assert!(endless.wait_for(Duration::from_secs(1))?.is_none());
    endless.kill();
    assert!(matches!(endless.wait()?, Exit::Signal(9)));
    Ok(Outcome::require(matches!(output.exit, Exit::Code(0)), || "git says no".to_owned()))
}

#[test]
fn programs_answer_what_the_kit_was_told_and_others_are_denied() {
    let mut kit = kit();
    kit.secret("env.TOKEN", "s3cret").program("git status", Reply::stdout(" M a\n").with_stderr("hm"));
    assert_eq!(kit.run(start).error().code(), "E-GRANT-EXEC");
    kit.program("sleep", Reply::endless());
    let ended = kit.run(start);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert_eq!(ended.calls, ["env TOKEN=placeholder-of-env.TOKEN", "exec git status --short", "exec sleep 1h"]);
}

fn reveal(wanted: Wanted, _: &mut Step) -> Result<Outcome, Error> {
    let bytes = wanted.token.as_ref().map(Secret::reveal).transpose()?;
    Ok(Outcome::require(bytes.as_deref() == Some(b"s3cret"), || "another secret".to_owned()))
}

#[test]
fn a_secret_is_seen_only_with_its_own_grant() {
    let mut kit = kit();
    kit.secret("token", "s3cret");
    assert_eq!(kit.run(reveal).error().code(), "E-GRANT-REVEAL");
    assert_eq!(kit.reveal().run(reveal).outcome(), &Outcome::Success);
}

fn build(_: (), step: &mut Step) -> Result<Outcome, Error> {
    let build = containers::Build::new("./app");
    build.file("Dockerfile");
    let push = containers::Push::new(&build.finish()?);
    push.to("ghcr.io/acme/app:1");
    step.info(push.finish()?);
    let container = containers::Container::new("busybox");
    container.arg("true");
    Ok(Outcome::require(matches!(containers::start(&container)?.wait()?, Exit::Code(0)), || "no".to_owned()))
}

#[test]
fn images_are_built_and_pushed_by_grant() {
    assert_eq!(Kit::new().run(build).error().code(), "E-GRANT-CONTAINERS");
    let ended = Kit::new().images().container("busybox", Reply::default()).run(build);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert_eq!(ended.calls[0], "build ./app file=Dockerfile");
    assert_eq!(ended.calls[2], "container busybox true");
}

fn deploy(_: (), step: &mut Step) -> Result<Outcome, Error> {
    for name in targets::names() {
        let target = targets::open(&name)?;
        let release = target.stage_release("staging", &[], &[])?;
        target.switch_to(&release.id)?;
        let script = Script::new(&target, "echo $1\n");
        script.arg("hello");
        step.info(targets::start(&script)?.output()?.text());
    }
    targets::verify(&targets::names())?;
    Ok(Outcome::Success)
}

fn probe(_: (), step: &mut Step) -> Result<EffectState, Error> {
    Ok(if step.idempotency_key().is_some() { EffectState::Applied } else { EffectState::NotApplied })
}

fn rollback(_: (), step: &mut Step) -> Result<(), Error> {
    targets::open("web1")?.switch_to("old")?;
    step.info("back");
    Ok(())
}

#[test]
fn an_effect_its_probe_and_its_rollback_are_called_in_one_kit() {
    let mut kit = Kit::new();
    kit.target("web1").target("web2").script("web1 echo", Reply::stdout("one")).script("echo", Reply::stdout("two"));
    let ended = kit.run(deploy);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert!(ended.logged("one") && ended.logged("two"));
    assert_eq!(ended.calls[..3], ["web1 stage staging", "web1 switch made", "web1 script echo $1 hello"]);
    assert_eq!(ended.calls.last().map(String::as_str), Some("verify web1 web2"));
    assert!(matches!(kit.probe(probe).outcome(), EffectState::Applied));
    let refused = kit.refuse("web1 switch old", Error::of_kind(ErrorKind::Remote, "E-TEST", "gone")).rollback(rollback);
    assert_eq!(refused.error().code(), "E-TEST");
}

#[test]
fn nobody_waits_and_a_cancelled_step_sees_it() {
    fn wait(_: (), step: &mut Step) -> Outcome {
        while step.remaining().is_some_and(|left| left > Duration::from_secs(60)) && !step.is_cancelled() {
            step.sleep(Duration::from_hours(1));
        }
        Outcome::Success
    }
    let ended = Kit::new().remaining(Duration::from_hours(3)).run(wait);
    assert_eq!(ended.calls, ["sleep 3600000", "sleep 3600000", "sleep 3600000"]);
    assert!(Kit::new().remaining(Duration::from_hours(3)).cancelled().run(wait).calls.is_empty());
}
