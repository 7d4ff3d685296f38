//! What an answer has to be.

use std::collections::BTreeMap;
use std::time::Duration;

use regex_lite::Regex;
use sealock_sdk::{Error, ErrorKind};
use serde_json::Value;

use crate::answer::Answer;
use crate::json::{self, Expected};
use crate::text::{seconds, shown};

/// The statuses that HTTP knows.
const STATUSES: std::ops::RangeInclusive<u16> = 100..=599;

/// What the author wrote.
#[derive(Default)]
pub(crate) struct Wanted<'a> {
    pub(crate) method: &'a str,
    pub(crate) status: &'a [String],
    pub(crate) body: Option<&'a str>,
    pub(crate) body_regex: Option<&'a str>,
    pub(crate) json: Option<&'a Expected>,
    pub(crate) header: Option<&'a BTreeMap<String, Value>>,
    /// The release being verified.
    pub(crate) release: Option<String>,
    pub(crate) release_header: Option<&'a str>,
    pub(crate) release_json: Option<&'a str>,
    pub(crate) certificate_days: Option<u64>,
    pub(crate) max_time: Option<Duration>,
}

/// The same, checked.
pub(crate) struct Expectation {
    status: Vec<u16>,
    body: Option<String>,
    body_regex: Option<Regex>,
    json: Expected,
    headers: Vec<(String, String)>,
    release: Option<Release>,
    certificate_days: Option<u64>,
    max_time: Option<Duration>,
}

/// Where the answer says which release it comes from.
struct Release {
    id: String,
    header: Option<String>,
    json: Option<String>,
}

fn invalid(code: &str, message: String) -> Error {
    Error::of_kind(ErrorKind::Invalid, code, message)
}

impl Expectation {
    pub(crate) fn new(wanted: Wanted<'_>) -> Result<Self, Error> {
        check_method(&wanted)?;
        let release = release(&wanted)?;
        let (json, header) = (wanted.json, wanted.header);
        Ok(Self {
            status: statuses(wanted.status)?,
            body: wanted.body.map(str::to_owned),
            body_regex: wanted.body_regex.map(regex).transpose()?,
            json: json.cloned().unwrap_or_default(),
            headers: header.into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect(),
            release,
            certificate_days: wanted.certificate_days,
            max_time: wanted.max_time,
        })
    }

    /// Such as `200 and .status = "healthy"`.
    pub(crate) fn wanted(&self) -> String {
        let statuses: Vec<String> = self.status.iter().map(u16::to_string).collect();
        let mut parts = vec![statuses.join(" or ")];
        if let Some(release) = &self.release {
            parts.extend(release.header.as_ref().map(|header| format!("{header}: {}", release.id)));
            parts.extend(release.json.as_ref().map(|path| format!(".{path} = \"{}\"", release.id)));
        }
        parts.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        parts.extend(self.body.as_ref().map(|text| format!("a body with \"{}\"", shown(text))));
        parts.extend(self.body_regex.as_ref().map(|regex| format!("a body that matches /{}/", shown(regex.as_str()))));
        parts.extend(json::describe(&self.json));
        parts.extend(self.certificate_days.map(|days| format!("a certificate for {days} more days")));
        parts.extend(self.max_time.map(|time| format!("within {}", seconds(time))));
        parts.join(" and ")
    }

    /// What was found instead, when `answer` is not what is expected.
    pub(crate) fn problem(&self, answer: &Answer, took: Duration) -> Option<String> {
        self.wrong_status(answer)
            .or_else(|| self.wrong_release(answer))
            .or_else(|| self.wrong_header(answer))
            .or_else(|| self.wrong_body(answer))
            .or_else(|| self.wrong_json(answer))
            .or_else(|| self.wrong_certificate(answer))
            .or_else(|| self.wrong_time(took))
    }

    fn wrong_status(&self, answer: &Answer) -> Option<String> {
        if self.status.contains(&answer.status) {
            return None;
        }
        match answer.header("location").next() {
            Some(location) if (300..400).contains(&answer.status) => {
                Some(format!("{} to {}", answer.status, shown(location)))
            }
            _ => Some(answer.status.to_string()),
        }
    }

    fn wrong_release(&self, answer: &Answer) -> Option<String> {
        let release = self.release.as_ref()?;
        let in_header = release.header.as_ref().and_then(|name| match answer.header(name).next() {
            Some(found) if found == release.id => None,
            Some(found) => Some(format!("{name}: {}", shown(found))),
            None => Some(format!("no header {name}")),
        });
        in_header.or_else(|| {
            let path = release.json.as_ref()?;
            wrong_json(answer, &Expected::from([(path.clone(), release.id.clone().into())]))
        })
    }

