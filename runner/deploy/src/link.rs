//! One target: the script that is on it, and asking that script.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sealock_broker::ssh::{CommandLine, SshClient, SshEnd, SshError, SshExec, SshOutput};
use sealock_contract::Digest;
use tokio::time::{sleep, timeout};

use crate::error::TargetError;
use crate::frames::{Frame, FrameReader};

/// Everything that happens on a target goes through this script.
pub(crate) const TARGET_SH: &str = include_str!("target.sh");
/// What the script's name on the target is made of.
static TARGET_SH_HEX: LazyLock<String> = LazyLock::new(|| Digest::of(TARGET_SH.as_bytes()).hex());

/// The fixed text before every command: `sh` runs the script, or says that it is not there yet.
pub(crate) const RUNNER: &str = "test -f \"$0\" || exit 97; exec sh \"$0\" \"$@\"";
/// What [`RUNNER`] says then.
const NOT_INSTALLED: u32 = 97;
/// Places the script, whole or not at all: a file that was cut off does not have the digest in its name.
pub(crate) const INSTALLER: &str = "set -eu; umask 077; mkdir -p \"$0/.sealock/bin\"; chmod go+rX \"$0\"; \
    new=\"$0/.sealock/bin/new.$$\"; cat >\"$new\"; \
    test \"$(sha256sum <\"$new\" | cut -c 1-64)\" = \"$1\"; mv -f \"$new\" \"$0/.sealock/bin/$1\"";

/// One answer to a command that is not a script: a target that hangs must not hold the run.
const ANSWER_SECONDS: u64 = 90;
/// A connection slower than this counts as hanging while something is sent.
const SLOWEST_BYTES_PER_SECOND: usize = 64 << 10;
/// What is kept of an answer that is not a file: the ledger's end is the longest.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// Pauses before asking again after the connection was lost; the last one counts on. The same question, by its nonce,
/// changes something only once.
const RETRY_MS: [u64; 4] = [100, 500, 1_000, 2_000];
/// How long a lost target is tried to be reached again. With the 12 s after which a lost connection is noticed, that is
/// over before the target's lease is, so that the others can be taken back in time.
pub(crate) const RECONNECT: Duration = Duration::from_secs(20);
/// What is kept of what a command said outside its answer, for messages.
const STDERR_CHARS_MAX: usize = 500;

/// What a command answered.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    pub(crate) status: String,
    pub(crate) text: String,
    pub(crate) lines: Vec<(String, String)>,
    pub(crate) file: Option<Bytes>,
}

/// A target and the directory that everything of the environment lies in.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) client: SshClient,
    pub(crate) name: String,
    directory: String,
}

/// A random word that nobody on the target can guess before it is asked with.
pub(crate) fn nonce() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    format!("{:032x}", u128::from_ne_bytes(bytes))
}

impl Link {
    pub(crate) fn new(client: SshClient, directory: &str) -> Self {
        let name = client.target().name.clone();
        Self { client, name, directory: directory.to_owned() }
    }

    /// Asks for one thing, again with the same nonce when the connection was lost on the way.
    pub(crate) async fn ask(&self, words: &[&str], stdin: impl Into<Bytes>) -> Result<Reply, TargetError> {
        let (nonce, stdin) = (nonce(), stdin.into());
        let mut pauses = RETRY_MS.iter().chain(std::iter::repeat(&RETRY_MS[RETRY_MS.len() - 1]));
        let mut lost: Option<Instant> = None;
        loop {
            let error = match self.ask_once(&nonce, words, stdin.clone()).await {
                Ok(reply) => return Ok(reply),
                Err(error) if is_lost(&error) => error,
                Err(error) => return Err(error),
            };
            if lost.get_or_insert_with(Instant::now).elapsed() > RECONNECT {
                return Err(error);
            }
            tracing::debug!(target = self.name, %error, "asking again");
            sleep(Duration::from_millis(*pauses.next().expect("the pauses do not end"))).await;
        }
    }

    /// As [`Self::ask`], when every status but `ok` is an error.
    pub(crate) async fn tell(&self, words: &[&str], stdin: impl Into<Bytes>) -> Result<Reply, TargetError> {
        let reply = self.ask(words, stdin).await?;
        if reply.status == "ok" { Ok(reply) } else { Err(self.refusal(&reply.status, &reply.text)) }
    }

    async fn ask_once(&self, nonce: &str, words: &[&str], stdin: Bytes) -> Result<Reply, TargetError> {
        let limit = answer_limit(stdin.len());
        let asking = async {
            let mut stream = self.open(nonce, words, stdin).await?;
            let mut reply = Reply::default();
            let mut kept = 0;
            loop {
                let Some(frame) = stream.next().await? else {
                    return Err(TargetError::Unknown { target: self.name.clone(), what: words[0].to_owned() });
                };
                match frame {
                    Frame::Line { name, text } => {
                        kept += name.len() + text.len();
                        reply.lines.push((name, text));
                    }
                    Frame::File(bytes) => reply.file = Some(bytes),
                    Frame::Out(_) | Frame::Err(_) => {}
                    Frame::End { status, text } => {
                        (reply.status, reply.text) = (status, text);
                        return Ok(reply);
                    }
                }
                if kept > ANSWER_BYTES_MAX {
                    return Err(self.unusable("more than an answer holds"));
                }
            }
        };
        timeout(limit, asking).await.unwrap_or_else(|_| Err(self.unusable("none within the time limit")))
    }

