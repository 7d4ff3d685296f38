//! The whole step, with the inputs that an author writes, in the kit that every plugin is tested with.

use std::path::Path;

use sealock_rollout::testing::changes;
use sealock_sdk::testing::{Kit, Reply};
use sealock_sdk::{EffectState, Outcome, Value};

use crate::pin::OVERRIDE_FILE;
use crate::testing::{failed_report, good_report, release};
use crate::{probe, rollback, run};

const PREPARE: &str = include_str!("script/prepare.sh");
const UP: &str = include_str!("script/up.sh");
const BACK: &str = include_str!("script/back.sh");
const STATUS: &str = include_str!("script/status.sh");
const IMAGE: &str = "acme/web@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Two targets with these releases, and a compose file with a service that is built and a file that it mounts.
fn kit(current: &str, key: &str) -> Kit {
    let mut kit = Kit::new();
    kit.environment("production").file("web.conf", "listen 80\n");
    kit.file(
        "compose.yml",
        "services:\n  web:\n    build: .\n    volumes: ['./web.conf:/etc/web.conf:ro']\n    environment: { A: '${A}' }\n",
    );
    kit.input("file", "compose.yml").input("images", serde_json::json!({ "web": IMAGE })).input("strategy", "rolling");
    kit.secret("env.A", "s3cret");
    for name in ["web1", "web2"] {
        let of = |id: &str, key: &str| Some(release(id, key, "app-production"));
        kit.target_with(name, of(current, key), of("r1", "older"));
    }
    kit.script(PREPARE, Reply::default());
    kit
}

fn report() -> String {
    good_report().replace("acme/web@sha256:aa", IMAGE)
}

#[test]
fn a_release_is_put_together_and_each_target_is_verified_before_the_next() {
    let mut kit = kit("r1", "older");
    let ended = kit.script(UP, Reply::stdout(report())).run(run);
    assert_eq!(ended.outcome(), &Outcome::Success);
    assert_eq!(ended.output("release"), Some(&Value::Text("made".to_owned())));
    assert_eq!(changes(&ended.calls), ["web1 switch made", "verify web1", "web2 switch made"]);
    assert!(ended.calls.contains(&format!("web2 pull {IMAGE}")), "{:?}", ended.calls);
    assert!(!ended.calls.iter().any(|call| call.contains("s3cret")), "{:?}", ended.calls);

    let staged = ended.calls.iter().find_map(|call| call.strip_prefix("web1 stage ")).expect("staged");
    let read = |file: &str| std::fs::read_to_string(Path::new(staged).join(file)).unwrap_or_default();
    assert_eq!(read("web.conf"), "listen 80\n");
    assert!(read(OVERRIDE_FILE).contains(IMAGE));
}

#[test]
fn a_target_that_does_not_get_healthy_stops_it_and_everything_goes_back_newest_first() {
    let mut kit = kit("r1", "older");
    kit.script(&format!("web2 {UP}"), Reply::exit(1).with_stdout(failed_report())).script(UP, Reply::stdout(report()));
    let ended = kit.run(run);
    assert!(matches!(ended.outcome(), Outcome::Failed(why) if why.starts_with("web2: web is unhealthy")));

    let mut kit = self::kit("made", "key");
    let ended = kit.script(BACK, Reply::stdout(report())).rollback(rollback);
    ended.outcome();
    assert_eq!(changes(&ended.calls), ["web2 switch r1", "web1 switch r1"]);
}

#[test]
fn a_probe_knows_its_own_release_by_the_key() {
    let probed = |mut kit: Kit| kit.script(STATUS, Reply::stdout(report())).probe(probe);
    assert!(matches!(probed(kit("made", "key")).outcome(), EffectState::Applied));
    assert!(matches!(probed(kit("r1", "older")).outcome(), EffectState::NotApplied));
}

#[test]
fn a_compose_file_that_is_not_there_asks_nothing_of_a_target() {
    let mut kit = kit("r1", "older");
    let ended = kit.input("file", "other.yml").run(run);
    assert_eq!(ended.error().code(), "E-COMPOSE-READ");
    assert_eq!(ended.calls, [""; 0]);
}
