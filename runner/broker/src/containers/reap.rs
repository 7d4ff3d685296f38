//! Removes what runs left behind that were killed.

use sealock_contract::seam::Refusal;

use super::engine::Engine;
use super::label;
use super::scope::{Found, find};

/// How much was left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reaped {
    /// Containers, with their anonymous volumes.
    pub containers: usize,
    /// Networks.
    pub networks: usize,
}

impl Engine {
    /// Removes every container and network of a run for which `is_alive` says no.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-…`.
    pub async fn reap(&self, is_alive: impl Fn(&str) -> bool) -> Result<Reaped, Refusal> {
        let Found { mut containers, mut networks } = find(self, label::RUN, None).await?;
        containers.retain(|(_, run)| !is_alive(run));
        networks.retain(|(_, run)| !is_alive(run));
        let reaped = Reaped { containers: containers.len(), networks: networks.len() };
        Found { containers, networks }.remove(self).await?;
        Ok(reaped)
    }
}
