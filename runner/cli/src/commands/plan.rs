//! `sealock plan [PIPELINE]`

use clap::{Args, ValueEnum};

use crate::environment::Process;
use crate::failure::Failure;
use crate::planning::{PlanArgs, Repository};
use crate::shell::Shell;
use crate::{exit_code, refusals, wall};

/// Show what would run, on which condition, with which grants and digests. Nothing is run.
#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// What to plan.
    #[command(flatten)]
    plan: PlanArgs,
    /// How to print the plan
    #[arg(long, value_enum, default_value_t = Format::Text, env = "SEALOCK_FORMAT", hide_env = true)]
    format: Format,
}

/// How to print the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// The frozen plan, whole
    Json,
    /// A Mermaid graph
    Mermaid,
}

impl Plan {
    /// Plans and prints.
    ///
    /// # Errors
    ///
    /// When there is no pipeline.
    pub(crate) fn run(&self, shell: &mut Shell, process: &Process) -> Result<u8, Failure> {
        let repository = Repository::at(shell);
        let prepared = match self.plan.prepare(shell, &repository)? {
            Ok(prepared) => prepared,
            Err(exit) => return Ok(exit),
        };
        let plan = &prepared.plan;
        let refusals = refusals::deployments(plan, prepared.uncommitted.count());
        let withheld = refusals::left_out(plan);
        for refusal in refusals::not_yet(plan).iter().chain(&refusals).chain(&withheld) {
            shell.tell(&refusal.warning());
        }
        match self.format {
            Format::Text => shell.answer(&sealock_plan::text::text(plan, &wall::words(process.wall()))),
            Format::Mermaid => shell.answer(&sealock_plan::text::mermaid(plan)),
            Format::Json => shell.machine(&format!("{}\n", json(plan))),
        }
        Ok(exit_code::SUCCESS)
    }
}

fn json(plan: &sealock_plan::Plan) -> String {
    let mut value = serde_json::to_value(plan).expect("a plan holds only maps with text keys");
    value["digest"] = plan.digest().to_string().into();
    value["not_yet"] = sealock_plan::not_yet(plan).into();
    serde_json::to_string_pretty(&value).expect("JSON prints")
}
