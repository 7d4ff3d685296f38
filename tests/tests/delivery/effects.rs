//! A delivery with every kind of effect that is killed, and what the targets, their database, and the registry say once it has been
//! resumed: each effect happened once or was taken back, and both targets are on one release.

use std::collections::BTreeMap;

use e2e::{Ended, Repository, Rig, Running, Sealock, Target};

use super::support::{SMALL, assert_runs};

/// Commits at which it is killed in every test run: around the push, the migration, the script, the switches, and the end.
const SAMPLE: [&str; 6] = ["4:before", "11:after", "14:before", "17:after", "21:before", "26:after"];
/// The script has begun there, and has not ended.
const BEGUN: &str = "test $(grep -c begin /opt/small/shared/effects) -gt $(grep -c end /opt/small/shared/effects)";
/// No delivery makes so many commits.
const COMMITS_MAX: usize = 200;

/// What `--input` is given, in turn.
fn inputs(assignments: &[&str]) -> Vec<String> {
    let words = assignments.iter().flat_map(|assignment| ["--input".to_owned(), (*assignment).to_owned()]);
    std::iter::once("effects".to_owned()).chain(words).collect()
}

/// A rig on which a first release of the delivery runs, and the word of the release that is live.
struct Scene<'rig> {
    rig: &'rig Rig,
    sealock: Sealock,
    _repository: Repository,
    live: String,
    rows: usize,
}

impl<'rig> Scene<'rig> {
    fn new(rig: &'rig Rig) -> Self {
        rig.reset();
        let repository = Repository::of_all(&["scenarios/small", "scenarios/effects"]);
        let sealock = Sealock::new(rig, repository.path());
        let scene = Self { rig, sealock, _repository: repository, live: "first".to_owned(), rows: 0 };
        scene.start(&["release=first", "migrate=false"], &[]).end().expect(0);
        scene
    }

    fn start(&self, assignments: &[&str], more: &[&str]) -> Running<'_> {
        let words = inputs(assignments);
        let words: Vec<&str> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.sealock.start(&words)
    }

    /// Judges what is left behind by a run of `word` that ended with `code`, and has it be the base of the next one.
    #[track_caller]
    fn judge(&mut self, word: &str, ended: &Ended, said: &str) {
        match ended.code {
            0 => word.clone_into(&mut self.live),
            10 => {}
            code => panic!("{said}: exit {code}\n{}", ended.text),
        }
        let digest = self.rig.registry().digest("e2e/small", &self.live);
        for target in self.rig.targets() {
            assert_runs(&target, &digest, &self.live);
            let end = target.ledger_end(SMALL);
            assert!(end.starts_with("verified "), "{said}, {}: {end}", target.name);
            self.judge_script(&target, ended.code == 0, said);
        }
        self.judge_database(ended.code == 0, said);
    }

    /// Each key began at most once on each target, and ended or was undone.
    #[track_caller]
    fn judge_script(&self, target: &Target<'_>, is_good: bool, said: &str) {
        let text = target.sh("cat /opt/small/shared/effects 2>/dev/null || true");
        let mut keys: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut newest = "";
        for (what, key) in text.lines().filter_map(|line| line.split_once(' ')) {
            keys.entry(key).or_default().push(what);
            newest = key;
        }
        for (key, done) in &keys {
            let begun = done.iter().filter(|what| **what == "begin").count();
            assert!(begun <= 1, "{said}, {}: {key} was doubled: {done:?}", target.name);
        }
        let last = keys.get(newest).map(Vec::as_slice).unwrap_or_default();
        if is_good {
            assert_eq!(last, ["begin", "end"], "{said}, {}", target.name);
        } else if !last.is_empty() {
            assert!(last.contains(&"undo") || last == ["begin", "end"], "{said}, {}: {last:?}", target.name);
        }
    }

    /// One row a delivery that went well; none of one that was taken back.
    #[track_caller]
    fn judge_database(&mut self, is_good: bool, said: &str) {
        let container = "$(docker ps --quiet --filter label=com.docker.compose.service=postgres)";
        let psql =
            format!("docker exec {container} psql --quiet --tuples-only --no-align --username blog --dbname blog");
        let rows = self.rig.target("web1").sh(&format!("{psql} --command 'select key from effects' || true"));
        let rows = rows.lines().count();
        self.rows += usize::from(is_good);
        assert_eq!(rows, self.rows, "{said}: rows of migrations");
    }

    /// Runs `word`, killed at this commit, then resumes it. False when it made no such commit.
    fn point(&mut self, word: &str, at: &str) -> bool {
        let release = format!("release={word}");
        let killed = self.start(&[&release], &["--die-at", at]).end();
        if killed.code != -1 {
            self.judge(word, &killed, at);
            return false;
        }
        let mut resumed = self.sealock.resume(&[]);
        if resumed.code == 2 {
            // It was killed before it was a run.
            resumed = self.start(&[&release], &[]).end();
        }
        self.judge(word, &resumed, at);
        true
    }
}

