//! Whole runs on a terminal that is played here: what stands on the screen, in the middle and after.

mod played;
mod recorded;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering};

use played::{Played, Shared};
use sealock_events::{Event, EventKind, Sink};
use sealock_sinks::{Colour, Drawing, Options, Screen, Size, Terminal};

const ROWS: u16 = 30;

/// A run on a played terminal.
struct Run {
    played: Shared,
    terminal: Terminal<Shared>,
    now: Arc<AtomicI64>,
    columns: Arc<AtomicU16>,
}

impl Run {
    fn new(columns: u16, rows: u16, drawing: Drawing, options: Options) -> Self {
        let (now, columns) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicU16::new(columns)));
        let played = Shared::new(Played::new(columns.load(Ordering::Relaxed), rows));
        let (clock, width) = (Arc::clone(&now), Arc::clone(&columns));
        let screen = Screen {
            drawing,
            size: Box::new(move || Size { columns: width.load(Ordering::Relaxed), rows }),
            clock: Box::new(move || clock.load(Ordering::Relaxed)),
        };
        let terminal = Terminal::new(played.clone(), options, screen);
        Self { played, terminal, now, columns }
    }

    fn live(columns: u16) -> Self {
        Self::new(columns, ROWS, Drawing::Live, Options::default())
    }

    fn send(&mut self, event: &Event) {
        self.now.store(event.time.unix_ms(), Ordering::Relaxed);
        self.terminal.receive(event).expect("memory takes everything");
    }

    fn tick(&mut self, ms: i64) {
        self.now.fetch_add(ms, Ordering::Relaxed);
        self.terminal.tick().expect("memory takes everything");
    }

    /// Sends the events up to the first for which `is_it`, with a tick behind it.
    fn until(&mut self, name: &str, is_it: impl Fn(&EventKind) -> bool) -> String {
        for event in recorded::events(name) {
            self.send(&event);
            if is_it(&event.kind) {
                self.tick(400);
                return self.played.text();
            }
        }
        panic!("{name} has no such event");
    }

    fn whole(mut self, name: &str) -> String {
        for event in recorded::events(name) {
            self.send(&event);
        }
        self.played.text()
    }
}

fn log_line(wanted: &str) -> impl Fn(&EventKind) -> bool {
    move |kind| matches!(kind, EventKind::Log { text, .. } if text.contains(wanted))
}

#[test]
fn whole_runs_at_three_widths() {
    for name in recorded::NAMES {
        for columns in [60, 80, 120] {
            insta::assert_snapshot!(format!("terminal-{name}-{columns}"), Run::live(columns).whole(name));
        }
    }
}

#[test]
fn in_the_middle_of_a_run() {
    for columns in [60, 80, 120] {
        let tests = Run::live(columns).until("deployed", log_line("test_post_09"));
        insta::assert_snapshot!(format!("running-tests-{columns}"), tests);
        let deploy = Run::live(columns).until("deployed", |kind| matches!(kind, EventKind::Switched { .. }));
        insta::assert_snapshot!(format!("running-deploy-{columns}"), deploy);
        let back = Run::live(columns).until("rolled-back", log_line("bringing r41 back"));
        insta::assert_snapshot!(format!("running-rollback-{columns}"), back);
    }
}

#[test]
fn what_moves_leaves_nothing_behind() {
    for name in recorded::NAMES {
        for columns in [60, 80, 120] {
            let settled = Run::new(columns, ROWS, Drawing::Finished, Options::default()).whole(name);
            assert_eq!(Run::live(columns).whole(name), settled, "{name} at {columns}");
        }
    }
}

#[test]
fn a_replay_moves_no_cursor() {
    for name in recorded::NAMES {
        let run = Run::new(80, ROWS, Drawing::Finished, Options::default());
        let played = run.played.clone();
        run.whole(name);
        assert!(!played.raw().contains('\x1b'), "{name}");
    }
}

#[test]
fn the_picture_fits_a_low_screen() {
    let mut run = Run::new(60, 6, Drawing::Live, Options::default());
    for event in recorded::events("matrix") {
        run.send(&event);
        run.tick(100);
        assert!(run.played.picture_rows() < 6, "{}", run.played.text());
    }
    let settled = Run::new(60, 6, Drawing::Finished, Options::default()).whole("matrix");
    assert_eq!(run.played.text(), settled);
}

