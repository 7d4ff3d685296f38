//! Pushes an image to one or several references.
//!
//! An engine pushes a tag at a time: blobs first, then the manifest under the tag, which a registry takes
//! whole or not at all. So no tag is ever moved to something incomplete; with several references a failure
//! leaves those moved that came before it, and a repeated push is harmless. A manifest without a tag, which
//! would let all tags come last, engines cannot be asked for. The digest is taken from the engine's push,
//! has to be the same for every reference, and is asked of the registry again.

use std::time::Duration;

use http::Method;
use http::request::Builder;
use sealock_contract::seam::Refusal;
use sealock_contract::{Digest, ErrorKind, StepError};
use serde_json::Value;

use super::engine::{Engine, is_missing};
use super::login::Logins;
use super::reference::ImageName;
use super::registry::{Failure, classify, refusal};
use super::wire::{empty, encoded, error_of, query};
use super::{Tell, again};

/// How often a registry is asked that is out of order.
const ATTEMPTS: u32 = 4;
/// Between the first two attempts; twice as long each time.
const BACKOFF_MS: u64 = 500;

/// Pushes `image` (its id) to every reference of `to`.
///
/// # Errors
///
/// `E-IMAGE-MISSING`, `E-REGISTRY-…`, `E-DOCKER-…`.
pub(super) async fn push(
    engine: &Engine,
    image: &str,
    to: &[ImageName],
    logins: &Logins,
    tell: Tell<'_>,
) -> Result<Digest, Refusal> {
    let mut agreed: Option<Digest> = None;
    for name in to {
        tag(engine, image, name).await?;
        let pushing = || with_patience(tell, || push_once(engine, name, logins, tell));
        let digest = again::once_more(engine, tell, pushing).await?;
        check_is_ours(engine, image, name, &digest).await?;
        let there = with_patience(tell, || look_up(engine, name, logins)).await?;
        if there != digest {
            return Err(differs(name, &digest, &there));
        }
        match &agreed {
            Some(first) if *first != digest => return Err(differs(name, first, &digest)),
            _ => agreed = Some(digest),
        }
    }
    agreed.ok_or_else(no_reference)
}

fn no_reference() -> Refusal {
    StepError::new(ErrorKind::Invalid, "E-IMAGE-NAME", "a push names no reference to push to")
        .help("name at least one, such as ghcr.io/acme/web:1.2")
}

/// Asks whether every reference of `to` names `image` in its registry by now, and gives the digest. Changes nothing.
///
/// # Errors
///
/// `E-REGISTRY-…` when one does not, or cannot be asked.
pub(super) async fn look(
    engine: &Engine,
    image: &str,
    to: &[ImageName],
    logins: &Logins,
    tell: Tell<'_>,
) -> Result<Digest, Refusal> {
    let mut agreed = None;
    for name in to {
        let there = with_patience(tell, || look_up(engine, name, logins)).await?;
        // The engine lists a digest with an image once a registry took it.
        check_is_ours(engine, image, name, &there).await?;
        agreed = Some(there);
    }
    agreed.ok_or_else(no_reference)
}

async fn tag(engine: &Engine, image: &str, name: &ImageName) -> Result<(), Refusal> {
    let options = bollard::query_parameters::TagImageOptionsBuilder::new()
        .repo(name.repository())
        .tag(name.tag_or_latest())
        .build();
    match engine.docker().await?.tag_image(image, Some(options)).await {
        Ok(()) => Ok(()),
        Err(error) if is_missing(&error) => {
            Err(refusal(Failure::Missing, "push", image, name.registry(), false, "the engine does not have it"))
        }
        Err(error) => Err(engine.refusal(&format!("tag {name}"), &error)),
    }
}

/// Repeats `attempt` while the registry is out of order.
async fn with_patience<T, F>(tell: Tell<'_>, attempt: impl Fn() -> F) -> Result<T, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    for number in 1..ATTEMPTS {
        match attempt().await {
            Err(refusal) if refusal.code == "E-REGISTRY-UNAVAILABLE" => {
                let pause = Duration::from_millis(BACKOFF_MS << (number - 1));
                tell(format!("{}; again in {} ms ({number} of {ATTEMPTS})", refusal.message, pause.as_millis()));
                tokio::time::sleep(pause).await;
            }
            answer => return answer,
        }
    }
    attempt().await
}

