//! Watches the bytes on their way to a parser, which by itself would buffer whatever it is given.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use crate::error::{At, Fault};
use crate::limits::{MAX_DEPTH, MAX_TOKEN_BYTES};

/// How many bytes were read since the parser last finished a token.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Rc<Cell<u64>>);

impl Meter {
    pub(crate) fn reset(&self) {
        self.0.set(0);
    }
}

/// What is watched for, besides NUL bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Watch {
    /// Bytes since the meter was reset.
    #[default]
    Token,
    /// The length of JSON's strings and the depth of its lists and objects.
    Json(JsonShape),
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct JsonShape {
    depth: usize,
    string_bytes: Option<u64>,
    is_escaped: bool,
}

pub(crate) struct Guard<R> {
    inner: R,
    offset: u64,
    meter: Meter,
    watch: Watch,
}

impl<R> Guard<R> {
    pub(crate) fn new(inner: R) -> Self {
        Self { inner, offset: 0, meter: Meter::default(), watch: Watch::default() }
    }

    pub(crate) fn meter(&self) -> Meter {
        self.meter.clone()
    }

    pub(crate) fn inner_mut(&mut self) -> &mut R {
        &mut self.inner
    }

    /// Starts again at the beginning of the text.
    pub(crate) fn restart(&mut self, watch: Watch) {
        (self.offset, self.watch) = (0, watch);
        self.meter.reset();
    }

    fn check(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if let Some(index) = bytes.iter().position(|&byte| byte == 0) {
            return Err(Fault::new(At::Offset(self.offset + index as u64), "a NUL byte", "text in UTF-8"));
        }
        match &mut self.watch {
            Watch::Token => {
                let read = self.meter.0.get() + bytes.len() as u64;
                self.meter.0.set(read);
                let is_within = read <= MAX_TOKEN_BYTES;
                is_within.then_some(()).ok_or_else(|| too_long(self.offset))
            }
            Watch::Json(shape) => shape.check(self.offset, bytes),
        }
    }
}

fn too_long(offset: u64) -> Fault {
    Fault::limit(At::Offset(offset), "a text or tag, in bytes,", MAX_TOKEN_BYTES)
}

impl JsonShape {
    fn check(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        for (index, byte) in bytes.iter().enumerate() {
            let at = || offset + index as u64;
            match self.string_bytes {
                Some(length) if length >= MAX_TOKEN_BYTES => return Err(too_long(at())),
                Some(length) => self.in_string(*byte, length),
                None => self.outside(*byte),
            }
            if self.depth > MAX_DEPTH {
                return Err(Fault::limit(At::Offset(at()), "lists and objects inside each other", MAX_DEPTH as u64));
            }
        }
        Ok(())
    }

    fn in_string(&mut self, byte: u8, length: u64) {
        let ends = byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        self.string_bytes = (!ends).then_some(length + 1);
    }

    fn outside(&mut self, byte: u8) {
        match byte {
            b'"' => self.string_bytes = Some(0),
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.check(&buffer[..count]).map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault))?;
        self.offset += count as u64;
        Ok(count)
    }
}
