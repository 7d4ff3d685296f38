//! The lockfile: which version is chosen, what an update shows, and what is refused.

use super::super::support::finish;
use super::support::{LONG_AGO, Yard, asking, forged, plain};

const GET: &str = r#"{"capability":"network","to":"api.example.com:443","methods":["GET"]}"#;
const POST: &str = r#"{"capability":"network","to":"api.example.com:443","methods":["GET","POST"]}"#;

/// The moment of this many days ago.
fn days_ago(days: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs();
    let output = std::process::Command::new("date")
        .args(["--utc", "--date", &format!("@{}", now - days * 86_400), "+%Y-%m-%dT%H:%M:%SZ"])
        .output();
    String::from_utf8(output.expect("date is there").stdout).expect("text").trim().to_owned()
}

#[test]
fn a_line_of_versions_takes_the_newest_that_is_old_enough() {
    let yard = Yard::using(&["acme/step:1.4"]);
    let versions = [("1.4.1", 30), ("1.4.2", 8), ("1.4.10", 2), ("1.5.0", 30), ("1.4.11-rc.1", 30)];
    for (tag, age) in versions {
        yard.depot.put_plugin("acme/step", tag, &asking(tag, ""), &days_ago(age));
    }
    let told = yard.call(&["lock"]);
    told.exits(0).says("1.4.2, published 8 days ago").says("passed over 1.4.10: published 2 days ago");
    assert!(yard.lockfile().expect("it is written").contains("version = \"1.4.2\""));
}

#[test]
fn a_young_version_is_taken_only_when_it_is_named_exactly() {
    let yard = Yard::using(&["acme/step:1.4"]);
    yard.depot.put_plugin("acme/step", "1.4.1", &asking("1.4.1", ""), &days_ago(1));
    yard.call(&["lock"]).exits(3).says("E-PLUGIN-YOUNG").says("1.4.1");
    assert_eq!(yard.lockfile(), None);
    let exact = Yard::using(&["acme/step:1.4.1"]);
    exact.depot.put_plugin("acme/step", "1.4.1", &asking("1.4.1", ""), &days_ago(1));
    exact.call(&["lock"]).exits(0).says("published 24 h ago");
}

#[test]
fn an_update_shows_code_and_asks_and_one_that_asks_for_more_waits_for_consent() {
    let yard = Yard::using(&["acme/step:1"]);
    yard.depot.put_plugin("acme/step", "1.0.0", &asking("1.0.0", GET), LONG_AGO);
    yard.call(&["lock"]).exits(0).says("asks for network to api.example.com:443 (GET)");
    let before = yard.lockfile();
    yard.call(&["update"]).exits(0).says("1.0.0 is the newest");

    yard.depot.put_plugin("acme/step", "1.1.0", &asking("1.1.0", POST), LONG_AGO);
    let told = yard.call(&["update"]);
    told.exits(3)
        .says("E-UPDATE-MORE")
        .says("1.0.0 -> 1.1.0")
        .says("asks for more: network to api.example.com:443 (POST)");
    assert_eq!(yard.lockfile(), before);
    let told = yard.call(&["update", "--format", "json"]);
    assert_eq!(told.exits(3).json()["changes"][0]["more"][0]["how"], "POST");
    yard.call(&["update", "--accept"]).exits(0).says("sha256:");
    assert_ne!(yard.lockfile(), before);

    yard.depot.put_plugin("acme/step", "1.2.0", &asking("1.2.0", GET), LONG_AGO);
    let name = yard.name("acme/step:1");
    yard.call(&["update", &name]).exits(0).says("asks no more: network to api.example.com:443 (POST)");
    yard.call(&["update", "no-such"]).exits(2).says("E-PLUGIN-UNKNOWN");
}

