//! Targets on which somebody has been at work by hand: one clear error each, before anything is changed.

use sealock_broker::ssh::SshLimits;
use sealock_contract::StepError;
use sealock_contract::seam::TargetsRequest;
use sealock_deploy::{Deployment, LockEvent, TargetError, unlock};

use crate::desk::Counter;
use crate::sshd::{SHELLS, Sshd, begin, facts};

/// Two verified releases; `r2` is live.
async fn two_releases(sshd: &Sshd) {
    for (run, text) in [("run1", "one"), ("run2", "two")] {
        let counter = Counter::open(sshd.begin(run, &["web1"]).await, &["web1"]);
        let target = counter.target("web1").await;
        let release = counter.stage(target, "app.txt", text).await.expect("staged").id;
        counter.targets(TargetsRequest::SwitchTo { target, release }).await.expect("switched");
        counter.deployment.verified(&[]).await.expect("recorded");
    }
}

async fn next(sshd: &Sshd) -> Result<Deployment, TargetError> {
    begin("run3", vec![sshd.target("web1")], &|_| {}).await
}

/// The ledger, what `current` names, and the releases.
fn seen(sshd: &Sshd) -> (String, String, usize) {
    let directory = sshd.directory("web1");
    let current = std::fs::read_link(directory.join("current")).map(|link| link.display().to_string());
    let releases = std::fs::read_dir(directory.join("releases")).expect("there").count();
    (sshd.read("web1", "ledger"), current.unwrap_or_default(), releases)
}

/// What the target is refused with; nothing has been changed, and nobody has to wait for it.
async fn refused(sshd: &Sshd, shell: &str) -> StepError {
    let before = seen(sshd);
    let error = match next(sshd).await {
        Ok(deployment) => {
            let error = deployment.check_sound().expect_err("not sound");
            deployment.finish().await;
            error
        }
        Err(error) => error,
    };
    assert_eq!(seen(sshd), before, "{shell}: a refused run changed something");
    assert_eq!(sshd.read("web1", "lease"), "", "{shell}: it is still held");
    error.into()
}

fn point(sshd: &Sshd, to: &str) {
    let current = sshd.directory("web1").join("current");
    std::fs::remove_file(&current).expect("there");
    std::os::unix::fs::symlink(to, &current).expect("moved");
}

#[tokio::test]
async fn a_ledger_that_was_edited_is_told_with_its_line() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        two_releases(&sshd).await;
        let file = sshd.state_file("web1", "ledger");
        let good = std::fs::read_to_string(&file).expect("a ledger");
        for (edited, found) in [
            (
                good.replacen("\"verified\"", "\"rolled-back\"", 1),
                "line 3 of the ledger was changed since it was written",
            ),
            (good.replacen("{\"v\":1", "{\"v\":", 1), "line 1 of the ledger is not a record"),
            (good.replacen("\"v\":1", "\"v\":9", 1), "version 9"),
        ] {
            std::fs::write(&file, &edited).expect("edited");
            let error = refused(&sshd, shell).await;
            assert_eq!(error.code, "E-TARGET-DAMAGED", "{shell}: {error}");
            assert!(error.message.contains(found), "{shell}: {error}");
            assert!(error.help.is_some_and(|help| help.contains("mv .sealock/ledger")), "{shell}");
        }
        std::fs::write(&file, good).expect("put right");
        next(&sshd).await.expect("free").check_sound().expect("as it was");
    }
}

#[tokio::test]
async fn a_current_that_was_moved_is_told_with_both_ways_to_go_on() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        two_releases(&sshd).await;
        point(&sshd, "releases/r1");
        let error = refused(&sshd, shell).await;
        assert_eq!(error.code, "E-TARGET-MOVED", "{shell}: {error}");
        assert!(error.message.contains("names r1, and its ledger says r2"), "{shell}: {error}");
        let help = error.help.expect("help");
        for way in ["sealock status ENVIRONMENT", "rollback ENVIRONMENT --to r2", "rollback ENVIRONMENT --to r1"] {
            assert!(help.contains(way), "{shell}: {help}");
        }
        // What a person asks for puts it right, and then it is as its ledger says.
        let by_hand = next(&sshd).await.expect("free");
        by_hand.switch("web1", Some("r1")).await.expect("switched");
        by_hand.finish().await;
        next(&sshd).await.expect("free").check_sound().expect("the ledger says r1, too");
    }
}

#[tokio::test]
async fn a_release_folder_that_was_deleted_is_told_with_one_that_is_there() {
    let sshd = Sshd::start("dash");
    two_releases(&sshd).await;
    let folder = sshd.directory("web1").join("releases/r2");
    let made = std::process::Command::new("chmod").arg("-R").arg("u+w").arg(&folder).status().expect("chmod runs");
    assert!(made.success());
    std::fs::remove_dir_all(&folder).expect("deleted");
    let error = refused(&sshd, "dash").await;
    assert_eq!(error.code, "E-RELEASE-GONE", "{error}");
    assert!(error.help.is_some_and(|help| help.contains("rollback ENVIRONMENT --to r1")));
}

#[tokio::test]
async fn a_lock_of_a_dead_run_is_told_and_taken_over_when_its_lease_is_over() {
    let sshd = Sshd::start("dash");
    let dead = sshd.begin("dead", &["web1"]).await;
    drop(dead);
    let targets = [sshd.target("web1")];
    let error = unlock(&targets, &facts("by-hand"), SshLimits::default(), &|_| {}).await.expect_err("held");
    let error = StepError::from(error);
    assert_eq!(error.code, "E-TARGET-LOCKED");
    assert!(error.message.contains("run dead of dead@test"), "{error}");
    assert!(error.help.is_some_and(|help| help.contains("sealock unlock ENVIRONMENT")));
    let lease = sshd.read("web1", "lease");
    let over: Vec<&str> = lease.lines().map(|line| if line.starts_with("until=") { "until=1" } else { line }).collect();
    std::fs::write(sshd.state_file("web1", "lease"), over.join("\n") + "\n").expect("written");
    let (told, tell) = crate::locks::listen();
    unlock(&targets, &facts("by-hand"), SshLimits::default(), &tell).await.expect("over");
    let told = told.lock().unwrap();
    assert!(matches!(&told[..], [LockEvent::TakenOver { before, .. }] if before.run == "dead"), "{told:?}");
}
