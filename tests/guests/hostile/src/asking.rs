//! Asks for what the host may have granted or not.

use sealock_sdk::bindings::sealock::step::secrets::Secret as RawSecret;
use sealock_sdk::bindings::sealock::step::{artifacts, cache, git, secrets};
use sealock_sdk::containers::{self, Build, Container, Push};
use sealock_sdk::process::{Command, Exit, Stdio};
use sealock_sdk::targets::{self, Script};
use sealock_sdk::{Error, Outcome, Secret, Step, http, input};

/// A number that this instance was never given.
pub(crate) fn guess_handle(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    // SAFETY: none; the host has to hold.
    let stolen = unsafe { RawSecret::from_handle(1) };
    Ok(Outcome::Failed(format!("got {}", stolen.name())))
}

pub(crate) fn exec(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let output = Command::new(at).arg("one").env("NAME", "value").cwd("sub").output()?;
    let ended = match output.exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
    };
    Ok(Outcome::Failed(format!("{ended}: {}", output.text())))
}

fn secret_of(at: &str) -> Result<Secret, Error> {
    input::required(at)
}

pub(crate) fn secret(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let secret = secret_of(at)?;
    sealock_sdk::secrets::mask("derived");
    Command::new("login").secret_env("TOKEN", &secret).stdin_secret(&secret).stdout(&Stdio::Discard).run()?;
    Ok(Outcome::Failed(secret.name()))
}

pub(crate) fn reveal(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let bytes = secret_of(at)?.reveal()?;
    Ok(Outcome::Failed(String::from_utf8_lossy(&bytes).into_owned()))
}

/// The word as a whole URL.
pub(crate) fn placeholder(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let word = secret_of(at)?.placeholder();
    let response = http::Request::post(format!("https://{word}"), "text").send()?;
    Ok(Outcome::Failed(response.status().to_string()))
}

pub(crate) fn build(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let build = Build::new(at);
    build.file("Dockerfile.prod");
    build.target("runtime");
    build.arg("VERSION", "1");
    build.label("org.example", "x");
    build.platform("linux/amd64");
    build.cache_from("registry.example/cache");
    build.cache_to("registry.example/cache");
    build.network(true);
    build.no_cache();
    build.pull();
    Ok(Outcome::Failed(build.finish()?))
}

pub(crate) fn push(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let push = Push::new("sha256:abc");
    push.to(at);
    Ok(Outcome::Failed(push.finish()?))
}

pub(crate) fn container(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let container = Container::new(at);
    container.arg("--version");
    container.entrypoint("/bin/tool");
    container.env("NAME", "value");
    container.mount("src", "/src", true);
    container.workdir("/src");
    container.user("1000");
    container.network(false);
    container.stdout(&Stdio::Capture);
    container.timeout_ms(1_000);
    let exit = containers::start(&container)?.wait()?;
    Ok(Outcome::Failed(format!("{exit:?}")))
}

pub(crate) fn target(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let names = targets::names();
    let target = targets::open(at)?;
    target.upload("file", "remote", 0o644)?;
    target.download("remote", "out/file")?;
    let digest = format!("sha256:{}", "0".repeat(64));
    let staged = target.stage_release("bundle", &[("web".to_owned(), digest)], &[])?;
    target.switch_to(&staged.id)?;
    target.prune(3)?;
    targets::verify(&names)?;
    let current = target.current()?.map(|release| release.id).unwrap_or_default();
    Ok(Outcome::Failed(format!("{names:?} {} {} {current}", target.name(), target.directory())))
}

pub(crate) fn script(at: &str, _: &mut Step) -> Result<Outcome, Error> {
    let target = targets::open(at)?;
    let script = Script::new(&target, "uptime");
    script.arg("one");
    script.env("NAME", "value");
    script.cwd("current");
    script.user("www-data");
    script.stdin_bytes(b"input");
    script.stdout(&Stdio::Capture);
    Ok(Outcome::Failed(targets::start(&script)?.output()?.text()))
}

pub(crate) fn produce(at: &str, step: &mut Step) -> Result<Outcome, Error> {
    Ok(Outcome::Failed(step.produce(at)?))
}

pub(crate) fn not_yet(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let answers = [
        git::Checkout::new("https://example.org/x", "main", "x").finish().map(drop),
        cache::restore("key", &[], "path").map(drop),
        cache::save("key", "path"),
        artifacts::save("name", &[]).map(drop),
        artifacts::load("name", "path"),
    ];
    let codes: Vec<String> = answers.into_iter().filter_map(Result::err).map(|error| error.code).collect();
    Ok(Outcome::Failed(codes.join(" ")))
}

pub(crate) fn facts(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    let known = [step.run_id(), step.stage(), step.id(), step.attempt().to_string()];
    let more = [step.idempotency_key(), step.environment(), step.release()];
    Ok(Outcome::Failed(format!("{} {more:?} {}", known.join(" "), step.remaining().is_some())))
}

/// Calls every interface that can refuse, and tells what each said.
pub(crate) fn everything(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    let refusals = [
        exec("npm", step).err(),
        secrets::get("token").map(drop).err().map(Into::into),
        build(".", step).err(),
        push("ghcr.io/acme/web:1", step).err(),
        container("postgres:15", step).err(),
        targets::open("web1").err(),
        targets::verify(&["web1".to_owned()]).err(),
        produce("target", step).err(),
        http::Request::get("https://api.example.org/v1").send().err(),
    ];
    let codes: Vec<String> =
        refusals.into_iter().map(|error| error.map_or("allowed".to_owned(), |error| error.code().to_owned())).collect();
    Ok(Outcome::Failed(codes.join(" ")))
}
