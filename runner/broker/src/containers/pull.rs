//! Pulls images that are not in the engine yet.

use http::Method;
use http::request::Builder;
use sealock_contract::seam::Refusal;
use serde_json::Value;

use super::engine::{Engine, is_missing};
use super::login::Logins;
use super::reference::{self, ImageName};
use super::registry::{classify, refusal};
use super::wire::{empty, error_of, query};
use super::{Tell, again};

/// Has `image` (a reference, or an id) in the engine, pulled when it is not there, and once more when the engine went away
/// in the middle. Gives its id.
///
/// # Errors
///
/// `E-IMAGE-NAME`, `E-IMAGE-MISSING`, `E-REGISTRY-…`, `E-DOCKER-…`.
pub(super) async fn have(engine: &Engine, image: &str, logins: &Logins, tell: Tell<'_>) -> Result<String, Refusal> {
    // What is there costs no question more.
    if let Some(id) = find(engine, &reference::parse_local(image)?).await? {
        return Ok(id);
    }
    again::once_more(engine, tell, || have_once(engine, image, logins, tell)).await
}

/// The same, without a second try.
pub(super) async fn have_once(
    engine: &Engine,
    image: &str,
    logins: &Logins,
    tell: Tell<'_>,
) -> Result<String, Refusal> {
    let local = reference::parse_local(image)?;
    if let Some(id) = find(engine, &local).await? {
        return Ok(id);
    }
    let name = reference::parse(image)?;
    pull_once(engine, &name, logins, tell).await?;
    let missing = || {
        refusal(super::registry::Failure::Missing, "pull", image, name.registry(), false, "it was pulled and is gone")
    };
    find(engine, &local).await?.ok_or_else(missing)
}

/// The id of the image called `local`, when the engine has it.
pub(super) async fn find(engine: &Engine, local: &str) -> Result<Option<String>, Refusal> {
    match engine.docker().await?.inspect_image(local).await {
        Ok(found) => Ok(found.id),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(engine.refusal(&format!("look up the image {local}"), &error)),
    }
}

/// Pulls `name`, whether or not the engine has it.
pub(super) async fn pull_once(
    engine: &Engine,
    name: &ImageName,
    logins: &Logins,
    tell: Tell<'_>,
) -> Result<(), Refusal> {
    let version = name.digest().map_or_else(|| name.tag_or_latest().to_owned(), ToString::to_string);
    let path = query(&[("fromImage", name.repository().to_owned()), ("tag", version)]);
    let builder = Builder::new().method(Method::POST).header("X-Registry-Auth", logins.header(name.registry()));
    let doing = format!("pull {name}");
    tell(format!("pulling {name}"));
    let fail = |said: &str| {
        let has_login = logins.has(name.registry());
        refusal(classify(said), "pull", &name.to_string(), name.registry(), has_login, said)
    };
    let answer = engine.send(&doing, builder, &format!("/images/create?{path}"), empty()).await?;
    let mut values = answer.successful().await.map_err(|(_, said)| fail(&said))?.values();
    while let Some(value) = values.next().await.map_err(|error| engine.lost(&doing, &error))? {
        if let Some(said) = error_of(&value) {
            return Err(fail(said));
        }
        if let Some(line) = line(&value) {
            tell(line);
        }
    }
    Ok(())
}

/// What is worth a line: the ends of things, not each step of a bar.
pub(super) fn line(value: &Value) -> Option<String> {
    let status = value.get("status")?.as_str()?;
    let detail = value.get("progressDetail").and_then(|detail| detail.get("current"));
    let is_step =
        detail.is_some() || matches!(status, "Waiting" | "Preparing" | "Pulling fs layer" | "Verifying Checksum");
    if is_step {
        return None;
    }
    Some(match value.get("id").and_then(Value::as_str) {
        Some(id) => format!("{id}: {status}"),
        None => status.to_owned(),
    })
}
