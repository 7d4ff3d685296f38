//! A component on its way here: held to its size, its digest, and its time, and told of where it takes long.
//!
//! # Invariants
//!
//! - All tries together have one end, and an answer that only drips is given up long before it.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, interval_at};

use crate::patience::COMPONENT_STRIDE_BYTES;
use crate::registry::named;
use crate::transport::late;
use crate::{Artifact, Registry, RegistryError, Repository, Store, Verified};

/// What comes sooner is not worth a word.
const TOLD_AFTER: Duration = Duration::from_secs(3);
/// Between two words about the same component.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// How far a component has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetching {
    /// Of which repository.
    pub repository: String,
    /// Bytes that are here.
    pub came: u64,
    /// Bytes that it has.
    pub size: u64,
    /// Whether nothing more is told of it.
    pub is_over: bool,
}

/// Told how far a component has come, every second from the third on, and at the end where it was told before.
#[derive(Clone, Default)]
pub struct Telling(Option<Arc<Tell>>);

type Tell = dyn Fn(&Fetching) + Send + Sync;

impl Telling {
    /// By `tell`.
    pub fn by(tell: impl Fn(&Fetching) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    fn tell(&self, fetching: &Fetching) {
        if let Some(tell) = &self.0 {
            tell(fetching);
        }
    }
}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Telling(…)")
    }
}

/// How much has come in the present stride.
struct Pace {
    began: Instant,
    bytes: u64,
    stride: Duration,
}

impl Pace {
    fn new(stride: Duration) -> Self {
        Self { began: Instant::now(), bytes: 0, stride }
    }

    /// Counts what came; false when the stride is over and brought too little.
    fn keeps_up(&mut self, bytes: u64) -> bool {
        self.bytes += bytes;
        if self.began.elapsed() < self.stride {
            return true;
        }
        let keeps_up = self.bytes >= COMPONENT_STRIDE_BYTES;
        *self = Self::new(self.stride);
        keeps_up
    }
}

impl Registry {
    /// The component of `artifact`, verified and not kept yet.
    ///
    /// # Errors
    ///
    /// When the registry does not give it, or gives something else.
    pub async fn component(
        &self,
        repository: &Repository,
        artifact: &Artifact,
        store: &Store,
    ) -> Result<Verified, RegistryError> {
        let end = Instant::now() + self.patience().component;
        let came = AtomicU64::new(0);
        let mut fetched = pin!(self.again(|| self.component_once(repository, artifact, store, (end, &came))));
        let fetching = |is_over| Fetching {
            repository: repository.to_string(),
            came: came.load(Ordering::Relaxed),
            size: artifact.size,
            is_over,
        };
        let mut ticks = interval_at(Instant::now() + TOLD_AFTER, TOLD_EVERY);
        let mut is_told = false;
        loop {
            tokio::select! {
                fetched = &mut fetched => {
                    if is_told {
                        self.telling().tell(&fetching(true));
                    }
                    return fetched;
                }
                _ = ticks.tick() => {
                    is_told = true;
                    self.telling().tell(&fetching(false));
                }
            }
        }
    }

    async fn component_once(
        &self,
        repository: &Repository,
        artifact: &Artifact,
        store: &Store,
        (end, came): (Instant, &AtomicU64),
    ) -> Result<Verified, RegistryError> {
        let mut answer = self.ask_blob(repository, artifact.component, artifact.size, end).await?;
        let mut incoming = store.begin()?;
        let integrity = |why| RegistryError::Integrity { reference: named(repository, artifact.component), why };
        let mut pace = Pace::new(self.patience().stride);
        while let Some(piece) = answer.piece().await? {
            if incoming.size() + piece.len() as u64 > artifact.size {
                return Err(integrity(format!("the registry gave more than the {} bytes that it has", artifact.size)));
            }
            incoming.write(&piece)?;
            came.store(incoming.size(), Ordering::Relaxed);
            if !pace.keeps_up(piece.len() as u64) {
                return Err(late(answer.host(), "its answer drips: too little of it came"));
            }
        }
        if incoming.size() != artifact.size {
            let told = format!("the registry gave {} bytes of {}", incoming.size(), artifact.size);
            return Err(integrity(told));
        }
        let verified = incoming.verify(artifact.component, store);
        verified.ok_or_else(|| integrity("the registry gave bytes with another digest".to_owned()))
    }
}
