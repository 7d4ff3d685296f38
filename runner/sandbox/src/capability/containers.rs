//! `containers`: images and containers, made by the broker.

use sealock_contract::StepError;
use sealock_contract::grant::Capability;
use sealock_contract::seam::{Build, ContainerCommand, ContainersRequest, Credentials, Mount, Push, Request, Response};
use wasmtime::component::Resource;

use super::process::{Running, stdio_bytes};
use super::secrets::Secret;
use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::containers::{Host, HostBuild, HostContainer, HostPush};
use crate::bindings::sealock::step::process::Stdio;
use crate::convert::strange_answer;
use crate::state::{Draft, StepState};

/// An image that is not built yet.
pub type BuildDraft = Draft<Build>;
/// A push that has not begun.
pub type PushDraft = Draft<Push>;
/// A container that is not started yet.
pub type ContainerDraft = Draft<ContainerCommand>;

impl Host for StepState {}

impl HostBuild for StepState {
    fn new(&mut self, context: String) -> wasmtime::Result<Resource<BuildDraft>> {
        let bytes = context.len();
        self.new_draft(Build { context, ..Build::default() }, bytes)
    }

    fn file(&mut self, draft: Resource<BuildDraft>, path: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, path.len(), |build| build.file = Some(path))
    }

    fn target(&mut self, draft: Resource<BuildDraft>, stage: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, stage.len(), |build| build.target = Some(stage))
    }

    fn arg(&mut self, draft: Resource<BuildDraft>, name: String, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, name.len() + value.len(), |build| build.args.push((name, value)))
    }

    fn secret(&mut self, draft: Resource<BuildDraft>, id: String, value: Resource<Secret>) -> wasmtime::Result<()> {
        let secret = StepState::secret(self, &value)?;
        self.extend_draft(&draft, id.len(), |build| build.secrets.push((id, secret)))
    }

    fn label(&mut self, draft: Resource<BuildDraft>, name: String, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, name.len() + value.len(), |build| build.labels.push((name, value)))
    }

    fn platform(&mut self, draft: Resource<BuildDraft>, platform: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, platform.len(), |build| build.platform = Some(platform))
    }

    fn cache_from(&mut self, draft: Resource<BuildDraft>, reference: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, reference.len(), |build| build.cache_from.push(reference))
    }

    fn cache_to(&mut self, draft: Resource<BuildDraft>, reference: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, reference.len(), |build| build.cache_to.push(reference))
    }

    fn network(&mut self, draft: Resource<BuildDraft>, allowed: bool) -> wasmtime::Result<()> {
        self.extend_draft(&draft, 0, |build| build.network = allowed)
    }

    fn no_cache(&mut self, draft: Resource<BuildDraft>) -> wasmtime::Result<()> {
        self.extend_draft(&draft, 0, |build| build.no_cache = true)
    }

    fn pull(&mut self, draft: Resource<BuildDraft>) -> wasmtime::Result<()> {
        self.extend_draft(&draft, 0, |build| build.pull = true)
    }

    fn credentials(
        &mut self,
        draft: Resource<BuildDraft>,
        registry: String,
        username: String,
        password: Resource<Secret>,
    ) -> wasmtime::Result<()> {
        let (bytes, login) = self.login(registry, username, &password)?;
        self.extend_draft(&draft, bytes, |build| build.credentials.push(login))
    }

    async fn finish(&mut self, draft: Resource<BuildDraft>) -> wasmtime::Result<Result<String, base::Error>> {
        let build = self.table.get(&draft)?.value.clone();
        Ok(self.build(build).await.map_err(Into::into))
    }

    fn drop(&mut self, draft: Resource<BuildDraft>) -> wasmtime::Result<()> {
        self.drop_draft(draft)
    }
}

impl HostPush for StepState {
    fn new(&mut self, image: String) -> wasmtime::Result<Resource<PushDraft>> {
        let bytes = image.len();
        self.new_draft(Push { image, ..Push::default() }, bytes)
    }

    fn to(&mut self, draft: Resource<PushDraft>, reference: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, reference.len(), |push| push.to.push(reference))
    }

    fn credentials(
        &mut self,
        draft: Resource<PushDraft>,
        registry: String,
        username: String,
        password: Resource<Secret>,
    ) -> wasmtime::Result<()> {
        let (bytes, login) = self.login(registry, username, &password)?;
        self.extend_draft(&draft, bytes, |push| push.credentials.push(login))
    }

    async fn finish(&mut self, draft: Resource<PushDraft>) -> wasmtime::Result<Result<String, base::Error>> {
        let push = self.table.get(&draft)?.value.clone();
        Ok(self.push(push).await.map_err(Into::into))
    }

    fn drop(&mut self, draft: Resource<PushDraft>) -> wasmtime::Result<()> {
        self.drop_draft(draft)
    }
}

