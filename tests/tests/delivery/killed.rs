//! A delivery whose process is killed, and that is resumed: both targets end on one release, and the exit code says which.

use e2e::Rig;

use super::support::{SMALL, assert_runs, release, small};

/// Commits at which it is killed: from the build over the push, the locks, and both switches to the verification.
const POINTS: [&str; 6] = ["6:after", "10:before", "13:after", "16:before", "18:after", "21:after"];

#[test]
fn a_delivery_that_is_killed_ends_on_one_release_when_it_is_resumed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    sealock.run(&release("small", "release=one")).expect(0);
    let mut live = "one".to_owned();
    for (number, at) in POINTS.iter().enumerate() {
        let word = format!("k{number}");
        let assignment = format!("release={word}");
        let killed = sealock.run(&[&release("small", &assignment)[..], &["--die-at", at]].concat());
        assert_eq!(killed.code, -1, "{at}: {}", killed.text);
        let resumed = sealock.resume(&[]);
        println!("{at}: exit {}", resumed.code);
        match resumed.code {
            0 => live = word,
            10 => {}
            code => panic!("{at}: exit {code}\n{}\n--- resumed\n{}", killed.text, resumed.text),
        }
        let digest = rig.registry().digest("e2e/small", &live);
        for target in rig.targets() {
            assert_runs(&target, &digest, &live);
            let end = target.ledger_end(SMALL);
            assert!(end.starts_with("verified "), "{at}, {}: {end}", target.name);
        }
    }
}