#[test]
fn what_a_plugin_asks_for_cannot_hide_on_a_terminal() {
    let yard = Yard::using(&["acme/step:1.0"]);
    let hiding = r#"{"capability":"network","to":"evil.example:443\r\u001b[2K\n::add-path::/tmp"}"#;
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", hiding), LONG_AGO);
    let told = finish(yard.command(&["lock"]).env("GITHUB_ACTIONS", "true").spawn().expect("it starts"));
    told.exits(0).says("asks for network to evil.example:443");
    assert!(!told.stdout.contains(['\r', '\u{1b}']) && !told.stdout.contains("\n::"), "{:?}", told.stdout);
    yard.depot.put_plugin("acme/step", "1.0", &asking("\\u001b[2J", ""), LONG_AGO);
    let told = yard.call(&["update"]);
    assert!(!told.exits(0).stdout.contains('\u{1b}'), "{:?}", told.stdout);
}

#[test]
fn ci_changes_no_lockfile_unless_it_is_told_to() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", ""), LONG_AGO);
    let in_ci = |arguments: &[&str]| finish(yard.command(arguments).env("CI", "true").spawn().expect("it starts"));
    in_ci(&["lock"]).exits(5).says("E-LOCK-CHANGED");
    yard.call(&["lock", "--locked"]).exits(5).says("E-LOCK-CHANGED");
    assert_eq!(yard.lockfile(), None);
    in_ci(&["lock", "--locked=false"]).exits(0);
    in_ci(&["lock"]).exits(0).says("up to date");
    in_ci(&["run", "--locked"]).exits(0);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.1", ""), LONG_AGO);
    in_ci(&["update"]).exits(5).says("E-LOCK-CHANGED");
}

#[test]
fn what_no_pipeline_names_any_more_is_dropped() {
    let yard = Yard::using(&["acme/step:1.0", "acme/old:1.0"]);
    for repository in ["acme/step", "acme/old"] {
        yard.depot.put_plugin(repository, "1.0", &plain(), LONG_AGO);
    }
    yard.call(&["lock"]).exits(0);
    let step = yard.name("acme/step:1.0");
    yard.scene
        .write("pipelines/main.yml", format!("name: yard\nstages:\n  only: {{ steps: [{{ uses: \"{step}\" }}] }}\n"));
    yard.call(&["lock"]).exits(0).says("dropped");
    assert!(!yard.lockfile().expect("it is there").contains("acme/old"));
}

#[test]
fn a_lockfile_that_is_not_what_was_written_runs_nothing_and_says_the_line() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", GET), LONG_AGO);
    yard.call(&["lock"]).exits(0);
    let good = yard.lockfile().expect("it is written");
    let other = |field: &str, to: &str| {
        let line = good.lines().find(|line| line.starts_with(field)).expect("the field is there");
        good.replace(line, &format!("{field} = {to}"))
    };
    let zeros = format!("\"sha256:{}\"", "0".repeat(64));
    let edited = "a value of `";
    let cases = [
        (other("size", "nine"), "E-LOCK-FORMAT", "line 8"),
        (good.replace("size", "sise"), "E-LOCK-FORMAT", "line 8"),
        (good.replace("size", "<<<<<<< HEAD\nsize"), "E-LOCK-FORMAT", "line 8"),
        (good.replace("format = 1", "format = 2\nnews = 1"), "E-LOCK-NEWER", "line 2"),
        (other("size", "12"), "E-LOCK-FORMAT", edited),
        (other("version", "\"9.9\""), "E-LOCK-FORMAT", edited),
        (other("requests", &zeros), "E-LOCK-FORMAT", edited),
        (other("component", &zeros), "E-LOCK-FORMAT", edited),
        (other("manifest", &zeros), "E-LOCK-FORMAT", edited),
        (forged(&other("requests", &zeros)), "E-LOCK-FORMAT", "asks for something else"),
        (forged(&other("component", &zeros)), "E-LOCK-FORMAT", "`component` is sha256:0000"),
        (forged(&other("size", "12")), "E-LOCK-FORMAT", "`size` is 12, and the manifest sha256:"),
        (forged(&other("manifest", &zeros)), "E-OCI-INTEGRITY", "is gone"),
    ];
    for (text, code, words) in cases {
        yard.write_lockfile(&text);
        yard.forget_fetched();
        let told = yard.run();
        told.exits(5).says(code).says(words);
        assert!(told.of("step-started").is_empty() && yard.kept().is_empty(), "{text}");
    }
}

