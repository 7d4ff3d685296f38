//! Several runners that wait for one target: it goes to who came first, and nobody is held up by the dead.

use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sealock_broker::ssh::SshLimits;
use sealock_deploy::{Deployment, DeploymentSpec, LockEvent, QueuePlace, TargetError, TargetSpec, unlock};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::locks::{Told, listen};
use crate::sshd::{PATIENCE, SHELLS, Sshd, begin, facts};

/// A run that waits for `web1`.
struct Waiting {
    run: String,
    told: Told,
    cancel: CancellationToken,
    task: JoinHandle<Result<Deployment, TargetError>>,
}

impl Waiting {
    /// Begins to wait, and has its place when this returns.
    async fn start(sshd: &Sshd, run: &str) -> Self {
        let (told, tell) = listen();
        let cancel = CancellationToken::new();
        let (run, cancelled) = (run.to_owned(), cancel.clone());
        let spec = DeploymentSpec {
            targets: vec![sshd.target("web1")],
            facts: facts(&run),
            limits: SshLimits::default(),
            patience: PATIENCE,
            fences: Vec::new(),
        };
        let task = tokio::spawn(async move { Deployment::begin(spec, &tell, &cancelled).await });
        let waiting = Self { run, told, cancel, task };
        while waiting.places().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        waiting
    }

    /// Every place that it was told, as `POSITION/OF BEHIND`, with who held the target then.
    fn places(&self) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let place = |event: &LockEvent| match event {
            LockEvent::Waiting { holder, place: Some(QueuePlace { position, of, behind }), .. } => {
                Some(format!("{position}/{of} {} {}", behind.as_deref().unwrap_or("-"), holder.run))
            }
            _ => None,
        };
        told.iter().filter_map(place).collect()
    }

    /// Lets go of the target once it has it, after everybody has looked again.
    async fn finish(self, order: &Arc<Mutex<Vec<String>>>) {
        let deployment = self.task.await.expect("joined").expect("its turn comes");
        order.lock().unwrap().push(self.run);
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        deployment.finish().await;
    }
}

#[tokio::test]
async fn who_came_first_is_served_first_and_everybody_is_told_the_place() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let first = sshd.begin("run1", &["web1"]).await;
        let mut waiting = Vec::new();
        // Not in the order of their names.
        for run in ["run4", "run2", "run3"] {
            waiting.push(Waiting::start(&sshd, run).await);
        }
        let places: Vec<_> = waiting.iter().map(|own| own.places()[0].clone()).collect();
        assert_eq!(places, ["1/1 - run1", "2/2 run4 run1", "3/3 run2 run1"], "{shell}");
        first.finish().await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let told: Vec<_> = waiting.iter().map(|own| (own.run.clone(), own.told.clone())).collect();
        futures_util::future::join_all(waiting.into_iter().map(|own| own.finish(&order))).await;
        assert_eq!(*order.lock().unwrap(), ["run4", "run2", "run3"], "{shell}");
        // The last one came nearer while it waited.
        let last = told[2].1.lock().unwrap().clone();
        let nearer = last
            .iter()
            .any(|event| matches!(event, LockEvent::Waiting { place: Some(place), .. } if place.position < 3));
        assert!(nearer, "{shell}: {last:?}");
        let left = std::fs::read_dir(sshd.state_file("web1", "waiting")).expect("a folder").count();
        assert_eq!(left, 0, "{shell}: nobody waits any more");
    }
}

#[tokio::test]
async fn who_gives_up_leaves_its_place_to_the_next() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let first = sshd.begin("run1", &["web1"]).await;
        let (second, third) = (Waiting::start(&sshd, "run2").await, Waiting::start(&sshd, "run3").await);
        second.cancel.cancel();
        let error = second.task.await.expect("joined").err().expect("cancelled");
        assert_eq!(error.code(), "E-TARGET-CANCELLED", "{shell}");
        assert!(!sshd.state_file("web1", "waiting/run2").exists(), "{shell}: its ticket is left");
        let begun = Instant::now();
        first.finish().await;
        third.finish(&Arc::default()).await;
        assert!(begun.elapsed() < Duration::from_secs(10), "{shell}: {:?}", begun.elapsed());
    }
}

/// Begins a deployment of `run2`, and cancels it once `is_time` says so.
async fn cancelled_when(sshd: &Sshd, is_time: impl Fn() -> bool) -> TargetError {
    let cancel = CancellationToken::new();
    let (targets, cancelled) = (vec![sshd.target("web1")], cancel.clone());
    let spec = DeploymentSpec {
        targets,
        facts: facts("run2"),
        limits: SshLimits::default(),
        patience: PATIENCE,
        fences: Vec::new(),
    };
    let asking = tokio::spawn(async move { Deployment::begin(spec, &|_| {}, &cancelled).await });
    let begun = Instant::now();
    while !is_time() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not ask");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    cancel.cancel();
    asking.await.expect("joined").err().expect("cancelled")
}

