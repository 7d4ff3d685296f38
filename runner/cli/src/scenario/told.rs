//! What a scenario expected, against what was heard.

use serde_json::Value;

use super::files;
use super::served::{Made, Request};
use super::{Annotation, Expected, Heard, Progress};

/// One thing that is not as expected.
#[derive(Debug)]
pub(super) struct Difference {
    /// What of `[expect]` it is about.
    pub at: Vec<String>,
    /// What was expected, and what was found.
    pub text: String,
}

impl Difference {
    pub(super) fn of(key: &str, text: String) -> Self {
        Self { at: vec![key.to_owned()], text }
    }

    /// Of one table of several.
    pub(super) fn of_one(key: &str, index: usize, text: String) -> Self {
        Self { at: vec![key.to_owned(), index.to_string()], text }
    }
}

impl Expected {
    /// Everything that is not as expected.
    pub(super) fn differences(&self, heard: &Heard) -> Vec<Difference> {
        let mut found = Vec::new();
        self.ending(heard, &mut found);
        if let Some(outputs) = self.outputs.as_ref().filter(|outputs| **outputs != heard.outputs) {
            found.push(Difference::of("outputs", differs("the outputs", &json(outputs), &json(&heard.outputs))));
        }
        if self.denials != heard.denials {
            let text = differs("the denials", &json(&self.denials), &json(&heard.denials));
            found.push(Difference::of("denials", text));
        }
        if let Some(groups) = self.groups.as_ref().filter(|groups| **groups != heard.groups) {
            found.push(Difference::of("groups", differs("the groups", &json(groups), &json(&heard.groups))));
        }
        self.annotations(heard, &mut found);
        self.requests(heard, &mut found);
        self.progress(heard, &mut found);
        found.extend(files::differences(&self.files, &heard.files));
        let missing = self.log.iter().filter(|part| !heard.log.iter().any(|line| line.contains(*part)));
        found.extend(missing.map(|part| Difference::of("log", format!("no line of the log has `{part}`"))));
        let missing = self.summary.iter().filter(|part| !heard.summary.contains(*part));
        found.extend(missing.map(|part| Difference::of("summary", format!("the summary has no `{part}`"))));
        found
    }

    fn ending(&self, heard: &Heard, found: &mut Vec<Difference>) {
        let outcome = heard.outcome.as_deref().unwrap_or("no end");
        if outcome != self.outcome.word() {
            let why = heard.code.iter().chain(&heard.message).cloned().collect::<Vec<_>>().join(": ");
            let why = if why.is_empty() { why } else { format!(" ({why})") };
            let text = differs("the outcome", self.outcome.word(), &format!("{outcome}{why}"));
            found.push(Difference::of("outcome", text));
        }
        if let Some(code) = self.code.as_ref().filter(|code| heard.code.as_ref() != Some(code)) {
            let text = differs("the code", code, heard.code.as_deref().unwrap_or("none"));
            found.push(Difference::of("code", text));
        }
        let message = heard.message.as_deref().unwrap_or_default();
        if let Some(part) = self.message.as_ref().filter(|part| !message.contains(part.as_str())) {
            found.push(Difference::of("message", differs("the message", part, message)));
        }
    }

    fn annotations(&self, heard: &Heard, found: &mut Vec<Difference>) {
        let Some(expected) = &self.annotations else {
            return;
        };
        if expected.len() != heard.annotations.len() {
            let told: Vec<&Value> = heard.annotations.iter().map(|annotation| &annotation["message"]).collect();
            let expected = format!("{} annotations", expected.len());
            found.push(Difference::of("annotations", differs("the annotations", &expected, &json(&told))));
            return;
        }
        for (index, (expected, told)) in expected.iter().zip(&heard.annotations).enumerate() {
            found.extend(numbered("annotations", "annotation", index, expected.differences(told)));
        }
    }

    fn progress(&self, heard: &Heard, found: &mut Vec<Difference>) {
        let Some(expected) = &self.progress else {
            return;
        };
        if expected.len() != heard.progress.len() {
            let told: Vec<String> = heard.progress.iter().map(progress_line).collect();
            let expected = format!("{} times", expected.len());
            found.push(Difference::of("progress", differs("the progress", &expected, &json(&told))));
            return;
        }
        for (index, (expected, told)) in expected.iter().zip(&heard.progress).enumerate() {
            found.extend(numbered("progress", "progress", index, expected.differences(told)));
        }
    }

