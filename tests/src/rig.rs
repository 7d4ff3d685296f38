//! The rig of `tests/rig`, as its environment names it. One scenario at a time has it, over all processes of the machine.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::registry::Registry;
use crate::target::Target;

/// The rig, held until this is dropped.
pub struct Rig {
    folder: TempDir,
    _held: File,
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment where the rig is")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Rig {
    /// Waits for the rig and takes it.
    ///
    /// # Panics
    /// When the rig's environment is not there.
    pub fn take() -> Self {
        let state = PathBuf::from(setting("STATE"));
        let held = File::create(state.join("scenario.lock")).expect("the rig's folder can be written");
        held.lock().expect("a file can be locked");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let known: String = ["WEB1", "WEB2"]
            .map(|name| format!("{} {}\n", setting(name), setting(&format!("{name}_HOST_KEY"))))
            .concat();
        std::fs::write(folder.path().join("known_hosts"), known).expect("a temporary file");
        Self { folder, _held: held }
    }

    /// Both targets with nothing deployed and no images.
    pub fn reset(&self) {
        for target in self.targets() {
            target.power("reset");
        }
    }

    /// The target of this name.
    pub fn target(&self, name: &'static str) -> Target<'_> {
        Target { name, address: setting(&name.to_uppercase()), known_hosts: self.known_hosts(), rig: self }
    }

    /// `web1` and `web2`.
    pub fn targets(&self) -> [Target<'_>; 2] {
        [self.target("web1"), self.target("web2")]
    }

    /// The registry that asks for a login.
    pub fn registry(&self) -> Registry {
        Registry {
            address: self.setting("REGISTRY_LOGIN"),
            login: format!("{}:{}", self.setting("REGISTRY_USER"), self.setting("REGISTRY_PASSWORD")),
        }
    }

    /// The value of `SEALOCK_RIG_<name>`.
    ///
    /// # Panics
    /// When the rig's environment is not there.
    pub fn setting(&self, name: &str) -> String {
        setting(name)
    }

    fn known_hosts(&self) -> PathBuf {
        self.folder.path().join("known_hosts")
    }
}

/// The value of `SEALOCK_RIG_<name>`, for who needs of the rig only what scenarios share, such as its open registry.
///
/// # Panics
/// When the rig's environment is not there.
pub fn setting(name: &str) -> String {
    variable(&format!("SEALOCK_RIG_{name}")).unwrap_or_else(|| {
        panic!("SEALOCK_RIG_{name} is not set: start the rig with tests/rig/up, and take what it prints into the environment")
    })
}

/// The built binary: `$SEALOCK_BINARY`, or the one beside this test's folder.
///
/// # Panics
/// When there is none.
pub fn binary() -> PathBuf {
    let beside = build_folder().join("sealock");
    let path = variable("SEALOCK_BINARY").map_or(beside, PathBuf::from);
    assert!(path.is_file(), "{} is not there: build it, or name another with SEALOCK_BINARY", path.display());
    path
}

/// The program of `tests/rig/tools/<name>`, built when it is not there.
pub fn tool(name: &str) -> PathBuf {
    let path = crate::program::must(std::process::Command::new(tests_folder().join("rig/tool")).arg(name));
    PathBuf::from(path.trim())
}

/// Compiled plugins are kept from scenario to scenario.
pub(crate) fn cache() -> PathBuf {
    let cache = build_folder().join("scenario-cache");
    std::fs::create_dir_all(&cache).expect("the build folder can be written");
    cache
}

/// Where programs are found.
pub fn search_path() -> String {
    variable("PATH").unwrap_or_default()
}

/// Where this test was built.
///
/// # Panics
/// When it was put elsewhere since.
pub fn build_folder() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows its own file");
    this.ancestors().nth(2).expect("a test is built into a folder of a folder").to_path_buf()
}

/// The folder `tests` of the project.
pub fn tests_folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
