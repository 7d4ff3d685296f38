//! What stands in a secret's place.
//!
//! A replacement must never complete a secret: with a secret `*hunter2!` known, masking what stands
//! before `hunter2!` as `***` would print it. So the mask is chosen against all needles: none of
//! them may begin with an end of it, end with a beginning of it, or hold it whole. Then no stretch
//! of output that touches a mask can be a needle, and what is clean before replacing is clean after.

use memchr::memmem;

use crate::secret::SecretBytes;

/// In order of preference. A later one is taken only where a secret makes the earlier ones unsafe.
const CANDIDATES: &[&str] = &["***", "###", "~~~", "[masked]", "(masked)", "███", "▒▒▒", "•••", "◆◆◆", "※※※"];

/// The first mask that cannot be part of any needle. Where every one can (a hundred hostile,
/// binary secrets), the first is the best there is.
pub(crate) fn choose(needles: &[SecretBytes]) -> &'static str {
    let is_safe = |mask: &&&str| !needles.iter().any(|needle| joins(mask.as_bytes(), needle.expose()));
    CANDIDATES.iter().find(is_safe).unwrap_or(&CANDIDATES[0])
}

/// Whether text around `mask` could make a `needle` that overlaps the mask.
fn joins(mask: &[u8], needle: &[u8]) -> bool {
    let at_either_end =
        |length: usize| needle.starts_with(&mask[mask.len() - length..]) || needle.ends_with(&mask[..length]);
    (1..=mask.len()).any(at_either_end) || memmem::find(needle, mask).is_some()
}

#[cfg(test)]
mod tests {
    use super::choose;
    use crate::secret::SecretBytes;

    fn mask_for(needles: &[&str]) -> &'static str {
        let needles: Vec<_> = needles.iter().map(|needle| SecretBytes::new(*needle)).collect();
        choose(&needles)
    }

    #[test]
    fn three_stars_unless_a_needle_could_take_them_in() {
        assert_eq!(mask_for(&["hunter2!", "a*b**cdefg"]), "***");
        assert_eq!(mask_for(&["*hunter2!"]), "###");
        assert_eq!(mask_for(&["hunter2!*"]), "###");
        assert_eq!(mask_for(&["hunt***er2!"]), "###");
        assert_eq!(mask_for(&["hunt***er2!", "hunter2#", "~hunter2", "]hunter2"]), "(masked)");
    }
}
