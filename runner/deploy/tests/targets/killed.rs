//! A runner that is killed while a script of it runs on a target, and the process that takes its run up.

use std::time::Duration;

use sealock_contract::seam::{Exit, Handle, Script};

use crate::desk::{Counter, script};
use crate::locks::reboot;
use crate::sshd::{SHELLS, Sshd};

const SLOW: &str = "echo begun >>began; echo out; sleep 2; echo ended >>began; exit 4";
/// What is kept of the script that a killed runner started.
const ACTION: &str = "actions/run1.deploy.app.run-1.0";
/// As `SLOW` leaves it.
const ONCE_RUN: &str = "begun\nended\n";

fn once(target: Handle, text: &str) -> Script {
    let mut script = script(target, text);
    script.env.push(("SEALOCK_ONCE".to_owned(), "1".to_owned()));
    script
}

fn began(sshd: &Sshd) -> String {
    std::fs::read_to_string(sshd.directory("web1").join("began")).expect("it ran")
}

/// Starts `text` on `web1` and is gone a moment later, as a killed process is: nobody lets go of anything.
fn die_within(sshd: &Sshd, text: &str) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
            let counter = runtime.block_on(async {
                let counter = Counter::open(sshd.begin("run1", &["web1"]).await, &["web1"]);
                let target = counter.target("web1").await;
                counter.start(once(target, text)).await.expect("started");
                while !sshd.directory("web1").join("began").exists() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                counter
            });
            runtime.shutdown_background();
            std::mem::forget(counter);
        });
    });
}

async fn take_up(sshd: &Sshd) -> Counter {
    take_up_for(sshd, "run-1").await
}

async fn take_up_for(sshd: &Sshd, action: &str) -> Counter {
    let deployment = sshd.begin("run1", &["web1"]).await;
    deployment.take_up();
    Counter::open_for(deployment, &["web1"], action)
}

/// What a step's `probe` learns of its script.
async fn outcome(sshd: &Sshd) -> String {
    let counter = take_up_for(sshd, "probe").await;
    let target = counter.target("web1").await;
    counter.run(script(target, "sh \"$SEALOCK_TARGET\" --outcome run")).await.1
}

#[tokio::test]
async fn what_still_runs_is_waited_for_and_its_result_is_read_instead_of_starting_it_twice() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        die_within(&sshd, SLOW);
        assert_eq!(outcome(&sshd).await, "4\nout\n", "{shell}");
        assert_eq!(began(&sshd), ONCE_RUN, "{shell}: it was not waited for");
        let counter = take_up(&sshd).await;
        let target = counter.target("web1").await;
        let (exit, out, _) = counter.run(once(target, SLOW)).await;
        assert_eq!((exit, out.as_str()), (Ok(Exit::Code(4)), "out\n"), "{shell}");
        assert_eq!(began(&sshd), ONCE_RUN, "{shell}: it ran twice");
    }
}

#[tokio::test]
async fn the_result_outlives_an_interruption_and_goes_with_the_end() {
    let sshd = Sshd::start("dash");
    die_within(&sshd, SLOW);
    let actions = || std::fs::read_dir(sshd.state_file("web1", "actions")).expect("a folder").count();
    let counter = take_up(&sshd).await;
    counter.target("web1").await;
    counter.deployment.interrupt().await;
    assert_eq!(actions(), 1);
    let counter = take_up(&sshd).await;
    let target = counter.target("web1").await;
    assert_eq!(counter.run(once(target, SLOW)).await.0, Ok(Exit::Code(4)));
    assert_eq!(began(&sshd), ONCE_RUN);
    counter.deployment.finish().await;
    assert_eq!(actions(), 0);
}

