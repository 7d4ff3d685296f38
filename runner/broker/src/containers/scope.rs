//! What belongs together in an engine, and goes together.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bollard::errors::Error;
use bollard::models::{ContainerCreateBody, NetworkCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListNetworksOptionsBuilder,
    RemoveContainerOptionsBuilder,
};
use futures_util::future::join_all;
use sealock_contract::StepName;
use sealock_contract::seam::Refusal;

use super::engine::{Engine, is_missing};
use super::label;

/// How often a listing is asked for again: something may have been made while the last was read.
const ROUNDS: usize = 3;
/// How often a container is looked at that somebody else removes.
const REMOVAL_LOOKS: u32 = 200;
/// Between two such looks.
const REMOVAL_LOOK_MS: u64 = 50;

/// The containers and networks of a run, or of a part of it.
///
/// Each carries this scope's label, from the moment the engine makes it, so that nothing has to be
/// remembered to be found again. [`close`](Self::close) removes them; dropping a scope that was not closed
/// does the same and blocks until it is done. A process that was killed leaves them to
/// [`Engine::reap`](super::Engine::reap).
pub struct Scope {
    engine: Engine,
    run: String,
    id: String,
    /// Whether anything may be there.
    used: AtomicBool,
}

/// A network of a stage's own, on which its containers know each other by name.
#[derive(Clone, Debug)]
pub struct StageNetwork {
    pub(super) name: String,
}

