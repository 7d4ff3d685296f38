//! `JUnit` XML, as pytest, Surefire, jest-junit, vitest, mocha, node, gotestsum, and many others write it.
//!
//! There is no standard. What is common is taken at its word: a `testcase` inside of a `testsuite` (or `testsuites`)
//! is one test; it is skipped when it has `skipped`, else an error when it has `error`, else a failure when it has
//! `failure`. Only direct children count: Surefire's `flakyFailure` and `rerunFailure` tell of a test that has another
//! try. A failure of a suite itself counts as one more error, so that it cannot be overlooked.

use std::time::Duration;

use sealock_report::{Element, Fault, Format, Node, Report, Start, Xml, shorten, visible};

use crate::limits::{MAX_DETAIL_CHARS, MAX_NAME_CHARS};
use crate::tally::{Counts, Ending, Place, Problem, Tally};

/// pytest's name for the one suite it writes.
const PYTEST: &str = "pytest";

/// Values of a test case's `status` (Google Test, `CTest`) for one that did not run.
const NOT_RUN: [&str; 3] = ["notrun", "disabled", "skipped"];

/// The most text of one failure that is collected before it is shortened.
const MAX_TEXT_BYTES: usize = 4 * MAX_DETAIL_CHARS;

pub(super) struct Junit;

impl Format<Tally> for Junit {
    fn name(&self) -> &'static str {
        "junit"
    }

    fn opening(&self) -> &'static str {
        "<testsuites> or <testsuite>"
    }

    fn recognises(&self, start: &Start) -> bool {
        start.xml_root().is_some_and(|root| is_suite(&root))
    }

    fn read(&self, report: &mut Report<'_>) -> Result<Tally, Fault> {
        let mut xml = Xml::new(report);
        let mut reading = Reading::default();
        loop {
            match xml.next()? {
                Node::Open(element) => reading.open(&mut xml, &element)?,
                Node::Text(text) => reading.text(&text),
                Node::Close(name) => reading.close(&mut xml, &name),
                Node::End => return Ok(reading.tally),
            }
        }
    }
}

fn is_suite(name: &str) -> bool {
    matches!(name, "testsuites" | "testsuite")
}

/// What is known in the middle of a report.
#[derive(Default)]
struct Reading {
    tally: Tally,
    suites: Vec<Suite>,
    case: Option<Case>,
    complaint: Option<Complaint>,
}

/// A suite that is open.
struct Suite {
    name: String,
    file: Option<String>,
    stated: Stated,
    /// The tests that stand in it.
    direct: Counts,
    /// Those of the suites in it.
    nested: Counts,
    /// The tests and the suites that stand in it: what node counts.
    children: Counts,
}

/// What a suite's attributes say.
struct Stated {
    total: Option<u64>,
    failed: Option<u64>,
    errors: Option<u64>,
    skipped: Option<u64>,
}

/// A test case that is open.
struct Case {
    class: String,
    name: String,
    place: Option<Place>,
    is_skipped: bool,
    failure: Option<Complaint>,
    error: Option<Complaint>,
}

/// A `failure` or an `error`.
struct Complaint {
    ending: Ending,
    message: String,
    text: String,
}

