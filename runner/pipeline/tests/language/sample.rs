//! The whole example: every key of the language in one file.

use crate::{check_text, pipeline};
use sealock_pipeline::{Call, Late, PluginName};

/// The example of the language's page.
pub(crate) const WHOLE: &str = include_str!("../files/whole.yml");

#[test]
fn the_whole_example_has_no_problem() {
    assert_eq!(check_text(WHOLE), "");
}

#[test]
fn the_whole_example_is_read_as_it_is_written() {
    let pipeline = pipeline(WHOLE);
    assert_eq!(pipeline.name.value, "blog-creator");
    assert_eq!(pipeline.stages.names().collect::<Vec<_>>(), ["test", "lint", "build", "deploy", "announce"]);
    let deploy = pipeline.stages.get("deploy").expect("a stage");
    assert_eq!(deploy.needs[0].value, "build");
    assert_eq!(deploy.condition.as_ref().map(|condition| condition.raw()), Some("github.ref == 'refs/heads/main'"));
    let test = pipeline.stages.get("test").expect("a stage");
    let Call::Run { script, .. } = &test.steps[1].call else { panic!("a script") };
    assert!(script.starts_with("pytest"));
    assert_eq!(
        test.steps[1].timeout.as_ref().and_then(|t| t.known().copied()).map(sealock_pipeline::Duration::as_millis),
        Some(600_000)
    );
    let Call::Uses { plugin, with } = &test.steps[2].call else { panic!("a plugin") };
    assert_eq!(plugin.value, PluginName::Named("test-report".into()));
    assert_eq!(with.names().collect::<Vec<_>>(), ["report"]);
    assert!(
        matches!(test.services.get("postgres").expect("a service").ports[0].value, Late::Known(port) if port.container == 5432)
    );
    assert_eq!(
        pipeline.plugins.get("trivy").map(|plugin| &plugin.value),
        Some(&PluginName::Reference("ghcr.io/acme/steps/trivy:1.4".into()))
    );
}

#[test]
fn a_span_is_the_place_of_its_value() {
    let pipeline = pipeline(WHOLE);
    let shown = |span: sealock_diagnostics::Span| &WHOLE[span.start..span.end];
    let deploy = pipeline.stages.get("deploy").expect("a stage");
    assert_eq!(shown(deploy.id.span), "deploy");
    assert_eq!(shown(deploy.needs[0].span), "build");
    assert_eq!(
        shown(pipeline.environments.get("production").expect("there").env.get("DATABASE_URL").expect("there").span),
        "\"postgresql://blog:${{ secrets.DB_PASSWORD }}@db/blog\""
    );
    assert!(shown(deploy.span).starts_with("needs: [build]") && shown(deploy.span).ends_with("interval: 3s }"));
}
