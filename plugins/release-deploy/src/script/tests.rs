//! The scripts, run by this machine's `sh` against a `systemctl` that answers what a test wrote down.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use sealock_rollout::testing::{FakeFleet, objections};
use sealock_rollout::{KEY, Script};
use sealock_sdk::targets::Release;

use super::Service;
use crate::report::Report;

/// Targets whose units run.
pub(crate) fn fleet(names: &[&str]) -> FakeFleet {
    FakeFleet::new(names, |script: &Script| {
        if script.name.starts_with("prepare") { String::new() } else { "verdict ready \n".to_owned() }
    })
}

/// A release that this plugin made.
pub(crate) fn release(id: &str, key: &str) -> Release {
    let details = service().details();
    let details: Vec<(&str, &str)> = details.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    sealock_rollout::testing::release(id, &[&[(KEY, key)], details.as_slice()].concat())
}

fn service() -> Service {
    Service { units: vec!["app@1.service".into(), "app@2.service".into()], nginx: true, ..Service::default() }
}

/// A target's folder with one release, and stand-ins for what needs root; gone with its test.
struct Target(PathBuf);

impl Target {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sealock-units-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let target = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(target.0.join("releases/r1/var")).expect("a folder");
        fs::create_dir_all(target.0.join("bin")).expect("a folder");
        target.program(
            "sudo",
            "[ \"$1\" = -n ] && shift\n[ \"$1\" = -l ] && { cat \"$TEST_ROOT/may\" >/dev/null 2>&1; exit; }\nexec \"$@\"",
        );
        target.program("id", "[ \"$1\" = -un ] && echo deploy || echo 1000");
        target.program("nginx", "[ ! -f nginx-says ] || { cat nginx-says >&2; exit 1; }");
        target.program(
            "systemctl",
            "case $* in\n  show*LoadState*) cat \"$TEST_ROOT/load\" ;;\n  show*--value*) sed -n s/^ActiveState=//p \"$TEST_ROOT/unit\" ;;\n  \
             show*) cat \"$TEST_ROOT/unit\" ;;\n  *) echo \"$@\" >>\"$TEST_ROOT/did\" ;;\nesac",
        );
        target.program("curl", "test -e \"$TEST_ROOT/answers\"");
        target.write("unit", "ActiveState=active\nNRestarts=0\n");
        target.write("load", "loaded\n");
        target.write("may", "");
        target
    }

    fn program(&self, name: &str, text: &str) {
        self.write(&format!("bin/{name}"), &format!("#!/bin/sh\n{text}\n"));
        let made = Command::new("chmod").arg("+x").arg(self.0.join("bin").join(name)).status().expect("chmod runs");
        assert!(made.success());
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).expect("written");
    }

    fn remove(&self, path: &str) {
        fs::remove_file(self.0.join(path)).expect("it was there");
    }

    /// What was asked of `systemctl`.
    fn did(&self) -> String {
        fs::read_to_string(self.0.join("did")).unwrap_or_default()
    }

    fn run(&self, script: &Script, env: &[(&str, &str)]) -> (i32, String) {
        let text = format!("PATH=$TEST_BIN:$PATH\nexport PATH\n{}", script.text);
        let mut command = Command::new("sh");
        command.arg("-c").arg(text).arg("script").args(&script.args);
        command
            .env("TEST_BIN", self.0.join("bin"))
            .env("TEST_ROOT", &self.0)
            .current_dir(self.0.join(&script.cwd))
            .envs(env.iter().copied());
        let output = command.output().expect("sh runs");
        (output.status.code().expect("an exit code"), String::from_utf8(output.stdout).expect("text"))
    }

    fn root(&self) -> String {
        self.0.display().to_string()
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = Command::new("chmod").arg("-R").arg("u+w").arg(&self.0).status();
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn entries_are_written_so_that_a_shell_reads_them_as_they_are() {
    let target = Target::new();
    let names = ["A", "B"].map(str::to_owned);
    let script = service().prepare("r1", &target.root(), &names, &["uploads".to_owned(), "var/log".to_owned()]);
    let env = [("SEALOCK_ENV_A", "plain $X `id` \"q\" #"), ("SEALOCK_ENV_B", "it's $1 \\ \"q\" `id`")];
    for _ in 0..2 {
        assert_eq!(target.run(&script, &env), (0, String::new()));
    }
    let read = Script {
        text: ". ./releases/r1/.env; printf '%s\\n' \"$A\" \"$B\"; stat -c %a releases/r1/.env".to_owned(),
        ..Script::default()
    };
    assert_eq!(target.run(&read, &[]).1, format!("{}\n{}\n400\n", env[0].1, env[1].1));
    for name in ["uploads", "var/log"] {
        let link = fs::read_link(target.0.join("releases/r1").join(name)).expect("a link");
        assert!(link.is_dir() && link.ends_with(format!("shared/{name}")), "{}", link.display());
    }
}

#[test]
fn what_would_stop_the_release_is_found_before_the_switch() {
    let target = Target::new();
    let prepare = service().prepare("r1", &target.root(), &[], &[]);
    target.remove("may");
    let (code, stdout) = target.run(&prepare, &[]);
    assert_eq!(code, 4);
    let lines = Report::parse(&stdout).sudoers;
    assert_eq!(lines.len(), 6, "{stdout}");
    assert!(
        lines[0].ends_with("/systemctl reload-or-restart app@1.service") && lines[0].starts_with("deploy ALL=(root)")
    );
    target.write("load", "not-found\n");
    let (code, stdout) = target.run(&prepare, &[]);
    assert_eq!((code, stdout.as_str()), (3, "said systemd has no unit app@1.service here (not-found)\n"));
}

#[test]
fn nginx_is_asked_before_anything_is_restarted() {
    let target = Target::new();
    target.write("nginx-says", "unknown directive\n");
    let (code, stdout) = target.run(&service().start("r1", 5), &[]);
    assert_eq!(code, 1);
    let problem = Report::parse(&stdout).problem(5);
    assert_eq!(problem.as_deref(), Some("nginx does not take its configuration\n  unknown directive"));
    assert_eq!(target.did(), "");
    target.remove("nginx-says");
    let answering = Service { health: Some("http://127.0.0.1:%i/%i".into()), ..service() };
    target.write("answers", "");
    assert_eq!(target.run(&answering.start("r1", 5), &[]), (0, "verdict ready \n".to_owned()));
    let units = "reload-or-restart app@1.service\nreload-or-restart app@2.service\nreload nginx\n";
    assert_eq!(target.did(), units);
}

#[test]
fn one_by_one_the_second_unit_waits_for_the_first() {
    let target = Target::new();
    let silent = Service { health: Some("http://127.0.0.1/".into()), ..service() };
    let (_, stdout) = target.run(&silent.start("r1", 1), &[]);
    let problem = Report::parse(&stdout).problem(1);
    assert_eq!(problem.as_deref(), Some("app@1.service runs, and did not answer within 1 s"));
    assert_eq!(target.did(), "reload-or-restart app@1.service\n");
    target.write("unit", "ActiveState=failed\nNRestarts=0\n");
    let (_, stdout) = target.run(&service().status("r1", 5), &[]);
    assert_eq!(Report::parse(&stdout).problem(5).as_deref(), Some("app@1.service has failed"));
    assert_eq!(target.run(&service().stop("r1"), &[]).0, 0);
    target.write("unit", "ActiveState=active\nNRestarts=0\n");
    assert_eq!(target.run(&service().stop("r1"), &[]).0, 1, "it still runs");
}

#[test]
fn the_part_behind_the_at_takes_the_place_of_percent_i() {
    let target = Target::new();
    for (unit, url, expected) in [
        ("app@3000.service", "http://h:%i/%i", "http://h:3000/3000"),
        ("app.service", "http://h/%i", "http://h/"),
        ("a@b@c.service", "%i", "b@c"),
    ] {
        let text = format!("{}set_url '{url}' '{unit}'; printf %s \"$url\"", super::WATCH);
        assert_eq!(target.run(&Script { text, ..Script::default() }, &[]).1, expected);
    }
}

#[test]
fn every_shell_reads_the_scripts_whole_and_shellcheck_has_nothing_to_say() {
    let service = service();
    let scripts =
        [service.prepare("r1", "/f", &[], &[]), service.start("r1", 1), service.stop("r1"), service.status("r1", 1)];
    for script in scripts {
        assert_eq!(objections(&script.text), None, "{}", script.name);
    }
}
