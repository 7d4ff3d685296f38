//! One pass over the parser's events.

use std::collections::HashMap;

use granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, StructureStyle};
use sealock_diagnostics::{Diagnostic, Span};

use super::limits::{ANCHORS_MAX, DEPTH_MAX, EXPANDED_NODES_MAX, STRING_BYTES_MAX};
use super::{Kind, Map, Node, NodeId, Pair, Scalar, Style, Tree};
use crate::problems::Problems;

/// What a pass that came to the end found.
pub(super) struct Built {
    pub(super) tree: Tree,
    pub(super) problems: Problems,
}

/// Why a pass did not come to the end.
pub(super) enum Stop {
    /// A budget is used up; nothing after it is worth reading.
    Budget(Box<Diagnostic>),
    /// Malformed YAML.
    Syntax(SyntaxError),
}

/// Malformed YAML.
pub(super) struct SyntaxError {
    pub(super) kind: ErrorKind,
    /// The byte where the parser could not go on.
    pub(super) at: usize,
    /// Where the outermost `[` or `{` that is still open stands.
    pub(super) open_flow: Option<usize>,
}

/// Reads `text`, which has the length and the line ends of the file; `damaged` was taken out of it.
pub(super) fn build(text: &str, damaged: &[Span]) -> Result<Built, Stop> {
    let mut builder = Builder {
        text,
        damaged,
        tree: Tree::default(),
        problems: Problems::default(),
        open: Vec::new(),
        anchors: HashMap::new(),
        expanded: 0,
        documents: 0,
    };
    for event in Parser::new_from_str_with_options(text, options()) {
        match event {
            Ok((event, span)) => {
                let place = builder.place(span);
                if builder.take(event, span, place)? == Flow::Done {
                    break;
                }
            }
            Err(error) => return Err(builder.stop(&error)),
        }
    }
    Ok(Built { tree: builder.tree, problems: builder.problems })
}

fn options() -> Options {
    granit_parser::options! { emit_comments: false, emit_unresolved_aliases: true }
}

#[derive(PartialEq, Eq)]
enum Flow {
    More,
    Done,
}

struct Builder<'a> {
    text: &'a str,
    damaged: &'a [Span],
    tree: Tree,
    problems: Problems,
    open: Vec<Open>,
    anchors: HashMap<usize, Option<NodeId>>,
    /// Nodes that aliases and merge keys stand for.
    expanded: usize,
    documents: usize,
}

/// A list or map whose end has not come.
struct Open {
    span: Span,
    anchor: usize,
    tagged: bool,
    flow: bool,
    items: Items,
}

