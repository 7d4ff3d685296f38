//! A delivery without containers: release folders, systemd units, and the target's own nginx.

use e2e::{Repository, Rig, Sealock, Target};

pub(crate) const LUDENG: &str = "/opt/ludeng";

/// What an administrator does once on each host: the application's README.
pub(crate) fn set_up(target: &Target<'_>) {
    let folder = e2e::rig::tests_folder().join("apps/ludeng/server");
    for (file, mode, path) in [
        ("ludeng@.service", "0644", "/etc/systemd/system/ludeng@.service"),
        ("ludeng.sudoers", "0440", "/etc/sudoers.d/ludeng"),
        ("ludeng.conf", "0644", "/etc/nginx/conf.d/deployed.conf"),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).expect("the application's server folder");
        target.sh_root(&format!("cat >{path} <<'END'\n{text}END\nchmod {mode} {path}"));
    }
    target.sh_root("systemctl daemon-reload && nginx -t && systemctl reload nginx");
}

/// ludeng's pipeline with its application, as one repository.
pub(crate) fn ludeng() -> Repository {
    let repository = Repository::of("apps/ludeng");
    let pipeline = e2e::rig::tests_folder().join("../pipelines/ludeng.yml");
    repository.write("pipelines/ludeng.yml", &std::fs::read_to_string(pipeline).expect("the pipeline"));
    repository.commit("Deliver it");
    repository
}

/// What one target says about ludeng, from inside and from outside.
#[track_caller]
pub(crate) fn assert_runs(target: &Target<'_>, id: &str, release: &str) {
    assert_eq!(target.current(LUDENG).as_deref(), Some(id), "{}", target.name);
    let mut ports = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let (status, body) = target.get("/health");
        assert_eq!(status, 200, "{}: {body}", target.name);
        let health: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        assert_eq!(health["release"], release, "{}: {body}", target.name);
        ports.insert(health["port"].as_u64());
    }
    assert_eq!(ports.len(), 2, "{}: not both units answer", target.name);
    let (status, page) = target.get("/");
    assert!(status == 200 && page.contains(&format!("<output>{release}</output>")), "{}: {page}", target.name);
    assert_eq!(target.get("/uploads/kept.txt"), (200, "kept\n".to_owned()), "{}", target.name);
}

#[test]
fn ludeng_is_delivered_without_containers_and_bad_releases_are_rolled_back() {
    let rig = Rig::take();
    rig.reset();
    let repository = ludeng();
    let sealock = Sealock::new(&rig, repository.path());
    let run = |release: &str| sealock.run(&["ludeng", "--input", &format!("release={release}")]);

    // The hosts are not set up: both are told what they lack, and nothing is switched.
    run("early").expect(6).saying("E-UNIT-TARGET").saying("systemd has no unit ludeng@3000.service");
    for target in rig.targets() {
        set_up(&target);
        assert_eq!(target.current(LUDENG), None, "{}", target.name);
        target.sh_root("mv /etc/sudoers.d/ludeng /root/ludeng.sudoers");
    }
    run("not-let").expect(3).saying("E-TARGET-SUDO").saying("/usr/bin/systemctl reload-or-restart ludeng@3000.service");
    for target in rig.targets() {
        target.sh_root("mv /root/ludeng.sudoers /etc/sudoers.d/ludeng");
    }

    run("good").expect(0);
    let id = rig.target("web1").current(LUDENG).expect("a release");
    for target in rig.targets() {
        target.sh("echo kept >/opt/ludeng/shared/uploads/kept.txt");
        assert_runs(&target, &id, "good");
        assert_eq!(target.sh("stat -c %a /opt/ludeng/current/.env"), "400\n", "{}", target.name);
        assert_eq!(target.ledger_end(LUDENG), format!("verified {id}"), "{}", target.name);
    }

    // Found by its own host, by the world, and by nginx.
    let site = std::fs::read_to_string(repository.path().join("nginx/ludeng.conf")).expect("the site");
    for (fault, nginx, told) in [
        ("never-healthy", "", "did not answer within 20 s"),
        ("proxy-500", "", "expected 200"),
        ("", "no_such_directive on;\n", "nginx does not take its configuration"),
    ] {
        repository.write("backend/fault.txt", fault);
        repository.write("nginx/ludeng.conf", &format!("{nginx}{site}"));
        repository.commit("A bad release");
        run("bad").expect(10).saying(told);
        for target in rig.targets() {
            assert_runs(&target, &id, "good");
            assert_eq!(target.ledger_end(LUDENG), format!("verified {id}"), "{}", target.name);
        }
    }

    repository.write("nginx/ludeng.conf", &format!("# Another one.\n{site}"));
    repository.commit("A better release");
    run("better").expect(0);
    let better = rig.target("web1").current(LUDENG).expect("a release");
    for target in rig.targets() {
        assert_runs(&target, &better, "better");
    }
    sealock.command(&["rollback", "production", "--pipeline", "ludeng", "--format", "plain"]).expect(0);
    for target in rig.targets() {
        assert_runs(&target, &id, "good");
        assert_eq!(target.ledger_tail(LUDENG, 2), [format!("rolled-back {better}"), format!("verified {id}")]);
    }
}
