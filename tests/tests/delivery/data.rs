//! A database on a target: what a migration breaks comes back, and what somebody deletes, too.

use e2e::{Repository, Rig, Sealock, Target};

pub(crate) const DATA: &str = "/opt/data";

/// What the database on the target answers.
pub(crate) fn ask(target: &Target<'_>, sql: &str) -> String {
    let container = "$(docker ps --quiet --filter label=com.docker.compose.service=postgres)";
    let psql = format!("docker exec {container} psql --quiet --tuples-only --no-align --username blog --dbname blog");
    target.sh(&format!("{psql} --command \"{sql}\"")).trim().to_owned()
}

fn backups(target: &Target<'_>) -> Vec<String> {
    target.sh("cd /opt/data/shared/backups/blog && stat -c '%a %n' *.dump").lines().map(str::to_owned).collect()
}

#[test]
fn a_migration_has_a_backup_that_comes_back_when_the_deployment_fails() {
    let rig = Rig::take();
    rig.reset();
    let repository = Repository::of("scenarios/data");
    let sealock = Sealock::new(&rig, repository.path());
    let run = |inputs: &[&str]| {
        let inputs: Vec<&str> = inputs.iter().flat_map(|input| ["--input", input]).collect();
        sealock.run(&[&["data"], inputs.as_slice()].concat())
    };
    let web1 = rig.target("web1");
    run(&["sql=create table posts (id int primary key, text text)"]).expect(0).saying("backup ");
    ask(&web1, "insert into posts select i, 'text ' || i from generate_series(1, 100) i");

    // A migration that does what it should, and a release that is bad; a migration that breaks in the middle.
    for (sql, check) in [
        ("sql=alter table posts drop column text; create table left_over (x int)", "check=false"),
        ("sql=create table left_over (x int); delete from posts; select broken", "check=true"),
        ("sql=drop table posts; select 1 / 0", "check=true"),
    ] {
        run(&[sql, check]).expect(10).saying("is what it was before the migration");
        assert_eq!(ask(&web1, "select count(text) from posts"), "100", "{sql}");
        assert_eq!(ask(&web1, "select count(*) from pg_tables where schemaname = 'public'"), "1", "{sql}");
        assert!(web1.ledger_end(DATA).starts_with("verified r1"), "{sql}: {}", web1.ledger_end(DATA));
    }

    run(&[]).expect(0).saying("1 tables came back when it was tried");
    let kept = backups(&web1);
    assert!(kept.len() == 3 && kept.iter().all(|file| file.starts_with("600 ")), "{kept:?}");
    ask(&web1, "delete from posts");
    run(&["restore=true", "sql=select 1"]).expect(0);
    assert_eq!(ask(&web1, "select count(*) from posts"), "100");
}
