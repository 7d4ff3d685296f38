//! `sealock lock`

use std::fmt::Write as _;

use clap::Args;
use sealock_contract::grant;
use sealock_diagnostics::escape;
use sealock_registry::{LOCKFILE, Lockfile};

use super::update::Change;
use crate::failure::Failure;
use crate::lock::{self, Pinned, Registries};
use crate::planning::Repository;
use crate::shell::Shell;
use crate::{exit_code, policy};

/// Pin every plugin of a registry that a pipeline names and the lockfile has not yet, and drop what none names any more.
/// What is pinned already stays as it is: `sealock update` moves it.
#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Take versions that ask for more than the one that is locked of the same plugin, or that somebody else signed
    #[arg(long, env = "SEALOCK_ACCEPT", hide_env = true)]
    accept: bool,
    /// Whether the lockfile may change.
    #[command(flatten)]
    pub(super) held: Held,
}

/// Whether the lockfile may change.
#[derive(Debug, Args)]
pub(crate) struct Held {
    /// Change nothing, and exit with 5 where something would change; so by itself where CI is set
    #[arg(
        long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true",
        env = "SEALOCK_LOCKED", hide_env = true
    )]
    locked: Option<bool>,
}

impl Held {
    /// Refuses a change where none may be.
    ///
    /// # Errors
    ///
    /// `E-LOCK-CHANGED`.
    pub(super) fn refuse(&self, shell: &Shell, what: &str) -> Result<(), Failure> {
        if !self.locked.unwrap_or(shell.surroundings().is_ci) {
            return Ok(());
        }
        let message = format!("{LOCKFILE} would change, and may not: {what}");
        let help = "run `sealock lock` on your machine and commit the file; or say `--locked=false` here";
        Err(Failure::new("E-LOCK-CHANGED", message).help(help))
    }
}

impl Lock {
    /// Pins, and says what.
    ///
    /// # Errors
    ///
    /// When a pipeline, the lockfile, or a plugin cannot be read; then nothing is changed.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let repository = Repository::at(shell);
        let needs = lock::all(shell, &repository)?;
        let mut lockfile = lock::read(repository.root())?;
        let dropped: Vec<String> = lockfile.plugins.keys().filter(|had| !needs.contains_key(*had)).cloned().collect();
        let new: Vec<&String> = needs.keys().filter(|need| !lockfile.plugins.contains_key(*need)).collect();
        if let Some(first) = new.first().copied().or(dropped.first()) {
            self.held
                .refuse(shell, &format!("`{first}` {}", if new.is_empty() { "is used no more" } else { "is new" }))?;
        } else {
            check_signed(shell, &lockfile)?;
            shell.answer(&unchanged(&lockfile));
            return Ok(exit_code::SUCCESS);
        }
        let mut told = String::new();
        let before = lockfile.clone();
        for reference in new {
            let registries = Registries::open(shell)?;
            let mut pinned = registries.pin(reference)?;
            told.push_str(&describe(reference, &pinned));
            if let Some((_, old)) = before.plugins.iter().find(|(own, _)| is_same_plugin(own, reference)) {
                let change = Change::of(&registries, reference, old, pinned);
                if !self.accept {
                    shell.answer(&change.text());
                    change.refuse_more()?;
                }
                pinned = change.into_new();
            }
            lockfile.plugins.insert(reference.clone(), pinned.locked);
        }
        for reference in dropped {
            let _ = writeln!(told, "dropped {reference}: no pipeline names it");
            lockfile.plugins.remove(&reference);
        }
        lock::write(repository.root(), &lockfile)?;
        shell.answer(&told);
        Ok(exit_code::SUCCESS)
    }
}

/// Whether both are versions of one plugin.
fn is_same_plugin(one: &str, other: &str) -> bool {
    grant::repository(one) == grant::repository(other)
}

/// Refuses what is fetched and not signed as the policy wants: what is not fetched is looked at when it is.
fn check_signed(shell: &Shell, lockfile: &Lockfile) -> Result<(), Failure> {
    let (trust, store) = (policy::load(shell)?.trust()?, lock::store(shell)?);
    for (reference, locked) in &lockfile.plugins {
        let parsed = lock::parse(reference)?;
        if lock::component(&store, &parsed, locked)?.is_some() {
            lock::hold(&trust, &store, &parsed, locked)?.or_missing(&trust, &parsed)?;
        }
    }
    Ok(())
}

fn unchanged(lockfile: &Lockfile) -> String {
    match lockfile.plugins.len() {
        0 => "no pipeline names a plugin of a registry\n".to_owned(),
        1 => format!("{LOCKFILE} is up to date (1 plugin)\n"),
        many => format!("{LOCKFILE} is up to date ({many} plugins)\n"),
    }
}

fn describe(reference: &str, pinned: &Pinned) -> String {
    let locked = &pinned.locked;
    // What a plugin says of itself may try to hide on a terminal.
    let mut told = format!("locked {reference}: {}, published {}\n", escape(&locked.version), pinned.age);
    let _ = writeln!(told, "  {}  {} bytes", locked.component, locked.size);
    if let Some(signer) = &locked.signer {
        let _ = writeln!(told, "  signed by {signer}");
    }
    for (version, age) in &pinned.passed_over {
        let _ = writeln!(told, "  passed over {version}: published {age}");
    }
    if pinned.asks.iter().next().is_none() {
        told.push_str("  asks for nothing\n");
    }
    for ask in pinned.asks.iter() {
        let _ = writeln!(told, "  asks for {}", escape(&ask.to_string()));
    }
    told
}
