//! What a scenario expected, against what was heard.

use serde_json::Value;

use super::served::{Made, Request};
use super::{Annotation, Expected, Heard};

impl Expected {
    /// Everything that is not as expected, one line each.
    pub(crate) fn differences(&self, heard: &Heard) -> Vec<String> {
        let mut found = Vec::new();
        self.ending(heard, &mut found);
        if let Some(outputs) = self.outputs.as_ref().filter(|outputs| **outputs != heard.outputs) {
            found.push(differs("the outputs", &json(outputs), &json(&heard.outputs)));
        }
        if self.denials != heard.denials {
            found.push(differs("the denials", &json(&self.denials), &json(&heard.denials)));
        }
        if let Some(groups) = self.groups.as_ref().filter(|groups| **groups != heard.groups) {
            found.push(differs("the groups", &json(groups), &json(&heard.groups)));
        }
        self.annotations(heard, &mut found);
        self.requests(heard, &mut found);
        let missing = self.log.iter().filter(|part| !heard.log.iter().any(|line| line.contains(*part)));
        found.extend(missing.map(|part| format!("no line of the log has `{part}`")));
        let missing = self.summary.iter().filter(|part| !heard.summary.contains(*part));
        found.extend(missing.map(|part| format!("the summary has no `{part}`")));
        found
    }

    fn ending(&self, heard: &Heard, found: &mut Vec<String>) {
        let outcome = heard.outcome.as_deref().unwrap_or("no end");
        if outcome != self.outcome.word() {
            let why = heard.code.iter().chain(&heard.message).cloned().collect::<Vec<_>>().join(": ");
            let why = if why.is_empty() { why } else { format!(" ({why})") };
            found.push(differs("the outcome", self.outcome.word(), &format!("{outcome}{why}")));
        }
        if let Some(code) = self.code.as_ref().filter(|code| heard.code.as_ref() != Some(code)) {
            found.push(differs("the code", code, heard.code.as_deref().unwrap_or("none")));
        }
        let message = heard.message.as_deref().unwrap_or_default();
        if let Some(part) = self.message.as_ref().filter(|part| !message.contains(part.as_str())) {
            found.push(differs("the message", part, message));
        }
    }

    fn annotations(&self, heard: &Heard, found: &mut Vec<String>) {
        let Some(expected) = &self.annotations else {
            return;
        };
        if expected.len() != heard.annotations.len() {
            let told: Vec<&Value> = heard.annotations.iter().map(|annotation| &annotation["message"]).collect();
            let expected = format!("{} annotations", expected.len());
            found.push(differs("the annotations", &expected, &json(&told)));
            return;
        }
        for (number, (expected, told)) in expected.iter().zip(&heard.annotations).enumerate() {
            let what = format!("annotation {}", number + 1);
            found.extend(expected.differences(told).into_iter().map(|difference| format!("{what}: {difference}")));
        }
    }
}

impl Expected {
    fn requests(&self, heard: &Heard, found: &mut Vec<String>) {
        let Some(expected) = &self.requests else {
            return;
        };
        let own: Vec<String> = expected.iter().map(|own| line(&own.method, &own.url)).collect();
        let made: Vec<String> = heard.requests.iter().map(|made| line(&made.method, &made.url)).collect();
        if own != made {
            found.push(differs("the requests", &json(&own), &json(&made)));
            return;
        }
        for (number, (expected, made)) in expected.iter().zip(&heard.requests).enumerate() {
            let what = format!("request {}", number + 1);
            found.extend(expected.differences(made).into_iter().map(|difference| format!("{what}: {difference}")));
        }
    }
}

fn line(method: &str, url: &str) -> String {
    format!("{method} {url}")
}

impl Request {
    fn differences(&self, made: &Made) -> Vec<String> {
        let headers = self.headers.iter().filter_map(|(name, expected)| {
            let found = made.headers.get(&name.to_ascii_lowercase());
            let differs = |found: &str| differs(&format!("its header `{name}`"), expected, found);
            (found != Some(expected)).then(|| differs(found.map_or("none", String::as_str)))
        });
        let body = self.body.iter().filter(|part| !made.body.contains(part.as_str()));
        headers.chain(body.map(|part| differs("its body", part, &made.body))).collect()
    }
}

