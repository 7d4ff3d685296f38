//! The scripts that run on targets.

#[cfg(test)]
mod tests;

use sealock_rollout::{Script, TELL};

use crate::database::Database;

/// Finding the database's programs.
const PROGRAMS: &str = include_str!("programs.sh");

fn script(database: &Database<'_>, text: &str, more: &[&str]) -> Script {
    make(database.name, database.service, database.user, text, more)
}

fn make(name: &str, service: Option<&str>, user: Option<&str>, text: &str, more: &[&str]) -> Script {
    let own = [name, service.unwrap_or_default(), user.unwrap_or_default()];
    let args = own.iter().chain(more).map(|&word| word.to_owned()).collect();
    Script { text: [TELL, PROGRAMS, text].concat(), args, ..Script::default() }
}

const BACK_UP: &str = include_str!("back_up.sh");
const FIND: &str = include_str!("find.sh");
const RESTORE: &str = concat!(include_str!("swap.sh"), include_str!("restore.sh"));
const UNRESTORE: &str = concat!(include_str!("swap.sh"), include_str!("unrestore.sh"));
const IS_RESTORED: &str = concat!(include_str!("swap.sh"), include_str!("is_restored.sh"));

pub(crate) fn back_up(database: &Database<'_>, key: &str, keep: u32) -> Script {
    script(database, BACK_UP, &[key, &keep.to_string()])
}

pub(crate) fn find(database: &Database<'_>, key: &str) -> Script {
    script(database, FIND, &[key])
}

pub(crate) fn restore(database: &Database<'_>, key: &str, backup: &str) -> Script {
    script(database, RESTORE, &[key, backup])
}

pub(crate) fn unrestore(database: &Database<'_>, key: &str) -> Script {
    script(database, UNRESTORE, &[key])
}

pub(crate) fn is_restored(database: &Database<'_>, key: &str) -> Script {
    script(database, IS_RESTORED, &[key])
}
