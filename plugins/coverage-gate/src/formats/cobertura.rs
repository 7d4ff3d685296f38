//! Cobertura XML, as coverage.py, c8, and many others write it.
//!
//! A line counts where it stands in `class/lines`; below `methods` some tools (c8) repeat it. Classes of one file are
//! one file: a line ran when it did in any of them.

use sealock_report::{Element, Fault, Format, Node, Report, Start, Xml};

use crate::coverage::{Coverage, FileId};

const ROOT: &str = "coverage";

pub(super) struct Cobertura;

impl Format<Coverage> for Cobertura {
    fn name(&self) -> &'static str {
        "cobertura"
    }

    fn opening(&self) -> &'static str {
        "<coverage>"
    }

    fn recognises(&self, start: &Start) -> bool {
        start.xml_root().is_some_and(|root| root == ROOT)
    }

    fn read(&self, report: &mut Report<'_>) -> Result<Coverage, Fault> {
        let mut xml = Xml::new(report);
        let mut coverage = Coverage::default();
        let mut file = None;
        loop {
            match xml.next()? {
                Node::Open(element) => open(&mut coverage, &mut file, xml.path(), &element)?,
                Node::Close(name) if name == "class" => file = None,
                Node::Close(_) | Node::Text(_) => {}
                Node::End => break,
            }
        }
        coverage.compact();
        Ok(coverage)
    }
}

fn open(coverage: &mut Coverage, file: &mut Option<FileId>, path: &[String], element: &Element) -> Result<(), Fault> {
    let ends_with = |names: &[&str]| path.len() >= names.len() && path[path.len() - names.len()..] == *names;
    if path.len() == 1 && element.name != ROOT {
        return Err(Fault::new(element.at, format!("the root <{}>", element.name), "<coverage> as the root"));
    }
    if ends_with(&["classes", "class"]) {
        *file = Some(coverage.file(element.required("filename")?, element.at)?);
    }
    if let (true, Some(file)) = (ends_with(&["class", "lines", "line"]), *file) {
        let (line, hits): (u32, u64) = (element.number("number")?, element.number("hits")?);
        coverage.add(file, line, hits > 0, element.at)?;
    }
    Ok(())
}
