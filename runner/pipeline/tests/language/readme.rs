//! The page for authors is true: every pipeline on it is one.

use crate::check_text;

const README: &str = include_str!("../../../../pipelines/README.md");

#[test]
fn every_pipeline_on_the_page_has_no_problem() {
    let blocks: Vec<&str> = README.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 5, "the page shows {} pipelines", blocks.len());
    for block in blocks {
        assert_eq!(check_text(block), "", "{block}");
    }
}
