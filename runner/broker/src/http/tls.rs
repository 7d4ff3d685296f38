//! TLS to a server, with the machine's trust and what the operator adds to it.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sealock_contract::grant::Endpoint;
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::certificate;

/// A connector that trusts the system's roots and those in the PEM text `extra`.
pub(super) async fn connector(extra: &[u8]) -> Result<TlsConnector, Refusal> {
    let extra: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(extra).collect();
    let extra = extra.map_err(|error| failed(&format!("the extra root certificates cannot be read: {error}")))?;
    let loading = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let native = loading.await.map_err(|error| failed(&error.to_string()))?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(native.certs);
    for certificate in extra {
        roots.add(certificate).map_err(|error| failed(&error.to_string()))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Shakes hands as `endpoint`'s host; also how many days the server's certificate is still good for.
pub(super) async fn connect(
    connector: &TlsConnector,
    endpoint: &Endpoint,
    socket: TcpStream,
) -> Result<(TlsStream<TcpStream>, Option<i64>), Refusal> {
    let name = ServerName::try_from(endpoint.host.clone()).map_err(|error| failed(&error.to_string()))?;
    let socket = connector.connect(name, socket).await.map_err(|error| failed(&format!("{endpoint}: {error}")))?;
    let certificates = socket.get_ref().1.peer_certificates();
    let days = certificates.and_then(|chain| chain.first()).and_then(|first| certificate::days_left(first));
    Ok((socket, days))
}

fn failed(why: &str) -> Refusal {
    StepError::new(ErrorKind::Remote, "E-HTTP-TLS", format!("no secure connection: {why}"))
}
