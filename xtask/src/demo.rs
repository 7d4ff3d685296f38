//! `cargo xtask demo`: a delivery as a person would watch it. A good release goes out to two machines; a bad one comes
//! back from both.
//!
//! The machines are emptied first, so that every demo is a first day; they stay up afterwards, to be looked at. What
//! runs is asked from outside, by HTTP: a demo that ends with 0 has seen the bad release gone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::http;
use crate::program::{self, heading};
use crate::rig::Rig;
use crate::setup;

const APP: &str = "tests/apps/blog-creator";
const PIPELINE: &str = "pipelines/blog-creator.yml";
const SCHEMA: &str = "pipelines/schema.json";
/// In the application: a word here breaks a release that passes every test.
const FAULT: &str = "backend/app/fault.txt";
const TARGETS: [&str; 2] = ["web1", "web2"];
/// Exit codes of Sealock.
const VERIFIED: i32 = 0;
const ROLLED_BACK: i32 = 10;

/// A folder with the application as a repository of its own, beside the state and the secrets of its runs.
struct Demo<'a> {
    checkout: &'a Checkout,
    rig: &'a Rig,
    repository: PathBuf,
    folder: PathBuf,
    secrets: Vec<(&'static str, String)>,
}

/// Sets up, builds, and delivers twice.
///
/// # Errors
///
/// What is missing, what does not build, or what did not come out as it should.
pub(crate) fn run(checkout: &Checkout) -> Result<(), Failure> {
    let started = Instant::now();
    setup::for_rig(checkout)?;
    let mut rig = Rig::up(checkout)?;
    heading("build");
    program::run(&mut checkout.cargo(&["build", "--locked", "--package", "sealock-cli"]))?;
    empty_targets(checkout)?;
    rig.keep();

    let demo = Demo::make(checkout, &rig)?;
    demo.release("r1", "a good release", VERIFIED)?;
    demo.break_application()?;
    demo.release("r2", "a bad release: it passes every test, and its /health answers 500", ROLLED_BACK)?;
    heading("what is live, as Sealock reads it from the targets' ledgers");
    program::run(
        demo.sealock("status").arg("production").args(["--pipeline", "blog-creator"]).args(demo.variables()?),
    )?;
    demo.farewell(started)
}

/// Nothing deployed, as on the first day; images of earlier demos stay. Both at once.
fn empty_targets(checkout: &Checkout) -> Result<(), Failure> {
    heading("two empty machines");
    let clearing = TARGETS.map(|target| {
        let mut clear = checkout.command(checkout.path("tests/rig/target"));
        clear.args([target, "clear"]).stdin(Stdio::null()).spawn()
    });
    for (target, clear) in TARGETS.into_iter().zip(clearing) {
        let ended = clear.and_then(|mut child| child.wait());
        let ended = ended.map_err(|error| Failure::failed(format!("tests/rig/target {target} clear: {error}")))?;
        if !ended.success() {
            return Err(Failure::failed(format!("tests/rig/target {target} clear: {ended}")));
        }
    }
    Ok(())
}

impl<'a> Demo<'a> {
    fn make(checkout: &'a Checkout, rig: &'a Rig) -> Result<Self, Failure> {
        heading("a repository to deliver");
        let folder = checkout.target().join("demo");
        let repository = folder.join("blog-creator");
        let told = |error: std::io::Error| Failure::failed(format!("{}: {error}", folder.display()));
        if repository.exists() {
            fs::remove_dir_all(&repository).map_err(told)?;
        }
        copy_application(checkout, &repository)?;
        let secrets = secrets(rig)?;
        let demo = Self { checkout, rig, repository, folder, secrets };
        program::run(demo.git().args(["init", "--quiet", "--initial-branch=main"]))?;
        demo.commit("A blog creator")?;
        Ok(demo)
    }

    fn commit(&self, message: &str) -> Result<(), Failure> {
        program::run(self.git().args(["add", "--all"]))?;
        let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgSign=false"];
        program::run(self.git().args(author).args(["commit", "--quiet", "--message", message]))
    }

    fn break_application(&self) -> Result<(), Failure> {
        heading("somebody commits a fault that no test sees");
        let file = self.repository.join(FAULT);
        fs::write(&file, "500\n").map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
        self.commit("Answer faster")
    }

    /// Runs the pipeline and asks the targets what they run then: `r1`, whatever was tried.
    fn release(&self, release: &str, what: &str, expected: i32) -> Result<(), Failure> {
        heading(&format!("release {release}: {what}"));
        let started = Instant::now();
        let mut run = self.sealock("run");
        run.args(["blog-creator", "--unconfined-network", "--input"]).arg(format!("release={release}"));
        let code = program::status(run.args(self.variables()?))?;
        println!("\nrelease {release}: exit code {code}, after {:.1} s", started.elapsed().as_secs_f64());
        if code != expected {
            return Err(Failure::failed(format!("release {release}: found exit code {code}, expected {expected}")));
        }
        for target in TARGETS {
            self.expect_live(target, "r1")?;
        }
        Ok(())
    }

