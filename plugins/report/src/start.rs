//! The start of a report, which shows its format.

use quick_xml::Reader;
use quick_xml::events::Event;

use crate::error::{At, Fault};
use crate::text::quote;

const UTF_16_MARKS: [&[u8]; 2] = [&[0xff, 0xfe], &[0xfe, 0xff]];
const GZIP_MARK: &[u8] = &[0x1f, 0x8b];

/// The first bytes of a report, as text.
#[derive(Debug)]
pub struct Start {
    text: String,
}

impl Start {
    pub(crate) fn new(head: Vec<u8>) -> Result<Self, Fault> {
        let refuse = |found: &str| Err(Fault::new(At::Offset(0), found, "text in UTF-8"));
        if UTF_16_MARKS.iter().any(|mark| head.starts_with(mark)) {
            return refuse("UTF-16");
        }
        if head.starts_with(GZIP_MARK) {
            return refuse("a compressed file");
        }
        if head.iter().all(u8::is_ascii_whitespace) {
            return Err(Fault::new(
                At::Whole,
                if head.is_empty() { "an empty file" } else { "a blank file" },
                "a report",
            ));
        }
        Ok(Self { text: String::from_utf8_lossy(&head).into_owned() })
    }

    /// The text from its first character that is not blank.
    pub fn text(&self) -> &str {
        self.text.trim_ascii_start()
    }

    /// The local name of the root, when this is XML.
    pub fn xml_root(&self) -> Option<String> {
        if !self.text().starts_with('<') {
            return None;
        }
        let mut reader = Reader::from_str(self.text());
        loop {
            match reader.read_event() {
                Ok(Event::Start(element) | Event::Empty(element)) => {
                    return Some(element.local_name().as_ref().to_owned());
                }
                Ok(Event::Eof) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// What it looks like, for an error message.
    pub(crate) fn shown(&self) -> String {
        match self.xml_root() {
            Some(root) => quote(&format!("<{root}>")),
            None => quote(self.text().lines().next().unwrap_or_default()),
        }
    }
}
