//! Targets that write down what they were asked, and what they run.

use sealock_rollout::testing::FakeFleet;
use sealock_rollout::{KEY, Script};
use sealock_sdk::targets::Release;

use crate::deployment::{Deployment, detail};
use crate::pin::Pin;
use crate::strategy::Strategy;

const IMAGE: &str = "acme/web@sha256:aa";

/// What a script tells about a container that is not healthy.
pub(crate) fn failed_report() -> String {
    format!("container /p-web-1 web running unhealthy 0 0 policy= x id {IMAGE}\nverdict failed p-web-1\nlog boom\n")
}

pub(crate) fn good_report() -> String {
    format!("container /p-web-1 web running healthy 0 0 policy= x id {IMAGE}\nverdict ready \n")
}

/// A deployment of one service, `batch` targets at once.
pub(crate) fn deployment(batch: usize) -> Deployment {
    Deployment {
        key: "key".into(),
        environment: "production".into(),
        project: None,
        compose: "compose.yml".into(),
        pins: vec![Pin {
            service: "web".into(),
            reference: IMAGE.into(),
            digest: "sha256:aa".into(),
            is_authors: false,
            may_be_absent: false,
        }],
        env_names: Vec::new(),
        executables: Vec::new(),
        strategy: Strategy::Rolling { batch },
        wait_seconds: 60,
        keep: 3,
    }
}

/// Targets whose containers are healthy.
pub(crate) fn fleet(names: &[&str]) -> FakeFleet {
    let usual = |script: &Script| if script.name.starts_with("prepare") { String::new() } else { good_report() };
    FakeFleet::new(names, usual)
}

/// A release that this plugin made.
pub(crate) fn release(id: &str, key: &str, project: &str) -> Release {
    let details = [(KEY, key), (detail::PROJECT, project), (detail::COMPOSE, "compose.yml")];
    sealock_rollout::testing::release(id, &details)
}
