//! The main job: a good release goes live, and a bad one is taken back.

use e2e::{Repository, Rig, Sealock, Target};

use super::support::{SMALL, small};

pub(crate) const BLOG: &str = "/opt/blog-creator";

/// What one target says about the blog creator, from inside and from outside.
#[track_caller]
pub(crate) fn assert_blog_runs(target: &Target<'_>, backend: &str, frontend: &str, release: &str) {
    for (service, digest) in [("backend", backend), ("frontend", frontend)] {
        let running = target.running(service);
        assert_eq!(running.into_iter().collect::<Vec<_>>(), [digest], "{} on {}", service, target.name);
    }
    let (status, body) = target.get("/health");
    assert_eq!(status, 200, "{}: {body}", target.name);
    let health: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(health["release"], release, "{}: {body}", target.name);
    let (status, page) = target.get("/");
    assert_eq!(status, 200, "{}: {page}", target.name);
    assert!(page.contains(release), "{}: {page}", target.name);
}

/// The blog creator's pipeline with its application, as one repository.
pub(crate) fn blog_creator() -> Repository {
    let repository = Repository::of("apps/blog-creator");
    let pipeline = e2e::rig::tests_folder().join("../pipelines/blog-creator.yml");
    repository.write("pipelines/blog-creator.yml", &std::fs::read_to_string(pipeline).expect("the pipeline"));
    repository.commit("Deliver it");
    repository
}

#[test]
fn the_blog_creator_is_delivered_and_a_bad_release_is_rolled_back() {
    let rig = Rig::take();
    rig.reset();
    for target in rig.targets() {
        assert_eq!(target.images(), 0, "{} holds images", target.name);
    }
    let repository = blog_creator();
    let sealock = Sealock::new(&rig, repository.path());
    let run = |release: &str| {
        sealock.run(&["blog-creator", "--unconfined-network", "--input", &format!("release={release}")])
    };

    run("good-1").expect(0);
    let registry = rig.registry();
    let backend = registry.digest("acme/blog-backend", "good-1");
    let frontend = registry.digest("acme/blog-frontend", "good-1");
    let mut verified = Vec::new();
    for target in rig.targets() {
        assert_blog_runs(&target, &backend, &frontend, "good-1");
        let end = target.ledger_end(BLOG);
        assert!(end.starts_with("verified "), "{}: {end}", target.name);
        verified.push(target.last_verified(BLOG));
    }

    repository.write("backend/app/fault.txt", "proxy-500\n");
    repository.commit("A bad release");
    run("bad-2").expect(10);
    let bad = registry.digest("acme/blog-backend", "bad-2");
    assert_ne!(bad, backend);
    for (target, last) in rig.targets().iter().zip(&verified) {
        assert_blog_runs(target, &backend, &frontend, "good-1");
        assert_eq!(target.ledger_tail(BLOG, 2), ["rolled-back r2", "verified r1"], "{}", target.name);
        assert_eq!(target.last_verified(BLOG), *last, "{}", target.name);
    }
}

#[test]
fn scripts_on_targets_alone_make_no_release() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    let pipeline = std::fs::read_to_string(repository.path().join("pipelines/small.yml")).expect("the pipeline");
    let (head, _) = pipeline.split_once("\nstages:").expect("its stages");
    let stage = "stages:\n  deploy:\n    environment: production\n    steps: [{ uses: remote-script, with: { script: \"true\" } }]\n";
    repository.write("pipelines/script.yml", &format!("{head}\n{stage}"));
    repository.commit("Only a script");
    sealock.run(&["script"]).expect(0).saying("no release was switched");
    for target in rig.targets() {
        assert_eq!(target.last_verified(SMALL), None, "{}", target.name);
        assert_eq!(target.current(SMALL), None, "{}", target.name);
    }
}
