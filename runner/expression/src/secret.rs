//! Where an expression names secrets, and whether it may.
//!
//! A secret may be named in one way: `${{ secrets.X }}` alone, or with text and other expressions
//! around it. Everything else would make it a string that could be compared, cut, or printed.

use std::ops::Range;

use crate::expression::Expression;
use crate::reference::{PathPart, Reference};

/// The context that holds secrets.
const SECRETS: &str = "secrets";

/// One naming of secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretUse {
    /// How it is named.
    pub kind: SecretUseKind,
    /// The reading of the context.
    pub at: Range<usize>,
}

/// How a secret is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretUseKind {
    /// `${{ secrets.X }}` or `${{ secrets['X'] }}`: the one lawful way.
    Direct {
        /// The secret, as it is written.
        name: String,
    },
    /// A known secret as an argument of a function or an operand of an operator.
    AsArgument {
        /// The secret, as it is written.
        name: String,
    },
    /// `secrets`, `secrets.*`, or `secrets[…]` with anything but a literal.
    Dynamic,
}

impl SecretUse {
    /// Whether it is lawful to name a secret so.
    pub fn is_lawful(&self) -> bool {
        matches!(self.kind, SecretUseKind::Direct { .. })
    }
}

impl Expression {
    /// Every naming of secrets, in the order of writing.
    pub fn secret_uses(&self) -> Vec<SecretUse> {
        let references = self.references().into_iter();
        references.filter(|reference| reference.reads(SECRETS)).map(secret_use).collect()
    }

    /// The name of the secret that this expression is, if it is nothing else.
    pub fn as_secret(&self) -> Option<String> {
        match self.secret_uses().pop()?.kind {
            SecretUseKind::Direct { name } => Some(name),
            _ => None,
        }
    }
}

fn secret_use(reference: Reference) -> SecretUse {
    let kind = match reference.path.as_slice() {
        [PathPart::Key(name)] if reference.is_whole => SecretUseKind::Direct { name: name.clone() },
        [PathPart::Key(name), ..] => SecretUseKind::AsArgument { name: name.clone() },
        _ => SecretUseKind::Dynamic,
    };
    SecretUse { kind, at: reference.at }
}
