//! What every expression may read, by the one table of [`crate::read::slot`].

use std::ops::Range;

use sealock_diagnostics::{Diagnostic, Span};
use sealock_expression::{Expression, FindingKind, Reference, SecretUseKind, Taint, TaintSource, Template};

use super::Subject;
use super::reach::StepIds;
use super::taint::Tainted;
use crate::problems::Problems;
use crate::read::slot::{Rule, Slot};
use crate::read::{Written, WrittenSource};

mod keys;

pub use keys::GITHUB;

pub(super) fn check(diagnostics: &mut Problems, subject: &Subject<'_>) {
    let tainted = Tainted::of(subject.pipeline);
    let step_ids = StepIds::of(subject.pipeline);
    for written in subject.written {
        let mut place =
            Place { subject, tainted: &tainted, step_ids: &step_ids, written, rule: written.slot.rule(), diagnostics };
        match &written.source {
            WrittenSource::Text(text) => {
                text.template()
                    .into_iter()
                    .flat_map(Template::expressions)
                    .for_each(|expression| place.check(expression));
            }
            WrittenSource::Condition(condition) => place.check(condition.expression()),
        }
    }
}

/// One text with expressions, and everything that bears on it.
struct Place<'a> {
    subject: &'a Subject<'a>,
    tainted: &'a Tainted<'a>,
    step_ids: &'a StepIds,
    written: &'a Written,
    rule: Rule,
    diagnostics: &'a mut Problems,
}

impl Place<'_> {
    fn check(&mut self, expression: &Expression) {
        self.check_functions(expression);
        self.check_secrets(expression);
        for reference in expression.references() {
            if !reference.reads("secrets") && self.check_context(&reference, expression) {
                self.check_key(&reference);
            }
        }
        self.check_taint(expression);
        self.check_findings(expression);
    }

    fn span(&self, range: Range<usize>) -> Span {
        match &self.written.source {
            WrittenSource::Text(text) => text.place(range).unwrap_or_default(),
            WrittenSource::Condition(condition) => condition.place(range),
        }
    }

    fn check_functions(&mut self, expression: &Expression) {
        for call in expression.functions_called() {
            let help = match call.function {
                "success" | "failure" | "cancelled" | "always" if !self.rule.status => {
                    "the state of the run is known in `if` only"
                }
                "hashFiles" if !self.rule.files => {
                    "there are files in steps only: compute it there and hand it on as an output"
                }
                _ => continue,
            };
            let message = format!("`{}` may not stand in {}", call.function, self.rule.what);
            let name = call.at.start..call.at.start + call.function.len();
            self.diagnostics.push(Diagnostic::error("E-EXPR-PLACE", message, self.span(name)).help(help));
        }
    }

    fn check_secrets(&mut self, expression: &Expression) {
        for named in expression.secret_uses() {
            let span = self.span(named.at);
            let found = match named.kind {
                SecretUseKind::Dynamic => Some(dynamic_secret(span)),
                SecretUseKind::AsArgument { name } => Some(secret_as_argument(&name, span)),
                SecretUseKind::Direct { name } if !self.rule.contexts.contains(&"secrets") => {
                    Some(misplaced_secret(&name, self.rule.what, span))
                }
                SecretUseKind::Direct { name } => super::names::undeclared_secret(self.subject, &name, span),
            };
            self.diagnostics.extend(found);
        }
    }

    /// Whether the context may stand here at all.
    fn check_context(&mut self, reference: &Reference, expression: &Expression) -> bool {
        let name = reference.context.as_str();
        let is_allowed = self.rule.contexts.contains(&name);
        if is_allowed && !(self.written.slot == Slot::Matrix && name == "needs") {
            return true;
        }
        let span = self.span(reference.at.clone());
        if is_allowed {
            let is_decoded = expression.functions_called().iter().any(|call| call.function == "fromJSON");
            if is_decoded && reference.path.len() == 3 {
                return true;
            }
            let found = Diagnostic::error("E-EXPR-PLACE", "`needs` stands in `matrix` without `fromJSON`", span).help(
                "write `${{ fromJSON(needs.STAGE.outputs.NAME) }}`: the cells are then made when that stage is done",
            );
            self.diagnostics.push(found);
            return false;
        }
        let known = self.rule.contexts.iter().map(|context| format!("`{context}`")).collect::<Vec<_>>().join(", ");
        let found = Diagnostic::error("E-EXPR-PLACE", format!("`{name}` may not stand in {}", self.rule.what), span)
            .label("not known here")
            .help(format!("here may stand {known}"));
        self.diagnostics.push(found);
        false
    }

    /// Outside text may be a value, never a name of what is run, built, or reached.
    fn check_taint(&mut self, expression: &Expression) {
        if self.rule.outside_text {
            return;
        }
        let (slot, owner) = (self.written.slot, self.written.owner);
        let Some(taint) = self.tainted.taint(expression, slot, owner) else {
            return;
        };
        if is_for_the_plan(&taint) {
            return;
        }
        let message = format!("`{}` is text from outside and would end in {}", taint.path, self.rule.what);
        let found = Diagnostic::error("E-EXPR-TAINTED", message, self.span(taint.at))
            .label("anyone can write this")
            .help("use something that only you decide, such as `github.sha` or an input; as a value it may go into `env` and `with`");
        self.diagnostics.push(found);
    }

    fn check_findings(&mut self, expression: &Expression) {
        for finding in expression.findings() {
            let (code, help) = match finding.kind {
                FindingKind::UnsoundContains => (
                    "E-LINT-CONTAINS",
                    format!(
                        "compare the whole: `{} == '…'`, or look in a list: `contains(fromJSON('[…]'), {0})`",
                        finding.path
                    ),
                ),
                FindingKind::SpoofableActor => {
                    ("E-LINT-ACTOR", "ask whose change it is: `github.event.pull_request.user.login`".to_owned())
                }
            };
            let span = self.span(finding.at.clone());
            self.diagnostics.push(Diagnostic::warning(code, finding.to_string(), span).help(help));
        }
    }
}

/// A tag's name may prove harmless once the event is known: only the plan can tell.
fn is_for_the_plan(taint: &Taint) -> bool {
    taint.source == TaintSource::RefName && taint.path.eq_ignore_ascii_case("github.ref_name")
}

fn dynamic_secret(span: Span) -> Diagnostic {
    Diagnostic::error("E-EXPR-SECRET-DYNAMIC", "secrets are read without saying which one", span)
        .label("could be any of them")
        .help("name it: `${{ secrets.NAME }}`")
}

fn secret_as_argument(name: &str, span: Span) -> Diagnostic {
    let message = format!("the secret `{name}` stands inside an expression");
    Diagnostic::error("E-EXPR-SECRET", message, span)
        .label("a secret is not text: nothing can be done with it here")
        .help(format!("let it stand alone, with text around it where needed: `text ${{{{ secrets.{name} }}}} text`"))
}

fn misplaced_secret(name: &str, what: &str, span: Span) -> Diagnostic {
    Diagnostic::error("E-EXPR-SECRET", format!("the secret `{name}` may not stand in {what}"), span)
        .label("it would be seen")
        .help("secrets go into `env`, and into inputs of `with` that the plugin declares as secret")
}
