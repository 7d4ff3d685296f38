//! How a script reaches the program that runs it.

use super::support::Scene;

#[test]
fn a_shell_is_a_program_with_words_of_its_own_and_is_given_the_script_as_a_file() {
    let scene = Scene::new(
        r#"
name: shells
stages:
  only:
    steps:
      - { run: 'echo "1 $-" | tr -cd "1 ue"; echo' }
      - { shell: bash, run: 'echo "2 ${BASH_VERSION:+bash}"' }
      - { shell: [env, "FOO=a b", sh], run: 'echo "3 $FOO"' }
      - { shell: awk -f, run: 'BEGIN { print "4 awk" }' }
      - { shell: [awk, -f, "{0}", words], run: '{ print "5 " $2 }' }
      - { shell: [sh, -c, 'echo "6 $(cat "$0")"', "{0}"], run: "it's {0} literal $(id)" }
      - { uses: shell, with: { shell: [env, sh], script: 'echo "7 $A"', env: { A: "x  y" } } }
      - { uses: shell, with: { script: 'echo 8' } }
"#,
    );
    scene.write("words", "one two\n");
    let told = scene.run(&[]);
    told.exits(0);
    let wanted = ["1 ue", "2 bash", "3 a b", "4 awk", "5 two", "6 it's {0} literal $(id)", "7 x  y", "8"];
    assert_eq!(told.log("only"), wanted);
    let audit = scene.call(&["run", "--audit"]);
    assert!(!audit.exits(0).stderr.contains("unused    exec"), "{}", audit.stderr);
}

#[test]
fn a_script_in_an_input_holds_no_expression_and_nothing_is_started() {
    let scene = Scene::new(
        r#"
name: pasted
stages:
  only:
    steps:
      - { uses: shell, with: { script: "echo ${{ github.event.pull_request.title }}" } }
"#,
    );
    for command in ["check", "plan", "run"] {
        scene.call(&[command]).exits(2).says("E-EXPR-IN-SCRIPT").says("env: { TITLE:");
    }
    assert!(!scene.state().join("runs").exists());
}
