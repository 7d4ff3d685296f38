use std::io::Write;

use sealock_sdk::{Annotation, Error, Level, Outcome, Step};

pub(crate) fn flood(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    let line = "x".repeat(1_000);
    loop {
        step.info(&line);
    }
}

pub(crate) fn empty_lines(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    loop {
        step.info("");
    }
}

pub(crate) fn stdout_flood(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let line = "y".repeat(4_000);
    loop {
        println!("{line}");
    }
}

/// A line of 200,000 bytes, and its end.
pub(crate) fn one_line(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    println!("{}", "z".repeat(200_000));
    Ok(Outcome::Success)
}

pub(crate) fn bad_utf8(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    std::io::stdout().write_all(b"ok \xff\xfe \x1b]52;c;AAAA\x07 ::set-env name=LD_PRELOAD::x\n")?;
    Ok(Outcome::Success)
}

pub(crate) fn huge_string(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    step.info("h".repeat(40 << 20));
    Ok(Outcome::Failed("the host took 40 MiB".to_owned()))
}

pub(crate) fn annotations(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    for line in 1..=1_500 {
        step.annotate(&Annotation::new(Level::Error, "again").at("src/lib.rs", line));
    }
    Ok(Outcome::Success)
}
