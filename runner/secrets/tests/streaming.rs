//! Properties of the redactor: whatever the secret, the form, the text around, and the splits.

#![expect(clippy::unwrap_used, clippy::format_collect, reason = "test code: a failure is a panic, and texts are short")]

use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use sealock_secrets::{SecretBytes, Vault};

// ------------------------------------------------------------------------------------ The forms

/// Every form of the design's list, written here a second time, without the crate's own encoders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Raw,
    Json,
    JsonInJson,
    Xml,
    Shell,
    Go,
    Rust,
    PercentUpper,
    PercentLower,
    DoublePercentUpper,
    DoublePercentLower,
    HexLower,
    HexUpper,
    HexBackslash,
    HexBackslashUpper,
    HexColons,
    HexColonsUpper,
    Base64,
    Base64Url,
    Base64NoPad,
    Base64UrlNoPad,
    DoubleBase64,
    DoubleBase64Url,
}

const FORMS: [Form; 23] = [
    Form::Raw,
    Form::Json,
    Form::JsonInJson,
    Form::Xml,
    Form::Shell,
    Form::Go,
    Form::Rust,
    Form::PercentUpper,
    Form::PercentLower,
    Form::DoublePercentUpper,
    Form::DoublePercentLower,
    Form::HexLower,
    Form::HexUpper,
    Form::HexBackslash,
    Form::HexBackslashUpper,
    Form::HexColons,
    Form::HexColonsUpper,
    Form::Base64,
    Form::Base64Url,
    Form::Base64NoPad,
    Form::Base64UrlNoPad,
    Form::DoubleBase64,
    Form::DoubleBase64Url,
];

/// The forms whose text is all ASCII without blanks, so that anything may be put between.
const PRINTABLE_FORMS: [Form; 14] = [
    Form::PercentUpper,
    Form::DoublePercentLower,
    Form::HexLower,
    Form::HexUpper,
    Form::HexBackslash,
    Form::HexBackslashUpper,
    Form::HexColons,
    Form::HexColonsUpper,
    Form::Base64,
    Form::Base64Url,
    Form::Base64NoPad,
    Form::Base64UrlNoPad,
    Form::DoubleBase64,
    Form::DoubleBase64Url,
];

fn replace_bytes(bytes: &[u8], replacement: impl Fn(u8) -> Option<String>) -> Vec<u8> {
    let replace = |&byte: &u8| replacement(byte).map_or_else(|| vec![byte], String::into_bytes);
    bytes.iter().flat_map(replace).collect()
}

fn json(bytes: &[u8]) -> Vec<u8> {
    replace_bytes(bytes, |byte| match byte {
        b'"' | b'\\' => Some(format!("\\{}", char::from(byte))),
        8 => Some("\\b".into()),
        9 => Some("\\t".into()),
        10 => Some("\\n".into()),
        12 => Some("\\f".into()),
        13 => Some("\\r".into()),
        0..32 => Some(format!("\\u{byte:04x}")),
        _ => None,
    })
}

fn xml(bytes: &[u8]) -> Vec<u8> {
    replace_bytes(bytes, |byte| match byte {
        b'&' => Some("&amp;".into()),
        b'<' => Some("&lt;".into()),
        b'>' => Some("&gt;".into()),
        b'"' => Some("&quot;".into()),
        b'\'' => Some("&apos;".into()),
        _ => None,
    })
}

/// Go quotes byte by byte what is no text; only text is drawn where this is used.
fn go(text: &str) -> Vec<u8> {
    let mut quoted = String::new();
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(quoted, "\\{character}").unwrap(),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\0'..' ' | '\u{7f}' => write!(quoted, "\\x{:02x}", u32::from(character)).unwrap(),
            '\u{80}'..='\u{9f}' => write!(quoted, "\\u{:04x}", u32::from(character)).unwrap(),
            _ => quoted.push(character),
        }
    }
    quoted.into_bytes()
}

fn percent(bytes: &[u8], upper: bool) -> Vec<u8> {
    replace_bytes(bytes, |byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => None,
        _ if upper => Some(format!("%{byte:02X}")),
        _ => Some(format!("%{byte:02x}")),
    })
}

fn hex(bytes: &[u8], before_each: &str, between: &str, upper: bool) -> Vec<u8> {
    let digits = |byte: &u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    let each: Vec<_> = bytes.iter().map(|byte| format!("{before_each}{}", digits(byte))).collect();
    each.join(between).into_bytes()
}

impl Form {
    fn needs_text(self) -> bool {
        matches!(self, Self::Go | Self::Rust)
    }

