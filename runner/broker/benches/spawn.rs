//! What it costs to start `sh -c true` behind the wall, against starting it without one.
//!
//! Both are waited for to their ends, one after another. The ratio is what counts: it may be 3 at most.

#![expect(clippy::print_stdout, reason = "a bench reports to who runs it")]

use std::collections::BTreeMap;
use std::error::Error;
use std::process::Command as Plain;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sealock_broker::confine::Zygote;
use sealock_broker::process::{Host, HostSpec};
use sealock_broker::{Broker, EnvText, NoteSink, StepDesk, StepDeskSpec, WorkspaceDir};
use sealock_contract::grant::FileGrant;
use sealock_contract::seam::{Command, Desk, Note, Request, Response, Stdio};
use sealock_contract::{Grant, GrantTable, StepLimits, StepName};
use sealock_secrets::Vault;

/// Starts between two looks at the clock.
const STARTS: u32 = 50;
/// Rounds of both; the best of each counts, because others use the machine too.
const ROUNDS: u32 = 20;
const RATIO_MAX: f64 = 3.0;

struct Nobody;

impl NoteSink for Nobody {
    fn note(&self, _: &StepName, _: Vec<Note>) {}
}

fn main() -> Result<(), Box<dyn Error>> {
    let zygote = Arc::new(Zygote::start()?);
    let wall = zygote.wall();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let desk = desk(zygote, folder.path())?;
    let (mut best, mut peer) = (Duration::MAX, Duration::MAX);
    for _ in 0..ROUNDS {
        best = best.min(runtime.block_on(confined(&desk))?);
        peer = peer.min(plain()?);
    }
    let ratio = best.as_secs_f64() / peer.as_secs_f64();
    println!("wall: {wall}");
    println!("confined {best:?}, plain {peer:?}, ratio {ratio:.2} (at most {RATIO_MAX})");
    if ratio > RATIO_MAX { Err("starting behind the wall costs too much".into()) } else { Ok(()) }
}

fn desk(zygote: Arc<Zygote>, folder: &std::path::Path) -> Result<Arc<StepDesk>, Box<dyn Error>> {
    let name = StepName { stage: "bench".into(), step: "1".into() };
    let grant = Grant { exec: vec!["*".into()], files: FileGrant::write_all(), ..Grant::default() };
    let (workspace, temporary) = (folder.join("workspace"), folder.join("temporary"));
    std::fs::create_dir(&workspace)?;
    std::fs::create_dir(&temporary)?;
    let broker = Broker::builder(GrantTable::from([(name.clone(), grant)]), Vault::new()).build();
    Ok(broker.desk(StepDeskSpec {
        name,
        epoch: 1,
        action: "run-1".to_owned(),
        limits: StepLimits::default(),
        workspace: Arc::new(WorkspaceDir::open(workspace)?),
        temporary,
        env: vec![("PATH".into(), EnvText::Plain("/usr/bin:/bin".into()))],
        secret_inputs: BTreeMap::new(),
        place: Arc::new(Host::new(zygote, HostSpec::default())),
        sink: Arc::new(Nobody),
    }))
}

async fn confined(desk: &StepDesk) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..STARTS {
        let command = Command {
            program: "sh".into(),
            args: vec!["-c".into(), "true".into()],
            stdout: Stdio::Log,
            stderr: Stdio::Log,
            ..Command::default()
        };
        let Response::Running(running) = desk.call(Request::Start(command)).await? else {
            return Err("nothing runs".into());
        };
        desk.call(Request::Wait { running, timeout_ms: None }).await?;
        desk.call(Request::Drop { handle: running }).await?;
    }
    Ok(start.elapsed() / STARTS)
}

fn plain() -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    for _ in 0..STARTS {
        Plain::new("sh").args(["-c", "true"]).status()?;
    }
    Ok(start.elapsed() / STARTS)
}
