//! The way to registries: logins, trust, the folder of fetched components, and a runtime for the waiting.

use jiff::Timestamp;
use sealock_contract::Manifest;
use sealock_registry::signature::{Kept, Signer, Trust};
use sealock_registry::{
    Age, Artifact, Asks, Locked, Login, Logins, Reference, Registry, RegistryError, RegistrySettings, Resolved, Store,
    Verified,
};
use sealock_sandbox::Inspection;
use tokio::runtime::Runtime;

use super::Held;
use crate::event::Happened;
use crate::failure::Failure;
use crate::fetching;
use crate::policy;
use crate::shell::Shell;

/// Why nobody logged in.
const ANONYMOUS: &str = "no login of this machine is used here: what started this is a pull request, a branch that is not \
                         protected, or an event from outside, and could name any registry";

/// Registries, spoken to from commands that wait for nothing else.
pub(crate) struct Registries {
    runtime: Runtime,
    registry: Registry,
    store: Store,
    trust: Trust,
    /// What happened is not trusted as far as this machine's logins.
    is_anonymous: bool,
}

/// A version that was chosen, looked at, and kept.
pub(crate) struct Pinned {
    /// What the lockfile says of it.
    pub locked: Locked,
    /// What it asks for.
    pub asks: Asks,
    /// How old it is.
    pub age: Age,
    /// Newer versions that are too young.
    pub passed_over: Vec<(String, Age)>,
}

impl Registries {
    /// With this machine's logins and policy, to take plugins from.
    ///
    /// # Errors
    ///
    /// When the policy, or the certificates that the operator names, cannot be read.
    pub(crate) fn open(shell: &Shell) -> Result<Self, Failure> {
        Self::open_for(shell, Happened::trust_here(shell)?)
    }

    /// The same for what is trusted so far: a stranger's pipeline names registries, and none of them gets a login of this
    /// machine.
    ///
    /// # Errors
    ///
    /// When the policy, or the certificates that the operator names, cannot be read.
    pub(crate) fn open_for(shell: &Shell, event: sealock_plan::Trust) -> Result<Self, Failure> {
        let trust = policy::load(shell)?.trust()?;
        let is_anonymous = event < sealock_plan::Trust::Trusted;
        let logins = if is_anonymous { Logins::default() } else { logins(shell, None) };
        Ok(Self { trust, is_anonymous, ..Self::with(shell, logins)? })
    }

    /// With a login for one host before this machine's, to give plugins to.
    ///
    /// # Errors
    ///
    /// When the certificates that the operator names cannot be read.
    pub(crate) fn open_as(shell: &Shell, given: Option<(String, Login)>) -> Result<Self, Failure> {
        Self::with(shell, logins(shell, given))
    }

    fn with(shell: &Shell, logins: Logins) -> Result<Self, Failure> {
        let around = shell.surroundings();
        let extra_roots = around.extra_roots.as_ref().map(std::fs::read).transpose();
        let extra_roots =
            extra_roots.map_err(|error| Failure::new("E-FILE-READ", format!("SEALOCK_CA_FILE: {error}")))?;
        let settings = RegistrySettings {
            logins,
            extra_roots: extra_roots.unwrap_or_default(),
            telling: fetching::telling(shell),
            ..RegistrySettings::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::new("E-RUNTIME", error.to_string()))?;
        let (registry, store) = (Registry::new(settings), super::store(shell)?);
        Ok(Self { runtime, registry, store, trust: Trust::default(), is_anonymous: false })
    }

    /// Waits for what a registry is asked.
    pub(crate) fn wait<T>(
        &self,
        ask: impl AsyncFnOnce(&Registry) -> Result<T, sealock_registry::RegistryError>,
    ) -> Result<T, Failure> {
        self.runtime.block_on(ask(&self.registry)).map_err(|error| match error {
            RegistryError::Login { .. } if self.is_anonymous => Failure::registry(&error).help(ANONYMOUS),
            error => Failure::registry(&error),
        })
    }

    /// Fetches what `locked` pins, when it is not here. Whether it was fetched.
    ///
    /// # Errors
    ///
    /// When the registry does not give it, it is no component that can be a step, or it is not signed as the policy wants.
    pub(crate) fn fetch(&self, reference: &str, locked: &Locked) -> Result<bool, Failure> {
        let parsed = super::parse(reference)?;
        let here = super::component(&self.store, &parsed, locked)?;
        // What is refused by what is kept may have been signed since.
        let is_signed = super::hold(&self.trust, &self.store, &parsed, locked).is_ok_and(|held| held == Held::Good);
        if !is_signed {
            self.keep_signatures(&parsed, locked)?;
        }
        if here.is_some() {
            return Ok(!is_signed);
        }
        let (artifact, verified) = self.wait(async |registry| registry.locked(&parsed, locked, &self.store).await)?;
        let manifest = inspect(reference, &verified)?.manifest;
        super::check_requests(reference, locked, manifest.as_ref()).map_err(Failure::catalogue)?;
        self.keep(&artifact, verified)?;
        Ok(true)
    }

