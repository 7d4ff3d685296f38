//! Ctrl-C, and what a closed terminal or a stopping machine sends: the first asks the run to end, the second ends it at
//! once.

use sealock_sandbox::CancellationToken;
use tokio::signal::unix::{SignalKind, signal};

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
