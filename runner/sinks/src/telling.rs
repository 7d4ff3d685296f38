//! Single events in words, the same for every sink that speaks to people.

use sealock_events::{Conclusion, EventKind, LogLevel, ServiceState, Waiting, Wall};

use crate::line::{Line, Tone};
use crate::story::{Step, Story, place};
use crate::verdict::{self, CANCELLED};
use crate::words::{count, duration, list, short_commit, short_ref, short_run};

/// `blog-creator  main @ 3f9c2ab (2 uncommitted files)  run 01JD4…`.
pub(crate) fn header(story: &Story, columns: usize) -> Vec<Line> {
    let reference = story.reference.as_deref().map(short_ref).filter(|name| !name.is_empty());
    let commit = story.commit.as_deref().map(short_commit);
    let version = [reference.map(str::to_owned), commit].into_iter().flatten().collect::<Vec<_>>().join(" @ ");
    let files = usize::try_from(story.dirty_files).unwrap_or(usize::MAX);
    // Where there is no commit, nothing could be committed: a plain folder is what it is.
    let dirty = (files > 0 && story.commit.is_some()).then(|| format!("({})", count(files, "uncommitted file")));
    let version = [Some(version).filter(|version| !version.is_empty()), dirty];
    let version = version.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let mut parts = vec![Line::of(Tone::Strong, &story.pipeline)];
    parts.extend((!version.is_empty()).then(|| Line::of(Tone::Plain, &version)));
    parts.push(Line::of(Tone::Dim, &format!("run {}", short_run(&story.run))));
    Line::flow(parts, "  ", columns, 2).into_iter().flat_map(|line| line.wrap(columns, 2)).collect()
}

/// Symbol and word for how something ended.
pub(crate) fn ending(outcome: Conclusion, conclusion: Conclusion) -> (&'static str, Tone, &'static str) {
    match (outcome, conclusion) {
        (Conclusion::Failure, Conclusion::Success) => ("!", Tone::Warn, "failed, which is allowed,"),
        (_, Conclusion::Failure) => ("✗", Tone::Bad, "failed"),
        (_, Conclusion::Cancelled) => ("✗", Tone::Warn, "was cancelled"),
        (Conclusion::Skipped, _) | (_, Conclusion::Skipped) => ("–", Tone::Dim, "had nothing to do"),
        (_, Conclusion::Success) => ("✓", Tone::Good, "succeeded"),
    }
}

/// The word for a level that is worth one.
pub(crate) fn level(level: LogLevel) -> Option<(Tone, &'static str)> {
    match level {
        LogLevel::Trace => Some((Tone::Dim, "trace")),
        LogLevel::Debug => Some((Tone::Dim, "debug")),
        LogLevel::Info => None,
        LogLevel::Notice => Some((Tone::Busy, "notice")),
        LogLevel::Warning => Some((Tone::Warn, "warning")),
        LogLevel::Error => Some((Tone::Bad, "error")),
    }
}

/// `error: src/app.py:3:7: unused import`.
pub(crate) fn problem(at: LogLevel, message: &str, place: Option<&str>) -> Line {
    let (tone, word) = level(at).unwrap_or((Tone::Plain, "note"));
    let place = place.map(|place| format!("{place}: ")).unwrap_or_default();
    let line = Line::of(tone, word).put(Tone::Plain, ": ").put(Tone::Strong, &place);
    line.put(Tone::Plain, &verdict::headline(message))
}

/// `waits for …`.
pub(crate) fn waits_for(waiting: &Waiting) -> String {
    match waiting {
        Waiting::Jobs => "waits for a place among the stages that run at once".to_owned(),
        Waiting::Concurrency { group } => format!("waits for another stage of {group}"),
        Waiting::Lock { target, holder, since, position, of, behind } => {
            let place = position.zip(*of).filter(|&(_, of)| of > 1);
            let place = place.map(|(position, of)| format!("; position {position} of {of}")).unwrap_or_default();
            let behind = behind.as_ref().map(|run| format!(", behind run {run}")).unwrap_or_default();
            format!("waits for {target}, which {holder} holds since {since}{place}{behind}")
        }
        Waiting::Retry { ms } => format!("is tried again in {}", duration(*ms)),
        Waiting::Port { port } => format!("waits for port {port} of this machine, which another stage's service has"),
    }
}

/// A service's state in words.
pub(crate) fn service(state: ServiceState) -> (Tone, &'static str) {
    match state {
        ServiceState::Starting => (Tone::Busy, "is starting"),
        ServiceState::Healthy => (Tone::Good, "is healthy"),
        ServiceState::Failed => (Tone::Bad, "failed"),
        ServiceState::Stopped => (Tone::Dim, "stopped"),
    }
}

/// The wall that native commands get.
pub(crate) fn wall(wall: &Wall) -> Vec<Line> {
    let made_of = if wall.made_of.is_empty() { String::new() } else { format!(" ({})", wall.made_of.join(", ")) };
    let mut lines = vec![Line::of(Tone::Dim, &format!("wall: tier {}{made_of}", wall.tier))];
    if wall.unconfined_network {
        lines.push(Line::of(Tone::Warn, "warning: --unconfined-network: native commands reach the whole network"));
    }
    lines
}

