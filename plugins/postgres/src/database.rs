//! One database on one target.

use sealock_rollout::{Script, invalid, remote};
use sealock_sdk::process::{Exit, Stdio};
use sealock_sdk::targets::{self, Target};
use sealock_sdk::{Error, Level, Secret, Step, TargetName};

use crate::report::Report;
use crate::scripts;

/// A database as an author names it, and who works on it.
pub struct Named<'a> {
    /// The target.
    pub target: &'a TargetName,
    /// Its name.
    pub name: &'a str,
    /// The Compose service whose container has it; on the target itself without one.
    pub service: Option<&'a str>,
    /// The role; the programs' own default without one.
    pub user: Option<&'a str>,
    /// The role's password, where it needs one.
    pub password: Option<&'a Secret>,
}

/// One database on one target.
pub struct Database<'a> {
    /// The target.
    pub target: Target,
    pub(crate) name: &'a str,
    pub(crate) service: Option<&'a str>,
    pub(crate) user: Option<&'a str>,
    password: Option<&'a Secret>,
}

/// A backup that is known to be restorable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    /// The file's name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// How many tables were restored from it to try it.
    pub tables: u64,
}

/// Names that PostgreSQL takes without quotes, so that they are what they look like everywhere.
fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let is_good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.len() <= 40 && name.bytes().all(is_good) && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') {
        return Ok(());
    }
    let message = format!(
        "found the {what} `{}`, expected at most 40 lowercase letters, digits, and `_`, not starting with a digit",
        name.escape_debug()
    );
    Err(invalid("E-POSTGRES-NAME", message))
}

impl<'a> Named<'a> {
    /// Opens its target.
    ///
    /// # Errors
    ///
    /// `E-POSTGRES-NAME` for a name that does not look like what it is; when the target is not granted or does not answer.
    pub fn open(self) -> Result<Database<'a>, Error> {
        let Self { target, name, service, user, password } = self;
        check_name("database", name)?;
        user.map_or(Ok(()), |user| check_name("role", user))?;
        Ok(Database { target: targets::open(&target.0)?, name, service, user, password })
    }
}

impl Database<'_> {
    /// Dumps it, restores the dump into a scratch database, and removes backups that `keep` leaves over. A step that did it
    /// before finds its own backup.
    ///
    /// # Errors
    ///
    /// `E-POSTGRES-BACKUP` with what the programs said; nothing has its name then.
    pub fn back_up(&self, key: &str, keep: u32, step: &mut Step) -> Result<Backup, Error> {
        let report = self.run(&scripts::back_up(self, key, keep), step)?;
        report.backup.clone().ok_or_else(|| self.problem("E-POSTGRES-BACKUP", "it could not be backed up", &report))
    }

    /// Whether the step with this key made its backup.
    ///
    /// # Errors
    ///
    /// When the target cannot be asked.
    pub fn backup_of(&self, key: &str, step: &mut Step) -> Result<Option<String>, Error> {
        Ok(self.run(&scripts::find(self, key), step)?.found)
    }

    /// Puts the backup of this name, or the newest, in the place of what is there.
    ///
    /// # Errors
    ///
    /// `E-POSTGRES-RESTORE` with what the programs said; the database is what it was then.
    pub fn restore(&self, key: &str, backup: Option<&str>, step: &mut Step) -> Result<String, Error> {
        let report = self.run(&scripts::restore(self, key, backup.unwrap_or_default()), step)?;
        report.found.clone().ok_or_else(|| self.problem("E-POSTGRES-RESTORE", "it could not be restored", &report))
    }

    /// Puts back what was there before the restore with this key; nothing when that did not happen.
    ///
    /// # Errors
    ///
    /// `E-POSTGRES-RESTORE` with what the programs said.
    pub fn unrestore(&self, key: &str, step: &mut Step) -> Result<bool, Error> {
        let report = self.run(&scripts::unrestore(self, key), step)?;
        if report.is_good {
            return Ok(report.found.is_some());
        }
        Err(self.problem("E-POSTGRES-RESTORE", "what was there before could not be put back", &report))
    }

    /// Whether the restore with this key happened.
    ///
    /// # Errors
    ///
    /// When the target cannot be asked.
    pub fn is_restored(&self, key: &str, step: &mut Step) -> Result<bool, Error> {
        Ok(self.run(&scripts::is_restored(self, key), step)?.found.is_some())
    }

    fn problem(&self, code: &str, what: &str, report: &Report) -> Error {
        let what = format!("{} on {}: {what}", self.name, self.target.name());
        remote(code, [vec![what], report.said.clone()].concat().join("\n  "))
    }

    fn run(&self, script: &Script, step: &mut Step) -> Result<Report, Error> {
        let draft = targets::Script::new(&self.target, &script.text);
        script.args.iter().for_each(|value| draft.arg(value));
        if let Some(password) = self.password {
            draft.secret_env("PGPASSWORD", password.handle());
        }
        draft.stdout(&Stdio::Capture);
        draft.stderr(&Stdio::Log);
        let output = targets::start(&draft)?.output()?;
        let report = Report::parse(&output.text(), matches!(output.exit, Exit::Code(0)));
        report.told.iter().for_each(|line| step.log(Level::Info, line));
        Ok(report)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_they_look_like() {
        assert!(check_name("database", "blog_2").is_ok());
        for bad in ["", "2blog", "Blog", "blog-db", "blog db", "blog;", "a\"b", &"x".repeat(41)] {
            assert_eq!(check_name("database", bad).expect_err(bad).code(), "E-POSTGRES-NAME");
        }
    }
}