    fn of(self, secret: &[u8]) -> Vec<u8> {
        let text = || str::from_utf8(secret).unwrap();
        match self {
            Self::Raw => secret.to_vec(),
            Self::Json => json(secret),
            Self::JsonInJson => json(&json(secret)),
            Self::Xml => xml(secret),
            Self::Shell => replace_bytes(secret, |byte| (byte == b'\'').then(|| "'\\''".into())),
            Self::Go => go(text()),
            Self::Rust => {
                let quoted = format!("{:?}", text());
                quoted.as_bytes()[1..quoted.len() - 1].to_vec()
            }
            Self::PercentUpper => percent(secret, true),
            Self::PercentLower => percent(secret, false),
            Self::DoublePercentUpper => percent(&percent(secret, true), true),
            Self::DoublePercentLower => percent(&percent(secret, false), false),
            Self::HexLower => hex(secret, "", "", false),
            Self::HexUpper => hex(secret, "", "", true),
            Self::HexBackslash => hex(secret, "\\x", "", false),
            Self::HexBackslashUpper => hex(secret, "\\x", "", true),
            Self::HexColons => hex(secret, "", ":", false),
            Self::HexColonsUpper => hex(secret, "", ":", true),
            Self::Base64 => STANDARD.encode(secret).into_bytes(),
            Self::Base64Url => URL_SAFE.encode(secret).into_bytes(),
            Self::Base64NoPad => STANDARD_NO_PAD.encode(secret).into_bytes(),
            Self::Base64UrlNoPad => URL_SAFE_NO_PAD.encode(secret).into_bytes(),
            Self::DoubleBase64 => STANDARD.encode(STANDARD.encode(secret)).into_bytes(),
            Self::DoubleBase64Url => URL_SAFE.encode(URL_SAFE.encode(secret)).into_bytes(),
        }
    }

    /// Characters of the form that may stay, because neighbours would have a part in them.
    fn unstable(self) -> usize {
        if matches!(self, Self::DoubleBase64 | Self::DoubleBase64Url) { 4 } else { 0 }
    }
}

// --------------------------------------------------------------------------------- Strategies

fn vault(secrets: &[Vec<u8>]) -> Vault {
    let vault = Vault::new();
    for (number, secret) in secrets.iter().enumerate() {
        vault.register(&format!("S{number}"), SecretBytes::new(secret.as_slice())).unwrap();
    }
    vault
}

fn is_accepted(secret: &[u8]) -> bool {
    Vault::new().hide("S", &SecretBytes::new(secret)).is_ok()
}

fn any_secret() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 8..80).prop_filter("refused", |secret| is_accepted(secret))
}

fn text_secret() -> impl Strategy<Value = Vec<u8>> {
    "\\PC{8,40}".prop_map(String::into_bytes).prop_filter("refused", |secret| is_accepted(secret))
}

/// Secrets over few letters, so that they overlap, repeat, and stand in each other.
fn near_secret() -> impl Strategy<Value = Vec<u8>> {
    "[abA*\n \x1b\\[]{8,14}".prop_map(String::into_bytes).prop_filter("refused", |secret| is_accepted(secret))
}

fn surrounding() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        vec(any::<u8>(), 200..600),
        "[ -~\n]{0,60}".prop_map(String::into_bytes),
        "(\x1b\\[[0-9;]{0,4}m|[a-z]{1,6} |\n|\x1b){0,12}".prop_map(String::into_bytes),
    ]
}

