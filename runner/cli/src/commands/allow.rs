//! `sealock allow --from RUN`

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::Args;
use sealock_contract::Grant;
use sealock_contract::grant::{Capability, FileGrant, HostPattern, NetworkGrant, Reach};
use sealock_diagnostics::escape;
use sealock_events::RunResult;
use sealock_journal::Journal;
use sealock_plan::SHELL;

use crate::exit_code;
use crate::failure::Failure;
use crate::shell::Shell;
use crate::usage::{self, StepUse, Usage};

/// A longer entry is left out: no host, program, or image that anybody would allow is this long.
const ENTRY_CHARS_MAX: usize = 300;

/// Write the smallest `allow` of each step that would have been enough for a run, ready to paste.
///
/// What a step was refused stands there too, marked: read it before you allow it. Files, and the network of
/// scripts, are not seen by the broker; they stay as they were allowed.
#[derive(Debug, Args)]
pub(crate) struct Allow {
    /// A run's id, its beginning, or `latest`
    #[arg(long, value_name = "RUN")]
    from: String,
}

impl Allow {
    /// Prints it.
    ///
    /// # Errors
    ///
    /// When there is no such run, or it cannot be read.
    pub(crate) fn run(&self, shell: &mut Shell) -> Result<u8, Failure> {
        let unreadable = |error: sealock_journal::ReadError| Failure::unread(&error);
        let journal = Journal::open(&shell.state()?).map_err(|error| Failure::unopened(&error))?;
        let found = journal.run(&self.from).map_err(unreadable)?;
        let usage = Usage::of(&journal, &found.run)?;
        let mut out = format!("# the smallest `allow` that would have been enough for run {}\n", found.run);
        if found.result != Some(RunResult::Success) {
            out.push_str("# the run did not succeed: what a later run needs beyond this is not known\n");
        }
        out.push_str(&text(&usage));
        shell.answer(&out);
        Ok(exit_code::SUCCESS)
    }
}

fn text(usage: &Usage) -> String {
    let mut out = String::new();
    for ((stage, step), needs) in by_step(usage) {
        let line = usage.planned(&stage, &step).map(|(_, step)| format!(" ({}:{})", usage.plan.file, step.line));
        let place = comment(&format!("{stage} / {step}{}", line.unwrap_or_default()));
        if needs.is_empty() {
            let _ = writeln!(out, "\n# {place}: needs no `allow`");
        } else {
            let _ = write!(out, "\n# {place}\n{}", needs.yaml());
        }
    }
    out
}

/// Cells of one matrix share what they need: they share one place in the file.
fn by_step(usage: &Usage) -> BTreeMap<(String, String), Needs> {
    let mut steps: BTreeMap<(String, String), Needs> = BTreeMap::new();
    for ((stage, step), own) in &usage.steps {
        let planned = usage.planned(stage, step);
        let typed = planned.map(|(stage, step)| usage.plan.typed_grant(stage, step)).unwrap_or_default();
        let id = planned.map_or(stage, |(stage, _)| &stage.id);
        let needs = steps.entry((id.clone(), step.clone())).or_default();
        needs.take(own, &usage.grant(stage, step), &typed);
        if planned.is_some_and(|(_, step)| step.plugin == SHELL) {
            needs.keep_network(&usage.grant(stage, step));
        }
    }
    steps
}

/// The entries of one `allow`, by their key, each as YAML.
#[derive(Debug, Default)]
struct Needs {
    entries: BTreeMap<&'static str, BTreeSet<String>>,
    remarks: BTreeSet<String>,
}

