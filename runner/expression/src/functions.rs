//! The functions that need nothing but their arguments, and the way to those that need more.

use crate::budget::TextBuilder;
use crate::compare;
use crate::evaluate::{Contexts, Evaluation, Failure};
use crate::format;
use crate::from_json;
use crate::ordinal;
use crate::syntax::NodeId;
use crate::to_json;
use crate::value::{Array, Value};

/// The result of the function `name` with arguments that stand at `level`.
pub(crate) fn call<C: Contexts + ?Sized>(
    evaluation: &mut Evaluation<'_, C>,
    name: &str,
    arguments: &[NodeId],
    level: usize,
) -> Result<Value, Failure> {
    match (name, arguments) {
        ("contains", &[whole, part]) => contains(evaluation, whole, part, level),
        ("startsWith", &[whole, part]) => {
            on_text(evaluation, whole, part, level, |whole, part| whole.starts_with(part))
        }
        ("endsWith", &[whole, part]) => on_text(evaluation, whole, part, level, |whole, part| whole.ends_with(part)),
        ("format", [pattern, rest @ ..]) => format::call(evaluation, *pattern, rest, level),
        ("join", [items, separator @ ..]) => join(evaluation, *items, separator.first().copied(), level),
        ("toJSON", &[value]) => {
            let value = evaluation.value(value, level)?;
            let text = to_json::write(&value)?;
            evaluation.budget.work(text.len())?;
            Ok(Value::string(text))
        }
        ("fromJSON", &[text]) => {
            let text = evaluation.value(text, level)?.to_text();
            evaluation.budget.work(text.len())?;
            from_json::read(&text, evaluation.budget)
        }
        _ => {
            let values: Result<Vec<_>, _> = arguments.iter().map(|&id| evaluation.value(id, level)).collect();
            evaluation.call(name, &values?)
        }
    }
}

/// Whether `whole` has `part` in it: as text in text, or as an equal item in an array.
fn contains<C: Contexts + ?Sized>(
    evaluation: &mut Evaluation<'_, C>,
    whole: NodeId,
    part: NodeId,
    level: usize,
) -> Result<Value, Failure> {
    match evaluation.value(whole, level)? {
        Value::Array(items) if !items.is_empty() => {
            let part = evaluation.value(part, level)?;
            contains_item(evaluation, &items, &part)
        }
        Value::Array(_) | Value::Object(_) => Ok(false.into()),
        whole => {
            let part = evaluation.value(part, level)?;
            text_holds(evaluation, &whole, &part, |whole, part| whole.contains(part))
        }
    }
}

fn contains_item<C: Contexts + ?Sized>(
    evaluation: &mut Evaluation<'_, C>,
    items: &Array,
    part: &Value,
) -> Result<Value, Failure> {
    for item in items.iter() {
        evaluation.spend_on(&[item, part])?;
        if compare::equal(part, item) {
            return Ok(true.into());
        }
    }
    Ok(false.into())
}

/// What `test` says of two texts without regard to case.
fn on_text<C: Contexts + ?Sized>(
    evaluation: &mut Evaluation<'_, C>,
    whole: NodeId,
    part: NodeId,
    level: usize,
    test: impl Fn(&str, &str) -> bool,
) -> Result<Value, Failure> {
    let whole = evaluation.value(whole, level)?;
    if !whole.is_primitive() {
        return Ok(false.into());
    }
    let part = evaluation.value(part, level)?;
    text_holds(evaluation, &whole, &part, test)
}

fn text_holds<C: Contexts + ?Sized>(
    evaluation: &mut Evaluation<'_, C>,
    whole: &Value,
    part: &Value,
    test: impl Fn(&str, &str) -> bool,
) -> Result<Value, Failure> {
    if !part.is_primitive() {
        return Ok(false.into());
    }
    evaluation.spend_on(&[whole, part])?;
    Ok(test(&ordinal::fold(&whole.to_text()), &ordinal::fold(&part.to_text())).into())
}

/// The items with a separator between them; `,` unless another text is given.
fn join<C: Contexts + ?Sized>(
    evaluation: &mut Evaluation<'_, C>,
    items: NodeId,
    separator: Option<NodeId>,
    level: usize,
) -> Result<Value, Failure> {
    let items = match evaluation.value(items, level)? {
        Value::Array(items) => items,
        Value::Object(_) => return Ok("".into()),
        primitive => return Ok(Value::String(primitive.to_text())),
    };
    let mut separator_text = ",".into();
    if let (Some(separator), true) = (separator, items.len() > 1) {
        let separator = evaluation.value(separator, level)?;
        if separator.is_primitive() {
            separator_text = separator.to_text();
        }
    }
    let mut text = TextBuilder::default();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push(&separator_text)?;
        }
        evaluation.spend_on(&[item])?;
        text.push(&item.to_text())?;
    }
    let text = text.finish();
    evaluation.budget.work(text.len())?;
    Ok(Value::string(text))
}
