//! Deliveries without containers, and of a database, that are killed and resumed: what their builtins say of an effect whose answer nobody
//! heard is what the hosts say themselves.

use e2e::{Ended, Repository, Rig, Sealock};

use super::data::{DATA, ask};
use super::ludeng::{LUDENG, assert_runs, ludeng, set_up};
use super::sweep::{Points, Swept, killed_and_resumed};

/// Around the switch and the restart of the units on each host, and the end. Every second release is bad.
const RELEASES: [&str; 3] = ["16:before", "18:after", "20:before"];
/// Around a dump, a migration, and a restore, in turn.
const DATABASE: [&str; 3] = ["13:after", "15:before", "14:after"];

/// `run PIPELINE` with these inputs.
fn run_of<'a>(pipeline: &'a str, assignments: &[&'a str]) -> Vec<&'a str> {
    let words = assignments.iter().flat_map(|&assignment| ["--input", assignment]);
    ["run", pipeline].into_iter().chain(words).collect()
}

#[test]
fn killed_at_its_commits_a_delivery_without_containers_ends_on_one_release() {
    let rig = Rig::take();
    rig.reset();
    rig.targets().iter().for_each(set_up);
    let repository = ludeng();
    let sealock = Sealock::new(&rig, repository.path());
    sealock.run(&["ludeng", "--input", "release=first"]).expect(0);
    for target in rig.targets() {
        target.sh("echo kept >/opt/ludeng/shared/uploads/kept.txt");
    }
    let mut live = "first".to_owned();
    let killed = Points::asked(&RELEASES).sweep(|number, at, again| {
        let (word, is_bad) = (format!("k{number}"), number % 2 == 1);
        repository.write("backend/fault.txt", if is_bad { "proxy-500" } else { "" });
        repository.write("notes.txt", &word);
        repository.commit("A release");
        let release = format!("release={word}");
        let Swept { ended, is_killed } = killed_and_resumed(&sealock, &run_of("ludeng", &[&release]), at, again);
        let said = format!("{at}, then {again:?}, bad: {is_bad}");
        match ended.code {
            0 if !is_bad => live = word,
            10 => {}
            code => panic!("{said}: exit {code}\n{}", ended.text),
        }
        let id = rig.target("web1").current(LUDENG).expect("a release");
        for target in rig.targets() {
            assert_runs(&target, &id, &live);
            assert_eq!(target.ledger_end(LUDENG), format!("verified {id}"), "{said}, {}", target.name);
        }
        is_killed
    });
    println!("{killed} points over a delivery without containers: nothing told is lost, nothing between");
}

/// What is done to the database, in turn.
const BACKUP: [&str; 1] = ["sql="];
const MIGRATE: [&str; 1] = ["sql=insert into posts select max(id) + 1, 'one more' from posts"];
const RESTORE: [&str; 2] = ["restore=true", "sql="];
/// More than there were when any of them was made.
const LOST: &str = "delete from posts where id > 50";

/// The database of a delivery, how many rows it has, and how many its newest backup has.
struct Database<'rig> {
    rig: &'rig Rig,
    sealock: Sealock,
    _repository: Repository,
    rows: usize,
    saved: usize,
}

impl<'rig> Database<'rig> {
    fn new(rig: &'rig Rig) -> Self {
        rig.reset();
        let repository = Repository::of("scenarios/data");
        let sealock = Sealock::new(rig, repository.path());
        sealock.run(&["data", "--input", "sql=create table posts (id int primary key, text text)"]).expect(0);
        let this = Self { rig, sealock, _repository: repository, rows: 100, saved: 100 };
        this.ask("insert into posts select i, 'text ' || i from generate_series(1, 100) i");
        this.sealock.run(&["data"]).expect(0);
        this
    }

    fn ask(&self, sql: &str) -> String {
        ask(&self.rig.target("web1"), sql)
    }

    fn count(&self) -> usize {
        self.ask("select count(*) from posts").parse().expect("a number")
    }

    /// One of the three, killed; false when it made no such commit.
    fn point(&mut self, number: u64, at: &str, again: Option<&str>) -> bool {
        let inputs: &[&str] = [&BACKUP[..], &MIGRATE, &RESTORE][usize::try_from(number % 3).expect("small")];
        if inputs == RESTORE {
            self.ask(LOST);
            self.rows = self.count();
        }
        let Swept { ended, is_killed } = killed_and_resumed(&self.sealock, &run_of("data", inputs), at, again);
        let said = format!("{inputs:?}, {at}, then {again:?}");
        let Ended { code, text } = ended;
        assert!([0, 10].contains(&code), "{said}: exit {code}\n{text}");
        let (before, is_good) = (self.rows, code == 0);
        match (inputs == MIGRATE, inputs == RESTORE) {
            (true, _) if is_good => self.rows += 1,
            (_, true) if is_good => self.rows = self.saved,
            _ => {}
        }
        assert_eq!(self.count(), self.rows, "{said}: exit {code}, and it had {before} rows\n{text}");
        self.judge_backups(&said);
        // A migration has one of what was before it, a good backup of what is; after one that failed nobody knows.
        self.sealock.run(&["data"]).expect(0);
        self.saved = self.rows;
        is_killed
    }

    /// Each is whole, and neither a file nor a database is left of the work on one.
    fn judge_backups(&self, said: &str) {
        let web1 = self.rig.target("web1");
        let files = web1.sh(&format!("ls -A {DATA}/shared/backups/blog"));
        assert!((1..=3).contains(&files.matches(".dump\n").count()) && !files.contains(".new"), "{said}: {files}");
        web1.sh(&format!(
            "cd {DATA}/shared/backups/blog && c=$(docker ps -q --filter label=com.docker.compose.service=postgres) && \
             for f in *.dump; do docker exec -i $c pg_restore --list <$f >/dev/null || exit 1; done"
        ));
        let databases = self.ask("select datname from pg_database where not datistemplate order by datname");
        // What was there before a restore stays until the next one.
        let others: Vec<_> = databases.lines().filter(|&name| name != "blog_before_restore").collect();
        assert_eq!(others, ["blog", "postgres"], "{said}");
    }
}

#[test]
fn killed_at_its_commits_a_delivery_of_a_database_loses_no_row_and_leaves_no_half_of_a_backup() {
    let rig = Rig::take();
    let mut database = Database::new(&rig);
    let killed = Points::asked(&DATABASE).sweep(|number, at, again| database.point(number, at, again));
    println!("{killed} points over a delivery of a database: no row lost or doubled, no half of a backup");
}
