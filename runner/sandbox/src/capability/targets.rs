//! `targets`: machines deployed to, reached by the broker.

use sealock_contract::grant::Capability;
use sealock_contract::seam::{self, Handle, Request, Response, Script, Stdio, TargetsRequest};
use sealock_contract::{Digest, StepError};
use wasmtime::component::Resource;

use super::process::{Running, stdio_bytes};
use super::secrets::Secret;
use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::process;
use crate::bindings::sealock::step::targets::{Host, HostScript, HostTarget, Release};
use crate::convert::{digests, strange_answer};
use crate::state::{Draft, StepState};

/// The call's own folder, as the component names it.
const OWN_TMP: &str = "/tmp/";

/// A target that is open.
pub struct Target {
    handle: Handle,
    name: String,
    directory: String,
}

/// A script that is not started yet.
pub type ScriptDraft = Draft<Script>;

type Answered<T> = wasmtime::Result<Result<T, base::Error>>;

impl StepState {
    fn check_targets(&self, names: &[String]) -> Result<(), StepError> {
        self.leave_hermetic(Capability::Targets, &names.join(", "))?;
        names.iter().try_for_each(|name| self.grant.check_target(name))
    }

    async fn open_target(&mut self, name: String) -> Result<Target, StepError> {
        self.granted(self.check_targets(std::slice::from_ref(&name)))?;
        match self.ask(Request::Targets(TargetsRequest::Open { name })).await? {
            Response::Target { handle, name, directory } => Ok(Target { handle, name, directory }),
            _ => Err(strange_answer("`open`")),
        }
    }

    fn target(&self, target: &Resource<Target>) -> wasmtime::Result<Handle> {
        Ok(self.table.get(target)?.handle)
    }

    async fn done(&mut self, request: TargetsRequest, asked: &str) -> Result<(), base::Error> {
        Ok(self.ask_done(Request::Targets(request), asked).await?)
    }

    async fn release_of(&mut self, request: TargetsRequest, asked: &str) -> Result<Option<seam::Release>, StepError> {
        match self.ask(Request::Targets(request)).await? {
            Response::Release(release) => Ok(release),
            _ => Err(strange_answer(asked)),
        }
    }

    async fn pull(&mut self, request: TargetsRequest) -> Result<Digest, StepError> {
        match self.ask(Request::Targets(request)).await? {
            Response::Digest(digest) => Ok(digest),
            _ => Err(strange_answer("`pull-image`")),
        }
    }

    async fn stage(
        &mut self,
        target: Handle,
        local: String,
        images: Vec<(String, String)>,
        details: Vec<(String, String)>,
    ) -> Result<Release, StepError> {
        // What the call put together in its own `/tmp` needs no grant.
        if !local.starts_with(OWN_TMP) {
            self.granted(self.grant.files.check_read(&local))?;
        }
        let images = digests(images)?;
        let request = TargetsRequest::StageRelease { target, local, images, details };
        let release = self.release_of(request, "`stage-release`").await?;
        release.map(Into::into).ok_or_else(|| strange_answer("`stage-release`"))
    }
}

