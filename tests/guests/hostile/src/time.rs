use std::time::Duration;

use sealock_sdk::{Error, Outcome, Step};

pub(crate) fn endless(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    let mut counter = 0_u64;
    loop {
        counter = std::hint::black_box(counter.wrapping_add(1));
    }
}

/// Cheap calls without end: the deadline must hold although the guest is hardly ever in its own code.
pub(crate) fn storm(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    loop {
        std::hint::black_box(step.is_cancelled());
    }
}

pub(crate) fn sleep(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    step.info("sleeping");
    step.sleep(Duration::from_secs(3600));
    Ok(Outcome::Skipped("woken".to_owned()))
}

pub(crate) fn thread_sleep(_: &str, _: &mut Step) -> Result<Outcome, Error> {
    println!("sleeping");
    std::thread::sleep(Duration::from_secs(3600));
    Ok(Outcome::Success)
}

pub(crate) fn ignore_cancel(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    step.info("started");
    loop {
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn heed_cancel(_: &str, step: &mut Step) -> Result<Outcome, Error> {
    step.info("started");
    while !step.is_cancelled() {
        step.sleep(Duration::from_secs(3600));
    }
    Ok(Outcome::Skipped("cancelled".to_owned()))
}
