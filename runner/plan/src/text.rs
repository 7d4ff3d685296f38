//! The plan for people: the graph, each stage's condition, steps, and grants.

use std::fmt::Write as _;

use sealock_contract::Grant;
use sealock_contract::grant::HostPattern;
use sealock_diagnostics::escape;

use crate::{Plan, PlannedStage, PluginOrigin};

/// The plan as text. `wall` is what native commands of this machine get. Each line is escaped whole: a name or a
/// condition that moved the cursor could show another plan than the one that runs.
pub fn text(plan: &Plan, wall: &str) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "{}\n", escape(&header(plan)));
    for line in graph(plan) {
        let _ = writeln!(out, "  {}", escape(&line));
    }
    let _ = writeln!(out);
    for line in table(plan) {
        let _ = writeln!(out, "  {}", escape(&line));
    }
    let _ = writeln!(out);
    let _ = writeln!(out, "  plugins   {}", escape(&plugins(plan)));
    let _ = writeln!(out, "  wall      {wall}");
    out
}

fn header(plan: &Plan) -> String {
    let fact = |name: &str| plan.github.get(name).and_then(|value| value.as_str()).filter(|value| !value.is_empty());
    let mut line = plan.name.clone();
    if let Some(reference) = fact("ref_name") {
        let _ = write!(line, "  {reference}");
    }
    if let Some(sha) = fact("sha") {
        let _ = write!(line, " @ {}", sha.chars().take(7).collect::<String>());
    }
    let trust = plan.trust.words(&plan.github).map(|words| format!("   {words}")).unwrap_or_default();
    format!("{line}{trust}   nothing has run")
}

/// Stages by how many others stand before them, with arrows between the columns.
fn graph(plan: &Plan) -> Vec<String> {
    let columns = columns(plan);
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> =
        columns.iter().map(|column| column.iter().map(|name| name.chars().count()).max().unwrap_or(0)).collect();
    (0..height).map(|row| graph_row(&columns, &widths, row)).collect()
}

fn graph_row(columns: &[Vec<String>], widths: &[usize], row: usize) -> String {
    let mut line = String::new();
    for (place, (column, width)) in columns.iter().zip(widths).enumerate() {
        let last = place + 1 == columns.len();
        let name = column.get(row).map_or("", String::as_str);
        let fill = if name.is_empty() || last { ' ' } else { '─' };
        let pad = width - name.chars().count();
        let _ = write!(line, "{name}{}", if name.is_empty() { String::new() } else { " ".to_owned() });
        line.extend(std::iter::repeat_n(fill, pad + usize::from(name.is_empty())));
        if !last {
            line.push_str(joint(column.len(), row));
        }
    }
    line.trim_end().to_owned()
}

/// What stands between two columns beside row `row` of a column of `height` stages.
fn joint(height: usize, row: usize) -> &'static str {
    match (height, row) {
        (1, 0) => "─── ",
        (_, 0) => "─┬─ ",
        (height, row) if row + 1 == height => "─┘  ",
        (height, row) if row < height => "─┤  ",
        _ => "    ",
    }
}

fn columns(plan: &Plan) -> Vec<Vec<String>> {
    let mut columns: Vec<Vec<String>> = Vec::new();
    let mut depths: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    for stage in &plan.stages {
        let depth = stage.needs.iter().filter_map(|need| depths.get(need.as_str())).max().map_or(0, |depth| depth + 1);
        let is_new = depths.insert(&stage.id, depth).is_none();
        if columns.len() <= depth {
            columns.resize(depth + 1, Vec::new());
        }
        if is_new {
            columns[depth].push(node(stage));
        }
    }
    columns
}

fn node(stage: &PlannedStage) -> String {
    let cells = match (stage.cells, &stage.late_matrix) {
        (_, Some(_)) => " ×?".to_owned(),
        (1, None) => String::new(),
        (cells, None) => format!(" ×{cells}"),
    };
    let environment = stage.environment.as_ref().map(|name| format!(" → {name}")).unwrap_or_default();
    format!("{}{cells}{environment}", stage.id)
}

fn table(plan: &Plan) -> Vec<String> {
    let mut rows = vec![["stage".to_owned(), "runs when".to_owned(), "steps".to_owned(), "may touch".to_owned()]];
    rows.extend(
        plan.stages
            .iter()
            .map(|stage| [stage.name.clone(), when(stage), stage.steps.len().to_string(), touches(plan, stage)]),
    );
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (name, when) = (width(0), width(1));
    let row = |row: &[String; 4]| format!("{:name$}  {:when$}  {:>5}  {}", row[0], row[1], row[2], row[3]);
    rows.iter().map(row).collect()
}

