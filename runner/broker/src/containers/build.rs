//! Builds an image: with BuildKit where the engine has it, else with its first builder.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bollard::models::BuildInfoAux;
use http::Method;
use http::request::Builder;
use sealock_contract::seam::{Annotation, Build, Level, Location, Note, Refusal, Stdio};
use sealock_contract::{Digest, ErrorKind, StepError};
use sealock_secrets::SecretBytes;
use serde_json::Value;

use super::context::BuildContext;
use super::dockerfile::{self, Instruction};
use super::engine::Engine;
use super::handler::StepLog;
use super::login::Logins;
use super::registry::{Failure, classify};
use super::session::{Offers, Session};
use super::trace::Trace;
use super::wire::{self, Answer, Body, error_of, query};
use super::{again, base, filesync, label, reference, tarball};
use crate::output::OutputPump;
use crate::step::Step;

/// Said in errors.
const DOING: &str = "build the image";
/// Arguments and labels go in the request's line, and engines and clients take so much there.
const REQUEST_LINE_BYTES: usize = 60 << 10;

/// Builds what `build` asks for and gives the image's id; once more when the engine went away in the middle. Dropping the
/// future stops the build.
///
/// # Errors
///
/// `E-IMAGE-BUILD` with the Dockerfile's line, `E-ENGINE-UNSUPPORTED`, `E-DOCKER-…`, and what
/// [`BuildContext::read`] refuses.
pub(super) async fn build(engine: &Engine, run: &str, step: &Arc<Step>, build: Build) -> Result<String, Refusal> {
    check(&build)?;
    let log = StepLog::new(step)?;
    let tell = |line: String| log.tell(&line);
    again::once_more(engine, &tell, || build_once(engine, run, step, &build)).await
}

async fn build_once(engine: &Engine, run: &str, step: &Arc<Step>, build: &Build) -> Result<String, Refusal> {
    let logins = Logins::of(step, &build.credentials)?;
    let secrets = secrets(step, build)?;
    let has_buildkit = engine.known().await?.has_buildkit;
    check_engine(has_buildkit, build)?;
    let context = read_context(step, build).await?;
    let mut pairs = parameters(run, step, build);
    let telling = Telling { pump: OutputPump::new(step, &Stdio::Log)?, step: step.clone(), context: context.clone() };
    if has_buildkit {
        let log = StepLog::new(step)?;
        base::have(engine, build, &context.dockerfile, &logins, &|line| log.tell(&line)).await?;
        drop(log);
        let shared_key =
            Digest::of(format!("{}\0{}", step.workspace().path().display(), build.context).as_bytes()).hex();
        let session = Session::open(engine, Offers { context, secrets, logins, shared_key }).await?;
        pairs.extend([
            ("version", "2".to_owned()),
            ("session", session.id().to_owned()),
            ("remote", "client-session".to_owned()),
            ("dockerfile", filesync::DOCKERFILE.to_owned()),
        ]);
        let answer = send(engine, &pairs, Builder::new(), wire::empty()).await?;
        telling.buildkit(engine, answer).await
    } else {
        pairs.extend(build.pull.then(|| ("pull", "1".to_owned())));
        pairs.extend([("dockerfile", tarball::dockerfile_name(&context)), ("forcerm", "1".to_owned())]);
        let builder = Builder::new()
            .header(http::header::CONTENT_TYPE, "application/x-tar")
            .header("X-Registry-Config", logins.headers());
        let body = wire::streamed(wire::received(tarball::archive(context)));
        let answer = send(engine, &pairs, builder, body).await?;
        telling.classic(engine, answer).await
    }
}

/// Names and texts that would mean something else to the engine.
fn check(build: &Build) -> Result<(), Refusal> {
    for reference in &build.cache_from {
        reference::parse(reference)?;
    }
    if let Some((name, _)) = build.args.iter().find(|(name, _)| name.is_empty() || name.contains(['=', '\0'])) {
        return Err(invalid(&format!("`{}` is no name of a build argument", name.escape_debug())));
    }
    let is_stage_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if build.target.as_deref().is_some_and(|target| target.starts_with('-') || !target.chars().all(is_stage_char)) {
        return Err(invalid("a target is the name of a stage of the Dockerfile"));
    }
    let is_platform_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-');
    if build.platform.as_deref().is_some_and(|platform| !platform.chars().all(is_platform_char)) {
        return Err(invalid("one platform is built at a time, such as linux/amd64"));
    }
    Ok(())
}

