//! The broker's end.

use std::sync::Arc;
use std::time::Duration;

use sealock_contract::limits::HOST_CALL_BYTES;
use sealock_contract::seam::{Desk, LimitName, Refusal, Request, Response};
use sealock_contract::{ErrorKind, StepError};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::frame::{self, Down, FrameError, PROTOCOL, Up};
use crate::StepDesk;

/// Questions that may be open at once: a sandbox that never waits for an answer must not fill the memory.
pub const CALLS_MAX: usize = 256;
/// For the first frame: a connection that says nothing must not be held.
const HELLO_SECONDS: u64 = 10;

/// Why a desk was closed before its sandbox hung up.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A frame was not one.
    #[error("the sandbox broke the protocol")]
    Frame(#[from] FrameError),
    /// The first frame was not the expected one, in time; or a later one was a first one.
    #[error("the sandbox did not say for whom it asks, or said it twice")]
    Hello,
    /// It named another step, another epoch, or another protocol.
    #[error("the sandbox asks for somebody else: {0}")]
    Rejected(Refusal),
}

/// Answers at `desk` what is asked over `stream`, until the other side hangs up; then closes the desk.
///
/// # Errors
///
/// When the other side broke the protocol. The desk is closed then, too.
pub async fn serve(desk: Arc<StepDesk>, stream: UnixStream) -> Result<(), ServeError> {
    let served = converse(&desk, stream).await;
    desk.close().await;
    served
}

async fn converse(desk: &Arc<StepDesk>, stream: UnixStream) -> Result<(), ServeError> {
    let (mut from, mut to) = stream.into_split();
    greet(desk, &mut from, &mut to).await?;
    let (answers, queue) = mpsc::channel(CALLS_MAX);
    let writer = tokio::spawn(write_answers(queue, to));
    let listened = listen(desk, &mut from, answers).await;
    writer.abort();
    listened
}

async fn greet(
    desk: &StepDesk,
    from: &mut OwnedReadHalf,
    to: &mut (impl AsyncWrite + Unpin),
) -> Result<(), ServeError> {
    let first = tokio::time::timeout(Duration::from_secs(HELLO_SECONDS), frame::read(from)).await;
    let Some(Up::Hello { protocol, step, epoch }) = first.map_err(|_| ServeError::Hello)?? else {
        return Err(ServeError::Hello);
    };
    let is_right = protocol == PROTOCOL && step == *desk.step().name() && epoch == desk.step().epoch();
    if is_right {
        frame::write(to, &Down::Welcome).await?;
        return Ok(());
    }
    let message =
        format!("this desk is for {} epoch {}, not for {step} epoch {epoch}", desk.step().name(), desk.step().epoch());
    let refusal = StepError::new(ErrorKind::Denied, "E-DESK-STEP", message);
    frame::write(to, &Down::Rejected(refusal.clone())).await?;
    let _ = to.shutdown().await;
    Err(ServeError::Rejected(refusal))
}

async fn listen(
    desk: &Arc<StepDesk>,
    from: &mut OwnedReadHalf,
    answers: mpsc::Sender<Vec<u8>>,
) -> Result<(), ServeError> {
    let room = Arc::new(Semaphore::new(CALLS_MAX));
    // Dropped with this function: open questions of a side that has hung up are given up.
    let mut calls = JoinSet::new();
    loop {
        while calls.try_join_next().is_some() {}
        match frame::read(from).await? {
            None => return Ok(()),
            Some(Up::Hello { .. }) => return Err(ServeError::Hello),
            Some(Up::Notes(notes)) => desk.note(notes),
            Some(Up::Call { call, request }) => {
                let permit = room.clone().try_acquire_owned();
                let (desk, answers) = (desk.clone(), answers.clone());
                calls.spawn(async move {
                    let answer = match &permit {
                        Ok(_) => ask(&desk, request).await,
                        Err(_) => Err(too_many_calls()),
                    };
                    let _ = answers.send(encode(call, answer)).await;
                });
            }
        }
    }
}

async fn ask(desk: &StepDesk, request: Request) -> Result<Response, Refusal> {
    desk.call(request).await
}

fn encode(call: u64, answer: Result<Response, Refusal>) -> Vec<u8> {
    frame::encode(&Down::Answer { call, answer }).unwrap_or_else(|_| {
        let answer = Err(too_long());
        frame::encode(&Down::Answer { call, answer }).expect("a refusal is short and of plain texts")
    })
}

async fn write_answers(mut queue: mpsc::Receiver<Vec<u8>>, mut to: impl AsyncWrite + Unpin) {
    while let Some(bytes) = queue.recv().await {
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

fn too_many_calls() -> Refusal {
    let message = format!("{CALLS_MAX} calls of this step are open; that is the most");
    StepError::new(ErrorKind::Quota, LimitName::HostCall.code(), message)
}

fn too_long() -> Refusal {
    let message = format!("the answer has more than {HOST_CALL_BYTES} bytes");
    StepError::new(ErrorKind::Quota, LimitName::HostCall.code(), message)
}
