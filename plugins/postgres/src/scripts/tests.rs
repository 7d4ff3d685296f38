//! The scripts, judged by those who know shells, and what they do when the power may go. What they do to a database is tried on
//! a real one, by the deliveries.

use std::process::Command;

use sealock_rollout::testing::objections;

use super::{BACK_UP, FIND, IS_RESTORED, RESTORE, UNRESTORE, make};

#[test]
fn every_shell_reads_the_scripts_whole_and_shellcheck_has_nothing_to_say() {
    for (name, text) in [
        ("back_up", BACK_UP),
        ("find", FIND),
        ("restore", RESTORE),
        ("unrestore", UNRESTORE),
        ("is_restored", IS_RESTORED),
    ] {
        assert_eq!(objections(&make("blog", None, None, text, &["key"]).text), None, "{name}");
    }
}

/// PostgreSQL's programs, of which a dump is one line and holds one table; `dd` tells whether the dump has its name already.
const PRETENDED: &str = r#"
pg_dump() { echo dumped; }
pg_restore() { echo "1; TABLE DATA public posts"; }
psql() { echo 1; }
createdb() { :; }
dropdb() { :; }
dd() { echo "dd ${*##*/}, named: $(ls shared/backups/blog | grep -c "dump$")" >>uses; command dd "$@"; }
"#;

/// A backup in a folder of its own, in which an empty dump with the key is left by a machine that lost power.
#[test]
fn a_dump_is_on_the_disk_before_it_has_its_name_and_an_empty_one_is_none() {
    let folder = std::env::temp_dir().join(format!("sealock-postgres-{}", std::process::id()));
    let dumps = folder.join("shared/backups/blog");
    std::fs::create_dir_all(&dumps).expect("a folder");
    std::fs::write(dumps.join("20200101T000000Z-key.dump"), "").expect("written");
    let script = make("blog", None, None, BACK_UP, &["key", "1"]);
    let text = format!("{PRETENDED}{}", script.text);
    let made = Command::new("sh").args(["-c", &text, "script"]).args(&script.args).current_dir(&folder).output();
    let made = made.expect("sh runs");
    let names: Vec<_> =
        std::fs::read_dir(&dumps).expect("a folder").map(|entry| entry.expect("one").file_name()).collect();
    let uses = std::fs::read_to_string(folder.join("uses")).unwrap_or_default();
    let dump = names.first().map(|name| std::fs::read_to_string(dumps.join(name)).expect("text"));
    std::fs::remove_dir_all(&folder).expect("removed");
    assert!(made.status.success(), "{made:?}");
    assert_eq!((names.len(), dump.as_deref()), (1, Some("dumped\n")), "the old one is removed: {names:?}");
    assert!(uses.ends_with(" conv=notrunc,fsync, named: 1\n"), "{uses:?}");
}