fn blank_run() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", "\n", " ", "\r\n", "\t\t", "\x1b[0m", "\x1b[1;31m", "\x1b]0;x\x07", "\x1b(B", "\n\x1b[K  "])
}

/// What happens to the stream between two writes.
type Writes = Vec<(Index, bool)>;

fn writes() -> impl Strategy<Value = Writes> {
    vec((any::<Index>(), any::<bool>()), 0..24)
}

fn stream(vault: &Vault, text: &[u8], writes: &Writes) -> Vec<u8> {
    let mut places: Vec<_> = writes.iter().map(|(index, flush)| (index.index(text.len() + 1), *flush)).collect();
    places.sort_unstable();
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    let mut at = 0;
    for (place, flush) in places {
        stream.push(&text[at..place], &mut out);
        at = place;
        if flush {
            stream.flush_safe(&mut out);
        }
    }
    stream.push(&text[at..], &mut out);
    stream.finish(&mut out);
    assert_eq!(stream.held(), 0);
    out
}

fn whole(vault: &Vault, text: &[u8]) -> Vec<u8> {
    vault.redactor().redact_bytes(text).into_owned()
}

/// Another mask is taken where a secret begins or ends with a star.
fn is_masked(out: &[u8]) -> bool {
    ["***", "###", "~~~"].iter().any(|mask| contains(out, mask.as_bytes()))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}

// --------------------------------------------------------------------------------- The oracle

/// The visible bytes of `text` and where each stood; the escape sequences that tests draw.
fn strip(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let mut visible = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < text.len() {
        if let Some(length) = colour_length(&text[at..]) {
            at += length;
            continue;
        }
        if text[at] > b' ' && text[at] != 0x7f {
            visible.0.push(text[at]);
            visible.1.push(at);
        }
        at += 1;
    }
    visible
}

fn colour_length(text: &[u8]) -> Option<usize> {
    let parameters = text.strip_prefix(b"\x1b[")?.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b';');
    let length = 2 + parameters.count();
    (text.get(length) == Some(&b'm')).then_some(length + 1)
}

/// Looks for each needle at each place, twice, and takes the whole text for it.
fn naive(needles: &[Vec<u8>], text: &[u8]) -> Vec<u8> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    let (visible, places) = strip(text);
    for needle in needles {
        let here = |at: &usize| text[*at..].starts_with(needle);
        spans.extend((0..text.len()).filter(here).map(|at| at..at + needle.len()));
        let here = |at: &usize| visible[*at..].starts_with(needle);
        let back = |at: usize| places[at]..places[at + needle.len() - 1] + 1;
        spans.extend((0..visible.len()).filter(here).map(back));
    }
    let is_masked = |at: usize| spans.iter().any(|span| span.contains(&at));
    let mut out = Vec::new();
    for (at, &byte) in text.iter().enumerate() {
        if !is_masked(at) {
            out.push(byte);
        } else if at == 0 || !is_masked(at - 1) {
            out.extend_from_slice(b"***");
        }
    }
    out
}

