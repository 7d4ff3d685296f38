//! Restores a PostgreSQL database on a target from a backup. What was there before stays beside it, and `rollback` puts it back.

use sealock_postgres::{Database, Named, key};
use sealock_sdk::{EffectState, Error, ErrorKind, Inputs, Outcome, Outputs, Secret, Step, TargetName, step};

#[derive(Inputs)]
struct Restore {
    /// Where the database is.
    target: TargetName,
    /// The database.
    postgres: String,
    /// The backup's name; the newest without one.
    backup: Option<String>,
    /// The Compose service of this environment that has it; PostgreSQL of the target itself without one.
    service: Option<String>,
    /// The role that owns it and may create a database; the programs' own default without one.
    user: Option<String>,
    /// The role's password, where it needs one.
    password: Option<Secret>,
}

#[derive(Outputs)]
struct Restored {
    /// The backup that was restored.
    backup: String,
}

#[step(outputs = Restored, probe = probe, rollback = rollback)]
fn run(inputs: Restore, step: &mut Step) -> Result<Outcome, Error> {
    let backup = database(&inputs)?.restore(&key(step)?, inputs.backup.as_deref(), step)?;
    step.notice(format_args!("{} is what {backup} has", inputs.postgres));
    step.outputs(&Restored { backup })?;
    Ok(Outcome::Success)
}

fn probe(inputs: Restore, step: &mut Step) -> Result<EffectState, Error> {
    let is_restored = database(&inputs)?.is_restored(&key(step)?, step)?;
    Ok(if is_restored { EffectState::Applied } else { EffectState::NotApplied })
}

fn rollback(inputs: Restore, step: &mut Step) -> Result<(), Error> {
    if database(&inputs)?.unrestore(&key(step)?, step)? {
        step.notice(format_args!("{} is what it was before the restore", inputs.postgres));
    }
    Ok(())
}

fn database(inputs: &Restore) -> Result<Database<'_>, Error> {
    if let Some(name) =
        inputs.backup.as_deref().filter(|name| name.contains('/') || name.strip_suffix(".dump").is_none())
    {
        let message = format!("found the backup `{}`, expected a name such as `backup` gives it", name.escape_debug());
        return Err(Error::of_kind(ErrorKind::Invalid, "E-POSTGRES-NAME", message));
    }
    let (service, user, password) = (inputs.service.as_deref(), inputs.user.as_deref(), inputs.password.as_ref());
    Named { target: &inputs.target, name: &inputs.postgres, service, user, password }.open()
}
