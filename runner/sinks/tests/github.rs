//! Whole runs as GitHub's runner reads them: which lines are commands, and which only look so.

mod recorded;

use std::io::Write;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use sealock_events::{Event, EventKind, LogLevel, Sink};
use sealock_sinks::{Github, GithubFiles, Options, Tokens};

/// A file that can be looked into.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic").clone()).expect("UTF-8")
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn counted() -> Tokens {
    let mut number = 0;
    Box::new(move || {
        number += 1;
        format!("token-{number}")
    })
}

struct Told {
    log: String,
    summary: String,
    output: String,
}

fn told(events: &[Event]) -> Told {
    let (log, summary, output) = (Kept::default(), Kept::default(), Kept::default());
    let files = GithubFiles { summary: Some(Box::new(summary.clone())), output: Some(Box::new(output.clone())) };
    let mut sink = Github::new(log.clone(), Options::default(), counted(), files);
    for event in events {
        sink.receive(event).expect("memory takes everything");
    }
    drop(sink);
    Told { log: log.text(), summary: summary.text(), output: output.text() }
}

/// The commands that GitHub's runner finds in a log, by its own rules.
fn obeyed(log: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut stopped: Option<String> = None;
    for line in log.split(['\n', '\r']) {
        let command = line.trim_start().strip_prefix("::");
        match (&stopped, command) {
            (Some(token), Some(command)) if command.trim_end() == format!("{token}::") => stopped = None,
            (Some(_), _) => {}
            (None, Some(command)) => {
                stopped = command.strip_prefix("stop-commands::").map(str::to_owned);
                if stopped.is_none() {
                    commands.push(command.split([':', ' ']).next().unwrap_or_default().to_owned());
                }
            }
            (None, None) => assert!(line.is_empty(), "printed where commands are taken: {line}"),
        }
        assert!(!line.contains("##["), "{line}");
    }
    assert_eq!(stopped, None, "GitHub is left deaf");
    commands
}

#[test]
fn whole_runs() {
    for name in ["tests-failed", "deployed", "matrix", "hostile"] {
        let told = told(&recorded::events(name));
        let all = format!("{}\n--- summary\n{}\n--- output\n{}", told.log, told.summary, told.output);
        insta::assert_snapshot!(format!("github-{name}"), all);
    }
}

#[test]
fn only_our_own_commands_are_obeyed_in_any_run() {
    for name in recorded::NAMES {
        for command in obeyed(&told(&recorded::events(name)).log) {
            assert!(
                ["group", "endgroup", "error", "warning", "notice"].contains(&command.as_str()),
                "{name}: {command}"
            );
        }
    }
}

fn with(kinds: Vec<EventKind>) -> Vec<Event> {
    let mut events = recorded::events("tests-failed");
    let place = events.iter().position(|event| matches!(event.kind, EventKind::StepStarted { .. })).expect("a step");
    let template = events[place].clone();
    let after = place + 1;
    events.splice(after..after, kinds.into_iter().map(|kind| Event { kind, ..template.clone() }));
    events
}

fn annotation(message: &str, title: Option<&str>, file: &str) -> EventKind {
    EventKind::Annotation {
        stage: "test".into(),
        step: "1".into(),
        level: LogLevel::Warning,
        message: message.into(),
        title: title.map(str::to_owned),
        file: Some(file.into()),
        line: Some(3),
        column: Some(7),
        end_line: None,
        end_column: None,
    }
}

#[test]
fn an_annotation_escapes_what_would_end_it_and_the_eleventh_is_counted() {
    let log = told(&with(vec![annotation("50%\n::error::x", Some("a,b:c"), "a:b,c.py")])).log;
    let wanted = "::warning file=a%3Ab%2Cc.py,line=3,col=7,title=a%2Cb%3Ac::50%25%0A::error::x\n";
    assert!(log.contains(wanted), "{log}");
    let many = told(&with((0..13).map(|n| annotation(&format!("problem {n}"), None, "a.py")).collect()));
    let shown = |told: &Told| told.log.matches("::warning file=a.py").count();
    assert_eq!(shown(&many), 10);
    assert!(many.summary.contains("3 problems of test / 1 not shown as annotations."), "{}", many.summary);
}

#[test]
fn what_is_cut_short_leaves_github_listening() {
    let events = recorded::events("tests-failed");
    assert!(obeyed(&told(&events[..events.len() / 2]).log).contains(&"group".to_owned()));
}

fn hostile_line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("::".to_owned()),
        Just("::error::".to_owned()),
        Just("::set-env name=LD_PRELOAD::x".to_owned()),
        Just("##[add-path]/tmp".to_owned()),
        Just("##[".to_owned()),
        Just("::stop-commands::x".to_owned()),
        Just("::token-1::".to_owned()),
        Just("::add-mask::".to_owned()),
        Just(" \t".to_owned()),
        Just("\r".to_owned()),
        Just("\n".to_owned()),
        Just("\u{feff}".to_owned()),
        "(?s).{0,6}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    /// Abuse suite, 86.
    #[test]
    fn text_of_a_step_never_becomes_a_command(line in hostile_line(), title in hostile_line()) {
        let (stage, step) = ("test".to_owned(), "1".to_owned());
        let log = EventKind::Log { stage: stage.clone(), step: step.clone(), level: LogLevel::Info, text: line.clone() };
        let group = EventKind::Group { stage, step, group: 1, title: Some(title.clone()) };
        let clean: Vec<String> = obeyed(&told(&with(vec![annotation("x", Some("x"), "x")])).log);
        let told = told(&with(vec![log, group, annotation(&line, Some(&title), &title)]));
        prop_assert_eq!(obeyed(&told.log), clean);
    }
}
