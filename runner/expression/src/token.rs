//! The words of an expression.
//!
//! A word's kind depends on the word before it, and a word that may not follow that one is
//! unexpected at once, so that the first thing wrong is what is told, as at GitHub.

use std::ops::Range;

use crate::error::ErrorKind;
use crate::number;
use crate::value::Value;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// `(` around a part of the expression.
    StartGroup,
    /// `[`
    StartIndex,
    /// `(` after the name of a function.
    StartParameters,
    /// `)` of [`Self::StartGroup`].
    EndGroup,
    /// `]`
    EndIndex,
    /// `)` of [`Self::StartParameters`].
    EndParameters,
    /// `,`
    Separator,
    /// `.`
    Dereference,
    /// `*`
    Wildcard,
    /// `!`, `==`, `&&`, …
    Operator(Operator),
    /// A literal.
    Literal,
    /// A name after `.`.
    Property,
    /// A name before `(`.
    Function,
    /// Any other name.
    Context,
}

/// The operators that are not part of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Not,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// One word. `literal` is its value if it is a literal or a property's name.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) at: Range<usize>,
    pub(crate) literal: Value,
}

/// A word that cannot stand where it stands.
#[derive(Debug)]
pub(crate) struct Unexpected {
    pub(crate) kind: ErrorKind,
    pub(crate) at: Range<usize>,
}

/// Reads words from left to right.
pub(crate) struct Lexer<'a> {
    text: &'a str,
    position: usize,
    last: Option<TokenKind>,
    unclosed: Vec<TokenKind>,
}

impl TokenKind {
    /// Whether this word is kept on the stack of operators.
    pub(crate) fn is_operator(self) -> bool {
        !matches!(self, Self::Wildcard | Self::Literal | Self::Property | Self::Function | Self::Context)
    }

    fn ends_operand(self) -> bool {
        self.may_be_indexed() || self == Self::Literal
    }

    fn may_be_indexed(self) -> bool {
        matches!(
            self,
            Self::EndGroup | Self::EndIndex | Self::EndParameters | Self::Wildcard | Self::Property | Self::Context
        )
    }

    fn may_precede_operand(self) -> bool {
        matches!(
            self,
            Self::StartGroup | Self::StartIndex | Self::StartParameters | Self::Separator | Self::Operator(_)
        )
    }

    /// Whether this word may follow `last`.
    fn may_follow(self, last: Option<TokenKind>) -> bool {
        match self {
            Self::StartGroup | Self::Operator(Operator::Not) | Self::Literal | Self::Function | Self::Context => {
                last.is_none_or(Self::may_precede_operand)
            }
            Self::StartParameters => last == Some(Self::Function),
            Self::StartIndex | Self::Dereference => last.is_some_and(Self::may_be_indexed),
            Self::EndParameters => last.is_some_and(|last| last == Self::StartParameters || last.ends_operand()),
            Self::EndGroup | Self::EndIndex | Self::Separator | Self::Operator(_) => {
                last.is_some_and(Self::ends_operand)
            }
            Self::Wildcard => matches!(last, Some(Self::StartIndex | Self::Dereference)),
            Self::Property => last == Some(Self::Dereference),
        }
    }

    /// The innermost open bracket that this word needs.
    fn needs_open(self) -> Option<TokenKind> {
        match self {
            Self::EndGroup => Some(Self::StartGroup),
            Self::EndIndex => Some(Self::StartIndex),
            Self::EndParameters | Self::Separator => Some(Self::StartParameters),
            _ => None,
        }
    }
}

