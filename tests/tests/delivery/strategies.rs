//! Ways to exchange a release: replica by replica, a share first, a stack beside the old one.

use std::process::{Child, Command, Stdio};

use e2e::{Repository, Rig, Sealock, Target};

use super::support::{assert_digest_runs, break_release};

const STACKS: &str = "/opt/stacks";

/// Asks a target for its health over and over, until it is dropped.
struct Asking {
    child: Child,
    answers: tempfile::NamedTempFile,
}

impl Asking {
    fn start(target: &Target<'_>) -> Self {
        let answers = tempfile::NamedTempFile::new().expect("a temporary file");
        let script = "while :; do curl -s -o /dev/null --max-time 5 -w '%{http_code}\\n' \"$0\"; sleep 0.1; done";
        let url = format!("http://{}/health", target.address);
        let child = Command::new("sh")
            .args(["-c", script, &url])
            .stdin(Stdio::null())
            .stdout(answers.reopen().expect("the temporary file"))
            .spawn()
            .expect("sh runs");
        Self { child, answers }
    }

    /// Every answer that was not 200, of how many.
    fn end(mut self) -> (Vec<String>, usize) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let text = std::fs::read_to_string(self.answers.path()).expect("the temporary file");
        let all: Vec<String> = text.lines().map(str::to_owned).collect();
        (all.iter().filter(|code| *code != "200").cloned().collect(), all.len())
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn stacks(rig: &Rig) -> (Repository, Sealock) {
    let repository = Repository::of("scenarios/stacks");
    let sealock = Sealock::new(rig, repository.path());
    (repository, sealock)
}

fn releases(target: &Target<'_>) -> Vec<String> {
    target.sh("ls /opt/stacks/releases").lines().map(str::to_owned).collect()
}

#[test]
fn replicas_are_exchanged_one_by_one_and_a_bad_share_is_all_that_is_touched() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = stacks(&rig);
    let run = |release: &str, strategy: &str| {
        let (release, strategy) = (format!("release={release}"), format!("strategy={strategy}"));
        sealock.run(&["stacks", "--input", &release, "--input", &strategy])
    };
    // While a part of one target's replicas is new, its proxy mixes: the verifier takes whichever release answers.
    let canary = |release: &str, share: u32| {
        let (release, share) = (format!("release={release}"), format!("share={share}"));
        let inputs = ["--input", &release, "--input", &share, "--input", "strategy=canary", "--input", "says=.*"];
        sealock.run(&[&["stacks"][..], &inputs].concat())
    };
    run("one", "rolling").expect(0);
    let asking = rig.targets().map(|target| Asking::start(&target));
    run("two", "rolling").expect(0);
    for asking in asking {
        let (bad, all) = asking.end();
        assert!(bad.is_empty() && all > 20, "of {all} answers: {bad:?}");
    }
    let two = rig.registry().digest("e2e/stacks", "two");
    for target in rig.targets() {
        assert_digest_runs(&target, &two, 2);
    }

    break_release(&repository, "proxy-500");
    canary("three", 25).expect(10).saying("canary: 1 of 2 replicas on web1");
    for target in rig.targets() {
        assert_digest_runs(&target, &two, 2);
        assert_eq!(target.ledger_end(STACKS), "verified r2", "{}", target.name);
    }
    let touched = rig.target("web2").ledger_tail(STACKS, 20).iter().filter(|end| **end == "switching r3").count();
    assert_eq!(touched, 0, "the canary was not on web2");

    break_release(&repository, "");
    canary("four", 75).expect(0).saying("canary: 2 of 2 replicas on web1, 1 of 2 replicas on web2");
    let four = rig.registry().digest("e2e/stacks", "four");
    let one = rig.registry().digest("e2e/stacks", "one");
    for target in rig.targets() {
        assert_digest_runs(&target, &four, 2);
        assert_eq!(releases(&target), ["r2", "r4"], "{}: what is live, and what one goes back to", target.name);
        let images = target.sh("docker image ls --digests --format '{{.Digest}}'");
        assert!(images.contains(&two) && !images.contains(&one), "{}: {images}", target.name);
    }
}

#[test]
fn a_stack_beside_the_old_one_takes_over_without_a_gap_and_gives_back_at_once() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = stacks(&rig);
    let site = std::fs::read_to_string(repository.path().join("nginx/deployed.conf")).expect("the site");
    for target in rig.targets() {
        target.sh("mkdir -p /opt/stacks/shared && echo 'upstream app { server 127.0.0.1:9; }' >/opt/stacks/shared/upstreams.conf");
        target.sh_root(&format!(
            "cat >/etc/nginx/conf.d/deployed.conf <<'END'\n{site}END\nnginx -t && systemctl reload nginx"
        ));
    }
    let run = |release: &str| {
        let release = format!("release={release}");
        sealock.run(&["stacks", "--input", &release, "--input", "strategy=blue-green", "--input", "file=stack.yml"])
    };
    let port = |target: &Target<'_>| {
        target.sh("grep -o '127.0.0.1:[0-9]*' /opt/stacks/shared/upstreams.conf").trim().to_owned()
    };
    run("one").expect(0);
    for target in rig.targets() {
        assert_eq!(port(&target), "127.0.0.1:8000", "{}", target.name);
    }
    let asking = rig.targets().map(|target| Asking::start(&target));
    run("two").expect(0);
    let two = rig.registry().digest("e2e/stacks", "two");
    let mut green = Vec::new();
    for target in rig.targets() {
        assert_eq!(port(&target), "127.0.0.1:8001", "{}", target.name);
        assert_digest_runs(&target, &two, 1);
        green.push(target.sh("docker ps --all --quiet"));
        assert_eq!(green.last().map_or(0, |all| all.lines().count()), 1, "{}: the old stack is gone", target.name);
    }
    break_release(&repository, "proxy-500");
    run("three").expect(10);
    for (target, before) in rig.targets().iter().zip(&green) {
        assert_eq!(port(target), "127.0.0.1:8001", "{}", target.name);
        assert_eq!(target.sh("docker ps --all --quiet"), *before, "{}: the old stack ran on", target.name);
        assert_eq!(target.ledger_tail(STACKS, 2), ["rolled-back r3", "verified r2"], "{}", target.name);
    }
    for asking in asking {
        let (bad, all) = asking.end();
        // The bad release answers 500 to the world until it is taken back; nothing else goes wrong.
        assert!(bad.iter().all(|code| code == "500") && all > 20, "of {all} answers: {bad:?}");
    }
    sealock.command(&["rollback", "production", "--format", "plain"]).expect(0);
    let one = rig.registry().digest("e2e/stacks", "one");
    for target in rig.targets() {
        assert_eq!(port(&target), "127.0.0.1:8000", "{}", target.name);
        assert_digest_runs(&target, &one, 1);
    }
}
