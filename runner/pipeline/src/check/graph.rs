//! `needs`: every stage exists, and none waits for itself.

use sealock_diagnostics::Diagnostic;

use super::Subject;
use crate::model::{Entries, Spanned, Stage};
use crate::problems::Problems;

pub(super) fn check(diagnostics: &mut Problems, subject: &Subject<'_>) {
    let stages = &subject.pipeline.stages;
    for stage in stages.values() {
        for need in &stage.needs {
            diagnostics.extend(check_need(subject, stage, need));
        }
    }
    diagnostics.extend(cycles(stages));
}

fn check_need(subject: &Subject<'_>, stage: &Stage, need: &Spanned<String>) -> Option<Diagnostic> {
    let stages = &subject.pipeline.stages;
    if need.value == stage.id.value {
        let message = format!("stage `{}` needs itself", stage.id.value);
        return Some(Diagnostic::error("E-STAGE-CYCLE", message, need.span).help("remove it"));
    }
    if stages.contains(need) || (subject.is_lost)(need) {
        return None;
    }
    let message = format!("stage `{}` needs `{}`, which is not in this pipeline", stage.id.value, need.value);
    let names = stages.names().filter(|name| *name != stage.id.value);
    let found = Diagnostic::error("E-STAGE-UNKNOWN", message, need.span)
        .label("no stage has this name")
        .maybe_help(subject.offers.offer(need, names));
    Some(found)
}

/// How far a stage has been looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    /// On the path that is being followed.
    Open,
    Done,
}

/// One diagnostic for each cycle that following `needs` runs into.
fn cycles(stages: &Entries<Stage>) -> Vec<Diagnostic> {
    let list: Vec<&Stage> = stages.values().collect();
    let mut found = Vec::new();
    walk(stages, |path, need| found.push(cycle(&list, path, need)));
    found
}

/// The places of all stages, each behind those that it needs, as far as there is no cycle.
pub(super) fn in_order(stages: &Entries<Stage>) -> Vec<usize> {
    walk(stages, |_, _| {})
}

/// Follows `needs` from every stage; gives the places in the order of finishing.
fn walk(stages: &Entries<Stage>, mut on_cycle: impl FnMut(&[usize], usize)) -> Vec<usize> {
    let needs: Vec<Vec<(usize, usize)>> = stages.values().map(|stage| needed(stages, stage)).collect();
    let mut marks = vec![Mark::New; needs.len()];
    let mut order = Vec::with_capacity(needs.len());
    for start in 0..needs.len() {
        if marks[start] == Mark::New {
            follow(start, &needs, &mut marks, &mut order, &mut on_cycle);
        }
    }
    order
}

/// The stages that `stage` needs, each with its place in `needs`.
fn needed(stages: &Entries<Stage>, stage: &Stage) -> Vec<(usize, usize)> {
    let others = stage.needs.iter().enumerate().filter(|(_, need)| need.value != stage.id.value);
    others.filter_map(|(place, need)| Some((stages.position(need)?, place))).collect()
}

/// Depth first without recursion: a chain of two thousand stages must not exhaust the stack.
fn follow(
    start: usize,
    needs: &[Vec<(usize, usize)>],
    marks: &mut [Mark],
    order: &mut Vec<usize>,
    on_cycle: &mut impl FnMut(&[usize], usize),
) {
    let mut path = vec![start];
    let mut next = vec![0];
    marks[start] = Mark::Open;
    while let (Some(&stage), Some(at)) = (path.last(), next.last_mut()) {
        let Some(&(need, place)) = needs[stage].get(*at) else {
            marks[stage] = Mark::Done;
            order.push(stage);
            path.pop();
            next.pop();
            continue;
        };
        *at += 1;
        match marks[need] {
            Mark::Done => {}
            Mark::New => {
                marks[need] = Mark::Open;
                path.push(need);
                next.push(0);
            }
            Mark::Open => {
                let from = path.iter().position(|&on_path| on_path == need).unwrap_or(0);
                on_cycle(&path[from..], place);
            }
        }
    }
}

/// The cycle that `path` is; its last stage needs its first one by its need number `need`.
fn cycle(stages: &[&Stage], path: &[usize], need: usize) -> Diagnostic {
    /// A longer path is shown by its ends.
    const SHOWN_STAGES_MAX: usize = 8;
    let mut names: Vec<&str> = path.iter().map(|&stage| stages[stage].id.value.as_str()).collect();
    if names.len() > SHOWN_STAGES_MAX {
        names.drain(SHOWN_STAGES_MAX / 2..names.len() - SHOWN_STAGES_MAX / 2);
        names.insert(SHOWN_STAGES_MAX / 2, "…");
    }
    let first = stages[path[0]].id.value.as_str();
    let message = format!("stages wait for each other: {} → {first}", names.join(" → "));
    let last = stages[path[path.len() - 1]];
    Diagnostic::error("E-STAGE-CYCLE", message, last.needs[need].span)
        .label("closes the circle")
        .help("take one of these out of `needs`: an arrow points from a stage to what it needs")
}