/// On which condition, in words.
fn when(stage: &PlannedStage) -> String {
    if let Some(why) = &stage.withheld {
        return format!("never: {why}");
    }
    let needs = match stage.needs.as_slice() {
        [] => "always".to_owned(),
        [only] => format!("{only} succeeds"),
        many => format!("{} succeed", many.join(", ")),
    };
    match &stage.condition {
        None => needs,
        Some(condition) if condition.trim() == "always()" => "always".to_owned(),
        Some(condition) => {
            let head = if stage.needs.is_empty() { String::new() } else { format!("{needs}, ") };
            format!("{head}if {}", condition.split_whitespace().collect::<Vec<_>>().join(" "))
        }
    }
}

/// Everything that the stage's steps may touch, each thing once.
fn touches(plan: &Plan, stage: &PlannedStage) -> String {
    let mut things: Vec<String> = Vec::new();
    let mut add = |thing: String| {
        if !things.contains(&thing) {
            things.push(thing);
        }
    };
    for step in &stage.steps {
        if let Some(grant) = plan.grant_of(stage, &step.key) {
            granted(grant).into_iter().for_each(&mut add);
        }
    }
    if !stage.services.is_empty() {
        add(format!(
            "services {}",
            stage.services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ")
        ));
    }
    if things.is_empty() { "–".to_owned() } else { things.join(" · ") }
}

/// One grant in words; revealing secrets stands in capitals.
pub fn granted(grant: &Grant) -> Vec<String> {
    let mut things = Vec::new();
    for own in &grant.network {
        let host = match &own.host {
            HostPattern::Name(name) => name.clone(),
            HostPattern::Below(parent) => format!("*.{parent}"),
            HostPattern::Any => "*".to_owned(),
            HostPattern::Range(address, bits) if *bits == 32 || *bits == 128 => address.to_string(),
            HostPattern::Range(address, bits) => format!("{address}/{bits}"),
        };
        let verb = if own.methods.is_empty() { "network".to_owned() } else { own.methods.join(", ") };
        things.push(format!("{verb} {host}:{}", own.port));
    }
    if grant.containers.build {
        things.push("builds images".to_owned());
    }
    let patterns = |list: &[sealock_contract::grant::ImagePattern]| {
        list.iter().map(|own| own.0.as_str()).collect::<Vec<_>>().join(", ")
    };
    if !grant.containers.push.is_empty() {
        things.push(format!("pushes {}", patterns(&grant.containers.push)));
    }
    if !grant.containers.run.is_empty() {
        things.push(format!("runs {}", patterns(&grant.containers.run)));
    }
    if !grant.targets.is_empty() {
        things.push(format!("targets {}", grant.targets.join(", ")));
    }
    if !grant.secrets.is_empty() {
        let verb = if grant.reveal { "REVEALS" } else { "uses" };
        things.push(format!("{verb} {}", grant.secrets.join(", ")));
    }
    things
}

fn plugins(plan: &Plan) -> String {
    let of = |wanted: fn(&PluginOrigin) -> bool| plan.plugins.values().filter(|plugin| wanted(&plugin.origin)).count();
    let mut parts = vec![format!("{} builtin", of(|origin| *origin == PluginOrigin::Builtin))];
    for (name, plugin) in &plan.plugins {
        match &plugin.origin {
            PluginOrigin::Builtin => {}
            PluginOrigin::Path(_) => parts.push(format!("{name} (sha256:{}…)", &plugin.digest.hex()[..4])),
            PluginOrigin::Registry(reference) => {
                parts.push(format!("{name} ({reference}, sha256:{}…)", &plugin.digest.hex()[..4]));
            }
        }
    }
    parts.join(", ")
}

/// The graph for Mermaid.
pub fn mermaid(plan: &Plan) -> String {
    let mut out = String::from("flowchart LR\n");
    let mut seen = std::collections::BTreeSet::new();
    for stage in plan.stages.iter().filter(|stage| seen.insert(stage.id.as_str())) {
        let _ = writeln!(out, "  {}[\"{}\"]", stage.id, escape(&node(stage)));
        for need in &stage.needs {
            let _ = writeln!(out, "  {need} --> {}", stage.id);
        }
    }
    out
}