// ------------------------------------------------------------------------------ The properties

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_secret_in_any_form_is_masked_however_it_is_split(
        secret in prop_oneof![any_secret(), text_secret()],
        form in select(&FORMS[..]),
        before in "[ -~\n]{0,60}",
        after in "[ -~\n]{0,60}",
        writes in writes(),
    ) {
        prop_assume!(!form.needs_text() || str::from_utf8(&secret).is_ok());
        let form_text = form.of(&secret);
        let vault = vault(&[secret]);
        let text = [before.as_bytes(), &form_text, after.as_bytes()].concat();
        let out = stream(&vault, &text, &writes);

        prop_assert!(!contains(&out, &form_text));
        let ends = form_text.len() - form_text.trim_ascii().len();
        let left = out.len().saturating_sub("***".len());
        prop_assert!(left <= before.len() + after.len() + form.unstable() + ends, "{:?}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn base64_is_masked_at_every_alignment_and_depth(
        secret in any_secret(),
        before in vec(any::<u8>(), 0..7),
        after in vec(any::<u8>(), 0..7),
        is_double in any::<bool>(),
        is_url in any::<bool>(),
        columns in prop_oneof![Just(usize::MAX), 1..80_usize],
        writes in writes(),
    ) {
        let engine = if is_url { &URL_SAFE } else { &STANDARD };
        let around = [&before[..], &secret, &after].concat();
        let once = engine.encode(&around);
        let encoded = if is_double { engine.encode(&once) } else { once };
        let wrapped = encoded.as_bytes().chunks(columns).collect::<Vec<_>>().join(&b'\n');
        let out = stream(&vault(std::slice::from_ref(&secret)), &wrapped, &writes);

        // The neighbours' characters stay, and at either end one that they share.
        let depth = if is_double { 2 } else { 1 };
        let mut neighbours = before.len() + after.len();
        for _ in 0..depth {
            neighbours = (neighbours * 4).div_ceil(3) + 8;
        }
        let left = out.iter().filter(|byte| !matches!(**byte, b'*' | b'#' | b'~' | b'\n')).count();
        prop_assert!(left <= neighbours, "{left} > {neighbours}: {}", String::from_utf8_lossy(&out));
        prop_assert!(is_masked(&out));
    }

    #[test]
    fn blanks_and_escape_sequences_between_do_not_help(
        secret in any_secret(),
        form in select(&PRINTABLE_FORMS[..]),
        blanks in vec(blank_run(), 1..20),
        writes in writes(),
    ) {
        let form_text = form.of(&secret);
        let mut text = Vec::new();
        for (number, &byte) in form_text.iter().enumerate() {
            text.extend_from_slice(blanks[number % blanks.len()].as_bytes());
            text.push(byte);
        }
        let out = stream(&vault(&[secret]), &text, &writes);
        let (visible, _) = strip(&out);
        prop_assert!(is_masked(&out));
        prop_assert!(out.len() <= blanks[0].len() + "***".len() + form.unstable() * 12, "{:?} {visible:?}", String::from_utf8_lossy(&out));
    }

    #[test]
    fn the_output_does_not_depend_on_the_splits(
        secrets in vec(prop_oneof![any_secret(), near_secret(), text_secret()], 1..4),
        pieces in vec((surrounding(), any::<Index>(), select(&FORMS[..])), 0..8),
        writes in writes(),
    ) {
        let mut text = Vec::new();
        for (around, which, form) in pieces {
            let secret = which.get(&secrets);
            text.extend(around);
            text.extend(if form.needs_text() { secret.clone() } else { form.of(secret) });
        }
        let vault = vault(&secrets);
        prop_assert_eq!(stream(&vault, &text, &writes), whole(&vault, &text));
    }

    #[test]
    fn overlapping_secrets_are_independent_of_the_splits_and_leave_clean_text(
        secrets in vec(near_secret(), 1..5),
        text in "([abA*\n \x1b\\[]{1,40}|\x1b\\[m){1,8}",
        repeats in 1..6_usize,
        inserts in vec((any::<Index>(), any::<Index>()), 0..4),
        writes in writes(),
    ) {
        let mut text = text.repeat(repeats).into_bytes();
        for (place, which) in inserts {
            let place = place.index(text.len() + 1);
            text.splice(place..place, which.get(&secrets).iter().copied());
        }
        let vault = vault(&secrets);
        let out = stream(&vault, &text, &writes);
        prop_assert_eq!(&out, &whole(&vault, &text));
        prop_assert_eq!(&out, &whole(&vault, &out));
        for secret in &secrets {
            prop_assert!(!contains(&out, secret), "{:?}", String::from_utf8_lossy(&out));
        }
    }

    #[test]
    fn text_without_a_secret_passes_unchanged(
        secret in any_secret(),
        text in prop_oneof![vec(any::<u8>(), 0..3000), vec(surrounding(), 0..40).prop_map(|parts| parts.concat())],
        writes in writes(),
    ) {
        prop_assert_eq!(stream(&vault(&[secret]), &text, &writes), text);
    }

    #[test]
    fn the_stream_agrees_with_an_oracle_that_sees_everything(
        secrets in vec("[g-z]{8,12}", 1..6),
        pieces in vec(prop_oneof![
            "[g-z ]{0,12}",
            Just("\n".to_owned()),
            Just("\x1b[1;32m".to_owned()),
            Just("#1".to_owned()),
        ], 0..30),
        inserts in vec((any::<Index>(), any::<Index>(), any::<bool>()), 0..8),
        writes in writes(),
    ) {
        let needles: Vec<Vec<u8>> = secrets.iter().map(|secret| secret.clone().into_bytes()).collect();
        prop_assume!(needles.iter().all(|needle| is_accepted(needle)));
        let mut pieces = pieces;
        for (place, which, spread) in inserts {
            let secret = which.get(&secrets);
            let place = place.index(pieces.len() + 1);
            let spread_out = || secret.chars().map(|letter| format!("{letter}\x1b[0m\n")).collect();
            pieces.insert(place, if spread { spread_out() } else { secret.clone() });
        }
        let text = pieces.concat().into_bytes();
        let vault = vault(&needles);
        prop_assert_eq!(stream(&vault, &text, &writes), naive(&needles, &text));
    }

    #[test]
    fn what_is_flushed_was_safe(
        secret in text_secret(),
        form in select(&FORMS[..]),
        before in "[ -~\n]{0,30}",
        place in any::<Index>(),
    ) {
        let form_text = form.of(&secret);
        let text = [before.as_bytes(), &form_text].concat();
        let split = before.len() + place.index(form_text.len());
        let mut stream = vault(&[secret]).redactor().stream();
        let mut out = Vec::new();
        stream.push(&text[..split], &mut out);
        stream.flush_safe(&mut out);
        let stable = form_text.len() - form.unstable();
        prop_assert!(split - before.len() > stable || out.len() <= before.len() + "***".len());
    }

    #[test]
    fn a_text_stays_a_text(secret in any_secret(), text in "\\PC{0,60}", form in select(&FORMS[..])) {
        prop_assume!(!form.needs_text());
        let vault = vault(std::slice::from_ref(&secret));
        let text = format!("{text}{}", String::from_utf8_lossy(&form.of(&secret)));
        let redacted = vault.redactor().redact_text(&text).into_owned();
        prop_assert_eq!(vault.redactor().redact_text(&redacted), redacted.as_str());
    }
}

