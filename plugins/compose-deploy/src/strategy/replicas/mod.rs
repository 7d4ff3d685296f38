//! A target that really runs the scripts: by this machine's `sh`, with a stand-in for docker that keeps a service's replicas,
//! and a proxy that sends each request to the next of them.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use sealock_rollout::{Fleet, Machine, Script, Started};
use sealock_sdk::targets::Release;
use sealock_sdk::{Error, Level, Outcome};

use super::Strategy;
use crate::deployment::{Deployment, deploy};
use crate::rollback::roll_back;
use crate::testing::{deployment, release};

/// What [`deployment`] deploys.
const NEW: &str = "acme/web@sha256:aa";
const OLD: &str = "acme/web@sha256:old";

/// Replicas of the service on the one target.
const REPLICAS: usize = 4;

/// Judges one answer: the image that gave it, and whether that is broken behind its health check.
type Judge = fn(&str, bool) -> bool;

/// One target; gone with its test.
struct Target {
    folder: PathBuf,
    /// The image that answers the world badly, though its health check is content.
    broken: &'static str,
    /// What the verifier wants of each of its requests.
    judge: Judge,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    current: Option<Release>,
    /// What was told, paused for, and verified, in order.
    said: Vec<String>,
    /// How many requests the proxy has had.
    requests: usize,
}

struct Opened<'a>(&'a Target);

struct Ended(i32, String);

impl Target {
    /// With all replicas of the old release.
    fn new(judge: Judge) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sealock-replicas-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        for inner in ["bin", "containers", "releases/r1", "releases/r2"] {
            fs::create_dir_all(folder.join(inner)).expect("a folder");
        }
        let state = State { current: Some(release("r1", "older", "p")), ..State::default() };
        let target = Self { folder, broken: "none", judge, state: RefCell::new(state) };
        target.write("bin/docker", include_str!("docker.sh"));
        let made = Command::new("chmod").arg("+x").arg(target.folder.join("bin/docker")).status().expect("chmod runs");
        assert!(made.success());
        for number in 1..=REPLICAS {
            target.write(&format!("containers/{number}"), &format!("{OLD}\n"));
        }
        for (file, text) in [("last", REPLICAS.to_string()), ("wanted", REPLICAS.to_string()), ("bad", "none".into())] {
            target.write(file, &text);
        }
        for (release, image) in [("r1", OLD), ("r2", NEW)] {
            let text = format!("services:\n  web:\n    image: {image}\n");
            target.write(&format!("releases/{release}/sealock.override.yml"), &text);
        }
        target
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.folder.join(path), text).expect("written");
    }

    /// Number and image of every replica, the oldest first.
    fn replicas(&self) -> Vec<(usize, String)> {
        let folder = fs::read_dir(self.folder.join("containers")).expect("there");
        let one = |path: PathBuf| {
            let number = path.file_name().and_then(|name| name.to_str()?.parse().ok()).expect("a number");
            (number, fs::read_to_string(path).expect("there").trim().to_owned())
        };
        let mut all: Vec<(usize, String)> = folder.flatten().map(|entry| one(entry.path())).collect();
        all.sort();
        all
    }

    fn images(&self) -> Vec<String> {
        self.replicas().into_iter().map(|(_, image)| image).collect()
    }

    /// What was started and removed since the last time.
    fn calls(&self) -> Vec<String> {
        let path = self.folder.join("calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        text.lines().map(str::to_owned).collect()
    }

    fn said(&self) -> Vec<String> {
        std::mem::take(&mut self.state.borrow_mut().said)
    }

    /// A quarter of the replicas first.
    fn canary(&self) -> Result<Outcome, Error> {
        let strategy = Strategy::Canary { share: 25, wait_seconds: 30 };
        deploy(self, &Deployment { strategy, ..deployment(1) }).map(|deployed| deployed.outcome)
    }

    fn roll_back(&self) {
        roll_back(self, "key", 5).expect("back");
    }

    /// One request by way of the proxy.
    fn is_passed(&self) -> bool {
        let images = self.images();
        let mut state = self.state.borrow_mut();
        let image = &images[state.requests % images.len()];
        state.requests += 1;
        (self.judge)(image, image == self.broken)
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Fleet for Target {
    fn names(&self) -> Vec<String> {
        vec!["web1".to_owned()]
    }

    fn open(&self, _: &str) -> Result<Box<dyn Machine + '_>, Error> {
        Ok(Box::new(Opened(self)))
    }

    /// As `smoke-test` with `passes`: so many requests in a row that each replica answers two.
    fn verify(&self, _: &[String]) -> Result<(), Error> {
        self.state.borrow_mut().said.push("verify".to_owned());
        let is_passed = (0..2 * REPLICAS).all(|_| self.is_passed());
        if is_passed { Ok(()) } else { Err(Error::new("E-TEST", "a bad answer")) }
    }

    fn tell(&self, level: Level, text: &str) {
        if level == Level::Notice {
            self.state.borrow_mut().said.push(text.to_owned());
        }
    }

    fn is_cancelled(&self) -> bool {
        false
    }

    fn pause(&self, seconds: u64) {
        self.state.borrow_mut().said.push(format!("pause {seconds}"));
    }
}

impl Machine for Opened<'_> {
    fn name(&self) -> String {
        "web1".to_owned()
    }

    fn directory(&self) -> String {
        self.0.folder.display().to_string()
    }

    fn current(&self) -> Result<Option<Release>, Error> {
        Ok(self.0.state.borrow().current.clone())
    }

    fn previous(&self) -> Result<Option<Release>, Error> {
        Ok(Some(release("r1", "older", "p")))
    }

    fn pull(&self, _: &str) -> Result<(), Error> {
        Ok(())
    }

    fn stage(&self, _: &[(String, String)], _: &[(String, String)]) -> Result<Release, Error> {
        Ok(release("r2", "key", "p"))
    }

    fn switch_to(&self, id: &str) -> Result<(), Error> {
        let key = if id == "r2" { "key" } else { "older" };
        self.0.state.borrow_mut().current = Some(release(id, key, "p"));
        Ok(())
    }

    fn prune(&self, _: u32) -> Result<(), Error> {
        Ok(())
    }

    fn start(&self, script: &Script) -> Result<Box<dyn Started>, Error> {
        let folder = &self.0.folder;
        let of = if script.name.ends_with("r2") { "r2" } else { "r1" };
        let mut command = Command::new("sh");
        let text = format!("PATH=$REPLICAS/bin:$PATH\nexport PATH\n{}", script.text);
        command.arg("-c").arg(text).arg("script").args(&script.args).current_dir(folder);
        command.env("REPLICAS", folder).env("RELEASE", folder.join("releases").join(of));
        let output = command.output().expect("sh runs");
        Ok(Box::new(Ended(output.status.code().unwrap_or(-1), String::from_utf8(output.stdout).expect("text"))))
    }
}

