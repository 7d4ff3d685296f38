//! Near names, for "did you mean".

/// Names at most this many edits away are worth offering; a third of the word's length, at least 1.
fn tolerance(name: &str) -> usize {
    (name.chars().count() / 3).max(1)
}

/// The candidate nearest to `name`, when it is near enough to be what its author meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|&(distance, _)| distance <= tolerance(name))
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}

/// "there is `x`", or, with no near name and a short list, "there are `a`, `b`".
pub fn offer<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    /// More names than this are not a help but a listing.
    const LISTED_NAMES_MAX: usize = 12;
    if let Some(near) = nearest(name, candidates.clone()) {
        return Some(format!("there is `{near}`"));
    }
    let all: Vec<String> = candidates.into_iter().map(|name| format!("`{name}`")).collect();
    match all.len() {
        0 => None,
        1 => Some(format!("there is only {}", all[0])),
        count if count <= LISTED_NAMES_MAX => Some(format!("there are {}", all.join(", "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transposed_name_is_near_and_another_word_is_not() {
        assert_eq!(nearest("biuld", ["build", "test"]), Some("build"));
        assert_eq!(nearest("permisions", ["permissions"]), Some("permissions"));
        assert_eq!(nearest("deploy", ["build", "test"]), None);
    }

    #[test]
    fn without_a_near_name_a_short_list_is_shown() {
        assert_eq!(offer("x", ["alpha", "beta"]).as_deref(), Some("there are `alpha`, `beta`"));
        assert_eq!(offer("x", []), None);
    }
}
