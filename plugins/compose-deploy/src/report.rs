//! What a script on a target told.

use sealock_rollout::{last_lines, told};

use crate::pin::Pin;

/// How the containers of a project were found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of them run, and those with a health check are healthy.
    Ready,
    /// One has failed.
    Failed,
    /// The time was over.
    Late,
    /// Compose itself said no.
    Refused,
    /// The proxy said no, or sends elsewhere.
    Proxy,
    /// The script said nothing: it did not get that far.
    #[default]
    Unknown,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Container {
    pub(crate) name: String,
    pub(crate) service: String,
    pub(crate) state: String,
    pub(crate) health: String,
    pub(crate) restarts: u64,
    pub(crate) exit_code: i64,
    pub(crate) image: String,
}

/// Everything that a script told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) verdict: Verdict,
    culprit: String,
    pub(crate) containers: Vec<Container>,
    pub(crate) said: Vec<String>,
    checks: Vec<String>,
    log: Vec<String>,
}

impl Report {
    /// Reads the script's standard output.
    pub(crate) fn parse(stdout: &str) -> Self {
        let mut report = Self::default();
        for (word, rest) in told(stdout) {
            match word {
                "said" => report.said.push(message(rest)),
                "check" => report.checks.push(message(rest)),
                "log" => report.log.push(message(rest)),
                "container" => report.containers.extend(container(&rest)),
                "verdict" => report.set_verdict(&rest),
                _ => {}
            }
        }
        report
    }

    fn set_verdict(&mut self, rest: &str) {
        let (word, culprit) = rest.split_once(' ').unwrap_or((rest, ""));
        culprit.clone_into(&mut self.culprit);
        self.verdict = match word {
            "ready" => Verdict::Ready,
            "failed" => Verdict::Failed,
            "late" => Verdict::Late,
            "refused" => Verdict::Refused,
            "proxy" => Verdict::Proxy,
            _ => Verdict::Unknown,
        };
    }

    /// Why the release does not run as it should, when it does not.
    pub(crate) fn problem(&self, pins: &[Pin], wait_seconds: u64) -> Option<String> {
        match self.verdict {
            Verdict::Ready => self.wrong_image(pins),
            Verdict::Failed => Some(self.with_log(self.blame())),
            Verdict::Late => Some(self.with_log(self.late(wait_seconds))),
            Verdict::Refused if self.culprit.is_empty() => Some(format!("Compose says: {}", self.last_words())),
            Verdict::Refused => Some(self.with_log(format!("{}; Compose says: {}", self.blame(), self.last_words()))),
            Verdict::Proxy => Some(format!("the proxy does not send to it: {}", self.said.join("\n  "))),
            Verdict::Unknown => Some(format!("the script ended early: {}", self.last_words())),
        }
    }

    /// Compose said yes, and yet another image runs.
    fn wrong_image(&self, pins: &[Pin]) -> Option<String> {
        pins.iter().find_map(|pin| {
            let own: Vec<&Container> = self.containers.iter().filter(|found| found.service == pin.service).collect();
            if own.is_empty() && !pin.may_be_absent {
                return Some(format!("no container of service {} is there", pin.service));
            }
            let other = own.iter().find(|found| found.image != pin.reference)?;
            Some(format!("{} runs {}, expected {}", other.name, other.image, pin.reference))
        })
    }

    fn blame(&self) -> String {
        let Some(found) = self.containers.iter().find(|found| found.name == self.culprit) else {
            return "the containers cannot be looked at".to_owned();
        };
        let state = match (found.state.as_str(), found.health.as_str()) {
            ("running", "unhealthy") => "is unhealthy".to_owned(),
            ("exited", _) => format!("ended with exit code {}", found.exit_code),
            ("running", _) => format!("keeps restarting ({} times so far)", found.restarts),
            ("restarting", _) => format!("keeps restarting (exit code {})", found.exit_code),
            (state, _) => format!("is {state}"),
        };
        format!("{} {state} (container {})", found.service, found.name)
    }

    fn late(&self, wait_seconds: u64) -> String {
        let Some(found) = self.containers.iter().find(|found| found.name == self.culprit) else {
            let what = if self.containers.is_empty() {
                "no container was there"
            } else {
                "not every container could be looked at"
            };
            return format!("{what} after {wait_seconds} s");
        };
        let is_good = |other: &&Container| other.service == found.service && other.health == "healthy";
        let good = self.containers.iter().filter(is_good).count();
        let all = self.containers.iter().filter(|other| other.service == found.service).count();
        let state = if found.health == "none" { &found.state } else { &found.health };
        format!("{} was still {state} after {wait_seconds} s ({good} of {all} healthy)", found.service)
    }

