//! Scripts on a target. They run detached under a key, so that a lost connection loses nothing: whoever
//! comes back reads on where it stopped, and the result.

use std::time::{Duration, Instant};

use bytes::Bytes;
use sealock_contract::StepError;
use tokio::time::{sleep, timeout};

use crate::error::TargetError;
use crate::frames::Frame;
use crate::held::Held;
use crate::link::{Link, RECONNECT, Stream, nonce};

const RECONNECT_PAUSE_MS: u64 = 500;
/// What a connection has to last to count as one: a target that accepts and closes is not back.
const BACK_SECONDS: u64 = 5;

/// A script, ready to be started.
pub(crate) struct Action {
    pub(crate) key: String,
    pub(crate) epoch: u64,
    pub(crate) run: String,
    pub(crate) user: String,
    /// What was started under the key before is not started again: its output and result are read.
    pub(crate) once: bool,
    pub(crate) archive: Bytes,
}

/// Takes what a script prints; an error ends the script.
pub(crate) trait Output: Send {
    fn out(&mut self, bytes: &[u8]) -> Result<(), StepError>;
    fn err(&mut self, bytes: &[u8]) -> Result<(), StepError>;
}

/// Follows one script to its end.
struct Follower<'a, O> {
    held: &'a Held,
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
pub(crate) async fn run(held: &Held, action: &Action, output: impl Output) -> Result<i32, StepError> {
    let mut follower = Follower { held, action, nonce: nonce(), output, out: 0, err: 0, stderr_end: Vec::new() };
    follower.run().await
}

/// Ends what runs under `key`, with everything that it started and that has not left its session.
pub(crate) async fn kill(link: &Link, key: &str) -> Result<(), TargetError> {
    link.tell(&["kill", key], Bytes::new()).await.map(drop)
}

impl<O: Output> Follower<'_, O> {
    async fn run(&mut self) -> Result<i32, StepError> {
        let mut stop = self.start().await?;
        let mut lost: Option<Instant> = None;
        loop {
            match stop {
                Stop::Exit(code) => return Ok(code),
                // Nothing of it is on the target: it was lost on the way there, and nothing has happened.
                Stop::Absent if self.out == 0 && self.err == 0 => stop = self.start().await?,
                Stop::Absent => return Err(self.unknown()),
                Stop::Lost if lost.is_some_and(|since: Instant| since.elapsed() > RECONNECT) => {
                    self.held.fall_silent();
                    return Err(self.unknown());
                }
                Stop::Lost => {
                    lost.get_or_insert_with(Instant::now);
                    sleep(Duration::from_millis(RECONNECT_PAUSE_MS)).await;
                    stop = self.attach(&mut lost).await?;
                }
            }
        }
    }

    fn unknown(&self) -> StepError {
        TargetError::Unknown { target: self.held.link.name.clone(), what: "the script".to_owned() }.into()
    }

    async fn start(&mut self) -> Result<Stop, StepError> {
        let Action { key, epoch, run, user, once, archive } = self.action;
        let words = ["run", &epoch.to_string(), run, key, user, if *once { "once" } else { "anew" }];
        let opened = self.held.link.open(&self.nonce, &words, archive.clone()).await;
        self.follow(opened).await
    }

    /// Once a connection lasts, or brings something, the target is no longer lost.
    async fn attach(&mut self, lost: &mut Option<Instant>) -> Result<Stop, StepError> {
        let (out, err) = (self.out.to_string(), self.err.to_string());
        let left = lost.map_or(RECONNECT, |since| RECONNECT.saturating_sub(since.elapsed()));
        let words = ["attach", &self.action.key, &out, &err];
        let opening = self.held.link.open(&self.nonce, &words, Bytes::new());
        let Ok(opened) = timeout(left.max(Duration::from_secs(1)), opening).await else {
            return Ok(Stop::Lost);
        };
        let (seen, begun) = (self.out + self.err, Instant::now());
        let stop = self.follow(opened).await;
        if self.out + self.err > seen || begun.elapsed() > Duration::from_secs(BACK_SECONDS) {
            *lost = None;
        }
        stop
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
                let code = text.parse().map_err(|_| self.held.link.refusal("damaged", "a result without a code"))?;
                Ok(Stop::Exit(code))
            }
            "absent" => Ok(Stop::Absent),
            "truncated" => Ok(Stop::Lost),
            "lost" | "other" => Err(self.unknown()),
            "sudo" => {
                let found = String::from_utf8_lossy(&self.stderr_end).trim().to_owned();
                let (target, user) = (self.held.link.name.clone(), self.action.user.clone());
                Err(TargetError::Sudo { target, user, found }.into())
            }
            other => Err(self.held.link.refusal(other, text).into()),
        }
    }
}
