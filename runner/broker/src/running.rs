//! What was started for a step and has not been dropped.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sealock_contract::seam::{Exit, Refusal};
use sealock_contract::{ErrorKind, StepError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::capture::Capture;

/// A native program, a command in a container, or a script on a target.
pub trait Running: Send + Sync {
    /// Waits until it ended and all its output has been taken. May be dropped and called again.
    ///
    /// # Errors
    ///
    /// When it could not be brought to its end: its time was up, a limit was hit, the connection broke.
    fn wait(&self) -> BoxFuture<'_, Result<Exit, Refusal>>;

    /// At most `max` bytes captured since the last call from standard output, or from standard error;
    /// waits for the first; empty at the end, and at once when that stream is not captured.
    ///
    /// # Errors
    ///
    /// When what was captured can no longer be read.
    fn read(&self, error: bool, max: usize) -> BoxFuture<'_, Result<Vec<u8>, Refusal>>;

    /// Asks it to stop, and leaves it to it: what runs on a target or as a container of its own does not hear.
    fn ask(&self) {}

    /// Asks it to stop, then ends it with everything it started; returns when that is done.
    fn kill(&self) -> BoxFuture<'_, ()>;
}

type Ended = Option<Result<Exit, Refusal>>;

/// The usual [`Running`]: a task of this process that follows something to its end.
///
/// Dropping it fires the task's stop token, so that nothing runs on for a step that forgot it.
pub struct Started {
    ended: watch::Receiver<Ended>,
    asked: CancellationToken,
    stop: CancellationToken,
    stdout: Option<Arc<Capture>>,
    stderr: Option<Arc<Capture>>,
}

impl Started {
    /// Runs `follow` in a task. It gets a token; when that fires it must end what it follows, with
    /// everything that it started, and return. After `timeout` the token fires, and the end is
    /// `E-PROCESS-TIMEOUT` whatever `follow` returns.
    pub fn spawn<F>(
        timeout: Option<Duration>,
        stdout: Option<Arc<Capture>>,
        stderr: Option<Arc<Capture>>,
        follow: impl FnOnce(CancellationToken) -> F,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Exit, Refusal>> + Send + 'static,
    {
        Self::spawn_listening(timeout, stdout, stderr, |_, stop| follow(stop))
    }

    /// Like [`Self::spawn`], for what can be asked to stop: the first token fires then.
    pub fn spawn_listening<F>(
        timeout: Option<Duration>,
        stdout: Option<Arc<Capture>>,
        stderr: Option<Arc<Capture>>,
        follow: impl FnOnce(CancellationToken, CancellationToken) -> F,
    ) -> Arc<Self>
    where
        F: Future<Output = Result<Exit, Refusal>> + Send + 'static,
    {
        let asked = CancellationToken::new();
        let stop = CancellationToken::new();
        let following = follow(asked.clone(), stop.clone());
        let (tell, ended) = watch::channel(None);
        let token = stop.clone();
        tokio::spawn(async move {
            let end = until(timeout, token, following).await;
            tell.send_replace(Some(end));
        });
        Arc::new(Self { ended, asked, stop, stdout, stderr })
    }

    async fn end(&self) -> Result<Exit, Refusal> {
        let mut ended = self.ended.clone();
        match ended.wait_for(Option::is_some).await {
            Ok(end) => end.clone().unwrap_or_else(|| Err(lost())),
            Err(_) => Err(lost()),
        }
    }
}

async fn until(
    timeout: Option<Duration>,
    stop: CancellationToken,
    following: impl Future<Output = Result<Exit, Refusal>>,
) -> Result<Exit, Refusal> {
    let Some(timeout) = timeout else {
        return following.await;
    };
    tokio::pin!(following);
    tokio::select! {
        biased;
        end = &mut following => end,
        () = tokio::time::sleep(timeout) => {
            stop.cancel();
            let _ = following.await;
            Err(out_of_time(timeout))
        }
    }
}

fn out_of_time(timeout: Duration) -> Refusal {
    let message = format!("it ran longer than {} ms and was killed", timeout.as_millis());
    StepError::new(ErrorKind::Timeout, "E-PROCESS-TIMEOUT", message)
}

fn lost() -> Refusal {
    StepError::new(ErrorKind::Other, "E-PROCESS-LOST", "what followed it to its end is gone")
}

impl Running for Started {
    fn wait(&self) -> BoxFuture<'_, Result<Exit, Refusal>> {
        Box::pin(self.end())
    }

    fn read(&self, error: bool, max: usize) -> BoxFuture<'_, Result<Vec<u8>, Refusal>> {
        Box::pin(async move {
            match if error { &self.stderr } else { &self.stdout } {
                Some(capture) => capture.read(max).await,
                None => Ok(Vec::new()),
            }
        })
    }

    fn ask(&self) {
        self.asked.cancel();
    }

    fn kill(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.stop.cancel();
            let _ = self.end().await;
        })
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_can_be_waited_for_twice_and_a_wait_can_be_given_up() {
        let started = Started::spawn(None, None, None, |_| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Exit::Code(3))
        });
        assert!(tokio::time::timeout(Duration::from_millis(1), started.wait()).await.is_err());
        assert_eq!(started.wait().await, Ok(Exit::Code(3)));
        assert_eq!(started.wait().await, Ok(Exit::Code(3)));
        assert_eq!(started.read(false, 10).await, Ok(Vec::new()));
    }

    #[tokio::test]
    async fn killing_and_running_out_of_time_fire_the_token() {
        let follow = |stop: CancellationToken| async move {
            stop.cancelled().await;
            Ok(Exit::Signal(15))
        };
        let killed = Started::spawn(None, None, None, follow);
        killed.kill().await;
        assert_eq!(killed.wait().await, Ok(Exit::Signal(15)));
        let late = Started::spawn(Some(Duration::from_millis(1)), None, None, follow);
        assert_eq!(late.wait().await.expect_err("too long").code, "E-PROCESS-TIMEOUT");
    }

    #[tokio::test]
    async fn it_can_be_asked_and_decides_for_itself() {
        let started = Started::spawn_listening(None, None, None, |asked, stop| async move {
            asked.cancelled().await;
            Ok(Exit::Code(if stop.is_cancelled() { 1 } else { 7 }))
        });
        started.ask();
        assert_eq!(started.wait().await, Ok(Exit::Code(7)));
    }

    #[tokio::test]
    async fn dropping_it_fires_the_token() {
        let (tell, told) = tokio::sync::oneshot::channel();
        drop(Started::spawn(None, None, None, |stop| async move {
            stop.cancelled().await;
            let _ = tell.send(());
            Ok(Exit::Signal(9))
        }));
        assert!(told.await.is_ok());
    }
}
