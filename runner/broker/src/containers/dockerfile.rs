//! Where in a Dockerfile an instruction stands, so that a failed one can be shown.

/// One instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Its first line, from 1.
    pub(super) line: u32,
    /// On one line, blanks made one.
    pub(super) text: String,
    /// How many `FROM` stand before it and in it.
    stage: usize,
}

/// The instructions of `text`.
pub(super) fn instructions(text: &str) -> Vec<Instruction> {
    let escape = if is_backtick(text) { '`' } else { '\\' };
    let mut found: Vec<Instruction> = Vec::new();
    let mut open: Option<(u32, String)> = None;
    let mut stage = 0;
    let mut heredoc: Option<String> = None;
    for (line, number) in text.lines().zip(1u32..) {
        if let Some(end) = &heredoc {
            if line.trim() == end {
                heredoc = None;
            }
            continue;
        }
        let trimmed = line.trim();
        if trimmed.starts_with('#') || trimmed.is_empty() {
            continue;
        }
        let (start, mut so_far) = open.take().unwrap_or((number, String::new()));
        let goes_on = trimmed.ends_with(escape);
        so_far.push_str(trimmed.strip_suffix(escape).unwrap_or(trimmed));
        so_far.push(' ');
        if goes_on {
            open = Some((start, so_far));
            continue;
        }
        let text = plain(&so_far);
        stage += usize::from(text.to_ascii_uppercase().starts_with("FROM "));
        heredoc = heredoc_end(&text);
        found.push(Instruction { line: start, text, stage });
    }
    found
}

fn is_backtick(text: &str) -> bool {
    let directive = text.lines().take_while(|line| line.starts_with('#')).map(plain);
    directive.into_iter().any(|line| line.replace(' ', "").eq_ignore_ascii_case("#escape=`"))
}

/// `RUN <<EOF` ends at a line `EOF`.
fn heredoc_end(text: &str) -> Option<String> {
    let keyword = text.split(' ').next()?.to_ascii_uppercase();
    if !matches!(keyword.as_str(), "RUN" | "COPY" | "ADD") {
        return None;
    }
    let word = text.split(' ').find_map(|word| word.strip_prefix("<<"))?;
    let word = word.trim_start_matches('-').trim_matches(['"', '\'']);
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    is_word.then(|| word.to_owned())
}

fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The images that `FROM` names, with the instruction of each: not stages, not `scratch`, and not what only
/// the engine can work out.
pub(super) fn bases(instructions: &[Instruction], args: &[(String, String)]) -> Vec<(String, Instruction)> {
    let mut known: Vec<(String, String)> = Vec::new();
    let mut stages: Vec<String> = Vec::new();
    let mut bases = Vec::new();
    for instruction in instructions {
        let words: Vec<&str> = instruction.text.split(' ').collect();
        match words[0].to_ascii_uppercase().as_str() {
            "ARG" if instruction.stage == 0 => known.extend(words[1..].iter().filter_map(|word| argument(word, args))),
            "FROM" => {
                let mut rest = words[1..].iter().filter(|word| !word.starts_with("--"));
                let image = rest.next().and_then(|word| expanded(word, &known));
                let is_image = |name: &String| name != "scratch" && !stages.contains(&name.to_ascii_lowercase());
                bases.extend(image.filter(is_image).map(|image| (image, instruction.clone())));
                stages.extend(rest.nth(1).map(|name| name.to_ascii_lowercase()));
            }
            _ => {}
        }
    }
    bases
}

/// `NAME=default`, or what was given for it.
fn argument(word: &str, args: &[(String, String)]) -> Option<(String, String)> {
    let (name, default) = match word.split_once('=') {
        Some((name, default)) => (name, Some(default.trim_matches(['"', '\'']))),
        None => (word, None),
    };
    let given = args.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
    given.or(default).map(|value| (name.to_owned(), value.to_owned()))
}

