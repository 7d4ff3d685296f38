//! What a step produced.

use sealock_contract::Digest;
use sealock_contract::seam::{Desk, Request, Response};

use crate::rig::RigSpec;

#[tokio::test]
async fn a_product_has_a_digest_and_is_inside_the_workspace() {
    let rig = RigSpec::default().build();
    std::fs::write(rig.workspace("report.xml"), "<ok/>").expect("written");
    std::os::unix::fs::symlink("/etc", rig.workspace("etc")).expect("linked");
    let produce = |path: &str| rig.desk.call(Request::Produce { path: path.into() });
    assert_eq!(produce("report.xml").await, Ok(Response::Digest(Digest::of(b"<ok/>"))));
    assert!(matches!(produce(".").await, Ok(Response::Digest(_))));
    for path in ["etc/passwd", "../workspace", "/etc/passwd"] {
        assert_eq!(produce(path).await.expect_err(path).code, "E-GRANT-FILES");
    }
    assert_eq!(produce("absent").await.expect_err("absent").code, "E-FILE-NOT-FOUND");
}
