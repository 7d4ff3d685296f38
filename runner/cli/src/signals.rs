//! Ctrl-C, and what a closed terminal or a stopping machine sends: the first asks the run to end, the second ends it at
//! once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sealock_sandbox::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

/// Between two looks for a note of `sealock cancel`.
const LOOK: Duration = Duration::from_millis(200);

/// Where `sealock cancel` leaves a note for whoever runs `run`.
pub(crate) fn note(state: &Path, run: &str) -> PathBuf {
    state.join("runs").join(run).join("cancel")
}

/// Fires `cancel`, or both, when a note is left at `note`. One that was left for an earlier process is thrown away.
pub(crate) fn heed(note: PathBuf, cancel: CancellationToken, kill: CancellationToken) {
    let _ = std::fs::remove_file(&note);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(LOOK).await;
            let Ok(text) = std::fs::read_to_string(&note) else { continue };
            let _ = std::fs::remove_file(&note);
            cancel.cancel();
            if text == "now" {
                kill.cancel();
            }
        }
    });
}

/// Fired by the first and the second signal.
pub(crate) fn tokens() -> (CancellationToken, CancellationToken) {
    let (cancel, kill) = (CancellationToken::new(), CancellationToken::new());
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()] {
        let (cancel, kill) = (cancel.clone(), kill.clone());
        let Ok(mut signals) = signal(kind) else { continue };
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if cancel.is_cancelled() {
                    kill.cancel();
                }
                cancel.cancel();
            }
        });
    }
    (cancel, kill)
}
