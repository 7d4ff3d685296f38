//! The blog creator's whole delivery as a workflow of GitHub, by the action.

use e2e::{Rig, Workflow};

use super::good::{BLOG, assert_blog_runs, blog_creator};

/// What a user of the action writes for it.
fn with(workflow: &Workflow, rig: &Rig, release: &str) -> String {
    let variables = ["WEB1", "WEB1_HOST_KEY", "WEB2", "WEB2_HOST_KEY"].map(|name| (name, rig.setting(name)));
    let variables = variables.into_iter().chain([("REGISTRY", rig.setting("REGISTRY_LOGIN"))]);
    let variables: Vec<String> = variables.map(|(name, value)| format!("  --var '{name}={value}'\n")).collect();
    let variables = variables.concat();
    let binary = workflow.binary().replace("args: ", "args: |\n  --unconfined-network\n  ");
    format!(
        "{binary}{variables}pipeline: blog-creator\ninputs: release={release}\nsecrets: |\n{}\n",
        workflow.secrets()
    )
}

const ECHO: &str = "
- env:
    URL: ${{ steps.sealock.outputs.environment-url }}
    OUTPUTS: ${{ steps.sealock.outputs.outputs }}
  run: printf 'read-%s\\n' \"url=$URL\" \"outputs=$OUTPUTS\"
";

#[test]
fn a_workflow_delivers_the_blog_creator_by_the_action() {
    let rig = Rig::take();
    rig.reset();
    let mut workflow = Workflow::new(blog_creator());
    workflow.set_rig(&rig);
    workflow.write(&with(&workflow, &rig, "by-workflow"), ECHO);
    let told = workflow.run(&["push"]).expect(0);
    workflow.assert_kept(&told);

    let registry = rig.registry();
    let backend = registry.digest("acme/blog-backend", "by-workflow");
    let frontend = registry.digest("acme/blog-frontend", "by-workflow");
    for target in rig.targets() {
        assert_blog_runs(&target, &backend, &frontend, "by-workflow");
        assert!(target.ledger_end(BLOG).starts_with("verified "), "{}", target.name);
    }
    assert_eq!(told.value("read-url="), format!("http://{}/", rig.setting("WEB1")));
    let outputs: serde_json::Value = serde_json::from_str(told.value("read-outputs=")).expect("JSON");
    let told_backend = outputs["build"]["backend"].as_str().expect("a reference");
    assert!(told_backend.ends_with(&format!("@{backend}")), "{told_backend}");
    told.saying("| environment | release | now | at |").saying("| production | ").saying("✓ verified");
}