/// Why a step did not succeed, and where it stands in the pipeline; nothing for one that did.
pub(crate) fn why(step: &Step) -> Vec<Line> {
    let told = step.cause.as_ref().filter(|cause| cause.code != CANCELLED);
    let mut lines: Vec<Line> =
        told.map(|cause| verdict::cause(cause, !step.is_denied(&cause.message))).unwrap_or_default();
    if step.denial_count > step.denials.len() {
        lines.push(Line::of(Tone::Plain, &format!("it was denied {} times in all", step.denial_count)));
    }
    if let Some(at) = step.at.as_ref().filter(|_| told.is_some()) {
        lines.push(Line::of(Tone::Dim, "at ").put(Tone::Plain, &place(at)));
    }
    lines
}

/// What was asked for, and the line of the pipeline to write if it should be allowed; nothing when the
/// same was told before.
pub(crate) fn denial(story: &Story, kind: &EventKind, columns: usize) -> Vec<Line> {
    let EventKind::Denied { stage, step: id, message, help, .. } = kind else {
        return Vec::new();
    };
    let step = story.step(stage, id);
    if step.is_some_and(|step| !step.is_new_denial) {
        return Vec::new();
    }
    let name = step.map_or(id, |step| &step.name);
    let plugin = step.map(|step| &step.plugin).filter(|plugin| *plugin != name);
    let plugin = plugin.map(|plugin| format!(" ({plugin})")).unwrap_or_default();
    let line = Line::of(Tone::Bad, "✗ ").put(Tone::Strong, &format!("{stage} / {name}")).put(Tone::Dim, &plugin);
    let line = line.put(Tone::Bad, "  denied: ").put(Tone::Plain, &verdict::headline(message));
    let mut lines = line.wrap(columns, 2);
    if let Some(help) = help {
        let place = step.and_then(|step| step.at.as_ref()).map(|at| Line::of(Tone::Dim, &place(at)));
        lines.push(Line::of(Tone::Plain, "  Nothing in this pipeline lets it. If it should:"));
        let parts = place.into_iter().chain([Line::of(Tone::Strong, help)]).collect();
        lines.extend(Line::flow(parts, "   ", columns.saturating_sub(4), 0).into_iter().map(|line| line.indent(4)));
    }
    lines
}

/// Where a run goes on that another process began.
pub(crate) fn resumed(who: &str) -> Line {
    Line::of(Tone::Busy, "↻ ").put(Tone::Strong, "resumed").put(Tone::Plain, " by ").put(Tone::Plain, who)
}

/// The run was asked to stop, which may take what its steps are given for it.
pub(crate) fn cancelling() -> Line {
    Line::of(Tone::Warn, "✗ ")
        .put(Tone::Strong, "cancelling")
        .put(Tone::Plain, ": what runs has a few seconds to stop by itself; press Ctrl-C again to end at once")
}

/// What is found and decided when a run goes on.
pub(crate) fn resumption(kind: &EventKind) -> Vec<Line> {
    let told = |text: &str, why: &str| vec![Line::of(Tone::Busy, "↻ ").put(Tone::Plain, text).put(Tone::Dim, why)];
    match kind {
        EventKind::EffectProbed { step, state, why, .. } => {
            let why = why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            told(&format!("{step}: its effect is {}", state.word()), &why)
        }
        EventKind::StageRestarted { why, .. } => told("starts again from its first step", &format!(": {why}")),
        _ => Vec::new(),
    }
}

/// What happened in a deployment.
pub(crate) fn deployment(story: &Story, kind: &EventKind) -> Vec<Line> {
    match kind {
        EventKind::DeploymentStarted { environment, release, targets, fence, .. } => {
            let text = format!("deploying {release} to {environment}: {} locked (fence {fence})", list(targets));
            vec![Line::of(Tone::Plain, &text)]
        }
        EventKind::Switched { target, release, .. } => {
            vec![Line::of(Tone::Strong, target).put(Tone::Plain, &format!(" switched to {release}"))]
        }
        EventKind::RollbackStarted { stage, environment, release, cause } => {
            let is_told = story.stage(stage).is_some_and(|own| own.tells(cause));
            let why = if is_told { String::new() } else { format!(": {}", verdict::headline(&cause.message)) };
            vec![
                Line::of(Tone::Warn, "↩ ")
                    .put(Tone::Strong, &format!("rolling {environment} back from {release}{why}")),
            ]
        }
        EventKind::RollbackStep { step, what, outcome, cause, duration_ms, .. } => {
            let (symbol, tone, word) = ending(*outcome, *outcome);
            let line = Line::of(tone, symbol).put(Tone::Plain, &format!(" rollback: {step}: {what} {word}"));
            let why = cause.as_ref().map(|cause| format!(": {}: {}", cause.code, verdict::headline(&cause.message)));
            vec![line.put(Tone::Plain, &format!(" in {}{}", duration(*duration_ms), why.unwrap_or_default()))]
        }
        EventKind::RollbackFinished { duration_ms, .. } => {
            vec![Line::of(Tone::Plain, &format!("rollback ended after {}", duration(*duration_ms)))]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_among_several_that_wait_is_told() {
        let told = |position: Option<u32>, of: Option<u32>, behind: Option<&str>| {
            waits_for(&Waiting::Lock {
                target: "web1".into(),
                holder: "run1 (ci@m)".into(),
                since: "noon".into(),
                position,
                of,
                behind: behind.map(str::to_owned),
            })
        };
        let alone = "waits for web1, which run1 (ci@m) holds since noon";
        assert_eq!(told(None, None, None), alone);
        assert_eq!(told(Some(1), Some(1), None), alone);
        assert_eq!(told(Some(1), Some(3), None), format!("{alone}; position 1 of 3"));
        assert_eq!(told(Some(2), Some(3), Some("run7")), format!("{alone}; position 2 of 3, behind run run7"));
    }
}
