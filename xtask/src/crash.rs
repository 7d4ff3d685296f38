//! `cargo xtask crash`: kills runs at their commits to the journal, on either side of the sync, and sometimes once more while
//! they are resumed; then resumes them to their end. The scenario itself checks that nothing that was told is lost, that every
//! effect happened once, and that the record says so once. `--delivery` does that to a delivery to the rig's two targets, at every commit
//! that it makes.

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
    points: u64,
    seed: u64,
    is_delivery: bool,
}

impl Sweep {
    /// Of `--points N` and `--seed S`, both of which may be left out, or of `--delivery`, which has all points.
    ///
    /// # Errors
    ///
    /// When something else stands there.
    pub(crate) fn asked(mut options: &[&str]) -> Result<Self, Failure> {
        let mut sweep = Self { points: POINTS, seed: 1, is_delivery: false };
        if options == ["--delivery"] {
            return Ok(Self { is_delivery: true, ..sweep });
        }
        while let [name, value, rest @ ..] = options {
            let number = value.parse().map_err(|_| Failure::usage(format!("`{value}` is not a number")))?;
            match *name {
                "--points" => sweep.points = number,
                "--seed" => sweep.seed = number,
                other => return Err(Failure::usage(format!("there is no option `{other}`"))),
            }
            options = rest;
        }
        if options.is_empty() { Ok(sweep) } else { Err(Failure::usage(format!("`{}` has no value", options[0]))) }
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
            return deliver(checkout, started);
        }
        let mut test = checkout.cargo(&["test", "--locked", "--package", "e2e", "--test", "local"]);
        test.args(["--", "killed_at_its_commits", "--nocapture"]);
        test.env("SEALOCK_CRASH_POINTS", self.points.to_string()).env("SEALOCK_CRASH_SEED", self.seed.to_string());
        program::run(&mut test)?;
        println!("seed {}: {} points in {:.1} min", self.seed, self.points, started.elapsed().as_secs_f64() / 60.0);
        Ok(())
    }
}

fn deliver(checkout: &Checkout, started: Instant) -> Result<(), Failure> {
    let rig = Rig::up(checkout)?;
    let mut test = checkout.cargo(&["test", "--locked", "--package", "e2e", "--test", "delivery"]);
    test.args(["--", "killed_at_its_commits", "--nocapture"]).env("SEALOCK_DELIVERY_POINTS", "all");
    rig.tell(&mut test)?;
    program::run(&mut test)?;
    println!("every commit of a delivery: {:.1} min", started.elapsed().as_secs_f64() / 60.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_seed_may_be_left_out() {
        assert_eq!(Sweep::asked(&[]).ok(), Some(Sweep { points: POINTS, seed: 1, is_delivery: false }));
        assert_eq!(
            Sweep::asked(&["--seed", "7", "--points", "3"]).ok(),
            Some(Sweep { points: 3, seed: 7, is_delivery: false })
        );
        assert!(Sweep::asked(&["--delivery"]).is_ok_and(|sweep| sweep.is_delivery));
        assert!(Sweep::asked(&["--points"]).is_err());
        assert!(Sweep::asked(&["--speed", "7"]).is_err());
    }
}
