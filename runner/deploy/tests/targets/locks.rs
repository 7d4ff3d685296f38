//! Two runners, one target.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use sealock_broker::ssh::SshLimits;
use sealock_deploy::{LockEvent, Outcome, TargetError, TargetSpec, unlock};

use crate::desk::{Counter, script};
use crate::sshd::{PATIENCE, SHELLS, Sshd, begin, begin_again, facts};

pub(crate) type Told = Arc<Mutex<Vec<LockEvent>>>;

pub(crate) fn listen() -> (Told, impl Fn(LockEvent) + Send + Sync) {
    let told = Told::default();
    let kept = told.clone();
    (told, move |event| kept.lock().unwrap().push(event))
}

/// Makes the lease one of an earlier boot: after a reboot nobody holds anything.
pub(crate) fn reboot(sshd: &Sshd, target: &str) {
    let file = sshd.state_file(target, "lease");
    let lease = std::fs::read_to_string(&file).expect("a lease");
    let lease: Vec<_> =
        lease.lines().map(|line| if line.starts_with("boot=") { "boot=another" } else { line }).collect();
    std::fs::write(file, lease.join("\n") + "\n").expect("written");
}

#[tokio::test]
async fn the_second_runner_waits_and_is_told_for_whom() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let first = sshd.begin("run1", &["web1"]).await;
        let (told, tell) = listen();
        let targets = vec![sshd.target("web1")];
        let waiting = tokio::spawn(async move { begin("run2", targets, &tell).await });
        while told.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let event = told.lock().unwrap()[0].clone();
        let LockEvent::Waiting { holder, .. } = event else { panic!("{event:?}") };
        assert_eq!((holder.run.as_str(), holder.who.as_str()), ("run1", "run1@test"), "{shell}");
        assert!(holder.left_seconds.is_some_and(|left| left > 50));
        first.finish().await;
        let second = waiting.await.expect("joined").expect("free now");
        assert_eq!(second.epoch("web1"), Some(2), "{shell}");
        second.finish().await;
        assert_eq!(sshd.read("web1", "lease"), "", "nobody holds it any more");
    }
}

#[tokio::test]
async fn a_stale_lock_is_taken_over_in_the_open_and_its_holder_is_fenced() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let loser = sshd.begin("run1", &["web1"]).await;
        reboot(&sshd, "web1");
        let (told, tell) = listen();
        let winner = begin("run2", vec![sshd.target("web1")], &tell).await.expect("stale");
        let event = told.lock().unwrap()[0].clone();
        let LockEvent::TakenOver { epoch: 2, before, .. } = event else { panic!("{event:?}") };
        assert_eq!(before.run, "run1", "{shell}");
        let fenced = loser.record("web1", "r1", Outcome::Verified, &[], &[]).await.expect_err("fenced");
        assert_eq!(fenced.code, "E-FENCED", "{shell}: {fenced}");
        assert_eq!(loser.check().await.expect_err("lost").code, "E-FENCED");
        assert_eq!(loser.switch("web1", None).await.expect_err("lost").code, "E-FENCED");
        assert_eq!(sshd.read("web1", "ledger"), "", "{shell}: a fenced runner wrote");
        winner.record("web1", "r1", Outcome::Failed, &[], &[]).await.expect("holds it");
        loser.finish().await;
        assert!(sshd.read("web1", "lease").contains("run=run2"), "{shell}: a fenced runner let go of another's lock");
    }
}

#[tokio::test]
async fn a_run_that_comes_back_gets_its_targets_at_once_with_a_higher_epoch_and_its_release() {
    let sshd = Sshd::start("dash");
    let before = sshd.begin("run1", &["web1"]).await;
    let (told, tell) = listen();
    let after = begin("run1", vec![sshd.target("web1")], &tell).await.expect("its own");
    assert_eq!(told.lock().unwrap()[..], [LockEvent::Resumed { target: "web1".to_owned(), epoch: 2 }]);
    let fenced = before.record("web1", "r1", Outcome::Failed, &[], &[]).await.expect_err("its process is over");
    assert_eq!(fenced.code, "E-FENCED");
    assert_eq!(after.release(), "r1");
}

#[tokio::test]
async fn an_older_state_of_the_target_is_told_apart_from_another_holder() {
    let sshd = Sshd::start("dash");
    let deployment = sshd.begin("run1", &["web1"]).await;
    std::fs::write(sshd.state_file("web1", "fence"), "0\n").expect("written");
    let error = deployment.record("web1", "r1", Outcome::Failed, &[], &[]).await.expect_err("restored from a backup");
    assert_eq!(error.code, "E-TARGET-REGRESS");
}

#[tokio::test]
async fn a_target_that_knows_less_than_the_run_that_comes_back_is_not_locked() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        sshd.begin("run1", &["web1"]).await.interrupt().await;
        // Asked again and again it stays so: no epoch is used up.
        for _ in 0..3 {
            let fences = vec![("web1".to_owned(), 2)];
            let error = begin_again("run1", vec![sshd.target("web1")], fences, &|_| {}).await.err();
            assert_eq!(error.expect("restored from a backup").code(), "E-TARGET-REGRESS", "{shell}");
            assert_eq!((sshd.read("web1", "fence").trim(), sshd.read("web1", "lease").as_str()), ("1", ""), "{shell}");
        }
        let again = begin_again("run1", vec![sshd.target("web1")], vec![("web1".to_owned(), 1)], &|_| {}).await;
        again.expect("as it was left").finish().await;
    }
}

