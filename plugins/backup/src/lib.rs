//! Backs up a PostgreSQL database on a target, and proves that the backup can be restored.

use sealock_postgres::{Database, Named, key};
use sealock_sdk::{EffectState, Error, Inputs, Outcome, Outputs, Secret, Step, TargetName, step};

#[derive(Inputs)]
struct Backup {
    /// Where the database is.
    target: TargetName,
    /// The database.
    postgres: String,
    /// The Compose service of this environment that has it; PostgreSQL of the target itself without one.
    service: Option<String>,
    /// The role that may dump it and create a database; the programs' own default without one.
    user: Option<String>,
    /// The role's password, where it needs one.
    password: Option<Secret>,
    /// How many backups of the database stay.
    #[input(default = 7, range = 1..=1000)]
    keep: u32,
}

#[derive(Outputs)]
struct Made {
    /// The backup's name: what `restore` takes.
    backup: Option<String>,
    /// Its size.
    bytes: u64,
    /// How many tables came back when it was tried.
    tables: u64,
}

#[step(outputs = Made, probe = probe, rollback = rollback)]
fn run(inputs: Backup, step: &mut Step) -> Result<Outcome, Error> {
    let database = database(&inputs)?;
    if database.target.current()?.is_none() && inputs.service.is_some() {
        return Ok(Outcome::Skipped("nothing is deployed there yet: there is nothing to back up".to_owned()));
    }
    let made = database.back_up(&key(step)?, inputs.keep, step)?;
    step.notice(format_args!(
        "{}: {} bytes, {} tables came back when it was tried",
        made.name, made.bytes, made.tables
    ));
    step.outputs(&Made { backup: Some(made.name), bytes: made.bytes, tables: made.tables })?;
    Ok(Outcome::Success)
}

fn probe(inputs: Backup, step: &mut Step) -> Result<EffectState, Error> {
    let found = database(&inputs)?.backup_of(&key(step)?, step)?;
    Ok(if found.is_some() { EffectState::Applied } else { EffectState::NotApplied })
}

/// A backup stays: it may be what one needs next.
#[expect(clippy::unnecessary_wraps, reason = "what a step exports may fail")]
fn rollback(_: Backup, _: &mut Step) -> Result<(), Error> {
    Ok(())
}

fn database(inputs: &Backup) -> Result<Database<'_>, Error> {
    let (service, user, password) = (inputs.service.as_deref(), inputs.user.as_deref(), inputs.password.as_ref());
    Named { target: &inputs.target, name: &inputs.postgres, service, user, password }.open()
}
