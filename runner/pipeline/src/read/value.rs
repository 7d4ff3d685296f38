//! Free-form values: `with` and the axes of a matrix.

use super::reader::Reader;
use super::slot::Slot;
use crate::model::{Entries, Scalar, Spanned, Value};
use crate::yaml::{Kind, NodeId, Style};

impl Reader<'_> {
    /// Whatever stands at `node`. Names in maps are literal.
    pub(super) fn value(&mut self, node: NodeId, slot: Slot) -> Option<Spanned<Value>> {
        let found = self.tree.node(node);
        let span = found.span;
        let value = match &found.kind {
            Kind::Broken => return None,
            Kind::Scalar(scalar) if scalar.is_null() => Value::Null,
            Kind::Scalar(scalar) => {
                let plain = scalar.style == Style::Plain;
                let raw = Spanned::new(scalar.text.clone(), span);
                Value::Scalar(Scalar { text: self.template_of(&raw, slot)?, plain })
            }
            Kind::List(items) => {
                let items = items.clone();
                Value::List(items.into_iter().filter_map(|item| self.value(item, slot)).collect())
            }
            Kind::Map(_) => Value::Map(self.values(node, "a value", slot)),
        };
        Some(Spanned::new(value, span))
    }

    /// A map of whatever the author wrote.
    pub(super) fn values(&mut self, node: NodeId, subject: &str, slot: Slot) -> Entries<Spanned<Value>> {
        self.entries(
            node,
            subject,
            |reader, key| {
                reader.refuse_expression(key, "a key");
            },
            |reader, _, node| reader.value(node, slot),
        )
    }
}
