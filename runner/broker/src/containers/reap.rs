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
    /// Removes every container and network of a run for which `is_alive` says no: what was started on purpose, by its scope's label. The
    /// run's own label is not asked for: images that it built have it too, and so has every container that anybody starts from them.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-…`.
    pub async fn reap(&self, is_alive: impl Fn(&str) -> bool) -> Result<Reaped, Refusal> {
        let Found { mut containers, mut networks } = find(self, label::SCOPE, None).await?;
        containers.retain(|(_, run)| !is_alive(run));
        networks.retain(|(_, run)| !is_alive(run));
        let reaped = Reaped { containers: containers.len(), networks: networks.len() };
        Found { containers, networks }.remove(self).await?;
        Ok(reaped)
    }
}
