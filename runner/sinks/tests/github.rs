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
    let left_out = "\n3 problems not shown as annotations:\n\n| step | level | place | what |\n|---|---|---|---|\n| test / 1 | warning | a.py:3 | problem 10 |\n";
    assert!(many.summary.contains(left_out), "{}", many.summary);
}

/// GitHub counts by its own steps, and a run is one of them.
#[test]
fn ten_of_a_kind_are_for_the_whole_run_and_errors_leave_room_for_why_steps_failed() {
    let of = |step: &str, message: String| match annotation(&message, None, "a.py") {
        EventKind::Annotation { stage, message, title, file, line, .. } => EventKind::Annotation {
            stage,
            step: step.into(),
            level: LogLevel::Error,
            message,
            title,
            file,
            line,
            column: None,
            end_line: None,
            end_column: None,
        },
        other => other,
    };
    let (first, second) = (|n| of("1", format!("first {n}")), |n| of("2", format!("second {n}")));
    let told = told(&with((0..6).map(first).chain((0..6).map(second)).collect()));
    let errors: Vec<&str> = told.log.lines().filter(|line| line.starts_with("::error ")).collect();
    assert!((8..=10).contains(&errors.len()), "{errors:?}");
    assert!(errors.iter().any(|line| line.contains("title=E-")), "{errors:?}");
    assert_eq!(errors.iter().filter(|line| line.contains("::second")).count(), 1, "{errors:?}");
    assert!(told.summary.contains("| test / 2 | error | a.py:3 | second 5 |"), "{}", told.summary);
}

#[test]
fn outputs_are_json_and_the_url_is_that_of_a_verified_deployment() {
    let told = told(&recorded::events("deployed"));
    let value = |name: &str| {
        let (_, rest) = told.output.split_once(&format!("{name}<<")).expect("it is there");
        let mut lines = rest.lines();
        let end = lines.next().expect("its word");
        let value: Vec<&str> = lines.take_while(|line| *line != end).collect();
        value.join("\n")
    };
    let outputs: serde_json::Value = serde_json::from_str(&value("outputs")).expect("JSON");
    assert!(outputs.is_object(), "{outputs}");
    assert_eq!(value("environment-url"), "https://blog.example.com");
    assert_eq!(value("result"), "success");
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

fn markdown() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("```\n".to_owned()),
        Just("~~~~".to_owned()),
        Just("<!--".to_owned()),
        Just("<details><summary>".to_owned()),
        Just("</blockquote>".to_owned()),
        Just("</BlockQuote>".to_owned()),
        Just("| a | b |\n|---|---|\n".to_owned()),
        Just("\n\n# Run: ✓ succeeded\n".to_owned()),
        Just("\u{1b}[31m".to_owned()),
        hostile_line(),
    ]
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

    /// What is ours stands first, line for line as without the step's text, and what the step added stands in its quotation.
    #[test]
    fn text_of_a_step_never_breaks_the_summary(pieces in prop::collection::vec(markdown(), 1..8)) {
        let text = pieces.concat();
        let added = EventKind::Summary { stage: "test".into(), step: "1".into(), markdown: text.clone() };
        let clean = told(&with(Vec::new())).summary;
        let summary = told(&with(vec![added, annotation(&text, Some(&text), &text)])).summary;
        let rest = summary.strip_prefix(clean.as_str());
        prop_assert!(rest.is_some(), "{}", summary);
        for line in rest.unwrap_or_default().split(['\n', '\r']).filter(|line| !line.is_empty()) {
            prop_assert!(line.starts_with("> ") || line == "#### test / 1", "{:?}", line);
        }
        let is_clean = !summary.contains(['\u{1b}', '\r']) && !summary.to_lowercase().contains("</blockquote");
        prop_assert!(is_clean, "{:?}", summary);
    }

    #[test]
    fn a_name_never_ends_its_line_of_the_picture(title in hostile_line(), more in markdown()) {
        let mut events = recorded::events("tests-failed");
        for event in &mut events {
            if let EventKind::Plan { stages, .. } = &mut event.kind {
                for stage in stages {
                    stage.title = Some(format!("{title}{more}"));
                }
            }
        }
        let summary = told(&events).summary;
        let (_, chart) = summary.split_once("```mermaid\n").expect("a picture");
        let (chart, _) = chart.split_once("```\n").expect("its end");
        for line in chart.lines().skip(3) {
            let (name, figures) = line.split_once(" :").expect("a bar");
            prop_assert!(["  ✓ ", "  ✗ ", "  – ", "  … "].iter().any(|sign| name.starts_with(sign)), "{:?}", line);
            prop_assert!(!name.contains(['#', ';', ':', '%', '`', '{']), "{:?}", line);
            prop_assert!(figures.chars().all(|c| c.is_ascii_alphanumeric() || ", ".contains(c)), "{:?}", line);
        }
    }
}