#[tokio::test]
async fn who_is_cancelled_while_it_is_given_the_lock_holds_nobody_up() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        sshd.begin("run1", &["web1"]).await.finish().await;
        // It has the lock, and is not told so yet.
        sshd.before("sed", "case $1 in *' fence '*) sleep 2 ;; esac");
        let error = cancelled_when(&sshd, || sshd.read("web1", "lease").contains("run=run2")).await;
        assert_eq!(error.code(), "E-TARGET-CANCELLED", "{shell}");
        assert_eq!(sshd.read("web1", "lease"), "", "{shell}: it holds what it was never told of");
        assert_eq!(sshd.read("web1", "fence").trim(), "2", "{shell}: its epoch is used up");
        let (told, tell) = listen();
        begin("run3", vec![sshd.target("web1")], &tell).await.expect("free").finish().await;
        assert_eq!(told.lock().unwrap()[..], [LockEvent::Taken { target: "web1".into(), epoch: 3 }], "{shell}");
    }
}

#[tokio::test]
async fn a_request_that_comes_after_who_sent_it_has_left_gets_no_lock() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        sshd.begin("run1", &["web1"]).await.finish().await;
        let (late, done) = (sshd.path().join("late"), sshd.path().join("done"));
        // The first one that wants the state's lock is overtaken.
        sshd.before("flock", &format!("mkdir {} 2>/dev/null && {{ sleep 2; : >{}; }}", late.display(), done.display()));
        let error = cancelled_when(&sshd, || late.exists()).await;
        assert_eq!(error.code(), "E-TARGET-CANCELLED", "{shell}");
        assert!(!done.exists(), "{shell}: it was waited for");
        while !done.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!((sshd.read("web1", "lease").as_str(), sshd.read("web1", "fence").trim()), ("", "1"), "{shell}");
        sshd.begin("run3", &["web1"]).await.finish().await;
    }
}

/// What a lease says of `name`.
fn of_lease(sshd: &Sshd, name: &str) -> String {
    let lease = sshd.read("web1", "lease");
    let value = lease.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.expect("it is held").to_owned()
}

/// Says on the target that `holder` of `run` does not wait any more.
fn leave(sshd: &Sshd, run: &str, holder: &str) {
    let bin = sshd.state_file("web1", "bin");
    let script = std::fs::read_dir(&bin).expect("a folder").next().expect("it is there").expect("read").path();
    let mut command = Command::new(sshd.path().join("bin/sh"));
    command.arg(script).arg(sshd.directory("web1")).args(["nonce", "leave", run, holder]);
    let told = command.env("PATH", sshd.path().join("bin")).output().expect("it starts");
    let told = String::from_utf8(told.stdout).expect("text");
    assert_eq!(told.trim(), "sealock-frames nonce\nx nonce ok");
}

#[tokio::test]
async fn only_who_holds_the_lock_gives_it_up_by_leaving() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        let held = sshd.begin("run1", &["web1"]).await;
        let (before, holder) = (sshd.read("web1", "lease"), of_lease(&sshd, "holder"));
        for (run, other) in [("run1", "another"), ("run2", holder.as_str()), ("run1", ""), ("", "")] {
            leave(&sshd, run, other);
            assert_eq!(sshd.read("web1", "lease"), before, "{shell}: `{run}` `{other}`");
        }
        held.check().await.expect("it is still held");
        leave(&sshd, "run1", &holder);
        assert_eq!((sshd.read("web1", "lease").as_str(), sshd.read("web1", "fence").trim()), ("", "1"), "{shell}");
        sshd.begin("run2", &["web1"]).await.finish().await;
        // Nobody holds it, and nobody is nobody's holder.
        leave(&sshd, "", "");
    }
}

#[tokio::test]
async fn targets_are_taken_in_one_order_whatever_they_are_called() {
    let sshd = Sshd::start("dash");
    let called = |name: &str, directory: &str| TargetSpec {
        directory: sshd.directory(directory).display().to_string(),
        ..sshd.target(name)
    };
    for names in [["east", "west"], ["west", "east"]] {
        let (told, tell) = listen();
        let targets = vec![called(names[1], "b"), called(names[0], "a")];
        let deployment = begin("run1", targets, &tell).await.expect("free");
        assert_eq!(deployment.names(), [names[1], names[0]]);
        deployment.finish().await;
        let told = told.lock().unwrap();
        let taken = |event: &LockEvent| match event {
            LockEvent::Taken { target, .. } => Some(target.clone()),
            _ => None,
        };
        assert_eq!(told.iter().filter_map(taken).collect::<Vec<_>>(), names);
    }
}

