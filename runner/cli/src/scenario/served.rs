//! What a scenario's servers answer, and what they are to be asked.
//!
//! A scenario reaches no network: each request that the grant lets through gets an answer that is written down, or is
//! denied. Requests to the same URL by the same method get its answers in order, and its last one from then on.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sealock_broker::http::{Answered, Asked, Origin, normal_url};
use sealock_contract::seam::Refusal;
use sealock_contract::{ErrorKind, StepError};
use serde::{Deserialize, Serialize};

/// What a request's record keeps of its body: a step that asks for ever must not fill the disk.
const ASKED_BODY_BYTES_MAX: usize = 64 << 10;
/// Requests that are recorded, for the same reason; the next is refused.
const ASKED_MAX: usize = 10_000;

/// One answer of a scenario.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Served {
    /// The request's method.
    #[serde(default = "get")]
    method: String,
    /// The request's URL.
    url: String,
    /// What the server answers with.
    #[serde(default = "ok")]
    status: u16,
    /// Header fields of the answer.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Its body.
    #[serde(default)]
    body: String,
    /// How long the server's certificate is still good for.
    certificate_days: Option<i64>,
    /// There is no answer, for this reason.
    fails: Option<Fails>,
}

fn get() -> String {
    "GET".to_owned()
}

fn ok() -> u16 {
    200
}

/// Why a server does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Fails {
    /// Its name does not resolve.
    Dns,
    /// Nobody listens there.
    Connect,
    /// Its certificate is none to be trusted.
    Tls,
    /// It takes the request and says nothing.
    Timeout,
}

/// A request that must have been made; of what is left out nothing is expected.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Request {
    /// Its method.
    #[serde(default = "get")]
    pub method: String,
    /// Its URL.
    pub url: String,
    /// Header fields that it must have.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Part of its body.
    pub body: Option<String>,
}

/// A request that was made.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Made {
    /// Its method.
    pub method: String,
    /// Its URL.
    pub url: String,
    /// Its header fields.
    pub headers: BTreeMap<String, String>,
    /// Its body, or how that begins.
    pub body: String,
}

impl Served {
    /// Checks what a server could not answer, or could not be asked, and brings the URL into its one form.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.url = settled(&self.url)?;
        if (100..=999).contains(&self.status) {
            return Ok(());
        }
        Err(format!("the answer of {} has the status {}; expected one from 100 to 999", self.url, self.status))
    }

    fn answer(&self) -> Result<Answered, Refusal> {
        let failed = |kind, code, why: &str| {
            let message = format!("{}: {why}, as the scenario says", self.url);
            Err(StepError::new(kind, code, message).retryable())
        };
        match self.fails {
            Some(Fails::Dns) => failed(ErrorKind::Remote, "E-HTTP-DNS", "the name does not resolve"),
            Some(Fails::Connect) => failed(ErrorKind::Remote, "E-HTTP-CONNECT", "nobody listens there"),
            Some(Fails::Tls) => failed(ErrorKind::Remote, "E-HTTP-TLS", "the certificate is not trusted"),
            Some(Fails::Timeout) => failed(ErrorKind::Timeout, "E-HTTP-TIMEOUT", "no answer came"),
            None => Ok(Answered {
                status: self.status,
                headers: self.headers.clone().into_iter().collect(),
                body: self.body.clone().into_bytes(),
                certificate_days: self.certificate_days,
            }),
        }
    }
}

impl Request {
    /// Brings the URL into its one form.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.url = settled(&self.url)?;
        Ok(())
    }
}

fn settled(url: &str) -> Result<String, String> {
    normal_url(url).map_err(|refusal| format!("no step can ask `{url}`: {}", refusal.message))
}

/// What a run takes its answers from, and writes requests to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rehearsal {
    /// The answers, in order.
    pub answers: Vec<Served>,
    /// Where requests are recorded, a line each.
    pub asked: PathBuf,
    /// The files to look at when the step has ended.
    pub looked_at: Vec<PathBuf>,
    /// Where it is recorded what became of them.
    pub seen: PathBuf,
}