    fn wrong_header(&self, answer: &Answer) -> Option<String> {
        self.headers.iter().find_map(|(name, expected)| {
            let found: Vec<&str> = answer.header(name).collect();
            match found.as_slice() {
                [] => Some(format!("no header {name}")),
                found if found.contains(&expected.as_str()) => None,
                found => Some(format!("{name}: {}", shown(&found.join(", ")))),
            }
        })
    }

    fn wrong_body(&self, answer: &Answer) -> Option<String> {
        if self.body.is_none() && self.body_regex.is_none() {
            return None;
        }
        let text = answer.text();
        let lacks = self.body.as_ref().filter(|part| !text.contains(part.as_str()));
        let misses = self.body_regex.as_ref().filter(|regex| !regex.is_match(&text));
        let without = || format!("{} with another body", answer.status);
        lacks.map(|_| without()).or_else(|| misses.map(|_| without()))
    }

    fn wrong_json(&self, answer: &Answer) -> Option<String> {
        if self.json.is_empty() { None } else { wrong_json(answer, &self.json) }
    }

    fn wrong_certificate(&self, answer: &Answer) -> Option<String> {
        let least = i64::try_from(self.certificate_days?).unwrap_or(i64::MAX);
        match answer.certificate_days() {
            Some(days) if days >= least => None,
            Some(days) => Some(format!("a certificate for {days} more days")),
            None => Some("no certificate".to_owned()),
        }
    }

    fn wrong_time(&self, took: Duration) -> Option<String> {
        self.max_time.filter(|most| took > *most).map(|_| format!("an answer after {}", seconds(took)))
    }
}

fn wrong_json(answer: &Answer, expected: &Expected) -> Option<String> {
    match serde_json::from_slice::<Value>(&answer.body) {
        Ok(found) => json::mismatch(expected, &found),
        Err(error) => Some(format!("{} with a body that is not JSON ({error})", answer.status)),
    }
}

/// HEAD has no body to look at.
fn check_method(wanted: &Wanted<'_>) -> Result<(), Error> {
    let looks_at_body =
        wanted.body.is_some() || wanted.body_regex.is_some() || wanted.json.is_some() || wanted.release_json.is_some();
    if wanted.method == "HEAD" && looks_at_body {
        let message = "`method: HEAD` answers without a body, and the body is expected to hold something";
        return Err(invalid("E-SMOKE-METHOD", message.to_owned()).help("use `method: GET`"));
    }
    Ok(())
}

fn release(wanted: &Wanted<'_>) -> Result<Option<Release>, Error> {
    if wanted.release_header.is_none() && wanted.release_json.is_none() {
        return Ok(None);
    }
    let Some(id) = wanted.release.clone() else {
        let message = "`release-header` and `release-json` compare with the release of a deployment, and there is none";
        let help = "use `header` or `json` with the value that you expect, or give the stage an `environment`";
        return Err(invalid("E-SMOKE-RELEASE", message.to_owned()).help(help));
    };
    let path = |path: &str| path.strip_prefix('.').unwrap_or(path).to_owned();
    let (header, json) = (wanted.release_header.map(str::to_owned), wanted.release_json.map(path));
    Ok(Some(Release { id, header, json }))
}

fn statuses(written: &[String]) -> Result<Vec<u16>, Error> {
    if written.is_empty() {
        return Ok(vec![200]);
    }
    let status = |text: &String| {
        let status = text.trim().parse().ok().filter(|status| STATUSES.contains(status));
        status.ok_or_else(|| invalid("E-SMOKE-STATUS", format!("found the status `{text}`, expected 100 to 599")))
    };
    written.iter().map(status).collect()
}

fn regex(written: &str) -> Result<Regex, Error> {
    let problem = |error| invalid("E-SMOKE-REGEX", format!("`body-regex` is not a regular expression: {error}"));
    Regex::new(written).map_err(problem)
}

