//! What later steps of the workflow can read.

use sealock_events::{DeploymentResult, EventKind};
use serde_json::{Map, Value};

use crate::story::Story;

/// GitHub takes 1 MiB of outputs from a job; a stage can have many of 1 MiB each.
const OUTPUTS_BYTES_MAX: usize = 512 << 10;

/// The outputs of every stage that ended, by the stage's name.
#[derive(Default)]
pub(super) struct Outputs(Map<String, Value>);

impl Outputs {
    pub(super) fn keep(&mut self, kind: &EventKind) {
        if let EventKind::StageFinished { stage, outputs, .. } = kind
            && !outputs.is_empty()
        {
            self.0.insert(stage.clone(), outputs.clone().into());
        }
    }

    /// One line of JSON: what is longer than GitHub takes is left out, stage by stage, from the longest on.
    pub(super) fn json(&self) -> String {
        let mut sizes: Vec<(usize, &String)> =
            self.0.iter().map(|(stage, outputs)| (outputs.to_string().len() + stage.len(), stage)).collect();
        sizes.sort();
        let mut kept = Map::new();
        let mut bytes = 0;
        for (size, stage) in sizes {
            bytes += size;
            if bytes <= OUTPUTS_BYTES_MAX {
                kept.insert(stage.clone(), self.0[stage].clone());
            }
        }
        Value::Object(kept).to_string()
    }
}

/// Where the last deployment that was verified can be seen; nothing without one.
pub(super) fn url(story: &Story) -> String {
    let verified = story.deployments().filter(|(_, own)| own.result == Some(DeploymentResult::Verified));
    verified.filter_map(|(_, own)| own.url.clone()).last().unwrap_or_default()
}
