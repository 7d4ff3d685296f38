//! The expression language between `${{` and `}}`: parse, evaluate, taint.
//!
//! The language is GitHub's, exactly: its words, its order of operators, its coercions, its
//! comparisons without regard to case, its `*`, its messages and its limits. An [`Expression`] is
//! read against a [`Scope`], the names it may use; a [`Template`] is text with expressions in it.
//! What must be known before anything runs is answered from the tree alone:
//! [`Expression::references`], [`Expression::secret_uses`], [`Expression::taint`],
//! [`Expression::findings`]. Values come from [`Contexts`] when an expression is evaluated.
//!
//! # Invariants
//!
//! - Nothing here reads the world: files and the run's status are asked of [`Contexts::call`].
//! - Text from outside cannot panic, recurse without bound, or take more than [`limits`] say.
//! - A value is never read as an expression: what a template put in stays text.
//! - A secret is never a [`Value`]: [`Template::evaluate_secret`] hands on its name.

mod budget;
mod compare;
mod error;
mod evaluate;
mod expression;
mod finding;
mod format;
mod from_json;
mod functions;
mod index;
mod json;
pub mod limits;
mod number;
mod object;
mod ordinal;
mod parser;
mod reference;
mod scope;
mod secret;
mod syntax;
mod taint;
mod template;
mod to_json;
mod token;
mod value;

pub use error::{ErrorKind, ExpressionError};
pub use evaluate::Contexts;
pub use expression::{Call, Expression};
pub use finding::{Finding, FindingKind};
pub use object::Object;
pub use reference::{PathPart, Reference};
pub use scope::{HASH_FILES, PIPELINE_CONTEXTS, PURE_FUNCTIONS, STATUS_FUNCTIONS, Scope, Signature};
pub use secret::{SecretUse, SecretUseKind};
pub use taint::{Taint, TaintSource};
pub use template::{Piece, Segment, Template};
pub use value::{Array, Value, ValueKind};