/// A scalar as the text that was written.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    fn with_headers(headers: &[(&str, &str)]) -> Answer {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Answer { status: 200, headers, body: br#"{"release":"r41"}"#.to_vec() }
    }

    fn expected(json: Value) -> Expected {
        serde_json::from_value(json).expect("a map")
    }

    fn problem(wanted: Wanted<'_>, answer: &Answer) -> Option<String> {
        Expectation::new(wanted).expect("a good expectation").problem(answer, Duration::from_millis(20))
    }

    fn refusal(wanted: Wanted<'_>) -> String {
        Expectation::new(wanted).err().expect("a refusal").code().to_owned()
    }

    #[test]
    fn without_anything_said_200_passes_and_nothing_else() {
        assert_eq!(problem(Wanted::default(), &answer(200, "")), None);
        assert_eq!(problem(Wanted::default(), &answer(204, "")).as_deref(), Some("204"));
        assert_eq!(problem(Wanted::default(), &answer(503, "down")).as_deref(), Some("503"));
    }

    #[test]
    fn a_redirect_is_not_a_pass_and_says_where_to() {
        let mut redirect = with_headers(&[("location", "https://x/login")]);
        redirect.status = 301;
        assert_eq!(problem(Wanted::default(), &redirect).as_deref(), Some("301 to https://x/login"));
    }

    #[test]
    fn a_good_status_with_a_wrong_body_fails() {
        let json = expected(json!({ "status": "healthy" }));
        let wanted = || Wanted { json: Some(&json), ..Wanted::default() };
        assert_eq!(problem(wanted(), &answer(200, r#"{"status":"healthy"}"#)), None);
        let starting = answer(200, r#"{"status":"starting"}"#);
        assert_eq!(problem(wanted(), &starting).as_deref(), Some(".status = \"starting\""));
        let html = problem(wanted(), &answer(200, "<html>")).expect("not JSON");
        assert!(html.starts_with("200 with a body that is not JSON ("), "{html}");

        let text = Wanted { body: Some("ok"), ..Wanted::default() };
        assert_eq!(problem(text, &answer(200, "down")).as_deref(), Some("200 with another body"));
        let regex = Wanted { body_regex: Some("^v[0-9]+$"), ..Wanted::default() };
        assert_eq!(problem(regex, &answer(200, "v12")), None);
    }

    #[test]
    fn an_old_release_that_still_answers_is_not_a_pass() {
        let by_header =
            || Wanted { release: Some("r42".into()), release_header: Some("X-Release"), ..Wanted::default() };
        assert_eq!(problem(by_header(), &with_headers(&[("x-release", "r42")])), None);
        assert_eq!(problem(by_header(), &with_headers(&[("x-release", "r41")])).as_deref(), Some("X-Release: r41"));
        assert_eq!(problem(by_header(), &with_headers(&[])).as_deref(), Some("no header X-Release"));
        let by_json = Wanted { release: Some("r42".into()), release_json: Some(".release"), ..Wanted::default() };
        assert_eq!(problem(by_json, &with_headers(&[])).as_deref(), Some(".release = \"r41\""));
    }

    #[test]
    fn one_of_several_values_of_a_header_is_enough() {
        let header = expected(json!({ "Cache-Control": "no-store", "X-Count": 3 }));
        let wanted = || Wanted { header: Some(&header), ..Wanted::default() };
        let good = [("cache-control", "private"), ("cache-control", "no-store"), ("x-count", "3")];
        assert_eq!(problem(wanted(), &with_headers(&good)), None);
        assert_eq!(problem(wanted(), &with_headers(&good[..1])).as_deref(), Some("Cache-Control: private"));
    }

    #[test]
    fn slow_answers_and_old_certificates_fail() {
        let slow = Wanted { max_time: Some(Duration::from_millis(10)), ..Wanted::default() };
        assert_eq!(problem(slow, &answer(200, "")).as_deref(), Some("an answer after 0.02 s"));
        let certificate = || Wanted { certificate_days: Some(14), ..Wanted::default() };
        let days = with_headers(&[("sealock-certificate-days", "3")]);
        assert_eq!(problem(certificate(), &days).as_deref(), Some("a certificate for 3 more days"));
        assert_eq!(problem(certificate(), &answer(200, "")).as_deref(), Some("no certificate"));
    }

    #[test]
    fn what_is_expected_reads_as_a_sentence() {
        let json = expected(json!({ "status": "healthy" }));
        let status = ["200".to_owned(), "204".to_owned()];
        let wanted = Wanted {
            status: &status,
            json: Some(&json),
            release: Some("r42".into()),
            release_header: Some("X-Release"),
            ..Wanted::default()
        };
        let expectation = Expectation::new(wanted).expect("good");
        assert_eq!(expectation.wanted(), "200 or 204 and X-Release: r42 and .status = \"healthy\"");
    }

    #[test]
    fn what_can_never_pass_is_refused_before_the_first_attempt() {
        let json = expected(json!({ "a": 1 }));
        let status = ["99".to_owned()];
        assert_eq!(refusal(Wanted { method: "HEAD", json: Some(&json), ..Wanted::default() }), "E-SMOKE-METHOD");
        assert_eq!(refusal(Wanted { release_header: Some("X"), ..Wanted::default() }), "E-SMOKE-RELEASE");
        assert_eq!(refusal(Wanted { status: &status, ..Wanted::default() }), "E-SMOKE-STATUS");
        assert_eq!(refusal(Wanted { body_regex: Some("("), ..Wanted::default() }), "E-SMOKE-REGEX");
    }
}
