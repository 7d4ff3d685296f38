//! The text itself: hostile, malformed, or not quite YAML. The numbers are those of the abuse suite.

use std::fmt::Write as _;

use insta::assert_snapshot;
use sealock_pipeline::decode;

use crate::{check_text, codes, pipeline, with_stage, with_steps, with_top};

/// A1
#[test]
fn a_billion_laughs_stops_at_the_budget() {
    let mut file = "name: x\nenv: {}\na0: &a0 [lol]\n".to_owned();
    for level in 1..10 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(file, "a{level}: &a{level} [{aliases}]").expect("a string takes all");
    }
    assert_snapshot!(check_text(&file), @r"
    error[E-YAML-ALIAS-BUDGET]: aliases expand to 113272 nodes or more, 100000 are the most
     --> p.yml:8:40
      |
    8 | a5: &a5 [*a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4]
      |                                        ^^^ the alias that was one too many
    ");
}

/// A1, by merge keys
#[test]
fn merge_keys_count_towards_the_same_budget() {
    let mut file = "name: x\na0: &a0 { k: [1, 2, 3, 4, 5, 6, 7, 8, 9] }\n".to_owned();
    for level in 1..10 {
        let sources = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(file, "a{level}: &a{level} {{ <<: [{sources}], x{level}: [{sources}] }}").expect("a string takes all");
    }
    assert!(codes(&file).ends_with("E-YAML-ALIAS-BUDGET"), "{}", codes(&file));
}

/// A2
#[test]
fn anchors_that_nothing_uses_stop_at_the_budget() {
    let mut file = "name: x\nenv:\n".to_owned();
    for number in 0..100_000 {
        let _ = writeln!(file, "  ? &a{number} x");
    }
    let file = &file[..1024 * 1024];
    assert_eq!(codes(file).lines().last().map(|line| line.contains("E-YAML-ANCHOR-BUDGET")), Some(true));
}

/// A3
#[test]
fn ten_thousand_brackets_stop_at_the_depth() {
    for open in ["[", "{a: ", "- "] {
        let file = format!("name: x\nenv: \n  {}", open.repeat(10_000));
        assert_eq!(codes(&file).matches("E-YAML-DEPTH").count(), 1, "{open}");
    }
}

#[test]
fn aliases_cannot_go_deeper_than_the_text_may() {
    let mut file = "name: x\na0: &a0 [x]\n".to_owned();
    for level in 1..80 {
        writeln!(file, "a{level}: &a{level} [*a{}]", level - 1).expect("a string takes all");
    }
    assert!(codes(&file).contains("E-YAML-DEPTH"));
}

#[test]
fn the_deepest_nesting_that_is_allowed_is_read() {
    let value = format!("{}x{}", "[".repeat(57), "]".repeat(57));
    let steps = format!("- uses: render\n  with: {{ a: {value} }}");
    assert_eq!(codes(&with_steps(&steps)), "");
    let value = format!("{}x{}", "[".repeat(58), "]".repeat(58));
    assert!(codes(&with_steps(&format!("- uses: render\n  with: {{ a: {value} }}"))).contains("E-YAML-DEPTH"));
}

