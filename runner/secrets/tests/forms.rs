//! The abuse suite's section on secrets in output: cases 86 to 92.

#![expect(clippy::unwrap_used, clippy::format_collect, reason = "test code: a failure is a panic, and texts are short")]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use sealock_secrets::{SecretBytes, Vault};

const TOKEN: &str = "s3cr\"t/<T0ken>&it's\\$9ä";

const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n\
    OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n\
    1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n\
    -----END PRIVATE KEY-----\n";

fn vault(secrets: &[&str]) -> Vault {
    let vault = Vault::new();
    for (number, secret) in secrets.iter().enumerate() {
        vault.register(&format!("S{number}"), SecretBytes::new(*secret)).unwrap();
    }
    vault
}

/// Sends `text` through a stream in writes of `size` bytes, with a flush after each third.
fn stream(vault: &Vault, text: &[u8], size: usize) -> String {
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    for (number, write) in text.chunks(size).enumerate() {
        stream.push(write, &mut out);
        if number % 3 == 0 {
            stream.flush_safe(&mut out);
        }
    }
    stream.finish(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// Redacts `text` whole and in writes of many sizes; all have to agree.
fn redact(secrets: &[&str], text: &str) -> String {
    let vault = vault(secrets);
    let whole = vault.redactor().redact_text(text).into_owned();
    for size in [1, 2, 3, 5, 7, 64, 1000, text.len().max(1)] {
        assert_eq!(stream(&vault, text.as_bytes(), size), whole, "in writes of {size}");
    }
    whole
}

fn assert_masked(form: &str) {
    assert_eq!(redact(&[TOKEN], &format!("<<{form}>>")), "<<***>>", "{form}");
    assert_eq!(redact(&[TOKEN], form), "***", "{form}");
}

/// What an encoder prints: nothing is left but characters that do not belong to the secret alone.
fn assert_masked_up_to(form: &str, characters: usize) {
    let redacted = redact(&[TOKEN], form);
    assert!(redacted.contains("***"), "{form} became {redacted}");
    assert!(redacted.replace("***", "").len() <= characters, "{form} became {redacted}");
}

fn hex(before_each: &str, between: &str, upper: bool) -> String {
    let digits = |byte: u8| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
    let bytes: Vec<_> = TOKEN.bytes().map(|byte| format!("{before_each}{}", digits(byte))).collect();
    bytes.join(between)
}

fn percent(text: &str, upper: bool) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if upper => format!("%{byte:02X}"),
            _ => format!("%{byte:02x}"),
        })
        .collect()
}

