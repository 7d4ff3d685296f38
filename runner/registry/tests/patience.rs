//! A registry that is slow, or has no end, does not hold anybody: every wait and every list has its bound.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sealock_contract::Digest;
use sealock_registry::{Patience, Reference, Registry, RegistrySettings, Repository, Store};

/// A server on loopback: for each path, `answer` writes what it likes. Gives its address, and how often it was asked.
fn server(
    answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + Clone + 'static,
) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let asked = Arc::new(AtomicUsize::new(0));
    let times = asked.clone();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            times.fetch_add(1, Ordering::SeqCst);
            let answer = answer.clone();
            thread::spawn(move || {
                let path = path(&mut stream)?;
                answer(&path, &mut stream)
            });
        }
    });
    (address, asked)
}

fn path(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&request).split(' ').nth(1).unwrap_or_default().to_owned())
}

fn whole(stream: &mut TcpStream, head: &str, body: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\n{head}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn registry() -> Registry {
    let patience = Patience {
        connect: Duration::from_millis(300),
        idle: Duration::from_millis(200),
        document: Duration::from_millis(600),
        component: Duration::from_millis(1200),
        stride: Duration::from_millis(500),
        search: Duration::from_millis(1500),
        attempts: 2,
        pause: Duration::from_millis(10),
    };
    Registry::new(RegistrySettings { patience, ..RegistrySettings::default() })
}

fn reference(address: &str) -> Reference {
    format!("{address}/acme/step:1.0").parse().expect("a reference")
}

fn repository(address: &str) -> Repository {
    reference(address).repository().clone()
}

/// Waits for what is asked, and not for long.
fn soon<T>(ask: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let started = Instant::now();
    let end = runtime.block_on(ask);
    assert!(started.elapsed() < Duration::from_secs(20), "it took {:?}", started.elapsed());
    end
}

#[test]
fn a_registry_that_never_answers_is_given_up() {
    let (address, asked) = server(|_, _| {
        thread::sleep(Duration::from_secs(20));
        Ok(())
    });
    let error = soon(registry().artifact(&reference(&address))).expect_err("nobody answers");
    assert_eq!(error.code(), "E-REGISTRY-UNAVAILABLE");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[test]
fn a_byte_now_and_then_is_no_answer() {
    let (address, _) = server(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")?;
        for _ in 0..100 {
            stream.write_all(b" ")?;
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    });
    let error = soon(registry().artifact(&reference(&address))).expect_err("it never ends");
    assert_eq!(error.code(), "E-REGISTRY-UNAVAILABLE");
}

/// An artifact of 1 MiB of zeros, at a registry that hands them out by `blob`.
fn component_of(
    blob: impl Fn(&mut TcpStream) -> std::io::Result<()> + Send + Sync + Clone + 'static,
) -> (Result<Duration, (&'static str, Duration)>, usize) {
    let component = vec![0; 1 << 20];
    let (config, layer) = (Digest::of(b"{}"), Digest::of(&component));
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{config}","size":2}},
        "layers":[{{"mediaType":"application/wasm","digest":"{layer}","size":{}}}]}}"#,
        component.len()
    );
    let (address, asked) = server(move |path, stream| {
        if path.contains("/blobs/") {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 1 << 20)?;
            return blob(stream);
        }
        whole(stream, "content-type: application/vnd.oci.image.manifest.v1+json\r\n", &manifest)
    });
    let folder = tempfile::tempdir().expect("a folder");
    let (registry, store) = (registry(), Store::new(folder.path().to_owned()));
    let artifact = soon(registry.artifact(&reference(&address))).expect("a plugin");
    let started = Instant::now();
    let fetched = soon(registry.component(&repository(&address), &artifact, &store));
    let took = started.elapsed();
    (fetched.map(|_| took).map_err(|error| (error.code(), took)), asked.load(Ordering::SeqCst) - 1)
}

