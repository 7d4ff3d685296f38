//! `docker-credential-NAME get`: a program that keeps logins, asked as Docker asks it.

use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::Login;

/// A keeper may ask a person; it must not hold a run for ever.
const PATIENCE: Duration = Duration::from_secs(30);
/// A login is short: a program that prints without end must not fill memory.
const PRINTED_BYTES_MAX: u64 = 64 << 10;
/// How Docker's programs say that they know nobody.
const UNKNOWN: &str = "credentials not found";
/// The user that stands for an identity token.
const TOKEN_USER: &str = "<token>";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    username: String,
    secret: String,
}

/// The login for `server` that the program called `name` keeps.
pub(super) async fn ask(name: &str, server: &str) -> Result<Option<Login>, String> {
    let is_char = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_char) {
        return Err(format!("`{}` is no name of a credential program", name.chars().take(60).collect::<String>()));
    }
    let program = format!("docker-credential-{name}");
    let mut command = Command::new(&program);
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    let ended = tokio::time::timeout(PATIENCE, talk(child, server)).await;
    let (is_good, printed) = ended.map_err(|_| format!("{program} did not answer in time"))??;
    if !is_good {
        let is_unknown = String::from_utf8_lossy(&printed).contains(UNKNOWN);
        return if is_unknown { Ok(None) } else { Err(format!("{program} failed")) };
    }
    let kept: Kept = serde_json::from_slice(&printed).map_err(|_| format!("{program} printed no login"))?;
    Ok(kept.login())
}

async fn talk(mut child: Child, server: &str) -> Result<(bool, Zeroizing<Vec<u8>>), String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stdin = child.stdin.take().ok_or("it has no input")?;
    // A program that does not read what it is asked may still answer.
    let _ = stdin.write_all(server.as_bytes()).await;
    drop(stdin);
    let mut printed = Zeroizing::new(Vec::new());
    let stdout = child.stdout.take().ok_or("it has no output")?;
    stdout.take(PRINTED_BYTES_MAX).read_to_end(&mut printed).await.map_err(failed)?;
    Ok((child.wait().await.map_err(failed)?.success(), printed))
}

impl Kept {
    fn login(self) -> Option<Login> {
        let secret = Zeroizing::new(self.secret);
        match self.username.as_str() {
            "" => None,
            TOKEN_USER => Some(Login::Identity(secret)),
            _ => Some(Login::Password { user: self.username, password: secret }),
        }
    }
}