fn json(text: &str) -> String {
    let quoted = serde_json::to_string(text).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

fn each_character(text: &str, between: &str) -> String {
    text.chars().map(|character| format!("{character}{between}")).collect()
}

fn wrapped(text: &str, columns: usize) -> String {
    let lines: Vec<_> = text.as_bytes().chunks(columns).map(|line| str::from_utf8(line).unwrap()).collect();
    lines.join("\n")
}

#[test]
fn abuse_86_commands_in_output_are_text() {
    for line in [
        "::set-env name=LD_PRELOAD::x",
        "##[add-path]/tmp",
        "::add-mask::hunter2-hunter2",
        "::stop-commands::token",
        "and then hunter2-hunter2",
    ] {
        assert_eq!(redact(&["another-secret"], line), line);
    }
}

#[test]
fn abuse_87_01_raw() {
    assert_masked(TOKEN);
}

#[test]
fn abuse_87_02_base64_at_three_alignments() {
    assert_masked(&STANDARD.encode(TOKEN));
    for before in ["a", "ab", "abc", "abcd", "abcde"] {
        let form = STANDARD.encode(format!("{before}{TOKEN}:rest"));
        let redacted = redact(&[TOKEN], &form);
        let (head, tail) = redacted.split_once("***").unwrap();
        let secret_characters = (TOKEN.len() * 4).div_ceil(3);
        assert!(head.len() + tail.len() <= form.len() - secret_characters + 2, "{form} became {redacted}");
    }
}

#[test]
fn abuse_87_03_base64_for_addresses() {
    assert_masked(&URL_SAFE.encode(TOKEN));
    assert!(
        redact(&["\u{ff}\u{fe}\u{fb}\u{ff}\u{fe}"], &URL_SAFE.encode("\u{ff}\u{fe}\u{fb}\u{ff}\u{fe}"))
            .starts_with("***")
    );
}

#[test]
fn abuse_87_04_base64_without_padding() {
    assert_masked(&STANDARD_NO_PAD.encode(TOKEN));
    assert_masked(&URL_SAFE_NO_PAD.encode(TOKEN));
}

#[test]
fn abuse_87_05_base64_wrapped() {
    for columns in [76, 64, 10, 4, 1] {
        assert_masked(&wrapped(&STANDARD.encode(TOKEN), columns));
    }
    let wide = wrapped(&STANDARD.encode(PEM), 76);
    assert_eq!(redact(&[PEM], &wide), "***");
}

#[test]
fn abuse_87_06_double_base64() {
    assert_masked_up_to(&STANDARD.encode(STANDARD.encode(TOKEN)), 4);
    assert_masked_up_to(&STANDARD.encode(format!("{}\n", STANDARD.encode(TOKEN))), 4);
    for before in ["a", "ab"] {
        let form = STANDARD.encode(STANDARD.encode(format!("{before}{TOKEN}")));
        assert_masked_up_to(&form, 14);
    }
    let as_tools_wrap = wrapped(&STANDARD.encode(wrapped(&STANDARD.encode(PEM), 76)), 76);
    let redacted = redact(&[PEM], &as_tools_wrap);
    assert!(redacted.replace("***", "").len() <= 4, "{redacted}");
}

#[test]
fn abuse_87_07_hex_lower() {
    assert_masked(&hex("", "", false));
    assert_masked(&hex("", " ", false));
}

#[test]
fn abuse_87_08_hex_upper() {
    assert_masked(&hex("", "", true));
}

#[test]
fn abuse_87_09_hex_with_backslash_x() {
    assert_masked(&hex("\\x", "", false));
    assert_masked(&hex("\\x", "", true));
}

#[test]
fn abuse_87_10_hex_with_colons() {
    assert_masked(&hex("", ":", false));
    assert_masked(&hex("", ":", true));
}

#[test]
fn abuse_87_11_percent() {
    assert_masked(&percent(TOKEN, true));
    assert_masked(&percent(TOKEN, false));
    let every_byte: String = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect();
    assert_masked(&every_byte);
}

#[test]
fn abuse_87_12_double_percent() {
    assert_masked(&percent(&percent(TOKEN, true), true));
    assert_masked(&percent(&percent(TOKEN, false), false));
}

#[test]
fn abuse_87_13_json_and_json_in_json() {
    assert_masked(&json(TOKEN));
    assert_masked(&json(&json(TOKEN)));
    let within = serde_json::json!({ "body": serde_json::json!({ "token": TOKEN }).to_string() });
    let redacted = redact(&[TOKEN], &within.to_string());
    assert_eq!(redacted, r#"{"body":"{\"token\":\"***\"}"}"#);
}

#[test]
fn abuse_87_14_xml() {
    assert_masked("s3cr\"t/&lt;T0ken&gt;&amp;it's\\$9ä");
    assert_masked("s3cr&quot;t/&lt;T0ken&gt;&amp;it&apos;s\\$9ä");
    assert_masked("s3cr&#34;t/&lt;T0ken&gt;&amp;it&#39;s\\$9ä");
}

#[test]
fn abuse_87_15_go_shell_and_rust_quoted() {
    assert_masked("s3cr\\\"t/<T0ken>&it's\\\\$9ä");
    assert_masked("s3cr\\\"t/<T0ken>&it's\\\\$9\\u00e4");
    assert_masked("s3cr\"t/<T0ken>&it'\\''s\\$9ä");
    assert_masked("s3cr\\\"t/<T0ken>&it's\\\\\\$9ä");
    let rust = format!("{TOKEN:?}");
    assert_masked(&rust[1..rust.len() - 1]);
    assert_masked(&TOKEN.as_bytes().escape_ascii().to_string());
}

#[test]
fn abuse_87_16_a_character_a_line() {
    assert_eq!(redact(&[TOKEN], &each_character(TOKEN, "\n")), "***\n");
    assert_eq!(redact(&[TOKEN], &each_character(TOKEN, "\r\n\t ")), "***\r\n\t ");
    let encoded = STANDARD.encode(TOKEN);
    assert_eq!(redact(&[TOKEN], &each_character(&encoded, "\n")), "***\n");
}

#[test]
fn abuse_87_17_escape_sequences_between() {
    for between in ["\x1b[0m", "\x1b[38;5;12m", "\x1b]8;;https://x.example/\x07", "\x1b(B", "\x1b[K\n", "\x07"] {
        assert_eq!(redact(&[TOKEN], &each_character(TOKEN, between)), format!("***{between}"));
        let encoded = STANDARD.encode(TOKEN);
        assert_eq!(redact(&[TOKEN], &each_character(&encoded, between)), format!("***{between}"));
    }
}

#[test]
fn abuse_87_the_promise_ends_where_the_documentation_says() {
    let reversed: String = TOKEN.chars().rev().collect();
    assert_eq!(redact(&[TOKEN], &reversed), reversed);
    let (first, second) = TOKEN.split_at(10);
    let vault = vault(&[TOKEN]);
    assert_eq!(stream(&vault, first.as_bytes(), 4), first);
    assert_eq!(stream(&vault, second.as_bytes(), 4), second);
}

#[test]
fn abuse_88_a_pem_file_however_it_is_printed() {
    let one_line = PEM.replace('\n', "");
    let spaced = PEM.replace('\n', " ");
    let escaped = PEM.replace('\n', "\\n");
    let carriage_returns = PEM.replace('\n', "\r\n");
    let indented: String = PEM.lines().map(|line| format!("    {line}\n")).collect();
    for printed in [PEM, &one_line, &spaced, &escaped, &carriage_returns, &indented] {
        let redacted = redact(&[PEM], &format!("key: {printed}"));
        assert_eq!(redacted.trim_start_matches("key:").trim(), "***", "{printed}");
    }
}

#[test]
fn abuse_88_each_line_of_a_pem_file_alone() {
    for line in PEM.lines() {
        assert_eq!(redact(&[PEM], &format!("2026-01-01 | {line} |")), "2026-01-01 | *** |");
    }
}

#[test]
fn abuse_89_what_cannot_be_masked_is_refused() {
    let vault = Vault::new();
    let code = |secret: &str| vault.register("S", SecretBytes::new(secret)).unwrap_err().code();
    assert_eq!(code("abc"), "E-SECRET-SHORT");
    assert_eq!(code("true"), "E-SECRET-COMMON");
}

#[test]
fn abuse_90_one_inside_another() {
    assert_eq!(redact(&["inner-secret", "outer+inner-secret+outer"], "a outer+inner-secret+outer b"), "a *** b");
    assert_eq!(redact(&["inner-secret", "outer+inner-secret+outer"], "a +inner-secret+ b"), "a +***+ b");
}

#[test]
fn abuse_90_overlapping() {
    assert_eq!(redact(&["abcdefghij", "ghijklmnop", "nopqrstuvw"], "<abcdefghijklmnopqrstuvw>"), "<***>");
}

#[test]
fn abuse_90_adjacent() {
    assert_eq!(redact(&["first-secret", "second-secret"], "<first-secretsecond-secret>"), "<***>");
    assert_eq!(redact(&["first-secret"], "<first-secretfirst-secret>"), "<***>");
}

#[test]
fn abuse_91_registered_while_its_beginning_is_held() {
    let vault = vault(&["some-other-secret-of-fair-length"]);
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    stream.push(b"token: hunter2-", &mut out);
    vault.register("LATE", SecretBytes::new("hunter2-hunter2")).unwrap();
    stream.push(b"hunter2 ok\n", &mut out);
    stream.finish(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "token: *** ok\n");
}

#[test]
fn abuse_91_registered_while_all_of_it_is_held() {
    let vault = vault(&["some-other-secret-of-fair-length"]);
    let mut stream = vault.redactor().stream();
    let mut out = Vec::new();
    stream.push(b"token: hunter2-hunter2", &mut out);
    vault.register("LATE", SecretBytes::new("hunter2-hunter2")).unwrap();
    stream.flush_safe(&mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "token: ***");
}

#[test]
fn abuse_92_text_that_becomes_a_secret() {
    for (secrets, text) in [
        (&["hunter2-hunter2", "x***yyyyyyyy"][..], "xhunter2-hunter2yyyyyyyy"),
        (&["hunter2-hunter2", "*yyyyyyyy"], "hunter2-hunter2yyyyyyyy"),
        (&["hunter2-hunter2", "xxxxxxxxy**"], "xxxxxxxxyhunter2-hunter2"),
        (&["hunter2-hunter2", "x***yyyyyyyy"], "xxhunter2-hunter2yyyyyyyyyyyyyyyy"),
        (&["hunter2-hunter2", "abcd!efgh"], "abcd\x1b[hunter2-hunter2!efgh"),
        (&["hunter2-hunter2", "abcdefghi"], "ab\x1b[hunter2-hunter2ccdefghi"),
    ] {
        let clean = redact(secrets, text);
        assert_eq!(redact(secrets, &clean), clean, "{text}");
        for secret in secrets {
            assert!(!clean.contains(secret), "{text} became {clean}");
        }
    }
}

#[test]
fn abuse_33_a_secret_in_a_panic_message() {
    let message =
        format!("thread 'main' panicked at src/main.rs:1:1:\ncalled `Result::unwrap()` on an `Err` value: {TOKEN:?}\n");
    assert!(redact(&[TOKEN], &message).ends_with("value: \"***\"\n"));
}
