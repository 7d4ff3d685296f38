//! The names that an expression may use: its contexts and functions.

use crate::limits::FUNCTION_ARGUMENTS;
use crate::object::Object;
use crate::ordinal;

/// The contexts of a pipeline. Which may stand where is for the reader of the file to say.
pub const PIPELINE_CONTEXTS: [&str; 11] =
    ["github", "env", "inputs", "vars", "secrets", "matrix", "needs", "steps", "runner", "stage", "strategy"];

/// A function's name and how many arguments it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name as it is written in documentation; case does not matter in an expression.
    pub name: &'static str,
    /// The fewest arguments.
    pub least: usize,
    /// The most arguments.
    pub most: usize,
}

/// The functions that need nothing but their arguments.
pub const PURE_FUNCTIONS: [Signature; 8] = [
    Signature { name: "case", least: 3, most: FUNCTION_ARGUMENTS },
    Signature { name: "contains", least: 2, most: 2 },
    Signature { name: "endsWith", least: 2, most: 2 },
    Signature { name: "format", least: 1, most: FUNCTION_ARGUMENTS },
    Signature { name: "fromJSON", least: 1, most: 1 },
    Signature { name: "join", least: 1, most: 2 },
    Signature { name: "startsWith", least: 2, most: 2 },
    Signature { name: "toJSON", least: 1, most: 1 },
];

/// The functions of a condition, answered by [`Contexts::call`](crate::Contexts::call).
pub const STATUS_FUNCTIONS: [Signature; 4] = [
    Signature { name: "always", least: 0, most: 0 },
    Signature { name: "cancelled", least: 0, most: 0 },
    Signature { name: "failure", least: 0, most: 0 },
    Signature { name: "success", least: 0, most: 0 },
];

/// The function that reads files, answered by [`Contexts::call`](crate::Contexts::call).
pub const HASH_FILES: Signature = Signature { name: "hashFiles", least: 1, most: FUNCTION_ARGUMENTS };

/// The names that an expression may use. Every pure function is always among them.
#[derive(Clone, Debug)]
pub struct Scope {
    contexts: Vec<String>,
    functions: Vec<Signature>,
}

impl Scope {
    /// The contexts of these names, and the pure functions.
    pub fn new<N: Into<String>>(contexts: impl IntoIterator<Item = N>) -> Self {
        Self { contexts: contexts.into_iter().map(Into::into).collect(), functions: PURE_FUNCTIONS.to_vec() }
    }

    /// What a pipeline may use: its contexts, the pure functions, `hashFiles`, and the status functions.
    pub fn pipeline() -> Self {
        Self::new(PIPELINE_CONTEXTS).with_functions(&STATUS_FUNCTIONS).with_functions(&[HASH_FILES])
    }

    /// One context for each key of `contexts`, and the pure functions.
    pub fn of(contexts: &Object) -> Self {
        Self::new(contexts.iter().map(|(name, _)| name))
    }

    /// This scope with more functions.
    #[must_use]
    pub fn with_functions(mut self, functions: &[Signature]) -> Self {
        self.functions.extend_from_slice(functions);
        self
    }

    /// The names of the contexts.
    pub fn context_names(&self) -> impl Iterator<Item = &str> + Clone {
        self.contexts.iter().map(String::as_str)
    }

    /// The names of the functions.
    pub fn function_names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.functions.iter().map(|function| function.name)
    }

    /// The context called `name`, in any case, as this scope spells it.
    pub(crate) fn context(&self, name: &str) -> Option<&str> {
        self.context_names().find(|context| ordinal::equal(context, name))
    }

    pub(crate) fn function(&self, name: &str) -> Option<Signature> {
        self.functions.iter().copied().find(|function| function.name.eq_ignore_ascii_case(name))
    }
}
