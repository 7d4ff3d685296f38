//! HTTP over TLS: certificates that are right, and that are wrong in each way.

use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use sealock_broker::http::Http;
use sealock_contract::grant::{NetworkGrant, Reach};
use sealock_contract::seam::{HttpRequest, HttpResponse, Refusal};
use tokio_rustls::TlsAcceptor;

use crate::http::{header, send};
use crate::rig::RigSpec;
use crate::servers::{At, Names, Then, talk};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// What a server's certificate says, and who signed it.
struct Certificate {
    name: &'static str,
    first_year: i32,
    last_year: i32,
    is_self_signed: bool,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("signed")
}

fn acceptor(authority: &Issuer, says: &Certificate) -> TlsAcceptor {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![says.name.to_owned()]).expect("a name");
    params.not_before = date_time_ymd(says.first_year, 1, 1);
    params.not_after = date_time_ymd(says.last_year, 6, 1);
    let signed = if says.is_self_signed { params.self_signed(&key) } else { params.signed_by(&key, authority) };
    let certificate = signed.expect("signed").der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a certificate and its key");
    TlsAcceptor::from(Arc::new(config))
}

/// Asks `https://app.example` of a server with such a certificate.
async fn ask(says: &Certificate) -> Result<HttpResponse, Refusal> {
    let authority = authority();
    let acceptor = acceptor(&authority, says);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                talk(stream, ANSWER.to_vec(), Then::Close, Arc::new(Mutex::default())).await;
            }
        }
    });
    let names = Names::default().with("app.example", &[&["127.0.0.1"]]);
    let http = Http::new(Arc::new(names), Arc::new(At("127.0.0.1")), authority.pem().into_bytes());
    let entry: NetworkGrant = format!("app.example:{port}").parse().expect("a good entry");
    let mut spec = RigSpec { http: Some(Arc::new(http)), ..RigSpec::default() };
    spec.grant.network = vec![NetworkGrant { reach: Reach::Private, ..entry }];
    let url = format!("https://app.example:{port}/");
    send(&spec.build(), HttpRequest { method: "GET".into(), url, ..HttpRequest::default() }).await
}

#[tokio::test]
async fn a_good_certificate_is_taken_and_its_days_are_counted() {
    let answer =
        ask(&Certificate { name: "app.example", first_year: 2020, last_year: 2095, is_self_signed: false }).await;
    let answer = answer.expect("a good certificate");
    let days: i64 = header(&answer, "sealock-certificate-days").and_then(|days| days.parse().ok()).expect("a number");
    // 2095-06-01 is day 45807 since 1970.
    let today =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs() / 86_400;
    let expected = 45_807 - i64::try_from(today).expect("a small number");
    assert!((expected - 1..=expected).contains(&days), "{days} of {expected}");
}

#[tokio::test]
async fn a_certificate_that_is_wrong_in_any_way_is_refused() {
    let wrong = [
        Certificate { name: "other.example", first_year: 2020, last_year: 2095, is_self_signed: false },
        Certificate { name: "app.example", first_year: 2020, last_year: 2021, is_self_signed: false },
        Certificate { name: "app.example", first_year: 2020, last_year: 2095, is_self_signed: true },
    ];
    for says in wrong {
        assert_eq!(ask(&says).await.expect_err(says.name).code, "E-HTTP-TLS");
    }
}

#[tokio::test]
async fn a_certificate_that_is_over_or_too_early_is_told_as_a_problem_of_the_clock() {
    for (first_year, last_year, says) in
        [(2020, 2021, "ended on 2021-06-01 00:00:00 UTC"), (2090, 2095, "begins on 2090-01-01 00:00:00 UTC")]
    {
        let refused = ask(&Certificate { name: "app.example", first_year, last_year, is_self_signed: false }).await;
        let refused = refused.expect_err("not good now");
        assert_eq!(refused.code, "E-HTTP-TLS");
        let told = refused.message;
        assert!(told.contains(says) && told.contains("the clock of this machine says 20"), "{told}");
    }
}
