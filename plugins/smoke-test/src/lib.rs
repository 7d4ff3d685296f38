//! Waits until an HTTP endpoint answers as expected.
//!
//! Every target is asked by itself, and each has to pass *n* times in a row. Redirects are not followed: a way to the
//! login page is not a pass. What cannot be an answer (a body without an end, a broken connection, a certificate that
//! does not fit) is a failed attempt like any other, never an error of the step; only what no further attempt can
//! change, such as a host that is not granted, ends it at once.

mod answer;
mod expectation;
mod json;
mod tally;
mod text;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sealock_sdk::{Error, Inputs, Json, Outcome, Outputs, SecretMap, Step, step};
use serde_json::Value;

use answer::Question;
use expectation::{Expectation, Wanted};
use tally::{Attempt, Rules, Tally};

#[derive(Inputs)]
struct SmokeTest {
    /// What to ask; the step may talk to this host only.
    url: String,
    /// How to ask.
    #[input(default = "GET", options = ["GET", "HEAD"])]
    method: String,
    /// Headers to send; values may be secrets.
    #[input(place = "header")]
    headers: SecretMap,
    /// Targets to dial, each by itself, with the same URL and `Host`; the URL's own host without it.
    targets: Vec<String>,
    /// The status, or several of which one will do.
    #[input(default = ["200"])]
    status: Vec<String>,
    /// A text that the body has to contain.
    body: Option<String>,
    /// A regular expression that has to match somewhere in the body.
    body_regex: Option<String>,
    /// What the body, read as JSON, has to hold: a part of it, nested or by paths such as `checks.db`.
    json: Option<Json<BTreeMap<String, Value>>>,
    /// Headers that the answer has to carry, with their values.
    header: Option<Json<BTreeMap<String, Value>>>,
    /// The header that has to say which release answers.
    release_header: Option<String>,
    /// The path in the JSON body that has to say which release answers, such as `release`.
    release_json: Option<String>,
    /// Fewest days that the certificate has to be valid for.
    #[input(range = 0..)]
    certificate_days: Option<u64>,
    /// Longest time for one answer that still passes.
    max_time: Option<Duration>,
    /// How often to ask before giving up.
    #[input(default = 10, range = 1..=1000)]
    attempts: u32,
    /// Between two attempts.
    #[input(default = "3s")]
    interval: Duration,
    /// How many attempts in a row have to pass.
    #[input(default = 1, range = 1..=1000)]
    passes: u32,
    /// For one attempt, with its body.
    #[input(default = "10s")]
    timeout: Duration,
}

#[derive(Outputs)]
struct Found {
    /// The last status seen.
    status: Option<u64>,
    /// How long the last answer took, in milliseconds; the longest of all targets.
    duration_ms: Option<u64>,
    /// How many attempts were made; the most of all targets.
    attempts: u32,
}

#[step(outputs = Found)]
fn run(inputs: SmokeTest, step: &mut Step) -> Result<Outcome, Error> {
    let expectation = Expectation::new(wanted(&inputs, step))?;
    let rules = Rules::new(inputs.attempts, inputs.passes)?;
    let question = Question::new(&inputs.method, &inputs.url, &inputs.headers, inputs.timeout)?;

    let mut tallies = tallies(&inputs.targets);
    let started = Instant::now();
    ask_until_decided(&question, &expectation, &rules, &inputs, &mut tallies, step)?;
    step.outputs(&found(&tallies))?;
    Ok(conclude(&tallies, &rules, &expectation, started.elapsed(), step))
}

fn wanted<'a>(inputs: &'a SmokeTest, step: &Step) -> Wanted<'a> {
    Wanted {
        method: &inputs.method,
        status: &inputs.status,
        body: inputs.body.as_deref(),
        body_regex: inputs.body_regex.as_deref(),
        json: inputs.json.as_ref().map(|json| &json.0),
        header: inputs.header.as_ref().map(|header| &header.0),
        release: step.release(),
        release_header: inputs.release_header.as_deref(),
        release_json: inputs.release_json.as_deref(),
        certificate_days: inputs.certificate_days,
        max_time: inputs.max_time,
    }
}

/// One for each target, or one for the URL's own host.
fn tallies(targets: &[String]) -> Vec<Tally> {
    if targets.is_empty() {
        return vec![Tally::new(None)];
    }
    targets.iter().map(|target| Tally::new(Some(target.clone()))).collect()
}

fn ask_until_decided(
    question: &Question<'_>,
    expectation: &Expectation,
    rules: &Rules,
    inputs: &SmokeTest,
    tallies: &mut [Tally],
    step: &mut Step,
) -> Result<(), Error> {
    loop {
        for tally in tallies.iter_mut().filter(|tally| rules.wants_more(tally)) {
            let attempt = attempt(question, expectation, tally.target())?;
            step.info(tally.line(&attempt, rules));
            tally.add(attempt);
        }
        let is_decided = !tallies.iter().any(|tally| rules.wants_more(tally));
        if is_decided || step.is_cancelled() {
            return Ok(());
        }
        step.sleep(inputs.interval);
    }
}

fn attempt(question: &Question<'_>, expectation: &Expectation, target: Option<&str>) -> Result<Attempt, Error> {
    let started = Instant::now();
    let answer = question.ask(target)?;
    let took = started.elapsed();
    Ok(match answer {
        Ok(answer) => Attempt {
            status: Some(answer.status),
            problem: expectation.problem(&answer, took),
            body: answer.text(),
            took,
        },
        Err(problem) => Attempt { status: None, problem: Some(problem), body: String::new(), took },
    })
}

fn found(tallies: &[Tally]) -> Found {
    let last = || tallies.iter().filter_map(Tally::last);
    Found {
        status: last().rev().find_map(|attempt| attempt.status.map(u64::from)),
        duration_ms: last().map(|attempt| attempt.took.as_millis().try_into().unwrap_or(u64::MAX)).max(),
        attempts: tallies.iter().map(Tally::attempts).max().unwrap_or_default(),
    }
}

fn conclude(
    tallies: &[Tally],
    rules: &Rules,
    expectation: &Expectation,
    elapsed: Duration,
    step: &mut Step,
) -> Outcome {
    let failed: Vec<&Tally> = tallies.iter().filter(|tally| !rules.is_passed(tally)).collect();
    if failed.is_empty() {
        step.notice(format_args!("{} after {}", expectation.wanted(), text::seconds(elapsed)));
        return Outcome::Success;
    }
    let failures: Vec<String> = failed.iter().map(|tally| tally.failure(rules, elapsed)).collect();
    let cancelled = if step.is_cancelled() { " (cancelled)" } else { "" };
    Outcome::failed(format!("expected {}; {}{cancelled}", expectation.wanted(), failures.join("; ")))
}