impl Scope {
    /// An empty one, for `run`.
    pub fn new(engine: &Engine, run: impl Into<String>) -> Arc<Self> {
        Arc::new(Self { engine: engine.clone(), run: run.into(), id: label::random(), used: AtomicBool::new(false) })
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The run.
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Makes a network.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-…`.
    pub async fn network(&self) -> Result<StageNetwork, Refusal> {
        self.make_network(false).await
    }

    /// Makes a network without a way out: its containers reach each other and nobody else. The engine
    /// publishes no ports of it.
    ///
    /// # Errors
    ///
    /// `E-DOCKER-…`.
    pub async fn internal_network(&self) -> Result<StageNetwork, Refusal> {
        self.make_network(true).await
    }

    async fn make_network(&self, internal: bool) -> Result<StageNetwork, Refusal> {
        self.used.store(true, Ordering::SeqCst);
        let name = format!("sealock-{}", label::random());
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".to_owned()),
            internal: Some(internal),
            labels: Some(self.labels(None)),
            ..NetworkCreateRequest::default()
        };
        let made = self.engine.docker().await?.create_network(request).await;
        made.map_err(|error| self.engine.refusal("make a network for the stage", &error))?;
        Ok(StageNetwork { name })
    }

    fn labels(&self, step: Option<&StepName>) -> HashMap<String, String> {
        let mut labels =
            HashMap::from([(label::RUN.to_owned(), self.run.clone()), (label::SCOPE.to_owned(), self.id.clone())]);
        labels.extend(step.map(|step| (label::STEP.to_owned(), step.to_string())));
        labels
    }

    /// Makes a container, and does not start it.
    pub(super) async fn create(
        &self,
        step: Option<&StepName>,
        body: ContainerCreateBody,
    ) -> Result<Container, Refusal> {
        self.used.store(true, Ordering::SeqCst);
        let name = format!("sealock-{}", label::random());
        let body = ContainerCreateBody { labels: Some(self.labels(step)), ..body };
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let made = self.engine.docker().await?.create_container(Some(options), body).await;
        let made = made.map_err(|error| self.engine.refusal("make a container", &error))?;
        Ok(Container { engine: self.engine.clone(), id: made.id, is_there: true })
    }

    /// Ends and removes everything, with anonymous volumes.
    ///
    /// # Errors
    ///
    /// When the engine does not do it; then it may be called again.
    pub async fn close(&self) -> Result<(), Refusal> {
        if !self.used.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.remove_all(&self.engine).await?;
        self.used.store(false, Ordering::SeqCst);
        Ok(())
    }

    async fn remove_all(&self, engine: &Engine) -> Result<(), Refusal> {
        for _ in 0..ROUNDS {
            let found = find(engine, label::SCOPE, Some(&self.id)).await?;
            if found.is_empty() {
                return Ok(());
            }
            found.remove(engine).await?;
        }
        Ok(())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if !*self.used.get_mut() {
            return;
        }
        // The runtime that this is dropped in may be at its end: a thread with one of its own is not.
        let engine = self.engine.apart();
        let this = &*self;
        std::thread::scope(|threads| {
            threads.spawn(move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => {
                    if let Err(refusal) = runtime.block_on(this.remove_all(&engine)) {
                        tracing::warn!(%refusal, "containers of a run are left over until the next start");
                    }
                }
                Err(error) => tracing::warn!(%error, "containers of a run are left over until the next start"),
            });
        });
    }
}

/// One container of ours. Dropped while it is there, it is removed, if a runtime is left to do so.
pub(super) struct Container {
    pub(super) engine: Engine,
    pub(super) id: String,
    is_there: bool,
}

impl Container {
    /// Starts it.
    pub(super) async fn start(&self) -> Result<(), Error> {
        let Ok(docker) = self.engine.docker().await else { return Err(Error::RequestTimeoutError) };
        docker.start_container(&self.id, None::<bollard::query_parameters::StartContainerOptions>).await
    }

    /// Ends it, and removes it with its anonymous volumes.
    pub(super) async fn remove(mut self) -> Result<(), Refusal> {
        remove_container(&self.engine, &self.id).await?;
        self.is_there = false;
        Ok(())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if !self.is_there {
            return;
        }
        let (engine, id) = (self.engine.clone(), self.id.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // What stays is removed with its scope.
                let _ = remove_container(&engine, &id).await;
            });
        }
    }
}

async fn remove_container(engine: &Engine, id: &str) -> Result<(), Refusal> {
    let docker = engine.docker().await?;
    for _ in 0..REMOVAL_LOOKS {
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match docker.remove_container(id, Some(options)).await {
            Ok(()) => return Ok(()),
            Err(error) if is_missing(&error) => return Ok(()),
            Err(error) if is_being_removed(&error) => tokio::time::sleep(Duration::from_millis(REMOVAL_LOOK_MS)).await,
            Err(error) => return Err(engine.refusal("remove a container", &error)),
        }
    }
    Err(engine.lost("remove a container", &"it is removed by somebody else, and stays"))
}

/// Its drop, or another process, is at it already; only when it is gone may its network go.
fn is_being_removed(error: &Error) -> bool {
    matches!(error, Error::DockerResponseServerError { status_code: 409, message }
        if message.contains("already in progress"))
}

/// Things in an engine, by id, each with the value of the label it was found by.
#[derive(Default)]
pub(super) struct Found {
    pub(super) containers: Vec<(String, String)>,
    pub(super) networks: Vec<(String, String)>,
}

impl Found {
    pub(super) fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty()
    }

    /// Removes containers first: a network that is in use cannot go.
    pub(super) async fn remove(&self, engine: &Engine) -> Result<(), Refusal> {
        let removing = self.containers.iter().map(|(id, _)| remove_container(engine, id));
        join_all(removing).await.into_iter().collect::<Result<Vec<()>, _>>()?;
        for (id, _) in &self.networks {
            match engine.docker().await?.remove_network(id).await {
                Ok(()) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(engine.refusal("remove a network", &error)),
            }
        }
        Ok(())
    }
}

/// Everything that carries `label`, with that value when one is given; each with its run.
pub(super) async fn find(engine: &Engine, label: &str, value: Option<&str>) -> Result<Found, Refusal> {
    let docker = engine.docker().await?;
    let filter = label::filter(label, value);
    let containers = docker
        .list_containers(Some(ListContainersOptionsBuilder::new().all(true).filters(&filter).build()))
        .await
        .map_err(|error| engine.refusal("list containers", &error))?;
    let networks = docker
        .list_networks(Some(ListNetworksOptionsBuilder::new().filters(&filter).build()))
        .await
        .map_err(|error| engine.refusal("list networks", &error))?;
    let of = |labels: Option<HashMap<String, String>>| {
        labels.and_then(|mut labels| labels.remove(label::RUN)).unwrap_or_default()
    };
    Ok(Found {
        containers: containers.into_iter().filter_map(|found| Some((found.id?, of(found.labels)))).collect(),
        networks: networks.into_iter().filter_map(|found| Some((found.id?, of(found.labels)))).collect(),
    })
}
