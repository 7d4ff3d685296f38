//! The answers of the script on the target, read from a stream that may hold anything else.

use bytes::{Buf, Bytes, BytesMut};

/// What login shells may print before the first frame; more is not a login shell.
const NOISE_BYTES_MAX: usize = 64 << 10;
/// One line of an answer: a ledger record is the longest.
const LINE_BYTES_MAX: usize = 4 << 20;
/// One piece of bytes; the script makes them smaller.
const PIECE_BYTES_MAX: usize = 256 << 20;

/// One part of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A named line.
    Line { name: String, text: String },
    /// Standard output of a script.
    Out(Bytes),
    /// Standard error of a script.
    Err(Bytes),
    /// The bytes of a file.
    File(Bytes),
    /// The end.
    End { status: String, text: String },
}

/// The stream is not made of our frames.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FrameError {
    #[error("the target's shell printed more than {NOISE_BYTES_MAX} bytes before the answer")]
    Noise,
    #[error("the answer holds something that is not part of one")]
    Garbage,
    #[error("the answer belongs to another request")]
    Nonce,
}

/// Cuts a stream into [`Frame`]s.
pub(crate) struct FrameReader {
    nonce: String,
    begun: bool,
    buffer: BytesMut,
}

impl FrameReader {
    pub(crate) fn new(nonce: &str) -> Self {
        Self { nonce: nonce.to_owned(), begun: false, buffer: BytesMut::new() }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, when all of it has come.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        if !self.begun && !self.skip_noise()? {
            return Ok(None);
        }
        let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') else {
            return if self.buffer.len() > LINE_BYTES_MAX { Err(FrameError::Garbage) } else { Ok(None) };
        };
        let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
        let (kind, rest) = line.split_once(' ').ok_or(FrameError::Garbage)?;
        match kind {
            "l" => {
                self.buffer.advance(end + 1);
                let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                Ok(Some(Frame::Line { name: name.to_owned(), text: text.to_owned() }))
            }
            "x" => self.end(end, rest).map(Some),
            "o" | "e" | "f" => self.piece(end, kind, rest),
            _ => Err(FrameError::Garbage),
        }
    }

    fn end(&mut self, end: usize, rest: &str) -> Result<Frame, FrameError> {
        self.buffer.advance(end + 1);
        let (nonce, rest) = rest.split_once(' ').ok_or(FrameError::Garbage)?;
        if nonce != self.nonce {
            return Err(FrameError::Nonce);
        }
        let (status, text) = rest.split_once(' ').unwrap_or((rest, ""));
        Ok(Frame::End { status: status.to_owned(), text: text.trim().to_owned() })
    }

    fn piece(&mut self, end: usize, kind: &str, rest: &str) -> Result<Option<Frame>, FrameError> {
        let length: usize = rest.parse().map_err(|_| FrameError::Garbage)?;
        if length > PIECE_BYTES_MAX {
            return Err(FrameError::Garbage);
        }
        if self.buffer.len() < end + 1 + length {
            return Ok(None);
        }
        self.buffer.advance(end + 1);
        let bytes = self.buffer.split_to(length).freeze();
        Ok(Some(match kind {
            "o" => Frame::Out(bytes),
            "e" => Frame::Err(bytes),
            _ => Frame::File(bytes),
        }))
    }

    /// Login shells greet, and their greetings are nobody's answer.
    fn skip_noise(&mut self) -> Result<bool, FrameError> {
        let header = format!("sealock-frames {}\n", self.nonce);
        let found = self.buffer.windows(header.len()).position(|window| window == header.as_bytes());
        match found {
            Some(at) => {
                self.buffer.advance(at + header.len());
                self.begun = true;
                Ok(true)
            }
            None if self.buffer.len() > NOISE_BYTES_MAX => Err(FrameError::Noise),
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, piece: usize) -> Result<Vec<Frame>, FrameError> {
        let mut reader = FrameReader::new("n1");
        let mut frames = Vec::new();
        for bytes in text.as_bytes().chunks(piece) {
            reader.push(bytes);
            while let Some(frame) = reader.next()? {
                frames.push(frame);
            }
        }
        Ok(frames)
    }

    #[test]
    fn an_answer_is_read_however_it_is_cut() {
        let text = "Welcome!\nx n1 ok \nsealock-frames n1\nl ledger {\"a\": 1}\no 9\nx n1 ok \n\ne 1\n!x n1 exit 3\n";
        let expected = [
            Frame::Line { name: "ledger".to_owned(), text: "{\"a\": 1}".to_owned() },
            Frame::Out(Bytes::from_static(b"x n1 ok \n")),
        ];
        for piece in 1..text.len() {
            let found = read(text, piece);
            assert!(found.is_err(), "a line end after a piece is not a frame: {found:?}");
        }
        let text = text.replace("\n\ne", "\ne");
        for piece in 1..text.len() {
            let frames = read(&text, piece).expect("frames");
            assert_eq!(frames[..2], expected[..]);
            assert_eq!(frames[3], Frame::End { status: "exit".to_owned(), text: "3".to_owned() });
        }
    }

    #[test]
    fn a_fake_answer_is_none() {
        assert_eq!(read("deploy ok\nx n1 ok \n", 7), Ok(Vec::new()));
        assert_eq!(read("sealock-frames n1\nx n2 ok \n", 7), Err(FrameError::Nonce));
        assert_eq!(read("sealock-frames n1\ndeploy ok\n", 7), Err(FrameError::Garbage));
        assert_eq!(read("sealock-frames n1\no 99999999999999999999\n", 7), Err(FrameError::Garbage));
        assert_eq!(read(&"y\n".repeat(NOISE_BYTES_MAX), 4096), Err(FrameError::Noise));
    }
}