/// `text` with `$NAME` and `${NAME}` put in; `None` when another form of them is left.
fn expanded(text: &str, known: &[(String, String)]) -> Option<String> {
    let mut parts = text.trim_matches(['"', '\'']).split('$');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (name, rest) = match part.strip_prefix('{') {
            Some(inner) => inner.split_once('}')?,
            None => part.split_at(part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len())),
        };
        out.push_str(known.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())?);
        out.push_str(rest);
    }
    Some(out)
}

/// The instruction that BuildKit calls `name`, such as `[build 2/4] RUN make`.
pub(super) fn find(instructions: &[Instruction], name: &str) -> Option<Instruction> {
    let (place, text) = match name.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((place, text)) => (Some(place), plain(text)),
        None => (None, plain(name)),
    };
    let same = |instruction: &&Instruction| instruction.text.eq_ignore_ascii_case(&text);
    let mut equal = instructions.iter().filter(same);
    if let (Some(found), None) = (equal.next(), equal.next()) {
        return Some(found.clone());
    }
    let (stage, index) = place.and_then(|place| placed(instructions, place))?;
    let in_stage = instructions.iter().filter(|instruction| instruction.stage == stage && has_layer(&instruction.text));
    in_stage.into_iter().nth(index.checked_sub(1)?).cloned()
}

/// Stage, counted from 1, and place in it, of `build 2/4`, `stage-1 2/4`, or `2/4`.
fn placed(instructions: &[Instruction], place: &str) -> Option<(usize, usize)> {
    let mut words = place.split(' ').filter(|word| !word.is_empty() && !word.contains("linux/"));
    let (name, index) = match (words.next()?, words.next()) {
        (name, Some(index)) => (Some(name), index),
        (index, None) => (None, index),
    };
    let index = index.split('/').next()?.parse().ok()?;
    let Some(name) = name else { return Some((1, index)) };
    if let Some(number) = name.strip_prefix("stage-").and_then(|number| number.parse::<usize>().ok()) {
        return Some((number + 1, index));
    }
    let suffix = format!(" AS {}", name.to_ascii_uppercase());
    let named = instructions.iter().find(|instruction| instruction.text.to_ascii_uppercase().ends_with(&suffix))?;
    Some((named.stage, index))
}

/// Those that BuildKit counts.
fn has_layer(text: &str) -> bool {
    let keyword = text.split(' ').next().unwrap_or_default().to_ascii_uppercase();
    matches!(keyword.as_str(), "FROM" | "RUN" | "COPY" | "ADD" | "WORKDIR")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# syntax\nFROM a AS build\nENV X=1\nRUN one && \\\n    # why\n    two\nRUN same\n\nFROM b\nCOPY --from=build /x /x\nRUN same\nRUN <<EOF\nRUN not\nEOF\nRUN last\n";

    fn line(name: &str) -> Option<u32> {
        find(&instructions(TEXT), name).map(|instruction| instruction.line)
    }

    #[test]
    fn bases_are_what_from_names_with_its_arguments_put_in() {
        let text = "ARG V=3.11\nARG KIND\nFROM python:${V}-slim AS build\nARG V=9\nFROM --platform=linux/amd64 node:$V\n\
                    FROM build\nFROM scratch\nFROM x:${KIND:-a}\nFROM y:$KIND\n";
        let args = [("KIND".to_owned(), "slim".to_owned())];
        let found: Vec<_> = bases(&instructions(text), &args).into_iter().map(|(name, at)| (name, at.line)).collect();
        let expected = [("python:3.11-slim", 3), ("node:3.11", 5), ("y:slim", 9)];
        assert_eq!(found, expected.map(|(name, line)| (name.to_owned(), line)));
    }

    #[test]
    fn names_of_buildkit_lead_to_their_lines() {
        assert_eq!(line("[build 2/3] RUN one &&     two"), Some(4));
        assert_eq!(line("[build 3/3] RUN same"), Some(7));
        assert_eq!(line("[stage-1 3/5] RUN same"), Some(11));
        assert_eq!(line("[stage-1 5/5] RUN last"), Some(15));
        assert_eq!(line("[stage-1 2/5] COPY --from=build /expanded /x"), Some(10));
        assert_eq!(line("[internal] load build context"), None);
        assert_eq!(line("RUN not"), None);
    }
}