fn check_engine(has_buildkit: bool, build: &Build) -> Result<(), Refusal> {
    if !build.cache_to.is_empty() {
        return Err(unsupported("the engine's API cannot write a build cache elsewhere", "leave `cache-to` out"));
    }
    if !has_buildkit && !build.secrets.is_empty() {
        let what = "this engine has no BuildKit, and secrets of a build need it";
        return Err(unsupported(what, "use a Docker engine 18.09 or newer, or build without secrets"));
    }
    Ok(())
}

fn secrets(step: &Step, build: &Build) -> Result<HashMap<String, SecretBytes>, Refusal> {
    let secret = |(id, handle): &(String, _)| Ok((id.clone(), step.secret_bytes(&*step.handles().secret(*handle)?)?));
    build.secrets.iter().map(secret).collect()
}

async fn read_context(step: &Arc<Step>, build: &Build) -> Result<Arc<BuildContext>, Refusal> {
    let (step, context, file) = (step.clone(), build.context.clone(), build.file.clone());
    let reading = tokio::task::spawn_blocking(move || BuildContext::read(&step, &context, file.as_deref()));
    reading.await.map_err(|error| invalid(&format!("the context was not read: {error}")))?
}

fn parameters(run: &str, step: &Step, build: &Build) -> Vec<(&'static str, String)> {
    let args: BTreeMap<&str, &str> = build.args.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut labels: BTreeMap<&str, String> =
        build.labels.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    labels.insert(label::RUN, run.to_owned());
    labels.insert(label::STEP, step.name().to_string());
    let mut pairs = vec![
        ("buildargs", serde_json::json!(args).to_string()),
        ("labels", serde_json::json!(labels).to_string()),
        ("cachefrom", serde_json::json!(build.cache_from).to_string()),
        ("networkmode", if build.network { "default" } else { "none" }.to_owned()),
    ];
    let mut add = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    add("target", build.target.clone());
    add("platform", build.platform.clone());
    add("nocache", build.no_cache.then(|| "1".to_owned()));
    pairs
}

async fn send(
    engine: &Engine,
    pairs: &[(&str, String)],
    builder: Builder,
    body: Body,
) -> Result<Result<Answer, String>, Refusal> {
    let path = format!("/build?{}", query(pairs));
    if path.len() > REQUEST_LINE_BYTES {
        return Err(invalid("the build's arguments and labels are longer than the engine takes"));
    }
    let answer = engine.send(DOING, builder.method(Method::POST), &path, body).await?;
    Ok(answer.successful().await.map_err(|(_, said)| said))
}

/// Follows one build, tells what it says, and says why it failed.
struct Telling {
    pump: OutputPump,
    step: Arc<Step>,
    context: Arc<BuildContext>,
}

impl Telling {
    fn say(&mut self, line: &str) -> Result<(), Refusal> {
        self.pump.write(line.as_bytes())?;
        self.pump.write(b"\n")
    }

    async fn buildkit(mut self, engine: &Engine, answer: Result<Answer, String>) -> Result<String, Refusal> {
        let mut trace = Trace::default();
        let mut image = None;
        let mut values = answer.map_err(|said| self.failed(None, &said))?.values();
        while let Some(value) = values.next().await.map_err(|error| engine.lost(DOING, &error))? {
            if let Some(said) = error_of(&value) {
                let name = trace.failed().map(|failed| failed.name.clone());
                let said = trace.failed().map_or(said, |failed| &failed.error).to_owned();
                return Err(self.failed(name.as_deref(), &said));
            }
            if value.get("id").and_then(Value::as_str) == Some("moby.image.id") {
                image = id_of(&value).or(image);
            } else if let Some(aux) = value.get("aux").cloned()
                && let Ok(BuildInfoAux::BuildKit(status)) = serde_json::from_value(aux)
            {
                for line in trace.take(&status) {
                    self.say(&line)?;
                }
            }
        }
        image.ok_or_else(|| engine.lost(DOING, &"the build ended without an image"))
    }

