//! `matrix`: one stage, many cells.

use super::{Entries, Late, Spanned, Text, Value};

/// What the cells of a stage are made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// The axes, or one expression that gives the whole matrix as an object.
    pub axes: Axes,
    /// Cells that are added, or that add values to cells.
    pub include: Cells,
    /// Cells that are taken away.
    pub exclude: Cells,
    /// How many cells run at once.
    pub max_parallel: Option<Spanned<Late<u32>>>,
    /// Whether the first failure stops the other cells; true when the file does not say.
    pub fail_fast: Late<bool>,
}

impl Matrix {
    /// Every text in it, in order.
    pub fn texts<'a>(&'a self) -> Vec<&'a Text> {
        let of_axis = |axis: &'a Axis| match axis {
            Axis::Computed(text) => vec![&text.value],
            Axis::Values(values) => values.iter().flat_map(|value| value.texts()).collect(),
        };
        let axes = match &self.axes {
            Axes::Computed(text) => vec![&text.value],
            Axes::Named(axes) => axes.values().flat_map(of_axis).collect(),
        };
        axes.into_iter().chain(self.include.texts()).chain(self.exclude.texts()).collect()
    }
}

impl Cells {
    fn texts(&self) -> Vec<&Text> {
        match self {
            Self::Computed(text) => vec![&text.value],
            Self::Listed(cells) => {
                cells.iter().flat_map(|cell| cell.value.values()).flat_map(|value| value.texts()).collect()
            }
        }
    }
}

/// The axes of a matrix.
#[derive(Clone, Debug, PartialEq)]
pub enum Axes {
    /// Written out.
    Named(Entries<Axis>),
    /// `matrix: ${{ … }}`; then there is nothing else.
    Computed(Spanned<Text>),
}

/// One axis.
#[derive(Clone, Debug, PartialEq)]
pub enum Axis {
    /// At least one.
    Values(Vec<Spanned<Value>>),
    /// `${{ … }}`, which gives a list.
    Computed(Spanned<Text>),
}

/// `include` and `exclude`.
#[derive(Clone, Debug, PartialEq)]
pub enum Cells {
    /// Written out; may be empty.
    Listed(Vec<Spanned<Entries<Spanned<Value>>>>),
    /// `${{ … }}`, which gives a list of objects.
    Computed(Spanned<Text>),
}
