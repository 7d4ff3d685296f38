//! Docker's `config.json`: logins in the file itself, or the names of programs that keep them.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{Login, program};
use crate::RegistryError;
use crate::host::is_same;

/// A file of logins is a few kilobytes.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// What Docker itself calls its own registry in this file.
const HUB: &str = "https://index.docker.io/v1/";

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: HashMap<String, Kept>,
    cred_helpers: HashMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Kept {
    #[serde(rename = "auth")]
    pair: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// The login for `host`: of the program for this host, else of the program for all, else in the file.
pub(super) async fn find(file: &Path, host: &str) -> Result<Option<Login>, RegistryError> {
    let failed = |why: String| RegistryError::Credentials { host: host.to_owned(), why };
    let Some(config) = read(file).map_err(|why| failed(format!("{}: {why}", file.display())))? else {
        return Ok(None);
    };
    let server = if is_same(host, "docker.io") { HUB } else { host };
    let own = config.cred_helpers.iter().find(|(key, _)| is_same(host_of(key), host));
    if let Some((key, name)) = own {
        return program::ask(name, key).await.map_err(failed);
    }
    if let Some(name) = config.creds_store.as_deref().filter(|name| !name.is_empty())
        && let Some(login) = program::ask(name, server).await.map_err(failed)?
    {
        return Ok(Some(login));
    }
    let kept = config.auths.iter().find(|(key, _)| is_same(host_of(key), host));
    kept.map_or(Ok(None), |(_, kept)| kept.login()).map_err(failed)
}

fn read(file: &Path) -> Result<Option<Config>, String> {
    match std::fs::metadata(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
        Ok(metadata) if metadata.len() > FILE_BYTES_MAX => return Err(format!("it has {} bytes", metadata.len())),
        Ok(_) => {}
    }
    let text = Zeroizing::new(std::fs::read(file).map_err(|error| error.to_string())?);
    // The error's own text could quote a secret: only the place is told.
    let parsed = serde_json::from_slice(&text).map_err(|error| format!("expected JSON, line {}", error.line()));
    parsed.map(Some)
}

/// Keys are written as hosts and as addresses: `ghcr.io`, `https://index.docker.io/v1/`.
fn host_of(key: &str) -> &str {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    bare.split('/').next().unwrap_or_default()
}

impl Kept {
    fn login(&self) -> Result<Option<Login>, String> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Login::Identity(Zeroizing::new(self.identitytoken.clone()))));
        }
        if self.pair.is_empty() {
            let password = Zeroizing::new(self.password.clone());
            return Ok((!self.username.is_empty()).then(|| Login::Password { user: self.username.clone(), password }));
        }
        let wrong = || "`auth` is no name and password in base64".to_owned();
        let decoded = STANDARD.decode(&self.pair).or_else(|_| STANDARD_NO_PAD.decode(&self.pair));
        let decoded = Zeroizing::new(decoded.map_err(|_| wrong())?);
        let text = std::str::from_utf8(&decoded).map_err(|_| wrong())?;
        let (user, password) = text.split_once(':').ok_or_else(wrong)?;
        let password = Zeroizing::new(password.trim_end_matches('\0').to_owned());
        Ok(Some(Login::Password { user: user.to_owned(), password }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &str, host: &str) -> Result<Option<String>, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.json");
        std::fs::write(&file, config).expect("a file");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let login = runtime.block_on(find(&file, host)).map_err(|error| error.to_string())?;
        Ok(login.map(|login| match login {
            Login::Password { user, password } => format!("{user}:{}", password.as_str()),
            Login::Identity(token) => format!("identity {}", token.as_str()),
        }))
    }

    #[test]
    fn logins_are_found_by_host_however_the_key_is_written() {
        let config = r#"{"auths":{"ghcr.io":{"auth":"YWRhOmh1bnRlcjI="},"https://index.docker.io/v1/":{"username":"u","password":"p"},
            "127.0.0.1:5000":{"identitytoken":"t"}}}"#;
        assert_eq!(found(config, "ghcr.io"), Ok(Some("ada:hunter2".into())));
        assert_eq!(found(config, "docker.io"), Ok(Some("u:p".into())));
        assert_eq!(found(config, "127.0.0.1:5000"), Ok(Some("identity t".into())));
        assert_eq!(found(config, "127.0.0.1:5001"), Ok(None));
        assert_eq!(found("{}", "ghcr.io"), Ok(None));
    }

    #[test]
    fn a_broken_file_is_told_without_what_stands_in_it() {
        for config in [
            r#"{"auths": hunter2"#,
            r#"{"auths":{"ghcr.io":{"auth":"hunter2!"}}}"#,
            r#"{"auths":{"ghcr.io":{"auth":"aHVudGVyMg=="}}}"#,
        ] {
            let told = found(config, "ghcr.io").expect_err("it is broken");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn a_program_that_is_not_there_is_told_by_its_name() {
        let told = found(r#"{"credHelpers":{"ghcr.io":"no-such-keeper"}}"#, "ghcr.io").expect_err("there is none");
        assert!(told.contains("docker-credential-no-such-keeper"), "{told}");
        let told = found(r#"{"credHelpers":{"ghcr.io":"../../bin/sh"}}"#, "ghcr.io").expect_err("no name");
        assert!(told.contains("no name of a credential program"), "{told}");
    }
}
