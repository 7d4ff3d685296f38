//! A report that is open for reading.

use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

use crate::error::{At, Fault, Place, ReportError};
use crate::guard::{Guard, JsonShape, Meter, Watch};
use crate::limits::MAX_START_BYTES;
use crate::start::Start;

const CHUNK_BYTES: usize = 64 * 1024;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// What a report is read from: a file, or bytes in a test.
pub trait Source: Read + Seek {}

impl<T: Read + Seek> Source for T {}

/// An open report: its text from the start, without a byte-order mark, guarded by the limits.
pub struct Report<'a> {
    reader: BufReader<Guard<&'a mut dyn Source>>,
    /// How many bytes stand before the text.
    skipped: u64,
}

impl<'a> Report<'a> {
    /// Opens `source` and looks at its start.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, or is no text in UTF-8.
    pub(crate) fn open(source: &'a mut dyn Source) -> Result<(Self, Start), Fault> {
        let mut head = Vec::new();
        source.take(MAX_START_BYTES as u64).read_to_end(&mut head).map_err(Fault::from_io)?;
        let skipped = if head.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        head.drain(..skipped);
        let start = Start::new(head)?;
        let reader = BufReader::with_capacity(CHUNK_BYTES, Guard::new(source));
        Ok((Self { reader, skipped: skipped as u64 }, start))
    }

    /// From the start again, for a parser of XML or lines.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn rewind(&mut self) -> Result<(), Fault> {
        self.restart(Watch::Token)
    }

    /// From the start again, for a parser of JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be read.
    pub fn rewind_json(&mut self) -> Result<(), Fault> {
        self.restart(Watch::Json(JsonShape::default()))
    }

    fn restart(&mut self, watch: Watch) -> Result<(), Fault> {
        let buffered = self.reader.buffer().len();
        self.reader.consume(buffered);
        let guard = self.reader.get_mut();
        guard.restart(watch);
        guard.inner_mut().seek(SeekFrom::Start(self.skipped)).map(drop).map_err(Fault::from_io)
    }

    pub(crate) fn meter(&self) -> Meter {
        self.reader.get_ref().meter()
    }

    /// Says that the reader has finished a token: the next one may be as long again.
    pub fn next_token(&self) {
        self.meter().reset();
    }

    /// Turns what a reader found into an error with line and column.
    pub(crate) fn locate(&mut self, fault: Fault) -> ReportError {
        let place = match fault.at {
            At::Place(place) => Some(place),
            At::Offset(offset) => self.place_of(offset).ok(),
            At::Whole => None,
        };
        fault.into_error(place)
    }

    fn place_of(&mut self, offset: u64) -> io::Result<Place> {
        let source = self.reader.get_mut().inner_mut();
        source.seek(SeekFrom::Start(self.skipped))?;
        let mut reader = BufReader::with_capacity(CHUNK_BYTES, source.take(offset));
        let mut place = Place { line: 1, column: 1 };
        loop {
            let bytes = reader.fill_buf()?;
            if bytes.is_empty() {
                return Ok(place);
            }
            for byte in bytes {
                place = match byte {
                    b'\n' => Place { line: place.line + 1, column: 1 },
                    _ => Place { column: place.column + 1, ..place },
                };
            }
            let count = bytes.len();
            reader.consume(count);
        }
    }
}

impl Read for Report<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

impl BufRead for Report<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }
}
