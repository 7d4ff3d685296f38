//! `sealock status ENVIRONMENT`

use std::fmt::Write as _;

use clap::{Args, ValueEnum};
use sealock_broker::ssh::SshLimits;
use sealock_deploy::{Drift, Holder, LiveStatus, TargetStatus, status};
use sealock_diagnostics::escape;
use serde_json::{Value, json};

use crate::environment::Process;
use crate::exit_code;
use crate::failure::{Failure, chain};
use crate::shell::Shell;
use crate::targets::EnvironmentArgs;

/// Show what is live on each target, since when, verified or not, who holds the lock, and what drifted.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Which environment.
    #[command(flatten)]
    environment: EnvironmentArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// One object
    Json,
}

impl Status {
    /// Asks every target and prints.
    ///
    /// # Errors
    ///
    /// When there is no such environment, or its logins cannot be read. A target that does not answer is shown.
    pub(crate) fn run(&self, shell: &mut Shell, process: &Process) -> Result<u8, Failure> {
        let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::new("E-RUNTIME", error.to_string()))?;
        let name = self.environment.environment.clone();
        let (statuses, exit) = runtime.block_on(async {
            let opened = self.environment.open(shell, process).await?;
            let statuses = status(&opened.targets, SshLimits::default()).await;
            let exit =
                statuses.iter().find_map(|one| Some(sealock_diagnostics::codes::exit(one.told.as_ref().err()?.code())));
            Ok::<_, Failure>((statuses, exit))
        })?;
        let text = match self.format {
            Format::Text => text(&name, &statuses),
            Format::Json => format!(
                "{}\n",
                json!({ "environment": name, "targets": statuses.iter().map(|one| object(one, &name)).collect::<Vec<_>>() })
            ),
        };
        match self.format {
            Format::Text => shell.answer(&text),
            Format::Json => shell.machine(&text),
        }
        Ok(exit.unwrap_or(exit_code::SUCCESS))
    }
}

fn text(environment: &str, statuses: &[TargetStatus]) -> String {
    let holders = statuses.iter().filter_map(|one| Some((one.name.as_str(), one.told.as_ref().ok()?.holder.as_ref()?)));
    let (stale, held): (Vec<_>, Vec<_>) = holders.partition(|(_, holder)| holder.left_seconds.is_none());
    let by = |(name, holder): &(&str, &Holder)| {
        format!("{name} is held by run {} ({})", escape(&holder.run), escape(&holder.who))
    };
    let lock = match held.as_slice() {
        [] => "no deployment is running".to_owned(),
        held => held.iter().map(by).collect::<Vec<_>>().join(", "),
    };
    let mut out = format!("{environment:<56} {lock}\n");
    for (name, holder) in stale {
        let (run, who) = (escape(&holder.run), escape(&holder.who));
        let text = format!("run {run} ({who}) left a stale lock on {name}");
        let _ = writeln!(out, "  {text}: the next run takes it over.  sealock unlock {environment}");
    }
    let width = statuses.iter().map(|one| one.name.len()).max().unwrap_or(0);
    for one in statuses {
        match &one.told {
            Ok(live) => line(&mut out, &one.name, width, live, environment),
            Err(error) => drop(writeln!(out, "  {:width$}  does not answer: {}", one.name, chain(error))),
        }
    }
    out
}

fn line(out: &mut String, name: &str, width: usize, live: &LiveStatus, environment: &str) {
    let Some(release) = &live.live else {
        let _ = writeln!(out, "  {name:width$}  nothing is deployed");
        return;
    };
    let commit = release
        .details
        .iter()
        .find(|(name, _)| name == "commit")
        .map(|(_, commit)| commit.chars().take(7).collect::<String>());
    let verified = match live.verified_ms {
        Some(ms) => format!("verified {}", ago(ms, live.state.now)),
        None => "not verified".to_owned(),
    };
    let images: Vec<String> = release
        .images
        .iter()
        .map(|(image, digest)| format!("{} sha256:{}…", short_image(image), &digest.hex()[..8]))
        .collect();
    let _ = writeln!(
        out,
        "  {name:width$}  {}  {}  {verified}   {}",
        escape(&release.id),
        escape(&commit.unwrap_or_default()),
        escape(&images.join("  "))
    );
    for drift in &live.drift {
        let _ = writeln!(out, "  {:width$}  {}", "", escape(&drift_text(drift, environment)));
    }
}

/// A service, or the last part of a reference.
fn short_image(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}

fn ago(then_ms: u64, now_s: u64) -> String {
    let seconds = now_s.saturating_sub(then_ms / 1000);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..172_800 => format!("{} hours ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

fn drift_text(drift: &Drift, environment: &str) -> String {
    match drift {
        Drift::Moved { expected, found, back, .. } => {
            let (expected, found) = (expected.as_deref().unwrap_or("none"), found.as_deref().unwrap_or("none"));
            let way = back_to(environment, back.as_ref());
            format!("somebody moved `current` by hand to {found}; the ledger says {expected}.  {way}")
        }
        Drift::Cut { run, back } => {
            let way = back_to(environment, back.as_ref());
            format!("run {run} was cut off while it moved `current`.  sealock resume {run}, or {way}")
        }
        Drift::Missing { release, back } => {
            let way = back_to(environment, back.as_ref());
            format!("somebody deleted the folder of {release}.  {way}")
        }
        Drift::Behind { other, release, is_usable } => {
            let way = back_to(environment, Some(release).filter(|_| *is_usable));
            format!("{other} runs {release}, which is newer and verified.  {way}")
        }
    }
}

/// What to type, where that is not refused.
fn back_to(environment: &str, release: Option<&String>) -> String {
    release.map_or_else(
        || "deploy once more: no release to go to is there".to_owned(),
        |release| format!("sealock rollback {environment} --to {release}"),
    )
}

fn object(one: &TargetStatus, environment: &str) -> Value {
    match &one.told {
        Err(error) => json!({ "target": one.name, "error": { "code": error.code(), "message": chain(error) } }),
        Ok(live) => json!({
            "target": one.name,
            "release": live.live.as_ref().map(|release| &release.id),
            "images": live.live.as_ref().map(|release| &release.images),
            "verified_ms": live.verified_ms,
            "held_by": live.holder.as_ref().map(held_by),
            "drift": live.drift.iter().map(|drift| drift_text(drift, environment)).collect::<Vec<_>>(),
        }),
    }
}

/// `left_seconds` is null where the lease has ended: the lock is stale.
fn held_by(holder: &Holder) -> Value {
    json!({ "run": holder.run, "who": holder.who, "since": holder.since, "left_seconds": holder.left_seconds })
}
