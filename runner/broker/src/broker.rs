//! The broker of one run.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use sealock_contract::{GrantTable, StepName};
use sealock_secrets::Vault;

use crate::desk::StepDesk;
use crate::handler::{Family, Handler};
use crate::handles::HandleTable;
use crate::step::{Step, StepDeskSpec};

pub(crate) type Handlers = BTreeMap<Family, Arc<dyn Handler>>;

/// Acts for the steps of one run.
pub struct Broker {
    /// Of the plan; cells made at run time are added under their own names.
    grants: RwLock<GrantTable>,
    vault: Vault,
    handlers: Arc<Handlers>,
    /// One counter for all steps: see [`crate::handles`].
    next_handle: Arc<AtomicU32>,
    desks: Mutex<BTreeMap<StepName, Weak<StepDesk>>>,
}

/// Puts a [`Broker`] together.
pub struct BrokerBuilder {
    grants: GrantTable,
    vault: Vault,
    handlers: Handlers,
}

impl Broker {
    /// Starts one that holds `grants` and `vault`. Secrets and native programs have their handlers;
    /// HTTP, containers, and targets are given theirs by the caller.
    pub fn builder(grants: GrantTable, vault: Vault) -> BrokerBuilder {
        let builder = BrokerBuilder { grants, vault, handlers: Handlers::new() };
        builder
            .handler(Family::Secrets, Arc::new(crate::secrets::Secrets))
            .handler(Family::Process, Arc::new(crate::process::Processes))
    }

    /// A desk for one step. A desk of the same step with a smaller or the same epoch is closed; when one
    /// with a greater epoch is open, the new one is closed from the start. A step that the broker's table
    /// does not know is granted nothing.
    pub fn desk(&self, spec: StepDeskSpec) -> Arc<StepDesk> {
        let grant =
            self.grants.read().unwrap_or_else(PoisonError::into_inner).get(&spec.name).cloned().unwrap_or_default();
        let handles = HandleTable::new(self.next_handle.clone());
        let step = Arc::new(Step::new(spec, grant, self.vault.clone(), handles));
        let desk = Arc::new(StepDesk::new(step, self.handlers.clone()));
        self.supersede(&desk);
        desk
    }

    /// Grants the steps of `cell`, made at run time from the matrix of `stage`, what the plan grants the stage's.
    pub fn grant_cell(&self, stage: &str, cell: &str) {
        let mut grants = self.grants.write().unwrap_or_else(PoisonError::into_inner);
        let of_stage = grants.iter().filter(|(name, _)| name.stage == stage);
        let of_cell =
            of_stage.map(|(name, grant)| (StepName { stage: cell.to_owned(), ..name.clone() }, grant.clone()));
        let of_cell: Vec<_> = of_cell.collect();
        grants.extend(of_cell);
    }

    fn supersede(&self, desk: &Arc<StepDesk>) {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        let name = desk.step().name();
        if let Some(earlier) = desks.get(name).and_then(Weak::upgrade) {
            if earlier.step().epoch() > desk.step().epoch() {
                desk.shut();
                return;
            }
            earlier.shut();
        }
        desks.insert(name.clone(), Arc::downgrade(desk));
    }

    /// The run's secrets.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }
}

impl BrokerBuilder {
    /// Has `handler` act on the requests of `family`.
    #[must_use]
    pub fn handler(mut self, family: Family, handler: Arc<dyn Handler>) -> Self {
        self.handlers.insert(family, handler);
        self
    }

    /// The broker.
    pub fn build(self) -> Broker {
        Broker {
            grants: RwLock::new(self.grants),
            vault: self.vault,
            handlers: Arc::new(self.handlers),
            next_handle: Arc::new(AtomicU32::new(1)),
            desks: Mutex::default(),
        }
    }
}
