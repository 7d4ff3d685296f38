//! What scripts hand on, through files and never through what they print.

use super::support::{Scene, script};

#[test]
fn files_become_outputs_of_steps_and_stages() {
    let scene = Scene::new(
        r#"
name: handover
stages:
  make:
    outputs: { both: "${{ steps.a.outputs.own }}-${{ steps.a.outputs.github }}" }
    steps:
      - id: a
        run: |
          echo one > "$SEALOCK_OUTPUTS/own"
          echo github=two >> "$GITHUB_OUTPUT"
          printf 'many<<END\nx\ny\nEND\n' >> "$GITHUB_OUTPUT"
          echo '::set-output name=stolen::yes'
      - run: test "$OWN" = one && test "$MANY" = "$(printf 'x\ny')" && test -z "$STOLEN"
        env:
          OWN: ${{ steps.a.outputs.own }}
          MANY: ${{ steps.a.outputs.many }}
          STOLEN: ${{ steps.a.outputs.stolen }}
  take:
    needs: make
    steps:
      - run: echo "got $BOTH"
        env: { BOTH: "${{ needs.make.outputs.both }}" }
"#,
    );
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("take"), ["got one-two"]);
    let names: Vec<_> = told.of("output").iter().map(|event| event["name"].clone()).collect();
    assert_eq!(names.len(), 3, "{names:?}");
}

#[test]
fn variables_and_folders_reach_later_steps_of_the_same_stage_only() {
    let scene = Scene::new(
        r#"
name: handover
stages:
  one:
    steps:
      - run: |
          echo COLOUR=green >> "$GITHUB_ENV"
          mkdir tools && printf '#!/bin/sh\necho a tool\n' > tools/mytool && chmod +x tools/mytool
          echo "$PWD/tools" >> "$GITHUB_PATH"
          echo "now ${COLOUR:-unset}"
      - run: echo "then $COLOUR"; mytool
  two:
    needs: one
    steps: [{ run: 'echo "here ${COLOUR:-unset}"' }]
"#,
    );
    let told = scene.run(&[]);
    told.exits(0);
    assert_eq!(told.log("one"), ["now unset", "then green", "a tool"]);
    assert_eq!(told.log("two"), ["here unset"]);
}

#[test]
fn names_that_change_what_programs_load_fail_the_step() {
    for name in ["LD_PRELOAD", "BASH_ENV", "NODE_OPTIONS", "PYTHONPATH", "LD_LIBRARY_PATH"] {
        let told = Scene::new(&script(&format!("echo {name}=x >> \"$GITHUB_ENV\""))).run(&[]);
        told.exits(1);
        assert_eq!(told.cause(), "E-HANDOVER-NAME", "{name}");
    }
}

#[test]
fn a_malformed_line_fails_the_step_and_is_shown() {
    for line in ["no equals sign", "open<<END"] {
        let told = Scene::new(&script(&format!("echo '{line}' >> \"$GITHUB_OUTPUT\""))).run(&[]);
        told.exits(1);
        assert_eq!(told.cause(), "E-HANDOVER-FORMAT", "{line}");
        told.says(line.split('<').next().expect("a line has a start"));
    }
}

#[test]
fn a_step_finds_the_files_as_empty_as_if_they_had_just_been_made_whatever_the_one_before_did() {
    let scene = Scene::new(
        r#"
name: handover
stages:
  only:
    steps:
      - run: "true"
      - run: &look |
          find "$TMPDIR" -mindepth 1 '(' -type d -printf '%P %m\n' ')' -o -printf '%P %m %s %n\n' | sort
      - run: |
          echo left > "$TMPDIR/left"; echo left > "$TMPDIR/tmp/left"; mkdir "$SEALOCK_OUTPUTS/.left.d" && rmdir "$SEALOCK_OUTPUTS/.left.d"
          (setsid sh -c "while sleep 0.01; do echo late >> '$SEALOCK_SUMMARY'; done" &)
      - run: *look
      - run: chmod 600 "$GITHUB_ENV"; chmod 700 "$TMPDIR/tmp"
      - run: *look
      - run: mv "$TMPDIR/handover" "$TMPDIR/away" && mkdir "$TMPDIR/handover"
        allow-failure: true
      - run: *look
"#,
    );
    let told = scene.run(&[]);
    told.exits(0);
    let fresh = [
        "handover 755",
        "handover/github-env 644 0 1",
        "handover/github-output 644 0 1",
        "handover/github-path 644 0 1",
        "handover/outputs 755",
        "handover/summary 644 0 1",
        "tmp 755",
    ];
    assert_eq!(told.log("only"), [fresh; 4].concat());
}
