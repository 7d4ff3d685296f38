//! Evaluates what authors wrote: texts, conditions, and the values under `with`.

use sealock_contract::{SecretPart, SecretText};
use sealock_expression::{Contexts, Expression, ExpressionError, Piece, Template, Value};
use serde_json::{Map, Value as Json};

use crate::WithValue;

/// Contexts that are JSON objects, and the functions that need the run.
pub trait Known {
    /// The context of this name, when it is known here.
    fn json(&self, name: &str) -> Option<Json>;

    /// The same as a value of expressions.
    fn value(&self, name: &str) -> Option<Value> {
        self.json(name).map(|json| Value::from(&json))
    }

    /// A status function or `hashFiles`; `None` where it has no meaning.
    fn function(&self, _name: &str, _arguments: &[String]) -> Option<Result<Json, String>> {
        None
    }
}

/// Lets anything [`Known`] answer expressions.
pub struct Of<'a, K: ?Sized>(pub &'a K);

impl<K: Known + ?Sized> Contexts for Of<'_, K> {
    fn context(&self, name: &str) -> Option<Value> {
        self.0.value(name)
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let texts: Vec<String> = arguments.iter().map(|argument| argument.to_text().to_string()).collect();
        match self.0.function(name, &texts) {
            Some(result) => result.map(|json| Value::from(&json)),
            None => Err(format!("`{name}()` has no meaning here")),
        }
    }
}

/// What an author's value stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Evaluated {
    /// Nothing.
    Null,
    /// A scalar without expressions.
    Scalar {
        /// As written.
        text: String,
        /// Whether without quotes.
        plain: bool,
    },
    /// What an expression gave.
    Json(Json),
    /// A text with secrets in it.
    Secret(SecretText),
    /// A list.
    List(Vec<Evaluated>),
    /// A map, in the author's order.
    Map(Vec<(String, Evaluated)>),
}

/// The text that `written` stands for; numbers and booleans as expressions print them.
///
/// # Errors
///
/// When an expression is wrong or names what is not known.
pub fn text(written: &str, known: &(impl Known + ?Sized)) -> Result<String, ExpressionError> {
    let value = Template::parse(written)?.evaluate(&Of(known))?;
    Ok(value.to_text().to_string())
}

/// The text, or the secret when there is one in it.
///
/// # Errors
///
/// When an expression is wrong or names what is not known.
pub fn text_or_secret(
    written: &str,
    known: &(impl Known + ?Sized),
) -> Result<Result<String, SecretText>, ExpressionError> {
    let template = Template::parse(written)?;
    if template.secret_uses().is_empty() {
        return Ok(Ok(template.evaluate(&Of(known))?.to_text().to_string()));
    }
    let pieces = template.evaluate_secret(&Of(known))?;
    Ok(Err(secret_text(pieces)))
}

fn secret_text(pieces: Vec<Piece>) -> SecretText {
    let parts = pieces.into_iter().map(|piece| match piece {
        Piece::Text(text) => SecretPart::Text(text),
        Piece::Secret(name) => SecretPart::Secret(name),
    });
    SecretText { parts: parts.collect() }
}

/// Whether the condition holds. Its text is an expression with or without braces around it; one that calls
/// no status function means `success() && (…)`.
///
/// # Errors
///
/// When the expression is wrong or names what is not known.
pub fn condition(written: &str, known: &(impl Known + ?Sized)) -> Result<bool, ExpressionError> {
    let expression = Expression::parse_condition(written)?;
    let succeeded = expression.calls_status_function()
        || Contexts::call(&Of(known), "success", &[]).is_ok_and(|value| value.is_truthy());
    Ok(succeeded && expression.evaluate(&Of(known))?.is_truthy())
}

/// What `written` stands for.
///
/// # Errors
///
/// When an expression is wrong or names what is not known.
pub fn value(written: &WithValue, known: &(impl Known + ?Sized)) -> Result<Evaluated, ExpressionError> {
    match written {
        WithValue::Null => Ok(Evaluated::Null),
        WithValue::Scalar { text, plain } => scalar(text, *plain, known),
        WithValue::List(items) => {
            items.iter().map(|item| value(item, known)).collect::<Result<_, _>>().map(Evaluated::List)
        }
        WithValue::Map(entries) => {
            let entries = entries.iter().map(|(name, entry)| Ok((name.clone(), value(entry, known)?)));
            entries.collect::<Result<_, _>>().map(Evaluated::Map)
        }
    }
}

fn scalar(text: &str, plain: bool, known: &(impl Known + ?Sized)) -> Result<Evaluated, ExpressionError> {
    let template = Template::parse(text)?;
    if template.is_literal() {
        return Ok(Evaluated::Scalar { text: text.to_owned(), plain });
    }
    if !template.secret_uses().is_empty() {
        return Ok(Evaluated::Secret(secret_text(template.evaluate_secret(&Of(known))?)));
    }
    Ok(Evaluated::Json(template.evaluate(&Of(known))?.to_json()))
}

/// The contexts that `written` reads.
pub fn contexts_read(written: &WithValue) -> Vec<String> {
    match written {
        WithValue::Null => Vec::new(),
        WithValue::Scalar { text, .. } => contexts_of(text),
        WithValue::List(items) => items.iter().flat_map(contexts_read).collect(),
        WithValue::Map(entries) => entries.iter().flat_map(|(_, entry)| contexts_read(entry)).collect(),
    }
}

/// The contexts that a text reads.
pub fn contexts_of(written: &str) -> Vec<String> {
    let Ok(template) = Template::parse(written) else {
        return Vec::new();
    };
    let references = template.expressions().flat_map(Expression::references);
    references.map(|reference| reference.context.to_ascii_lowercase()).collect()
}

/// Contexts that are plain maps.
#[derive(Clone, Debug, Default)]
pub struct Maps(pub Map<String, Json>);

impl Known for Maps {
    fn json(&self, name: &str) -> Option<Json> {
        self.0.get(name).cloned()
    }
}
