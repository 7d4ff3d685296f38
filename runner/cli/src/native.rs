//! What native commands of the host see: search path and tool chains.

use std::path::{Path, PathBuf};

/// Variables that tell tool chains where they are, or whom to trust; nothing secret is among them.
const PASSED_ON: &[&str] = &[
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "PYENV_ROOT",
    "PYENV_VERSION",
    "NVM_DIR",
    "NVM_BIN",
    "GOROOT",
    "JAVA_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "CARGO_HTTP_CAINFO",
];
/// Where tool chains that people install for themselves live, below their home.
const TOOL_HOMES: &[&str] =
    &[".cargo/bin", ".rustup", ".pyenv", ".nvm", ".local/bin", ".local/lib", "go/bin", ".deno/bin", ".bun/bin"];

/// The environment of native commands, and what they may read beyond the system.
pub(crate) struct Native {
    /// Entries.
    pub env: Vec<(String, String)>,
    /// Folders.
    pub readable: Vec<PathBuf>,
}

impl Native {
    /// From the operator's environment; a home is each stage's own.
    pub(crate) fn from(variable: impl Fn(&str) -> Option<String>) -> Self {
        let path = variable("PATH").unwrap_or_else(|| "/usr/local/bin:/usr/bin:/bin".to_owned());
        let mut env = vec![("PATH".to_owned(), path.clone())];
        let passed = PASSED_ON.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?)));
        env.extend(passed);
        let own_home = variable("HOME").map(PathBuf::from);
        if let Some(rustup) = own_home.as_ref().map(|own| own.join(".rustup")).filter(|path| path.is_dir())
            && !env.iter().any(|(name, _)| name == "RUSTUP_HOME")
        {
            env.push(("RUSTUP_HOME".to_owned(), rustup.display().to_string()));
        }
        let mut readable: Vec<PathBuf> = path.split(':').map(PathBuf::from).filter(|path| path.is_absolute()).collect();
        readable.extend(own_home.iter().flat_map(|own| TOOL_HOMES.iter().map(move |below| own.join(below))));
        readable.extend(
            env.iter()
                .filter(|(name, _)| name.ends_with("_ROOT") || name.ends_with("_HOME"))
                .map(|(_, value)| PathBuf::from(value)),
        );
        readable.retain(|path| path.exists() && Some(path) != own_home.as_ref() && path != Path::new("/"));
        readable.sort();
        readable.dedup();
        Self { env, readable }
    }
}
