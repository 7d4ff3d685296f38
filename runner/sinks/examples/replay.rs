//! Replays a recorded run (JSON lines) on this terminal, at the speed it had.
//!
//! `cargo run -p sealock-sinks --example replay -- FILE [SPEED]`; `COLUMNS` and `LINES` are not asked:
//! the size comes from `stty`, as often as the sink asks.
#![allow(clippy::print_stderr, reason = "an example for people")]

use std::error::Error;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use std::{env, fs, io, thread};

use sealock_events::{Event, Sink};
use sealock_sinks::{Colour, Drawing, Options, Screen, Size, Terminal};

const TICK_MS: i64 = 80;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let Some(path) = arguments.next() else {
        eprintln!("replay FILE [SPEED]");
        return Ok(());
    };
    let speed: i64 = arguments.next().map_or(Ok(1), |speed| speed.parse())?;
    let events: Vec<Event> = fs::read_to_string(path)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;

    let now = Arc::new(AtomicI64::new(events.first().map_or(0, |event| event.time.unix_ms())));
    let clock = Arc::clone(&now);
    let screen = Screen {
        drawing: Drawing::Live,
        size: Box::new(|| size().unwrap_or(Size::USUAL)),
        clock: Box::new(move || clock.load(Ordering::Relaxed)),
    };
    let mut terminal = Terminal::new(io::stderr(), Options { colour: Colour::Ansi, ..Options::default() }, screen);
    for event in events {
        while now.load(Ordering::Relaxed) + TICK_MS < event.time.unix_ms() {
            thread::sleep(Duration::from_millis(u64::try_from(TICK_MS / speed)?));
            now.fetch_add(TICK_MS, Ordering::Relaxed);
            terminal.tick()?;
        }
        now.store(event.time.unix_ms(), Ordering::Relaxed);
        terminal.receive(&event)?;
    }
    Ok(())
}

fn size() -> Option<Size> {
    let output = Command::new("stty").arg("size").stdin(Stdio::inherit()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (rows, columns) = text.trim().split_once(' ')?;
    Some(Size { columns: columns.parse().ok()?, rows: rows.parse().ok()? })
}
