//! Which release a rollback by hand goes to: one for the whole environment, that was verified on every target once and is
//! still there.

use sealock_deploy::TargetState;
use sealock_events::Cause;

use crate::exit;

/// A target, and what it told when it was locked.
pub(crate) type Told = (String, TargetState);

/// The release `to`, else the one that was verified before the one that is live, where that is the same on every target.
///
/// # Errors
///
/// A target that does not have it, or targets that would go back to different ones.
pub(crate) fn choose(environment: &str, targets: &[Told], to: Option<&str>) -> Result<String, Cause> {
    if let Some(release) = to {
        targets.iter().try_for_each(|target| check(target, release))?;
        return Ok(release.to_owned());
    }
    let before: Vec<Option<String>> = targets.iter().map(|(_, state)| before(state)).collect();
    if before.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err(mixed(environment, targets, &before));
    }
    let release = before.into_iter().next().flatten();
    release.ok_or_else(|| targets.first().map_or_else(|| mixed(environment, targets, &[]), none_before))
}

fn before(state: &TargetState) -> Option<String> {
    let before = state.ledger.before(state.current.as_deref()).map(|release| release.id);
    before.filter(|id| state.usable().contains(&id.as_str()))
}

fn check(target: &Told, release: &str) -> Result<(), Cause> {
    let (name, state) = target;
    if !state.releases.iter().any(|own| own == release) {
        return Err(refused(target, "E-RELEASE-MISSING", format!("{name} has no release {release}")));
    }
    if !state.ledger.verified().contains(&release) {
        let message = format!("release {release} was never verified on {name}");
        return Err(refused(target, "E-RELEASE-UNVERIFIED", message));
    }
    Ok(())
}

fn none_before(target: &Told) -> Cause {
    let (name, state) = target;
    let current = state.current.as_deref().unwrap_or("nothing");
    let message = format!("{name} runs {current} and has no release that was verified before it");
    refused(target, "E-RELEASE-MISSING", message)
}

fn refused((_, state): &Told, code: &str, message: String) -> Cause {
    let others: Vec<&str> = state.usable().into_iter().filter(|id| Some(*id) != state.current.as_deref()).collect();
    let help =
        (!others.is_empty()).then(|| format!("verified there once: {}; name one: --to RELEASE", others.join(", ")));
    Cause { code: code.into(), message, help, exit: exit::REQUEST }
}

/// Each target by itself would go to another release: nobody knows which of them is meant.
fn mixed(environment: &str, targets: &[Told], before: &[Option<String>]) -> Cause {
    let each = targets.iter().zip(before).map(|((name, state), before)| {
        let current = state.current.as_deref().unwrap_or("nothing");
        format!("{name} runs {current} (before it: {})", before.as_deref().unwrap_or("none"))
    });
    let each: Vec<String> = each.collect();
    let shared = targets.first().map(|(_, state)| state.usable()).unwrap_or_default().into_iter().rev();
    let ways = shared.filter(|id| targets.iter().all(|(_, state)| state.usable().contains(id)));
    let ways: Vec<String> = ways.map(|id| format!("`sealock rollback {environment} --to {id}`")).collect();
    let help = match ways.as_slice() {
        [] => "no release was verified on all of them: deploy one".to_owned(),
        ways => format!("name one that was verified on all of them: {}", ways.join(", or ")),
    };
    Cause {
        code: "E-RELEASE-MIXED".into(),
        message: format!("the targets do not go back to one release: {}", each.join(", ")),
        help: Some(help),
        exit: exit::REQUEST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sealock_deploy::Ledger;

    fn target(name: &str, verified: &[&str], current: Option<&str>) -> Told {
        let line = |id: &&str| {
            format!(r#"{{"v":1,"time_ms":1,"release":"{id}","outcome":"verified","run":"of-{id}","fence":1}}"#)
        };
        let lines: Vec<String> = verified.iter().map(line).collect();
        let ledger = Ledger::parse(lines.iter().map(String::as_str)).expect("records");
        let releases = verified.iter().map(|&id| id.to_owned()).collect();
        let state = TargetState { ledger, releases, current: current.map(str::to_owned), ..TargetState::default() };
        (name.to_owned(), state)
    }

    #[test]
    fn one_release_is_chosen_for_all_targets() {
        let three = ["r1", "r2", "r3"];
        let same = [target("web1", &three, Some("r3")), target("web2", &three, Some("r3"))];
        assert_eq!(choose("production", &same, None).expect("one"), "r2");
        assert_eq!(choose("production", &same, Some("r1")).expect("one"), "r1");
        // What is live differs, and what was verified before it does not.
        let failed = [target("web1", &three[..2], Some("r2")), target("web2", &three[..1], None)];
        assert_eq!(choose("production", &failed, None).expect("one"), "r1");
    }

    #[test]
    fn targets_that_would_go_to_different_releases_are_refused_with_what_each_runs() {
        let three = ["r1", "r2", "r3"];
        let mixed = [target("web1", &three, Some("r2")), target("web2", &three, Some("r3"))];
        let cause = choose("production", &mixed, None).expect_err("mixed");
        assert_eq!((cause.code.as_str(), cause.exit), ("E-RELEASE-MIXED", 2));
        assert!(cause.message.ends_with("web1 runs r2 (before it: r1), web2 runs r3 (before it: r2)"), "{cause:?}");
        let help = cause.help.expect("help");
        assert!(
            help.contains("`sealock rollback production --to r3`, or `sealock rollback production --to r2`"),
            "{help}"
        );
        let apart = [target("web1", &["r1"], Some("r1")), target("web2", &["r2", "r3"], Some("r3"))];
        let cause = choose("production", &apart, None).expect_err("mixed");
        assert_eq!(cause.help.as_deref(), Some("no release was verified on all of them: deploy one"));
        assert_eq!(choose("production", &apart, Some("r2")).expect_err("not on web1").code, "E-RELEASE-MISSING");
    }

    #[test]
    fn from_the_first_release_there_is_no_way_back() {
        let first = [target("web1", &["r1"], Some("r1")), target("web2", &["r1"], Some("r1"))];
        let cause = choose("production", &first, None).expect_err("the first");
        assert_eq!(cause.code, "E-RELEASE-MISSING");
        assert!(cause.message.starts_with("web1 runs r1 and has no release"), "{cause:?}");
    }
}