/// A4
#[test]
fn a_double_key_shows_both_places() {
    assert_snapshot!(check_text(&with_steps("- run: one\n  run: two")), @r"
    error[E-YAML-DUPLICATE-KEY]: the key `run` stands twice
     --> p.yml:6:9
      |
    5 |       - run: one
      |         --- the first one
    6 |         run: two
      |         ^^^ the second one
      |
      = help: keep one of the two: which of them would count is not for a parser to guess
    ");
}

/// A5
#[test]
fn a_merge_key_may_not_hide_what_is_granted() {
    let file = "
name: x
x-base: &base { memory: 1GB }
secrets: [A]
environments:
  p: { <<: *base, targets: { t: { <<: *base } } }
stages:
  a:
    allow:
      <<: *base
    steps: [{ run: make }]
";
    assert_snapshot!(codes(file), @r"
    3:1 E-KEY-UNKNOWN
    3:17 E-KEY-UNKNOWN
    3:17 E-KEY-UNKNOWN
    6:8 E-YAML-MERGE
    6:33 E-KEY-MISSING
    6:33 E-KEY-MISSING
    6:33 E-KEY-MISSING
    6:35 E-YAML-MERGE
    10:7 E-YAML-MERGE
    ");
}

#[test]
fn anchors_aliases_and_merge_keys_work_elsewhere() {
    let file = "
name: x
stages:
  a: &stage
    timeout: 5m
    steps: &steps
      - run: make
  b:
    <<: *stage
    needs: a
    timeout: 10m
  c: { steps: *steps }
";
    let pipeline = pipeline(file);
    let stage = pipeline.stages.get("b").expect("there");
    assert_eq!(stage.timeout.as_ref().and_then(|t| t.known()).map(|t| t.as_millis()), Some(600_000));
    assert_eq!(stage.steps.len(), 1);
    assert_eq!(pipeline.stages.get("c").map(|stage| stage.steps.len()), Some(1));
}

#[test]
fn an_alias_without_an_anchor_or_inside_its_own_is_told() {
    assert_snapshot!(codes(&with_top("env: { A: *nothing }\ninputs: &i { x: *i }")), @r"
    2:11 E-YAML-ALIAS
    3:17 E-YAML-ALIAS
    ");
}

/// A6
#[test]
fn scalars_are_never_something_else_than_what_is_written() {
    let file =
        with_stage("env: { A: 1.10, B: NO, C: 0o17, D: 1_000, E: .inf, F: yes, G: true, H: 3.0e2, I: 0x1f, J: null }");
    let pipeline = pipeline(&file);
    let env = &pipeline.stages.get("a").expect("there").env;
    let values: Vec<&str> = env.values().map(|text| text.raw()).collect();
    assert_eq!(values, ["1.10", "NO", "0o17", "1_000", ".inf", "yes", "true", "3.0e2", "0x1f", "null"]);
}

/// A6
#[test]
fn booleans_and_numbers_have_the_core_forms_alone() {
    assert_snapshot!(check_text(&with_top("on: yes\ninputs: { a: { required: yes }, b: { type: number, default: 1_000 } }\nconcurrency: 1.10")), @r"
    error[E-CHOICE]: `on` does not know `yes`
     --> p.yml:2:5
      |
    2 | on: yes
      |     ^^^
      |
      = help: there are `push`, `pull_request`, `schedule`, `manual`

    error[E-TYPE]: `required` of input `a` is the text `yes`, expected `true` or `false`
     --> p.yml:3:26
      |
    3 | inputs: { a: { required: yes }, b: { type: number, default: 1_000 } }
      |                          ^^^ expected `true` or `false`

    error[E-TYPE]: `default` of input `b`: expected a number, found `1_000`
     --> p.yml:3:61
      |
    3 | inputs: { a: { required: yes }, b: { type: number, default: 1_000 } }
      |                                                             ^^^^^
    ");
    assert_snapshot!(codes(&with_steps("- run: a\n  allow-failure: NO\n- run: b\n  allow-failure: \"true\"\n- run: c\n  retry: { attempts: .inf }\n- run: d\n  retry: { attempts: 1.5 }")), @r"
    6:24 E-TYPE
    8:24 E-TYPE
    10:28 E-TYPE
    12:28 E-CFG-RANGE
    ");
    assert_eq!(codes(&with_steps("- run: a\n  retry: { attempts: 0o3 }\n- run: a\n  retry: { attempts: 0x3 }")), "");
}

/// A7
#[test]
fn only_utf8_without_odd_characters_is_read() {
    assert_eq!(decode(b"\xef\xbb\xbfname: x").as_deref(), Ok("name: x"));
    for bytes in [&b"\xff\xfen\0a\0"[..], b"\xfe\xff\0n\0a", b"name: \xff\xff"] {
        assert_eq!(decode(bytes).map_err(|found| found.code), Err("E-YAML-ENCODING"));
    }
    assert_eq!(
        decode(b"a: x\nb: \xc3\x28").map_err(|found| found.message).err().as_deref(),
        Some("the file is not UTF-8: byte 0xc3 at line 2, column 4")
    );
    for text in ["name: a\0b", "name: a\u{feff}b", "name: \x1b[31m", "\u{feff}\u{feff}name: x"] {
        assert!(codes(text).contains("E-YAML-ENCODING"), "{text:?}");
    }
    assert_eq!(codes(&format!("\u{feff}{}", with_top(""))), "");
    assert_eq!(codes(&with_top("").replace('\n', "\r\n")), "");
}

/// A7
#[test]
fn a_tab_is_no_indentation() {
    assert_snapshot!(check_text("name: x\nstages:\n\ta:\n\t\tsteps: [{ run: make }]\n  b:\n    steps: [{ run: make }]\n"), @r"
    error[E-YAML-ENCODING]: a line is indented with a tab
     --> p.yml:3:1
      |
    3 |     a:
      | ^^^^ a tab
      |
      = help: indent with spaces: YAML takes no tabs there
    ");
}

/// A8
#[test]
fn what_is_too_large_is_not_looked_at() {
    let large = vec![b'a'; 1024 * 1024 + 1];
    assert_eq!(decode(&large).map_err(|found| found.code), Err("E-YAML-SIZE"));
    assert_eq!(codes(&"a".repeat(1024 * 1024 + 1)), "- E-YAML-SIZE");
    assert_eq!(codes(&"---\n".repeat(200_000)), "2:1 E-YAML-DOCUMENTS");
    let long = format!("- run: {}", "a".repeat(64 * 1024 + 1));
    assert_eq!(codes(&with_steps(&long)), "5:14 E-YAML-STRING");
    let key = format!("env: {{ {}: 1 }}", "k".repeat(1000));
    assert_eq!(codes(&with_top(&key)), "2:8 E-ID");
}

#[test]
fn the_longest_text_that_is_allowed_is_read() {
    assert_eq!(codes(&with_steps(&format!("- run: {}", "a".repeat(64 * 1024)))), "");
}

/// A9
#[test]
fn explicit_tags_are_refused() {
    let file = with_steps(
        "- run: !!python/object:os.system x\n- run: !include /etc/passwd\n- run: !!str x\n- if: !cancelled()\n  run: x\n- ! {}",
    );
    assert_snapshot!(check_text(&file), @r#"
    error[E-YAML-TAG]: an explicit tag stands here: `!!python/object:os.system`
     --> p.yml:5:14
      |
    5 |       - run: !!python/object:os.system x
      |              ^^^^^^^^^^^^^^^^^^^^^^^^^ not taken
      |
      = help: remove it, or put quotes around text that starts with `!`, such as `if: "!cancelled()"`

    error[E-YAML-TAG]: an explicit tag stands here: `!include`
     --> p.yml:6:14
      |
    6 |       - run: !include /etc/passwd
      |              ^^^^^^^^ not taken
      |
      = help: remove it, or put quotes around text that starts with `!`, such as `if: "!cancelled()"`

    error[E-YAML-TAG]: an explicit tag stands here: `!!str`
     --> p.yml:7:14
      |
    7 |       - run: !!str x
      |              ^^^^^ not taken
      |
      = help: remove it, or put quotes around text that starts with `!`, such as `if: "!cancelled()"`

    error[E-YAML-TAG]: an explicit tag stands here: `!cancelled()`
     --> p.yml:8:13
      |
    8 |       - if: !cancelled()
      |             ^^^^^^^^^^^^ not taken
      |
      = help: remove it, or put quotes around text that starts with `!`, such as `if: "!cancelled()"`

    error[E-YAML-TAG]: an explicit tag stands here: `!`
      --> p.yml:10:9
       |
    10 |       - ! {}
       |         ^ not taken
       |
       = help: remove it, or put quotes around text that starts with `!`, such as `if: "!cancelled()"`
    "#);
}

/// A10
#[test]
fn look_alikes_in_ids_are_shown_by_code_point() {
    let file = "name: x\nstages:\n  bu\u{456}ld:\n    steps:\n      - { id: \"a\u{202e}b\", run: x }\n      - { id: \"a\\u200Bb\", run: x }\n      - { id: 1a, run: x }\n";
    assert_snapshot!(check_text(file), @r#"
    error[E-ID]: the stage `buіld` is not an id: it holds U+0456
     --> p.yml:3:3
      |
    3 |   buіld:
      |   ^^^^^
      |
      = help: use a letter or `_`, then letters, digits, `_`, `-`: at most 100 characters, ASCII

    error[E-ID]: `id` of step 1 of stage `buіld` `a\u{202e}b` is not an id: it holds U+202E
     |
     = p.yml:5:15
     = help: use a letter or `_`, then letters, digits, `_`, `-`: at most 100 characters, ASCII

    error[E-ID]: `id` of step 2 of stage `buіld` `a\u{200b}b` is not an id: it holds U+200B
     --> p.yml:6:15
      |
    6 |       - { id: "a\u200Bb", run: x }
      |               ^^^^^^^^^^
      |
      = help: use a letter or `_`, then letters, digits, `_`, `-`: at most 100 characters, ASCII

    error[E-ID]: `id` of step 3 of stage `buіld` `1a` is not an id: it starts with `1` (U+0031)
     --> p.yml:7:15
      |
    7 |       - { id: 1a, run: x }
      |               ^^
      |
      = help: use a letter or `_`, then letters, digits, `_`, `-`: at most 100 characters, ASCII
    "#);
}

/// A14
#[test]
fn a_name_with_escapes_is_harmless_where_it_is_shown() {
    let shown = check_text(&with_steps("- name: \"a\\e[2J\\nb\"\n  uses: \"\\e]52;c;eA==\\a\""));
    assert!(!shown.contains('\x1b') && !shown.contains('\x07'), "{shown:?}");
    assert!(shown.contains("E-PLUGIN-NAME"), "{shown}");
}

#[test]
fn malformed_lines_are_told_and_the_rest_is_read() {
    let file = "
name: x
env: { A: [1, 2 }
stages:
  a:
    steps:
      - run: echo a: b
      - run: \"unclosed
  b:
    timeout: 5
    steps: [{ run: make }]
";
    assert_snapshot!(check_text(file), @r#"
    error[E-YAML-SYNTAX]: this is not YAML: mismatched bracket '[' closed by '}'
     --> p.yml:3:11
      |
    3 | env: { A: [1, 2 }
      |           ^

    error[E-YAML-SYNTAX]: this is not YAML: mapping values are not allowed in this context
     --> p.yml:7:20
      |
    7 |       - run: echo a: b
      |                    ^
      |
      = help: put quotes around text that holds `: `

    error[E-YAML-SYNTAX]: this is not YAML: invalid indentation in multiline quoted scalar
     --> p.yml:8:14
      |
    8 |       - run: "unclosed
      |              ^
      |
      = help: close the quotes that start here

    error[E-CFG-RANGE]: `timeout` of stage `b`: `5` has no unit
      --> p.yml:10:14
       |
    10 |     timeout: 5
       |              ^
       |
       = help: write a number with its unit, such as `10s`, `5m`, `1h30m`
    "#);
}

#[test]
fn a_line_that_was_taken_out_does_not_make_its_names_unknown() {
    let file = "
name: x
secrets: [TOKEN
stages:
  a:
    env: { T: \"${{ secrets.TOKEN }}\" }
    steps: [{ run: make }]
";
    assert_snapshot!(codes(file), @"3:10 E-YAML-SYNTAX");
}

#[test]
fn a_forgotten_colon_is_one_mistake() {
    assert_snapshot!(check_text("name: x\nstages:\n  a:\n    steps\n      - run: make\n      - run: test\n  b:\n    steps: [{ run: x, tiemout: 5m }]\n"), @r"
    error[E-YAML-SYNTAX]: `steps` has no colon behind it
     --> p.yml:4:5
      |
    4 |     steps
      |     ^^^^^
      |
      = help: write `steps:`

    error[E-KEY-UNKNOWN]: step 1 of stage `b` has no key `tiemout`
     --> p.yml:8:23
      |
    8 |     steps: [{ run: x, tiemout: 5m }]
      |                       ^^^^^^^ not a key of a step
      |
      = help: there is `timeout`; it bounds one attempt
    ");
}

#[test]
fn an_unclosed_bracket_is_shown_where_it_opens() {
    assert_snapshot!(check_text("name: x\nstages:\n  a:\n    needs: [b\n    steps:\n      - run: make\n  b:\n    steps: [{ run: x, tiemout: 5m }]\n"), @r"
    error[E-YAML-SYNTAX]: `[` is not closed
     --> p.yml:4:12
      |
    4 |     needs: [b
      |            ^ opened here
    5 |     steps:
      |          - and still open here
      |
      = help: close every `[` with `]` and every `{` with `}`

    error[E-KEY-UNKNOWN]: step 1 of stage `b` has no key `tiemout`
     --> p.yml:8:23
      |
    8 |     steps: [{ run: x, tiemout: 5m }]
      |                       ^^^^^^^ not a key of a step
      |
      = help: there is `timeout`; it bounds one attempt
    ");
}

#[test]
fn lines_that_do_not_line_up_cost_nothing_but_themselves() {
    assert_snapshot!(codes("name: x\nstages:\n  a:\n    steps:\n      - run: make\n     timeout: 5m\n  b:\n    steps:\n      - run: |\n        echo\n        tiemout: 5m\n      - rnu: x\n      - run: 'it's'\n"), @r"
    6:6 E-YAML-SYNTAX
    10:9 E-YAML-SYNTAX
    11:9 E-KEY-UNKNOWN
    12:9 E-KEY-UNKNOWN
    13:18 E-YAML-SYNTAX
    ");
}

#[test]
fn an_empty_file_is_told_how_to_start() {
    assert_snapshot!(check_text("# nothing\n"), @r"
    error[E-EMPTY]: the file holds nothing
    --> p.yml
     = help: a first pipeline: `{ name: hello, stages: { hello: { steps: [{ run: echo hello }] } } }`
    ");
    assert_snapshot!(check_text("- a\n"), @r"
    error[E-TYPE]: the pipeline is a list, expected a map
     --> p.yml:1:1
      |
    1 | - a
      | ^^^ expected a map
    ");
}

#[test]
fn a_file_of_nothing_but_mistakes_is_cut_short() {
    let mut file = "name: x\n".to_owned();
    for number in 0..5_000 {
        let _ = writeln!(file, "k{number}: x");
    }
    let found = codes(&file);
    assert_eq!(found.lines().count(), 1_001);
    assert!(found.ends_with("E-FILE-PROBLEMS"));
}