impl Started for Ended {
    fn finish(&self) -> Result<(i32, String), Error> {
        Ok((self.0, self.1.clone()))
    }
}

/// Every answer is good, whichever release gave it.
fn takes_both(_: &str, is_broken: bool) -> bool {
    !is_broken
}

/// Every answer is good and from the new release.
fn insists_on_the_release(image: &str, is_broken: bool) -> bool {
    image == NEW && !is_broken
}

fn of(old: usize, new: usize) -> Vec<String> {
    [vec![OLD.to_owned(); old], vec![NEW.to_owned(); new]].concat()
}

#[test]
fn one_replica_of_four_is_exchanged_and_looked_at_before_the_others_follow_one_by_one() {
    let target = Target::new(takes_both);
    assert_eq!(target.canary().expect("an outcome"), Outcome::Success);
    assert_eq!(target.images(), of(0, 4));
    let said = target.said();
    let parts = ["canary: 1 of 4 replicas on web1", "web1: p runs a part of r2, 1 of 1 containers healthy", "pause 30"];
    assert_eq!((&said[..3], said[3].as_str()), (&parts.map(str::to_owned)[..], "verify"), "{said:?}");
    let exchanged = |old: usize, new: usize| [format!("remove {old}"), format!("start {new} {NEW}")];
    let expected: Vec<String> = (0..4).flat_map(|number| exchanged(4 - number, 5 + number)).collect();
    assert_eq!(target.calls(), expected, "never more than one replica is away");
}

#[test]
fn a_share_that_answers_badly_through_the_proxy_is_all_that_goes_back() {
    let mut target = Target::new(takes_both);
    target.broken = NEW;
    assert_eq!(target.canary().expect_err("refused").message(), "verifying the canary: a bad answer");
    assert_eq!(target.images(), of(3, 1), "three replicas of the old release were never touched");
    assert_eq!(target.calls().len(), 2);
    target.roll_back();
    assert_eq!(target.images(), of(4, 0));
    let kept: Vec<usize> = target.replicas().into_iter().map(|(number, _)| number).collect();
    assert_eq!(kept, [1, 2, 3, 6], "the three others ran on through all of it");
    assert_eq!(target.state.borrow().current.as_ref().map(|release| release.id.clone()), Some("r1".to_owned()));
}

#[test]
fn a_share_that_does_not_get_healthy_is_all_that_goes_back() {
    let target = Target::new(takes_both);
    target.write("bad", NEW);
    let Outcome::Failed(why) = target.canary().expect("an outcome") else { panic!("expected a failure") };
    assert!(why.starts_with("web1: web is unhealthy (container p-5)"), "{why}");
    assert!(!target.said().contains(&"verify".to_owned()));
    assert_eq!(target.images(), of(3, 1));
    target.roll_back();
    assert_eq!(target.images(), of(4, 0));
}

/// What the README says of it: the proxy mixes, and each answer of an old replica is a failure.
#[test]
fn a_verifier_that_insists_on_the_release_refuses_a_good_share_behind_a_proxy_that_mixes() {
    let target = Target::new(insists_on_the_release);
    assert_eq!(target.canary().expect_err("refused").message(), "verifying the canary: a bad answer");
    assert_eq!(target.images(), of(3, 1));
}
