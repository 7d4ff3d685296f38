//! What people call stages and steps: settled before the run, except for cells that are made in it.

use sealock_pipeline::{Spanned, Text};

use crate::planner::Planner;
use crate::{Plan, PlannedStage, WithValue, evaluate};

impl Planner<'_> {
    /// A title as it is shown; as written where it rests on a cell that is made during the run.
    pub(crate) fn title(&mut self, written: &Spanned<Text>) -> String {
        self.settled_title(written).unwrap_or_else(|| written.value.raw().to_owned())
    }

    /// The title of a stage, or of the cell `label`, which is told from others where the author did not.
    pub(crate) fn stage_title(&mut self, written: &Spanned<Text>, label: Option<&str>) -> Option<String> {
        let title = self.settled_title(written)?;
        let tells_cells = evaluate::contexts_of(written.value.raw()).iter().any(|name| name == "matrix");
        match label.filter(|_| !tells_cells) {
            Some(label) => Some(format!("{title} ({label})")),
            None => Some(title),
        }
    }

    fn settled_title(&mut self, written: &Spanned<Text>) -> Option<String> {
        let raw = written.value.raw();
        if self.is_late(&WithValue::text(raw)) {
            self.check_text(raw, written.span);
            return None;
        }
        self.settle(raw, written.span)
    }
}

impl Plan {
    /// Settles what the steps of a cell that was made during the run are called.
    pub fn settle_titles(&self, cell: &mut PlannedStage) {
        let known = |envs: &[&[crate::EnvEntry]]| self.known(cell, envs);
        let titles: Vec<String> = cell
            .steps
            .iter()
            .map(|step| {
                let known = known(&[&self.env, &cell.env, &step.env]);
                evaluate::text(&step.title, &known).unwrap_or_else(|_| step.title.clone())
            })
            .collect();
        for (step, title) in cell.steps.iter_mut().zip(titles) {
            step.title = title;
        }
    }
}