impl Reading {
    fn open(&mut self, xml: &mut Xml<'_, '_>, element: &Element) -> Result<(), Fault> {
        let parent = xml.parent();
        let is_in_suite = parent.is_some_and(is_suite);
        match element.name.as_str() {
            name if is_suite(name) => self.open_suite(parent, element),
            "testcase" if is_in_suite => {
                self.open_case(element);
                Ok(())
            }
            "testcase" => Err(misplaced(element, parent, "a test case inside of <testsuite>")),
            _ if parent.is_none() => Err(misplaced(element, parent, "<testsuites> or <testsuite> as the root")),
            "skipped" if parent == Some("testcase") => {
                self.case.iter_mut().for_each(|case| case.is_skipped = true);
                Ok(())
            }
            "failure" | "error" if is_in_suite || parent == Some("testcase") => {
                self.complaint = Some(Complaint::new(element));
                xml.keep_text(true);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn open_suite(&mut self, parent: Option<&str>, element: &Element) -> Result<(), Fault> {
        if !parent.is_none_or(is_suite) {
            return Err(misplaced(element, parent, "a suite as the root or inside of <testsuite>"));
        }
        self.suites.push(Suite {
            name: shorten(&visible(element.attribute("name").unwrap_or_default()), MAX_NAME_CHARS),
            file: element.attribute("file").map(|file| shorten(file, MAX_NAME_CHARS)),
            stated: Stated::new(element),
            direct: Counts::default(),
            nested: Counts::default(),
            children: Counts::default(),
        });
        Ok(())
    }

    fn open_case(&mut self, element: &Element) {
        self.tally.duration = self.tally.duration.saturating_add(duration(element));
        let named = |name: &str| shorten(element.attribute(name).unwrap_or_default(), MAX_NAME_CHARS);
        self.case = Some(Case {
            class: named("classname"),
            name: named("name"),
            place: self.place(element),
            is_skipped: element.attribute("status").is_some_and(|status| NOT_RUN.contains(&status)),
            failure: None,
            error: None,
        });
    }

    /// A file without a line is shown at its first.
    fn place(&self, element: &Element) -> Option<Place> {
        let suite = self.suites.iter().rev().find_map(|suite| suite.file.as_deref());
        let file = element.attribute("file").or(suite).filter(|file| !file.is_empty())?;
        let line: u32 = element.attribute("line").and_then(|line| line.trim().parse().ok()).unwrap_or(0);
        // pytest counts lines from 0.
        let is_pytest = self.suites.last().is_some_and(|suite| suite.name == PYTEST);
        let line = if is_pytest { line.saturating_add(1) } else { line.max(1) };
        Some(Place { file: shorten(&visible(file), MAX_NAME_CHARS), line })
    }

    fn text(&mut self, text: &str) {
        if let Some(complaint) = &mut self.complaint {
            let room = MAX_TEXT_BYTES.saturating_sub(complaint.text.len());
            complaint.text.push_str(&text[..text.floor_char_boundary(room)]);
        }
    }

    /// `xml` has already left the element called `name`.
    fn close(&mut self, xml: &mut Xml<'_, '_>, name: &str) {
        let is_in_case = xml.path().last().is_some_and(|parent| parent == "testcase");
        match name {
            "failure" | "error" if is_in_case || xml.path().last().is_some_and(|parent| is_suite(parent)) => {
                xml.keep_text(false);
                self.close_complaint();
            }
            "testcase" => self.close_case(),
            name if is_suite(name) => self.close_suite(),
            _ => {}
        }
    }

    fn close_complaint(&mut self) {
        let Some(complaint) = self.complaint.take() else {
            return;
        };
        match &mut self.case {
            Some(case) => case.complain(complaint),
            None => self.count_suite(&complaint),
        }
    }

    /// A suite that failed outside of its tests.
    fn count_suite(&mut self, complaint: &Complaint) {
        let name = self.suites.last().map(|suite| suite.name.clone()).unwrap_or_default();
        self.count(Ending::Errored);
        self.tally.problems.push_with(|| {
            Problem::new(&name, "(the suite itself)", Ending::Errored, &complaint.message, &complaint.text)
        });
    }

    fn close_case(&mut self) {
        let Some(case) = self.case.take() else {
            return;
        };
        self.count(case.ending());
        if let Some(problem) = case.problem() {
            self.tally.problems.push_with(|| problem);
        }
    }

    fn count(&mut self, ending: Ending) {
        self.tally.counts.add(ending);
        if let Some(suite) = self.suites.last_mut() {
            suite.direct.add(ending);
            suite.children.add(ending);
        }
    }

    fn close_suite(&mut self) {
        let Some(suite) = self.suites.pop() else {
            return;
        };
        let mut all = suite.direct;
        all.add_all(suite.nested);
        if let Some(parent) = self.suites.last_mut() {
            parent.nested.add_all(all);
            parent.children.add(if all.bad() > 0 { Ending::Failed } else { Ending::Passed });
        }
        if ![all, suite.direct, suite.children].iter().any(|counts| suite.stated.agrees_with(counts)) {
            self.tally.disagreements.push_with(|| suite.stated.disagreement(&suite.name, &all));
        }
    }
}

fn misplaced(element: &Element, parent: Option<&str>, expected: &str) -> Fault {
    let found = match parent {
        Some(parent) => format!("<{}> inside of <{parent}>", visible(&shorten(&element.name, MAX_NAME_CHARS))),
        None => format!("the root <{}>", visible(&shorten(&element.name, MAX_NAME_CHARS))),
    };
    Fault::new(element.at, found, expected)
}

/// `time` in seconds; older Surefire groups its digits by commas. What cannot be read took no time.
fn duration(element: &Element) -> Duration {
    let seconds = element.attribute("time").and_then(|time| time.replace(',', "").trim().parse().ok());
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_default()
}

impl Complaint {
    fn new(element: &Element) -> Self {
        let said = |name| element.attribute(name).filter(|text| !text.trim().is_empty());
        Self {
            ending: if element.name == "error" { Ending::Errored } else { Ending::Failed },
            message: shorten(said("message").unwrap_or_default(), MAX_DETAIL_CHARS),
            text: String::new(),
        }
    }
}

impl Case {
    /// The first of each kind is kept.
    fn complain(&mut self, complaint: Complaint) {
        let of_kind = if complaint.ending == Ending::Errored { &mut self.error } else { &mut self.failure };
        of_kind.get_or_insert(complaint);
    }

    fn ending(&self) -> Ending {
        match (self.is_skipped, &self.error, &self.failure) {
            (true, ..) => Ending::Skipped,
            (false, Some(_), _) => Ending::Errored,
            (false, None, Some(_)) => Ending::Failed,
            (false, None, None) => Ending::Passed,
        }
    }

    fn problem(self) -> Option<Problem> {
        let ending = self.ending();
        let complaint = self.error.or(self.failure).filter(|_| !self.is_skipped)?;
        let problem = Problem::new(&self.class, &self.name, ending, &complaint.message, &complaint.text);
        Some(Problem { place: self.place, ..problem })
    }
}

impl Stated {
    fn new(element: &Element) -> Self {
        let number = |name: &str| element.attribute(name).and_then(|text| text.trim().parse().ok());
        Self {
            total: number("tests"),
            failed: number("failures"),
            errors: number("errors"),
            skipped: number("skipped"),
        }
    }

    fn agrees_with(&self, counts: &Counts) -> bool {
        self.pairs(counts).iter().all(|(_, stated, counted)| stated.is_none_or(|stated| stated == *counted))
    }

    fn pairs(&self, counts: &Counts) -> [(&'static str, Option<u64>, u64); 4] {
        [
            ("tests", self.total, counts.total()),
            ("failures", self.failed, counts.failed),
            ("errors", self.errors, counts.errors),
            ("skipped", self.skipped, counts.skipped),
        ]
    }

    fn disagreement(&self, suite: &str, counts: &Counts) -> String {
        let differing = self.pairs(counts).into_iter().filter_map(|(name, stated, counted)| {
            let stated = stated.filter(|stated| *stated != counted)?;
            Some(format!("{name}={stated}, its test cases {counted}"))
        });
        format!("`{suite}` says {}", differing.collect::<Vec<_>>().join("; "))
    }
}
