//! A deployment, from its lock to what is live at its end.

use sealock_events::{Cause, Conclusion, DeploymentResult};

/// What an environment's deployment came to so far.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) environment: String,
    pub(crate) release: String,
    pub(crate) targets: Vec<String>,
    /// The release to go back to, by target.
    pub(crate) previous: Vec<(String, Option<String>)>,
    /// The targets that run the new release.
    pub(crate) switched: Vec<String>,
    /// Why it goes back, once it does.
    pub(crate) failure: Option<Cause>,
    pub(crate) rollback: Vec<RollbackPart>,
    pub(crate) result: Option<DeploymentResult>,
    /// What is live at its end, by target.
    pub(crate) live: Vec<(String, Option<String>)>,
    pub(crate) url: Option<String>,
}

/// One part of going back.
#[derive(Clone, Debug)]
pub(crate) struct RollbackPart {
    pub(crate) step: String,
    pub(crate) what: String,
    pub(crate) outcome: Conclusion,
    pub(crate) cause: Option<Cause>,
    pub(crate) duration_ms: u64,
}

impl Deployment {
    pub(crate) fn new(environment: &str, release: &str) -> Self {
        Self {
            environment: environment.to_owned(),
            release: release.to_owned(),
            targets: Vec::new(),
            previous: Vec::new(),
            switched: Vec::new(),
            failure: None,
            rollback: Vec::new(),
            result: None,
            live: Vec::new(),
            url: None,
        }
    }

    /// Whether it is going back and has not got there.
    pub(crate) fn is_going_back(&self) -> bool {
        self.failure.is_some() && self.result.is_none()
    }

    /// Whether some target had a release to go back to.
    pub(crate) fn has_previous(&self) -> bool {
        self.previous.iter().any(|(_, release)| release.is_some())
    }
}
