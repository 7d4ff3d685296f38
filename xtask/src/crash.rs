//! `cargo xtask crash`: kills runs at their commits to the journal, on either side of the sync, and sometimes once more while
//! they are resumed; then resumes them to their end. The scenario itself checks that nothing that was told is lost, that every
//! effect happened once, and that the record says so once. `--delivery` does that to a delivery to the rig's two targets, at every commit
//! that it makes, or at as many points as are asked for; `--faults` stops such a delivery at its commits instead, and has something happen
//! to its targets, its registry, or its engine there.

use std::time::Instant;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::program;
use crate::rig::Rig;

/// Points of a sweep of a local run that takes some minutes.
const POINTS: u64 = 1_000;
/// Faults of a sweep that takes half an hour.
const FAULTS: u64 = 96;

/// What is swept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A local run, killed.
    Local,
    /// A delivery, killed.
    Delivery,
    /// A delivery with faults of what is around it.
    Faults,
}

/// Which points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    points: Option<u64>,
    seed: u64,
    what: What,
}

impl Sweep {
    /// Of `--points N` and `--seed S`, both of which may be left out, and `--delivery`, which has all points where none are asked for, or
    /// `--faults`.
    ///
    /// # Errors
    ///
    /// When something else stands there.
    pub(crate) fn asked(mut options: &[&str]) -> Result<Self, Failure> {
        let mut sweep = Self { points: None, seed: 1, what: What::Local };
        while let [name, rest @ ..] = options {
            options = rest;
            if let "--delivery" | "--faults" = *name {
                sweep.what = if *name == "--faults" { What::Faults } else { What::Delivery };
                continue;
            }
            let [value, rest @ ..] = rest else { return Err(Failure::usage(format!("`{name}` has no value"))) };
            options = rest;
            let number = value.parse().map_err(|_| Failure::usage(format!("`{value}` is not a number")))?;
            match *name {
                "--points" => sweep.points = Some(number),
                "--seed" => sweep.seed = number,
                other => return Err(Failure::usage(format!("there is no option `{other}`"))),
            }
        }
        Ok(sweep)
    }

    /// Sweeps.
    ///
    /// # Errors
    ///
    /// The first point at which something was lost, doubled, or left between.
    pub(crate) fn run(self, checkout: &Checkout) -> Result<(), Failure> {
        let started = Instant::now();
        program::run(&mut checkout.cargo(&["build", "--locked", "--package", "sealock-cli"]))?;
        if self.what != What::Local {
            return self.deliver(checkout, started);
        }
        let points = self.points.unwrap_or(POINTS);
        let mut test = checkout.cargo(&["test", "--locked", "--package", "e2e", "--test", "local"]);
        test.args(["--", "killed_at_its_commits", "--nocapture"]);
        test.env("SEALOCK_CRASH_POINTS", points.to_string()).env("SEALOCK_CRASH_SEED", self.seed.to_string());
        program::run(&mut test)?;
        println!("seed {}: {points} points in {:.1} min", self.seed, started.elapsed().as_secs_f64() / 60.0);
        Ok(())
    }

    fn deliver(self, checkout: &Checkout, started: Instant) -> Result<(), Failure> {
        let rig = Rig::up(checkout)?;
        let mut test = checkout.cargo(&["test", "--locked", "--package", "e2e", "--test", "delivery"]);
        let is_faults = self.what == What::Faults;
        let scenario = if is_faults { "struck_at_its_commits" } else { "killed_at_its_commits" };
        test.args(["--", scenario, "--nocapture"]);
        let what = match self.points.or(is_faults.then_some(FAULTS)) {
            None => {
                test.env("SEALOCK_DELIVERY_POINTS", "all");
                "every commit of a delivery".to_owned()
            }
            Some(points) => {
                let name = if is_faults { "FAULT" } else { "DELIVERY" };
                test.env(format!("SEALOCK_{name}_COUNT"), points.to_string());
                test.env(format!("SEALOCK_{name}_SEED"), self.seed.to_string());
                format!("seed {}: {points} points of deliveries", self.seed)
            }
        };
        rig.tell(&mut test)?;
        program::run(&mut test)?;
        println!("{what}: {:.1} min", started.elapsed().as_secs_f64() / 60.0);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_seed_may_be_left_out() {
        let sweep = |points, seed, what| Some(Sweep { points, seed, what });
        assert_eq!(Sweep::asked(&[]).ok(), sweep(None, 1, What::Local));
        assert_eq!(Sweep::asked(&["--seed", "7", "--points", "3"]).ok(), sweep(Some(3), 7, What::Local));
        assert_eq!(Sweep::asked(&["--delivery"]).ok(), sweep(None, 1, What::Delivery));
        assert_eq!(
            Sweep::asked(&["--delivery", "--points", "3", "--seed", "7"]).ok(),
            sweep(Some(3), 7, What::Delivery)
        );
        assert_eq!(Sweep::asked(&["--faults"]).ok(), sweep(None, 1, What::Faults));
        assert!(Sweep::asked(&["--points"]).is_err());
        assert!(Sweep::asked(&["--speed", "7"]).is_err());
    }
}
