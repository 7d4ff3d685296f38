//! HTTP, as the broker sends it.

use serde::{Deserialize, Serialize};

use super::Handle;

/// One request. The broker parses the URL once, rebuilds it from validated parts, checks it and every
/// address that its host resolves to, dials the address that it checked, and follows no redirect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRequest {
    /// In capitals.
    pub method: String,
    /// Absolute, `http` or `https`; or the placeholder of a secret whose place is a whole URL.
    pub url: String,
    /// In order. `sealock-target: NAME` dials that target instead of the URL's host and is never sent.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// For connecting and for the first byte, together.
    pub timeout_ms: Option<u64>,
}

/// One answer. Among its headers are the broker's own `sealock-timing` (milliseconds to the first byte)
/// and, for https, `sealock-certificate-days`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// In order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// For reading the body.
    pub body: Handle,
}
