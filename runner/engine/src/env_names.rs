//! Which variables a script may not set for the steps behind it, in one table.
//!
//! Refused is what chooses code that a later program loads or starts, where it looks for code, settings,
//! certificates, or credentials, and whom it talks to. It is a net: a later step may run any program, and no list
//! knows the variables of them all. The wall is that a step behind has no more rights than the stage gives it.

/// Names, beginnings (`LD_*`), and ends (`*_PROXY`), by what they belong to. The list is in `pipelines/README.md`,
/// too.
pub const REFUSED: &[(&str, &[&str])] = &[
    ("loaders", &["LD_*", "DYLD_*", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH", "NLSPATH", "MALLOC_*", "TZDIR"]),
    (
        "shells",
        &[
            "BASH_*",
            "BASHOPTS",
            "ENV",
            "SHELLOPTS",
            "SHELL",
            "ZDOTDIR",
            "FPATH",
            "PS4",
            "PROMPT_COMMAND",
            "IFS",
            "CDPATH",
            "INPUTRC",
        ],
    ),
    (
        "places",
        &[
            "PATH",
            "HOME",
            "TMPDIR",
            "TMP",
            "TEMP",
            "PWD",
            "OLDPWD",
            "XDG_*",
            "NETRC",
            "WGETRC",
            "CURL_HOME",
            "APT_CONFIG",
        ],
    ),
    (
        "editors and pagers",
        &[
            "EDITOR",
            "VISUAL",
            "PAGER",
            "*_EDITOR",
            "*_PAGER",
            "MANPAGER",
            "LESS*",
            "BROWSER",
            "VIMINIT",
            "EXINIT",
            "TERMINFO*",
            "TERMCAP",
        ],
    ),
    ("names and proxies", &["*_PROXY", "HOSTALIASES", "LOCALDOMAIN", "RES_OPTIONS", "RESOLV_HOST_CONF"]),
    (
        "certificates",
        &[
            "SSL_CERT_*",
            "OPENSSL_*",
            "CURL_CA_BUNDLE",
            "REQUESTS_CA_BUNDLE",
            "AWS_CA_BUNDLE",
            "GNUPGHOME",
            "SSLKEYLOGFILE",
        ],
    ),
    ("Git and SSH", &["GIT_*", "SSH_*", "*_ASKPASS"]),
    ("containers", &["DOCKER_*", "BUILDKIT_*", "BUILDX_*", "COMPOSE_*", "CONTAINER_HOST", "CONTAINERS_*"]),
    (
        "clouds",
        &[
            "AWS_CONFIG_FILE",
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_ENDPOINT_URL*",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AZURE_CONFIG_DIR",
            "CLOUDSDK_CONFIG",
            "CLOUDSDK_PYTHON*",
            "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES",
            "KUBECONFIG",
            "HELM_*",
            "TF_CLI_*",
            "TF_PLUGIN_CACHE_DIR",
            "ANSIBLE_*",
        ],
    ),
    ("Node", &["NODE_*", "NPM_*", "YARN_*", "PNPM_*", "COREPACK_*", "NVM_*"]),
    (
        "Python",
        &[
            "PYTHON*",
            "PIP_*",
            "PIPENV_*",
            "PYENV_*",
            "PYTEST_*",
            "UV_*",
            "POETRY_*",
            "CONDA_*",
            "COVERAGE_PROCESS_START",
        ],
    ),
    ("Perl and Ruby", &["PERL*", "RUBY*", "GEM_*", "BUNDLE_*"]),
    ("Rust", &["CARGO_*", "RUSTC*", "RUSTDOC*", "RUSTFLAGS", "RUSTUP_*"]),
    (
        "Go",
        &[
            "GOFLAGS",
            "GOROOT",
            "GOPATH",
            "GOBIN",
            "GOENV",
            "GOPROXY",
            "GOSUMDB",
            "GONOSUMDB",
            "GONOSUMCHECK",
            "GONOPROXY",
            "GOPRIVATE",
            "GOINSECURE",
            "GOVCS",
            "GOTOOLCHAIN",
            "GOTOOLDIR",
            "GOMODCACHE",
            "GOCACHE*",
            "GODEBUG",
            "CGO_*",
        ],
    ),
    (
        "compilers and make",
        &[
            "CC",
            "CXX",
            "CPP",
            "LD",
            "AR",
            "AS",
            "NM",
            "RANLIB",
            "CFLAGS",
            "CXXFLAGS",
            "CPPFLAGS",
            "LDFLAGS",
            "CPATH",
            "C_INCLUDE_PATH",
            "CPLUS_INCLUDE_PATH",
            "LIBRARY_PATH",
            "COMPILER_PATH",
            "GCC_*",
            "CCACHE_*",
            "SCCACHE_*",
            "CMAKE_*",
            "PKG_CONFIG*",
            "MAKEFLAGS",
            "GNUMAKEFLAGS",
            "MAKEFILES",
            "MFLAGS",
        ],
    ),
    (
        "Java",
        &[
            "JAVA_*",
            "_JAVA_OPTIONS",
            "JDK_JAVA_OPTIONS",
            "CLASSPATH",
            "MAVEN_*",
            "M2_HOME",
            "GRADLE_*",
            "ANT_*",
            "SBT_OPTS",
        ],
    ),
    (
        "others",
        &[
            "LUA_*",
            "PHPRC",
            "PHP_INI_SCAN_DIR",
            "COMPOSER_*",
            "DOTNET_*",
            "CORECLR_*",
            "COMPLUS_*",
            "NUGET_*",
            "R_PROFILE*",
            "R_ENVIRON*",
            "R_LIBS*",
            "R_HOME",
            "ERL_*",
            "ELIXIR_ERL_OPTIONS",
            "JULIA_*",
            "OCAMLPATH",
            "CAML_LD_LIBRARY_PATH",
            "TCLLIBPATH",
            "EMACSLOADPATH",
            "QT_PLUGIN_PATH",
            "GTK_MODULES",
            "GTK_PATH",
            "GIO_EXTRA_MODULES",
        ],
    ),
    ("the runner's own", &["CI", "SEALOCK", "SEALOCK_*", "GITHUB_*", "RUNNER_*", "ACTIONS_*"]),
];

/// Refused by their beginning only, and harmless: what is shown, how often something is tried, whether something
/// is asked. Also names that the tools do not read and people choose.
pub const HARMLESS: &[&str] = &[
    "NODE_ENV",
    "NODE_VERSION",
    "NODE_NO_WARNINGS",
    "NODE_DISABLE_COLORS",
    "NPM_CONFIG_LOGLEVEL",
    "NPM_CONFIG_FUND",
    "NPM_CONFIG_AUDIT",
    "NPM_CONFIG_COLOR",
    "NPM_CONFIG_PROGRESS",
    "PYTHONUNBUFFERED",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHASHSEED",
    "PYTHONIOENCODING",
    "PYTHONUTF8",
    "PYTHONFAULTHANDLER",
    "PYTHON_VERSION",
    "PIP_DISABLE_PIP_VERSION_CHECK",
    "PIP_NO_CACHE_DIR",
    "PIP_NO_INPUT",
    "PIP_PROGRESS_BAR",
    "PIP_ROOT_USER_ACTION",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_RETRIES",
    "POETRY_NO_INTERACTION",
    "POETRY_VERSION",
    "RUBY_VERSION",
    "BUNDLE_JOBS",
    "BUNDLE_RETRY",
    "CARGO_TERM_*",
    "CARGO_INCREMENTAL",
    "CARGO_NET_RETRY",
    "RUSTUP_MAX_RETRIES",
    "CGO_ENABLED",
    "CMAKE_BUILD_TYPE",
    "CMAKE_BUILD_PARALLEL_LEVEL",
    "JAVA_VERSION",
    "DOTNET_NOLOGO",
    "DOTNET_CLI_TELEMETRY_OPTOUT",
    "DOTNET_VERSION",
    "COMPOSER_NO_INTERACTION",
    "DOCKER_BUILDKIT",
    "DOCKER_TAG",
    "DOCKER_IMAGE",
    "DOCKER_IMAGE_TAG",
    "GIT_SHA",
    "GIT_TAG",
    "GIT_BRANCH",
    "GIT_COMMIT",
    "GIT_REF",
    "GIT_VERSION",
    "GIT_TERMINAL_PROMPT",
    "GIT_AUTHOR_NAME",
    "GIT_AUTHOR_EMAIL",
    "GIT_COMMITTER_NAME",
    "GIT_COMMITTER_EMAIL",
];

/// Whether later steps must not inherit `name`, in capitals or not.
pub fn is_refused(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let is_in = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, &name));
    REFUSED.iter().any(|(_, patterns)| is_in(patterns)) && !is_in(HARMLESS)
}

