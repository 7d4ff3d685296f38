//! Scripts of steps, on targets.

use std::sync::Arc;
use std::time::Duration;

use sealock_broker::{Object, OutputPump, Started};
use sealock_contract::seam::{Exit, Refusal, Response, Script};
use sealock_contract::{ErrorKind, StepError};
use tokio_util::sync::CancellationToken;

use crate::action::{self, Action, Output};
use crate::bundle::ScriptBundle;
use crate::deployment::Deployment;
use crate::handler::Place;
use crate::held::Held;

/// Starts a step's script; the step follows it by a handle.
pub(crate) async fn start(place: &Place<'_>, asked: &Script) -> Result<Response, Refusal> {
    let held = place.held()?;
    place.deployment.check_one(held).await?;
    let user = allowed_user(place, asked.user.as_deref())?;
    if !is_preparing(place, held, &asked.cwd) {
        place.deployment.touch();
    }
    let archive = bundle(place, asked)?;
    let (run, key) = (place.deployment.run().to_owned(), place.next_key());
    let once = is_once(asked) && !place.deployment.is_void(place.step.action());
    let action = Action { key, epoch: held.epoch, run, user, once, archive };
    let pumps =
        Pumps { out: OutputPump::new(place.step, &asked.stdout)?, err: OutputPump::new(place.step, &asked.stderr)? };
    let (stdout, stderr) = (pumps.out.capture(), pumps.err.capture());
    let timeout = asked.timeout_ms.map(Duration::from_millis);
    let (deployment, name) = (place.deployment.clone(), place.name.clone());
    let started = Started::spawn(timeout, stdout, stderr, |stop| follow(deployment, name, action, pumps, stop));
    place.step.handles().insert(Object::Running(started)).map(Response::Running)
}

/// An entry of a script's environment by which a step asks that the script is started once in a try, also when the try is
/// made again after a crash: then what it printed and its exit code are those of the first time.
const ONCE: &str = "SEALOCK_ONCE";

fn is_once(asked: &Script) -> bool {
    asked.env.iter().any(|(name, _)| name == ONCE)
}

/// Whether a script starts in the release that is being made, which is not live yet.
fn is_preparing(place: &Place<'_>, held: &Held, cwd: &str) -> bool {
    let state = held.state();
    let release = place.deployment.release();
    let folder = format!("{}/releases/{release}", state.directory);
    let is_inside = cwd.strip_prefix(&folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    is_inside && !cwd.contains("/..") && state.current.as_deref() != Some(release)
}

async fn follow(
    deployment: Arc<Deployment>,
    name: String,
    action: Action,
    mut pumps: Pumps,
    stop: CancellationToken,
) -> Result<Exit, Refusal> {
    let held = deployment.held(&name)?;
    let running = action::run(held, &action, &mut pumps);
    let ended = if let Some(ended) = stop.run_until_cancelled(running).await {
        ended
    } else {
        action::kill(&held.link, &action.key).await?;
        Ok(KILLED)
    };
    if matches!(&ended, Err(error) if error.kind == ErrorKind::Quota || error.code == "E-FILE-IO") {
        action::kill(&held.link, &action.key).await?;
    }
    pumps.out.finish()?;
    pumps.err.finish()?;
    deployment.heed(ended).map(Exit::Code)
}

/// What a shell returns for something that was ended by force.
const KILLED: i32 = 137;

/// Both streams of a script, on their way to where the step wants them.
struct Pumps {
    out: OutputPump,
    err: OutputPump,
}

impl Output for &mut Pumps {
    fn out(&mut self, bytes: &[u8]) -> Result<(), StepError> {
        self.out.write(bytes)
    }

    fn err(&mut self, bytes: &[u8]) -> Result<(), StepError> {
        self.err.write(bytes)
    }
}

fn allowed_user(place: &Place<'_>, user: Option<&str>) -> Result<String, Refusal> {
    let Some(user) = user else { return Ok(String::new()) };
    let held = place.held()?;
    if held.sudo.iter().any(|allowed| allowed == user) {
        return Ok(user.to_owned());
    }
    let message = format!("target `{}` does not allow scripts as `{}`", place.name, user.escape_debug());
    Err(StepError::new(ErrorKind::Denied, "E-TARGET-SUDO", message)
        .help(format!("environments.<name>.targets.{}: {{ sudo: [{user}] }}", place.name)))
}

fn bundle(place: &Place<'_>, asked: &Script) -> Result<bytes::Bytes, Refusal> {
    let secret = |handle| place.step.secret_bytes(&*place.step.handles().secret(handle)?);
    let mut secrets = Vec::with_capacity(asked.secret_env.len());
    for (name, handle) in &asked.secret_env {
        secrets.push((name.as_str(), secret(*handle)?));
    }
    let plain = asked.env.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let secret_env = secrets.iter().map(|(name, value)| (*name, value.expose()));
    let env: Vec<_> = plain.chain(secret_env).collect();
    let stdin_secret = asked.stdin_secret.map(secret).transpose()?;
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the type's crate is not imported here")]
    let stdin = stdin_secret.as_ref().map(|secret| secret.expose()).or(asked.stdin_bytes.as_deref());
    check_words(asked, &env)?;
    Ok(ScriptBundle { text: &asked.text, args: &asked.args, env, cwd: &asked.cwd, stdin }.archive())
}

fn check_words(asked: &Script, env: &[(&str, &[u8])]) -> Result<(), Refusal> {
    let refuse = |what: String| Err(StepError::new(ErrorKind::Invalid, "E-TARGET-WORD", what));
    if let Some((name, _)) = env.iter().find(|(name, _)| !is_variable(name)) {
        return refuse(format!("`{}` is not the name of an environment variable", name.escape_debug()));
    }
    if let Some((name, _)) = env.iter().find(|(_, value)| value.contains(&0)) {
        return refuse(format!("the value of `{name}` holds a NUL, which no environment can"));
    }
    if asked.args.iter().any(|arg| arg.contains('\0')) {
        return refuse("an argument holds a NUL, which no argument can".to_owned());
    }
    if asked.cwd.contains(char::is_control) {
        return refuse("the working directory holds a control character".to_owned());
    }
    Ok(())
}

fn is_variable(name: &str) -> bool {
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
