//! From a tree to its value.
//!
//! Operands are evaluated only when they are needed and, except for contexts, each at most once.
//! A context is asked for once an evaluation, so that `github == github` compares one object.

use std::collections::HashMap;
use std::sync::Arc;

use crate::budget::{Budget, Exceeded, Memory, VALUE_BYTES, text_bytes};
use crate::compare;
use crate::error::{ErrorKind, ExpressionError};
use crate::expression::Expression;
use crate::functions;
use crate::index;
use crate::object::Object;
use crate::syntax::{Form, NodeId};
use crate::token::Operator;
use crate::value::Value;
use std::cmp::Ordering;

/// The values that an expression is evaluated with.
pub trait Contexts {
    /// The value of the context `name`, spelled as in the expression's [`Scope`](crate::Scope).
    /// Nothing if it has no value here: the expression that asks fails.
    fn context(&self, name: &str) -> Option<Value>;

    /// The result of a function that is not pure: `hashFiles`, `success`, and their kin.
    ///
    /// # Errors
    ///
    /// Why there is no result, as a sentence for the author of the expression.
    fn call(&self, function: &str, arguments: &[Value]) -> Result<Value, String> {
        let _ = arguments;
        Err(format!("The function '{function}' is not available here"))
    }
}

/// Each key is a context.
impl Contexts for Object {
    fn context(&self, name: &str) -> Option<Value> {
        self.get(name).cloned()
    }
}

impl Expression {
    /// The value of this expression.
    ///
    /// # Errors
    ///
    /// A function cannot take its arguments, a context has no value, or a limit was passed.
    pub fn evaluate(&self, contexts: &(impl Contexts + ?Sized)) -> Result<Value, ExpressionError> {
        self.evaluate_within(contexts, &mut Budget::default())
    }

    pub(crate) fn evaluate_within(
        &self,
        contexts: &(impl Contexts + ?Sized),
        budget: &mut Budget,
    ) -> Result<Value, ExpressionError> {
        let Some(root) = self.root() else {
            return Ok(Value::Null);
        };
        let mut evaluation =
            Evaluation { expression: self, contexts, budget, memory: Memory::default(), known: HashMap::new() };
        evaluation.value(root, 0)
    }
}

/// Why a node has no value; becomes an [`ExpressionError`] at the node.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A part of the node has no value, which is told already.
    Told(Box<ExpressionError>),
    /// A limit was passed here.
    Exceeded(Exceeded),
    /// A limit was passed here, and this is the message.
    Limit(String),
    /// The arguments do not fit.
    Unfit(String),
}

/// A value, and what it takes beyond what was there before.
pub(crate) struct Outcome {
    value: Value,
    bytes: usize,
}

/// One evaluation.
pub(crate) struct Evaluation<'a, C: ?Sized> {
    expression: &'a Expression,
    contexts: &'a C,
    pub(crate) budget: &'a mut Budget,
    memory: Memory,
    known: HashMap<&'a str, Value>,
}

impl<'a, C: Contexts + ?Sized> Evaluation<'a, C> {
    /// The value of the node `id`, which is `level` levels below the root.
    pub(crate) fn value(&mut self, id: NodeId, level: usize) -> Result<Value, ExpressionError> {
        self.outcome(id, level).map(|outcome| outcome.value)
    }

    fn outcome(&mut self, id: NodeId, level: usize) -> Result<Outcome, ExpressionError> {
        let outcome = self.compute(id, level).map_err(|failure| self.blame(id, failure))?;
        let lets_go = outcome.value.is_primitive();
        self.memory
            .hold(level, outcome.bytes, lets_go)
            .map_err(|exceeded| self.blame(id, Failure::Exceeded(exceeded)))?;
        Ok(outcome)
    }

    fn compute(&mut self, id: NodeId, level: usize) -> Result<Outcome, Failure> {
        let expression = self.expression;
        match &expression.node(id).form {
            Form::Literal(value) => Ok(Outcome::shared(value.clone())),
            Form::Wildcard => Ok(Outcome::shared("*".into())),
            Form::Context(name) => self.context(name).map(Outcome::shared),
            Form::Call("case", arguments) => self.case(arguments, level),
            Form::Call(name, arguments) => functions::call(self, name, arguments, level + 1).map(Outcome::made),
            Form::Index { base, key } => self.index(*base, *key, level),
            Form::Not(operand) => {
                let operand = self.value(*operand, level + 1)?;
                Ok(Outcome::shared((!operand.is_truthy()).into()))
            }
            Form::Compare(operator, left, right) => self.compare(*operator, *left, *right, level),
            Form::And(operands) => self.first(operands, level, |value| !value.is_truthy()),
            Form::Or(operands) => self.first(operands, level, Value::is_truthy),
        }
    }

