//! Targets that write down what they were asked, and those who judge shell scripts.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use sealock_sdk::targets::{Release, ReleaseState};
use sealock_sdk::{EffectState, Error, Level};

use crate::fleet::{Fleet, Machine, Started};
use crate::script::Script;

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

/// The targets of a test. The release that they make is `r2`.
pub struct FakeFleet {
    names: Vec<String>,
    /// What a script prints that nothing was written down for.
    usual: fn(&Script) -> String,
    state: RefCell<State>,
    told: RefCell<Vec<String>>,
}

struct FakeMachine<'a> {
    name: String,
    usual: fn(&Script) -> String,
    state: &'a RefCell<State>,
}

struct Answer(i32, String);

/// A release with these details.
pub fn release(id: &str, details: &[(&str, &str)]) -> Release {
    Release {
        id: id.into(),
        run: String::new(),
        created_ms: 0,
        state: ReleaseState::Verified,
        images: Vec::new(),
        details: details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
    }
}

/// What a probe says, as a line.
pub fn shown(state: EffectState) -> String {
    match state {
        EffectState::Applied => "applied".to_owned(),
        EffectState::NotApplied => "not applied".to_owned(),
        EffectState::Partly(why) => format!("partly: {why}"),
        EffectState::Unknown(why) => format!("unknown: {why}"),
    }
}

impl FakeFleet {
    /// Targets of these names, whose scripts end well with what `usual` says.
    pub fn new(names: &[&str], usual: fn(&Script) -> String) -> Self {
        let names = names.iter().map(|&name| name.to_owned()).collect();
        Self { names, usual, state: RefCell::default(), told: RefCell::default() }
    }

    /// What was asked of them, in order: `web1 switch r2`.
    pub fn calls(&self) -> Vec<String> {
        self.state.borrow().calls.clone()
    }

    /// What people were told.
    pub fn told(&self) -> Vec<String> {
        self.told.borrow().clone()
    }

    /// Refuses this call.
    pub fn refuse(&mut self, call: &str) {
        self.state.get_mut().refused.push(call.to_owned());
    }

    /// What this call answers: exit code and output.
    pub fn answer(&mut self, call: &str, code: i32, stdout: &str) {
        self.state.get_mut().answers.insert(call.to_owned(), (code, stdout.to_owned()));
    }

    /// What `current` names on `target`.
    pub fn set_current(&mut self, target: &str, release: Release) {
        self.state.get_mut().current.insert(target.to_owned(), release);
    }

    /// The last verified release of `target`.
    pub fn set_previous(&mut self, target: &str, release: Release) {
        self.state.get_mut().previous.insert(target.to_owned(), release);
    }
}

impl Fleet for FakeFleet {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn open(&self, name: &str) -> Result<Box<dyn Machine + '_>, Error> {
        Ok(Box::new(FakeMachine { name: name.to_owned(), usual: self.usual, state: &self.state }))
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

    fn pause(&self, seconds: u64) {
        self.state.borrow_mut().calls.push(format!("pause {seconds}"));
    }
}

impl FakeMachine<'_> {
    fn call(&self, what: &str) -> Result<(), Error> {
        self.state.borrow_mut().call(format!("{} {what}", self.name))
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
        let mut made = release("r2", &[]);
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
        self.call(&script.name)?;
        let answer = self.state.borrow().answers.get(&format!("{} {}", self.name, script.name)).cloned();
        let (code, stdout) = answer.unwrap_or_else(|| (0, (self.usual)(script)));
        Ok(Box::new(Answer(code, stdout)))
    }
}

impl Started for Answer {
    fn finish(&self) -> Result<(i32, String), Error> {
        Ok((self.0, self.1.clone()))
    }
}

/// Of what a kit recorded: the calls that change what is live, and those that verify, each without its arguments.
pub fn changes(calls: &[String]) -> Vec<String> {
    let short = |call: &String| call.split(' ').take(3).collect::<Vec<_>>().join(" ");
    calls.iter().filter(|call| call.contains(" switch ") || call.starts_with("verify ")).map(short).collect()
}

/// What those who know shells have against a script: `dash`, `busybox sh`, `bash --posix`, `shellcheck`.
///
/// # Panics
///
/// When one of them is not there.
pub fn objections(text: &str) -> Option<String> {
    let judges =
        [&["dash", "-n"][..], &["busybox", "sh", "-n"], &["bash", "--posix", "-n"], &["shellcheck", "--shell=sh", "-"]];
    judges.iter().find_map(|judge| objection(judge, text))
}

fn objection(judge: &[&str], text: &str) -> Option<String> {
    let mut child = Command::new(judge[0])
        .args(&judge[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("`{}` is needed for this test: {error}", judge[0]));
    // A program that objects early does not read to the end.
    let _ = child.stdin.take().expect("piped").write_all(text.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| format!("{}: {}", judge[0], String::from_utf8_lossy(&said)))
}
