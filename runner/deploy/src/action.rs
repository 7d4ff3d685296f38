//! Scripts on a target. They run detached under a key, so that a lost connection loses nothing: whoever
//! comes back reads on where it stopped, and the result.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sealock_contract::StepError;
use tokio::time::sleep;

use crate::error::TargetError;
use crate::frames::Frame;
use crate::link::{Link, Stream, nonce};

/// How long a lost target is tried to be reached again before the outcome counts as unknown.
const RECONNECT_SECONDS: u64 = 120;
const RECONNECT_PAUSE_MS: u64 = 500;

/// A script, ready to be started.
pub(crate) struct Action {
    pub(crate) key: String,
    pub(crate) epoch: u64,
    pub(crate) run: String,
    pub(crate) user: String,
    pub(crate) archive: Bytes,
}

/// Takes what a script prints; an error ends the script.
pub(crate) trait Output: Send {
    fn out(&mut self, bytes: &[u8]) -> Result<(), StepError>;
    fn err(&mut self, bytes: &[u8]) -> Result<(), StepError>;
}

/// Follows one script to its end.
struct Follower<'a, O> {
    link: &'a Link,
    action: &'a Action,
    nonce: String,
    output: O,
    out: usize,
    err: usize,
    stderr_end: Vec<u8>,
}

/// What is kept of standard error for messages.
const STDERR_END_BYTES: usize = 2_000;

/// How a stream of frames stopped.
enum Stop {
    Exit(i32),
    Lost,
    Absent,
}

/// Runs `action` and gives its exit code.
pub(crate) async fn run(link: &Link, action: &Action, output: impl Output) -> Result<i32, StepError> {
    let mut follower = Follower { link, action, nonce: nonce(), output, out: 0, err: 0, stderr_end: Vec::new() };
    follower.run().await
}

/// Ends what runs under `key`, with everything that it started and that has not left its session.
pub(crate) async fn kill(link: &Link, key: &str) -> Result<(), TargetError> {
    link.tell(&["kill", key], Bytes::new()).await.map(drop)
}

impl<O: Output> Follower<'_, O> {
    async fn run(&mut self) -> Result<i32, StepError> {
        let mut stop = self.start().await?;
        let mut lost_since = Instant::now();
        loop {
            match stop {
                Stop::Exit(code) => return Ok(code),
                // Nothing of it is on the target: it was lost on the way there, and nothing has happened.
                Stop::Absent if self.out == 0 && self.err == 0 => stop = self.start().await?,
                Stop::Absent => return Err(self.unknown()),
                Stop::Lost if lost_since.elapsed() > Duration::from_secs(RECONNECT_SECONDS) => {
                    return Err(self.unknown());
                }
                Stop::Lost => {
                    sleep(Duration::from_millis(RECONNECT_PAUSE_MS)).await;
                    let seen = self.out + self.err;
                    stop = self.attach().await?;
                    if self.out + self.err > seen {
                        lost_since = Instant::now();
                    }
                }
            }
        }
    }

    fn unknown(&self) -> StepError {
        TargetError::Unknown { target: self.link.name.clone(), what: "the script".to_owned() }.into()
    }

    async fn start(&mut self) -> Result<Stop, StepError> {
        let Action { key, epoch, run, user, archive } = self.action;
        let words = ["run", &epoch.to_string(), run, key, user];
        let opened = self.link.open(&self.nonce, &words, archive.clone()).await;
        self.follow(opened).await
    }

    async fn attach(&mut self) -> Result<Stop, StepError> {
        let (out, err) = (self.out.to_string(), self.err.to_string());
        let opened = self.link.open(&self.nonce, &["attach", &self.action.key, &out, &err], Bytes::new()).await;
        self.follow(opened).await
    }

    async fn follow(&mut self, opened: Result<Stream, TargetError>) -> Result<Stop, StepError> {
        let mut stream = match opened {
            Ok(stream) => stream,
            Err(TargetError::Ssh(error)) if error.retryable() => return Ok(Stop::Lost),
            Err(error) => return Err(error.into()),
        };
        loop {
            match stream.next().await {
                Ok(Some(Frame::Out(bytes))) => {
                    self.out += bytes.len();
                    self.output.out(&bytes)?;
                }
                Ok(Some(Frame::Err(bytes))) => {
                    self.err += bytes.len();
                    self.keep_end(&bytes);
                    self.output.err(&bytes)?;
                }
                Ok(Some(Frame::End { status, text })) => return self.end(&status, &text),
                Ok(Some(Frame::Line { .. } | Frame::File(_))) => {}
                Ok(None) => return Ok(Stop::Lost),
                Err(TargetError::Ssh(error)) if error.retryable() => return Ok(Stop::Lost),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn keep_end(&mut self, bytes: &[u8]) {
        self.stderr_end.extend_from_slice(bytes);
        let surplus = self.stderr_end.len().saturating_sub(STDERR_END_BYTES);
        self.stderr_end.drain(..surplus);
    }

    fn end(&self, status: &str, text: &str) -> Result<Stop, StepError> {
        match status {
            "exit" => {
                let code = text.parse().map_err(|_| self.link.refusal("damaged", "a result without a code"))?;
                Ok(Stop::Exit(code))
            }
            "absent" => Ok(Stop::Absent),
            "truncated" => Ok(Stop::Lost),
            "lost" | "other" => Err(self.unknown()),
            "sudo" => {
                let found = String::from_utf8_lossy(&self.stderr_end).trim().to_owned();
                let (target, user) = (self.link.name.clone(), self.action.user.clone());
                Err(TargetError::Sudo { target, user, found }.into())
            }
            other => Err(self.link.refusal(other, text).into()),
        }
    }
}