impl HostContainer for StepState {
    fn new(&mut self, image: String) -> wasmtime::Result<Resource<ContainerDraft>> {
        let bytes = image.len();
        self.new_draft(ContainerCommand { image, ..ContainerCommand::default() }, bytes)
    }

    fn arg(&mut self, draft: Resource<ContainerDraft>, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, value.len(), |container| container.args.push(value))
    }

    fn entrypoint(&mut self, draft: Resource<ContainerDraft>, program: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, program.len(), |container| container.entrypoint = Some(program))
    }

    fn env(&mut self, draft: Resource<ContainerDraft>, name: String, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, name.len() + value.len(), |container| container.env.push((name, value)))
    }

    fn secret_env(
        &mut self,
        draft: Resource<ContainerDraft>,
        name: String,
        value: Resource<Secret>,
    ) -> wasmtime::Result<()> {
        let secret = StepState::secret(self, &value)?;
        self.extend_draft(&draft, name.len(), |container| container.secret_env.push((name, secret)))
    }

    fn mount(
        &mut self,
        draft: Resource<ContainerDraft>,
        workspace_path: String,
        at: String,
        read_only: bool,
    ) -> wasmtime::Result<()> {
        let bytes = workspace_path.len() + at.len();
        let mount = Mount { path: workspace_path, at, read_only };
        self.extend_draft(&draft, bytes, |container| container.mounts.push(mount))
    }

    fn workdir(&mut self, draft: Resource<ContainerDraft>, path: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, path.len(), |container| container.workdir = Some(path))
    }

    fn user(&mut self, draft: Resource<ContainerDraft>, user: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, user.len(), |container| container.user = Some(user))
    }

    fn network(&mut self, draft: Resource<ContainerDraft>, allowed: bool) -> wasmtime::Result<()> {
        self.extend_draft(&draft, 0, |container| container.network = allowed)
    }

    fn stdout(&mut self, draft: Resource<ContainerDraft>, to: Stdio) -> wasmtime::Result<()> {
        self.extend_draft(&draft, stdio_bytes(&to), |container| container.stdout = to.into())
    }

    fn stderr(&mut self, draft: Resource<ContainerDraft>, to: Stdio) -> wasmtime::Result<()> {
        self.extend_draft(&draft, stdio_bytes(&to), |container| container.stderr = to.into())
    }

    fn timeout_ms(&mut self, draft: Resource<ContainerDraft>, duration: u64) -> wasmtime::Result<()> {
        self.extend_draft(&draft, 0, |container| container.timeout_ms = Some(duration))
    }

    async fn start(
        &mut self,
        draft: Resource<ContainerDraft>,
    ) -> wasmtime::Result<Result<Resource<Running>, base::Error>> {
        let container = self.table.get(&draft)?.value.clone();
        if let Err(error) = self.granted(self.check_container(&container)) {
            return Ok(Err(error.into()));
        }
        self.run(Request::Containers(ContainersRequest::Run(container)), "`start`").await
    }

    fn drop(&mut self, draft: Resource<ContainerDraft>) -> wasmtime::Result<()> {
        self.drop_draft(draft)
    }
}

impl StepState {
    fn login(
        &self,
        registry: String,
        username: String,
        password: &Resource<Secret>,
    ) -> wasmtime::Result<(usize, Credentials)> {
        let password = StepState::secret(self, password)?;
        Ok((registry.len() + username.len(), Credentials { registry, username, password }))
    }

    async fn build(&mut self, build: Build) -> Result<String, StepError> {
        self.granted(self.leave_hermetic(Capability::Build, &build.context))?;
        self.granted(self.grant.containers.check_build(&build.context))?;
        self.granted(self.grant.files.check_read(&build.context))?;
        match self.ask(Request::Containers(ContainersRequest::Build(build))).await? {
            Response::Image(image) => Ok(image),
            _ => Err(strange_answer("`finish`")),
        }
    }

    async fn push(&mut self, push: Push) -> Result<String, StepError> {
        self.granted(self.leave_hermetic(Capability::Push, &push.image))?;
        self.granted(push.to.iter().try_for_each(|reference| self.grant.containers.check_push(reference)))?;
        match self.ask(Request::Containers(ContainersRequest::Push(push))).await? {
            Response::Digest(digest) => Ok(digest.to_string()),
            _ => Err(strange_answer("`finish`")),
        }
    }

    fn check_container(&self, container: &ContainerCommand) -> Result<(), StepError> {
        self.leave_hermetic(Capability::Run, &container.image)?;
        self.grant.containers.check_run(&container.image)?;
        container.mounts.iter().try_for_each(|mount| {
            if mount.read_only {
                self.grant.files.check_read(&mount.path)
            } else {
                self.grant.files.check_write(&mount.path)
            }
        })?;
        self.check_streams(&container.stdout, &container.stderr)
    }
}
