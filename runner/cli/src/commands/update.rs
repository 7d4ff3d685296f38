//! `sealock update [NAME]`

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use sealock_diagnostics::{escape, near};
use sealock_registry::{Ask, Locked, Lockfile, is_lower_version, is_whole_version};
use serde_json::{Value as Json, json};

use super::lock::Held;
use crate::exit_code;
use crate::failure::Failure;
use crate::lock::{self, Needs, Pinned, Registries};
use crate::planning::Repository;
use crate::shell::Shell;

/// Move pins to the newest versions that their references stand for, and show what changes: code, signer, and what the
/// plugin asks for. One that asks for more, goes back, or has other code under the same version changes nothing and exits
/// with 3, until `--accept`.
#[derive(Debug, Args)]
pub(crate) struct Update {
    /// Only this one: a short name of `plugins`, or a reference
    name: Option<String>,
    /// Take versions that ask for more, that somebody else signed, that are lower, or that have other code than before
    #[arg(long, env = "SEALOCK_ACCEPT", hide_env = true)]
    accept: bool,
    /// How to print what changes
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
    /// Whether the lockfile may change.
    #[command(flatten)]
    held: Held,
}

/// How to print what changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object, for scripts
    Json,
}

/// What one pin would become.
pub(super) struct Change<'a> {
    reference: &'a str,
    old: &'a Locked,
    new: Pinned,
    more: Vec<Ask>,
    less: Vec<Ask>,
}

impl Update {
    /// Moves, and says what.
    ///
    /// # Errors
    ///
    /// When a pipeline, the lockfile, or a plugin cannot be read, or when a version asks for more: nothing is changed.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let repository = Repository::at(shell);
        let lockfile = lock::read(repository.root())?;
        let needs = lock::all(shell, &repository)?;
        let chosen = self.chosen(&lockfile, &needs)?;
        let registries = Registries::open(shell)?;
        let mut changes = Vec::new();
        for (reference, old) in chosen {
            let new = registries.pin(reference)?;
            if new.locked == *old {
                self.print(
                    shell,
                    &format!("{reference}: {} is the newest\n{}", escape(&old.version), passed_over(&new)),
                );
            } else {
                changes.push(Change::of(&registries, reference, old, new));
            }
        }
        for change in &changes {
            self.print(shell, &change.text());
        }
        if self.format == Format::Json {
            let changes: Vec<Json> = changes.iter().map(Change::json).collect();
            shell.machine(&format!("{:#}\n", json!({ "changes": changes })));
        }
        self.refuse(shell, &changes)?;
        self.apply(&repository, &lockfile, changes)?;
        Ok(exit_code::SUCCESS)
    }

    fn print(&self, shell: &mut Shell, text: &str) {
        if self.format == Format::Text {
            shell.answer(text);
        }
    }

    fn chosen<'a>(&self, lockfile: &'a Lockfile, needs: &Needs) -> Result<Vec<(&'a str, &'a Locked)>, Failure> {
        let all = lockfile.plugins.iter().map(|(reference, locked)| (reference.as_str(), locked));
        let Some(name) = &self.name else {
            return Ok(all.collect());
        };
        let is_named = |reference: &str| needs.get(reference).is_some_and(|names| names.contains(name));
        let chosen: Vec<_> = all.filter(|(reference, _)| reference == name || is_named(reference)).collect();
        if chosen.is_empty() {
            let known = lockfile.plugins.keys().chain(needs.values().flatten()).map(String::as_str);
            let message = format!("nothing that is locked is called `{name}`");
            return Err(Failure::new("E-PLUGIN-UNKNOWN", message).maybe_help(near::offer(name, known)));
        }
        Ok(chosen)
    }

    fn refuse(&self, shell: &Shell, changes: &[Change<'_>]) -> Result<(), Failure> {
        if let Some(first) = changes.first() {
            self.held.refuse(shell, &format!("`{}` has a newer version", first.reference))?;
        }
        if self.accept {
            return Ok(());
        }
        changes.iter().try_for_each(Change::refuse)
    }

    fn apply(&self, repository: &Repository, lockfile: &Lockfile, changes: Vec<Change<'_>>) -> Result<(), Failure> {
        if changes.is_empty() {
            return Ok(());
        }
        let mut moved = lockfile.clone();
        for change in changes {
            moved.plugins.insert(change.reference.to_owned(), change.new.locked);
        }
        lock::write(repository.root(), &moved)
    }
}