#[test]
fn a_terminal_made_narrower_in_the_middle_loses_no_settled_line() {
    let mut run = Run::live(120);
    for (number, event) in recorded::events("deployed").iter().enumerate() {
        if number == 40 {
            run.columns.store(60, Ordering::Relaxed);
            run.played.narrow(60);
        }
        run.send(event);
        run.tick(100);
    }
    let text = run.played.text();
    assert_eq!(text.matches("✓ lint").count(), 1, "{text}");
    assert!(!text.contains('⠋') && !text.contains("waits for"), "{text}");
}

#[test]
fn nothing_is_drawn_while_nothing_changes() {
    let mut run = Run::live(80);
    run.until("deployed", log_line("test_post_09"));
    let before = run.played.raw().len();
    run.tick(10);
    assert_eq!(run.played.raw().len(), before, "before the spinner's next step");
    run.tick(80);
    assert!(run.played.raw().len() > before, "the spinner moves");
    let mut over = Run::live(80);
    for event in recorded::events("deployed") {
        over.send(&event);
    }
    let after = over.played.raw().len();
    over.tick(1000);
    assert_eq!(over.played.raw().len(), after, "the run is over");
}

#[test]
fn a_run_that_is_killed_leaves_no_picture() {
    let mut run = Run::live(80);
    run.until("deployed", log_line("test_post_09"));
    let played = run.played.clone();
    drop(run);
    let text = played.text();
    assert!(text.contains("✓ lint") && !text.contains("◦ build"), "{text}");
}

#[test]
fn quiet_tells_what_failed_and_the_end() {
    let quiet = Options { quiet: true, ..Options::default() };
    insta::assert_snapshot!("quiet-deployed", Run::new(80, ROWS, Drawing::Live, quiet).whole("deployed"));
    insta::assert_snapshot!("quiet-tests-failed", Run::new(80, ROWS, Drawing::Live, quiet).whole("tests-failed"));
}

#[test]
fn verbose_unfolds_finished_stages() {
    let verbose = Options { verbose: 1, ..Options::default() };
    insta::assert_snapshot!("verbose-skipped", Run::new(80, ROWS, Drawing::Live, verbose).whole("skipped"));
}

#[test]
fn only_our_own_sequences_reach_the_terminal() {
    for name in recorded::NAMES {
        let options = Options { colour: Colour::Ansi, verbose: 2, ..Options::default() };
        let run = Run::new(80, ROWS, Drawing::Live, options);
        let played = run.played.clone();
        run.whole(name);
        let raw = played.raw();
        assert!(!raw.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\x1b')), "{name}");
        assert!(!raw.contains(['\u{202e}', '\u{200b}']), "{name}");
        for sequence in raw.split('\x1b').skip(1) {
            let end = sequence.find(|c: char| c.is_ascii_alphabetic()).expect("every sequence ends");
            assert!(sequence.starts_with('[') && "AJKm".contains(&sequence[end..=end]), "{name}: {sequence:?}");
        }
    }
}

#[test]
fn colours_carry_nothing() {
    let coloured = Options { colour: Colour::Ansi, ..Options::default() };
    for name in recorded::NAMES {
        let text = Run::new(80, ROWS, Drawing::Live, coloured).whole(name);
        assert_eq!(text, Run::live(80).whole(name), "{name}");
    }
}

#[test]
fn a_stage_is_shown_by_its_title() {
    let mut run = Run::live(80);
    for mut event in recorded::events("tests-failed") {
        if let EventKind::Plan { stages, .. } = &mut event.kind {
            stages[0].title = Some("Tests of main".to_owned());
        }
        let is_started = matches!(event.kind, EventKind::StepStarted { .. });
        run.send(&event);
        if is_started {
            run.tick(400);
            assert!(run.played.text().contains(" Tests of main "), "{}", run.played.text());
        }
    }
    assert!(run.played.text().contains("✗ Tests of main "), "{}", run.played.text());
}
