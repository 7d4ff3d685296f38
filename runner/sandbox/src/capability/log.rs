//! `log`: lines, annotations, progress, groups. Told to the desk in batches.

use sealock_contract::limits::LOG_LINE_BYTES;
use sealock_contract::seam::{self, Location, Note};
use wasmtime::component::Resource;

use crate::bindings::sealock::step::log::{Annotation, Host, HostGroup, Level};
use crate::notes::truncate;
use crate::state::StepState;

/// A group that is open.
pub struct Group(u32);

impl Host for StepState {
    fn emit(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        Ok(self.notes.log(level.into(), &message)?)
    }

    fn annotate(&mut self, annotation: Annotation) -> wasmtime::Result<()> {
        let Annotation { level, message, mut title, place } = annotation;
        if let Some(title) = &mut title {
            truncate(title, LOG_LINE_BYTES);
        }
        let location = place.map(|place| {
            let mut file = place.file;
            truncate(&mut file, LOG_LINE_BYTES);
            let (end_line, end_column) = (place.end_line, place.end_column);
            Location { file, line: place.line, column: place.column, end_line, end_column }
        });
        Ok(self.notes.annotate(seam::Annotation { level: level.into(), message, title, location })?)
    }

    fn progress(&mut self, done: u64, total: Option<u64>, mut message: String) -> wasmtime::Result<()> {
        truncate(&mut message, LOG_LINE_BYTES);
        Ok(self.notes.charged(message.len(), Note::Progress { done, total, message })?)
    }
}

impl HostGroup for StepState {
    fn new(&mut self, mut title: String) -> wasmtime::Result<Resource<Group>> {
        truncate(&mut title, LOG_LINE_BYTES);
        self.groups += 1;
        let group = self.groups;
        self.notes.charged(title.len(), Note::GroupStart { group, title })?;
        Ok(self.table.push(Group(group))?)
    }

    fn drop(&mut self, group: Resource<Group>) -> wasmtime::Result<()> {
        let Group(group) = self.table.delete(group)?;
        Ok(self.notes.charged(0, Note::GroupEnd { group })?)
    }
}
