//! Native programs: the checks that hold wherever they run. A [`Place`](crate::place::Place) starts them.

mod host;

use std::sync::Arc;
use std::time::Duration;

use sealock_contract::grant::Capability;
use sealock_contract::seam::{Answer, Command, Refusal, Request, Response};
use sealock_contract::{ErrorKind, StepError, grant};

use crate::handler::Handler;
use crate::handles::Object;
use crate::output::OutputPump;
use crate::place::{Launch, Program, Stdin};
use crate::step::Step;

pub use crate::confine::HostSpec;
pub use host::{Host, KILL_GRACE_MS};

/// Starts native programs for steps.
pub(crate) struct Processes;

impl Handler for Processes {
    fn handle<'a>(&'a self, step: &'a Arc<Step>, request: Request) -> Answer<'a> {
        Box::pin(async move {
            match request {
                Request::Start(command) => start(step, command).await,
                _ => Err(StepError::new(ErrorKind::Other, "E-DESK-HANDLER", "this is not a request for programs")),
            }
        })
    }
}

async fn start(step: &Arc<Step>, command: Command) -> Result<Response, Refusal> {
    step.grant().check_exec(&command.program)?;
    step.acts_on(Capability::Exec, &command.program);
    let launch = check(step, command)?;
    step.lose_account();
    let running = step.place().start(step, launch).await?;
    // A step that has no room for the handle drops `running` here, and that kills it.
    let handle = step.handles().insert(Object::Running(running))?;
    step.account();
    Ok(Response::Running(handle))
}

fn check(step: &Arc<Step>, command: Command) -> Result<Launch, Refusal> {
    let cwd = if command.cwd.is_empty() { ".".to_owned() } else { grant::plain(&command.cwd)? };
    step.open_cwd(&cwd)?;
    Ok(Launch {
        program: program(&command.program)?,
        env: step.environment(command.env, &command.secret_env)?,
        stdin: stdin(step, command.stdin_bytes, command.stdin_file, command.stdin_secret)?,
        stdout: OutputPump::new(step, &command.stdout)?,
        stderr: OutputPump::new(step, &command.stderr)?,
        args: check_args(command.args)?,
        cwd,
        timeout: command.timeout_ms.map(Duration::from_millis),
    })
}

fn program(text: &str) -> Result<Program, Refusal> {
    if text.is_empty() || text.contains('\0') {
        return Err(invalid("a program has a name, and no NUL in it"));
    }
    if text.starts_with('/') && !text.starts_with("/workspace/") {
        return Ok(Program::Named(text.to_owned()));
    }
    if text.contains('/') { grant::plain(text).map(Program::InWorkspace) } else { Ok(Program::Named(text.to_owned())) }
}

fn check_args(args: Vec<String>) -> Result<Vec<String>, Refusal> {
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err(invalid("an argument holds a NUL"));
    }
    Ok(args)
}

fn stdin(
    step: &Step,
    bytes: Option<Vec<u8>>,
    file: Option<String>,
    secret: Option<sealock_contract::seam::Handle>,
) -> Result<Stdin, Refusal> {
    match (bytes, file, secret) {
        (None, None, None) => Ok(Stdin::Empty),
        (Some(bytes), None, None) => Ok(Stdin::Bytes(bytes)),
        (None, Some(path), None) => step.open_file(&path).map(Stdin::File),
        (None, None, Some(handle)) => Ok(Stdin::Secret(step.secret_bytes(&*step.handles().secret(handle)?)?)),
        _ => Err(invalid("a program reads one of bytes, a file, and a secret; found more than one")),
    }
}

fn invalid(message: &str) -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-PROCESS-INVALID", message)
}