impl Host for StepState {
    /// Has no error in its type: a step that was granted no target finds none.
    async fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        if self.granted(self.leave_hermetic(Capability::Targets, "names")).is_err() || self.grant.targets.is_empty() {
            return Ok(Vec::new());
        }
        match self.ask(Request::Targets(TargetsRequest::Names)).await? {
            Response::Names(names) => Ok(names),
            _ => Err(strange_answer("`names`").into()),
        }
    }

    async fn open(&mut self, name: String) -> Answered<Resource<Target>> {
        match self.open_target(name).await {
            Ok(target) => Ok(Ok(self.table.push(target)?)),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn verify(&mut self, names: Vec<String>) -> Answered<()> {
        if let Err(error) = self.granted(self.check_targets(&names)) {
            return Ok(Err(error.into()));
        }
        Ok(self.done(TargetsRequest::Verify { names }, "`verify`").await)
    }
}

impl HostTarget for StepState {
    fn name(&mut self, target: Resource<Target>) -> wasmtime::Result<String> {
        Ok(self.table.get(&target)?.name.clone())
    }

    fn directory(&mut self, target: Resource<Target>) -> wasmtime::Result<String> {
        Ok(self.table.get(&target)?.directory.clone())
    }

    async fn upload(&mut self, target: Resource<Target>, local: String, remote: String, mode: u32) -> Answered<()> {
        let target = self.target(&target)?;
        if let Err(error) = self.granted(self.grant.files.check_read(&local)) {
            return Ok(Err(error.into()));
        }
        Ok(self.done(TargetsRequest::Upload { target, local, remote, mode }, "`upload`").await)
    }

    async fn download(&mut self, target: Resource<Target>, remote: String, local: String) -> Answered<()> {
        let target = self.target(&target)?;
        if let Err(error) = self.granted(self.grant.files.check_write(&local)) {
            return Ok(Err(error.into()));
        }
        Ok(self.done(TargetsRequest::Download { target, remote, local }, "`download`").await)
    }

    async fn write_secret(
        &mut self,
        target: Resource<Target>,
        remote: String,
        mode: u32,
        value: Resource<Secret>,
    ) -> Answered<()> {
        let (target, value) = (self.target(&target)?, self.secret(&value)?);
        Ok(self.done(TargetsRequest::WriteSecret { target, remote, mode, value }, "`write-secret`").await)
    }

    async fn pull_image(
        &mut self,
        target: Resource<Target>,
        image: String,
        username: Option<String>,
        password: Option<Resource<Secret>>,
    ) -> Answered<String> {
        let target = self.target(&target)?;
        let password = password.map(|password| self.secret(&password)).transpose()?;
        let request = TargetsRequest::PullImage { target, image, username, password };
        Ok(self.pull(request).await.map(|digest| digest.to_string()).map_err(Into::into))
    }

    async fn current(&mut self, target: Resource<Target>) -> Answered<Option<Release>> {
        let target = self.target(&target)?;
        let release = self.release_of(TargetsRequest::Current { target }, "`current`").await;
        Ok(release.map(|release| release.map(Into::into)).map_err(Into::into))
    }

    async fn previous(&mut self, target: Resource<Target>) -> Answered<Option<Release>> {
        let target = self.target(&target)?;
        let release = self.release_of(TargetsRequest::Previous { target }, "`previous`").await;
        Ok(release.map(|release| release.map(Into::into)).map_err(Into::into))
    }

    async fn stage_release(
        &mut self,
        target: Resource<Target>,
        local: String,
        images: Vec<(String, String)>,
        details: Vec<(String, String)>,
    ) -> Answered<Release> {
        let target = self.target(&target)?;
        Ok(self.stage(target, local, images, details).await.map_err(Into::into))
    }

    async fn switch_to(&mut self, target: Resource<Target>, release: String) -> Answered<()> {
        let target = self.target(&target)?;
        Ok(self.done(TargetsRequest::SwitchTo { target, release }, "`switch-to`").await)
    }

    async fn prune(&mut self, target: Resource<Target>, keep: u32) -> Answered<()> {
        let target = self.target(&target)?;
        Ok(self.done(TargetsRequest::Prune { target, keep }, "`prune`").await)
    }

    async fn drop(&mut self, target: Resource<Target>) -> wasmtime::Result<()> {
        let Target { handle, .. } = self.table.delete(target)?;
        StepState::release(self, handle).await
    }
}

impl HostScript for StepState {
    fn new(&mut self, target: Resource<Target>, text: String) -> wasmtime::Result<Resource<ScriptDraft>> {
        let (bytes, target) = (text.len(), self.target(&target)?);
        self.new_draft(empty_script(target, text), bytes)
    }

    fn arg(&mut self, draft: Resource<ScriptDraft>, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, value.len(), |script| script.args.push(value))
    }

    fn env(&mut self, draft: Resource<ScriptDraft>, name: String, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, name.len() + value.len(), |script| script.env.push((name, value)))
    }

    fn secret_env(
        &mut self,
        draft: Resource<ScriptDraft>,
        name: String,
        value: Resource<Secret>,
    ) -> wasmtime::Result<()> {
        let secret = self.secret(&value)?;
        self.extend_draft(&draft, name.len(), |script| script.secret_env.push((name, secret)))
    }

    fn cwd(&mut self, draft: Resource<ScriptDraft>, path: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, path.len(), |script| script.cwd = path)
    }

    fn user(&mut self, draft: Resource<ScriptDraft>, name: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, name.len(), |script| script.user = Some(name))
    }

    fn stdin_bytes(&mut self, draft: Resource<ScriptDraft>, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.extend_draft(&draft, bytes.len(), |script| script.stdin_bytes = Some(bytes))
    }

    fn stdin_secret(&mut self, draft: Resource<ScriptDraft>, value: Resource<Secret>) -> wasmtime::Result<()> {
        let secret = self.secret(&value)?;
        self.extend_draft(&draft, 0, |script| script.stdin_secret = Some(secret))
    }

    fn stdout(&mut self, draft: Resource<ScriptDraft>, to: process::Stdio) -> wasmtime::Result<()> {
        self.extend_draft(&draft, stdio_bytes(&to), |script| script.stdout = to.into())
    }

    fn stderr(&mut self, draft: Resource<ScriptDraft>, to: process::Stdio) -> wasmtime::Result<()> {
        self.extend_draft(&draft, stdio_bytes(&to), |script| script.stderr = to.into())
    }

    fn timeout_ms(&mut self, draft: Resource<ScriptDraft>, duration: u64) -> wasmtime::Result<()> {
        self.extend_draft(&draft, 0, |script| script.timeout_ms = Some(duration))
    }

    async fn start(&mut self, draft: Resource<ScriptDraft>) -> Answered<Resource<Running>> {
        let script = self.table.get(&draft)?.value.clone();
        if let Err(error) = self.granted(self.check_streams(&script.stdout, &script.stderr)) {
            return Ok(Err(error.into()));
        }
        self.run(Request::Targets(TargetsRequest::Script(script)), "`start`").await
    }

    fn drop(&mut self, draft: Resource<ScriptDraft>) -> wasmtime::Result<()> {
        self.drop_draft(draft)
    }
}

fn empty_script(target: Handle, text: String) -> Script {
    Script {
        target,
        text,
        args: Vec::new(),
        env: Vec::new(),
        secret_env: Vec::new(),
        cwd: String::new(),
        user: None,
        stdin_bytes: None,
        stdin_secret: None,
        stdout: Stdio::default(),
        stderr: Stdio::default(),
        timeout_ms: None,
    }
}
