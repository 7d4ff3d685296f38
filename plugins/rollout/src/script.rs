//! A script to run on a target, whole.

/// `tell WORD TEXT`: what a script says to its step.
pub const TELL: &str = include_str!("tell.sh");
/// `as_root PROGRAM …`: by `sudo -n` where the login is another user.
pub const AS_ROOT: &str = include_str!("as_root.sh");
/// `entries NAMES`: lines for an environment file, in the quotes of the script's own `quoted VALUE`.
pub const ENTRIES: &str = include_str!("entries.sh");
/// `seconds`: sets `now`.
pub const SECONDS: &str = include_str!("seconds.sh");

/// POSIX `sh`; values as arguments and environment only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// What it is, for tests: `up r2`.
    pub name: String,
    /// Its text.
    pub text: String,
    /// `$1` and on.
    pub args: Vec<String>,
    /// Where it starts; the environment's directory when empty. What starts in the folder of the release that is being
    /// made, before the switch, changes nothing that is live: a deployment that fails there has changed nothing.
    pub cwd: String,
    /// Entries of its environment.
    pub env: Vec<(String, String)>,
    /// Whether the entries of the environment go along, each as `SEALOCK_ENV_<name>`.
    pub with_env: bool,
}