    async fn classic(mut self, engine: &Engine, answer: Result<Answer, String>) -> Result<String, Refusal> {
        let mut image = None;
        let mut instruction = None;
        let mut values = answer.map_err(|said| self.failed(None, &said))?.values();
        while let Some(value) = values.next().await.map_err(|error| engine.lost(DOING, &error))? {
            if let Some(said) = error_of(&value) {
                return Err(self.failed(instruction.as_deref(), said));
            }
            image = id_of(&value).or(image);
            let Some(text) = value.get("stream").and_then(Value::as_str) else { continue };
            if let Some((_, text)) = text.strip_prefix("Step ").and_then(|rest| rest.split_once(" : ")) {
                instruction = Some(text.trim().to_owned());
            }
            self.pump.write(text.as_bytes())?;
        }
        image.ok_or_else(|| engine.lost(DOING, &"the build ended without an image"))
    }

    fn failed(&self, name: Option<&str>, said: &str) -> Refusal {
        let said = said.trim();
        let path = &self.context.dockerfile.path;
        let instructions = dockerfile::instructions(&self.context.dockerfile.text);
        let Some(found) = name.and_then(|name| dockerfile::find(&instructions, name)) else {
            return no_instruction(path, said);
        };
        self.annotate(&found, said);
        let message = format!("{path}, line {}: `{}` failed: {said}", found.line, found.text);
        from_registry(said, StepError::new(ErrorKind::Failed, "E-IMAGE-BUILD", message))
            .detail("file", path.clone())
            .detail("line", found.line.to_string())
    }

    fn annotate(&self, found: &Instruction, said: &str) {
        let path = self.context.dockerfile.path.clone();
        let location = Location { file: path, line: found.line, column: None, end_line: None, end_column: None };
        let message = self.step.redactor().redact_text(&format!("`{}` failed: {said}", found.text)).into_owned();
        let title = Some("image build".to_owned());
        let note = Annotation { level: Level::Error, message, title, location: Some(location) };
        // A log that is full does not make the failure another one.
        let _ = self.step.tell(vec![Note::Annotation(note)]);
    }
}

/// The whole build failed, or before its first instruction.
fn no_instruction(path: &str, said: &str) -> Refusal {
    let failed = StepError::new(ErrorKind::Failed, "E-IMAGE-BUILD", format!("{path} was not built: {said}"));
    from_registry(said, failed)
}

/// A base image that could not be had is not the Dockerfile's fault.
fn from_registry(said: &str, failed: StepError) -> StepError {
    const OF_REGISTRIES: &[&str] = &["load metadata for", "pull access", "failed to solve with frontend", "/v2/"];
    let is_about_registry = OF_REGISTRIES.iter().any(|needle| said.contains(needle));
    let code = match classify(said) {
        Failure::Auth if is_about_registry => "E-REGISTRY-AUTH",
        Failure::Unreachable if is_about_registry => "E-REGISTRY-UNREACHABLE",
        Failure::Unavailable if is_about_registry => "E-REGISTRY-UNAVAILABLE",
        _ => return failed,
    };
    StepError { kind: ErrorKind::Remote, code: code.to_owned(), ..failed }
}

fn id_of(value: &Value) -> Option<String> {
    value.get("aux")?.get("ID")?.as_str().map(str::to_owned)
}

fn invalid(message: &str) -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-BUILD-INVALID", message)
}

fn unsupported(what: &str, help: &str) -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-ENGINE-UNSUPPORTED", what).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_engine_would_take_for_something_else_is_refused() {
        let code = |build: Build| check(&build).expect_err("refused").code;
        assert_eq!(code(Build { target: Some("-x".into()), ..Build::default() }), "E-BUILD-INVALID");
        assert_eq!(
            code(Build { platform: Some("linux/amd64,linux/arm64".into()), ..Build::default() }),
            "E-BUILD-INVALID"
        );
        assert_eq!(code(Build { args: vec![("A=B".into(), "1".into())], ..Build::default() }), "E-BUILD-INVALID");
        assert_eq!(code(Build { cache_from: vec!["-v".into()], ..Build::default() }), "E-IMAGE-NAME");
    }

    #[test]
    fn what_an_engine_cannot_do_is_said_before_anything_is_sent() {
        let cached = Build { cache_to: vec!["a".into()], ..Build::default() };
        assert_eq!(check_engine(true, &cached).expect_err("refused").code, "E-ENGINE-UNSUPPORTED");
        let secret = Build { secrets: vec![("a".into(), sealock_contract::seam::Handle(1))], ..Build::default() };
        assert!(check_engine(true, &secret).is_ok());
        assert_eq!(check_engine(false, &secret).expect_err("refused").code, "E-ENGINE-UNSUPPORTED");
    }
}