#[tokio::test]
async fn who_changed_a_target_last_is_known_to_a_run_that_comes_back_and_who_only_held_it_is_not() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let changed = async |run: &str, text: &str| {
            let deployment = sshd.begin(run, &["web1"]).await;
            let before = deployment.state("web1").expect("its own").changed;
            let counter = Counter::open(deployment, &["web1"]);
            let target = counter.target("web1").await;
            if !text.is_empty() {
                assert!(counter.run(script(target, text)).await.0.is_ok());
            }
            counter.deployment.interrupt().await;
            before
        };
        assert_eq!(changed("run1", "true").await, None, "{shell}");
        assert_eq!(changed("run2", "").await, Some((1, "run1".to_owned())), "{shell}");
        assert_eq!(changed("run3", "true").await, Some((1, "run1".to_owned())), "{shell}: run2 only held it");
        assert_eq!(changed("run1", "").await, Some((3, "run3".to_owned())), "{shell}");
    }
}

#[tokio::test]
async fn locks_are_taken_in_name_order_and_none_is_kept_when_one_fails() {
    let sshd = Sshd::start("dash");
    let (told, tell) = listen();
    let targets = ["c", "a", "b"].map(|target| sshd.target(target)).to_vec();
    let deployment = begin("run1", targets, &tell).await.expect("free");
    let order: Vec<_> =
        told.lock().unwrap().iter().map(|event| format!("{event:?}").replace("Taken { target: ", "")).collect();
    assert!(
        order[0].starts_with("\"a\"") && order[1].starts_with("\"b\"") && order[2].starts_with("\"c\""),
        "{order:?}"
    );
    assert_eq!(deployment.names(), ["c", "a", "b"]);
    deployment.finish().await;

    let unreachable = TargetSpec { ssh: sshd.ssh("z", 1), ..sshd.target("z") };
    let error = begin("run2", vec![sshd.target("a"), unreachable], &|_| {}).await.err().expect("nobody listens");
    assert_eq!(error.code(), "E-SSH-CONNECT");
    assert_eq!(sshd.read("a", "lease"), "");
}

#[tokio::test]
async fn only_stale_locks_can_be_unlocked() {
    let sshd = Sshd::start("dash");
    let _held = sshd.begin("run1", &["web1"]).await;
    let targets = [sshd.target("web1")];
    let run2 = facts("run2");
    let by_hand = || unlock(&targets, &run2, SshLimits::default(), &|_| {});
    let locked = by_hand().await.expect_err("not stale");
    assert!(matches!(&locked, TargetError::Locked { run, .. } if run == "run1"), "{locked}");
    reboot(&sshd, "web1");
    by_hand().await.expect("stale");
    assert_eq!(sshd.read("web1", "lease"), "");
    assert_eq!(sshd.read("web1", "fence"), "2\n");
}

#[tokio::test]
async fn waiting_ends_when_the_run_is_cancelled() {
    let sshd = Sshd::start("dash");
    let _held = sshd.begin("run1", &["web1"]).await;
    let cancelled = tokio_util::sync::CancellationToken::new();
    let spec = sealock_deploy::DeploymentSpec {
        targets: vec![sshd.target("web1")],
        facts: facts("run2"),
        limits: SshLimits::default(),
        patience: PATIENCE,
        fences: Vec::new(),
    };
    let tell = |event| {
        assert!(matches!(event, LockEvent::Waiting { .. }));
        cancelled.cancel();
    };
    let error = sealock_deploy::Deployment::begin(spec, &tell, &cancelled).await.err().expect("cancelled");
    assert_eq!(error.code(), "E-TARGET-CANCELLED");
}

#[tokio::test]
async fn waiting_has_an_end_that_says_who_holds_the_target() {
    let sshd = Sshd::start("dash");
    let held = sshd.begin("run1", &["web2"]).await;
    let spec = sealock_deploy::DeploymentSpec {
        targets: ["web1", "web2"].map(|target| sshd.target(target)).to_vec(),
        facts: facts("run2"),
        limits: SshLimits::default(),
        patience: Duration::from_millis(1_500),
        fences: Vec::new(),
    };
    let cancelled = tokio_util::sync::CancellationToken::new();
    let error = sealock_deploy::Deployment::begin(spec, &|_| {}, &cancelled).await.err().expect("it is held");
    assert!(
        matches!(&error, TargetError::Locked { target, run, who, left_seconds, .. }
            if target == "web2" && run == "run1" && who == "run1@test" && *left_seconds > 50),
        "{error:?}"
    );
    assert_eq!(sshd.read("web1", "lease"), "", "the lock that it had got is given back");
    held.finish().await;
}
