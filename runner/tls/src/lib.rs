//! TLS to servers: the machine's trust, and what the operator adds to it.
//!
//! Whoever speaks TLS to a server does it through here, so that trust is gathered in one way and a refusal told in one
//! way. Checking a certificate cannot be switched off, and what is wrong with one is never passed over: a clock that
//! is wrong is named, and not believed.

mod certificate;
mod error;

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

pub use error::TlsError;

/// What is said and heard, and nobody else hears.
pub type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// Whom to trust.
pub struct Trust(TlsConnector);

/// A connection to a server whose certificate is in order.
pub struct Secured {
    /// What is said and heard.
    pub stream: TlsStream,
    /// How long the server's certificate is still good for.
    pub certificate_days: Option<i64>,
}

impl Trust {
    /// In the system's roots and those in the PEM text `extra`. Reading the system's takes its time: keep it.
    ///
    /// # Errors
    /// When `extra` is no list of certificates.
    pub async fn gather(extra: &[u8]) -> Result<Self, TlsError> {
        let roots = roots(extra).await.map_err(TlsError::Roots)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Roots(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands over `socket` with who must be `host`.
    ///
    /// # Errors
    /// When the server does not speak TLS 1.2 or 1.3, or its certificate is wrong in any way.
    pub async fn connect(&self, host: &str, socket: TcpStream) -> Result<Secured, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| TlsError::Name(error.to_string()))?;
        let stream = self.0.connect(name, socket).await.map_err(TlsError::of_handshake)?;
        let chain = stream.get_ref().1.peer_certificates();
        let certificate_days = chain.and_then(|chain| chain.first()).and_then(|first| certificate::days_left(first));
        Ok(Secured { stream, certificate_days })
    }
}

async fn roots(extra: &[u8]) -> Result<RootCertStore, String> {
    let extra: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(extra).collect();
    let extra = extra.map_err(|error| format!("the extra root certificates cannot be read: {error}"))?;
    let loading = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs);
    let native = loading.await.map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(native.certs);
    for certificate in extra {
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(roots)
}
