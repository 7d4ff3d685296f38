//! Records whose chain holds, and which this version did not write: nothing of them is guessed.

use rusqlite::{Connection, params};
use sha2::{Digest as _, Sha256};

use super::cancel::unique;
use super::resume::{killed, resumed};
use super::support::Scene;

type Row = (String, String, String, Option<String>, i64);

/// Writes the only run of a journal anew: `plan` and `record` say what of it is another, and the chain is made for that.
fn written_anew(scene: &Scene, plan: impl Fn(&str) -> String, record: impl Fn(&str) -> String) {
    let journal = Connection::open(scene.state().join("journal.db")).expect("it is a database");
    let head = "SELECT run, pipeline, file, commit_id, started_ms FROM runs";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?));
    let (run, pipeline, file, commit, started): Row = journal.query_row(head, [], row).expect("one run");
    let one = |text: &str| journal.query_row(text, [], |row| row.get::<_, String>(0)).expect("one run");
    let (before, digest) = (one("SELECT plan FROM plans"), one("SELECT plan_digest FROM runs"));
    let text = plan(&before);
    let digest = if text == before { digest } else { format!("sha256:{}", "0".repeat(64)) };
    let mut hash = of_head(&[
        run.as_bytes(),
        pipeline.as_bytes(),
        file.as_bytes(),
        &[u8::from(commit.is_some())],
        commit.unwrap_or_default().as_bytes(),
        digest.as_bytes(),
        text.as_bytes(),
        &started.to_le_bytes(),
    ]);
    let mut events = journal.prepare("SELECT seq, record FROM events ORDER BY seq").expect("the table is known");
    let rows = events.query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))).expect("events");
    for (seq, bytes) in rows.map(|row| row.expect("an event")).collect::<Vec<_>>() {
        let bytes = record(&String::from_utf8(bytes).expect("text")).into_bytes();
        hash = Sha256::new().chain_update(hash).chain_update(&bytes).finalize().into();
        let update = "UPDATE events SET record = ?1, hash = ?2 WHERE seq = ?3";
        journal.execute(update, params![bytes, &hash[..], seq]).expect("written");
    }
    let update = "UPDATE runs SET plan_digest = ?1, last_hash = ?2";
    journal.execute(update, params![digest, &hash[..]]).expect("written");
    journal.execute("UPDATE plans SET plan = ?1", params![text]).expect("written");
}

fn of_head(fields: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(b"sealock run 1");
    for field in fields {
        hash.update((field.len() as u64).to_le_bytes());
        hash.update(field);
    }
    hash.finalize().into()
}

/// Asserts that the run is refused with `code`, that nothing of it was run, and that its record can still be read.
#[track_caller]
fn assert_refused(scene: &Scene, code: &str) {
    let told = resumed(scene, &[]);
    told.exits(5).says(code);
    assert!(told.of("run-resumed").is_empty(), "it was gone on with");
    scene.call(&["doctor", "--journal"]).exits(0);
}

#[test]
fn a_run_whose_plan_another_version_wrote_is_left_to_that_version() {
    let scene = killed(&unique("newer-plan"));
    let field = |plan: &str| plan.replacen('{', r#"{"from-another-version":true,"#, 1);
    written_anew(&scene, field, str::to_owned);
    assert_refused(&scene, "E-RUN-VERSION");
    written_anew(&scene, |plan| plan.replacen(r#""stages""#, r#""chapters""#, 1), str::to_owned);
    assert_refused(&scene, "E-RUN-VERSION");
}

#[test]
fn a_record_that_speaks_of_what_its_plan_has_not_is_not_gone_on_with() {
    let scene = killed(&unique("foreign"));
    written_anew(&scene, str::to_owned, str::to_owned);
    written_anew(&scene, str::to_owned, |record| record.replace(r#""stage":"first""#, r#""stage":"other""#));
    assert_refused(&scene, "E-RUN-RECORD");
    written_anew(&scene, str::to_owned, |record| record.replace(r#""stage":"other""#, r#""stage":"first""#));
    resumed(&scene, &[]).exits(0);
}
