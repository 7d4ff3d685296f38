//! What BuildKit tells while it builds, as lines that a person can read.

use std::collections::HashMap;

use bollard::grpc::build::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus};

/// The state of one build's telling.
#[derive(Default)]
pub(super) struct Trace {
    vertices: HashMap<String, Seen>,
    failed: Option<Failed>,
}

struct Seen {
    number: usize,
    started: bool,
    ended: bool,
    /// Of a line that has not ended.
    rest: Vec<u8>,
}

/// What stopped a build.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    /// As BuildKit calls it.
    pub(super) name: String,
    pub(super) error: String,
}

impl Trace {
    /// Takes the next status; gives the lines that it makes.
    pub(super) fn take(&mut self, status: &StatusResponse) -> Vec<String> {
        let mut lines = Vec::new();
        for vertex in &status.vertexes {
            self.start(vertex, &mut lines);
        }
        for status in &status.statuses {
            self.progress(status, &mut lines);
        }
        for log in &status.logs {
            self.log(log, &mut lines);
        }
        for vertex in &status.vertexes {
            self.end(vertex, &mut lines);
        }
        lines
    }

    /// What stopped the build, when something of the Dockerfile did.
    pub(super) fn failed(&self) -> Option<&Failed> {
        self.failed.as_ref()
    }

    fn seen(&mut self, digest: &str) -> &mut Seen {
        let number = self.vertices.len() + 1;
        let new = || Seen { number, started: false, ended: false, rest: Vec::new() };
        self.vertices.entry(digest.to_owned()).or_insert_with(new)
    }

    fn start(&mut self, vertex: &Vertex, lines: &mut Vec<String>) {
        let seen = self.seen(&vertex.digest);
        let begins = vertex.started.is_some() || vertex.cached || vertex.completed.is_some();
        if begins && !seen.started {
            seen.started = true;
            lines.push(format!("#{} {}", seen.number, vertex.name));
        }
    }

    fn end(&mut self, vertex: &Vertex, lines: &mut Vec<String>) {
        let seen = self.seen(&vertex.digest);
        let has_ended = vertex.completed.is_some() || !vertex.error.is_empty();
        if !has_ended || seen.ended {
            return;
        }
        seen.ended = true;
        let number = seen.number;
        let rest = std::mem::take(&mut seen.rest);
        if !rest.is_empty() {
            lines.push(line(number, &rest));
        }
        lines.push(if !vertex.error.is_empty() {
            format!("#{number} ERROR: {}", vertex.error)
        } else if vertex.cached {
            format!("#{number} CACHED")
        } else {
            format!("#{number} DONE {:.1}s", seconds(vertex))
        });
        let is_canceled = vertex.error.contains("context canceled");
        if !vertex.error.is_empty() && !is_canceled && self.failed.is_none() {
            self.failed = Some(Failed { name: vertex.name.clone(), error: vertex.error.clone() });
        }
    }

    /// Only what is done is told: a line for each step of a bar would be a log of its own.
    fn progress(&mut self, status: &VertexStatus, lines: &mut Vec<String>) {
        if status.completed.is_some() && status.total > 0 {
            let number = self.seen(&status.vertex).number;
            lines.push(format!("#{number} {} {} bytes", name_of(status), status.total));
        }
    }

    fn log(&mut self, log: &VertexLog, lines: &mut Vec<String>) {
        let seen = self.seen(&log.vertex);
        seen.rest.extend_from_slice(&log.msg);
        while let Some(end) = seen.rest.iter().position(|&byte| byte == b'\n') {
            let whole: Vec<u8> = seen.rest.drain(..=end).collect();
            lines.push(line(seen.number, &whole));
        }
        // A line without an end is not waited for.
        if seen.rest.len() > sealock_contract::limits::LOG_LINE_BYTES {
            let rest = std::mem::take(&mut seen.rest);
            lines.push(line(seen.number, &rest));
        }
    }
}

fn line(number: usize, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    // What a progress bar drew over is not shown.
    format!("#{number} {}", text.rsplit('\r').next().unwrap_or(text))
}

fn name_of(status: &VertexStatus) -> &str {
    if status.name.is_empty() { &status.id } else { &status.name }
}

fn seconds(vertex: &Vertex) -> f64 {
    let (Some(from), Some(to)) = (&vertex.started, &vertex.completed) else { return 0.0 };
    #[expect(clippy::cast_precision_loss, reason = "a build takes less than 2^52 seconds")]
    let whole = (to.seconds - from.seconds) as f64;
    whole + f64::from(to.nanos - from.nanos) / 1e9
}

#[cfg(test)]
mod tests {
    use bollard::grpc::build::moby::buildkit::v1::StatusResponse;

    use super::*;

    fn vertex(name: &str, done: bool, error: &str) -> Vertex {
        let mut vertex = Vertex { digest: name.into(), name: name.into(), error: error.into(), ..Vertex::default() };
        vertex.started.get_or_insert_default();
        if done {
            vertex.completed.get_or_insert_default();
        }
        vertex
    }

    fn log(name: &str, msg: &str) -> VertexLog {
        VertexLog { vertex: name.into(), msg: msg.into(), ..VertexLog::default() }
    }

    #[test]
    fn steps_are_numbered_and_their_output_comes_in_whole_lines() {
        let mut trace = Trace::default();
        let first = StatusResponse {
            vertexes: vec![vertex("[1/2] FROM a", false, "")],
            logs: vec![log("[1/2] FROM a", "one\ntw")],
            ..StatusResponse::default()
        };
        assert_eq!(trace.take(&first), ["#1 [1/2] FROM a", "#1 one"]);
        let second = StatusResponse {
            vertexes: vec![vertex("[1/2] FROM a", true, ""), vertex("[2/2] RUN x", true, "exit code: 3")],
            logs: vec![log("[1/2] FROM a", "o\nrest")],
            ..StatusResponse::default()
        };
        let expected = ["#2 [2/2] RUN x", "#1 two", "#1 rest", "#1 DONE 0.0s", "#2 ERROR: exit code: 3"];
        assert_eq!(trace.take(&second), expected);
        assert_eq!(trace.failed().expect("the second").name, "[2/2] RUN x");
    }
}