impl Rehearsal {
    /// From a file that `plugin test` wrote.
    ///
    /// # Errors
    ///
    /// When the file is not one.
    pub(crate) fn read(file: &Path) -> std::io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }

    /// The requests that were recorded.
    pub(crate) fn made(&self) -> Vec<Made> {
        let lines = std::fs::read_to_string(&self.asked).unwrap_or_default();
        lines.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

/// The servers of a scenario.
#[derive(Debug)]
pub(crate) struct Servers {
    answers: Vec<Served>,
    told: Mutex<Told>,
}

/// What was asked so far.
#[derive(Debug)]
struct Told {
    record: File,
    count: usize,
    /// How often each answer's request was made, by method and URL.
    times: HashMap<(String, String), usize>,
}

impl Servers {
    /// Those of a rehearsal.
    ///
    /// # Errors
    ///
    /// When requests cannot be recorded.
    pub(crate) fn of(stage: &Rehearsal) -> std::io::Result<Self> {
        let told = Told { record: File::create(&stage.asked)?, count: 0, times: HashMap::new() };
        Ok(Self { answers: stage.answers.clone(), told: Mutex::new(told) })
    }

    fn find(&self, asked: &Asked<'_>, time: usize) -> Option<&Served> {
        let mut all = self.answers.iter().filter(|own| own.method == asked.method && own.url == asked.url);
        let first = all.next()?;
        Some(all.take(time).last().unwrap_or(first))
    }
}

impl Origin for Servers {
    fn answer(&self, asked: &Asked<'_>) -> Result<Answered, Refusal> {
        let time = self.told.lock().unwrap_or_else(PoisonError::into_inner).note(asked)?;
        self.find(asked, time).map_or_else(|| Err(unexpected(asked)), Served::answer)
    }
}

impl Told {
    /// Records a request; how often the same was made before.
    fn note(&mut self, asked: &Asked<'_>) -> Result<usize, Refusal> {
        let failed = |kind, message| StepError::new(kind, "E-SCENARIO-REQUEST", message);
        self.count += 1;
        if self.count > ASKED_MAX {
            return Err(failed(ErrorKind::Quota, format!("a scenario answers {ASKED_MAX} requests and no more")));
        }
        let body = &asked.body[..asked.body.len().min(ASKED_BODY_BYTES_MAX)];
        let made = Made {
            method: asked.method.to_owned(),
            url: asked.url.to_owned(),
            headers: asked.headers.iter().cloned().collect(),
            body: String::from_utf8_lossy(body).into_owned(),
        };
        let line = serde_json::to_string(&made).expect("plain values print");
        let written = writeln!(self.record, "{line}");
        written.map_err(|error| failed(ErrorKind::Io, format!("a request cannot be recorded: {error}")))?;
        let times = self.times.entry((made.method, made.url)).or_default();
        *times += 1;
        Ok(*times - 1)
    }
}

fn unexpected(asked: &Asked<'_>) -> Refusal {
    let message = format!("the scenario has no answer for {} {}", asked.method, asked.url);
    let help = format!("[[http]]\nmethod = \"{}\"\nurl = \"{}\"\nstatus = 200", asked.method, asked.url);
    let mut refusal = StepError::new(ErrorKind::Denied, "E-SCENARIO-REQUEST", message);
    refusal.help = Some(help);
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(folder: &Path, answers: &str) -> Servers {
        let answers: Vec<Served> = serde_json::from_str(answers).expect("good answers");
        Servers::of(&stage(folder, answers)).expect("the folder is ours")
    }

    fn stage(folder: &Path, answers: Vec<Served>) -> Rehearsal {
        Rehearsal { answers, asked: folder.join("asked"), looked_at: Vec::new(), seen: folder.join("seen") }
    }

    fn get(url: &str) -> Asked<'_> {
        Asked { method: "GET", url, headers: &[], body: b"" }
    }

    #[test]
    fn answers_come_in_order_and_the_last_one_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let answers = r#"[{"url":"http://a/","status":503},{"url":"http://b/","fails":"dns"},{"url":"http://a/"}]"#;
        let servers = servers(folder.path(), answers);
        let status = |url| servers.answer(&get(url)).map(|answered| answered.status).map_err(|refusal| refusal.code);
        let found = [status("http://a/"), status("http://b/"), status("http://a/"), status("http://a/")];
        assert_eq!(found, [Ok(503), Err("E-HTTP-DNS".to_owned()), Ok(200), Ok(200)]);
        assert_eq!(status("http://c/"), Err("E-SCENARIO-REQUEST".to_owned()));
        assert_eq!(stage(folder.path(), Vec::new()).made().len(), 5, "what has no answer was asked all the same");
    }

    #[test]
    fn a_step_that_asks_for_ever_is_stopped() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let servers = servers(folder.path(), r#"[{"url":"http://a/"}]"#);
        let ended = (0..=ASKED_MAX).find_map(|_| servers.answer(&get("http://a/")).err());
        assert_eq!(ended.map(|refusal| refusal.kind), Some(ErrorKind::Quota));
    }
}
