//! Two stacks beside each other, and the proxy that sends the world to one of them.
//!
//! Each release belongs to one colour: its Compose project ends with it, and its upstreams have that colour's ports. A
//! release keeps what it was given, so that going back to it needs nothing but its own details.

use std::collections::BTreeMap;

use sealock_rollout::{detail_of, invalid};
use sealock_sdk::Error;
use sealock_sdk::targets::Release;
use serde::Deserialize;

use crate::deployment::detail;

const BLUE: &str = "blue";
const GREEN: &str = "green";

/// The file that the proxy reads, below the environment's directory.
const FILE_DETAIL: &str = "proxy";
/// `NAME=PORT[-PORT]`, for each upstream.
const UPSTREAMS_DETAIL: &str = "upstreams";

/// One upstream's ports of each colour: `8000`, or `8000-8001` for two replicas.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ports {
    blue: String,
    green: String,
}

/// What the author says of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    file: String,
    upstreams: BTreeMap<String, Ports>,
}

/// The colour of one release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    name: &'static str,
    /// Below the environment's directory.
    pub(crate) file: String,
    /// `NAME=PORT[-PORT]`, separated by spaces.
    pub(crate) upstreams: String,
}

impl Proxy {
    /// Of the file below `shared/` and the upstreams in it.
    ///
    /// # Errors
    ///
    /// `E-COMPOSE-PROXY`: no upstream, a name that nginx or a shell would read as something else, ports of both colours
    /// that overlap.
    pub(crate) fn new(file: &str, upstreams: Option<&BTreeMap<String, Ports>>) -> Result<Self, Error> {
        let refused = |message: String| invalid("E-COMPOSE-PROXY", message);
        let upstreams = upstreams.filter(|map| !map.is_empty()).ok_or_else(|| {
            let help =
                "proxy: { app: { blue: \"8000\", green: \"8001\" } }, and `${SEALOCK_PORT_APP}` in the compose file";
            refused("blue-green needs the upstreams of the proxy".to_owned()).help(help)
        })?;
        let is_word = |text: &str| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        };
        if !is_word(file) || file.starts_with('.') {
            return Err(refused(format!("found the proxy file `{}`, expected a plain name", file.escape_debug())));
        }
        let mut taken = Vec::new();
        for (name, ports) in upstreams {
            if !is_word(name) || name.starts_with(['-', '.']) {
                return Err(refused(format!("found the upstream `{}`, expected a plain name", name.escape_debug())));
            }
            for range in [&ports.blue, &ports.green] {
                let (first, last) = range_of(range).ok_or_else(|| {
                    refused(format!("found the ports `{range}` of {name}, expected `8000` or `8000-8001`"))
                })?;
                if taken.iter().any(|(from, to)| first <= *to && last >= *from) {
                    return Err(refused(format!(
                        "the ports {range} of {name} are those of another colour or upstream"
                    )));
                }
                taken.push((first, last));
            }
        }
        Ok(Self { file: format!("shared/{file}"), upstreams: upstreams.clone() })
    }
}

/// The ports of `8000` or `8000-8001`.
fn range_of(text: &str) -> Option<(u16, u16)> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    (first > 0 && first <= last).then_some((first, last))
}

impl Colour {
    /// The one that does not run.
    pub(crate) fn beside(running: Option<&Release>, proxy: &Proxy) -> Self {
        let project = running.and_then(|release| detail_of(release, detail::PROJECT)).unwrap_or_default();
        let name = if project.ends_with("-blue") { GREEN } else { BLUE };
        let port = |(upstream, ports): (&String, &Ports)| {
            format!("{upstream}={}", if name == BLUE { &ports.blue } else { &ports.green })
        };
        let upstreams: Vec<String> = proxy.upstreams.iter().map(port).collect();
        Self { name, file: proxy.file.clone(), upstreams: upstreams.join(" ") }
    }

