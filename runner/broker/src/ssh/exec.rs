//! One command on a target, while it runs.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, Sig};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::command_line::CommandLine;
use super::error::SshError;
use super::limits::{Phase, SshLimits};

/// SSH's number for the standard error of a channel.
const STDERR: u32 = 1;

/// Something that a command said, or its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SshOutput {
    /// On its standard output.
    Stdout(Bytes),
    /// On its standard error.
    Stderr(Bytes),
    /// It ended; nothing follows.
    End(SshEnd),
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SshEnd {
    /// It returned this code.
    Code(u32),
    /// A signal of this name ended it.
    Signal(String),
    /// The channel or the connection closed without saying: it may have run, and may still run.
    Unknown,
}

/// A command that was started. Dropped: its channel is closed, which a detached command survives.
pub struct SshExec {
    output: ChannelReadHalf,
    control: Arc<ChannelWriteHalf<Msg>>,
    writer: JoinHandle<()>,
    target: String,
    start_limit: Duration,
    started: bool,
    closed: bool,
    end: SshEnd,
}

impl SshExec {
    pub(super) async fn start(
        channel: Channel<Msg>,
        command: &CommandLine,
        stdin: Bytes,
        target: &str,
        limits: SshLimits,
    ) -> Result<Self, SshError> {
        let lost = || SshError::Lost { target: target.to_owned() };
        channel.exec(true, command.as_str()).await.map_err(|_| lost())?;
        let (output, control) = channel.split();
        let control = Arc::new(control);
        let writer = tokio::spawn(write_all(control.clone(), stdin));
        Ok(Self {
            output,
            control,
            writer,
            target: target.to_owned(),
            start_limit: limits.channel,
            started: false,
            closed: false,
            end: SshEnd::Unknown,
        })
    }

    /// What comes next. After [`SshOutput::End`] it says so again.
    ///
    /// # Errors
    ///
    /// The server refused to start the command, or did not say within the limit whether it had.
    pub async fn next(&mut self) -> Result<SshOutput, SshError> {
        loop {
            let Some(message) = self.message().await? else {
                self.closed = true;
                return Ok(SshOutput::End(self.end.clone()));
            };
            match message {
                ChannelMsg::Failure if !self.started => return Err(SshError::Refused { target: self.target.clone() }),
                ChannelMsg::Success => self.started = true,
                ChannelMsg::Data { data } => return Ok(SshOutput::Stdout(data)),
                ChannelMsg::ExtendedData { data, ext: STDERR } => return Ok(SshOutput::Stderr(data)),
                ChannelMsg::ExitStatus { exit_status } => self.end = SshEnd::Code(exit_status),
                ChannelMsg::ExitSignal { signal_name, .. } => self.end = SshEnd::Signal(signal_text(&signal_name)),
                _ => {}
            }
        }
    }

    /// Reads to the end, keeping at most `max` bytes of each stream.
    ///
    /// # Errors
    ///
    /// As [`Self::next`].
    pub async fn collect(mut self, max: usize) -> Result<(Vec<u8>, Vec<u8>, SshEnd), SshError> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        loop {
            let (kept, data) = match self.next().await? {
                SshOutput::Stdout(data) => (&mut stdout, data),
                SshOutput::Stderr(data) => (&mut stderr, data),
                SshOutput::End(end) => return Ok((stdout, stderr, end)),
            };
            let room = max.saturating_sub(kept.len());
            kept.extend_from_slice(&data[..data.len().min(room)]);
        }
    }

    async fn message(&mut self) -> Result<Option<ChannelMsg>, SshError> {
        if self.started {
            return Ok(self.output.wait().await);
        }
        timeout(self.start_limit, self.output.wait()).await.map_err(|_| SshError::Timeout {
            target: self.target.clone(),
            phase: Phase::Exec,
            limit: self.start_limit,
        })
    }
}

impl Drop for SshExec {
    fn drop(&mut self) {
        self.writer.abort();
        if self.closed {
            return;
        }
        // Outside a runtime the connection is gone with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let control = self.control.clone();
            runtime.spawn(async move { control.close().await });
        }
    }
}

/// A command that does not read all of its input ends as it wants; that is not a failure of writing.
async fn write_all(control: Arc<ChannelWriteHalf<Msg>>, stdin: Bytes) {
    if control.data_bytes(stdin).await.is_ok() {
        let _ = control.eof().await;
    }
}

fn signal_text(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
