//! `on`.

use sealock_diagnostics::Diagnostic;

use super::cron;
use super::reader::{Field, Keys, Reader};
use super::shape::{FOREIGN_KEYS, PULL_REQUEST, PULL_REQUEST_TYPES, PUSH, SCHEDULE, TRIGGERS};
use crate::model::{PullRequestFilter, PushFilter, Schedule, Spanned, Triggers};
use crate::yaml::NodeId;

impl Reader<'_> {
    /// `push`, `[push, manual]`, or a map.
    pub(super) fn triggers(&mut self, node: NodeId) -> Triggers {
        if !self.is_map(node) {
            return self.named_triggers(node);
        }
        let Some(keys) = self.keys(node, "`on`", &TRIGGERS) else {
            return Triggers::default();
        };
        Triggers {
            push: keys.get("push").map(|field| self.push(field)),
            pull_request: keys.get("pull_request").map(|field| self.pull_request(field)),
            schedule: keys.get("schedule").map(|field| self.schedules(field)).unwrap_or_default(),
            manual: keys.get("manual").map(|field| {
                if !self.is_null(field.node) {
                    self.mismatch(field.node, "`manual`", "nothing behind its colon");
                }
                Spanned::new((), field.key)
            }),
        }
    }

    fn named_triggers(&mut self, node: NodeId) -> Triggers {
        let mut triggers = Triggers::default();
        for item in self.several(node, "`on`", "`push`, `pull_request`, `manual`, or a map") {
            let Some(name) = self.text(item, "an item of `on`") else {
                continue;
            };
            match name.as_str() {
                "push" => triggers.push = Some(Spanned::new(PushFilter::default(), name.span)),
                "pull_request" => triggers.pull_request = Some(Spanned::new(PullRequestFilter::default(), name.span)),
                "manual" => triggers.manual = Some(Spanned::new((), name.span)),
                _ => self.unknown_trigger(&name),
            }
        }
        triggers
    }

    fn unknown_trigger(&mut self, name: &Spanned<String>) {
        let foreign =
            FOREIGN_KEYS.iter().find(|(foreign, _)| *foreign == name.value).map(|(_, help)| (*help).to_owned());
        let help = match name.as_str() {
            "schedule" => Some("write its times: `on: { schedule: [{ cron: \"0 2 * * *\" }] }`".to_owned()),
            _ => foreign.or_else(|| self.offers.offer(name, TRIGGERS.names())),
        };
        let message = format!("`on` does not know `{}`", super::shortened(name));
        self.report(Diagnostic::error("E-CHOICE", message, name.span).maybe_help(help));
    }

    fn push(&mut self, field: Field) -> Spanned<PushFilter> {
        let keys = if self.is_null(field.node) { None } else { self.keys(field.node, "`push`", &PUSH) };
        let filter = keys.map(|keys| PushFilter {
            branches: self.globs(&keys, "branches"),
            branches_ignore: self.globs(&keys, "branches-ignore"),
            tags: self.globs(&keys, "tags"),
            tags_ignore: self.globs(&keys, "tags-ignore"),
            paths: self.globs(&keys, "paths"),
            paths_ignore: self.globs(&keys, "paths-ignore"),
        });
        Spanned::new(filter.unwrap_or_default(), field.key)
    }

    fn pull_request(&mut self, field: Field) -> Spanned<PullRequestFilter> {
        let keys = if self.is_null(field.node) { None } else { self.keys(field.node, "`pull_request`", &PULL_REQUEST) };
        let filter = keys.map(|keys| PullRequestFilter {
            branches: self.globs(&keys, "branches"),
            branches_ignore: self.globs(&keys, "branches-ignore"),
            paths: self.globs(&keys, "paths"),
            paths_ignore: self.globs(&keys, "paths-ignore"),
            types: keys.get("types").map(|field| self.types(field.node)).unwrap_or_default(),
        });
        Spanned::new(filter.unwrap_or_default(), field.key)
    }

    fn types(&mut self, node: NodeId) -> Vec<Spanned<String>> {
        let nodes = self.several(node, "`types`", "a list of text");
        let word =
            |reader: &mut Self, node| reader.choice(node, "an item of `types`", PULL_REQUEST_TYPES, PULL_REQUEST_TYPES);
        nodes.into_iter().filter_map(|node| word(self, node)).map(|word| word.map(str::to_owned)).collect()
    }

    fn globs(&mut self, keys: &Keys, name: &str) -> Vec<Spanned<String>> {
        if let (Some(_), Some(other)) = (keys.get(name), keys.field(&format!("{name}-ignore"))) {
            let found =
                Diagnostic::error("E-KEY-CONFLICT", format!("`{name}` and `{name}-ignore` stand together"), other.key)
                    .help(
                        "keep one of the two; a pattern that starts with `!` takes back what the ones before it match",
                    );
            self.report(found);
        }
        keys.get(name).map(|field| self.texts(field.node, &format!("`{name}`"))).unwrap_or_default()
    }

    /// One text or a list of them, without expressions.
    pub(super) fn texts(&mut self, node: NodeId, subject: &str) -> Vec<Spanned<String>> {
        let nodes = self.several(node, subject, "a list of text");
        nodes.into_iter().filter_map(|node| self.text(node, &format!("an item of {subject}"))).collect()
    }

    fn schedules(&mut self, field: Field) -> Vec<Spanned<Schedule>> {
        let nodes = self.full_list(field.node, "`schedule`", "a list of `{ cron: … }`");
        nodes.into_iter().filter_map(|node| self.schedule(node)).collect()
    }

    fn schedule(&mut self, node: NodeId) -> Option<Spanned<Schedule>> {
        let keys = self.keys(node, "a schedule", &SCHEDULE)?;
        let timezone = keys.get("timezone").and_then(|field| self.text(field.node, "`timezone`"));
        if let Some(zone) = timezone.as_ref().filter(|zone| !cron::is_timezone(zone)) {
            let message = format!("`{}` is not the name of a timezone", super::shortened(zone));
            let found = Diagnostic::error("E-CRON", message, zone.span);
            self.report(found.help("write a name of the IANA list, such as `Europe/Oslo` or `UTC`"));
        }
        let cron = keys.get("cron").and_then(|field| self.text(field.node, "`cron`"))?;
        if let Err(error) = cron::check(&cron) {
            let found = Diagnostic::error("E-CRON", format!("`cron`: {error}"), cron.span)
                .help("write five fields, minute, hour, day, month, weekday, such as `0 2 * * *` for two every night");
            self.report(found);
        }
        Some(Spanned::new(Schedule { cron, timezone }, keys.span()))
    }
}
