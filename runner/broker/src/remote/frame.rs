//! What crosses the socket: a length of four bytes, big-endian, then a message in postcard's encoding.

use std::io;

use sealock_contract::StepName;
use sealock_contract::limits::HOST_CALL_BYTES;
use sealock_contract::seam::{Note, Refusal, Request, Response};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The longest frame: what one call may carry, and room for what stands around it. A length of 4 GiB must
/// not be allocated.
pub const FRAME_BYTES_MAX: usize = HOST_CALL_BYTES + (1 << 20);

/// The version of the messages below.
pub(super) const PROTOCOL: u32 = 1;

/// From the sandbox.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "it is read, taken apart, and gone; nobody keeps a list of them")]
pub(super) enum Up {
    /// First, and only then: for whom it believes to ask.
    Hello { protocol: u32, step: StepName, epoch: u64 },
    /// A question; `call` is given back with the answer.
    Call { call: u64, request: Request },
    /// Notes.
    Notes(Vec<Note>),
}

/// From the broker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Down {
    /// The hello was right.
    Welcome,
    /// The hello was wrong; the last frame.
    Rejected(Refusal),
    /// The answer to a question.
    Answer { call: u64, answer: Result<Response, Refusal> },
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// It announced too many bytes.
    #[error("a frame of {found} bytes; {FRAME_BYTES_MAX} are the most")]
    TooLong {
        /// What it announced.
        found: usize,
    },
    /// Its bytes are no message.
    #[error("a frame that is no message")]
    Garbage,
    /// The socket failed.
    #[error("the socket failed")]
    Io(#[from] io::Error),
}

/// The next message; `None` at the end between two frames.
pub(super) async fn read<T: DeserializeOwned>(from: &mut (impl AsyncRead + Unpin)) -> Result<Option<T>, FrameError> {
    let mut length = [0; 4];
    if from.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..]).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong { found: length });
    }
    // Grown as bytes come, not by the word of the other side.
    let mut bytes = Vec::new();
    from.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    match postcard::take_from_bytes(&bytes) {
        Ok((message, [])) => Ok(Some(message)),
        _ => Err(FrameError::Garbage),
    }
}

/// `message` as a whole frame.
pub(super) fn encode(message: &impl Serialize) -> Result<Vec<u8>, FrameError> {
    let bytes = postcard::to_extend(message, vec![0; 4]).map_err(|_| FrameError::Garbage)?;
    let found = bytes.len() - 4;
    if found > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong { found });
    }
    let mut bytes = bytes;
    let length = u32::try_from(found).map_err(|_| FrameError::TooLong { found })?;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}

pub(super) async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> Result<(), FrameError> {
    to.write_all(&encode(message)?).await?;
    Ok(())
}
