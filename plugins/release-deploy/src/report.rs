//! What a script on a target told.

use sealock_rollout::{last_lines, told};

/// Everything that a script told, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    verdict: String,
    /// The unit that is meant.
    unit: String,
    /// Lines that sudo has to be told.
    pub(crate) sudoers: Vec<String>,
    pub(crate) said: Vec<String>,
    log: Vec<String>,
}

impl Report {
    /// Reads the script's standard output.
    pub(crate) fn parse(stdout: &str) -> Self {
        let mut report = Self::default();
        for (word, rest) in told(stdout) {
            match word {
                "said" => report.said.push(rest),
                "sudo" => report.sudoers.push(rest),
                "log" => report.log.push(rest),
                "verdict" => {
                    let (verdict, unit) = rest.split_once(' ').unwrap_or((&rest, ""));
                    (report.verdict, report.unit) = (verdict.to_owned(), unit.to_owned());
                }
                _ => {}
            }
        }
        report
    }

    /// Why it is not as it should be, when it is not.
    pub(crate) fn problem(&self, wait_seconds: u64) -> Option<String> {
        let unit = &self.unit;
        let what = match self.verdict.as_str() {
            "ready" => return None,
            "nginx" => "nginx does not take its configuration".to_owned(),
            "refused" => format!("{unit} could not be restarted"),
            "failed" => format!("{unit} has failed"),
            "restarting" => format!("{unit} keeps restarting"),
            "silent" => format!("{unit} runs, and did not answer within {wait_seconds} s"),
            "late" => format!("{unit} did not run within {wait_seconds} s"),
            "running" => format!("{unit} still runs"),
            _ => "the script ended early".to_owned(),
        };
        let said = self.said.iter().map(|line| format!("  {line}"));
        Some([what].into_iter().chain(said).chain(last_lines(&self.log)).collect::<Vec<_>>().join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_script_that_says_so_found_it_ready() {
        assert_eq!(Report::parse("log verdict ready\nverdict ready \n").problem(1), None);
        assert_eq!(Report::parse("").problem(1).as_deref(), Some("the script ended early"));
        let late = Report::parse("verdict silent app.service\nlog verdict ready\nlog Error\u{1b}[31m: EADDRINUSE\n");
        assert_eq!(
            late.problem(30).as_deref(),
            Some("app.service runs, and did not answer within 30 s\n  | verdict ready\n  | Error[31m: EADDRINUSE")
        );
        let nginx = Report::parse("said nginx: [emerg] unknown directive\nverdict nginx\n");
        let told = nginx.problem(1);
        assert_eq!(told.as_deref(), Some("nginx does not take its configuration\n  nginx: [emerg] unknown directive"));
    }
}
