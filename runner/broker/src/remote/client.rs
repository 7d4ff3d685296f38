//! The sandbox's end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealock_contract::StepName;
use sealock_contract::seam::{Answer, Desk, LimitName, Note, Refusal, Request, Response};
use sealock_contract::{ErrorKind, StepError};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::frame::{self, Down, FrameError, PROTOCOL, Up};
use crate::handles;

/// A desk in another process. Answers as the near one does; `E-DESK-CLOSED` once the socket is gone.
pub struct RemoteDesk {
    calls: AtomicU64,
    open: Arc<Open>,
    frames: mpsc::UnboundedSender<Vec<u8>>,
    reader: tokio::task::JoinHandle<()>,
}

type Waiting = HashMap<u64, oneshot::Sender<Result<Response, Refusal>>>;

/// Who waits for which answer; `None` once there will be none.
struct Open(Mutex<Option<Waiting>>);

impl Open {
    fn lock(&self) -> MutexGuard<'_, Option<Waiting>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RemoteDesk {
    /// Says hello for `step` and `epoch` over `stream`.
    ///
    /// # Errors
    ///
    /// `E-DESK-STEP` when the other side serves somebody else, `E-DESK-PROTOCOL` when it does not talk
    /// like a broker.
    pub async fn connect(stream: UnixStream, step: StepName, epoch: u64) -> Result<Self, Refusal> {
        let (mut from, mut to) = stream.into_split();
        let hello = Up::Hello { protocol: PROTOCOL, step, epoch };
        frame::write(&mut to, &hello).await.map_err(|error| broken(&error))?;
        match frame::read(&mut from).await.map_err(|error| broken(&error))? {
            Some(Down::Welcome) => Ok(Self::start(from, to)),
            Some(Down::Rejected(refusal)) => Err(refusal),
            Some(Down::Answer { .. }) | None => Err(broken(&FrameError::Garbage)),
        }
    }

    fn start(from: OwnedReadHalf, to: OwnedWriteHalf) -> Self {
        let open = Arc::new(Open(Mutex::new(Some(Waiting::new()))));
        let (frames, queue) = mpsc::unbounded_channel();
        // Ends by itself once everything is written and `frames` is gone: notes that were told are not lost.
        tokio::spawn(write_frames(queue, to));
        let reader = tokio::spawn(hand_out(from, open.clone()));
        Self { calls: AtomicU64::new(0), open, frames, reader }
    }

    async fn ask(&self, request: Request) -> Result<Response, Refusal> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let frame = frame::encode(&Up::Call { call, request }).map_err(|error| unsendable(&error))?;
        let (tell, told) = oneshot::channel();
        match self.open.lock().as_mut() {
            Some(waiting) => waiting.insert(call, tell),
            None => return Err(handles::closed()),
        };
        let _ = self.frames.send(frame);
        told.await.unwrap_or_else(|_| Err(handles::closed()))
    }
}

async fn write_frames(mut queue: mpsc::UnboundedReceiver<Vec<u8>>, mut to: OwnedWriteHalf) {
    while let Some(frame) = queue.recv().await {
        if to.write_all(&frame).await.is_err() {
            return;
        }
    }
}

async fn hand_out(mut from: OwnedReadHalf, open: Arc<Open>) {
    while let Ok(Some(Down::Answer { call, answer })) = frame::read(&mut from).await {
        if let Some(tell) = open.lock().as_mut().and_then(|waiting| waiting.remove(&call)) {
            let _ = tell.send(answer);
        }
    }
    // Whoever still waits hears that the desk is closed.
    open.lock().take();
}

impl Desk for RemoteDesk {
    fn call(&self, request: Request) -> Answer<'_> {
        Box::pin(self.ask(request))
    }

    fn note(&self, notes: Vec<Note>) {
        if let Ok(frame) = frame::encode(&Up::Notes(notes)) {
            let _ = self.frames.send(frame);
        }
    }
}

impl Drop for RemoteDesk {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

fn broken(error: &FrameError) -> Refusal {
    StepError::new(ErrorKind::Other, "E-DESK-PROTOCOL", format!("the broker does not talk like one: {error}"))
}

fn unsendable(error: &FrameError) -> Refusal {
    match error {
        FrameError::TooLong { .. } => StepError::new(ErrorKind::Quota, LimitName::HostCall.code(), error.to_string()),
        _ => broken(error),
    }
}
