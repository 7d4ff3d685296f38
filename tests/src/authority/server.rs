//! A server that speaks TLS on this machine, with whatever certificate a test needs.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection};

/// The server; it answers everything with 401 until the test's process ends.
pub struct SecureServer {
    /// Where it listens.
    pub port: u16,
    /// The authority that signed its certificate, as PEM text.
    pub authority: String,
}

impl SecureServer {
    /// With a certificate for `name` that holds from the first day of one year until the first day of another.
    ///
    /// # Panics
    /// When this machine has no port or no randomness left.
    pub fn start(name: &str, first_year: i32, last_year: i32) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        params.not_before = date_time_ymd(first_year, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let config = Arc::new(config(&params, &authority));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream, Arc::clone(&config));
            }
        });
        Self { port, authority: authority.pem() }
    }
}

fn config(params: &CertificateParams, authority: &CertifiedIssuer<'static, KeyPair>) -> ServerConfig {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.signed_by(&key, authority).expect("signed").der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key")
}

/// Once; whoever does not like the certificate hangs up, which is no matter here.
fn answer(mut stream: TcpStream, config: Arc<ServerConfig>) {
    let mut connection = ServerConnection::new(config).expect("a good configuration");
    let mut secure = rustls::Stream::new(&mut connection, &mut stream);
    let mut asked = [0; 4096];
    let _ = secure
        .read(&mut asked)
        .and_then(|_| secure.write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
    connection.send_close_notify();
    let _ = connection.complete_io(&mut stream);
}
