//! A registry on loopback that the tests hold in their hands: it keeps what is pushed, tells what it was asked, and lies when
//! it is told to.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

/// The type of a plugin's manifest.
pub const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A registry, until it is dropped.
pub struct Depot {
    /// Host and port.
    pub address: String,
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    blobs: Mutex<HashMap<String, Vec<u8>>>,
    manifests: Mutex<HashMap<String, Vec<u8>>>,
    asked: Mutex<Vec<Asked>>,
    lie: Mutex<Option<Lie>>,
    is_stopped: AtomicBool,
    lists_referrers: AtomicBool,
}

/// Changes a true answer.
type Lie = Arc<dyn Fn(&Asked, Reply) -> Reply + Send + Sync>;

/// What was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Such as `GET`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names in small letters.
    pub headers: HashMap<String, String>,
    /// What was sent.
    pub body: Vec<u8>,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// Without `content-length`, which is the body's unless it, or `transfer-encoding`, stands here.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// How much of the body is sent before the connection ends.
    pub cut: Option<usize>,
}

impl Asked {
    /// Whether a manifest is asked for.
    pub fn is_manifest(&self) -> bool {
        self.method == "GET" && self.path.contains("/manifests/")
    }

    /// Whether a blob is asked for.
    pub fn is_blob(&self) -> bool {
        self.method == "GET" && self.path.contains("/blobs/sha256:")
    }

    /// Whether it comes with a login or a token.
    pub fn has_authorization(&self) -> bool {
        self.headers.contains_key("authorization")
    }
}

impl Reply {
    /// Nothing but a status.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), cut: None }
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", content_type)
    }

    /// With a header, in place of the one that it had.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(own, _)| own != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Ends the connection after so many bytes of the body.
    #[must_use]
    pub fn cut(mut self, after: usize) -> Self {
        self.cut = Some(after);
        self
    }
}