#[test]
fn a_component_that_drips_is_given_up_long_before_its_time() {
    let (told, tries) = component_of(|stream| {
        loop {
            stream.write_all(&[0; 100])?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    let (code, took) = told.expect_err("it never ends");
    assert_eq!((code, tries), ("E-REGISTRY-UNAVAILABLE", 2));
    assert!(took >= Duration::from_secs(1), "each try has its stride: {took:?}");
    // Fast enough for every stride, and too slow for all of it: the tries have one end together.
    let (told, tries) = component_of(|stream| {
        loop {
            stream.write_all(&[0; 10_000])?;
            thread::sleep(Duration::from_millis(50));
        }
    });
    let (code, took) = told.expect_err("it takes too long");
    assert_eq!(code, "E-REGISTRY-UNAVAILABLE");
    assert!(took < Duration::from_secs(2), "{tries} tries took {took:?}");
}

#[test]
fn a_component_that_comes_slowly_and_steadily_is_taken() {
    let (told, tries) = component_of(|stream| {
        for _ in 0..8 {
            stream.write_all(&vec![0; 1 << 17])?;
            thread::sleep(Duration::from_millis(80));
        }
        Ok(())
    });
    assert!(told.is_ok() && tries == 1, "{told:?}, {tries} tries");
}

#[test]
fn a_body_without_an_end_is_not_read_to_it() {
    let (address, _) = server(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\n\r\n")?;
        let blanks = vec![b' '; 65_536];
        loop {
            stream.write_all(&blanks)?;
        }
    });
    let error = soon(registry().artifact(&reference(&address))).expect_err("it never ends");
    assert_eq!(error.code(), "E-OCI-INTEGRITY");
}

#[test]
fn a_head_with_a_hundred_thousand_fields_is_refused() {
    let (address, _) = server(|_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        (0..100_000).try_for_each(|number| write!(stream, "x-{number}: y\r\n"))
    });
    let error = soon(registry().artifact(&reference(&address))).expect_err("too many fields");
    assert!(matches!(error.code(), "E-REGISTRY-ANSWER" | "E-REGISTRY-UNAVAILABLE"), "{error}");
}

#[test]
fn a_list_of_tags_without_an_end_is_cut() {
    let (address, asked) = server(|_, stream| {
        let link = "link: </v2/acme/step/tags/list?last=x>; rel=\"next\"\r\n";
        whole(stream, link, r#"{"tags":["1.0.0","1.0.1"]}"#)
    });
    let tags = soon(registry().tags(&repository(&address))).expect("a list");
    assert_eq!((tags.len(), asked.load(Ordering::SeqCst)), (40, 20));
}

#[test]
fn no_more_than_64_of_a_hundred_thousand_referrers_are_looked_at() {
    let one = format!(r#"{{"mediaType":"x","digest":"{}","size":19}}"#, Digest::of(b"signature"));
    let list = |many: usize| format!(r#"{{"manifests":[{}]}}"#, vec![one.clone(); many].join(","));
    let (short, long) = (list(30_000), list(100_000));
    let (address, _) =
        server(move |path, stream| whole(stream, "", if path.contains("/acme/long/") { &long } else { &short }));
    let referrers = |path: &str| {
        let reference: Reference = format!("{address}/{path}:1").parse().expect("a reference");
        soon(registry().referrers(reference.repository(), Digest::of(b"manifest")))
    };
    assert_eq!(referrers("acme/short").expect("a list").len(), 64);
    // A list that is longer than any document is not read at all.
    assert_eq!(referrers("acme/long").expect_err("too long").code(), "E-REGISTRY-ANSWER");
}

#[test]
fn a_list_of_referrers_goes_on_by_pages_and_not_for_ever() {
    let one = format!(r#"{{"mediaType":"x","digest":"{}","size":19}}"#, Digest::of(b"signature"));
    let signs = one.replace(r#""size""#, r#""artifactType":"application/vnd.dev.sigstore.bundle.v0.3+json","size""#);
    let noise = one.replace(r#""size""#, r#""artifactType":"text/plain","size""#);
    let (address, asked) = server(move |path, stream| {
        let (path, page) = path.split_once("?page=").unwrap_or((path, "0"));
        let page: usize = page.parse().expect("a number");
        let next = format!("link: <{path}?page={}>; rel=\"next\"\r\n", page + 1);
        match (path, page) {
            (path, 0) if path.contains("/elsewhere/") => {
                let link = "link: <http://127.0.0.1:1/next>; rel=\"next\"\r\n";
                whole(stream, link, r#"{"manifests":[]}"#)
            }
            // The first page is empty, the signature stands last.
            (path, 0) if path.contains("/pages/") => whole(stream, &next, r#"{"manifests":[]}"#),
            (path, 3) if path.contains("/pages/") => {
                whole(stream, "", &format!(r#"{{"manifests":[{noise},{signs}]}}"#))
            }
            _ => whole(stream, &next, &format!(r#"{{"manifests":[{}]}}"#, vec![noise.clone(); 100].join(","))),
        }
    });
    let referrers = |path: &str| {
        let reference: Reference = format!("{address}/{path}:1").parse().expect("a reference");
        let before = asked.load(Ordering::SeqCst);
        let found = soon(registry().referrers(reference.repository(), Digest::of(b"manifest"))).expect("a list");
        (found, asked.load(Ordering::SeqCst) - before)
    };
    let (found, questions) = referrers("acme/pages");
    assert_eq!((found.len(), questions), (64, 4));
    assert!(found[0].artifact_type.as_deref().is_some_and(|kind| kind.contains("sigstore")), "{:?}", found[0]);
    let (found, questions) = referrers("acme/endless");
    assert_eq!((found.len(), questions), (64, 128));
    let (found, questions) = referrers("acme/elsewhere");
    assert_eq!((found.len(), questions), (0, 1));
}

#[test]
fn tags_that_drip_page_by_page_end_together() {
    let (address, _) = server(|_, stream| {
        write!(stream, "HTTP/1.1 200 OK\r\nlink: </v2/acme/step/tags/list?last=x>; rel=\"next\"\r\n")?;
        write!(stream, "content-length: 11\r\n\r\n")?;
        for byte in br#"{"tags":[]}"# {
            thread::sleep(Duration::from_millis(45));
            stream.write_all(&[*byte])?;
        }
        Ok(())
    });
    let reference: Reference = format!("{address}/acme/step:1").parse().expect("a reference");
    let error = soon(registry().resolve(&reference, jiff::Timestamp::now())).expect_err("it never ends");
    assert_eq!(error.code(), "E-REGISTRY-UNAVAILABLE");
}

#[test]
fn what_only_says_that_it_signs_is_not_fetched_without_an_end() {
    let noise = "\u{fffd}x".as_bytes()[1..].to_vec();
    let digest = Digest::of(&noise);
    let layer = |number: usize| {
        let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
        format!(
            r#"{{"mediaType":"{kind}","digest":"{digest}","size":{},"annotations":{{"n":"{number}"}}}}"#,
            noise.len()
        )
    };
    let holder = format!(r#"{{"layers":[{}]}}"#, (0..20_000).map(layer).collect::<Vec<_>>().join(","));
    let (address, asked) = server(move |path, stream| {
        if path.contains("/blobs/") {
            write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", noise.len())?;
            return stream.write_all(&noise);
        }
        let body = if path.contains("/referrers/") { r#"{"manifests":[]}"# } else { &holder };
        whole(stream, "content-type: application/vnd.oci.image.manifest.v1+json\r\n", body)
    });
    let signatures = soon(registry().signatures(&repository(&address), Digest::of(b"manifest")));
    assert_eq!(signatures.expect("it answers").len(), 0);
    assert!(asked.load(Ordering::SeqCst) <= 70, "{}", asked.load(Ordering::SeqCst));
}