enum Items {
    List(Vec<NodeId>),
    Map { pairs: Vec<Pair>, key: Option<NodeId> },
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, raw: granit_parser::Span, span: Span) -> Result<Flow, Stop> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    self.problems.push(second_document(span));
                    return Ok(Flow::Done);
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let tagged = self.refuse_tag(tag.is_some(), raw, span);
                let node = self.scalar(text.into_owned(), style, span, tagged);
                self.name(anchor, Some(node), span)?;
                self.add(node, span)?;
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.open_list(raw, Items::List(Vec::new()), style, anchor, tag.is_some())?;
            }
            Event::MappingStart(style, anchor, tag) => {
                let items = Items::Map { pairs: Vec::new(), key: None };
                self.open_list(raw, items, style, anchor, tag.is_some())?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span)?,
            Event::Alias(anchor) => self.alias(anchor, span)?,
            Event::UnresolvedAlias(name) => {
                self.problems.push(unknown_anchor(&name, span));
                let node = self.broken(span);
                self.add(node, span)?;
            }
            _ => {}
        }
        Ok(Flow::More)
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, span: Span, tagged: bool) -> NodeId {
        let is_too_long = text.len() > STRING_BYTES_MAX;
        if is_too_long {
            self.problems.push(string_too_long(text.len(), span));
        }
        if tagged || is_too_long {
            return self.broken(span);
        }
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
        };
        let is_nothing = style == Style::Plain && span.start == span.end;
        if is_nothing {
            return self.nothing(span);
        }
        self.tree.push(Node { span, kind: Kind::Scalar(Scalar { text, style }), size: 1, height: 1 })
    }

    /// A value that is not there: shown at its key, and broken where a line was taken out.
    fn nothing(&mut self, span: Span) -> NodeId {
        let span = match self.open.last().map(|open| &open.items) {
            Some(Items::Map { key: Some(key), .. }) => self.tree.span(*key),
            _ => span,
        };
        if self.damaged.iter().any(|lost| self.is_on_line_of(span, *lost)) {
            return self.broken(span);
        }
        let scalar = Scalar { text: String::new(), style: Style::Plain };
        self.tree.push(Node { span, kind: Kind::Scalar(scalar), size: 1, height: 1 })
    }

    /// Whether the line of `span`, or the empty lines behind it, were taken out.
    fn is_on_line_of(&self, span: Span, lost: Span) -> bool {
        let between = span.end.min(lost.start)..lost.start.max(span.end);
        span.end <= lost.end && self.text[between].bytes().all(|byte| byte.is_ascii_whitespace() || byte == b':')
    }

    fn open_list(
        &mut self,
        raw: granit_parser::Span,
        items: Items,
        style: StructureStyle,
        anchor: usize,
        tagged: bool,
    ) -> Result<(), Stop> {
        let span = self.place(raw);
        let tagged = self.refuse_tag(tagged, raw, span);
        if self.open.len() >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        self.name(anchor, None, span)?;
        self.open.push(Open { span, anchor, tagged, flow: style == StructureStyle::Flow, items });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Stop> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let (kind, children) = match open.items {
            Items::List(items) => {
                let children = items.clone();
                (Kind::List(items), children)
            }
            Items::Map { pairs, .. } => {
                let children = pairs.iter().flat_map(|pair| [pair.key, pair.value]).collect();
                (Kind::Map(self.finish_map(pairs, open.span)?), children)
            }
        };
        let last = children.last().map_or(open.span.end, |&child| self.tree.span(child).end);
        let last = if open.flow { end.end } else { last };
        let span = Span::new(open.span.start, last.max(open.span.start));
        let size = 1 + children.iter().map(|&child| self.tree.node(child).size).sum::<usize>();
        let height = 1 + children.iter().map(|&child| self.tree.node(child).height).max().unwrap_or(0);
        let kind = if open.tagged { Kind::Broken } else { kind };
        let node = self.tree.push(Node { span, kind, size, height });
        if open.anchor != 0 {
            self.anchors.insert(open.anchor, Some(node));
        }
        self.add(node, span)
    }

    /// Hangs `node` where the text has come to.
    fn add(&mut self, node: NodeId, span: Span) -> Result<(), Stop> {
        let Some(open) = self.open.last_mut() else {
            self.tree.root = self.tree.root.or(Some(node));
            return Ok(());
        };
        match &mut open.items {
            Items::List(items) => items.push(node),
            Items::Map { pairs, key } => match key.take() {
                Some(key) => pairs.push(Pair { key, value: node }),
                None => *key = Some(node),
            },
        }
        if self.open.len() + self.tree.node(node).height > DEPTH_MAX { Err(too_deep(span)) } else { Ok(()) }
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        if let Some(node) = self.anchors.get(&anchor).copied().flatten() {
            self.expand(self.tree.node(node).size, span)?;
            return self.add(node, span);
        }
        let message = "an alias stands inside what it stands for";
        self.problems.push(Diagnostic::error("E-YAML-ALIAS", message, span));
        let node = self.broken(span);
        self.add(node, span)
    }

    fn expand(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.expanded = self.expanded.saturating_add(nodes);
        if self.expanded <= EXPANDED_NODES_MAX {
            return Ok(());
        }
        let message = format!("aliases expand to {} nodes or more, {EXPANDED_NODES_MAX} are the most", self.expanded);
        let found = Diagnostic::error("E-YAML-ALIAS-BUDGET", message, span).label("the alias that was one too many");
        Err(Stop::Budget(Box::new(found)))
    }

    fn name(&mut self, anchor: usize, node: Option<NodeId>, span: Span) -> Result<(), Stop> {
        if anchor == 0 {
            return Ok(());
        }
        self.anchors.insert(anchor, node);
        if self.anchors.len() <= ANCHORS_MAX {
            return Ok(());
        }
        let message = format!("there are {} anchors or more, {ANCHORS_MAX} are the most", self.anchors.len());
        Err(Stop::Budget(Box::new(Diagnostic::error("E-YAML-ANCHOR-BUDGET", message, span))))
    }

    fn refuse_tag(&mut self, tagged: bool, raw: granit_parser::Span, span: Span) -> bool {
        if tagged {
            let span = raw.tag_span().map_or(span, |tag| self.place(tag));
            let name = &self.text[span.start..span.end];
            let message = format!("an explicit tag stands here: `{name}`");
            let found = Diagnostic::error("E-YAML-TAG", message, span)
                .label("not taken")
                .help("remove it, or put quotes around text that starts with `!`, such as `if: \"!cancelled()\"`");
            self.problems.push(found);
        }
        tagged
    }

    /// Takes out double and odd keys, and puts in what merge keys bring.
    fn finish_map(&mut self, pairs: Vec<Pair>, span: Span) -> Result<Map, Stop> {
        let mut map = Map::default();
        let mut seen: HashMap<String, Span> = HashMap::with_capacity(pairs.len());
        let mut merged = Vec::new();
        for pair in pairs {
            let place = self.tree.span(pair.key);
            match &self.tree.node(pair.key).kind {
                Kind::Scalar(key) if key.text == "<<" && key.style == Style::Plain => {
                    map.merge = Some(place);
                    self.merge_sources(pair.value, place, &mut merged);
                }
                Kind::Scalar(key) => {
                    if let Some(&first) = seen.get(&key.text) {
                        let found = duplicate_key(&key.text, place, first);
                        self.problems.push(found);
                        continue;
                    }
                    seen.insert(key.text.clone(), place);
                    map.pairs.push(pair);
                }
                Kind::Broken => {}
                Kind::List(_) | Kind::Map(_) => {
                    let message = "a key is a list or a map, expected text";
                    self.problems.push(Diagnostic::error("E-YAML-KEY", message, place));
                }
            }
        }
        for source in merged {
            self.expand(self.tree.node(source).size, map.merge.unwrap_or(span))?;
            let Kind::Map(from) = &self.tree.node(source).kind else {
                continue;
            };
            for pair in &from.pairs {
                let key = self.tree.key_text(pair.key);
                if !seen.contains_key(key) {
                    seen.insert(key.to_owned(), self.tree.span(pair.key));
                    map.pairs.push(*pair);
                }
            }
        }
        Ok(map)
    }

    fn merge_sources(&mut self, value: NodeId, key: Span, sources: &mut Vec<NodeId>) {
        let candidates = match &self.tree.node(value).kind {
            Kind::List(items) => items.clone(),
            _ => vec![value],
        };
        for candidate in candidates {
            match self.tree.node(candidate).kind {
                Kind::Map(_) => sources.push(candidate),
                Kind::Broken => {}
                _ => {
                    let message = "a merge key takes a map or a list of maps";
                    self.problems.push(Diagnostic::error("E-YAML-MERGE", message, key));
                }
            }
        }
    }

    fn broken(&mut self, span: Span) -> NodeId {
        self.tree.push(Node { span, kind: Kind::Broken, size: 1, height: 1 })
    }

    fn stop(&self, error: &ScanError) -> Stop {
        let at = self.boundary(error.marker().byte_offset().unwrap_or(self.text.len()));
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return too_deep(Span::new(at, at));
        }
        let open_flow = self.open.iter().find(|open| open.flow).map(|open| open.span.start);
        Stop::Syntax(SyntaxError { kind: error.kind().clone(), at, open_flow })
    }

    /// The parser's place in bytes, without line ends behind a block.
    fn place(&self, span: granit_parser::Span) -> Span {
        let start = self.boundary(span.start.byte_offset().unwrap_or(0));
        let end = self.boundary(span.end.byte_offset().unwrap_or(start)).max(start);
        let shown = self.text[start..end].trim_end();
        Span::new(start, start + shown.len())
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }
}