fn matches(pattern: &str, name: &str) -> bool {
    match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
        (Some(beginning), _) => name.starts_with(beginning),
        (None, Some(end)) => name.ends_with(end),
        (None, None) => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_chooses_code_certificates_or_peers_is_refused_however_it_is_written() {
        let refused = [
            "LD_PRELOAD",
            "BASH_ENV",
            "OPENSSL_CONF",
            "OPENSSL_MODULES",
            "XDG_CONFIG_HOME",
            "MAKEFLAGS",
            "PYTHONPATH",
            "PYTHONWARNINGS",
            "PERL5LIB",
            "RUBYOPT",
            "CARGO_BUILD_RUSTC_WRAPPER",
            "CARGO_TARGET_DIR",
            "RUSTC_WRAPPER",
            "RUSTUP_TOOLCHAIN",
            "PYENV_VERSION",
            "https_proxy",
            "HTTP_PROXY",
            "SSL_CERT_FILE",
            "NODE_EXTRA_CA_CERTS",
            "npm_config_registry",
            "PIP_INDEX_URL",
            "GOFLAGS",
            "GOPROXY",
            "AWS_CONFIG_FILE",
            "KUBECONFIG",
            "GCC_EXEC_PREFIX",
            "ZDOTDIR",
            "SHELL",
            "LESSOPEN",
            "HOME",
            "GIT_SSH_COMMAND",
            "GIT_EXTERNAL_DIFF",
            "GIT_CONFIG_COUNT",
            "DOCKER_HOST",
            "DOCKER_CONFIG",
            "SUDO_ASKPASS",
            "GITHUB_TOKEN",
            "PYTEST_ADDOPTS",
        ];
        for name in refused {
            assert!(is_refused(name), "{name}");
        }
    }

    #[test]
    fn what_real_workflows_set_is_taken() {
        let taken = [
            "VERSION",
            "IMAGE_TAG",
            "PYTHONUNBUFFERED",
            "NODE_ENV",
            "CARGO_TERM_COLOR",
            "PIP_DISABLE_PIP_VERSION_CHECK",
            "GIT_SHA",
            "DOCKER_TAG",
            "AWS_REGION",
            "GOOS",
            "TF_VAR_zone",
            "RUST_LOG",
            "DATABASE_URL",
            "VIRTUAL_ENV",
        ];
        for name in taken {
            assert!(!is_refused(name), "{name}");
        }
    }

    #[test]
    fn the_page_for_authors_has_the_whole_table_and_nothing_is_excepted_for_nothing() {
        let page = include_str!("../../../pipelines/README.md");
        let patterns = REFUSED.iter().flat_map(|(_, patterns)| *patterns);
        for pattern in patterns.chain(HARMLESS) {
            assert!(page.contains(&format!("`{pattern}`")), "{pattern}");
        }
        for name in HARMLESS {
            let is_refused = REFUSED.iter().any(|(_, patterns)| patterns.iter().any(|pattern| matches(pattern, name)));
            assert!(is_refused, "{name}");
        }
    }
}
