//! Faults of machines and services at any phase of a deployment: the run stops itself at one of its commits, there the fault happens, and it
//! goes on. Whichever it is, what is live on both targets is one release that was verified, or the run says that it is not, and the
//! next deployment puts it right.

use std::thread::sleep;
use std::time::Duration;

use e2e::{Dice, Ended, Killed, Repository, Rig, Running, Sealock, Target};

use super::support::{SMALL, assert_runs, end_leases, release, small};

/// What is tried in every test run, at commits that the other scenarios with faults do not try.
const SAMPLE: [(Fault, &str); 4] = [
    (Fault::Restart("web1"), "16:before"),
    (Fault::PowerOff("web2"), "14:after"),
    (Fault::Cable("web1"), "13:after"),
    (Fault::Asleep, "16:before"),
];
/// The last commits of a delivery are not drawn too seldom: as many as it makes, about.
const COMMITS: u64 = 20;
/// Long enough that a connection is missed, and short enough that the deployment may go on.
const BRIEFLY: Duration = Duration::from_secs(6);

/// What happens while a run is stopped.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The machine shuts down cleanly and boots.
    Restart(&'static str),
    /// Its plug is pulled, and put back some seconds later.
    PowerOff(&'static str),
    /// Its cable is pulled, and put back some seconds later.
    Cable(&'static str),
    /// Its cable is pulled until the run has ended.
    CutOff(&'static str),
    /// Its Docker engine is killed.
    TargetEngine(&'static str),
    /// The registry is killed until the run has ended.
    Registry,
    /// The engine that builds is killed, and started again some seconds later.
    BuildEngine,
    /// The run sleeps until its leases are over.
    Asleep,
}

/// Those that a sweep tries, in turn.
const FAULTS: [Fault; 12] = [
    Fault::Restart("web1"),
    Fault::Restart("web2"),
    Fault::PowerOff("web1"),
    Fault::PowerOff("web2"),
    Fault::Cable("web1"),
    Fault::Cable("web2"),
    Fault::CutOff("web1"),
    Fault::CutOff("web2"),
    Fault::TargetEngine("web2"),
    Fault::Registry,
    Fault::BuildEngine,
    Fault::Asleep,
];

impl Fault {
    /// Happens to a run that is stopped, which goes on.
    fn strike(self, rig: &Rig, run: Running<'_>) -> Ended {
        let killed = self.happen(rig);
        run.signal("CONT");
        if let Self::CutOff(_) | Self::Registry = self {
            let ended = run.end();
            self.mend(rig, killed);
            return ended;
        }
        if let Self::PowerOff(_) | Self::Cable(_) | Self::BuildEngine = self {
            sleep(BRIEFLY);
        }
        self.mend(rig, killed);
        run.end()
    }

    fn happen(self, rig: &Rig) -> Option<Killed> {
        match self {
            Self::Restart(name) => rig.target(name).power("reboot"),
            Self::PowerOff(name) => rig.target(name).power("power-off"),
            Self::Cable(name) | Self::CutOff(name) => rig.target(name).power("cut"),
            Self::TargetEngine(name) => drop(rig.target(name).sh_root("kill -s KILL $(pidof dockerd)")),
            Self::Registry => return Some(Killed::registry(rig)),
            Self::BuildEngine => return Some(Killed::engine(rig)),
            Self::Asleep => end_leases(rig),
        }
        None
    }

    fn mend(self, rig: &Rig, killed: Option<Killed>) {
        match self {
            Self::PowerOff(name) => rig.target(name).power("power-on"),
            Self::Cable(name) | Self::CutOff(name) => {
                let target = rig.target(name);
                target.power("mend");
                target.wait_to_be_reached();
            }
            _ => drop(killed),
        }
    }
}

/// A rig on which a first release runs, and the word of the release that is live.
struct Scene<'rig> {
    rig: &'rig Rig,
    sealock: Sealock,
    _repository: Repository,
    live: String,
}

impl<'rig> Scene<'rig> {
    fn new(rig: &'rig Rig) -> Self {
        rig.reset();
        let (repository, sealock) = small(rig);
        sealock.run(&release("small", "release=first")).expect(0);
        Self { rig, sealock, _repository: repository, live: "first".to_owned() }
    }

    /// Has `fault` happen at this commit of a delivery of `word`, and judges what is left; gives what the delivery ended with. None when it
    /// made no such commit.
    fn point(&mut self, word: &str, fault: Fault, at: &str) -> Option<i32> {
        let assignment = format!("release={word}");
        let mut run = self.sealock.start(&[&release("small", &assignment)[..], &["--stop-at", at]].concat());
        let is_struck = run.waits();
        let ended = if is_struck { fault.strike(self.rig, run) } else { run.end() };
        let (said, code) = (format!("{fault:?} at {at}"), ended.code);
        // Who comes next need not wait.
        end_leases(self.rig);
        let ended = match ended.code {
            12 => self.sealock.resume(&[]),
            _ => ended,
        };
        match ended.code {
            0 => word.clone_into(&mut self.live),
            1..=10 => {}
            11 | 12 => self.put_right(word, &ended, &said),
            code => panic!("{said}: exit {code}\n{}", ended.text),
        }
        self.judge(&ended, &said);
        is_struck.then_some(code)
    }

    /// The next deployment puts right what this one says that it could not.
    fn put_right(&mut self, word: &str, ended: &Ended, said: &str) {
        assert!(ended.text.contains("sealock "), "{said}: it says nothing that one could type: {}", ended.text);
        let better = format!("{word}-again");
        let again = self.sealock.run(&release("small", &format!("release={better}")));
        assert_eq!(again.code, 0, "{said}: {}\nand then {}", ended.text, again.text);
        self.live = better;
    }

    /// Both targets run what is live, and it was verified there last.
    #[track_caller]
    fn judge(&self, ended: &Ended, said: &str) {
        let digest = self.rig.registry().digest("e2e/small", &self.live);
        for target in self.rig.targets() {
            wait_for_release(&target);
            assert_runs(&target, &digest, &self.live);
            assert_eq!(target.last_verified(SMALL), target.current(SMALL), "{said}, {}: {}", target.name, ended.text);
            let end = target.ledger_end(SMALL);
            assert!(!end.starts_with("switching "), "{said}, {}: {end}\n{}", target.name, ended.text);
            let ledger = target.ledger(SMALL);
            assert!(ledger.iter().filter_map(|record| record["fence"].as_u64()).is_sorted(), "{said}: {ledger:?}");
        }
    }
}

/// A machine that has just booted starts its containers again.
fn wait_for_release(target: &Target<'_>) {
    target.wait_for("test -n \"$(docker ps --quiet --filter health=healthy 2>/dev/null)\"");
}

/// The points of a sweep that the environment asks for, else the sample.
#[expect(clippy::disallowed_methods, reason = "the sweep is asked for by its environment")]
fn points() -> Vec<(Fault, String)> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let Some(count) = number("SEALOCK_FAULT_COUNT") else {
        return SAMPLE.map(|(fault, at)| (fault, at.to_owned())).to_vec();
    };
    let seed = number("SEALOCK_FAULT_SEED").unwrap_or(1) as u64;
    let mut dice = Dice::of(seed);
    FAULTS.into_iter().cycle().take(count).map(|fault| (fault, dice.point(COMMITS))).collect()
}

/// `cargo xtask crash --faults` chooses other points.
#[test]
fn struck_at_its_commits_a_delivery_ends_on_one_release_or_says_that_it_does_not() {
    let rig = Rig::take();
    let mut scene = Scene::new(&rig);
    let points = points();
    let mut struck = 0;
    for (number, (fault, at)) in points.iter().enumerate() {
        let Some(code) = scene.point(&format!("f{number}"), *fault, at) else { continue };
        println!("{fault:?} at {at}: exit {code}");
        struck += 1;
    }
    println!("{struck} faults over deliveries to two targets: nothing between that was not told, and put right");
    assert!(struck * 2 >= points.len(), "only {struck} points of {} were commits", points.len());
}
