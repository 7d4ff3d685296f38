//! Handshakes with servers whose certificates are good, over, or too early.

use e2e::authority::SecureServer;
use sealock_tls::{TlsError, Trust};
use tokio::net::TcpStream;

async fn shake_hands(server: &SecureServer, trusted: &str) -> Result<Option<i64>, TlsError> {
    let trust = Trust::gather(trusted.as_bytes()).await?;
    let socket = TcpStream::connect(("127.0.0.1", server.port)).await.expect("it listens");
    trust.connect("localhost", socket).await.map(|secured| secured.certificate_days)
}

#[tokio::test]
async fn a_certificate_that_holds_now_is_taken() {
    let server = SecureServer::start("localhost", 2020, 2090);
    let days = shake_hands(&server, &server.authority).await.expect("a good certificate");
    assert!(days.is_some_and(|days| days > 365), "{days:?}");
}

#[tokio::test]
async fn one_that_has_ended_or_not_begun_is_told_with_both_dates() {
    for (first, last, says) in [(2020, 2021, "ended on 2021-01-01 00:00:00 UTC"), (2088, 2090, "begins on 2088-01-01")]
    {
        let server = SecureServer::start("localhost", first, last);
        let error = shake_hands(&server, &server.authority).await.expect_err("not good now");
        assert!(matches!(error, TlsError::Clock { .. }), "{error}");
        let told = error.to_string();
        assert!(told.contains(says) && told.contains("the clock of this machine says 20"), "{told}");
    }
}

#[tokio::test]
async fn a_stranger_is_refused_as_one() {
    let server = SecureServer::start("localhost", 2020, 2090);
    let error = shake_hands(&server, "").await.expect_err("signed by nobody we know");
    assert!(matches!(error, TlsError::Handshake(_)), "{error}");
    let other = SecureServer::start("other.example", 2020, 2090);
    let error = shake_hands(&other, &other.authority).await.expect_err("for somebody else");
    assert!(matches!(error, TlsError::Handshake(_)), "{error}");
    assert!(matches!(Trust::gather(b"-----BEGIN CERTIFICATE-----\n").await, Err(TlsError::Roots(_))));
}
