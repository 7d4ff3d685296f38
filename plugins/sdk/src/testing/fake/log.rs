//! `log`.

use crate::bindings::sealock::step::log as real;
use crate::testing::Annotated;
use crate::testing::state::with;

pub use real::Level;
pub(crate) use real::{Annotation, Place};

pub(crate) fn emit(level: Level, message: &str) {
    with(|state| state.log.push((level, message.to_owned())));
}

pub(crate) fn annotate(annotation: &Annotation) {
    let place = annotation.place.as_ref().map(|place| (place.file.clone(), place.line));
    let (level, message, title) = (annotation.level, annotation.message.clone(), annotation.title.clone());
    with(|state| state.annotations.push(Annotated { level, message, title, place }));
}

pub(crate) fn progress(done: u64, total: Option<u64>, message: &str) {
    with(|state| state.progress.push((done, total, message.to_owned())));
}

/// A group that is open.
#[derive(Debug)]
pub(crate) struct Group;

impl Group {
    pub(crate) fn new(title: &str) -> Self {
        with(|state| state.groups.push(title.to_owned()));
        Self
    }
}
