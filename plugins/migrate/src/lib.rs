//! Runs a database migration on a target, with a verified backup before it.
//!
//! # Probe and rollback
//!
//! The script stands between two marks of the step's key on the target: neither says that it was not begun, both that it is
//! done, the first alone that nobody knows how far it got, and then it is taken back. `rollback` restores the backup where the
//! author wrote `restore: auto`; else the database stays as it is, and the log says how to restore it: writes made since
//! would be lost.

mod script;

use sealock_postgres::{Database, Named, key};
use sealock_sdk::process::{Exit, Stdio};
use sealock_sdk::targets::{self, Script};
use sealock_sdk::{EffectState, Error, Inputs, Outcome, Outputs, Secret, SecretMap, Step, TargetName, step};

use script::Mark;

#[derive(Inputs)]
struct Migrate {
    /// Where the database is, and the script runs.
    target: TargetName,
    /// The migration, for the target's `sh -eu`.
    #[input(script)]
    script: String,
    /// The script's environment; values may be secrets.
    env: SecretMap,
    /// The database that is backed up first.
    postgres: String,
    /// The Compose service of this environment that has it; PostgreSQL of the target itself without one.
    service: Option<String>,
    /// The role that may dump it and create a database; the programs' own default without one.
    user: Option<String>,
    /// The role's password, where it needs one.
    password: Option<Secret>,
    /// Whether a rollback restores the backup: writes made since are lost then.
    #[input(default = "never", options = ["never", "auto"])]
    restore: String,
    /// How many backups of the database stay.
    #[input(default = 7, range = 1..=1000)]
    keep: u32,
}

#[derive(Outputs)]
struct Migrated {
    /// The backup made before it.
    backup: String,
}

#[step(outputs = Migrated, probe = probe, rollback = rollback)]
fn run(inputs: Migrate, step: &mut Step) -> Result<Outcome, Error> {
    let key = key(step)?;
    let made = database(&inputs)?.back_up(&key, inputs.keep, step)?;
    step.notice(format_args!("backup {}: {} tables came back when it was tried", made.name, made.tables));
    step.outputs(&Migrated { backup: made.name })?;
    let exit = start(&inputs, &script::migrate(&inputs.script), &key, true, step)?.wait()?;
    Ok(match exit {
        Exit::Code(0) => Outcome::Success,
        Exit::Code(code) => Outcome::failed(format!("the migration ended with exit code {code}")),
        Exit::Signal(signal) => Outcome::failed(format!("the migration was ended by signal {signal}")),
    })
}

fn probe(inputs: Migrate, step: &mut Step) -> Result<EffectState, Error> {
    Ok(match mark(&inputs, &key(step)?, step)? {
        Mark::Done => EffectState::Applied,
        Mark::Begun => EffectState::Partly("the migration was begun, and did not end".to_owned()),
        Mark::None => EffectState::NotApplied,
    })
}

fn rollback(inputs: Migrate, step: &mut Step) -> Result<(), Error> {
    let key = key(step)?;
    let database = database(&inputs)?;
    let begun = mark(&inputs, &key, step)? != Mark::None;
    let Some(backup) = database.backup_of(&key, step)?.filter(|_| begun) else {
        return Ok(());
    };
    if inputs.restore == "auto" {
        database.restore(&key, Some(&backup), step)?;
        step.notice(format_args!("{} is what it was before the migration: {backup}", inputs.postgres));
        return Ok(());
    }
    step.warn(format_args!(
        "{} stays migrated, because `restore` is `never`. To lose what was written since and go back: uses: restore, with: \
         {{ target: {}, postgres: {}, backup: {backup} }}",
        inputs.postgres, inputs.target.0, inputs.postgres
    ));
    Ok(())
}

fn mark(inputs: &Migrate, key: &str, step: &mut Step) -> Result<Mark, Error> {
    let output = start(inputs, script::MARK, key, false, step)?.output()?;
    Ok(Mark::parse(&output.text()))
}

/// Starts a script with the key as its argument, and what the migration is given when it is that.
fn start(
    inputs: &Migrate,
    text: &str,
    key: &str,
    is_migration: bool,
    step: &Step,
) -> Result<sealock_sdk::process::Running, Error> {
    let target = targets::open(&inputs.target.0)?;
    let draft = Script::new(&target, text);
    draft.arg(&inputs.postgres);
    draft.arg(key);
    draft.stdout(&if is_migration { Stdio::Log } else { Stdio::Capture });
    draft.stderr(&Stdio::Log);
    if is_migration {
        draft.env("SEALOCK_KEY", key);
        if let Some(release) = step.release() {
            draft.env("SEALOCK_RELEASE", &release);
        }
        inputs.env.iter().for_each(|(name, value)| draft.secret_env(name, value.handle()));
    }
    targets::start(&draft)
}

fn database(inputs: &Migrate) -> Result<Database<'_>, Error> {
    let (service, user, password) = (inputs.service.as_deref(), inputs.user.as_deref(), inputs.password.as_ref());
    Named { target: &inputs.target, name: &inputs.postgres, service, user, password }.open()
}