async fn push_once(engine: &Engine, name: &ImageName, logins: &Logins, tell: Tell<'_>) -> Result<Digest, Refusal> {
    let doing = format!("push {name}");
    let path = format!("/images/{}/push?{}", name.repository(), query(&[("tag", name.tag_or_latest().to_owned())]));
    let builder = Builder::new().method(Method::POST).header("X-Registry-Auth", logins.header(name.registry()));
    let fail = |said: &str| failed("push", name, logins, said);
    let answer = engine.send(&doing, builder, &path, empty()).await?;
    let mut values = answer.successful().await.map_err(|(_, said)| fail(&said))?.values();
    let mut digest = None;
    while let Some(value) = values.next().await.map_err(|error| engine.lost(&doing, &error))? {
        if let Some(said) = error_of(&value) {
            return Err(fail(said));
        }
        if let Some(line) = super::pull::line(&value) {
            tell(line);
        }
        let found = value.get("aux").and_then(|aux| aux.get("Digest")).and_then(Value::as_str);
        digest = found.and_then(|text| text.parse().ok()).or(digest);
    }
    digest.ok_or_else(|| engine.lost(&doing, &"the push ended without a digest"))
}

/// The digest that the registry itself names for `name`.
async fn look_up(engine: &Engine, name: &ImageName, logins: &Logins) -> Result<Digest, Refusal> {
    let doing = format!("look up {name}");
    let path = format!(
        "/distribution/{}/json",
        encoded(&format!("{}:{}", name.repository(), name.tag_or_latest())).replace("%2F", "/")
    );
    let builder = Builder::new().method(Method::GET).header("X-Registry-Auth", logins.header(name.registry()));
    let answer = engine.send(&doing, builder, &path, empty()).await?;
    let mut values = answer.successful().await.map_err(|(_, said)| failed("look up", name, logins, &said))?.values();
    let value = values.next().await.map_err(|error| engine.lost(&doing, &error))?.unwrap_or_default();
    let digest = value.get("Descriptor").and_then(|found| found.get("digest")).and_then(Value::as_str);
    digest.and_then(|text| text.parse().ok()).ok_or_else(|| engine.lost(&doing, &"the engine's answer names no digest"))
}

/// Another run may have moved the engine's own tag between ours and the push: then what was pushed is not
/// our image, and the engine does not list the digest with it.
async fn check_is_ours(engine: &Engine, image: &str, name: &ImageName, digest: &Digest) -> Result<(), Refusal> {
    let found = engine.docker().await?.inspect_image(image).await;
    let found = found.map_err(|error| engine.refusal(&format!("look up {image}"), &error))?;
    let expected = digest.to_string();
    let is_ours = found.repo_digests.unwrap_or_default().iter().any(|listed| listed.ends_with(&expected));
    if is_ours { Ok(()) } else { Err(differs_from_image(name, digest)) }
}

fn failed(verb: &str, name: &ImageName, logins: &Logins, said: &str) -> Refusal {
    refusal(classify(said), verb, &name.to_string(), name.registry(), logins.has(name.registry()), said)
}

fn differs(name: &ImageName, expected: &Digest, found: &Digest) -> Refusal {
    let message = format!("{name} is {found} in its registry; {expected} was expected");
    StepError::new(ErrorKind::Failed, "E-REGISTRY-DIGEST", message)
        .help("somebody else pushed to it meanwhile, or the registry rewrites what it is given; push again")
}

fn differs_from_image(name: &ImageName, digest: &Digest) -> Refusal {
    let message = format!("what was pushed to {name}, {digest}, is not the image that was to be pushed");
    StepError::new(ErrorKind::Failed, "E-REGISTRY-DIGEST", message)
        .help("another run on this engine pushes to the same reference at the same time; push again")
}