    /// Starts a command; its frames are read one by one.
    pub(crate) async fn open(&self, nonce: &str, words: &[&str], stdin: Bytes) -> Result<Stream, TargetError> {
        let mut stream = self.start(nonce, words, stdin.clone()).await?;
        if stream.peek().await? {
            return Ok(stream);
        }
        self.install().await?;
        self.start(nonce, words, stdin).await
    }

    async fn start(&self, nonce: &str, words: &[&str], stdin: Bytes) -> Result<Stream, TargetError> {
        let script = format!("{}/.sealock/bin/{}", self.directory, *TARGET_SH_HEX);
        let line = CommandLine::new("sh").words(["-c", RUNNER, &script, &self.directory, nonce]);
        let exec = self.client.exec(&line.words(words.iter().copied()), stdin).await?;
        Ok(Stream::new(self.name.clone(), nonce, exec))
    }

    async fn install(&self) -> Result<(), TargetError> {
        let line = CommandLine::new("sh").words(["-c", INSTALLER, &self.directory, &TARGET_SH_HEX]);
        let exec = self.client.exec(&line, Bytes::from_static(TARGET_SH.as_bytes())).await?;
        let placing = timeout(Duration::from_secs(ANSWER_SECONDS), exec.collect(ANSWER_BYTES_MAX));
        let (_, stderr, end) = placing.await.map_err(|_| self.unusable("none within the time limit"))??;
        match end {
            SshEnd::Code(0) => Ok(()),
            SshEnd::Unknown => Err(SshError::Lost { target: self.name.clone() }.into()),
            _ => Err(self.refusal("failed", &format!("cannot place the script: {}", shown(&stderr)))),
        }
    }

    fn unusable(&self, found: &str) -> TargetError {
        TargetError::Answer { target: self.name.clone(), found: found.to_owned() }
    }

    /// The error that a status other than `ok` stands for.
    pub(crate) fn refusal(&self, status: &str, text: &str) -> TargetError {
        let (target, found) = (self.name.clone(), text.to_owned());
        match status {
            "fenced" => TargetError::Fenced { target, found },
            "regress" => TargetError::Regress { target, found },
            "disk" => TargetError::Disk { target, found },
            "tool" => TargetError::Tool { target, tool: found },
            "busy" => TargetError::Busy { target, found },
            "missing" => TargetError::NoRelease { target, release: found },
            "exists" => TargetError::ReleaseExists { target, release: found },
            "damaged" => TargetError::Damaged { target, found },
            "truncated" => SshError::Lost { target }.into(),
            "failed" => TargetError::Failed { target, found },
            other => TargetError::Answer { target, found: format!("the status `{other}`") },
        }
    }
}

fn answer_limit(sent_bytes: usize) -> Duration {
    Duration::from_secs(ANSWER_SECONDS + (sent_bytes / SLOWEST_BYTES_PER_SECOND) as u64)
}

/// Whether nobody answered: nothing is known of what the target did.
pub(crate) fn is_lost(error: &TargetError) -> bool {
    match error {
        TargetError::Unknown { .. } => true,
        TargetError::Ssh(error) => error.retryable(),
        _ => false,
    }
}

fn shown(stderr: &[u8]) -> String {
    String::from_utf8_lossy(stderr).trim().chars().take(STDERR_CHARS_MAX).collect()
}

/// The frames of one command.
pub(crate) struct Stream {
    target: String,
    exec: SshExec,
    reader: FrameReader,
    stderr: Vec<u8>,
    peeked: Option<Frame>,
}

impl Stream {
    fn new(target: String, nonce: &str, exec: SshExec) -> Self {
        Self { target, exec, reader: FrameReader::new(nonce), stderr: Vec::new(), peeked: None }
    }

    /// The next frame; `None` when the stream ended without an end: nobody knows how it went.
    pub(crate) async fn next(&mut self) -> Result<Option<Frame>, TargetError> {
        if let Some(frame) = self.peeked.take() {
            return Ok(Some(frame));
        }
        match self.read().await? {
            Ok(frame) => Ok(Some(frame)),
            Err(SshEnd::Unknown | SshEnd::Signal(_)) => Ok(None),
            Err(SshEnd::Code(code)) => self.no_answer(code),
        }
    }

    /// Whether there is an answer at all; false when the script is not on the target yet.
    async fn peek(&mut self) -> Result<bool, TargetError> {
        match self.read().await? {
            Ok(frame) => self.peeked = Some(frame),
            Err(SshEnd::Code(NOT_INSTALLED)) => return Ok(false),
            Err(SshEnd::Code(code)) => return self.no_answer(code).map(|_| true),
            Err(SshEnd::Unknown | SshEnd::Signal(_)) => {}
        }
        Ok(true)
    }

    async fn read(&mut self) -> Result<Result<Frame, SshEnd>, TargetError> {
        loop {
            if let Some(frame) = self.reader.next().map_err(|error| TargetError::answer(&self.target, &error))? {
                return Ok(Ok(frame));
            }
            match self.exec.next().await? {
                SshOutput::Stdout(bytes) => self.reader.push(&bytes),
                SshOutput::Stderr(bytes) => {
                    let room = STDERR_CHARS_MAX.saturating_sub(self.stderr.len());
                    self.stderr.extend_from_slice(&bytes[..bytes.len().min(room)]);
                }
                SshOutput::End(end) => return Ok(Err(end)),
            }
        }
    }

    /// A shell that returned without an answer; with a code of 0 it may have been cut off.
    fn no_answer(&self, code: u32) -> Result<Option<Frame>, TargetError> {
        if code == 0 {
            return Ok(None);
        }
        let found = format!("the code {code} and `{}`", shown(&self.stderr));
        Err(TargetError::Answer { target: self.target.clone(), found })
    }
}
