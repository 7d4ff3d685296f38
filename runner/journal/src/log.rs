//! A run's log file: what is transient, one event a line, written before any sink sees it.
//!
//! It is not synced: a kill loses nothing, a power cut may lose the last seconds. It is not part of the chain;
//! its length is recorded in the journal at each step's end.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use sealock_events::Event;

use crate::{CommitError, FullDisk, ReadError};

/// One run's log: a run of ten thousand chatty steps must not fill the disk.
const MAX_RUN_LOG_BYTES: u64 = 4 << 30;
/// One line when reading: far more than a step's longest line can become in JSON. A damaged file without line
/// ends must not fill the memory.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// A run's log file, open to write.
#[derive(Debug)]
pub struct RunLog {
    state: PathBuf,
    file: File,
    bytes: u64,
    lines: Vec<u8>,
}

impl RunLog {
    /// Opens `<state>/runs/<run>/log.jsonl`, and makes it when it is not there. A last line that a power cut
    /// tore is cut off.
    ///
    /// # Errors
    ///
    /// When it cannot be made or read.
    pub fn open(state: &Path, run: &str) -> Result<Self, CommitError> {
        let path = path_of(state, run);
        let open = || -> io::Result<Self> {
            if let Some(folder) = path.parent() {
                fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            }
            let mut options = OpenOptions::new();
            let file = options.read(true).write(true).create(true).truncate(false).mode(0o600);
            // A link here would have its target truncated.
            let mut file = file.custom_flags(OFlags::NOFOLLOW.bits().cast_signed()).open(&path)?;
            let bytes = end_of_last_line(&mut file)?;
            file.set_len(bytes)?;
            file.seek(SeekFrom::Start(bytes))?;
            Ok(Self { state: state.to_owned(), file, bytes, lines: Vec::new() })
        };
        open().map_err(|error| refused(error, state))
    }

    /// Writes a batch at once. All of it is in the file, or nothing is.
    ///
    /// # Errors
    ///
    /// When the disk is full or fails, or the log is too long. The file then ends as it did before.
    pub fn append<'e>(&mut self, events: impl IntoIterator<Item = &'e Event>) -> Result<(), CommitError> {
        self.lines.clear();
        for event in events {
            serde_json::to_writer(&mut self.lines, event)?;
            self.lines.push(b'\n');
        }
        let bytes = self.bytes + self.lines.len() as u64;
        if bytes > MAX_RUN_LOG_BYTES {
            return Err(CommitError::LogLimit { limit: MAX_RUN_LOG_BYTES >> 20 });
        }
        if let Err(error) = self.file.write_all(&self.lines) {
            let error = refused(error, &self.state);
            // A line cut short would be taken for one that a power cut tore.
            let _ = self.file.set_len(self.bytes);
            let _ = self.file.seek(SeekFrom::Start(self.bytes));
            return Err(error);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// How many bytes it has, for the journal's `log_bytes`.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The events of a log file, in its order.
pub struct LogLines {
    run: String,
    lines: Option<BufReader<File>>,
    line: u64,
}

impl LogLines {
    /// Those of `run`; none when it has no log file.
    pub(crate) fn open(state: &Path, run: &str) -> Result<Self, ReadError> {
        let lines = match File::open(path_of(state, run)) {
            Ok(file) => Some(BufReader::new(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(ReadError::Log { run: run.to_owned(), source }),
        };
        Ok(Self { run: run.to_owned(), lines, line: 0 })
    }
}

impl Iterator for LogLines {
    type Item = Result<Event, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.lines.as_mut()?;
        let mut line = Vec::new();
        let read = lines.take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
        self.line += 1;
        match read {
            Ok(_) if line.ends_with(b"\n") => {
                let event = serde_json::from_slice(&line);
                Some(event.map_err(|_| ReadError::LogLine { run: self.run.clone(), line: self.line }))
            }
            Ok(length) => {
                self.lines = None;
                let too_long = length as u64 == MAX_LINE_BYTES;
                too_long.then(|| Err(ReadError::LogLine { run: self.run.clone(), line: self.line }))
            }
            Err(source) => {
                self.lines = None;
                Some(Err(ReadError::Log { run: self.run.clone(), source }))
            }
        }
    }
}

fn refused(error: io::Error, state: &Path) -> CommitError {
    if FullDisk::is_cause_of(&error) { CommitError::LogFull(FullDisk::at(state)) } else { CommitError::Log(error) }
}

pub(crate) fn path_of(state: &Path, run: &str) -> PathBuf {
    state.join("runs").join(run).join("log.jsonl")
}

/// The number of the event behind which the last whole line stands; none when there is no log, or it cannot be read.
pub(crate) fn last_seq(state: &Path, run: &str) -> Option<u64> {
    let mut file = File::open(path_of(state, run)).ok()?;
    let end = end_of_last_line(&mut file).ok()?;
    let start = end.saturating_sub(MAX_LINE_BYTES);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut tail = Vec::new();
    file.take(end - start).read_to_end(&mut tail).ok()?;
    let line = tail.strip_suffix(b"\n")?;
    let line = line.rsplit(|&byte| byte == b'\n').next()?;
    serde_json::from_slice::<Event>(line).ok().map(|event| event.seq)
}

/// Where the last whole line ends.
fn end_of_last_line(file: &mut File) -> io::Result<u64> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = length;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(64 << 10);
        file.seek(SeekFrom::Start(start))?;
        block.resize(usize::try_from(end - start).expect("a block is small"), 0);
        file.read_exact(&mut block)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