    fn requests(&self, heard: &Heard, found: &mut Vec<Difference>) {
        let Some(expected) = &self.requests else {
            return;
        };
        let own: Vec<String> = expected.iter().map(|own| line(&own.method, &own.url)).collect();
        let made: Vec<String> = heard.requests.iter().map(|made| line(&made.method, &made.url)).collect();
        if own != made {
            found.push(Difference::of("requests", differs("the requests", &json(&own), &json(&made))));
            return;
        }
        for (index, (expected, made)) in expected.iter().zip(&heard.requests).enumerate() {
            found.extend(numbered("requests", "request", index, expected.differences(made)));
        }
    }
}

/// Differences of one of several, which people count from 1.
fn numbered(key: &str, what: &str, index: usize, differences: Vec<String>) -> impl Iterator<Item = Difference> {
    let text = move |difference| format!("{what} {}: {difference}", index + 1);
    differences.into_iter().map(move |difference| Difference::of_one(key, index, text(difference)))
}

/// `1 of 2: half`
fn progress_line(told: &Value) -> String {
    let total = told["total"].as_u64().map(|total| format!(" of {total}")).unwrap_or_default();
    format!("{}{total}: {}", told["done"], told["message"].as_str().unwrap_or_default())
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

impl Progress {
    fn differences(&self, told: &Value) -> Vec<String> {
        let number = |key: &str, expected: Option<u64>| {
            let expected = expected.filter(|expected| told[key].as_u64() != Some(*expected))?;
            let found = told[key].as_u64().map_or_else(|| "none".to_owned(), |found| found.to_string());
            Some(differs(&format!("its {key}"), &expected.to_string(), &found))
        };
        let text = told["message"].as_str().unwrap_or_default();
        let message = self.message.iter().filter(|part| !text.contains(part.as_str()));
        let message = message.map(|part| differs("its message", part, text));
        number("done", self.done).into_iter().chain(number("total", self.total)).chain(message).collect()
    }
}

pub(super) fn differs(what: &str, expected: &str, found: &str) -> String {
    format!("{what}: expected {expected}, found {found}")
}

pub(super) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("plain values print")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(toml: &str) -> Expected {
        toml::from_str(toml).expect("a good `[expect]`")
    }

    fn texts(expected: &Expected, heard: &Heard) -> Vec<String> {
        expected.differences(heard).into_iter().map(|difference| difference.text).collect()
    }

    fn heard() -> Heard {
        Heard::from_lines(concat!(
            r#"{"kind":"log","text":"one line"}"#,
            "\n",
            r#"{"kind":"output","name":"lines","value":2}"#,
            "\n",
            r#"{"kind":"progress","done":1,"total":2,"message":"half of it"}"#,
            "\n",
            r#"{"kind":"progress","done":2,"message":"the rest"}"#,
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
        assert_eq!(texts(&expected, &heard()), Vec::<String>::new());
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
        let told = |requests: &str| texts(&expected(&format!("outcome = 'success'\nrequests = {requests}")), &heard);
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
    fn progress_is_compared_in_order_and_what_is_left_out_is_not() {
        let told = |progress: &str| {
            let expected =
                expected(&format!("outcome = 'failure'\ndenials = ['E-GRANT-NETWORK']\nprogress = {progress}"));
            texts(&expected, &heard())
        };
        assert_eq!(told("[{ done = 1, total = 2, message = 'half' }, { message = 'rest' }]"), Vec::<String>::new());
        assert_eq!(told("[]"), [r#"the progress: expected 0 times, found ["1 of 2: half of it","2: the rest"]"#]);
        assert_eq!(
            told("[{ done = 0 }, { total = 2, message = 'all' }]"),
            [
                "progress 1: its done: expected 0, found 1",
                "progress 2: its total: expected 2, found none",
                "progress 2: its message: expected all, found the rest",
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
            texts(&expected, &heard()),
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
