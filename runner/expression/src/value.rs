//! What an expression evaluates to, and how one kind becomes another.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::number;
use crate::object::Object;

/// A value of the language. Cloning is cheap: text, arrays, and objects are shared.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `null`, and what a key has that is not there.
    #[default]
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A double, as in JavaScript.
    Number(f64),
    /// Text.
    String(Arc<str>),
    /// A list.
    Array(Array),
    /// Values by name.
    Object(Arc<Object>),
}

/// A list of values. Two arrays are equal in the language only if they are the same one.
#[derive(Clone, Debug)]
pub struct Array {
    items: Arc<Vec<Value>>,
    filtered: bool,
}

/// The kinds of [`Value`], by the names that GitHub prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// [`Value::Null`]
    Null,
    /// [`Value::Boolean`]
    Boolean,
    /// [`Value::Number`]
    Number,
    /// [`Value::String`]
    String,
    /// [`Value::Array`]
    Array,
    /// [`Value::Object`]
    Object,
}

impl Value {
    /// A text value.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// A list value.
    pub fn array(items: Vec<Value>) -> Self {
        Self::Array(Array::new(items))
    }

    /// The kind of this value.
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Null => ValueKind::Null,
            Self::Boolean(_) => ValueKind::Boolean,
            Self::Number(_) => ValueKind::Number,
            Self::String(_) => ValueKind::String,
            Self::Array(_) => ValueKind::Array,
            Self::Object(_) => ValueKind::Object,
        }
    }

    /// Whether this is neither an array nor an object.
    pub fn is_primitive(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    /// Whether a condition with this value holds: all but `null`, `false`, `0`, `NaN`, and `''`.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Boolean(boolean) => *boolean,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::String(text) => !text.is_empty(),
            Self::Array(_) | Self::Object(_) => true,
        }
    }

    /// This value where a number is needed; arrays and objects are not a number.
    pub fn to_number(&self) -> f64 {
        match self {
            Self::Null => 0.0,
            Self::Boolean(boolean) => f64::from(u8::from(*boolean)),
            Self::Number(number) => *number,
            Self::String(text) => number::parse(text),
            Self::Array(_) | Self::Object(_) => f64::NAN,
        }
    }

    /// This value where text is needed: `null` is empty, arrays and objects give their kind's name.
    pub fn to_text(&self) -> Arc<str> {
        match self {
            Self::Null => "".into(),
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            Self::Number(number) => number::format(*number).into(),
            Self::String(text) => Arc::clone(text),
            Self::Array(_) => "Array".into(),
            Self::Object(_) => "Object".into(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<bool> for Value {
    fn from(boolean: bool) -> Self {
        Self::Boolean(boolean)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }
}

impl Array {
    /// A list of `items`.
    pub fn new(items: Vec<Value>) -> Self {
        Self { items: Arc::new(items), filtered: false }
    }

    /// What `.*` makes: an index goes to every item instead of choosing one.
    pub(crate) fn filtered(items: Vec<Value>) -> Self {
        Self { items: Arc::new(items), filtered: true }
    }

    pub(crate) fn is_filtered(&self) -> bool {
        self.filtered
    }

    /// Whether this and `other` are one array, not only alike.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.items, &other.items)
    }
}

impl Deref for Array {
    type Target = [Value];

    fn deref(&self) -> &[Value] {
        &self.items
    }
}

impl fmt::Display for ValueKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, formatter)
    }
}