    /// What a pinned plugin asks for; nothing when its component cannot be had any more.
    pub(crate) fn asks(&self, reference: &str, locked: &Locked) -> Option<Asks> {
        self.fetch(reference, locked).ok()?;
        let bytes = self.store.read(locked.component, locked.size).ok()??;
        Some(Asks::of(sealock_sandbox::inspect(&bytes).ok()?.manifest.as_ref()))
    }

    /// Chooses the version that `reference` stands for now, and keeps its component.
    ///
    /// # Errors
    ///
    /// When the registry does not give it, it is no component that can be a step, or it is not signed as the policy wants.
    pub(crate) fn pin(&self, reference: &str) -> Result<Pinned, Failure> {
        let parsed = super::parse(reference)?;
        let resolved = self.wait(async |registry| registry.resolve(&parsed, Timestamp::now()).await)?;
        let artifact = &resolved.artifact;
        let kept = self.signatures(&parsed, artifact)?;
        let signer = kept.as_ref().map(|kept| self.signer(&parsed, kept)).transpose()?.flatten();
        let repository = parsed.repository();
        let verified = self.wait(async |registry| registry.component(repository, artifact, &self.store).await)?;
        let manifest = inspect(reference, &verified)?.manifest;
        self.keep(artifact, verified)?;
        kept.iter().try_for_each(|kept| self.store.keep_signatures(kept)).map_err(|error| Failure::registry(&error))?;
        Ok(pinned(resolved, signer, manifest.as_ref()))
    }

    /// The signatures of a version, where the policy asks for them.
    fn signatures(&self, reference: &Reference, artifact: &Artifact) -> Result<Option<Kept>, Failure> {
        if !self.trust.asks_for(reference) {
            return Ok(None);
        }
        let repository = reference.repository();
        let signatures = self.wait(async |registry| registry.signatures(repository, artifact.manifest).await)?;
        Ok(Some(Kept { manifest: artifact.bytes.clone(), signatures }))
    }

    fn signer(&self, reference: &Reference, kept: &Kept) -> Result<Option<Signer>, Failure> {
        let signer = self.trust.signer(reference, &kept.manifest, &kept.signatures);
        signer.map_err(|error| Failure::signature(&error))
    }

    fn keep(&self, artifact: &Artifact, verified: Verified) -> Result<(), Failure> {
        let kept = self.store.keep_manifest(artifact).and_then(|()| verified.keep());
        kept.map_err(|error| Failure::registry(&error))
    }

    /// Keeps the signatures of a locked plugin, when they are those that the policy wants.
    fn keep_signatures(&self, reference: &Reference, locked: &Locked) -> Result<(), Failure> {
        let pinned = reference.repository().pinned(locked.manifest);
        let artifact = self.wait(async |registry| registry.artifact(&pinned).await)?;
        locked.hold(reference, &artifact).map_err(|error| Failure::registry(&error))?;
        let Some(kept) = self.signatures(reference, &artifact)? else { return Ok(()) };
        self.trust.check(reference, locked, &kept).map_err(|error| Failure::signature(&error))?;
        self.store.keep_signatures(&kept).map_err(|error| Failure::registry(&error))
    }
}

fn logins(shell: &Shell, given: Option<(String, Login)>) -> Logins {
    Logins { given, docker: shell.surroundings().docker_config.clone() }
}

fn pinned(resolved: Resolved, signer: Option<Signer>, manifest: Option<&Manifest>) -> Pinned {
    let asks = Asks::of(manifest);
    let own = manifest.map(|manifest| manifest.version.clone());
    let locked = Locked {
        version: resolved.version.or(own).unwrap_or_default(),
        manifest: resolved.artifact.manifest,
        component: resolved.artifact.component,
        size: resolved.artifact.size,
        requests: asks.digest(),
        signer: signer.map(|signer| signer.to_string()),
    };
    Pinned { locked, asks, age: resolved.age, passed_over: resolved.passed_over }
}

fn inspect(reference: &str, verified: &Verified) -> Result<Inspection, Failure> {
    let bytes = verified.bytes().map_err(|error| Failure::registry(&error))?;
    let refused = |error: &sealock_sandbox::FormatError| {
        let message = format!("the plugin `{reference}` cannot be used: {error}");
        Failure::new(error.code(), message).help("nothing of it was kept or run; ask whoever publishes it")
    };
    sealock_sandbox::inspect(&bytes).map_err(|error| refused(&error))
}
