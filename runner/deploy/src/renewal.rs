//! Keeping the leases of a deployment.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sealock_contract::StepError;
use tokio::time::timeout;

use crate::deployment::Shared;
use crate::error::TargetError;
use crate::held::Held;
use crate::lease::{self, RENEW_SECONDS};
use crate::link::is_lost;

/// Between two attempts to renew a lease that could not be renewed.
const RENEW_AGAIN_SECONDS: u64 = 2;
/// How long an effect waits for a target to say whether it is still ours.
const ASK_SECONDS: u64 = 10;

/// Renews one target's lease until the task is aborted or another run holds the target. A lease that ran out is asked
/// for on and on: the target itself says, by the fence, whether it is still ours.
pub(crate) async fn keep(shared: Arc<Shared>, index: usize) {
    let held = &shared.held[index];
    let mut pause = RENEW_SECONDS;
    loop {
        let _ = timeout(Duration::from_secs(pause), held.wake.notified()).await;
        let left = held.lease.left();
        let limit = if left.is_zero() { Duration::from_secs(lease::LEASE_SECONDS) } else { left };
        pause = match renew(held, &shared.facts.run, limit).await {
            Ok(()) => {
                held.silent.store(false, Ordering::Relaxed);
                RENEW_SECONDS
            }
            Err(error) if is_fence(&error) => {
                shared.fence(error.into());
                return;
            }
            Err(error) => {
                if is_lost(&error) {
                    held.silent.store(true, Ordering::Relaxed);
                }
                RENEW_AGAIN_SECONDS
            }
        };
    }
}

/// Renews the lease of a target that is no longer certainly ours. A machine that slept learns so who holds it now.
///
/// # Errors
///
/// `E-FENCED` or `E-TARGET-REGRESS` when the target says so, and `E-LEASE-LOST` when it does not answer in time.
pub(crate) async fn renew_now(shared: &Shared, held: &Held) -> Result<(), StepError> {
    let limit = Duration::from_secs(ASK_SECONDS);
    renew(held, &shared.facts.run, limit).await.map_err(|error| {
        if !is_fence(&error) {
            return lost(held).into();
        }
        let told = StepError::from(error);
        shared.fence(told.clone());
        told
    })
}

/// Asks for the lease, which is ours from when that was sent.
async fn renew(held: &Held, run: &str, limit: Duration) -> Result<(), TargetError> {
    let (epoch, seconds) = (held.epoch.to_string(), lease::LEASE_SECONDS.to_string());
    let words = ["renew", &epoch, run, &seconds];
    let sent = Instant::now();
    timeout(limit, held.link.tell(&words, Bytes::new())).await.unwrap_or_else(|_| Err(lost(held)))?;
    held.lease.renew(sent);
    Ok(())
}

fn lost(held: &Held) -> TargetError {
    TargetError::LeaseLost { target: held.link.name.clone() }
}

/// Whether the target says that it is not ours, or not what it was.
fn is_fence(error: &TargetError) -> bool {
    matches!(error, TargetError::Fenced { .. } | TargetError::Regress { .. })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use sealock_broker::ssh::{SshAddress, SshAuth, SshLimits, SshTarget};

    use super::*;
    use crate::deployment::Deployment;
    use crate::environment::{RunFacts, TargetSpec};
    use crate::lease::{Lease, Locked, MARGIN_SECONDS};
    use crate::state::TargetState;

    /// A deployment that holds `web1` with this lease; whoever asks there is listened to, and not answered.
    fn holding(silence: &TcpListener, lease: Lease) -> Deployment {
        let port = silence.local_addr().expect("bound").port();
        let address = SshAddress::new("deploy", "127.0.0.1", port).expect("an address");
        let auth = SshAuth::Agent("/nowhere".into());
        let ssh = SshTarget { name: "web1".to_owned(), address, host_keys: Vec::new(), auth };
        let spec = TargetSpec { ssh, directory: "/opt/app".to_owned(), sudo: Vec::new() };
        let link = spec.link(SshLimits::default()).expect("a plain path");
        let locked = Locked { epoch: 1, state: TargetState::default(), lease, is_resumed: false };
        let facts = RunFacts { run: "run1".to_owned(), who: "here".to_owned(), commit: None, dirty: false };
        Deployment::start(facts, vec![Held::new(link, locked, Vec::new())])
    }

    fn lease_of(age_seconds: u64) -> Lease {
        let sent = Instant::now().checked_sub(Duration::from_secs(age_seconds));
        Lease::since(sent.expect("the machine has been up for a minute"))
    }

    #[tokio::test]
    async fn no_effect_is_started_near_the_end_of_a_lease_that_a_silent_target_does_not_renew() {
        let silence = TcpListener::bind("127.0.0.1:0").expect("a port");
        let before_margin = lease::LEASE_SECONDS - MARGIN_SECONDS;
        let early = holding(&silence, lease_of(before_margin - 5));
        early.check().await.expect("there is time left, and nobody has to be asked");
        let late = holding(&silence, lease_of(before_margin + 1));
        let (checked, switched) = tokio::join!(late.check(), late.switch("web1", None));
        assert_eq!(checked.expect_err("nobody answers").code, "E-LEASE-LOST");
        assert_eq!(switched.expect_err("nobody answers").code, "E-LEASE-LOST");
        assert!(!late.is_touched(), "nothing was begun");
    }
}
