//! The small delivery, and what is asserted of a target that runs it.

use e2e::{Repository, Rig, Sealock, Target};

/// Its folder on each target.
pub(crate) const SMALL: &str = "/opt/small";

/// The small delivery: its repository, and a Sealock for it.
pub(crate) fn small(rig: &Rig) -> (Repository, Sealock) {
    let repository = Repository::of("scenarios/small");
    let sealock = Sealock::new(rig, repository.path());
    (repository, sealock)
}

/// The arguments of a run of `pipeline` with one input.
pub(crate) fn release<'a>(pipeline: &'a str, assignment: &'a str) -> [&'a str; 3] {
    [pipeline, "--input", assignment]
}

/// Asserts that a target runs this digest of the small delivery, and that HTTP says which release it is.
#[track_caller]
pub(crate) fn assert_runs(target: &Target<'_>, digest: &str, release: &str) {
    assert_eq!(target.running("app").into_iter().collect::<Vec<_>>(), [digest], "{}", target.name);
    let (status, body) = target.get("/health");
    assert_eq!(status, 200, "{}: {body}", target.name);
    assert!(body.contains(&format!("\"release\":\"{release}\"")), "{}: {body}", target.name);
}

/// Asserts that no target has anything of a delivery.
#[track_caller]
pub(crate) fn assert_nothing_deployed(rig: &Rig) {
    for target in rig.targets() {
        assert_eq!(target.containers(), 0, "{} has containers", target.name);
        assert_eq!(target.current(SMALL), None, "{} has a release", target.name);
    }
}

/// Lets the leases on both targets end, as if their minute were over: nobody has to wait for a run that is dead.
pub(crate) fn end_leases(rig: &Rig) {
    for target in rig.targets() {
        target.sh("cd /opt/small/.sealock && { [ ! -e lease ] || sed -i 's/^until=.*/until=1/' lease; }");
    }
}

/// Breaks the small delivery in the way of this word, as a commit.
pub(crate) fn break_release(repository: &Repository, word: &str) {
    repository.write("app/fault.txt", word);
    repository.commit("A bad release");
}

/// Asserts that so many containers run, all of them of this digest.
#[track_caller]
pub(crate) fn assert_digest_runs(target: &Target<'_>, digest: &str, count: usize) {
    assert_eq!(target.running("app").into_iter().collect::<Vec<_>>(), [digest], "{}", target.name);
    assert_eq!(target.sh("docker ps --quiet").lines().count(), count, "{}", target.name);
}