/// The digest as registries write it.
pub fn digest(bytes: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Depot {
    /// An empty one.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let inner = Arc::new(Inner::default());
        let own = inner.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let own = own.clone();
                // A connection that breaks is the scenario's own doing.
                thread::spawn(move || drop(own.serve(stream)));
            }
        });
        Self { address, inner }
    }

    /// From now on it lists what refers to a manifest, as registries of OCI 1.1 do.
    pub fn list_referrers(&self) {
        self.inner.lists_referrers.store(true, Ordering::SeqCst);
    }

    /// Answers nobody any more.
    pub fn stop(&self) {
        self.inner.is_stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(&self.address));
    }

    /// From now on every answer goes through `lie`.
    pub fn lie(&self, lie: impl Fn(&Asked, Reply) -> Reply + Send + Sync + 'static) {
        *held(&self.inner.lie) = Some(Arc::new(lie));
    }

    /// Everything that was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        held(&self.inner.asked).clone()
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        held(&self.inner.asked).clear();
    }

    /// Puts a blob there, and gives its descriptor.
    pub fn put_blob(&self, media_type: &str, bytes: &[u8]) -> serde_json::Value {
        held(&self.inner.blobs).insert(digest(bytes), bytes.to_vec());
        serde_json::json!({ "mediaType": media_type, "digest": digest(bytes), "size": bytes.len() })
    }

    /// Puts a manifest there, under `repository:tag` and under its digest, which it gives.
    ///
    /// # Panics
    /// Never: a JSON value prints.
    pub fn put_manifest(&self, repository: &str, tag: &str, manifest: &serde_json::Value) -> String {
        let bytes = serde_json::to_vec(manifest).expect("JSON prints");
        let digest = digest(&bytes);
        for reference in [tag, &digest] {
            held(&self.inner.manifests).insert(format!("{repository}/manifests/{reference}"), bytes.clone());
        }
        digest
    }

    /// Puts a plugin there that was published at a moment (RFC 3339), whatever its bytes are.
    pub fn put_plugin(&self, repository: &str, tag: &str, component: &[u8], created: &str) -> String {
        let config =
            serde_json::json!({ "created": created, "architecture": "wasm", "os": "wasip2", "layerDigests": [] });
        let config = self.put_blob("application/vnd.wasm.config.v0+json", config.to_string().as_bytes());
        let layer = self.put_blob("application/wasm", component);
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST_TYPE, "config": config, "layers": [layer],
        });
        self.put_manifest(repository, tag, &manifest)
    }

    /// A manifest that is there, by tag or digest.
    pub fn manifest(&self, repository: &str, reference: &str) -> Option<Vec<u8>> {
        held(&self.inner.manifests).get(&format!("{repository}/manifests/{reference}")).cloned()
    }

    /// Takes a manifest away.
    pub fn remove(&self, repository: &str, reference: &str) {
        held(&self.inner.manifests).remove(&format!("{repository}/manifests/{reference}"));
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let asked = read(&mut stream)?;
        held(&self.asked).push(asked.clone());
        let lie = held(&self.lie).clone();
        let truth = self.answer(&asked);
        let reply = lie.map_or(truth.clone(), |lie| lie(&asked, truth));
        write(&mut stream, &reply, asked.method == "HEAD")
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let path = asked.path.split('?').next().unwrap_or_default();
        let Some(below) = path.strip_prefix("/v2/") else {
            return Reply::status(404);
        };
        match asked.method.as_str() {
            "GET" | "HEAD" if below.ends_with("/tags/list") => self.tags(below),
            "GET" | "HEAD" if below.contains("/manifests/") => self.manifest(below),
            "GET" if below.contains("/referrers/") && self.lists_referrers.load(Ordering::SeqCst) => {
                self.referrers(below)
            }
            "GET" | "HEAD" if below.contains("/blobs/") => self.blob(below),
            "POST" if below.ends_with("/blobs/uploads/") => {
                Reply::status(202).header("location", &format!("{path}1?state=x"))
            }
            "PUT" if below.contains("/blobs/uploads/") => {
                held(&self.blobs).insert(digest(&asked.body), asked.body.clone());
                Reply::status(201)
            }
            "PUT" if below.contains("/manifests/") => {
                let repository = below.split("/manifests/").next().unwrap_or_default();
                let by_digest = format!("{repository}/manifests/{}", digest(&asked.body));
                held(&self.manifests).insert(by_digest, asked.body.clone());
                held(&self.manifests).insert(below.to_owned(), asked.body.clone());
                Reply::status(201)
            }
            _ => Reply::status(404),
        }
    }

    fn tags(&self, below: &str) -> Reply {
        let folder = format!("{}/manifests/", below.trim_end_matches("/tags/list"));
        let manifests = held(&self.manifests);
        let tags = manifests.keys().filter_map(|key| key.strip_prefix(&folder)).filter(|tag| !tag.contains(':'));
        let page = serde_json::json!({ "name": "x", "tags": tags.collect::<Vec<_>>() });
        Reply::status(200).body("application/json", page.to_string())
    }

    fn manifest(&self, below: &str) -> Reply {
        match held(&self.manifests).get(below) {
            Some(bytes) => {
                Reply::status(200).body(MANIFEST_TYPE, bytes.clone()).header("docker-content-digest", &digest(bytes))
            }
            None => Reply::status(404),
        }
    }

    fn referrers(&self, below: &str) -> Reply {
        let (repository, of) = below.split_once("/referrers/").unwrap_or_default();
        let by_digest = format!("{repository}/manifests/sha256:");
        let mut listed = Vec::new();
        for (_, bytes) in held(&self.manifests).iter().filter(|(name, _)| name.starts_with(&by_digest)) {
            let manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
            if manifest["subject"]["digest"] == of {
                listed.push(
                    serde_json::json!({ "mediaType": MANIFEST_TYPE, "digest": digest(bytes), "size": bytes.len(),
                    "artifactType": manifest["artifactType"], "annotations": annotations(&manifest) }),
                );
            }
        }
        let kind = "application/vnd.oci.image.index.v1+json";
        let list = serde_json::json!({ "schemaVersion": 2, "mediaType": kind, "manifests": listed });
        Reply::status(200).body(kind, list.to_string())
    }

    fn blob(&self, below: &str) -> Reply {
        let name = below.rsplit('/').next().unwrap_or_default();
        match held(&self.blobs).get(name) {
            Some(bytes) => Reply::status(200).body("application/octet-stream", bytes.clone()),
            None => Reply::status(404),
        }
    }
}

/// What a list repeats of a manifest.
fn annotations(of: &serde_json::Value) -> serde_json::Value {
    if of["annotations"].is_object() { of["annotations"].clone() } else { serde_json::json!({}) }
}

fn read(stream: &mut TcpStream) -> std::io::Result<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Asked { method, path, headers, body })
}

fn write(stream: &mut TcpStream, reply: &Reply, is_head: bool) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} x\r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if !reply.headers.iter().any(|(name, _)| name == "content-length" || name == "transfer-encoding") {
        let _ = write!(head, "content-length: {}\r\n", reply.body.len());
    }
    stream.write_all(head.as_bytes())?;
    stream.write_all(b"\r\n")?;
    let body = &reply.body[..reply.cut.unwrap_or(reply.body.len()).min(reply.body.len())];
    if !is_head {
        stream.write_all(body)?;
    }
    stream.flush()
}