// --------------------------------------------------------------------------- What flushing means

#[test]
fn a_flush_gives_out_all_but_the_beginning_of_a_secret() {
    let vault = vault(&[b"hunter2-hunter2".to_vec()]);
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    stream.push(b"password: hunt", &mut out);
    assert_eq!((out.as_slice(), stream.held()), (&b""[..], 14));
    stream.flush_safe(&mut out);
    assert_eq!((out.as_slice(), stream.held()), (&b"password: "[..], 4));
    stream.flush_safe(&mut out);
    assert_eq!(stream.held(), 4);
    stream.push(b"ing?", &mut out);
    stream.flush_safe(&mut out);
    assert_eq!((out.as_slice(), stream.held()), (&b"password: hunting?"[..], 0));
}

#[test]
fn a_push_holds_all_of_the_longest_form_but_its_last_byte() {
    let secret = b"an ordinary token of 32 letters.";
    let vault = vault(&[secret.to_vec()]);
    let longest: String = secret.iter().map(|byte| format!("%25{byte:02X}")).collect();
    let before = "-".repeat(1000);
    for (split, flush) in (1..longest.len()).flat_map(|split| [(split, false), (split, true)]) {
        let mut stream = vault.redactor().stream();
        let mut out = Vec::new();
        stream.push(format!("{before}{}", &longest[..split]).as_bytes(), &mut out);
        if flush {
            stream.flush_safe(&mut out);
        }
        stream.push(format!("{}{before}", &longest[split..]).as_bytes(), &mut out);
        stream.finish(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{before}***{before}"), "split at {split}");
    }
}

#[test]
fn a_push_holds_no_more_than_the_longest_needle() {
    let secret: Vec<u8> = (0..20_000_u32).map(|number| b'a' + u8::try_from(number * number % 23).unwrap()).collect();
    let vault = vault(&[secret]);
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    for _ in 0..1000 {
        stream.push(b"an ordinary line of a log\n", &mut out);
        assert!(stream.held() < 2 * 1024 + 512, "{}", stream.held());
    }
}

#[test]
fn an_endless_run_of_blanks_is_not_held() {
    let vault = vault(&[b"hunter2-hunter2".to_vec()]);
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    stream.push(b"hunter2-hunte", &mut out);
    for _ in 0..100 {
        stream.push(&[b' '; 4096], &mut out);
    }
    assert!(stream.held() < 16 * 1024, "{}", stream.held());
    assert!(out.starts_with(b"hunter2-hunte    "));
}

#[test]
fn an_unterminated_escape_sequence_is_not_held_for_ever() {
    let vault = vault(&[b"hunter2-hunter2".to_vec()]);
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    stream.push(b"\x1b]0;", &mut out);
    for _ in 0..1000 {
        stream.push(b"no end of a title; ", &mut out);
        assert!(stream.held() < 4096);
    }
    stream.push(b"hunter2\n-hunter2\n", &mut out);
    stream.finish(&mut out);
    assert!(out.ends_with(b"title; ***\n"));
}

#[test]
fn a_stream_moves_between_threads_and_tells_nothing_of_what_it_holds() {
    fn debug(stream: &(impl std::fmt::Debug + Send)) -> String {
        format!("{stream:?}")
    }
    let mut stream = vault(&[b"hunter2-hunter2".to_vec()]).redactor().stream();
    stream.push(b"hunter2", &mut Vec::new());
    assert_eq!(debug(&stream), "RedactingStream { held: 7, .. }");
}

#[test]
fn threads_may_register_while_others_write() {
    let vault = vault(&[b"first-secret".to_vec()]);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let vault = vault.clone();
            scope.spawn(move || {
                let secret = format!("secret-of-thread-{number}");
                vault.register(&secret, SecretBytes::new(secret.as_str())).unwrap();
                let mut stream = vault.redactor().stream();
                let mut out = Vec::new();
                for _ in 0..200 {
                    stream.push(format!("a {secret} b first-secret c\n").as_bytes(), &mut out);
                }
                stream.finish(&mut out);
                assert_eq!(out, "a *** b *** c\n".repeat(200).into_bytes());
            });
        }
    });
}
