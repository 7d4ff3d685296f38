//! Whole runs, told line by line.

mod recorded;

use sealock_events::Sink;
use sealock_sinks::{Colour, Options, Plain};

fn told(name: &str, options: Options) -> String {
    let mut out = Vec::new();
    let mut sink = Plain::new(&mut out, options);
    for event in recorded::events(name) {
        sink.receive(&event).expect("memory takes everything");
    }
    drop(sink);
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn whole_runs() {
    for name in recorded::NAMES {
        insta::assert_snapshot!(format!("plain-{name}"), told(name, Options::default()));
    }
}

#[test]
fn quiet_tells_what_went_wrong_and_the_end() {
    for name in ["deployed", "tests-failed"] {
        insta::assert_snapshot!(
            format!("plain-quiet-{name}"),
            told(name, Options { quiet: true, ..Options::default() })
        );
    }
}

#[test]
fn verbose_tells_grants_outputs_and_effects() {
    let told = told("deployed", Options { verbose: 1, ..Options::default() });
    for wanted in ["used network hooks.slack.com:443", "output passed = 128", "is about to change something"] {
        assert!(told.contains(wanted), "{wanted} in {told}");
    }
}

#[test]
fn no_control_character_gets_through_and_no_step_starts_a_line() {
    for name in recorded::NAMES {
        let told = told(name, Options { verbose: 2, ..Options::default() });
        assert!(!told.chars().any(|c| c.is_control() && c != '\n'), "{name}: {told:?}");
        let is_invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
        assert!(!told.contains(is_invisible), "{name}: {told:?}");
        assert!(!told.lines().any(|line| line.trim_start().starts_with("::")), "{name}: {told}");
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    for name in recorded::NAMES {
        let coloured = told(name, Options { colour: Colour::Ansi, ..Options::default() });
        let mut bare = String::new();
        for (number, piece) in coloured.split("\x1b[").enumerate() {
            bare.push_str(if number == 0 { piece } else { piece.split_once('m').expect("only colours").1 });
        }
        let trimmed: Vec<&str> = bare.lines().map(str::trim_end).collect();
        assert_eq!(trimmed.join("\n") + "\n", told(name, Options::default()), "{name}");
    }
}

#[test]
fn the_first_line_leaves_with_the_first_event() {
    let mut out = Vec::new();
    let first = recorded::events("deployed").remove(0);
    Plain::new(&mut out, Options::default()).receive(&first).expect("memory takes everything");
    assert!(out.ends_with(b"\n"));
}
