//! The scripts, run by this machine's `sh` against a `docker` that answers what a test wrote down.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use sealock_rollout::Script;
use sealock_rollout::testing::objections;

use super::{Place, Roll, status};
use crate::report::{Report, Verdict};

/// A target's folder with one release, and a `docker` of its own; gone with its test.
struct Target(PathBuf);

impl Target {
    /// `docker` is what the stand-in does after `ps` and `inspect` have been answered from the files of those names.
    fn new(docker: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sealock-script-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let target = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(target.release()).expect("a folder");
        fs::create_dir_all(target.0.join("bin")).expect("a folder");
        let root = target.0.display();
        let text = format!(
            "#!/bin/sh\ncase $1 in\n  ps) [ ! -f '{root}/ps' ] || cat '{root}/ps' ;;\n  inspect) cat '{root}/inspect' ;;\n  \
             *) {docker} ;;\nesac\n"
        );
        target.write("bin/docker", &text);
        let made = Command::new("chmod").arg("+x").arg(target.0.join("bin/docker")).status().expect("chmod runs");
        assert!(made.success());
        target
    }

    fn release(&self) -> PathBuf {
        self.0.join("releases/r1")
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).expect("written");
    }

    fn place(&self) -> Place {
        Place::new(&self.0.display().to_string(), "r1", "p", "compose.yml")
    }

    fn run(&self, script: &Script, env: &[(&str, &str)]) -> (i32, String) {
        let text = format!("PATH=$TEST_BIN:$PATH\nexport PATH\n{}", script.text);
        let mut command = Command::new("sh");
        command.arg("-c").arg(text).arg("script").args(&script.args).env("TEST_BIN", self.0.join("bin"));
        let Output { status, stdout, .. } = command.envs(env.iter().copied()).output().expect("sh runs");
        (status.code().expect("an exit code"), String::from_utf8(stdout).expect("text"))
    }

    /// The verdict over containers with these lines.
    fn verdict(&self, containers: &[&str]) -> (Verdict, Option<String>) {
        let ids: Vec<String> = (0..containers.len()).map(|id| id.to_string()).collect();
        let line = |(id, text): (usize, &&str)| format!("/p-{id} web {text} 2026-11-21T03:00:00Z {id} acme/web\n");
        self.write("ps", &ids.join("\n"));
        self.write("inspect", &containers.iter().enumerate().map(line).collect::<String>());
        let (code, stdout) = self.run(&status("p", 1), &[]);
        let report = Report::parse(&stdout);
        assert_eq!(code == 0, report.verdict == Verdict::Ready);
        (report.verdict, report.problem(&[], 1))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = Command::new("chmod").arg("-R").arg("u+w").arg(&self.0).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

#[test]
fn entries_are_written_so_that_compose_takes_them_as_they_are() {
    let target = Target::new("exit 0");
    target.write("releases/r1/.env", "TAG=1\n");
    let names = ["A", "B", "C"].map(str::to_owned);
    let script = target.place().prepare(&names, &[]);
    let env = [("SEALOCK_ENV_A", "plain $X ${Y} \"q\" #"), ("SEALOCK_ENV_B", "it's $1"), ("SEALOCK_ENV_C", "end\\")];
    for _ in 0..2 {
        assert_eq!(target.run(&script, &env).0, 0);
    }
    let path = target.release().join(".env");
    assert_eq!(
        fs::read_to_string(&path).expect("there"),
        "TAG=1\n# From here on: the entries of the environment, by Sealock.\nA='plain $X ${Y} \"q\" #'\n\
         B=\"it's $$1\"\nC=\"end\\\\\"\n"
    );
    assert_eq!(mode(&path), 0o400);
}

#[test]
fn programs_may_be_executed_again() {
    let target = Target::new("exit 0");
    target.write("releases/r1/-run.sh", "#!/bin/sh\n");
    let script = target.place().prepare(&[], &["-run.sh".to_owned()]);
    assert_eq!(target.run(&script, &[]).0, 0);
    assert_eq!(mode(&target.release().join("-run.sh")) & 0o111, 0o111);
}

#[test]
fn a_file_that_compose_does_not_take_fails_with_its_words() {
    let target = Target::new("echo 'services.web: no such key' >&2; exit 15");
    let (code, stdout) = target.run(&target.place().prepare(&[], &[]), &[]);
    assert_eq!((code, stdout.as_str()), (15, "said services.web: no such key\n"));
}

#[test]
fn healthy_containers_and_those_that_did_their_work_are_ready() {
    let target = Target::new("exit 0");
    let (verdict, _) = target.verdict(&["running healthy 3 0 policy=always", "exited none 0 0 policy=no"]);
    assert_eq!(verdict, Verdict::Ready);
}

#[test]
fn what_does_not_run_is_never_ready() {
    let target = Target::new("echo boom");
    for (container, expected) in [
        ("running unhealthy 0 0 policy=always", "web is unhealthy (container p-1)\n  | boom"),
        ("restarting none 2 1 policy=always", "web keeps restarting (exit code 1) (container p-1)\n  | boom"),
        ("exited none 0 3 policy=no", "web ended with exit code 3 (container p-1)\n  | boom"),
        ("dead none 0 0 policy=", "web is dead (container p-1)\n  | boom"),
    ] {
        let (verdict, problem) = target.verdict(&["running healthy 0 0 policy=", container]);
        assert_eq!(verdict, Verdict::Failed, "{container}");
        let problem = problem
            .expect("a problem")
            .lines()
            .filter(|line| !line.contains("health check"))
            .collect::<Vec<_>>()
            .join("\n");
        assert_eq!(problem, expected);
    }
    for waiting in ["running starting 0 0 policy=", "created none 0 0 policy=", "exited none 0 0 policy=always"] {
        assert_eq!(target.verdict(&["running healthy 0 0 policy=", waiting]).0, Verdict::Late, "{waiting}");
    }
}

#[test]
fn no_container_and_one_that_cannot_be_looked_at_are_not_ready() {
    let target = Target::new("exit 0");
    assert_eq!(target.verdict(&[]).1.as_deref(), Some("no container was there after 1 s"));
    let root = target.0.display();
    target.write("bin/docker", &format!("#!/bin/sh\ncat '{root}'/\"$1\"\n[ \"$1\" != inspect ]\n"));
    let (verdict, problem) = target.verdict(&["running healthy 0 0 policy="]);
    assert_eq!(verdict, Verdict::Late);
    assert_eq!(problem.as_deref(), Some("not every container could be looked at after 1 s"));
}

#[test]
fn a_release_whose_compose_gives_up_is_refused_with_its_words() {
    let target = Target::new("echo 'no space left on device'; exit 1");
    let (code, stdout) = target.run(&target.place().up(1, &Roll::default()), &[]);
    assert_eq!(code, 1);
    let problem = Report::parse(&stdout).problem(&[], 1);
    assert_eq!(problem.as_deref(), Some("Compose says: no space left on device"));
}

#[test]
fn a_release_is_down_only_when_no_container_is_left() {
    let target = Target::new("exit 0");
    assert_eq!(target.run(&target.place().down(), &[]).0, 0);
    target.write("ps", "0\n");
    target.write("inspect", "/p-0 web running none 0 0 policy= x 0 acme/web\n");
    assert_eq!(target.run(&target.place().down(), &[]).0, 1);
}

#[test]
fn every_shell_reads_the_scripts_whole_and_shellcheck_has_nothing_to_say() {
    let place = Place::new("/opt/app", "r1", "p", "deploy/compose.yml");
    let scripts = [
        ("prepare", place.prepare(&["A".to_owned()], &["run.sh".to_owned()])),
        ("up", place.up(60, &Roll::default())),
        ("down", place.down()),
        ("status", status("p", 60)),
        ("proxy", place.proxy()),
        ("back", place.back(60)),
    ];
    for (name, script) in scripts {
        assert_eq!(objections(&script.text), None, "{name}");
    }
}