#[tokio::test]
async fn what_a_person_says_did_not_happen_is_made_again_and_so_is_what_nobody_wants_once() {
    let sshd = Sshd::start("dash");
    die_within(&sshd, SLOW);
    let counter = take_up(&sshd).await;
    counter.deployment.void("run-1");
    let target = counter.target("web1").await;
    assert_eq!(counter.run(once(target, SLOW)).await.0, Ok(Exit::Code(4)));
    assert_eq!(began(&sshd), ONCE_RUN.repeat(2));
    let counter = take_up(&sshd).await;
    let target = counter.target("web1").await;
    assert_eq!(counter.run(script(target, SLOW)).await.0, Ok(Exit::Code(4)));
    assert_eq!(began(&sshd), ONCE_RUN.repeat(3));
}

#[tokio::test]
async fn a_script_that_ended_with_its_machine_is_lost_and_not_started_again() {
    let sshd = Sshd::start("dash");
    die_within(&sshd, "echo begun >>began; exec sleep 600");
    let pid = std::fs::read_to_string(sshd.state_file("web1", ACTION).join("pid")).expect("a pid");
    let session = format!("kill -s KILL -- -{}", pid.split(' ').next().expect("a number"));
    assert!(std::process::Command::new("sh").args(["-c", &session]).status().expect("sh runs").success());
    assert_eq!(outcome(&sshd).await, "lost\n");
    let counter = take_up(&sshd).await;
    let target = counter.target("web1").await;
    let lost = counter.run(once(target, SLOW)).await.0.expect_err("nobody knows");
    assert_eq!(lost.code, "E-OUTCOME-UNKNOWN");
    assert_eq!(began(&sshd), "begun\n");
}

/// Makes what became of the script as old as this, and has another run hold the target meanwhile.
async fn leave_for(sshd: &Sshd, age: &str) {
    let action = sshd.state_file("web1", ACTION);
    let aged = std::process::Command::new("touch").args(["-d", age]).arg(action).status();
    assert!(aged.expect("touch runs").success());
    reboot(sshd, "web1");
    sshd.begin("run2", &["web1"]).await.finish().await;
}

#[tokio::test]
async fn what_became_of_a_script_is_known_for_as_long_as_its_run_can_be_resumed() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        die_within(&sshd, SLOW);
        assert_eq!(outcome(&sshd).await, "4\nout\n", "{shell}");
        leave_for(&sshd, "30 days ago").await;
        let counter = take_up(&sshd).await;
        let target = counter.target("web1").await;
        assert_eq!(counter.run(once(target, SLOW)).await.0, Ok(Exit::Code(4)), "{shell}");
        assert_eq!(began(&sshd), ONCE_RUN, "{shell}: it ran twice");
        drop(counter);
        leave_for(&sshd, "40 days ago").await;
        assert!(!sshd.state_file("web1", ACTION).exists(), "{shell}: nobody asks any more");
    }
}

#[tokio::test]
async fn that_a_script_was_begun_is_on_the_disk_before_it_starts_and_its_result_before_it_is_told() {
    // Busybox has a `dd` of its own, which nobody can listen to.
    for shell in ["dash", "bash"] {
        let sshd = Sshd::start(shell);
        sshd.listen_to(&["dd", "mv"]);
        let counter = Counter::open(sshd.begin("run1", &["web1"]).await, &["web1"]);
        let target = counter.target("web1").await;
        let text = format!("echo script >>{}/uses", sshd.path().display());
        assert_eq!(counter.run(script(target, &text)).await.0, Ok(Exit::Code(0)));
        let uses = sshd.uses();
        let (before, behind) = uses.split_once("script\n").expect("it ran");
        for (part, file) in [(before, "nonce"), (behind, "result")] {
            let lines: Vec<&str> = part.lines().collect();
            let is_placed =
                |pair: &&[&str]| pair[1].starts_with("mv -f ") && pair[1].ends_with(&format!("/{ACTION}/{file}"));
            let placed = lines.windows(2).find(is_placed).unwrap_or_else(|| panic!("{shell}: no {file} in {uses}"));
            assert!(placed[0].starts_with("dd of=") && placed[0].ends_with(" conv=fsync"), "{shell}: {placed:?}");
        }
    }
}
