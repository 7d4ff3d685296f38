//! The process: its variables, its zygote, and what others may see of it.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealock_broker::confine::Zygote;
use sealock_broker::process::{Host, HostSpec};
use sealock_workspace::Checkout;

use crate::native::Native;

/// Variables that may name a file with more certificates to trust.
const ROOTS: [&str; 1] = ["SEALOCK_CA_FILE"];
/// Where the Docker engine listens usually: native commands must not reach it.
const DOCKER_SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];
/// Variables that name a socket, or a folder with sockets, of the operator's.
const SOCKETS: [&str; 4] = ["SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "TMPDIR", "HOME"];

/// What the process was started with.
pub(crate) struct Process {
    variables: HashMap<OsString, OsString>,
    zygote: Arc<Zygote>,
}

impl Process {
    /// Must be made before there are threads.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub(crate) fn new(zygote: Zygote) -> Self {
        Self { variables: std::env::vars_os().collect(), zygote: Arc::new(zygote) }
    }

    /// A variable, when it is text.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(std::ffi::OsStr::new(name)).and_then(|value| value.to_str()).map(str::to_owned)
    }

    /// Every variable, for those who look for secrets.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (OsString, OsString)> + '_ {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone()))
    }

    /// From here on no other process of this user may read this one's memory, and no core is written.
    pub(crate) fn hide(&self) {
        let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    }

    /// The machine as the place of native commands, which must not reach the container engine at `engine`.
    pub(crate) fn host(&self, native: &Native, checkout: &Checkout, engine: Option<&Path>) -> Host {
        let mut readable = native.readable.clone();
        readable.extend(checkout.object_folders().iter().cloned());
        let hidden = self.sockets().chain(engine.map(Path::to_owned)).filter(|path| path.exists()).collect();
        Host::new(self.zygote.clone(), HostSpec { readable, writable: Vec::new(), hidden })
    }

    /// Where somebody may listen who does what the operator may do.
    fn sockets(&self) -> impl Iterator<Item = PathBuf> + '_ {
        let docker = self.variable("DOCKER_HOST").and_then(|host| host.strip_prefix("unix://").map(PathBuf::from));
        let named = SOCKETS.iter().filter_map(|name| self.variable(name).map(PathBuf::from));
        let named = named.filter(|path| path.is_absolute() && path != Path::new("/"));
        DOCKER_SOCKETS.iter().map(PathBuf::from).chain(docker).chain(named)
    }

    /// The wall that native commands get.
    pub(crate) fn wall(&self) -> sealock_broker::confine::Wall {
        self.zygote.wall()
    }

    /// For people who wait for a lock: `user@machine`.
    pub(crate) fn who(&self) -> String {
        let user = self.variable("USER").or_else(|| self.variable("LOGNAME")).unwrap_or_else(|| "somebody".to_owned());
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        format!("{user}@{machine}")
    }

    /// Certificates to trust beside the system's, in PEM form.
    pub(crate) fn extra_roots(&self) -> Vec<u8> {
        ROOTS.iter().filter_map(|name| std::fs::read(self.variable(name)?).ok()).flatten().collect()
    }
}
