//! From words to a tree, by precedence, with two stacks and no recursion.

use std::ops::Range;

use crate::error::{ErrorKind, ExpressionError};
use crate::limits::{EXPRESSION_DEPTH, EXPRESSION_UNITS};
use crate::ordinal::utf16_units;
use crate::scope::{Scope, Signature};
use crate::syntax::{Form, Node, NodeId};
use crate::token::{Lexer, Operator, Token, TokenKind, Unexpected};

/// The tree of `text`, which stands at `offset` in a larger text; nothing if `text` is blank.
///
/// # Errors
///
/// The first thing that is wrong, in GitHub's words.
pub(crate) fn parse(text: &str, offset: usize, scope: &Scope) -> Result<(Vec<Node>, Option<NodeId>), ExpressionError> {
    let units = utf16_units(text);
    if units > EXPRESSION_UNITS {
        let message = format!("Exceeded max expression length {EXPRESSION_UNITS}; found {units}");
        return Err(ExpressionError::new(ErrorKind::Limit, message, offset..offset + text.len()));
    }
    Parser::new(text, offset, scope).run()
}

struct Parser<'a> {
    text: &'a str,
    offset: usize,
    scope: &'a Scope,
    lexer: Lexer<'a>,
    nodes: Vec<Node>,
    operands: Vec<NodeId>,
    operators: Vec<Token>,
    /// The functions whose parameters are being read, outermost first.
    calls: Vec<Signature>,
    last: Option<Token>,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str, offset: usize, scope: &'a Scope) -> Self {
        Self {
            text,
            offset,
            scope,
            lexer: Lexer::new(text),
            nodes: Vec::new(),
            operands: Vec::new(),
            operators: Vec::new(),
            calls: Vec::new(),
            last: None,
        }
    }

    fn run(mut self) -> Result<(Vec<Node>, Option<NodeId>), ExpressionError> {
        while let Some(token) = self.lexer.next().map_err(|unexpected| self.unexpected(&unexpected))? {
            if token.kind.is_operator() {
                self.push_operator(&token)?;
            } else {
                self.push_operand(&token)?;
            }
            self.last = Some(token);
        }
        self.check_end()?;
        while let Some(operator) = self.operators.pop() {
            self.apply(&operator);
        }
        let root = self.operands.pop();
        self.check_depth(root)?;
        Ok((self.nodes, root))
    }

    fn push_operand(&mut self, token: &Token) -> Result<(), ExpressionError> {
        let name = &self.text[token.at.clone()];
        let form = match token.kind {
            TokenKind::Wildcard => Form::Wildcard,
            TokenKind::Function => {
                let Some(signature) = self.scope.function(name) else {
                    return Err(self.blame(ErrorKind::UnknownFunction, "Unrecognized function", &token.at));
                };
                self.calls.push(signature);
                Form::Call(signature.name, Vec::new())
            }
            TokenKind::Context => {
                let Some(name) = self.scope.context(name) else {
                    return Err(self.blame(ErrorKind::UnknownContext, "Unrecognized named-value", &token.at));
                };
                Form::Context(name.to_owned())
            }
            _ => Form::Literal(token.literal.clone()),
        };
        self.push(form, self.shifted(&token.at));
        Ok(())
    }

    fn push_operator(&mut self, token: &Token) -> Result<(), ExpressionError> {
        if is_left_associative(token.kind) {
            while let Some(top) = self.operators.pop_if(|top| binds_before(top.kind, token.kind)) {
                self.apply(&top);
            }
        }
        match token.kind {
            TokenKind::EndGroup => self.end_group(token),
            TokenKind::EndIndex => {
                self.operators.pop();
                self.index(token.at.end);
            }
            TokenKind::EndParameters => self.end_call(token)?,
            _ => self.operators.push(token.clone()),
        }
        Ok(())
    }

    /// Lets the place of what is grouped include its parentheses.
    fn end_group(&mut self, end: &Token) {
        let start = self.operators.pop().expect("the lexer lets `)` follow only an open `(`");
        let inner = *self.operands.last().expect("the lexer lets `)` follow only an operand");
        self.nodes[inner.0].at = self.offset + start.at.start..self.offset + end.at.end;
    }

    /// Gives the function its arguments, which are on the stack above it.
    fn end_call(&mut self, end: &Token) -> Result<(), ExpressionError> {
        let is_empty = self.last.as_ref().is_some_and(|last| last.kind == TokenKind::StartParameters);
        let mut count = usize::from(!is_empty);
        while self.operators.pop_if(|top| top.kind == TokenKind::Separator).is_some() {
            count += 1;
        }
        let arguments = self.operands.split_off(self.operands.len() - count);
        let start = self.operators.pop().expect("the lexer lets `)` follow only an open `(`");
        let signature = self.calls.pop().expect("a function is pushed before its `(`");
        self.check_count(signature, count, &start)?;
        let function = *self.operands.last().expect("a function is pushed before its arguments");
        let height = self.height_above(&arguments);
        let node = &mut self.nodes[function.0];
        node.form = Form::Call(signature.name, arguments);
        node.height = height;
        node.at.end = self.offset + end.at.end;
        Ok(())
    }

    fn check_count(&self, signature: Signature, count: usize, start: &Token) -> Result<(), ExpressionError> {
        let description = if count < signature.least {
            "Too few parameters supplied"
        } else if count > signature.most {
            "Too many parameters supplied"
        } else if signature.name == "case" && count.is_multiple_of(2) {
            "Even number of parameters supplied, requires an odd number of parameters"
        } else {
            return Ok(());
        };
        Err(self.blame(ErrorKind::Parsing, description, &start.at))
    }

    /// Replaces the operands of `operator` by their node.
    fn apply(&mut self, operator: &Token) {
        match operator.kind {
            TokenKind::Dereference => {
                let end = self.operands.last().map_or(0, |id| self.nodes[id.0].at.end);
                self.index(end - self.offset);
            }
            TokenKind::Operator(Operator::Not) => {
                let operand = self.pop();
                let at = self.offset + operator.at.start..self.nodes[operand.0].at.end;
                self.push(Form::Not(operand), at);
            }
            TokenKind::Operator(operator) => self.binary(operator),
            _ => {}
        }
    }

    fn binary(&mut self, operator: Operator) {
        let right = self.pop();
        let left = self.pop();
        let at = self.nodes[left.0].at.start..self.nodes[right.0].at.end;
        let form = match operator {
            Operator::And => Form::And(self.flattened(left, right, |form| match form {
                Form::And(operands) => Some(operands),
                _ => None,
            })),
            Operator::Or => Form::Or(self.flattened(left, right, |form| match form {
                Form::Or(operands) => Some(operands),
                _ => None,
            })),
            _ => Form::Compare(operator, left, right),
        };
        self.push(form, at);
    }

    /// The operands of `left` and `right` in one list where they are of the same operator, so that
    /// a long chain is one level deep.
    fn flattened(
        &mut self,
        left: NodeId,
        right: NodeId,
        same: impl Fn(&mut Form) -> Option<&mut Vec<NodeId>>,
    ) -> Vec<NodeId> {
        let mut take = |id: NodeId| same(&mut self.nodes[id.0].form).map_or_else(|| vec![id], std::mem::take);
        let mut operands = take(left);
        operands.append(&mut take(right));
        operands
    }

    fn index(&mut self, end: usize) {
        let key = self.pop();
        let base = self.pop();
        let at = self.nodes[base.0].at.start..self.offset + end;
        self.push(Form::Index { base, key }, at);
    }

    fn pop(&mut self) -> NodeId {
        self.operands.pop().expect("the lexer gives every operator its operands")
    }

    fn push(&mut self, form: Form, at: Range<usize>) {
        let height = self.height_above(&form.children());
        self.operands.push(NodeId(self.nodes.len()));
        self.nodes.push(Node { form, at, height });
    }

    fn height_above(&self, children: &[NodeId]) -> usize {
        1 + children.iter().map(|id| self.nodes[id.0].height).max().unwrap_or(0)
    }

    fn check_end(&self) -> Result<(), ExpressionError> {
        let Some(last) = &self.last else {
            return Ok(());
        };
        let is_closing = matches!(last.kind, TokenKind::EndGroup | TokenKind::EndIndex | TokenKind::EndParameters);
        let dangles = last.kind.is_operator() && !is_closing;
        if dangles || self.lexer.has_unclosed() {
            return Err(self.blame(ErrorKind::Parsing, "Unexpected end of expression", &last.at));
        }
        Ok(())
    }

    fn check_depth(&self, root: Option<NodeId>) -> Result<(), ExpressionError> {
        let depth = root.map_or(0, |root| self.nodes[root.0].height);
        if depth > EXPRESSION_DEPTH {
            let message = format!("Exceeded max expression depth {EXPRESSION_DEPTH}; found {depth}");
            let at = self.offset..self.offset + self.text.len();
            return Err(ExpressionError::new(ErrorKind::Limit, message, at));
        }
        Ok(())
    }

    fn unexpected(&self, unexpected: &Unexpected) -> ExpressionError {
        self.blame(unexpected.kind, "Unexpected symbol", &unexpected.at)
    }

    /// An error in GitHub's form, which blames the word at `at`.
    fn blame(&self, kind: ErrorKind, description: &str, at: &Range<usize>) -> ExpressionError {
        let text = self.text;
        let word = &text[at.clone()];
        let position = utf16_units(&text[..at.start]) + 1;
        let message = format!("{description}: '{word}'. Located at position {position} within expression: {text}");
        ExpressionError::new(kind, message, self.shifted(at))
    }

    fn shifted(&self, at: &Range<usize>) -> Range<usize> {
        self.offset + at.start..self.offset + at.end
    }
}

fn is_left_associative(kind: TokenKind) -> bool {
    !matches!(kind, TokenKind::StartGroup | TokenKind::Operator(Operator::Not))
}

/// Whether `top`, which is on the stack, takes its operands before `next` does.
fn binds_before(top: TokenKind, next: TokenKind) -> bool {
    let is_fence = matches!(
        top,
        TokenKind::StartGroup | TokenKind::StartIndex | TokenKind::StartParameters | TokenKind::Separator
    );
    !is_fence && precedence(next) <= precedence(top)
}

fn precedence(kind: TokenKind) -> u8 {
    match kind {
        TokenKind::StartGroup => 9,
        TokenKind::StartIndex | TokenKind::StartParameters | TokenKind::Dereference => 8,
        TokenKind::Operator(Operator::Not) => 7,
        TokenKind::Operator(Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual) => 6,
        TokenKind::Operator(Operator::Equal | Operator::NotEqual) => 5,
        TokenKind::Operator(Operator::And) => 4,
        TokenKind::Operator(Operator::Or) => 3,
        _ => 1,
    }
}
