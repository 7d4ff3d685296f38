//! What may be removed from a target.

use std::collections::BTreeSet;

use sealock_contract::Digest;
use sealock_contract::seam::Refusal;

use crate::deployment::Deployment;
use crate::held::Held;
use crate::ledger::release_number;
use crate::state::TargetState;

/// Removes what `keep` leaves over, and only then.
pub(crate) async fn prune(deployment: &Deployment, held: &Held, keep: u32) -> Result<(), Refusal> {
    deployment.check_one(held).await?;
    let surplus = Surplus::of(&held.state(), deployment.release(), keep as usize);
    if surplus == Surplus::default() {
        return Ok(());
    }
    let releases = surplus.releases.iter().map(|release| format!("release {release}\n"));
    let images = surplus.images.iter().map(|digest| format!("image {digest}\n"));
    let projects = surplus.projects.iter().map(|project| format!("project {project}\n"));
    // What runs goes first: an image that is used stays.
    let stdin: String = projects.chain(releases).chain(images).collect();
    deployment.change(held, "prune", &[], stdin).await?;
    held.state().releases.retain(|release| !surplus.releases.contains(release));
    Ok(())
}

/// The detail of a release that names what its containers belong to.
const PROJECT: &str = "project";

/// Releases that are neither among the newest nor needed, images that only they use, and what runs beside the release that is
/// live.
#[derive(Debug, Default, PartialEq, Eq)]
struct Surplus {
    releases: Vec<String>,
    images: BTreeSet<Digest>,
    projects: BTreeSet<String>,
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
        Self { releases: gone.into_iter().cloned().collect(), images, projects: beside(state) }
    }
}

/// The projects of other releases than the one that is live, when it has one itself.
fn beside(state: &TargetState) -> BTreeSet<String> {
    let project = |id: &str| {
        let release = state.ledger.release(id)?;
        release.details.into_iter().find(|(name, _)| name == PROJECT).map(|(_, project)| project)
    };
    let Some(live) = state.current.as_deref().and_then(project) else { return BTreeSet::new() };
    let ids: BTreeSet<&str> = state.ledger.records().iter().map(|record| record.release.as_str()).collect();
    ids.into_iter().filter_map(project).filter(|own| *own != live && is_project(own)).collect()
}

/// Whether a line can carry it.
fn is_project(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
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
    fn the_other_stack_goes_once_the_new_one_is_verified() {
        use Outcome::Verified;
        let told = [("r1", Verified, "a"), ("r2", Verified, "b")];
        let mut state = state(&told, "r2");
        assert!(Surplus::of(&state, "r2", 9).projects.is_empty(), "neither says what it belongs to");
        let records = state.ledger.records().iter().cloned().zip(["app-blue", "app-green"]);
        let lines: Vec<String> = records
            .map(|(mut record, project)| {
                record.details = vec![(PROJECT.to_owned(), project.to_owned())];
                serde_json::to_string(&record).expect("plain data")
            })
            .collect();
        state.ledger = Ledger::parse(lines.iter().map(String::as_str)).expect("records");
        assert_eq!(Surplus::of(&state, "r2", 9).projects, BTreeSet::from(["app-blue".to_owned()]));
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