#[test]
fn a_lockfile_is_held_to_what_was_fetched_without_asking_anybody() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", ""), LONG_AGO);
    yard.call(&["lock"]).exits(0);
    let good = yard.lockfile().expect("it is written");
    yard.depot.stop();
    let other = |field: &str, to: &str| {
        let line = good.lines().find(|line| line.starts_with(field)).expect("the field is there");
        good.replace(line, &format!("{field} = {to}"))
    };
    let zeros = format!("\"sha256:{}\"", "0".repeat(64));
    for (field, to) in [("component", zeros.as_str()), ("size", "12"), ("version", "\"9.9\""), ("manifest", &zeros)] {
        yard.write_lockfile(&other(field, to));
        for words in [&["run"][..], &["lock"], &["fetch"], &["plan"]] {
            yard.call(words).exits(5).says("E-LOCK-FORMAT").says("sealock.lock, line 4");
        }
        yard.call(&["check"]).exits(2).says("E-LOCK-FORMAT").says("sealock.lock, line 4");
    }
    for (field, to) in [("component", zeros.as_str()), ("size", "12")] {
        yard.write_lockfile(&forged(&other(field, to)));
        for words in [&["run"][..], &["lock"], &["fetch"], &["plan"]] {
            yard.call(words).exits(5).says("E-LOCK-FORMAT").says(&format!("`{field}` is")).says("the manifest sha256:");
        }
    }
    yard.write_lockfile(&good);
    yard.run().exits(0);
}

#[test]
fn an_update_that_goes_back_or_exchanges_a_version_waits_for_consent() {
    let yard = Yard::using(&["acme/step:1.4"]);
    for tag in ["1.4.2", "1.4.5"] {
        yard.depot.put_plugin("acme/step", tag, &asking(tag, ""), LONG_AGO);
    }
    yard.call(&["lock"]).exits(0).says("1.4.5");
    let before = yard.lockfile();
    yard.depot.put_plugin("acme/step", "1.4.5", &asking("6.6.6", ""), LONG_AGO);
    yard.call(&["update"]).exits(3).says("E-UPDATE-MORE").says("other code under the same version 1.4.5");
    yard.depot.remove("acme/step", "1.4.5");
    yard.call(&["update"]).exits(3).says("E-UPDATE-MORE").says("goes back from 1.4.5 to 1.4.2");
    assert_eq!(yard.lockfile(), before);
    yard.call(&["update", "--accept"]).exits(0);
    assert!(yard.lockfile().expect("it is there").contains("version = \"1.4.2\""));
}

#[test]
fn another_version_by_hand_that_asks_for_more_waits_for_consent() {
    let yard = Yard::using(&["acme/step:1.0.0"]);
    yard.depot.put_plugin("acme/step", "1.0.0", &asking("1.0.0", GET), LONG_AGO);
    yard.depot.put_plugin("acme/step", "1.1.0", &asking("1.1.0", POST), LONG_AGO);
    yard.call(&["lock"]).exits(0);
    let before = yard.lockfile();
    let newer = yard.name("acme/step:1.1.0");
    yard.scene.write(
        "pipelines/main.yml",
        format!("name: yard\nstages:\n  only: {{ steps: [{{ uses: \"{newer}\", with: {{ greeting: hello }} }}] }}\n"),
    );
    yard.call(&["lock"])
        .exits(3)
        .says("E-UPDATE-MORE")
        .says("asks for more: network to api.example.com:443 (POST)")
        .says("sealock lock --accept");
    assert_eq!(yard.lockfile(), before);
    yard.call(&["lock", "--accept"]).exits(0);
    assert!(yard.lockfile().expect("it is written").contains("1.1.0"));
}