    /// The one that a release was given.
    pub(crate) fn of(release: &Release) -> Option<Self> {
        let project = detail_of(release, detail::PROJECT)?;
        let name = [BLUE, GREEN].into_iter().find(|name| project.ends_with(&format!("-{name}")))?;
        let (file, upstreams) = (detail_of(release, FILE_DETAIL)?, detail_of(release, UPSTREAMS_DETAIL)?);
        Some(Self { name, file: file.to_owned(), upstreams: upstreams.to_owned() })
    }

    pub(crate) fn details(&self) -> [(String, String); 2] {
        [(FILE_DETAIL.to_owned(), self.file.clone()), (UPSTREAMS_DETAIL.to_owned(), self.upstreams.clone())]
    }

    /// The project of this colour.
    pub(crate) fn project(&self, base: &str) -> String {
        format!("{base}-{}", self.name)
    }

    /// The project of the other one.
    pub(crate) fn other_project(&self, own: &str) -> String {
        let other = if self.name == BLUE { GREEN } else { BLUE };
        format!("{}-{other}", base(own))
    }

    /// What the compose file finds its ports by: `SEALOCK_PORT_<UPSTREAM>`.
    pub(crate) fn env(&self) -> Vec<(String, String)> {
        let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let name = |upstream: &str| format!("SEALOCK_PORT_{}", upstream.chars().map(letter).collect::<String>());
        let pairs = self.upstreams.split(' ').filter_map(|pair| pair.split_once('='));
        pairs.map(|(upstream, ports)| (name(upstream), ports.to_owned())).collect()
    }
}

/// A project's name without its colour.
pub(crate) fn base(project: &str) -> &str {
    let stripped = project.strip_suffix("-blue").or_else(|| project.strip_suffix("-green"));
    stripped.unwrap_or(project)
}

#[cfg(test)]
mod tests {
    use sealock_rollout::testing::release;

    use super::*;

    fn proxy(upstreams: &[(&str, &str, &str)]) -> Result<Proxy, Error> {
        let ports = |blue: &str, green: &str| Ports { blue: blue.to_owned(), green: green.to_owned() };
        let map = upstreams.iter().map(|(name, blue, green)| ((*name).to_owned(), ports(blue, green))).collect();
        Proxy::new("upstreams.conf", Some(&map))
    }

    #[test]
    fn each_release_gets_the_colour_that_does_not_run_and_finds_it_again() {
        let proxy = proxy(&[("app", "8000-8001", "8100-8101"), ("web-1", "3000", "3100")]).expect("good");
        let first = Colour::beside(None, &proxy);
        assert_eq!(first.project("small"), "small-blue");
        assert_eq!(first.upstreams, "app=8000-8001 web-1=3000");
        let env = [("SEALOCK_PORT_APP", "8000-8001"), ("SEALOCK_PORT_WEB_1", "3000")];
        assert_eq!(first.env(), env.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let details = first.details();
        let details =
            [("project", "small-blue"), (details[0].0.as_str(), &details[0].1), (&details[1].0, &details[1].1)];
        let running = release("r1", &details);
        assert_eq!(Colour::of(&running), Some(first));
        let second = Colour::beside(Some(&running), &proxy);
        assert_eq!(
            (second.project(base("small-blue")).as_str(), second.upstreams.as_str()),
            ("small-green", "app=8100-8101 web-1=3100")
        );
        assert_eq!(second.other_project("small-green"), "small-blue");
        assert_eq!(Colour::of(&release("r1", &[("project", "small")])), None);
    }

    #[test]
    fn ports_that_overlap_and_names_that_are_not_plain_are_refused() {
        for bad in [
            &[][..],
            &[("app", "8000", "8000")],
            &[("app", "8000-8001", "8001-8002")],
            &[("app", "8000", "8001"), ("web", "8001", "8002")],
            &[("app", "8001-8000", "1")],
            &[("app", "0", "1")],
            &[("app", "x", "1")],
            &[("a b", "1", "2")],
            &[("a;", "1", "2")],
        ] {
            assert_eq!(proxy(bad).expect_err("refused").code(), "E-COMPOSE-PROXY", "{bad:?}");
        }
        assert_eq!(Proxy::new("../x", None).expect_err("nothing").code(), "E-COMPOSE-PROXY");
    }
}
