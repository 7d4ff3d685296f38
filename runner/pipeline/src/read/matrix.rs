//! `matrix`.

use sealock_diagnostics::Span;

use super::reader::{Keys, Reader};
use super::shape::{COUNT_MAX, MATRIX};
use super::slot::Slot;
use crate::model::{Axes, Axis, Cells, Entries, Late, Matrix, Spanned, Text};
use crate::yaml::NodeId;

impl Reader<'_> {
    pub(super) fn matrix(&mut self, node: NodeId, subject: &str) -> Option<Spanned<Matrix>> {
        let span = self.tree.span(node);
        let mut matrix = Matrix {
            axes: Axes::Named(Entries::default()),
            include: Cells::Listed(Vec::new()),
            exclude: Cells::Listed(Vec::new()),
            max_parallel: None,
            fail_fast: Late::Known(true),
        };
        if let Some(raw) = self.written_at(node) {
            let text = self.template_of(&raw, Slot::Matrix)?;
            matrix.axes = Axes::Computed(Spanned::new(text, span));
            return Some(Spanned::new(matrix, span));
        }
        let keys = self.open_keys(node, subject, &MATRIX)?;
        matrix.axes = Axes::Named(self.axes(&keys, subject));
        let of = |key: &str| format!("`{key}` of {subject}");
        if let Some(cells) = keys.get("include").and_then(|field| self.cells(field.node, &of("include"))) {
            matrix.include = cells;
        }
        if let Some(cells) = keys.get("exclude").and_then(|field| self.cells(field.node, &of("exclude"))) {
            matrix.exclude = cells;
        }
        matrix.max_parallel = keys
            .get("max-parallel")
            .and_then(|field| self.late_count(field.node, &of("max-parallel"), COUNT_MAX, Slot::MatrixOption));
        if let Some(fail_fast) =
            keys.get("fail-fast").and_then(|field| self.late_boolean(field.node, &of("fail-fast"), Slot::MatrixOption))
        {
            matrix.fail_fast = fail_fast;
        }
        Some(Spanned::new(matrix, span))
    }

    fn axes(&mut self, keys: &Keys, subject: &str) -> Entries<Axis> {
        let mut axes = Entries::default();
        for (name, field) in keys.others() {
            let name = Spanned::new(name.clone(), field.key);
            self.check_id(&name, "the axis");
            let of = format!("axis `{}` of {subject}", name.value);
            let values = self.axis(field.node, &of);
            axes.push(name, values.unwrap_or_else(|| unread(field.key)));
        }
        axes
    }

    fn axis(&mut self, node: NodeId, subject: &str) -> Option<Axis> {
        if let Some(raw) = self.written_at(node) {
            let text = self.template_of(&raw, Slot::Matrix)?;
            return Some(Axis::Computed(Spanned::new(text, raw.span)));
        }
        let nodes = self.full_list(node, subject, "a list of values");
        if nodes.is_empty() {
            return None;
        }
        Some(Axis::Values(nodes.into_iter().filter_map(|node| self.value(node, Slot::Matrix)).collect()))
    }

    fn cells(&mut self, node: NodeId, subject: &str) -> Option<Cells> {
        if let Some(raw) = self.written_at(node) {
            let text = self.template_of(&raw, Slot::Matrix)?;
            return Some(Cells::Computed(Spanned::new(text, raw.span)));
        }
        let nodes = self.list(node, subject, "a list of maps");
        let cell = |node| {
            let span = self.tree.span(node);
            Spanned::new(self.values(node, &format!("an item of {subject}"), Slot::Matrix), span)
        };
        Some(Cells::Listed(nodes.into_iter().map(cell).collect()))
    }
}

/// An axis of which nothing is known; its file has an error.
fn unread(span: Span) -> Axis {
    Axis::Computed(Spanned::new(Text::plain(""), span))
}
