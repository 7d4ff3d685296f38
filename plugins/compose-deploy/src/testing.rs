//! Targets that write down what they were asked.

use std::cell::RefCell;
use std::collections::BTreeMap;

use sealock_sdk::targets::{Release, ReleaseState};
use sealock_sdk::{Error, Level};

use crate::deployment::{Deployment, detail};
use crate::machine::{Fleet, Machine, Started};
use crate::pin::Pin;
use crate::script::Script;

const IMAGE: &str = "acme/web@sha256:aa";

/// What a script tells about a container that is not healthy.
pub(crate) fn failed_report() -> String {
    format!("container /p-web-1 web running unhealthy 0 0 policy= x id {IMAGE}\nverdict failed p-web-1\nlog boom\n")
}

fn good_report() -> String {
    format!("container /p-web-1 web running healthy 0 0 policy= x id {IMAGE}\nverdict ready \n")
}

/// A deployment of one service, `batch` targets at once.
pub(crate) fn deployment(batch: usize) -> Deployment {
    Deployment {
        key: "key".into(),
        environment: "production".into(),
        project: None,
        compose: "compose.yml".into(),
        pins: vec![Pin {
            service: "web".into(),
            reference: IMAGE.into(),
            digest: "sha256:aa".into(),
            is_authors: false,
            may_be_absent: false,
        }],
        env_names: Vec::new(),
        executables: Vec::new(),
        batch,
        wait_seconds: 60,
        keep: 3,
    }
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    refused: Vec<String>,
    answers: BTreeMap<String, (i32, String)>,
    current: BTreeMap<String, Release>,
    previous: BTreeMap<String, Release>,
}

impl State {
    fn call(&mut self, call: String) -> Result<(), Error> {
        let is_refused = self.refused.contains(&call);
        self.calls.push(call);
        if is_refused { Err(Error::new("E-TEST", "no")) } else { Ok(()) }
    }
}

/// The targets of a test.
pub(crate) struct FakeFleet {
    names: Vec<String>,
    state: RefCell<State>,
    told: RefCell<Vec<String>>,
}

struct FakeMachine<'a> {
    name: String,
    state: &'a RefCell<State>,
}

struct Answer(i32, String);

fn release(id: &str, key: &str, project: &str) -> Release {
    let details = [(detail::KEY, key), (detail::PROJECT, project), (detail::COMPOSE, "compose.yml")];
    Release {
        id: id.into(),
        run: String::new(),
        created_ms: 0,
        state: ReleaseState::Verified,
        images: Vec::new(),
        details: details.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    }
}

impl FakeFleet {
    pub(crate) fn new(names: &[&str]) -> Self {
        Self {
            names: names.iter().map(|&name| name.to_owned()).collect(),
            state: RefCell::default(),
            told: RefCell::default(),
        }
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.borrow().calls.clone()
    }

    pub(crate) fn told(&self) -> Vec<String> {
        self.told.borrow().clone()
    }

    pub(crate) fn refuse(&mut self, call: &str) {
        self.state.get_mut().refused.push(call.to_owned());
    }

    pub(crate) fn answer(&mut self, call: &str, code: i32, stdout: &str) {
        self.state.get_mut().answers.insert(call.to_owned(), (code, stdout.to_owned()));
    }

    pub(crate) fn set_current(&mut self, target: &str, id: &str, key: &str, project: &str) {
        self.state.get_mut().current.insert(target.to_owned(), release(id, key, project));
    }

    pub(crate) fn set_previous(&mut self, target: &str, id: &str, project: &str) {
        self.state.get_mut().previous.insert(target.to_owned(), release(id, "older", project));
    }
}

impl Fleet for FakeFleet {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn open(&self, name: &str) -> Result<Box<dyn Machine + '_>, Error> {
        Ok(Box::new(FakeMachine { name: name.to_owned(), state: &self.state }))
    }

    fn verify(&self, names: &[String]) -> Result<(), Error> {
        self.state.borrow_mut().call(format!("verify {}", names.join(" ")))
    }

    fn tell(&self, _: Level, text: &str) {
        self.told.borrow_mut().push(text.to_owned());
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

impl FakeMachine<'_> {
    fn call(&self, what: &str) -> Result<(), Error> {
        self.state.borrow_mut().call(format!("{} {what}", self.name))
    }
}

/// Which script it is, by the comment that it starts with.
fn kind(script: &Script) -> String {
    let kinds = ["prepare", "up", "down", "status"];
    let kind = kinds.iter().find(|kind| script.text.contains(&format!("# {kind}.sh "))).expect("a known script");
    match *kind {
        "prepare" => "prepare".to_owned(),
        "status" => format!("status {}", script.args[0]),
        kind => format!("{kind} {}", script.release.as_deref().unwrap_or_default()),
    }
}

impl Machine for FakeMachine<'_> {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn directory(&self) -> String {
        "/opt/app".to_owned()
    }

    fn current(&self) -> Result<Option<Release>, Error> {
        Ok(self.state.borrow().current.get(&self.name).cloned())
    }

    fn previous(&self) -> Result<Option<Release>, Error> {
        Ok(self.state.borrow().previous.get(&self.name).cloned())
    }

    fn pull(&self, reference: &str) -> Result<(), Error> {
        self.call(&format!("pull {reference}"))
    }

    fn stage(&self, _: &[(String, String)], details: &[(String, String)]) -> Result<Release, Error> {
        self.call("stage")?;
        let mut made = release("r2", "", "");
        made.details = details.to_vec();
        Ok(made)
    }

    fn switch_to(&self, release: &str) -> Result<(), Error> {
        self.call(&format!("switch {release}"))
    }

    fn prune(&self, keep: u32) -> Result<(), Error> {
        self.call(&format!("prune {keep}"))
    }

    fn start(&self, script: &Script) -> Result<Box<dyn Started>, Error> {
        let call = kind(script);
        self.call(&call)?;
        let answers = &self.state.borrow().answers;
        let answer = answers.get(&format!("{} {call}", self.name)).cloned();
        let usual = if call == "prepare" { String::new() } else { good_report() };
        let (code, stdout) = answer.unwrap_or((0, usual));
        Ok(Box::new(Answer(code, stdout)))
    }
}

impl Started for Answer {
    fn finish(&self) -> Result<(i32, String), Error> {
        Ok((self.0, self.1.clone()))
    }
}