fn too_deep(span: Span) -> Stop {
    let message = format!("the file nests deeper than {DEPTH_MAX} levels");
    let found = Diagnostic::error("E-YAML-DEPTH", message, span).label(format!("level {}", DEPTH_MAX + 1));
    Stop::Budget(Box::new(found))
}

fn second_document(span: Span) -> Diagnostic {
    Diagnostic::error("E-YAML-DOCUMENTS", "a second document starts here, a file holds one pipeline", span)
        .help("put it into a file of its own")
}

fn unknown_anchor(name: &str, span: Span) -> Diagnostic {
    let message = format!("the alias `*{name}` has no anchor before it");
    Diagnostic::error("E-YAML-ALIAS", message, span)
        .help(format!("write `&{name}` where the value first stands, or put quotes around text that starts with `*`"))
}

fn string_too_long(bytes: usize, span: Span) -> Diagnostic {
    let message = format!("a text has {bytes} bytes, {STRING_BYTES_MAX} (64 KiB) are the most");
    let first_line = Span::new(span.start, span.start);
    Diagnostic::error("E-YAML-STRING", message, first_line).help("put it into a file of the repository and name that")
}

fn duplicate_key(key: &str, span: Span, first: Span) -> Diagnostic {
    Diagnostic::error("E-YAML-DUPLICATE-KEY", format!("the key `{key}` stands twice"), span)
        .label("the second one")
        .note(first, "the first one")
        .help("keep one of the two: which of them would count is not for a parser to guess")
}
