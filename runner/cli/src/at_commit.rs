//! `--die-at` and `--stop-at N:before|N:after`: a signal that the process gives itself at a commit, so that a sweep can kill a run at
//! each of them, or hold it there while something happens to its targets.
//!
//! They are in every binary, hidden: what is swept is what is shipped. Whoever can give the options can send the signals too.

use std::str::FromStr;

use rustix::process::{Signal, getpgrp, kill_process_group};
use sealock_journal::Moment;

/// A commit of this process, and a side of its sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AtCommit {
    commit: u64,
    moment: Moment,
}

impl FromStr for AtCommit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (commit, moment) = text.split_once(':').ok_or("expected N:before or N:after")?;
        let commit = commit.parse().map_err(|_| format!("expected a number, found `{commit}`"))?;
        let moment = match moment {
            "before" => Moment::BeforeSync,
            "after" => Moment::AfterSync,
            other => return Err(format!("expected before or after, found `{other}`")),
        };
        Ok(Self { commit, moment })
    }
}

impl AtCommit {
    /// Counts commits, and gives the process with its group the signal at this one.
    pub(crate) fn observer(self, signal: Signal) -> impl FnMut(Moment) + Send + 'static {
        let mut count = 0;
        move |moment| {
            count += u64::from(moment == Moment::BeforeSync);
            if count == self.commit && moment == self.moment {
                let _ = kill_process_group(getpgrp(), signal);
            }
        }
    }
}