/// The target's own boot and uptime.
fn clock() -> (String, u64) {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot id");
    let up = std::fs::read_to_string("/proc/uptime").expect("an uptime");
    (boot.trim().to_owned(), up.split('.').next().and_then(|up| up.parse().ok()).expect("seconds"))
}

fn ticket(run: &str, boot: &str, until: &str, number: &str) -> String {
    format!("run={run}\nholder=x\nboot={boot}\nuntil={until}\nnumber={number}\nsince=1\nwho=x@m\n")
}

fn leave_ticket(sshd: &Sshd, run: &str, text: &str) {
    let folder = sshd.state_file("web1", "waiting");
    std::fs::create_dir_all(&folder).expect("made");
    std::fs::write(folder.join(run), text).expect("written");
}

#[tokio::test]
async fn one_that_died_while_it_waited_holds_the_others_up_for_no_longer_than_its_ticket() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        sshd.begin("run1", &["web1"]).await.finish().await;
        let (boot, up) = clock();
        let until = up + 4;
        leave_ticket(&sshd, "dead", &ticket("dead", &boot, &until.to_string(), "1"));
        let begun = begin("run2", vec![sshd.target("web1")], &|_| {}).await.expect("its turn comes");
        assert!(clock().1 >= until, "{shell}: a ticket that lives was passed over");
        assert!(clock().1 < until + 15, "{shell}: a dead one was waited for");
        assert!(!sshd.state_file("web1", "waiting/dead").exists(), "{shell}");
        begun.finish().await;
    }
}

#[tokio::test]
async fn tickets_that_are_too_old_too_new_or_damaged_hold_nobody_up() {
    for shell in SHELLS {
        let sshd = Sshd::start(shell);
        sshd.begin("run1", &["web1"]).await.finish().await;
        let (boot, up) = clock();
        let ticket = |boot: &str, until: &str, number: &str| ticket("odd", boot, until, number);
        let (past, soon, late) = (up.to_string(), (up + 15).to_string(), (up + 100_000).to_string());
        let odd = [
            ("past", ticket(&boot, &past, "1")),
            ("boot", ticket("another", &soon, "1")),
            ("late", ticket(&boot, &late, "1")),
            ("octal", ticket(&boot, &soon, "08")),
            ("huge", ticket(&boot, &soon, "99999999999999999999")),
            ("words", ticket(&boot, "$(touch /tmp/x)", "1; exit")),
            ("empty", String::new()),
            ("noise", "\u{0}\u{1b}[2J=\n====\n".to_owned()),
        ];
        for (name, text) in &odd {
            leave_ticket(&sshd, name, text);
        }
        let begun = Instant::now();
        let deployment = begin("run2", vec![sshd.target("web1")], &|_| {}).await.expect("nobody waits");
        assert!(begun.elapsed() < Duration::from_secs(10), "{shell}: {:?}", begun.elapsed());
        let left = std::fs::read_dir(sshd.state_file("web1", "waiting")).expect("a folder").count();
        assert_eq!(left, 0, "{shell}: they are removed");
        deployment.finish().await;
    }
}

#[tokio::test]
async fn a_ticket_is_no_lock_and_a_run_that_has_one_needs_none() {
    let sshd = Sshd::start("dash");
    let held = sshd.begin("run1", &["web1"]).await;
    let (boot, up) = clock();
    let first = |run: &str, until: u64| ticket(run, &boot, &until.to_string(), "1");
    // First in the queue, and still not the holder.
    leave_ticket(&sshd, "run2", &first("run2", up + 15));
    let second = Waiting::start(&sshd, "run2").await;
    assert!(sshd.read("web1", "lease").contains("run=run1"));
    second.cancel.cancel();
    assert!(second.task.await.expect("joined").is_err());
    // Whoever waits: a run that comes back has its own lock at once.
    leave_ticket(&sshd, "run3", &first("run3", clock().1 + 15));
    drop(held);
    let again = sshd.begin("run1", &["web1"]).await;
    assert_eq!(again.epoch("web1"), Some(2));
    again.finish().await;
    // By hand, too: it asks once, and leaves no ticket.
    leave_ticket(&sshd, "run3", &first("run3", clock().1 + 15));
    let targets = [sshd.target("web1")];
    unlock(&targets, &facts("run4"), SshLimits::default(), &|_| {}).await.expect("nobody holds it");
    assert!(!sshd.state_file("web1", "waiting/run4").exists());
}
