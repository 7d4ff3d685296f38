//! Effects that a kill interrupted: each is asked how far it got, and none is made twice unknowingly.

use std::fs;

use e2e::Dice;

use super::guests::guest;
use super::outside::Outside;
use super::support::{Scene, Told, finish, text, until};

/// A step with an effect between two others, and a stage that reads what it gave.
pub(crate) fn pipeline(outside: &Outside, with: &str) -> String {
    format!(
        r#"
name: effects
stages:
  change:
    outputs: {{ key: "${{{{ steps.push.outputs.key }}}}" }}
    steps:
      - run: echo made > made
      - id: push
        uses: ./guests/outside.wasm
        with: {{ at: "{0}"{with} }}
        allow: {{ network: ["{1}"] }}
      - run: cat made
  last:
    needs: change
    steps:
      - {{ run: 'echo "key $KEY"', env: {{ KEY: "${{{{ needs.change.outputs.key }}}}" }} }}
      - uses: ./guests/outside.wasm
        with: {{ at: "{0}" }}
        allow: {{ network: ["{1}"] }}
"#,
        outside.url(),
        outside.url().trim_start_matches("http://")
    )
}

pub(crate) fn scene(outside: &Outside, with: &str) -> Scene {
    let scene = Scene::new(&pipeline(outside, with));
    scene.write("guests/outside.wasm", fs::read(guest("guest_outside.wasm")).expect("it is built"));
    scene.commit();
    scene
}

/// A run that is killed when its first effect has happened and the answer has not come.
fn killed_within(outside: &Outside, with: &str) -> Scene {
    let scene = scene(outside, with);
    outside.fall_silent();
    let mut child = scene.command(&["run", "--format", "jsonl"]).spawn().expect("it starts");
    until("the effect to happen", || outside.count("do") == 1);
    child.kill().and_then(|()| child.wait()).expect("it is ours");
    finish_reading(child);
    scene
}

fn finish_reading(child: std::process::Child) {
    drop(child.stdout);
}

fn resumed(scene: &Scene, arguments: &[&str]) -> Told {
    scene.call(&[&["resume", "--format", "jsonl"], arguments].concat())
}

fn probed(told: &Told) -> Vec<String> {
    told.of("effect-probed").iter().map(|event| text(&event["state"])).collect()
}

#[test]
fn an_effect_that_happened_is_recorded_and_not_made_again() {
    let outside = Outside::open();
    let scene = killed_within(&outside, "");
    let told = resumed(&scene, &[]);
    told.exits(0);
    assert_eq!(probed(&told), ["applied"]);
    assert_eq!(told.log("change"), ["made"]);
    assert!(told.log("last")[0].len() > "key ".len(), "what it gave is known: {:?}", told.log("last"));
    assert!(outside.log().values().all(|done| *done == ["do"]), "{:?}", outside.log());
    assert_eq!(outside.count("do"), 2);
}

#[test]
fn an_effect_that_did_not_happen_is_made_with_the_same_key() {
    let outside = Outside::open();
    let scene = killed_within(&outside, "");
    outside.claim("no");
    let told = resumed(&scene, &[]);
    told.exits(0);
    assert_eq!(probed(&told), ["not-applied"]);
    let keys = outside.log();
    assert!(keys.values().any(|done| *done == ["do", "do"]), "{keys:?}");
    assert_eq!(keys.len(), 2);
}

#[test]
fn half_an_effect_is_taken_back_and_fails() {
    let outside = Outside::open();
    let scene = killed_within(&outside, "");
    outside.claim("half");
    let told = resumed(&scene, &[]);
    told.exits(1).says("E-EFFECT-PARTLY");
    assert_eq!(outside.count("undo"), 1);
    assert_eq!(outside.count("do"), 1);
    assert_eq!(told.results()["change"], "failure");
}

#[test]
fn what_nobody_can_say_is_left_for_a_person() {
    for (word, done) in [("applied", 2), ("not-applied", 3)] {
        let outside = Outside::open();
        let scene = killed_within(&outside, ", knows: false");
        let told = resumed(&scene, &[]);
        told.exits(12).says("E-NEEDS-RECOVERY").says("--settle change/push=applied");
        assert_eq!(outside.count("do"), 1, "it is never made again by itself");
        assert_eq!(text(&told.of("run-finished").last().expect("one")["result"]), "needs-recovery");
        scene.call(&["runs"]).exits(0).says("needs recovery").says("sealock resume");
        // Asked again it still does not know.
        resumed(&scene, &[]).exits(12);
        let told = resumed(&scene, &["--settle", &format!("change/push={word}")]);
        told.exits(0);
        assert_eq!(outside.count("do"), done);
    }
}

