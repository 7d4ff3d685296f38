//! What a script on a target told.

use sealock_rollout::told;

use crate::database::Backup;

/// Everything that a script told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Whether it ended well.
    pub(crate) is_good: bool,
    pub(crate) backup: Option<Backup>,
    /// What was looked for, when it is there.
    pub(crate) found: Option<String>,
    /// For the log.
    pub(crate) told: Vec<String>,
    /// Of programs that failed.
    pub(crate) said: Vec<String>,
}

impl Report {
    /// Reads the script's standard output. Of a script that failed nothing counts as done.
    pub(crate) fn parse(stdout: &str, is_good: bool) -> Self {
        let mut report = Self { is_good, ..Self::default() };
        for (word, rest) in told(stdout) {
            match word {
                "said" => report.said.push(rest),
                "told" => report.told.push(rest),
                "found" if is_good => report.found = Some(rest),
                "backup" if is_good => report.backup = backup(&rest),
                _ => {}
            }
        }
        report
    }
}

fn backup(line: &str) -> Option<Backup> {
    let mut words = line.split(' ');
    Some(Backup {
        name: words.next()?.to_owned(),
        bytes: words.next()?.parse().ok()?,
        tables: words.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_did_nothing() {
        let text = "said pg_dump: error: no\nbackup a.dump 12 3\nfound a.dump\n";
        let good = Report::parse(text, true);
        assert_eq!(good.backup, Some(Backup { name: "a.dump".to_owned(), bytes: 12, tables: 3 }));
        let bad = Report::parse(text, false);
        assert_eq!((bad.backup, bad.found, bad.said.len()), (None, None, 1));
    }
}
