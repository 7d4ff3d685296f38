//! Pulling an image by digest into a target's engine.

use sealock_contract::seam::{Handle, Refusal};
use sealock_contract::{Digest, ErrorKind, StepError};

use crate::action::{self, Action, Output};
use crate::bundle::ScriptBundle;
use crate::error::TargetError;
use crate::handler::Place;

/// The password comes on standard input and is kept in a folder that is gone at the end.
pub(crate) const PULL: &str = r#"set -eu
command -v docker >/dev/null 2>&1 || { echo 'there is no docker on this target' >&2; exit 69; }
said=$(docker version --format '{{.Server.Version}}' 2>&1) || { printf '%s\n' "$said" >&2; exit 69; }
if [ -n "$3" ]; then
  DOCKER_CONFIG=$(mktemp -d)
  export DOCKER_CONFIG
  trap 'rm -rf "$DOCKER_CONFIG"' EXIT
  said=$(docker login --username "$3" --password-stdin "$2" 2>&1) || { printf '%s\n' "$said" >&2; exit 1; }
fi
docker pull --quiet "$1"
"#;
/// What [`PULL`] returns without Docker, or without an engine that answers.
const NO_DOCKER: i32 = 69;
/// What is kept of what Docker says, for the message.
const SAID_BYTES_MAX: usize = 2_000;
/// The registry that a name without one belongs to.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Pulls `image`, which names its digest, and gives that digest.
pub(crate) async fn pull(
    place: &Place<'_>,
    image: &str,
    username: Option<&str>,
    password: Option<Handle>,
) -> Result<Digest, Refusal> {
    let digest = digest_of(image)?;
    let held = place.held()?;
    place.deployment.check_one(held).await?;
    let secret = password.map(|handle| place.step.secret_bytes(&*place.step.handles().secret(handle)?)).transpose()?;
    let args = [image.to_owned(), registry_of(image).to_owned(), username.unwrap_or_default().to_owned()];
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the type's crate is not imported here")]
    let stdin = secret.as_ref().map(|secret| secret.expose());
    let archive = ScriptBundle { text: PULL, args: &args, stdin, ..ScriptBundle::default() }.archive();
    let (run, key) = (place.deployment.run().to_owned(), place.next_key());
    let action = Action { key, epoch: held.epoch, run, user: String::new(), once: false, archive };
    let mut said = Said::default();
    let ended = action::run(held, &action, &mut said).await;
    let found = || place.step.redactor().redact_text(String::from_utf8_lossy(&said.0).trim()).into_owned();
    let target = place.name.clone();
    match place.deployment.heed(ended)? {
        0 => Ok(digest),
        NO_DOCKER => Err(TargetError::Docker { target, found: found() }.into()),
        _ => Err(not_pulled(&target, image, &found())),
    }
}

fn not_pulled(target: &str, image: &str, found: &str) -> StepError {
    if found.contains("no space left") {
        return TargetError::Disk { target: target.to_owned(), found: found.to_owned() }.into();
    }
    let message = format!("target `{target}` could not pull `{image}`: {found}");
    StepError::new(ErrorKind::Remote, "E-TARGET-PULL", message).retryable()
}

fn digest_of(image: &str) -> Result<Digest, Refusal> {
    let plain = !image.starts_with('-') && image.chars().all(|c| c.is_ascii_graphic());
    let digest = image.split_once('@').filter(|(name, _)| !name.is_empty() && plain);
    digest.and_then(|(_, digest)| digest.parse().ok()).ok_or_else(|| {
        let message = format!("`{}` does not name an image by its digest", image.escape_debug());
        StepError::new(ErrorKind::Invalid, "E-IMAGE-DIGEST", message).help("write `name@sha256:…`")
    })
}

/// As Docker reads names: the first part is a registry when it has a dot or a port, or is `localhost`.
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => first,
        _ => DEFAULT_REGISTRY,
    }
}

/// The end of what Docker said.
#[derive(Default)]
struct Said(Vec<u8>);

impl Output for &mut Said {
    fn out(&mut self, _bytes: &[u8]) -> Result<(), StepError> {
        Ok(())
    }

    fn err(&mut self, bytes: &[u8]) -> Result<(), StepError> {
        self.0.extend_from_slice(bytes);
        let surplus = self.0.len().saturating_sub(SAID_BYTES_MAX);
        self.0.drain(..surplus);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digests_are_pulled_and_the_registry_is_read_from_the_name() {
        let digest = Digest::of(b"x");
        assert_eq!(digest_of(&format!("10.0.0.1:5000/a/b@{digest}")), Ok(digest));
        for bad in ["a/b:latest", "@sha256:00", "-x@sha256:00", &format!("-v@{digest}"), &format!("a b@{digest}")] {
            assert_eq!(digest_of(bad).expect_err("no digest").code, "E-IMAGE-DIGEST");
        }
        assert_eq!(registry_of("10.0.0.1:5000/a/b@x"), "10.0.0.1:5000");
        assert_eq!(registry_of("ghcr.io/a@x"), "ghcr.io");
        assert_eq!(registry_of("library/a@x"), "docker.io");
        assert_eq!(registry_of("a@x"), "docker.io");
    }
}