impl Annotation {
    fn differences(&self, told: &Value) -> Vec<String> {
        let text = |key: &str| told[key].as_str().unwrap_or_default().to_owned();
        let exact = [("level", &self.level), ("title", &self.title), ("file", &self.file)];
        let exact = exact.into_iter().filter_map(|(key, expected)| {
            let expected = expected.as_ref().filter(|expected| **expected != text(key))?;
            Some(differs(&format!("its {key}"), expected, &text(key)))
        });
        let message = self.message.iter().filter(|part| !text("message").contains(part.as_str()));
        let message = message.map(|part| differs("its message", part, &text("message")));
        let line = self.line.iter().filter(|line| told["line"].as_u64() != Some(**line));
        let line = line.map(|line| differs("its line", &line.to_string(), &told["line"].to_string()));
        exact.chain(message).chain(line).collect()
    }
}

fn differs(what: &str, expected: &str, found: &str) -> String {
    format!("{what}: expected {expected}, found {found}")
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain values print")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(toml: &str) -> Expected {
        toml::from_str(toml).expect("a good `[expect]`")
    }

    fn heard() -> Heard {
        Heard::from_lines(concat!(
            r#"{"kind":"log","text":"one line"}"#,
            "\n",
            r#"{"kind":"output","name":"lines","value":2}"#,
            "\n",
            r#"{"kind":"denied","code":"E-GRANT-NETWORK"}"#,
            "\n",
            r#"{"kind":"annotation","level":"error","message":"too few lines","file":"a.txt","line":1}"#,
            "\n",
            r#"{"kind":"step-finished","outcome":"failure","cause":{"code":"E-STEP-FAILED","message":"found 2"}}"#,
            "\n",
        ))
    }

    #[test]
    fn what_was_expected_is_no_difference() {
        let expected = expected(
            "outcome = 'failure'\ncode = 'E-STEP-FAILED'\nmessage = 'found'\noutputs = { lines = 2 }\nlog = ['line']\n\
             denials = ['E-GRANT-NETWORK']\nannotations = [{ level = 'error', message = 'few', file = 'a.txt', line = 1 }]",
        );
        assert_eq!(expected.differences(&heard()), Vec::<String>::new());
    }

    #[test]
    fn requests_are_compared_in_order_then_one_by_one() {
        let made = |url: &str| Made {
            method: "POST".into(),
            url: url.into(),
            headers: [("accept".to_owned(), "*/*".to_owned())].into(),
            body: "the count is 2".into(),
        };
        let heard = Heard { outcome: Some("success".into()), requests: vec![made("http://a/")], ..Heard::default() };
        let told =
            |requests: &str| expected(&format!("outcome = 'success'\nrequests = {requests}")).differences(&heard);
        assert!(
            told("[{ method = 'POST', url = 'http://a/', headers = { Accept = '*/*' }, body = 'is 2' }]").is_empty()
        );
        assert_eq!(told("[]"), [r#"the requests: expected [], found ["POST http://a/"]"#]);
        assert_eq!(
            told("[{ method = 'POST', url = 'http://a/', headers = { x = '1', accept = 'b' }, body = '3' }]"),
            [
                "request 1: its header `accept`: expected b, found */*",
                "request 1: its header `x`: expected 1, found none",
                "request 1: its body: expected 3, found the count is 2",
            ]
        );
    }

    #[test]
    fn every_difference_is_told() {
        let expected = expected(
            "outcome = 'success'\ncode = 'E-X'\nmessage = 'y'\noutputs = { lines = 3 }\nlog = ['two']\nsummary = ['z']\n\
             groups = ['g']\nannotations = [{ level = 'warning', line = 2 }]",
        );
        assert_eq!(
            expected.differences(&heard()),
            [
                "the outcome: expected success, found failure (E-STEP-FAILED: found 2)",
                "the code: expected E-X, found E-STEP-FAILED",
                "the message: expected y, found found 2",
                r#"the outputs: expected {"lines":3}, found {"lines":2}"#,
                r#"the denials: expected [], found ["E-GRANT-NETWORK"]"#,
                r#"the groups: expected ["g"], found []"#,
                "annotation 1: its level: expected warning, found error",
                "annotation 1: its line: expected 2, found 1",
                "no line of the log has `two`",
                "the summary has no `z`",
            ]
        );
    }
}
