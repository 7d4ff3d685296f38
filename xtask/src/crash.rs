//! `cargo xtask crash`: kills runs at their commits to the journal, on either side of the sync, and sometimes once more while
//! they are resumed; then resumes them to their end. The scenario itself checks that nothing that was told is lost, that every
//! effect happened once, and that the record says so once. `--delivery` does that to a delivery to the rig's two targets, at every commit
//! that it makes, or at as many points as are asked for.

use std::time::Instant;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::program;
use crate::rig::Rig;

/// Points of a sweep that takes some minutes.
const POINTS: u64 = 1_000;

/// Which points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sweep {
    points: Option<u64>,
    seed: u64,
    is_delivery: bool,
}

impl Sweep {
    /// Of `--points N` and `--seed S`, both of which may be left out, and `--delivery`, which has all points where none are asked for.
    ///
    /// # Errors
    ///
    /// When something else stands there.
    pub(crate) fn asked(mut options: &[&str]) -> Result<Self, Failure> {
        let mut sweep = Self { points: None, seed: 1, is_delivery: false };
        while let [name, rest @ ..] = options {
            options = rest;
            if *name == "--delivery" {
                sweep.is_delivery = true;
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
        if self.is_delivery {
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
        test.args(["--", "killed_at_its_commits", "--nocapture"]);
        let what = match self.points {
            None => {
                test.env("SEALOCK_DELIVERY_POINTS", "all");
                "every commit of a delivery".to_owned()
            }
            Some(points) => {
                test.env("SEALOCK_DELIVERY_COUNT", points.to_string());
                test.env("SEALOCK_DELIVERY_SEED", self.seed.to_string());
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
        let sweep = |points, seed, is_delivery| Some(Sweep { points, seed, is_delivery });
        assert_eq!(Sweep::asked(&[]).ok(), sweep(None, 1, false));
        assert_eq!(Sweep::asked(&["--seed", "7", "--points", "3"]).ok(), sweep(Some(3), 7, false));
        assert_eq!(Sweep::asked(&["--delivery"]).ok(), sweep(None, 1, true));
        assert_eq!(Sweep::asked(&["--delivery", "--points", "3", "--seed", "7"]).ok(), sweep(Some(3), 7, true));
        assert!(Sweep::asked(&["--points"]).is_err());
        assert!(Sweep::asked(&["--speed", "7"]).is_err());
    }
}
