//! What the engine means when it could not talk to a registry.

use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};

/// Why a push, a pull, or a look-up failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It does not know us, or not well enough.
    Auth,
    /// Nobody there.
    Unreachable,
    /// It is there and out of order; it may be well again soon.
    Unavailable,
    /// It has no such image, or the engine has not.
    Missing,
    Other,
}

/// Engines tell by a sentence only.
pub(super) fn classify(message: &str) -> Failure {
    let text = message.to_ascii_lowercase();
    let has = |needles: &[&str]| needles.iter().any(|needle| text.contains(needle));
    if has(&["unauthorized", "authentication required", "no basic auth", "access denied", "denied:", "forbidden"]) {
        return Failure::Auth;
    }
    if has(&[
        "500 ",
        "502 ",
        "503 ",
        "504 ",
        "429 ",
        "toomanyrequests",
        "internal server error",
        "bad gateway",
        "service unavailable",
        "gateway timeout",
        "unexpected eof",
        "connection reset",
        "tls handshake timeout",
    ]) {
        return Failure::Unavailable;
    }
    if has(&[
        "connection refused",
        "no such host",
        "i/o timeout",
        "no route to host",
        "network is unreachable",
        "server misbehaving",
        "server gave http response",
        "deadline exceeded",
        "x509",
        "eof",
    ]) {
        return Failure::Unreachable;
    }
    if has(&["not found", "manifest unknown", "name unknown", "no such image", "does not exist"]) {
        return Failure::Missing;
    }
    Failure::Other
}

/// What a step hears. `verb` is `push`, `pull`, or `look up`.
pub(super) fn refusal(
    failure: Failure,
    verb: &str,
    reference: &str,
    registry: &str,
    has_login: bool,
    said: &str,
) -> Refusal {
    let said = said.trim();
    match failure {
        Failure::Auth => {
            let who = if has_login { "refused the login" } else { "wants a login and was given none" };
            let help = if has_login {
                format!("check username and password for {registry}, and that the account may {verb} {reference}")
            } else {
                format!("give username and password for {registry}")
            };
            let message = format!("{registry} {who} to {verb} {reference}: {said}");
            StepError::new(ErrorKind::Remote, "E-REGISTRY-AUTH", message).help(help)
        }
        Failure::Unreachable => {
            let message = format!("the engine cannot reach {registry} to {verb} {reference}: {said}");
            StepError::new(ErrorKind::Remote, "E-REGISTRY-UNREACHABLE", message)
                .help("check the registry's name and port, and that the engine's machine reaches it")
                .retryable()
        }
        Failure::Unavailable => {
            let message = format!("{registry} is there and did not {verb} {reference}: {said}");
            StepError::new(ErrorKind::Remote, "E-REGISTRY-UNAVAILABLE", message)
                .help("try again later; nothing was moved by this")
                .retryable()
        }
        Failure::Missing => {
            StepError::new(ErrorKind::NotFound, "E-IMAGE-MISSING", format!("there is no image {reference}: {said}"))
                .help("check its name and tag")
        }
        Failure::Other => super::engine::refused(&format!("{verb} {reference}"), said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_of_engines_have_their_meaning() {
        let cases = [
            ("unauthorized: authentication required", Failure::Auth),
            ("no basic auth credentials", Failure::Auth),
            ("denied: requested access to the resource is denied", Failure::Auth),
            ("Get \"http://127.0.0.1:1/v2/\": dial tcp 127.0.0.1:1: connect: connection refused", Failure::Unreachable),
            ("dial tcp: lookup nowhere.invalid: no such host", Failure::Unreachable),
            ("received unexpected HTTP status: 503 Service Unavailable", Failure::Unavailable),
            ("toomanyrequests: slow down", Failure::Unavailable),
            ("manifest for x:1 not found: manifest unknown", Failure::Missing),
            ("An image does not exist locally with the tag: x", Failure::Missing),
            ("something else", Failure::Other),
        ];
        for (message, failure) in cases {
            assert_eq!(classify(message), failure, "{message}");
        }
    }
}
