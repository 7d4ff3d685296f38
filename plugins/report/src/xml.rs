//! XML, one node at a time, in bounded memory.
//!
//! Stricter than the parser below it where being lenient would turn half a report into a whole one (an open end, a
//! second root, text outside the root, an attribute twice), and more lenient than the standard where real tools break
//! it without changing what is meant: `]]>` in text and control characters other than NUL.

use std::str::FromStr;

use quick_xml::Reader;
use quick_xml::errors::Error;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use crate::error::{At, Fault};
use crate::guard::Meter;
use crate::limits::{MAX_ATTRIBUTES, MAX_DEPTH, MAX_NAME_BYTES};
use crate::report::Report;
use crate::text::quote;

const WELL_FORMED: &str = "well-formed XML";
const ENTITIES: &str = "only &lt; &gt; &amp; &quot; &apos; and character references; no other entity is expanded";

/// One step through a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Node {
    /// An element begins; it is now the last of [`Xml::path`].
    Open(Element),
    /// A piece of text of the element that is open.
    Text(String),
    /// The element of this name ended; it is no longer in [`Xml::path`].
    Close(String),
    /// The document ended.
    End,
}

/// An element's name, without a prefix, and its attributes.
#[derive(Debug, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Where it begins.
    pub at: At,
    attributes: Vec<(String, String)>,
}

impl Element {
    /// The attribute called `name`.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The attribute called `name`, which must be there.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn required(&self, name: &str) -> Result<&str, Fault> {
        self.attribute(name).ok_or_else(|| {
            Fault::new(self.at, format!("<{}> without `{name}`", self.name), format!("the attribute `{name}`"))
        })
    }

    /// The attribute called `name`, which must be there and be a whole number of `T`'s range.
    ///
    /// # Errors
    ///
    /// When it is not.
    pub fn number<T: FromStr>(&self, name: &str) -> Result<T, Fault> {
        let text = self.required(name)?;
        text.trim().parse().map_err(|_| {
            Fault::new(
                self.at,
                format!("{name}={}", quote(text)),
                format!("a whole number as `{name}` of <{}>", self.name),
            )
        })
    }
}

/// A document that is being read.
pub struct Xml<'r, 'a> {
    reader: Reader<&'r mut Report<'a>>,
    meter: Meter,
    buffer: Vec<u8>,
    path: Vec<String>,
    has_root: bool,
    keeps_text: bool,
}

impl<'r, 'a> Xml<'r, 'a> {
    /// Reads `report` from where it stands.
    pub fn new(report: &'r mut Report<'a>) -> Self {
        let meter = report.meter();
        let mut reader = Reader::from_reader(report);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, meter, buffer: Vec::new(), path: Vec::new(), has_root: false, keeps_text: false }
    }

    /// The names of the elements that are open, outermost first.
    pub fn path(&self) -> &[String] {
        &self.path
    }

    /// The name of the element around the one that was opened last.
    pub fn parent(&self) -> Option<&str> {
        self.path.len().checked_sub(2).map(|index| self.path[index].as_str())
    }

    /// Whether the text from here on is wanted. It is checked in any case.
    pub fn keep_text(&mut self, keeps: bool) {
        self.keeps_text = keeps;
    }

    /// The next node.
    ///
    /// # Errors
    ///
    /// What is not well-formed, uses an entity, or passes a limit.
    #[expect(clippy::should_implement_trait, reason = "it ends with a node, and may fail before")]
    pub fn next(&mut self) -> Result<Node, Fault> {
        loop {
            if let Some(node) = self.advance()? {
                return Ok(node);
            }
        }
    }

    fn advance(&mut self) -> Result<Option<Node>, Fault> {
        self.buffer.clear();
        self.meter.reset();
        let at = At::Offset(self.reader.buffer_position());
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(fault(error, At::Offset(self.reader.error_position()))),
        };
        let (is_inside, keeps) = (!self.path.is_empty(), self.keeps_text);
        match event {
            Event::Start(start) => {
                let element = element(&start, at)?;
                if !is_inside && self.has_root {
                    return Err(Fault::new(at, format!("a second root <{}>", element.name), "the end of the file"));
                }
                if self.path.len() >= MAX_DEPTH {
                    return Err(Fault::limit(at, "elements inside each other", MAX_DEPTH as u64));
                }
                self.has_root = true;
                self.path.push(element.name.clone());
                Ok(Some(Node::Open(element)))
            }
            Event::End(_) => Ok(self.path.pop().map(Node::Close)),
            Event::Text(text) => text_node(&text, at, is_inside, keeps),
            Event::CData(text) => text_node(&text, at, is_inside, keeps),
            Event::GeneralRef(reference) => text_node(&resolve(&reference, at)?, at, is_inside, keeps),
            Event::Decl(declaration) => check_encoding(&declaration, at).map(|()| None),
            Event::Eof => self.end(at).map(Some),
            Event::Comment(_) | Event::PI(_) | Event::DocType(_) | Event::Empty(_) => Ok(None),
        }
    }

    fn end(&self, at: At) -> Result<Node, Fault> {
        match self.path.last() {
            Some(open) => Err(Fault::new(at, "the end of the file", format!("</{open}>"))),
            None if self.has_root => Ok(Node::End),
            None => Err(Fault::new(at, "no element", WELL_FORMED)),
        }
    }
}

