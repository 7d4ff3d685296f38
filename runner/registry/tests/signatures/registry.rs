//! A small registry: what is put is given, and nothing is checked. With or without a list of referrers of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use sealock_contract::Digest;
use serde_json::{Value as Json, json};

#[derive(Clone)]
pub(crate) struct OwnRegistry {
    pub(crate) address: String,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    lists_referrers: bool,
    blobs: BTreeMap<String, Vec<u8>>,
    /// By digest and by tag.
    manifests: BTreeMap<String, Vec<u8>>,
}

struct Asked {
    method: String,
    path: String,
    query: String,
    body: Vec<u8>,
}

impl OwnRegistry {
    pub(crate) fn start(lists_referrers: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let kept = Arc::new(Mutex::new(Kept { lists_referrers, ..Kept::default() }));
        let own = Self { address, kept: Arc::clone(&kept) };
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                std::thread::spawn(move || answer(socket, &kept));
            }
        });
        own
    }

    pub(crate) fn put_manifest(&self, name: &str, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.put_manifest(name, bytes);
    }

    pub(crate) fn put_blob(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.blobs.insert(Digest::of(bytes).to_string(), bytes.to_vec());
    }

    pub(crate) fn manifest(&self, name: &str) -> Option<Json> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.manifests.get(name).map(|bytes| serde_json::from_slice(bytes).expect("JSON"))
    }

    pub(crate) fn remove_manifest(&self, name: &str) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).manifests.remove(name);
    }
}

impl Kept {
    fn put_manifest(&mut self, name: &str, bytes: &[u8]) {
        self.manifests.insert(Digest::of(bytes).to_string(), bytes.to_vec());
        self.manifests.insert(name.to_owned(), bytes.to_vec());
    }

    fn referrers(&self, of: &str) -> Vec<u8> {
        let by_digest = self.manifests.iter().filter(|(name, _)| name.starts_with("sha256:"));
        let parsed = by_digest.map(|(name, bytes)| (name, bytes, serde_json::from_slice::<Json>(bytes).expect("JSON")));
        let listed = parsed.filter(|(_, _, manifest)| manifest["subject"]["digest"] == of);
        let listed: Vec<Json> = listed
            .map(|(digest, bytes, manifest)| {
                json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": bytes.len(),
                    "artifactType": manifest["artifactType"] })
            })
            .collect();
        let kind = "application/vnd.oci.image.index.v1+json";
        json!({ "schemaVersion": 2, "mediaType": kind, "manifests": listed }).to_string().into_bytes()
    }

    fn answer(&mut self, asked: &Asked) -> (u16, String, Vec<u8>) {
        let (kind, name) = place(&asked.path);
        let given = |bytes: Option<&Vec<u8>>, kind: &str| match bytes {
            Some(bytes) => (200, format!("Content-Type: {kind}\r\n"), bytes.clone()),
            None => (404, String::new(), Vec::new()),
        };
        match (asked.method.as_str(), kind) {
            ("GET" | "HEAD", "blobs") => given(self.blobs.get(name), "application/octet-stream"),
            ("GET" | "HEAD", "manifests") => {
                given(self.manifests.get(name), "application/vnd.oci.image.manifest.v1+json")
            }
            ("GET", "referrers") if self.lists_referrers => {
                given(Some(&self.referrers(name)), "application/vnd.oci.image.index.v1+json")
            }
            ("POST", "uploads") => (202, format!("Location: {}here\r\n", asked.path), Vec::new()),
            ("PUT", "uploads") => {
                let digest = Digest::of(&asked.body).to_string();
                assert!(asked.query.replace("%3A", ":").contains(&digest), "{}", asked.query);
                self.blobs.insert(digest, asked.body.clone());
                (201, String::new(), Vec::new())
            }
            ("PUT", "manifests") => {
                self.put_manifest(name, &asked.body);
                (201, String::new(), Vec::new())
            }
            _ => (404, String::new(), Vec::new()),
        }
    }
}

/// `…/blobs/uploads/…`, or `…/KIND/NAME`.
fn place(path: &str) -> (&str, &str) {
    if path.contains("/blobs/uploads/") {
        return ("uploads", "");
    }
    let (front, name) = path.rsplit_once('/').expect("a path");
    (front.rsplit_once('/').expect("a path").1, name)
}

fn answer(mut socket: TcpStream, kept: &Mutex<Kept>) {
    let Some(asked) = read(&socket) else { return };
    let (status, fields, body) = kept.lock().unwrap_or_else(PoisonError::into_inner).answer(&asked);
    let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n{fields}\r\n", body.len());
    let body = if asked.method == "HEAD" { Vec::new() } else { body };
    // Who asked may have gone.
    let _ = socket.write_all(&[head.into_bytes(), body].concat());
}

fn read(socket: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(socket);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut field = String::new();
        reader.read_line(&mut field).ok()?;
        let Some((name, value)) = field.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Some(Asked { method, path: path.to_owned(), query: query.to_owned(), body })
}
