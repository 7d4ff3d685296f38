//! Compiling in a child process that can be killed.
//!
//! The child is this same program with other arguments (`sealock __compile`): a component on its standard input, the
//! compiled code on its standard output; or exit code 2 and a reason on its standard error. What it may take is set
//! before it starts.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};
use sealock_contract::limits::{COMPILE_MEMORY_BYTES, COMPILE_SECONDS};

/// What the child may say about a component that it refuses.
const MESSAGE_BYTES: u64 = 64 << 10;
/// Compiled code of the largest component: a child that writes for ever is stopped.
const CODE_BYTES: u64 = 1 << 30;
/// What the child exits with when it refuses the component, with the reason on its standard error.
const REFUSED: i32 = 2;
/// How many times its processor time a child may take by the clock: on a busy machine it stands still most of the time, and
/// the component is none the worse for it.
const CLOCK_TIMES: u32 = 5;
/// Between two looks whether the child has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Why there is no compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CompileFailure {
    /// The component cannot be used; what the compiler said.
    #[error("{0}")]
    Refused(String),
    /// It took longer than a compiler may.
    #[error("compiling it took longer than {:?}", .0)]
    Time(Duration),
    /// It took more memory than a compiler may, or broke the compiler in another way.
    #[error("the compiler was ended by signal {signal}; it may take {} MiB and {COMPILE_SECONDS} s", .memory_bytes >> 20)]
    Killed {
        /// Which.
        signal: i32,
        /// What it may take.
        memory_bytes: u64,
    },
    /// The compiler broke off by itself, most likely for want of memory.
    #[error("the compiler broke off: {0}")]
    Broken(String),
    /// The child could not be started or spoken to.
    #[error("the compiler cannot be run")]
    Io(#[from] io::Error),
}

impl CompileFailure {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(_) => "E-PLUGIN-FORMAT",
            Self::Time(_) | Self::Killed { .. } | Self::Broken(_) => "E-LIMIT-COMPILE",
            Self::Io(_) => "E-PLUGIN-COMPILE",
        }
    }
}

/// How the child is started, and what it may take.
#[derive(Clone, Debug)]
pub struct Compile {
    /// This program.
    pub program: PathBuf,
    /// What makes it the compiler.
    pub arguments: Vec<OsString>,
    /// Of processor time; five times as much by the clock.
    pub time: Duration,
    /// Of address space.
    pub memory_bytes: u64,
}

impl Compile {
    /// `program` with `arguments`, within the usual limits.
    pub fn by(program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
            time: Duration::from_secs(COMPILE_SECONDS),
            memory_bytes: COMPILE_MEMORY_BYTES,
        }
    }

    /// Compiles `component`. Blocks until the child has ended, at the latest when its time is over.
    ///
    /// # Errors
    ///
    /// When the compiler refuses it, or takes more than it may.
    pub fn compile(&self, component: &[u8]) -> Result<Vec<u8>, CompileFailure> {
        let mut child = self.start()?;
        let (Some(mut input), Some(output), Some(errors)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("the child has no streams").into());
        };
        std::thread::scope(|scope| {
            // A child that ends early closes the pipe: its exit says why.
            scope.spawn(move || drop(input.write_all(component)));
            let code = scope.spawn(|| read(output, CODE_BYTES));
            let message = scope.spawn(|| read(errors, MESSAGE_BYTES));
            let ended = self.wait(&mut child);
            let code = code.join().map_err(|_| io::Error::other("the reader is gone"))?;
            let message = message.join().map_err(|_| io::Error::other("the reader is gone"))?;
            self.judge(ended?, code?, &message?)
        })
    }

    #[expect(unsafe_code, reason = "limits are set between fork and exec, which std calls unsafe")]
    fn start(&self) -> io::Result<Child> {
        let (memory_bytes, seconds) = (self.memory_bytes, self.time.as_secs().max(1));
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: `setrlimit` is a plain system call; nothing is allocated and no lock is taken.
        unsafe {
            command.pre_exec(move || {
                let within = |limit, hard| Rlimit { current: Some(limit), maximum: Some(hard) };
                setrlimit(Resource::As, within(memory_bytes, memory_bytes))?;
                // At the hard limit the kernel sends SIGKILL, which says nothing of time: SIGXCPU comes a second before.
                setrlimit(Resource::Cpu, within(seconds, seconds + 1))?;
                setrlimit(Resource::Core, within(0, 0))?;
                Ok(())
            });
        }
        command.spawn()
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus, CompileFailure> {
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() >= self.time * CLOCK_TIMES {
                child.kill()?;
                child.wait()?;
                return Err(CompileFailure::Time(self.time));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    fn judge(&self, status: ExitStatus, code: Vec<u8>, message: &[u8]) -> Result<Vec<u8>, CompileFailure> {
        const SIGXCPU: i32 = 24;
        match status.signal() {
            Some(SIGXCPU) => Err(CompileFailure::Time(self.time)),
            Some(signal) => Err(CompileFailure::Killed { signal, memory_bytes: self.memory_bytes }),
            None if status.success() && !code.is_empty() => Ok(code),
            None => {
                let message = String::from_utf8_lossy(message).trim().to_owned();
                let is_refusal = status.code() == Some(REFUSED);
                Err(if is_refusal { CompileFailure::Refused(message) } else { CompileFailure::Broken(message) })
            }
        }
    }
}

fn read(from: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
