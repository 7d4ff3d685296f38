//! Swaps placeholders for secrets.

use http::{HeaderMap, HeaderValue};
use sealock_contract::grant::{Endpoint, NetworkGrant};
use sealock_contract::manifest::Place;
use sealock_contract::seam::Refusal;
use zeroize::Zeroizing;

use super::url::{self, Url, never};
use crate::handles::SecretHandle;
use crate::step::Step;

/// The URL of a request; the secret itself, when the text is the placeholder of a secret that may stand
/// there and is bound to the host in it.
pub(super) fn url(step: &Step, text: &str) -> Result<Url, Refusal> {
    let is_meant =
        |secret: &&std::sync::Arc<SecretHandle>| secret.place == Some(Place::Url) && secret.placeholder == text;
    let secrets = step.handles().secrets();
    let Some(secret) = secrets.iter().find(is_meant) else {
        return url::parse(text);
    };
    let bytes = step.secret_bytes(secret)?;
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| never("a secret URL that is no text"))?;
    let url = url::parse(text.trim())?;
    if is_bound(secret, &url.endpoint) { Ok(url) } else { Err(unbound(secret, &url.endpoint)) }
}

/// Puts secrets into header values for `endpoint`.
pub(super) fn headers(step: &Step, endpoint: &Endpoint, fields: &mut HeaderMap) -> Result<(), Refusal> {
    for secret in step.handles().secrets() {
        if secret.place != Some(Place::Header) || !is_bound(&secret, endpoint) {
            continue;
        }
        for value in fields.values_mut() {
            swap(step, &secret, value)?;
        }
    }
    Ok(())
}

fn swap(step: &Step, secret: &SecretHandle, value: &mut HeaderValue) -> Result<(), Refusal> {
    let word = secret.placeholder.as_bytes();
    if !value.as_bytes().windows(word.len()).any(|window| window == word) {
        return Ok(());
    }
    let bytes = step.secret_bytes(secret)?;
    let whole = Zeroizing::new(replace(value.as_bytes(), word, bytes.expose()));
    let mut swapped = HeaderValue::from_bytes(&whole).map_err(|_| never("a secret that cannot stand in a header"))?;
    swapped.set_sensitive(true);
    *value = swapped;
    Ok(())
}

fn replace(text: &[u8], word: &[u8], with: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len() + with.len());
    let mut rest = text;
    while let Some(at) = rest.windows(word.len()).position(|window| window == word) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(with);
        rest = &rest[at + word.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// Whether the manifest lets the secret go to `endpoint`. A host that cannot be read binds to nothing.
fn is_bound(secret: &SecretHandle, endpoint: &Endpoint) -> bool {
    let names = |host: &String| host.parse::<NetworkGrant>().is_ok_and(|host| host.covers(endpoint, "GET", "/"));
    secret.hosts.is_empty() || secret.hosts.iter().any(names)
}

fn unbound(secret: &SecretHandle, endpoint: &Endpoint) -> Refusal {
    let mut refusal = never(&endpoint.to_string());
    refusal.message =
        format!("the secret `{}` goes to {} only, and names {endpoint}", secret.input, secret.hosts.join(", "));
    refusal.help = None;
    refusal
}
