//! What is missing outside: secrets, registries, host keys, Docker, the cable.

use e2e::{Repository, Rig, Target};

use super::support::{SMALL, assert_nothing_deployed, release, small};

/// Something on a target that is put back when this is dropped.
struct Broken<'rig>(Target<'rig>, &'static str);

impl<'rig> Broken<'rig> {
    fn with(target: Target<'rig>, how: &str, back: &'static str) -> Self {
        target.sh_root(how);
        Self(target, back)
    }
}

impl Drop for Broken<'_> {
    fn drop(&mut self) {
        self.0.sh_root(self.1);
    }
}

/// Asserts that a run that failed in its effect, before anything was switched, left nothing behind: no release, no containers, no lock.
#[track_caller]
fn assert_given_back(rig: &Rig) {
    assert_nothing_deployed(rig);
    for target in rig.targets() {
        assert_eq!(target.sh("cat /opt/small/.sealock/lease 2>/dev/null || true"), "", "{} is still held", target.name);
        let outcomes = target.ledger_tail(SMALL, 10);
        assert!(outcomes.iter().all(|outcome| !outcome.starts_with("switching")), "{}: {outcomes:?}", target.name);
    }
}

/// Changes the pipeline, and asserts that there was something to change.
fn change_pipeline(repository: &Repository, from: &str, to: &str) {
    let path = "pipelines/small.yml";
    let text = std::fs::read_to_string(repository.path().join(path)).expect("the pipeline");
    assert!(text.contains(from), "the pipeline does not hold {from}");
    repository.write(path, &text.replace(from, to));
    repository.commit("Change the pipeline");
}

#[test]
fn a_missing_secret_is_told_before_anything_starts() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    sealock.unset_secret("APP_TOKEN");
    sealock.run(&release("small", "release=one")).expect(2).saying("E-SECRET-MISSING").saying("APP_TOKEN");
    assert_nothing_deployed(&rig);
}

#[test]
fn uncommitted_changes_are_deployed_only_when_asked_for() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    repository.write("notes.txt", "not committed");
    sealock.run(&release("small", "release=one")).expect(3).saying("E-DEPLOY-DIRTY");
    assert_nothing_deployed(&rig);
    sealock.run(&["small", "--input", "release=one", "--allow-dirty"]).expect(0);
    for target in rig.targets() {
        let last = target.ledger(SMALL).pop().expect("a ledger");
        assert_eq!(last["dirty"], true, "{last}");
    }
}

#[test]
fn an_unreachable_registry_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    sealock.set_variable("REGISTRY", "127.0.0.1:9");
    sealock.run(&release("small", "release=one")).expect(6).saying("E-REGISTRY-UNREACHABLE");
    assert_nothing_deployed(&rig);
}

#[test]
fn a_wrong_registry_password_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    sealock.set_secret("REGISTRY_PASSWORD", "canary-wrong-password-77");
    sealock.run(&release("small", "release=one")).expect(6).saying("E-REGISTRY-AUTH");
    assert_nothing_deployed(&rig);
}

#[test]
fn a_changed_host_key_is_refused_before_any_credential_is_sent() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, mut sealock) = small(&rig);
    let web1 = rig.target("web1");
    sealock.set_variable("WEB1_HOST_KEY", &rig.setting("WEB2_HOST_KEY"));
    sealock.run(&release("small", "release=one")).expect(6).saying("E-SSH-HOSTKEY-CHANGED");
    let logins = "journalctl --unit ssh --output cat --no-pager | grep --count deploy || true";
    assert_eq!(web1.sh_root(logins).trim(), "0", "sshd was shown a login");
    assert_nothing_deployed(&rig);
    assert_ne!(web1.sh_root(logins).trim(), "0", "sshd logs no logins");
}

#[test]
fn an_unknown_host_key_is_refused_before_any_credential_is_sent() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    change_pipeline(&repository, "host-key: \"${{ vars.WEB1_HOST_KEY }}\", ", "");
    let web1 = rig.target("web1");
    let shown = sealock.run(&release("small", "release=one"));
    assert!([2, 6].contains(&shown.code), "{}: {}", shown.code, shown.text);
    assert!(shown.text.contains("HOSTKEY") || shown.text.contains("host-key"), "{}", shown.text);
    let logins = "journalctl --unit ssh --output cat --no-pager | grep --count deploy || true";
    assert_eq!(web1.sh_root(logins).trim(), "0", "sshd was shown a login");
    assert_nothing_deployed(&rig);
}

#[test]
fn a_target_without_docker_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    let web2 = rig.target("web2");
    let broken =
        Broken::with(web2, "mv /usr/bin/docker /usr/bin/docker.away", "mv /usr/bin/docker.away /usr/bin/docker");
    let ended = sealock.run(&release("small", "release=one"));
    drop(broken);
    ended.expect(6).saying("E-TARGET-DOCKER").saying("web2");
    assert_given_back(&rig);
}

#[test]
fn a_stopped_engine_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    let how = "systemctl stop docker.socket docker.service";
    let broken = Broken::with(rig.target("web2"), how, "systemctl start docker.socket docker.service");
    let ended = sealock.run(&release("small", "release=one"));
    drop(broken);
    ended.expect(6).saying("E-TARGET-DOCKER").saying("web2").saying("Cannot connect to the Docker daemon");
    assert_given_back(&rig);
}

#[test]
fn a_target_that_cannot_reach_the_registry_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (_repository, sealock) = small(&rig);
    let rule = "OUTPUT --destination 10.213.0.1 --protocol tcp --dport 5001 --jump REJECT";
    let back = "iptables --delete OUTPUT --destination 10.213.0.1 --protocol tcp --dport 5001 --jump REJECT";
    let broken = Broken::with(rig.target("web2"), &format!("iptables --insert {rule}"), back);
    let ended = sealock.run(&release("small", "release=one"));
    drop(broken);
    ended.expect(6).saying("E-TARGET-PULL").saying("web2");
    assert_given_back(&rig);
}

#[test]
fn an_image_that_is_not_in_the_registry_is_told_and_nothing_is_deployed() {
    let rig = Rig::take();
    rig.reset();
    let (repository, sealock) = small(&rig);
    let missing = format!("${{{{ vars.REGISTRY }}}}/e2e/small@sha256:{}", "0123456789abcdef".repeat(4));
    change_pipeline(&repository, "${{ needs.build.outputs.app }}", &missing);
    sealock.run(&release("small", "release=one")).expect(6).saying("E-TARGET-PULL").saying("sha256:0123456789abcdef");
    assert_given_back(&rig);
}
