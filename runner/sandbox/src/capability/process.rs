//! `process`: native programs, started by the broker.

use sealock_contract::StepError;
use sealock_contract::grant::{Capability, plain};
use sealock_contract::limits::HOST_CALL_BYTES;
use sealock_contract::seam::{Command, Handle, Request, Response, Stdio};
use wasmtime::component::Resource;

use super::secrets::Secret;
use crate::bindings::sealock::step::base;
use crate::bindings::sealock::step::process::{self, Exit, Host, HostCommand, HostRunning};
use crate::convert::strange_answer;
use crate::state::{Draft, StepState};

/// A program that is not started yet.
pub type CommandDraft = Draft<Command>;

/// Something that runs.
pub struct Running(Handle);

impl Host for StepState {}

impl HostCommand for StepState {
    fn new(&mut self, program: String) -> wasmtime::Result<Resource<CommandDraft>> {
        let bytes = program.len();
        self.new_draft(Command { program, ..Command::default() }, bytes)
    }

    fn arg(&mut self, draft: Resource<CommandDraft>, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, value.len(), |command| command.args.push(value))
    }

    fn env(&mut self, draft: Resource<CommandDraft>, name: String, value: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, name.len() + value.len(), |command| command.env.push((name, value)))
    }

    fn secret_env(
        &mut self,
        draft: Resource<CommandDraft>,
        name: String,
        value: Resource<Secret>,
    ) -> wasmtime::Result<()> {
        let secret = self.secret(&value)?;
        self.extend_draft(&draft, name.len(), |command| command.secret_env.push((name, secret)))
    }

    fn cwd(&mut self, draft: Resource<CommandDraft>, path: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, path.len(), |command| command.cwd = path)
    }

    fn stdin_bytes(&mut self, draft: Resource<CommandDraft>, bytes: Vec<u8>) -> wasmtime::Result<()> {
        self.extend_draft(&draft, bytes.len(), |command| command.stdin_bytes = Some(bytes))
    }

    fn stdin_file(&mut self, draft: Resource<CommandDraft>, path: String) -> wasmtime::Result<()> {
        self.extend_draft(&draft, path.len(), |command| command.stdin_file = Some(path))
    }

    fn stdin_secret(&mut self, draft: Resource<CommandDraft>, value: Resource<Secret>) -> wasmtime::Result<()> {
        let secret = self.secret(&value)?;
        self.extend_draft(&draft, 0, |command| command.stdin_secret = Some(secret))
    }

    fn stdout(&mut self, draft: Resource<CommandDraft>, to: process::Stdio) -> wasmtime::Result<()> {
        self.extend_draft(&draft, stdio_bytes(&to), |command| command.stdout = to.into())
    }

    fn stderr(&mut self, draft: Resource<CommandDraft>, to: process::Stdio) -> wasmtime::Result<()> {
        self.extend_draft(&draft, stdio_bytes(&to), |command| command.stderr = to.into())
    }

    fn timeout_ms(&mut self, draft: Resource<CommandDraft>, duration: u64) -> wasmtime::Result<()> {
        self.extend_draft(&draft, 0, |command| command.timeout_ms = Some(duration))
    }

    async fn start(
        &mut self,
        draft: Resource<CommandDraft>,
    ) -> wasmtime::Result<Result<Resource<Running>, base::Error>> {
        let command = self.table.get(&draft)?.value.clone();
        if let Err(error) = self.granted(self.check_command(&command)) {
            return Ok(Err(error.into()));
        }
        self.run(Request::Start(command), "`start`").await
    }

    fn drop(&mut self, draft: Resource<CommandDraft>) -> wasmtime::Result<()> {
        self.drop_draft(draft)
    }
}

/// What a stream's destination holds in a draft.
pub(crate) fn stdio_bytes(stdio: &process::Stdio) -> usize {
    match stdio {
        process::Stdio::File(path) => path.len(),
        process::Stdio::Discard | process::Stdio::Log | process::Stdio::Capture => 0,
    }
}

impl StepState {
    fn check_command(&self, command: &Command) -> Result<(), StepError> {
        self.leave_hermetic(Capability::Exec, &command.program)?;
        self.grant.check_exec(&command.program)?;
        plain(&command.cwd)?;
        command.stdin_file.iter().try_for_each(|path| self.grant.files.check_read(path))?;
        self.check_streams(&command.stdout, &command.stderr)
    }

    /// Files that output goes into must be writable.
    pub(crate) fn check_streams(&self, stdout: &Stdio, stderr: &Stdio) -> Result<(), StepError> {
        [stdout, stderr].into_iter().try_for_each(|stdio| match stdio {
            Stdio::File(path) => self.grant.files.check_write(path),
            Stdio::Discard | Stdio::Log | Stdio::Capture => Ok(()),
        })
    }

    /// Asks for something that is answered by [`Response::Running`].
    pub(crate) async fn run(
        &mut self,
        request: Request,
        asked: &str,
    ) -> wasmtime::Result<Result<Resource<Running>, base::Error>> {
        match self.ask(request).await {
            Ok(Response::Running(handle)) => Ok(Ok(self.table.push(Running(handle))?)),
            Ok(_) => Ok(Err(strange_answer(asked).into())),
            Err(error) => Ok(Err(error.into())),
        }
    }

    async fn read_output(
        &mut self,
        running: &Resource<Running>,
        error: bool,
        max: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, base::Error>> {
        let Running(handle) = *self.table.get(running)?;
        let max = max.min(u32::try_from(HOST_CALL_BYTES).unwrap_or(u32::MAX));
        let request = Request::ReadOutput { running: handle, error, max };
        Ok(self.ask_bytes(request, max as usize, "`read`").await.map_err(Into::into))
    }
}

impl HostRunning for StepState {
    async fn wait(
        &mut self,
        running: Resource<Running>,
        timeout_ms: Option<u64>,
    ) -> wasmtime::Result<Result<Option<Exit>, base::Error>> {
        let Running(handle) = *self.table.get(&running)?;
        Ok(match self.ask(Request::Wait { running: handle, timeout_ms }).await {
            Ok(Response::Exit(exit)) => Ok(exit.map(Into::into)),
            Ok(_) => Err(strange_answer("`wait`").into()),
            Err(error) => Err(error.into()),
        })
    }

    async fn read_stdout(
        &mut self,
        running: Resource<Running>,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, base::Error>> {
        self.read_output(&running, false, max_bytes).await
    }

    async fn read_stderr(
        &mut self,
        running: Resource<Running>,
        max_bytes: u32,
    ) -> wasmtime::Result<Result<Vec<u8>, base::Error>> {
        self.read_output(&running, true, max_bytes).await
    }

    async fn kill(&mut self, running: Resource<Running>) -> wasmtime::Result<()> {
        let Running(handle) = *self.table.get(&running)?;
        Ok(self.ask_done(Request::Kill { running: handle }, "`kill`").await?)
    }

    async fn drop(&mut self, running: Resource<Running>) -> wasmtime::Result<()> {
        let Running(handle) = self.table.delete(running)?;
        self.release(handle).await
    }
}
