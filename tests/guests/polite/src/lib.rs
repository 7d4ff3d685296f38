//! A hermetic step that uses everything such a step has, and looks for a clock.

use std::collections::HashSet;
use std::time::{Duration, Instant, SystemTime};

use sealock_sdk::{Annotation, Inputs, Level, Outcome, Outputs, Size, Step, WorkspacePath, step};

/// Every type of input that a hermetic step can have.
#[derive(Inputs)]
struct Polite {
    /// What to greet.
    greeting: String,
    /// How often.
    #[input(default = 1, range = 0..=10)]
    times: u32,
    /// In percent.
    #[input(default = 80.5, range = 0.0..=100.0)]
    ratio: f64,
    /// Whether to look at the clock.
    #[input(default = false)]
    clock: bool,
    /// Names.
    names: Vec<String>,
    /// How long.
    #[input(default = "2s")]
    pause: Duration,
    /// How much.
    #[input(default = "1KiB", range = 1..)]
    size: Size,
    /// A file of the workspace.
    ///
    /// A second paragraph is for readers of the source.
    file: Option<WorkspacePath>,
    /// How loud.
    #[input(default = "quiet", options = ["quiet", "loud"])]
    volume: String,
}

#[derive(Outputs)]
struct Greeted {
    /// What was said.
    said: String,
    /// How often.
    count: u64,
    /// The clock's readings.
    #[output(name = "clock-readings")]
    readings: Option<Vec<String>>,
}

#[step(outputs = Greeted)]
fn run(inputs: Polite, step: &mut Step) -> Result<Outcome, sealock_sdk::Error> {
    let said = match &inputs.file {
        Some(file) => std::fs::read_to_string(file)?,
        None => inputs.greeting.clone(),
    };
    let group = step.group("greetings");
    for name in &inputs.names {
        step.info(format!("{said}, {name}"));
    }
    drop(group);
    step.annotate(&Annotation::new(Level::Warning, "look here").title("Here").at("src/lib.rs", 3));
    step.progress(1, Some(2), "half");
    step.summary("| greeted |\n")?;
    println!("{} {} {:?} {} {}", inputs.times, inputs.ratio, inputs.pause, inputs.size.0, inputs.volume);
    let readings = inputs.clock.then(read_clocks);
    step.outputs(&Greeted { said, count: u64::from(inputs.times), readings })?;
    Ok(Outcome::require(inputs.times > 0, || "nobody was greeted".to_owned()))
}

fn read_clocks() -> Vec<String> {
    let started = Instant::now();
    let mut order: Vec<u32> = HashSet::<u32>::from_iter(0..8).into_iter().collect();
    order.truncate(4);
    vec![
        format!("{:?}", SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)),
        format!("{:?}", started.elapsed()),
        format!("{order:?}"),
    ]
}