fn text_node(text: &str, at: At, is_inside: bool, keeps: bool) -> Result<Option<Node>, Fault> {
    if !is_inside && !text.trim_ascii().is_empty() {
        return Err(Fault::quoting(at, text, "an element: there is no text outside of the root"));
    }
    Ok((is_inside && keeps).then(|| Node::Text(text.to_owned())))
}

fn resolve(reference: &BytesRef<'_>, at: At) -> Result<String, Fault> {
    if let Ok(Some(c)) = reference.resolve_char_ref() {
        return Ok(c.to_string());
    }
    let known = resolve_predefined_entity(reference).map(str::to_owned);
    known.ok_or_else(|| Fault::new(at, quote(&format!("&{};", &**reference)), ENTITIES))
}

fn element(start: &BytesStart<'_>, at: At) -> Result<Element, Fault> {
    let name = start.local_name().as_ref().to_owned();
    if start.name().as_ref().len() > MAX_NAME_BYTES {
        return Err(Fault::limit(at, "the name of an element, in bytes,", MAX_NAME_BYTES as u64));
    }
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(Fault::limit(at, "attributes of one element", MAX_ATTRIBUTES as u64));
        }
        let attribute = attribute
            .map_err(|error| Fault::new(at, format!("a wrong attribute of <{name}> ({error})"), WELL_FORMED))?;
        let value = unescape(&attribute.value).map_err(|_| Fault::quoting(at, &attribute.value, ENTITIES))?;
        attributes.push((attribute.key.as_ref().to_owned(), value.into_owned()));
    }
    Ok(Element { name, at, attributes })
}

fn check_encoding(declaration: &BytesDecl<'_>, at: At) -> Result<(), Fault> {
    let named = match declaration.encoding() {
        None => return Ok(()),
        Some(Err(error)) => return Err(Fault::new(at, format!("a wrong XML declaration ({error})"), WELL_FORMED)),
        Some(Ok(named)) => named,
    };
    let is_utf_8 = ["utf-8", "utf8", "us-ascii", "ascii"].iter().any(|known| named.eq_ignore_ascii_case(known));
    if is_utf_8 { Ok(()) } else { Err(Fault::quoting(at, &format!("encoding=\"{named}\""), "UTF-8")) }
}

fn fault(error: Error, at: At) -> Fault {
    match error {
        Error::Io(error) => match std::sync::Arc::try_unwrap(error) {
            Ok(error) => Fault::from_io(error),
            Err(shared) => Fault::from_io(std::io::Error::new(shared.kind(), shared.to_string())),
        },
        Error::Encoding(_) => Fault::new(at, "bytes that are no UTF-8", "text in UTF-8"),
        error => Fault::new(at, format!("XML that is not well-formed ({error})"), WELL_FORMED),
    }
}
