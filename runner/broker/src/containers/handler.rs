//! What steps ask of the engine.

use std::sync::{Arc, Mutex, PoisonError};

use sealock_contract::grant::{Capability, denied};
use sealock_contract::seam::{
    Answer, Build, ContainerCommand, ContainersRequest, Push, Refusal, Request, Response, Stdio,
};
use sealock_contract::{ErrorKind, StepError};

use super::label;
use super::login::Logins;
use super::reference::{self, ImageName};
use super::scope::Scope;
use super::{build, pull, push, run};
use crate::handler::Handler;
use crate::handles::Object;
use crate::output::OutputPump;
use crate::step::Step;

/// Builds, pushes, and runs for the steps of one run, each within its grant.
///
/// An image that is not named by a grant (`containers: { run: […] }`) may be pushed or run only when this
/// run built it: an engine is shared, and other people's images are in it too.
pub struct ContainersHandler {
    scope: Arc<Scope>,
}

impl ContainersHandler {
    /// Puts what it starts into `scope`.
    pub fn new(scope: Arc<Scope>) -> Self {
        Self { scope }
    }

    async fn build(&self, step: &Arc<Step>, request: Build) -> Result<Response, Refusal> {
        step.grant().containers.check_build(&format!("an image from {}", request.context))?;
        step.acts_on(Capability::Build, &request.context);
        build::build(self.scope.engine(), self.scope.run(), step, request).await.map(Response::Image)
    }

    async fn push(&self, step: &Arc<Step>, request: Push) -> Result<Response, Refusal> {
        let to = request.to.iter().map(|text| target(step, text)).collect::<Result<Vec<_>, _>>()?;
        let logins = Logins::of(step, &request.credentials)?;
        let image = self.image(step, &request.image, Capability::Push).await?;
        let (engine, log) = (self.scope.engine(), StepLog::new(step)?);
        let tell = |line: String| log.tell(&line);
        // A probe changes nothing: what it would push is looked for.
        let pushed = if step.is_probing() {
            push::look(engine, &image, &to, &logins, &tell).await
        } else {
            push::push(engine, &image, &to, &logins, &tell).await
        };
        pushed.map(Response::Digest)
    }

    async fn run(&self, step: &Arc<Step>, request: ContainerCommand) -> Result<Response, Refusal> {
        let image = match step.grant().containers.check_run(&request.image) {
            Ok(()) => {
                step.acts_on(Capability::Run, &request.image);
                let log = StepLog::new(step)?;
                let logins = Logins::default();
                pull::have(self.scope.engine(), &request.image, &logins, &|line| log.tell(&line)).await?
            }
            Err(_) => self.image(step, &request.image, Capability::Run).await?,
        };
        let running = run::start(&self.scope, step, image, request).await?;
        // A step that has no room for the handle drops `running` here, and that kills it.
        step.handles().insert(Object::Running(running)).map(Response::Running)
    }

    /// The id of `image`, when it is this run's own or named by the step's grant.
    async fn image(&self, step: &Step, image: &str, capability: Capability) -> Result<String, Refusal> {
        let local = reference::parse_local(image)?;
        let engine = self.scope.engine();
        let refused = || match step.grant().containers.check_run(image) {
            Err(refusal) if capability == Capability::Run => refusal,
            _ => denied(capability, image, &format!("containers: {{ run: [\"{image}\"] }}")),
        };
        let found = match engine.docker().await?.inspect_image(&local).await {
            Ok(found) => found,
            Err(error) if super::engine::is_missing(&error) => {
                let message = format!("the engine has no image {image}");
                let missing = StepError::new(ErrorKind::NotFound, "E-IMAGE-MISSING", message);
                return Err(missing.help("build it in an earlier step of this run, and pass on the id that came out"));
            }
            Err(error) => return Err(engine.refusal(&format!("look up the image {image}"), &error)),
        };
        let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
        let is_own = labels.get(label::RUN).is_some_and(|run| run == self.scope.run());
        let is_named = step.grant().containers.check_run(image).is_ok();
        if !is_own && !is_named {
            return Err(refused());
        }
        if !is_own {
            step.acts_on(Capability::Run, image);
        }
        found.id.ok_or_else(|| engine.lost("look up an image", &"it told no id"))
    }
}

impl Handler for ContainersHandler {
    fn handle<'a>(&'a self, step: &'a Arc<Step>, request: Request) -> Answer<'a> {
        Box::pin(async move {
            match request {
                Request::Containers(ContainersRequest::Build(request)) => self.build(step, request).await,
                Request::Containers(ContainersRequest::Push(request)) => self.push(step, request).await,
                Request::Containers(ContainersRequest::Run(request)) => self.run(step, request).await,
                _ => Err(StepError::new(ErrorKind::Other, "E-DESK-HANDLER", "this is not a request for containers")),
            }
        })
    }
}

/// A reference that the step may push to. The grant is asked about the name as it will be used: with its
/// tag, so that nothing is granted by leaving it out.
fn target(step: &Step, text: &str) -> Result<ImageName, Refusal> {
    let name = reference::parse(text)?;
    if name.digest().is_some() {
        let message = format!("`{text}` names a digest, and what is pushed to is a tag");
        return Err(StepError::new(ErrorKind::Invalid, "E-IMAGE-NAME", message).help("leave the digest out"));
    }
    let whole = format!("{}:{}", name.repository(), name.tag_or_latest());
    step.grant().containers.check_push(&whole)?;
    step.acts_on(Capability::Push, &whole);
    whole.parse().map_err(|_| StepError::new(ErrorKind::Invalid, "E-IMAGE-NAME", format!("`{whole}` names no image")))
}

/// The step's log, for what pulls and pushes tell.
pub(super) struct StepLog(Mutex<OutputPump>);

impl StepLog {
    pub(super) fn new(step: &Arc<Step>) -> Result<Self, Refusal> {
        OutputPump::new(step, &Stdio::Log).map(|pump| Self(Mutex::new(pump)))
    }

    pub(super) fn tell(&self, line: &str) {
        let mut pump = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that is full does not stop a push halfway.
        let _ = pump.write(line.as_bytes()).and_then(|()| pump.write(b"\n"));
    }
}
