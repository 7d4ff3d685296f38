//! `--die-at N:before|N:after`: the process ends itself at a commit, so that a sweep can kill a run at each of them.
//!
//! It is in every binary, hidden: what is swept is what is shipped. Whoever can give the option can send the signal too.

use std::str::FromStr;

use rustix::process::{Signal, getpgrp, kill_process_group};
use sealock_journal::Moment;

/// At which commit of this process, and on which side of its sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DieAt {
    commit: u64,
    moment: Moment,
}

impl FromStr for DieAt {
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

impl DieAt {
    /// Counts commits, and ends the process with its group at its own.
    pub(crate) fn observer(self) -> impl FnMut(Moment) + Send + 'static {
        let mut count = 0;
        move |moment| {
            count += u64::from(moment == Moment::BeforeSync);
            if count == self.commit && moment == self.moment {
                let _ = kill_process_group(getpgrp(), Signal::KILL);
            }
        }
    }
}
