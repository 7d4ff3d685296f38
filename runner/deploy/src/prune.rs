//! What may be removed from a target.

use std::collections::BTreeSet;

use sealock_contract::Digest;
use sealock_contract::seam::Refusal;

use crate::handler::Place;
use crate::ledger::release_number;
use crate::state::TargetState;

/// Removes what `keep` leaves over, and only then.
pub(crate) async fn prune(place: &Place<'_>, keep: u32) -> Result<(), Refusal> {
    let held = place.held()?;
    place.deployment.check_one(held)?;
    let surplus = Surplus::of(&held.state(), place.deployment.release(), keep as usize);
    if surplus.releases.is_empty() {
        return Ok(());
    }
    let releases = surplus.releases.iter().map(|release| format!("release {release}\n"));
    let images = surplus.images.iter().map(|digest| format!("image {digest}\n"));
    let stdin: String = releases.chain(images).collect();
    place.deployment.change(held, "prune", &[], stdin).await?;
    held.state().releases.retain(|release| !surplus.releases.contains(release));
    Ok(())
}

/// Releases that are neither among the newest nor needed, and images that only they use.
#[derive(Debug, PartialEq, Eq)]
struct Surplus {
    releases: Vec<String>,
    images: BTreeSet<Digest>,
}

impl Surplus {
    fn of(state: &TargetState, being_made: &str, keep: usize) -> Self {
        let mut newest: Vec<(u64, &String)> =
            state.releases.iter().filter_map(|id| Some((release_number(id)?, id))).collect();
        newest.sort_unstable_by(|one, other| other.cmp(one));
        let current = state.current.as_deref();
        let previous = state.ledger.previous();
        let before = state.ledger.before(current);
        let needed: BTreeSet<&str> = [Some(being_made), current]
            .into_iter()
            .flatten()
            .chain([&previous, &before].into_iter().flatten().map(|release| release.id.as_str()))
            .chain(newest.iter().take(keep).map(|(_, id)| id.as_str()))
            .collect();
        let (kept, gone): (Vec<_>, Vec<_>) =
            newest.into_iter().map(|(_, id)| id).partition(|id| needed.contains(id.as_str()));
        let images = |ids: &[&String]| -> BTreeSet<Digest> {
            let releases = ids.iter().filter_map(|id| state.ledger.release(id));
            releases.flat_map(|release| release.images).map(|(_, digest)| digest).collect()
        };
        let images = images(&gone).difference(&images(&kept)).copied().collect();
        Self { releases: gone.into_iter().cloned().collect(), images }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, Outcome};

    fn state(told: &[(&str, Outcome, &str)], current: &str) -> TargetState {
        let lines: Vec<String> = told
            .iter()
            .map(|(release, outcome, image)| {
                let outcome = serde_json::to_string(outcome).expect("plain data");
                let digest = Digest::of(image.as_bytes());
                format!(
                    r#"{{"v":1,"time_ms":1,"release":"{release}","outcome":{outcome},"run":"x","fence":1,"images":[["app","{digest}"]]}}"#
                )
            })
            .collect();
        TargetState {
            releases: told.iter().map(|(release, ..)| (*release).to_owned()).collect(),
            ledger: Ledger::parse(lines.iter().map(String::as_str)).expect("records"),
            current: Some(current.to_owned()),
            ..TargetState::default()
        }
    }

    #[test]
    fn what_runs_and_what_one_goes_back_to_are_never_removed() {
        use Outcome::{RolledBack, Switching, Verified};
        let told = [("r1", Verified, "a"), ("r2", Verified, "b"), ("r9", RolledBack, "c"), ("r10", Switching, "a")];
        let surplus = Surplus::of(&state(&told, "r10"), "r10", 1);
        assert_eq!(surplus.releases, ["r9", "r1"]);
        assert_eq!(surplus.images, BTreeSet::from([Digest::of(b"c")]), "r10 runs the image of r1");
        assert!(Surplus::of(&state(&told, "r10"), "r10", 9).releases.is_empty());
    }
}
