//! TLS to a registry, with the machine's trust and what the operator adds to it.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::RegistryError;
use crate::transport::Url;

/// A connector that trusts the system's roots and those in the PEM text `extra`.
pub(super) async fn connector(host: &str, extra: &[u8]) -> Result<TlsConnector, RegistryError> {
    let failed = |why: &dyn std::fmt::Display| RegistryError::Unreachable {
        host: host.to_owned(),
        why: format!("no certificates to trust: {why}"),
        may_pass: false,
    };
    let extra: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(extra).collect();
    let extra = extra.map_err(|error| failed(&error))?;
    let loading = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let native = loading.await.map_err(|error| failed(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(native.certs);
    for certificate in extra {
        roots.add(certificate).map_err(|error| failed(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Shakes hands as `url`'s host.
pub(super) async fn connect(
    connector: &TlsConnector,
    url: &Url,
    socket: TcpStream,
) -> Result<TlsStream<TcpStream>, RegistryError> {
    let failed = |why: String| RegistryError::Unreachable { host: url.authority(), why, may_pass: false };
    let name = ServerName::try_from(url.host().to_owned()).map_err(|error| failed(error.to_string()))?;
    connector.connect(name, socket).await.map_err(|error| failed(told(&error)))
}

/// Whoever answers in another language than TLS most often speaks plain HTTP.
fn told(error: &std::io::Error) -> String {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    if matches!(cause, Some(rustls::Error::InvalidMessage(_))) {
        return "it does not speak TLS; only a registry on this machine (127.0.0.1, localhost) may speak plain HTTP"
            .to_owned();
    }
    format!("no secure connection: {error}")
}