impl Needs {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.remarks.is_empty()
    }

    fn add(&mut self, key: &'static str, what: &str) {
        let is_plain = escape(what) == what && !what.contains("${{") && what.chars().count() <= ENTRY_CHARS_MAX;
        if is_plain && !what.contains('\n') {
            self.entries.entry(key).or_default().insert(quoted(what));
        } else {
            self.remarks.insert("an entry is left out: its name is not plain text".to_owned());
        }
    }

    fn take(&mut self, own: &StepUse, grant: &Grant, typed: &Grant) {
        for (capability, what) in own.used.iter().filter(|(own, what)| !usage::covers(typed, *own, what)) {
            match capability {
                Capability::Network => self.reach(what, grant),
                Capability::Exec => self.add("exec", what),
                Capability::Build => self.build(),
                Capability::Run => self.add("run", what),
                Capability::Push => self.add("push", what),
                Capability::Targets => self.add("targets", what),
                // A secret is granted by being named; only its bytes are granted by `allow`.
                Capability::Reveal => self.secrets(own),
                _ => {}
            }
        }
        self.keep_files(&grant.files, &typed.files);
        for (message, help) in &own.denied {
            self.remarks.insert(format!("was refused: {message}"));
            if let Some((key, what)) = help.as_deref().and_then(refused_entry) {
                self.add(key, what);
            }
        }
    }

    fn secrets(&mut self, own: &StepUse) {
        let names = own.used.iter().filter(|(capability, _)| *capability == Capability::Secrets);
        names.for_each(|(_, name)| self.add("secrets", name));
    }

    fn build(&mut self) {
        self.entries.entry("build").or_default().insert("true".to_owned());
    }

    fn reach(&mut self, what: &str, grant: &Grant) {
        let is_name = |own: &NetworkGrant| matches!(&own.host, HostPattern::Name(name) if name != "localhost");
        let by = grant.network.iter().find(|own| usage::reaches(own, what));
        if by.is_some_and(|own| {
            own.reach == Reach::Private && (is_name(own) || matches!(own.host, HostPattern::Below(_)))
        }) {
            let entry = format!("{{ host: {}, private: true }}", quoted(what));
            self.entries.entry("network").or_default().insert(entry);
        } else {
            self.add("network", what);
        }
    }

    fn keep_network(&mut self, grant: &Grant) {
        for own in &grant.network {
            self.remarks.insert("what a script uses of the network is not seen: as it was allowed".to_owned());
            if own.host == HostPattern::Any {
                self.remarks.insert("it was allowed a network of the machine's policy: keep that name".to_owned());
            } else {
                self.add("network", &usage::entry(own));
            }
        }
    }

    fn keep_files(&mut self, granted: &FileGrant, typed: &FileGrant) {
        if granted == typed {
            return;
        }
        self.remarks.insert("which files are used is not seen: as they were allowed".to_owned());
        granted.read.iter().filter(|own| !typed.read.contains(own)).for_each(|own| self.add("read", &own.0));
        granted.write.iter().for_each(|own| self.add("write", &own.0));
    }

    fn yaml(&self) -> String {
        let remarks = self.remarks.iter().map(|remark| format!("# {}", comment(remark)));
        let list = |key: &str| self.entries.get(key).map(|own| own.iter().cloned().collect::<Vec<_>>().join(", "));
        let one = |key: &str| list(key).map(|entries| format!("{key}: [{entries}]"));
        let group = |name: &str, parts: Vec<Option<String>>| {
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            (!parts.is_empty()).then(|| format!("{name}: {{ {} }}", parts.join(", ")))
        };
        let build = self.entries.contains_key("build").then(|| "build: true".to_owned());
        let lines = [
            one("network"),
            one("exec"),
            group("files", vec![one("read"), one("write")]),
            one("secrets"),
            group("containers", vec![build, one("run"), one("push")]),
            one("targets"),
        ];
        let mut lines: Vec<String> = lines.into_iter().flatten().map(|line| format!("  {line}")).collect();
        if !lines.is_empty() {
            lines.insert(0, "allow:".to_owned());
        }
        remarks.chain(lines).fold(String::new(), |out, line| out + &line + "\n")
    }
}

/// The key and the name in the line that a denial offers. A step can make a denial's words up: only what is
/// read as one of these forms goes on, and is quoted anew.
fn refused_entry(help: &str) -> Option<(&'static str, &str)> {
    const FORMS: [(&str, &str, &str); 8] = [
        ("network", "network: [\"", "\"]"),
        ("exec", "exec: [", "]"),
        ("read", "files: { read: [\"", "\"] }"),
        ("write", "files: { write: [\"", "\"] }"),
        ("secrets", "secrets: [", "]"),
        ("run", "containers: { run: [\"", "\"] }"),
        ("push", "containers: { push: [\"", "\"] }"),
        ("targets", "targets: [", "]"),
    ];
    let inner = help.strip_prefix("allow: { ")?.strip_suffix(" }")?;
    if inner == "containers: { build: true }" {
        return Some(("build", "true"));
    }
    let (key, what) =
        FORMS.iter().find_map(|(key, start, end)| Some((*key, inner.strip_prefix(start)?.strip_suffix(end)?)))?;
    let is_entry = !what.is_empty() && !what.contains(['"', '[', ']', '{', '}']);
    let is_host = key != "network" || what.parse::<NetworkGrant>().is_ok();
    (is_entry && is_host).then_some((key, what))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text that stays on its line.
fn comment(text: &str) -> String {
    escape(&text.replace(['\n', '\r'], " ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_forms_of_our_own_denials_become_entries() {
        assert_eq!(
            refused_entry("allow: { network: [\"api.example.org:443\"] }"),
            Some(("network", "api.example.org:443"))
        );
        assert_eq!(refused_entry("allow: { exec: [npm] }"), Some(("exec", "npm")));
        assert_eq!(refused_entry("allow: { files: { write: [\"a/b\"] } }"), Some(("write", "a/b")));
        assert_eq!(refused_entry("allow: { containers: { build: true } }"), Some(("build", "true")));
        for made_up in [
            "allow: { network: [\"*:443\"] }",
            "allow: { exec: [a], targets: [web1] }",
            "allow: { exec: [a\"]\nrun: x }",
            "exec: [npm]",
            "allow: { exec: [] }",
        ] {
            assert_eq!(refused_entry(made_up), None, "{made_up}");
        }
    }

    #[test]
    fn a_name_cannot_break_out_of_its_line_or_become_an_expression() {
        let mut needs = Needs::default();
        needs.add("exec", "a\nrun: evil");
        needs.add("exec", "${{ secrets.TOKEN }}");
        needs.add("exec", "a\", \"b");
        assert_eq!(
            needs.yaml(),
            "# an entry is left out: its name is not plain text\nallow:\n  exec: [\"a\\\", \\\"b\"]\n"
        );
    }
}