impl<'a> Lexer<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, position: 0, last: None, unclosed: Vec::new() }
    }

    /// Whether a bracket is still open.
    pub(crate) fn has_unclosed(&self) -> bool {
        !self.unclosed.is_empty()
    }

    /// The next word, or nothing at the end.
    ///
    /// # Errors
    ///
    /// The word is malformed, or may not follow the one before it.
    pub(crate) fn next(&mut self) -> Result<Option<Token>, Unexpected> {
        let rest = &self.text[self.position..];
        self.position += rest.len() - rest.trim_start().len();
        let Some(first) = self.text[self.position..].chars().next() else {
            return Ok(None);
        };
        let token = match first {
            '(' if self.last == Some(TokenKind::Function) => self.single(TokenKind::StartParameters),
            '(' => self.single(TokenKind::StartGroup),
            '[' => self.single(TokenKind::StartIndex),
            ')' if self.unclosed.last() == Some(&TokenKind::StartParameters) => self.single(TokenKind::EndParameters),
            ')' => self.single(TokenKind::EndGroup),
            ']' => self.single(TokenKind::EndIndex),
            ',' => self.single(TokenKind::Separator),
            '*' => self.single(TokenKind::Wildcard),
            '\'' => self.string()?,
            '!' | '>' | '<' | '=' | '&' | '|' => self.operator()?,
            '.' if !self.last.is_none_or(TokenKind::may_precede_operand) => self.single(TokenKind::Dereference),
            '.' | '-' | '+' | '0'..='9' => self.number()?,
            _ => self.keyword()?,
        };
        self.accept(token).map(Some)
    }

    /// Checks `token` against what was read before, and moves on.
    fn accept(&mut self, token: Token) -> Result<Token, Unexpected> {
        let kind = token.kind;
        let is_open = kind.needs_open().is_none_or(|open| self.unclosed.last() == Some(&open));
        if !kind.may_follow(self.last) || !is_open {
            return Err(Unexpected { kind: ErrorKind::Parsing, at: token.at });
        }
        match kind {
            TokenKind::StartGroup | TokenKind::StartIndex | TokenKind::StartParameters => self.unclosed.push(kind),
            TokenKind::EndGroup | TokenKind::EndIndex | TokenKind::EndParameters => {
                self.unclosed.pop();
            }
            _ => {}
        }
        self.position = token.at.end;
        self.last = Some(kind);
        Ok(token)
    }

    fn single(&self, kind: TokenKind) -> Token {
        self.token(kind, 1)
    }

    fn token(&self, kind: TokenKind, length: usize) -> Token {
        Token { kind, at: self.position..self.position + length, literal: Value::Null }
    }

    fn literal(&self, value: Value, length: usize) -> Token {
        Token { literal: value, ..self.token(TokenKind::Literal, length) }
    }

    fn malformed(&self, length: usize) -> Unexpected {
        Unexpected { kind: ErrorKind::Lexing, at: self.position..self.position + length }
    }

    /// How far the word goes that starts here, if its first `known` bytes belong to it anyway.
    fn word_length(&self, known: usize, goes_on: impl Fn(char) -> bool) -> usize {
        let rest = &self.text[self.position + known..];
        known + rest.find(|c| is_boundary(c) && !goes_on(c)).unwrap_or(rest.len())
    }

    fn word(&self, length: usize) -> &'a str {
        &self.text[self.position..self.position + length]
    }

    fn number(&self) -> Result<Token, Unexpected> {
        let length = self.word_length(1, |c| c == '.');
        let number = number::parse(self.word(length));
        if number.is_nan() { Err(self.malformed(length)) } else { Ok(self.literal(number.into(), length)) }
    }

    fn keyword(&self) -> Result<Token, Unexpected> {
        let first = self.text[self.position..].chars().next().map_or(0, char::len_utf8);
        let length = self.word_length(first, |_| false);
        let word = self.word(length);
        if !is_name(word) {
            return Err(self.malformed(length));
        }
        if self.last == Some(TokenKind::Dereference) {
            return Ok(Token { literal: word.into(), ..self.token(TokenKind::Property, length) });
        }
        if let Some(value) = constant(word) {
            return Ok(self.literal(value, length));
        }
        let is_call = self.text[self.position + length..].trim_start().starts_with('(');
        Ok(self.token(if is_call { TokenKind::Function } else { TokenKind::Context }, length))
    }

    fn string(&self) -> Result<Token, Unexpected> {
        let body = &self.text[self.position + 1..];
        let Some(end) = closing_quote(body) else {
            return Err(self.malformed(1 + body.len()));
        };
        Ok(self.literal(body[..end].replace("''", "'").as_str().into(), end + 2))
    }

    fn operator(&self) -> Result<Token, Unexpected> {
        let rest = &self.text[self.position..];
        let two = rest.get(..2).and_then(two_character_operator);
        if let Some(operator) = two {
            return Ok(self.token(TokenKind::Operator(operator), 2));
        }
        let operator = match rest.as_bytes().first() {
            Some(b'!') => Operator::Not,
            Some(b'<') => Operator::Less,
            Some(b'>') => Operator::Greater,
            _ => return Err(self.malformed(self.word_length(1, |_| false))),
        };
        Ok(self.token(TokenKind::Operator(operator), 1))
    }
}

/// Where the quote is that ends a string literal; two quotes stand for one and end nothing.
fn closing_quote(body: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let quote = from + body[from..].find('\'')?;
        if !body[quote + 1..].starts_with('\'') {
            return Some(quote);
        }
        from = quote + 2;
    }
}

fn two_character_operator(text: &str) -> Option<Operator> {
    Some(match text {
        "!=" => Operator::NotEqual,
        ">=" => Operator::GreaterOrEqual,
        "<=" => Operator::LessOrEqual,
        "==" => Operator::Equal,
        "&&" => Operator::And,
        "||" => Operator::Or,
        _ => return None,
    })
}

fn constant(word: &str) -> Option<Value> {
    Some(match word {
        "null" => Value::Null,
        "true" => Value::Boolean(true),
        "false" => Value::Boolean(false),
        "NaN" => Value::Number(f64::NAN),
        "Infinity" => Value::Number(f64::INFINITY),
        _ => return None,
    })
}

fn is_name(word: &str) -> bool {
    let starts = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether a word ends before `character`.
fn is_boundary(character: char) -> bool {
    matches!(character, '(' | ')' | '[' | ']' | ',' | '.' | '!' | '>' | '<' | '=' | '&' | '|')
        || character.is_whitespace()
}