    fn last_words(&self) -> String {
        let last = self.said.iter().rev().find(|line| !line.is_empty());
        last.cloned().unwrap_or_else(|| "nothing".to_owned())
    }

    fn with_log(&self, what: String) -> String {
        let checks = self.checks.iter().filter(|line| !line.is_empty()).map(|line| format!("  health check: {line}"));
        [what].into_iter().chain(checks).chain(last_lines(&self.log)).collect::<Vec<_>>().join("\n")
    }
}

fn container(line: &str) -> Option<Container> {
    let mut words = line.split(' ');
    let mut next = || words.next();
    let name = next()?.trim_start_matches('/').to_owned();
    let (service, state, health) = (next()?.to_owned(), next()?.to_owned(), next()?.to_owned());
    let (restarts, exit_code) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let image = words.nth(3)?.to_owned();
    Some(Container { name, service, state, health, restarts, exit_code, image })
}

/// Of what Compose logs, the message only.
fn message(line: String) -> String {
    match line.split_once(" msg=\"") {
        Some((start, message)) if start.starts_with("time=") => {
            message.strip_suffix('"').unwrap_or(message).replace("\\\"", "\"")
        }
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "policy=always 2026-11-21T03:00:00Z 0a1b";

    fn told(lines: &[String]) -> Report {
        Report::parse(&lines.join("\n"))
    }

    fn line(name: &str, state: &str, health: &str, image: &str) -> String {
        format!("container /p-{name} {} {state} {health} 0 3 {ID} {image}", name.split('-').next().unwrap_or_default())
    }

    fn pin(service: &str, reference: &str) -> Pin {
        Pin {
            service: service.into(),
            reference: reference.into(),
            digest: String::new(),
            is_authors: false,
            may_be_absent: false,
        }
    }

    #[test]
    fn ready_is_believed_only_when_the_pinned_image_runs() {
        let report = told(&[line("web-1", "running", "healthy", "acme/web@sha256:a"), "verdict ready ".into()]);
        assert_eq!(report.problem(&[pin("web", "acme/web@sha256:a")], 60), None);
        let wrong = report.problem(&[pin("web", "acme/web@sha256:b")], 60);
        assert_eq!(wrong.as_deref(), Some("p-web-1 runs acme/web@sha256:a, expected acme/web@sha256:b"));
        let absent = report.problem(&[pin("api", "x")], 60);
        assert_eq!(absent.as_deref(), Some("no container of service api is there"));
        let on_demand = Pin { may_be_absent: true, ..pin("api", "x") };
        assert_eq!(report.problem(&[on_demand], 60), None);
    }

    #[test]
    fn a_failure_names_the_service_and_ends_with_its_last_lines() {
        let report = told(&[
            line("web-1", "running", "unhealthy", "x"),
            "verdict failed p-web-1".into(),
            "check 1 HTTP Error 500".into(),
            "log verdict ready ".into(),
            "log Traceback".into(),
        ]);
        assert_eq!(
            report.problem(&[], 60).as_deref(),
            Some(
                "web is unhealthy (container p-web-1)\n  health check: 1 HTTP Error 500\n  | verdict ready \n  | Traceback"
            )
        );
    }

    #[test]
    fn crashes_and_ends_are_told_apart() {
        let problem = |state: &str| {
            let report = told(&[line("web-1", state, "none", "x"), "verdict failed p-web-1".into()]);
            report.problem(&[], 60).unwrap_or_default()
        };
        assert_eq!(problem("restarting"), "web keeps restarting (exit code 3) (container p-web-1)");
        assert_eq!(problem("exited"), "web ended with exit code 3 (container p-web-1)");
        assert_eq!(problem("dead"), "web is dead (container p-web-1)");
    }

    #[test]
    fn what_is_late_says_how_many_are_healthy() {
        let report = told(&[
            line("web-1", "running", "healthy", "x"),
            line("web-2", "running", "starting", "x"),
            "verdict late p-web-2".into(),
        ]);
        assert_eq!(report.problem(&[], 120).as_deref(), Some("web was still starting after 120 s (1 of 2 healthy)"));
        assert_eq!(
            told(&["verdict late ".into()]).problem(&[], 5).as_deref(),
            Some("no container was there after 5 s")
        );
    }

    #[test]
    fn composes_own_words_are_given_without_its_log_format() {
        let said = "said time=\"2026-11-21T03:35:27Z\" level=warning msg=\"The \\\"X\\\" variable is not set.\"";
        let report = told(&[said.to_owned(), "verdict refused ".to_owned()]);
        assert_eq!(report.problem(&[], 1).as_deref(), Some("Compose says: The \"X\" variable is not set."));
        assert_eq!(Report::parse("").problem(&[], 1).as_deref(), Some("the script ended early: nothing"));
    }
}
