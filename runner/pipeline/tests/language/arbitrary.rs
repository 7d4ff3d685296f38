//! Whatever the text is: no panic, and every place lies in it.

use proptest::prelude::*;
use sealock_diagnostics::{Source, Span, codes};
use sealock_pipeline::{DIAGNOSTICS_MAX, decode, parse};

use crate::sample::WHOLE;

fn assert_sane(text: &str) {
    let source = Source::new("p.yml", text);
    let parsed = parse(&source);
    let is_place = |span: &Span| text.get(span.start..span.end).is_some();
    assert!(parsed.diagnostics.len() <= DIAGNOSTICS_MAX + 1);
    for diagnostic in &parsed.diagnostics {
        assert!(diagnostic.span.iter().all(is_place), "{diagnostic:?}");
        assert!(diagnostic.notes.iter().all(|note| is_place(&note.span)), "{diagnostic:?}");
        assert!(codes::find(diagnostic.code).is_some(), "`{}` is not explained", diagnostic.code);
    }
    let is_sound = !parsed.diagnostics.iter().any(sealock_diagnostics::Diagnostic::is_error);
    assert_eq!(parsed.pipeline.is_some(), is_sound);
}

/// Pieces that mean something to YAML or to the language.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "- ",
        ": ",
        "\n",
        "  ",
        "\t",
        "[",
        "]",
        "{",
        "}",
        ",",
        "\"",
        "'",
        "|\n",
        ">-\n",
        "&a ",
        "*a",
        "<<: *a",
        "!t ",
        "? ",
        "#",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "${{",
        "}}",
        "${{ secrets.X }}",
        "${{ needs.a.outputs.b }}",
        "stages:",
        "steps:",
        "run: ",
        "allow:",
        "needs:",
        "matrix:",
        "ä",
        "\u{feff}",
        "\u{2028}",
        "\r",
        "\0",
        "\u{10ffff}",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

/// The whole example with a few places of it cut, doubled, or written over.
fn mutated() -> impl Strategy<Value = String> {
    let change = (any::<prop::sample::Index>(), 0_usize..40, piece(), any::<bool>());
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut text: Vec<char> = WHOLE.chars().collect();
        for (place, length, piece, doubles) in changes {
            let start = place.index(text.len());
            let end = (start + length).min(text.len());
            let taken: Vec<char> = text.splice(start..end, piece.chars()).collect();
            if doubles {
                text.splice(start..start, taken.iter().chain(&taken).copied());
            }
        }
        text.into_iter().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_pieces_are_survived(pieces in prop::collection::vec(piece(), 0..60)) {
        assert_sane(&pieces.concat());
    }

    #[test]
    fn mutations_of_the_whole_example_are_survived(text in mutated()) {
        assert_sane(&text);
    }

    #[test]
    fn arbitrary_bytes_are_decoded_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(text) = decode(&bytes) {
            assert_sane(&text);
        }
    }
}

#[test]
fn every_prefix_of_the_whole_example_is_survived() {
    for (end, _) in WHOLE.char_indices().step_by(13) {
        assert_sane(&WHOLE[..end]);
    }
}