    /// From outside: through the target's own nginx, and by its own engine.
    fn expect_live(&self, target: &str, release: &str) -> Result<(), Failure> {
        let address = self.rig.get(&target.to_uppercase())?;
        println!("\n$ curl http://{address}/health    # {target}");
        let answer = http::get(address, "/health").map_err(Failure::failed)?;
        println!("{} {}", answer.status, answer.body);
        let mut containers = self.checkout.command(self.checkout.path("tests/rig/target"));
        containers.args([target, "ssh", "docker ps --format '{{.Names}}  {{.Image}}  {{.Status}}'"]);
        program::run(&mut containers)?;
        if answer.status == 200 && answer.text("release").as_deref() == Some(release) {
            return Ok(());
        }
        Err(Failure::failed(format!(
            "{target} answers {} {}, expected 200 and release {release}",
            answer.status, answer.body
        )))
    }

    /// Sealock in the demo's repository, with its secrets, and a home for its state beside it.
    fn sealock(&self, command: &str) -> Command {
        let mut sealock = Command::new(self.checkout.sealock());
        sealock.current_dir(&self.repository).arg(command);
        sealock.arg("--state").arg(self.folder.join("state")).arg("--cache").arg(self.folder.join("cache"));
        sealock.envs(self.secrets.iter().map(|(name, value)| (format!("SEALOCK_SECRET_{name}"), value)));
        sealock.envs(self.rig.get("DOCKER_HOST").map(|host| ("DOCKER_HOST", host)));
        sealock
    }

    fn variables(&self) -> Result<Vec<String>, Failure> {
        let mut arguments = Vec::new();
        for name in ["REGISTRY", "WEB1", "WEB1_HOST_KEY", "WEB2", "WEB2_HOST_KEY"] {
            arguments.extend(["--var".to_owned(), format!("{name}={}", self.rig.get(name)?)]);
        }
        Ok(arguments)
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.current_dir(&self.repository);
        git
    }

    fn farewell(&self, started: Instant) -> Result<(), Failure> {
        heading(&format!(
            "done, in {:.0} s: a good release is live, a bad one came back",
            started.elapsed().as_secs_f64()
        ));
        let sealock = self.checkout.sealock();
        let (sealock, state, at) = (sealock.display(), self.folder.join("state"), self.repository.display());
        let state = state.display();
        let (web1, web2, registry) = (self.rig.get("WEB1")?, self.rig.get("WEB2")?, self.rig.get("REGISTRY")?);
        print!(
            "\
where to look next
  the application         http://{web1}/  http://{web2}/
  the last run again      {sealock} -C {at} --state {state} show
  all runs                {sealock} -C {at} --state {state} runs
  a target, from inside   tests/rig/target web1 ssh
  what the registry has   curl http://{registry}/v2/_catalog
  the pipeline            {PIPELINE}
  stop the machines       tests/rig/down
"
        );
        Ok(())
    }
}

/// What git knows or would take, not what tests and builds left behind; and the pipeline.
fn copy_application(checkout: &Checkout, to: &Path) -> Result<(), Failure> {
    let files = ["ls-files", "--cached", "--others", "--exclude-standard", APP];
    let files = program::answer(checkout.command("git").args(files))?;
    for file in files.lines() {
        let relative = file.strip_prefix(APP).unwrap_or(file).trim_start_matches('/');
        copy(&checkout.path(file), &to.join(relative))?;
    }
    for file in [PIPELINE, SCHEMA] {
        copy(&checkout.path(file), &to.join(file))?;
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let folder = to.parent().expect("a file is in a folder");
    let copied = fs::create_dir_all(folder).and_then(|()| fs::copy(from, to));
    copied.map(drop).map_err(|error| Failure::failed(format!("{} to {}: {error}", from.display(), to.display())))
}

/// The rig's key and login, and what only this demo knows.
fn secrets(rig: &Rig) -> Result<Vec<(&'static str, String)>, Failure> {
    let key = rig.get("SSH_KEY")?;
    let key = fs::read_to_string(key).map_err(|error| Failure::failed(format!("{key}: {error}")))?;
    Ok(vec![
        ("DEPLOY_KEY", key),
        ("REGISTRY_PASSWORD", rig.get("REGISTRY_PASSWORD")?.to_owned()),
        ("DB_PASSWORD", random()?),
        ("SECRET_KEY", random()?),
    ])
}

/// 32 hexadecimal digits that nobody can guess.
fn random() -> Result<String, Failure> {
    use std::fmt::Write as _;
    use std::io::Read as _;
    let mut bytes = [0; 16];
    let read = fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| Failure::failed(format!("/dev/urandom: {error}")))?;
    Ok(bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_application_is_copied_whole_with_its_pipeline() {
        let checkout = Checkout::find().unwrap();
        let folder = checkout.target().join(format!("demo-test-{}", std::process::id()));
        copy_application(&checkout, &folder).unwrap();
        for file in [FAULT, "docker-compose.prod.yml", "backend/Dockerfile", "frontend/Dockerfile", PIPELINE] {
            assert!(folder.join(file).is_file(), "{file}");
        }
        assert!(!folder.join("frontend/node_modules").exists());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn secrets_are_not_the_same_twice() {
        let (one, other) = (random().unwrap(), random().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
