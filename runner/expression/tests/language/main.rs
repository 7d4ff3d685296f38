//! The language in our own words: what the shared cases leave open, our stricter rules, and limits.

mod analysis;
mod errors;
mod evaluation;
mod limits;
mod properties;
mod secrets;
mod taint;
mod templates;

use sealock_expression::{Contexts, Expression, Object, Scope, Value};
use serde_json::{Value as Json, json};

/// Contexts from JSON, and the functions that a run answers.
struct World(Object);

impl World {
    fn new(contexts: &Json) -> Self {
        Self(contexts.as_object().map(Object::from).unwrap_or_default())
    }

    fn scope(&self) -> Scope {
        let pipeline = Scope::pipeline();
        let names = self.0.iter().map(|(name, _)| name).chain(pipeline.context_names());
        Scope::new(names)
            .with_functions(&sealock_expression::STATUS_FUNCTIONS)
            .with_functions(&[sealock_expression::HASH_FILES])
    }
}

impl Contexts for World {
    fn context(&self, name: &str) -> Option<Value> {
        self.0.context(name)
    }

    fn call(&self, function: &str, arguments: &[Value]) -> Result<Value, String> {
        match function {
            "success" | "always" => Ok(true.into()),
            "failure" | "cancelled" => Ok(false.into()),
            _ if arguments.len() > 3 => Err("too many patterns".to_owned()),
            _ => Ok(Value::string(format!("hash of {} patterns", arguments.len()))),
        }
    }
}

/// The value of `expression` as JSON, with `contexts`.
fn value_with(expression: &str, contexts: &Json) -> Json {
    let world = World::new(contexts);
    let parsed = Expression::parse_in(expression, &world.scope()).unwrap_or_else(|error| panic!("{error}"));
    parsed.evaluate(&world).unwrap_or_else(|error| panic!("{error}")).to_json()
}

/// The value of `expression` as JSON, without contexts.
fn value(expression: &str) -> Json {
    value_with(expression, &json!({}))
}

/// What is wrong with `expression`: the part that is to blame, and the message.
fn failure_with(expression: &str, contexts: &Json) -> (String, String) {
    let world = World::new(contexts);
    let result = Expression::parse_in(expression, &world.scope()).and_then(|parsed| parsed.evaluate(&world));
    let error = result.expect_err("the expression is wrong");
    (expression[error.at].to_owned(), error.message)
}

/// What is wrong with `expression`, without contexts.
fn failure(expression: &str) -> (String, String) {
    failure_with(expression, &json!({}))
}
