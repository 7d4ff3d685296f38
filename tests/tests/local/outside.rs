//! A server that effects reach: it writes each one down by its key, and outlives every kill.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is outside of the runs of one test.
#[derive(Clone)]
pub(crate) struct Outside {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    /// What was asked for, by key, oldest first.
    log: BTreeMap<String, Vec<String>>,
    /// So many effects happen, and their answer never comes.
    silent: u32,
    /// What is answered to the question whether it happened, instead of the truth.
    word: Option<&'static str>,
}

impl Outside {
    pub(crate) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let outside = Self { port, seen: Arc::default() };
        let own = outside.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let own = own.clone();
                thread::spawn(move || own.serve(stream));
            }
        });
        outside
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The next effect happens, and nobody hears of it.
    pub(crate) fn fall_silent(&self) {
        self.seen.lock().expect("nobody panics").silent += 1;
    }

    /// Says this from now on to who asks whether an effect happened.
    pub(crate) fn claim(&self, word: &'static str) {
        self.seen.lock().expect("nobody panics").word = Some(word);
    }

    /// How often something was done, over all keys.
    pub(crate) fn count(&self, what: &str) -> usize {
        let seen = self.seen.lock().expect("nobody panics");
        seen.log.values().flatten().filter(|own| *own == what).count()
    }

    /// What was done under each key.
    pub(crate) fn log(&self) -> BTreeMap<String, Vec<String>> {
        self.seen.lock().expect("nobody panics").log.clone()
    }

    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            request.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&request).lines().next().unwrap_or_default().to_owned();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let (what, key) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
        let Some(body) = self.act(what, key) else {
            // Until the other side goes away.
            let _ = stream.read(&mut [0]);
            return Ok(());
        };
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    fn act(&self, what: &str, key: &str) -> Option<&'static str> {
        let mut seen = self.seen.lock().expect("nobody panics");
        let log = seen.log.entry(key.to_owned()).or_default();
        if what == "did" {
            let count = |what: &str| log.iter().filter(|own| *own == what).count();
            let honest = if count("do") > count("undo") { "yes" } else { "no" };
            return Some(seen.word.unwrap_or(honest));
        }
        log.push(what.to_owned());
        if what == "do" && seen.silent > 0 {
            seen.silent -= 1;
            return None;
        }
        Some("")
    }
}
