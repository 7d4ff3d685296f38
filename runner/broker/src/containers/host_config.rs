//! What every container of ours is held to.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use bollard::models::{
    HostConfig, HostConfigLogConfig, Mount, MountBindOptions, MountBindOptionsPropagationEnum, MountType,
};
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};

use crate::place::EnvValue;

/// Processes of one container: a fork bomb must not take the machine.
const PROCESSES: i64 = 4_096;
/// What installing packages, changing users, and serving on low ports take; nothing that reaches the host.
const CAPABILITIES: &[&str] =
    &["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP", "SETGID", "SETUID"];
/// One file of a container's log, of two: the engine keeps them on its disk.
const LOG_FILE: &str = "10m";

/// A folder or file of the host in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostMount {
    /// Where it is.
    pub from: PathBuf,
    /// Where the container has it.
    pub at: PathBuf,
    /// Whether the container may only read it.
    pub read_only: bool,
}

/// Whether the engine keeps a container's output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Logs {
    /// It is read as it comes.
    None,
    /// Its last lines may be asked for.
    Kept,
}

/// Few capabilities, no new privileges, no devices, and a network only when it is named.
pub(super) fn confined(network: Option<&str>, mounts: &[HostMount], logs: Logs) -> HostConfig {
    let own = |names: &[&str]| Some(names.iter().map(|&name| name.to_owned()).collect());
    HostConfig {
        cap_drop: own(&["ALL"]),
        cap_add: own(CAPABILITIES),
        security_opt: own(&["no-new-privileges"]),
        privileged: Some(false),
        pids_limit: Some(PROCESSES),
        network_mode: Some(network.unwrap_or("none").to_owned()),
        mounts: Some(mounts.iter().map(bind).collect()),
        log_config: Some(log_config(logs)),
        ..HostConfig::default()
    }
}

fn bind(mount: &HostMount) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(mount.from.to_string_lossy().into_owned()),
        target: Some(mount.at.to_string_lossy().into_owned()),
        read_only: Some(mount.read_only),
        bind_options: Some(MountBindOptions {
            propagation: Some(MountBindOptionsPropagationEnum::RPRIVATE),
            ..MountBindOptions::default()
        }),
        ..Mount::default()
    }
}

fn log_config(logs: Logs) -> HostConfigLogConfig {
    let (driver, options) = match logs {
        Logs::None => ("none", None),
        Logs::Kept => {
            let limits = [("max-size", LOG_FILE), ("max-file", "2")];
            let own = limits.map(|(name, value)| (name.to_owned(), value.to_owned()));
            ("json-file", Some(HashMap::from(own)))
        }
    };
    HostConfigLogConfig { typ: Some(driver.to_owned()), config: options }
}

/// Environment entries as the engine takes them: text only.
pub(super) fn environment(env: &[(String, EnvValue)]) -> Result<Vec<String>, Refusal> {
    let entry = |(name, value): &(String, EnvValue)| match std::str::from_utf8(value.bytes()) {
        Ok(text) if !text.contains('\0') => Ok(format!("{name}={text}")),
        _ => Err(StepError::new(
            ErrorKind::Invalid,
            "E-PROCESS-ENV",
            format!("`{name}` is not text, and a container's environment holds text only"),
        )),
    };
    env.iter().map(entry).collect()
}

/// A place in a container: absolute, without `..`.
pub(super) fn place(at: &str) -> Result<PathBuf, Refusal> {
    let is_plain = at.starts_with('/') && !at.split('/').any(|segment| segment == "..") && !at.contains('\0');
    if is_plain && Path::new(at) != Path::new("/") {
        return Ok(at.into());
    }
    let message = format!("`{}` is no place in a container: expected an absolute path, not the top", at.escape_debug());
    Err(StepError::new(ErrorKind::Invalid, "E-CONTAINER-INVALID", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_given_that_was_not_named() {
        let config = confined(None, &[], Logs::None);
        assert_eq!(config.network_mode.as_deref(), Some("none"));
        assert_eq!(config.privileged, Some(false));
        assert_eq!(config.cap_drop, Some(vec!["ALL".to_owned()]));
        let granted = config.cap_add.expect("some");
        assert!(!granted.iter().any(|name| name.contains("SYS") || name.contains("NET_RAW") || name == "MKNOD"));
        assert!(config.devices.is_none() && config.pid_mode.is_none() && config.binds.is_none());
    }

    #[test]
    fn places_are_absolute_and_plain() {
        assert!(place("/work").is_ok());
        for at in ["work", "/", "//", "/a/../b", "/a\0b", ""] {
            assert_eq!(place(at).expect_err(at).code, "E-CONTAINER-INVALID", "{at}");
        }
    }
}