impl<'a> Change<'a> {
    /// What is locked, and what would be in its place.
    pub(super) fn of(registries: &Registries, reference: &'a str, old: &'a Locked, new: Pinned) -> Self {
        // What the old one asks for is known by its component; where that cannot be had any more, everything counts as more.
        let asked = registries.asks(reference, old).unwrap_or_default();
        let more = asked.more_in(&new.asks).cloned().collect();
        let less = new.asks.more_in(&asked).cloned().collect();
        Self { reference, old, new, more, less }
    }

    /// What is wanted of a plugin that nobody consented to.
    fn more(&self) -> Option<String> {
        let (old, new) = (&self.old.signer, &self.new.locked.signer);
        match &self.more[..] {
            [] if old.is_some() && old != new => Some("is signed by somebody else".to_owned()),
            [] => None,
            _ => Some("asks for more".to_owned()),
        }
    }

    /// What a registry that hides or exchanges versions looks like.
    fn backwards(&self) -> Option<String> {
        let (old, new) = (self.old, &self.new.locked);
        if is_lower_version(&new.version, &old.version) {
            let (old, new) = (escape(&old.version), escape(&new.version));
            return Some(format!("goes back from {old} to {new}: what is newer is gone, or hidden"));
        }
        let is_same = new.version == old.version && is_whole_version(&new.version);
        (is_same && new.component != old.component)
            .then(|| format!("has other code under the same version {}", escape(&new.version)))
    }

    /// Refuses a version that a person names and that wants more than the one before.
    ///
    /// # Errors
    ///
    /// `E-UPDATE-MORE`.
    pub(super) fn refuse_more(&self) -> Result<(), Failure> {
        self.more().map_or(Ok(()), |doubt| Err(self.unaccepted(&doubt, "sealock lock --accept")))
    }

    fn refuse(&self) -> Result<(), Failure> {
        let doubt = self.more().or_else(|| self.backwards());
        doubt.map_or(Ok(()), |doubt| Err(self.unaccepted(&doubt, "sealock update --accept")))
    }

    fn unaccepted(&self, doubt: &str, command: &str) -> Failure {
        let message = format!("the new `{}` {doubt}; nothing was changed", self.reference);
        Failure::new("E-UPDATE-MORE", message).help(format!("when that is right: `{command}`"))
    }

    /// What was chosen.
    pub(super) fn into_new(self) -> Pinned {
        self.new
    }

    fn json(&self) -> Json {
        let (old, new) = (self.old, &self.new.locked);
        json!({
            "reference": self.reference,
            "version": { "from": old.version, "to": new.version },
            "component": { "from": old.component, "to": new.component },
            "signer": { "from": old.signer, "to": new.signer },
            "more": self.more,
            "less": self.less,
        })
    }

    /// What changes, for people.
    pub(super) fn text(&self) -> String {
        let (old, new) = (self.old, &self.new.locked);
        let mut text = format!(
            "{}\n  version  {} -> {}, published {}\n",
            self.reference,
            escape(&old.version),
            escape(&new.version),
            self.new.age
        );
        if old.component == new.component {
            text.push_str("  code     the same\n");
        } else {
            let _ = writeln!(text, "  code     {} -> {}", old.component, new.component);
        }
        if old.signer != new.signer {
            let name =
                |signer: &Option<String>| signer.as_deref().map_or("nobody".into(), |name| escape(name).into_owned());
            let _ = writeln!(text, "  signer   {} -> {}", name(&old.signer), name(&new.signer));
        }
        for (word, asks) in [("for more", &self.more), ("no more", &self.less)] {
            for ask in asks {
                let _ = writeln!(text, "  asks {word}: {}", escape(&ask.to_string()));
            }
        }
        if self.more.is_empty() && self.less.is_empty() {
            text.push_str("  asks for the same\n");
        }
        text.push_str(&passed_over(&self.new));
        text
    }
}

fn passed_over(pinned: &Pinned) -> String {
    let told = pinned.passed_over.iter().map(|(version, age)| format!("  passed over {version}: published {age}\n"));
    told.collect()
}
