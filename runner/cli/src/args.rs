//! The command line's shape.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands;

/// Delivery pipelines whose steps start with nothing and get only what is granted.
#[derive(Debug, Parser)]
#[command(name = "sealock", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// What applies to every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What applies to every command.
#[derive(Clone, Debug, Args)]
#[command(next_display_order = 900)]
pub(crate) struct Global {
    /// Start in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, env = "SEALOCK_DIRECTORY")]
    pub directory: Option<PathBuf>,
    /// Where runs and their journal are kept; also `SEALOCK_STATE` in the environment, as for most options
    #[arg(long, value_name = "DIR", global = true, env = "SEALOCK_STATE", hide_env = true)]
    pub state: Option<PathBuf>,
    /// Where compiled plugins are kept
    #[arg(long, value_name = "DIR", global = true, env = "SEALOCK_CACHE", hide_env = true)]
    pub cache: Option<PathBuf>,
    /// The policy that pipelines are held to, in place of the machine's own (/etc/sealock/policy.toml)
    #[arg(long, value_name = "FILE", global = true, env = "SEALOCK_POLICY", hide_env = true)]
    pub policy: Option<PathBuf>,
    /// When to colour
    #[arg(long, value_enum, default_value_t = When::Auto, global = true, env = "SEALOCK_COLOR", hide_env = true)]
    pub color: When,
    /// Say less
    #[arg(short, long, global = true, env = "SEALOCK_QUIET", hide_env = true)]
    pub quiet: bool,
    /// Say more; more each time
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub verbose: u8,
    /// No spinners and no moving lines
    #[arg(long, global = true, env = "SEALOCK_NO_PROGRESS", hide_env = true)]
    pub no_progress: bool,
}

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// One command.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plan and run a pipeline
    Run(commands::run::Run),
    /// Show every problem of every file; nothing is run
    Check(commands::check::Check),
    /// Show what would run, on which condition, with which grants
    Plan(commands::plan::Plan),
    /// Evaluate one expression and print its value as JSON
    Eval(commands::eval::Eval),
    /// Ask a run in another process to stop
    Cancel(commands::cancel::Cancel),
    /// Go on with a run that was interrupted, needs recovery, or failed
    Resume(commands::resume::Resume),
    /// List the runs of this machine, the newest first
    Runs(commands::runs::Runs),
    /// Show one run again
    Show(commands::show::Show),
    /// Show what is live on each target of an environment
    Status(commands::status::Status),
    /// Go back to the last verified release of an environment
    Rollback(commands::rollback::Rollback),
    /// Take a stale lock over, in the open
    Unlock(commands::unlock::Unlock),
    /// Write the smallest `allow` that would have been enough for a run
    Allow(commands::allow::Allow),
    /// Pin what pipelines name and the lockfile has not yet
    Lock(commands::lock::Lock),
    /// Move pins to newer versions, and show what these ask for
    Update(commands::update::Update),
    /// Fetch everything that is locked now
    Fetch(commands::fetch::Fetch),
    /// Look at plugins, and make them
    Plugin(commands::plugin::Plugin),
    /// Verify the record of every run
    Doctor(commands::doctor::Doctor),
    /// Explain an error code
    Explain(commands::explain::Explain),
    /// Print a completion script for a shell
    Completions(commands::completions::Completions),
    /// Print the manual page
    Man(commands::man::Man),
    /// Print the version, and what this machine offers
    Version(commands::version::Version),
    /// Compile one component, in a process of its own that can be killed
    #[command(name = "__compile", hide = true)]
    Compile(commands::compile::Compile),
}