/// How many commits a run makes that nobody kills, and its exit code.
fn commits(outside: &Outside) -> u64 {
    let scene = scene(outside, "");
    for commit in 1.. {
        let at = format!("{commit}:after");
        let told = call(&scene, &["run", "--format", "jsonl", "--die-at", &at]);
        if told.code == Some(0) {
            return commit - 1;
        }
    }
    unreachable!("a run has an end")
}

/// In a process group of its own, which is what is killed.
fn call(scene: &Scene, arguments: &[&str]) -> Told {
    use std::os::unix::process::CommandExt;
    finish(scene.command(arguments).process_group(0).spawn().expect("it starts"))
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// One point: killed at a commit, sometimes killed again while it is resumed, then resumed to its end.
fn point(outside: &Outside, dice: &mut Dice, most: u64, number: u64) -> String {
    let scene = scene(outside, "");
    let at = format!("{}:{}", number / 2 % most + 1, if number.is_multiple_of(2) { "before" } else { "after" });
    let mut said = format!("run --die-at {at}");
    let mut told = vec![call(&scene, &["run", "--format", "jsonl", "--die-at", &at])];
    let killed_again = dice.below(2) == 0;
    if killed_again && told[0].code.is_none() {
        let at = dice.point(most);
        said = format!("{said}; resume --die-at {at}");
        told.push(call(&scene, &["resume", "--format", "jsonl", "--die-at", &at]));
    }
    // A run that was not begun yet is begun; one whose end was recorded is over.
    loop {
        let listed = scene.call(&["runs", "--format", "json"]).json();
        let command = match listed[0]["state"].as_str() {
            Some("finished") if listed[0]["result"] == "success" => break,
            Some("finished") => panic!("{said}: {}", scene.call(&["show", "--format", "plain"]).stdout),
            Some(_) => "resume",
            None => "run",
        };
        assert!(told.len() < 4, "{said}: {}\n{}", told[told.len() - 1].stdout, told[told.len() - 1].stderr);
        told.push(call(&scene, &[command, "--format", "jsonl"]));
    }
    check(outside, &scene, &told, &said);
    said
}

/// Nothing that was told is lost, every effect happened once, and the record says so once.
fn check(outside: &Outside, scene: &Scene, told: &[Told], said: &str) {
    let shown = scene.call(&["show", "--format", "jsonl"]);
    let kept: std::collections::HashSet<&str> = shown.stdout.lines().collect();
    for line in
        told.iter().flat_map(|told| told.stdout.split_inclusive('\n')).filter_map(|line| line.strip_suffix('\n'))
    {
        assert!(kept.contains(line), "{said}: lost {line}");
    }
    let done = shown.of("effect-done");
    let mut keys: Vec<String> =
        done.iter().filter(|event| event["applied"] == true).map(|event| text(&event["key"])).collect();
    keys.sort();
    assert_eq!(keys.len(), 2, "{said}: {keys:?}");
    keys.dedup();
    assert_eq!(keys.len(), 2, "{said}: recorded twice");
    let log = outside.log();
    for key in keys {
        assert_eq!(log[&key], ["do"], "{said}");
    }
    shown.assert_paired_but_for("run");
}

/// `SEALOCK_CRASH_POINTS` and `SEALOCK_CRASH_SEED`, which `cargo xtask crash` sets, choose other points.
#[test]
fn killed_at_its_commits_a_run_loses_nothing_and_doubles_nothing() {
    let (points, seed) = (setting("SEALOCK_CRASH_POINTS", 200), setting("SEALOCK_CRASH_SEED", 1));
    let most = commits(&Outside::open());
    assert!(most >= 8, "only {most} commits");
    let halves: Vec<_> = (0..2)
        .map(|half| {
            std::thread::spawn(move || {
                let mut dice = Dice::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ (half + 1));
                for number in (0..points).filter(|number| number % 2 == half % 2) {
                    // Each pair of threads takes every commit on both sides of its sync.
                    let number = number / 2 * 2 + (number / 2 / most + half) % 2;
                    point(&Outside::open(), &mut dice, most, number);
                }
            })
        })
        .collect();
    for half in halves {
        half.join().unwrap_or_else(|why| std::panic::resume_unwind(why));
    }
    println!("{points} points over {most} commits: nothing lost, nothing doubled");
}