#[expect(clippy::disallowed_methods, reason = "the sweep is asked for by its environment")]
fn points() -> Vec<String> {
    match std::env::var("SEALOCK_DELIVERY_POINTS").ok().as_deref() {
        None => SAMPLE.map(str::to_owned).to_vec(),
        Some("all") => (1..COMMITS_MAX).flat_map(|n| [format!("{n}:before"), format!("{n}:after")]).collect(),
        Some(listed) => listed.split(',').map(str::to_owned).collect(),
    }
}

#[test]
fn killed_at_its_commits_a_delivery_ends_on_one_release_with_every_effect_once() {
    let rig = Rig::take();
    let mut scene = Scene::new(&rig);
    let mut killed = 0;
    for (number, at) in points().iter().enumerate() {
        if !scene.point(&format!("k{number}"), at) {
            break;
        }
        killed += 1;
    }
    println!("{killed} points over a delivery to two targets: nothing doubled, nothing between");
    assert!(killed >= 4, "only {killed} points were commits");
}

/// Kills a run when `moment` has come on a target, and resumes it.
fn killed_within(scene: &Scene<'_>, assignments: &[&str], (target, moment): (&'static str, &str)) -> Ended {
    let running = scene.start(assignments, &[]);
    scene.rig.target(target).wait_for(moment);
    running.kill();
    scene.sealock.resume(&[])
}

#[test]
fn killed_within_a_script_or_a_migration_it_goes_on_with_what_they_came_to() {
    let rig = Rig::take();
    let mut scene = Scene::new(&rig);
    // The script is over on the first target, still runs on the second, and is waited for.
    let slow = ["release=two", "slow=4", "slow-target=web2"];
    let resumed = killed_within(&scene, &slow, ("web2", BEGUN)).expect(0);
    let resumed = resumed.saying("mark: its effect is applied");
    scene.judge("two", &resumed, "killed within the script");

    // The migration's row is written, and it has not ended.
    let rows = "test \"$(docker exec $(docker ps -q --filter label=com.docker.compose.service=postgres) \
                psql -qtA -U blog -d blog -c 'select count(*) from effects')\" = 2";
    let resumed = killed_within(&scene, &["release=three", "slow-migration=4"], ("web1", rows)).expect(0);
    let resumed = resumed.saying("migrate: its effect is applied");
    scene.judge("three", &resumed, "killed within the migration");
}

#[test]
fn a_script_whose_machine_went_down_is_left_for_a_person() {
    let rig = Rig::take();
    let scene = Scene::new(&rig);
    let running = scene.start(&["release=two", "slow=60", "slow-target=web2"], &[]);
    let web2 = rig.target("web2");
    web2.wait_for(BEGUN);
    running.kill();
    web2.power("power-off");
    web2.power("power-on");
    web2.wait_for("docker info >/dev/null 2>&1");
    let told = scene.sealock.resume(&[]).expect(12).saying("E-NEEDS-RECOVERY").saying("web2");
    let told = told.saying("sealock status production").saying("--settle deploy/mark=not-applied");
    assert!(told.text.contains("nothing there says how it ended"), "{}", told.text);
    // Asked again it still does not know; nothing was started.
    scene.sealock.resume(&[]).expect(12);
    assert_eq!(web2.sh("grep -c begin /opt/small/shared/effects").trim(), "2");
}