    fn context(&mut self, name: &'a str) -> Result<Value, Failure> {
        if let Some(value) = self.known.get(name) {
            return Ok(value.clone());
        }
        let value = self.contexts.context(name);
        let value = value.ok_or_else(|| Failure::Unfit(format!("The context '{name}' has no value here")))?;
        self.known.insert(name, value.clone());
        Ok(value)
    }

    /// What the caller's function `name` answers.
    pub(crate) fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, Failure> {
        self.contexts.call(name, arguments).map_err(Failure::Unfit)
    }

    fn compare(&mut self, operator: Operator, left: NodeId, right: NodeId, level: usize) -> Result<Outcome, Failure> {
        let left = self.value(left, level + 1)?;
        let right = self.value(right, level + 1)?;
        self.spend_on(&[&left, &right])?;
        let equal = || compare::equal(&left, &right);
        let order = || compare::order(&left, &right);
        let holds = match operator {
            Operator::Equal => equal(),
            Operator::Less => order() == Some(Ordering::Less),
            Operator::LessOrEqual => equal() || order() == Some(Ordering::Less),
            Operator::Greater => order() == Some(Ordering::Greater),
            Operator::GreaterOrEqual => equal() || order() == Some(Ordering::Greater),
            _ => !equal(),
        };
        Ok(Outcome::shared(holds.into()))
    }

    /// The first operand that `ends` the evaluation, or else the last.
    fn first(&mut self, operands: &[NodeId], level: usize, ends: impl Fn(&Value) -> bool) -> Result<Outcome, Failure> {
        let mut outcome = Outcome::shared(Value::Null);
        for &operand in operands {
            outcome = self.outcome(operand, level + 1)?;
            if ends(&outcome.value) {
                break;
            }
        }
        Ok(outcome)
    }

    fn case(&mut self, arguments: &[NodeId], level: usize) -> Result<Outcome, Failure> {
        for pair in arguments.chunks(2) {
            let &[predicate, result] = pair else {
                return Ok(self.outcome(pair[0], level + 1)?);
            };
            match self.value(predicate, level + 1)? {
                Value::Boolean(true) => return Ok(self.outcome(result, level + 1)?),
                Value::Boolean(false) => {}
                _ => return Err(Failure::Unfit("case predicate must evaluate to a boolean value".to_owned())),
            }
        }
        Ok(Outcome::shared(Value::Null))
    }

    fn index(&mut self, base: NodeId, key: NodeId, level: usize) -> Result<Outcome, Failure> {
        let is_star = matches!(self.expression.node(key).form, Form::Wildcard);
        let base = self.value(base, level + 1)?;
        if base.is_primitive() {
            return Ok(index::of_primitive(is_star).map_or_else(|| Outcome::shared(Value::Null), Outcome::made));
        }
        let key = index::Key::new(is_star, &self.value(key, level + 1)?);
        self.budget.work(index::work(&base, &key))?;
        Ok(match index::of_collection(&base, &key) {
            Value::Array(items) if is_star || items.is_filtered() => Outcome::made(Value::Array(items)),
            value => Outcome::shared(value),
        })
    }

    /// Takes the work of reading `values` once.
    pub(crate) fn spend_on(&mut self, values: &[&Value]) -> Result<(), Failure> {
        let read = |value: &&Value| match value {
            Value::String(text) => size_of::<Value>() + text.len(),
            _ => size_of::<Value>(),
        };
        Ok(self.budget.work(values.iter().map(read).sum())?)
    }

    fn blame(&self, id: NodeId, failure: Failure) -> ExpressionError {
        let at = self.expression.node(id).at.clone();
        match failure {
            Failure::Told(error) => *error,
            Failure::Unfit(message) => ExpressionError::new(ErrorKind::Evaluation, message, at),
            Failure::Limit(message) => ExpressionError::new(ErrorKind::Limit, message, at),
            Failure::Exceeded(exceeded) => {
                let message = exceeded.message(self.expression.source(&at));
                ExpressionError::new(ErrorKind::Limit, message, at)
            }
        }
    }
}

impl Outcome {
    /// A value that was there before: in the expression or in a context.
    fn shared(value: Value) -> Self {
        Self { value, bytes: VALUE_BYTES }
    }

    /// A value that the evaluation made.
    fn made(value: Value) -> Self {
        let bytes = match &value {
            Value::String(text) => text_bytes(text),
            Value::Array(items) if items.is_filtered() => VALUE_BYTES + items.len() * size_of::<Arc<str>>(),
            _ => VALUE_BYTES,
        };
        Self { value, bytes }
    }
}

impl From<ExpressionError> for Failure {
    fn from(error: ExpressionError) -> Self {
        Self::Told(Box::new(error))
    }
}

impl From<Exceeded> for Failure {
    fn from(exceeded: Exceeded) -> Self {
        Self::Exceeded(exceeded)
    }
}
