//! The scripts, judged by those who know shells. What they do to a database is tried on a real one, by the deliveries.

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
