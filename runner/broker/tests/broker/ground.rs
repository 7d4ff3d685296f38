//! What programs share with those before and beside them: nothing that one of them can change.

use std::iter;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sealock_broker::confine::{Namespaces, Zygote};
use sealock_contract::seam::Exit;
use tokio::sync::MutexGuard;

use crate::rig::{Rig, RigSpec, every_wall, zygotes};

/// Everything that a program finds where nothing of the machine's is left.
const LOOK: &str = "for d in /tmp /var/tmp /run /home /root /dev /dev/shm; do
    stat -c '%n %a %u %g' $d 2>&1; ls -A $d 2>&1; done; stat -c '%n %a %u %g' /dev/null /dev/tty; ls -A /dev/pts";

/// Whether a command on the machine itself succeeds with this path.
fn works(words: &[&str], path: &Path) -> bool {
    let ended = Command::new(words[0]).args(&words[1..]).arg(path).output();
    ended.is_ok_and(|ended| ended.status.success())
}

/// One rig for each wall that has mounts of its own, none of whose programs share with those of other tests.
async fn rigs(spec: impl Fn() -> RigSpec) -> (Vec<Rig>, MutexGuard<'static, Arc<Zygote>>) {
    let in_turn = zygotes().in_turn.lock().await;
    let others = every_wall().into_iter().filter(|zygote| zygote.wall() != in_turn.wall());
    let walls = iter::once(in_turn.clone()).chain(others).filter(|zygote| zygote.wall().namespaces != Namespaces::None);
    (walls.map(|zygote| RigSpec { zygote, ..spec() }.build()).collect(), in_turn)
}

#[tokio::test]
async fn what_a_program_does_to_shared_folders_and_devices_is_not_there_for_the_next() {
    let (rigs, _turn) = rigs(RigSpec::default).await;
    for rig in rigs {
        let before = rig.sh(LOOK).await;
        assert_eq!(rig.sh(LOOK).await, before);
        assert_eq!(before.0, Exit::Code(0), "{}", before.2);
        // It hurts no machine whose wall is broken: files of a name of their own, and mounts only where none of the machine's are.
        let vandal = "for d in /tmp /var/tmp /run /home /root /dev; do
            l=$d/sealock-left; touch $l; mkdir $l.d; ln -s /etc/shadow $l.l; mkfifo $l.p
            unshare -m sh -c \"mount -o remount,bind,rw $d; touch $l\"; unshare -m mount -t tmpfs none $d
            unshare -Urm sh -c \"mount -o remount,bind,rw $d; touch $l; umount -l $d\"; done
            unshare -m umount -l /dev/shm; unshare -m umount -l /proc; echo left > /dev/shm/left
            (exec 3<>/dev/ptmx; sleep 1) & script -qec true /dev/null; exit 0";
        assert_eq!(rig.sh(vandal).await.0, Exit::Code(0));
        assert_eq!(rig.sh(LOOK).await, before);
    }
}

#[tokio::test]
async fn devices_can_be_written_and_their_modes_cannot() {
    let (rigs, _turn) = rigs(RigSpec::default).await;
    for rig in rigs {
        for device in ["null", "zero", "tty"] {
            // What is asked for is what is there: should it be done, nothing has happened to the machine.
            let mode = format!("chmod $(stat -c %a /dev/{device}) /dev/{device}");
            assert_ne!(rig.sh(&mode).await.0, Exit::Code(0), "{device}");
        }
        assert_eq!(rig.sh("echo x >/dev/null && echo y >>/dev/zero && : >|/dev/full").await.0, Exit::Code(0));
    }
}

#[tokio::test]
async fn what_another_step_has_is_not_there() {
    let (mut rigs, turn) = rigs(RigSpec::default).await;
    rigs.push(RigSpec { zygote: turn.clone(), ..RigSpec::default() }.build());
    for rig in &rigs {
        assert_eq!(rig.sh("echo mine > own; echo mine > $TMPDIR/own").await.0, Exit::Code(0));
    }
    for rig in &rigs {
        for other in rigs.iter().filter(|other| other.folder.path() != rig.folder.path()) {
            let look = format!("ls -d {}", other.folder.path().display());
            assert_ne!(rig.sh(&look).await.0, Exit::Code(0));
        }
        assert_eq!(rig.sh("cat own $TMPDIR/own").await.1, "mine\nmine\n");
    }
}

#[tokio::test]
async fn what_comes_to_the_machine_between_two_programs_is_hidden_or_shown_as_if_it_had_been_there() {
    let elsewhere = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let emptied = tempfile::tempdir_in("/tmp").expect("a folder");
    let (socket, agents) = (elsewhere.path().join("agent.sock"), elsewhere.path().join("agents"));
    let (tools, caches) = (emptied.path().join("tools"), emptied.path().join("caches"));
    let spec = || {
        let mut spec = RigSpec::default();
        spec.host.hidden = vec![socket.clone(), agents.clone()];
        spec.host.readable = vec![tools.clone()];
        spec.host.writable = vec![caches.clone()];
        spec
    };
    let [at_socket, at_agents, at_tools, at_caches] = [&socket, &agents, &tools, &caches].map(|path| path.display());
    // Whether a path is there can be asked for where nothing may be opened.
    let look = format!("test -S {at_socket}; echo $?; test -e {at_agents}/key; echo $?; cat {at_tools}/version");
    let look = format!("{look} && echo x > {at_caches}/kept");
    let (rigs, _turn) = rigs(spec).await;
    for rig in rigs {
        // What is shared is made for the second program.
        for _ in 0..2 {
            assert_eq!(rig.sh(&look).await.1, "1\n1\n");
        }
        for version in ["one", "two", "three"] {
            let _listener = UnixListener::bind(&socket).expect("a socket");
            std::fs::create_dir(&agents).expect("made");
            std::fs::write(agents.join("key"), "key").expect("written");
            assert_eq!(rig.sh(&look).await.1, "1\n1\n");
            for folder in [&tools, &caches] {
                std::fs::create_dir(folder).expect("made");
            }
            std::fs::write(tools.join("version"), version).expect("written");
            for _ in 0..2 {
                assert_eq!(rig.sh(&look).await.1, format!("1\n1\n{version}"));
            }
            assert!(caches.join("kept").exists());
            std::fs::rename(&tools, tools.with_extension("old")).expect("moved");
            std::fs::create_dir(&tools).expect("made");
            std::fs::write(tools.join("version"), "newer").expect("written");
            assert_eq!(rig.sh(&look).await.1, "1\n1\nnewer");
            std::fs::remove_dir_all(tools.with_extension("old")).expect("removed");
            std::fs::remove_file(&socket).expect("removed");
            for folder in [&agents, &tools, &caches] {
                // Away, and not removed: what is made next is another one, with another number.
                std::fs::rename(folder, folder.with_extension(version)).expect("moved");
            }
            for _ in 0..2 {
                assert_eq!(rig.sh(&look).await.1, "1\n1\n");
            }
        }
        for folder in [&agents, &tools, &caches] {
            for version in ["one", "two", "three"] {
                std::fs::remove_dir_all(folder.with_extension(version)).expect("removed");
            }
        }
    }
}

#[tokio::test]
async fn a_workspace_of_another_stage_is_not_held_by_what_programs_share() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let mounted = |arguments: &[&str]| works(arguments, folder.path());
    let turn = zygotes().in_turn.lock().await;
    if turn.wall().namespaces != Namespaces::Privileged || !mounted(&["mount", "-t", "tmpfs", "sealock"]) {
        return;
    }
    let mut spec = RigSpec { zygote: turn.clone(), ..RigSpec::default() };
    // So that what is shared is made now.
    spec.host.hidden = vec![folder.path().join("none")];
    let rig = spec.build();
    assert_eq!(rig.sh("exit 0").await.0, Exit::Code(0));
    let (_, mounts, _) = rig.sh("cat /proc/self/mountinfo").await;
    assert!(mounted(&["umount"]));
    assert!(mounts.contains(" /dev/pts "), "{mounts}");
    assert!(!mounts.contains(&folder.path().display().to_string()), "{mounts}");
}

#[tokio::test]
async fn what_is_mounted_on_the_machine_stays_mounted() {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    let mounted = |arguments: &[&str]| works(arguments, folder.path());
    let none = folder.path().join("none");
    let spec = || {
        let mut spec = RigSpec::default();
        // So that what is shared is made now.
        spec.host.hidden = vec![none.clone()];
        spec
    };
    let (rigs, _turn) = rigs(spec).await;
    let is_mounted = mounted(&["mount", "-t", "tmpfs", "none"]);
    assert!(is_mounted || !rustix::process::geteuid().is_root(), "root may mount");
    let kept = folder.path().join("kept");
    std::fs::write(&kept, "kept").expect("written");
    for rig in rigs {
        let look = format!("test -e {} || echo hidden", kept.display());
        assert_eq!(rig.sh(&look).await.1, "hidden\n");
        assert_eq!(std::fs::read_to_string(&kept).expect("it is there"), "kept");
    }
    assert_eq!(mounted(&["umount"]), is_mounted);
}

#[tokio::test]
async fn what_is_mounted_while_a_program_runs_does_not_appear_in_it() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let late = folder.path().join("late");
    let (none, late_at) = (folder.path().join("none"), late.display().to_string());
    // As on machines whose mounts are shared.
    let is_mounted =
        works(&["mount", "-t", "tmpfs", "none"], folder.path()) && works(&["mount", "--make-shared"], folder.path());
    assert!(is_mounted || !rustix::process::geteuid().is_root(), "root may mount");
    std::fs::create_dir(&late).expect("made");
    let spec = || {
        let mut spec = RigSpec::default();
        // So that what is shared is made now.
        spec.host.hidden = vec![none.clone()];
        spec
    };
    let (rigs, _turn) = rigs(spec).await;
    for rig in rigs.iter().filter(|_| is_mounted) {
        let (begun, go) = (rig.workspace("begun"), rig.workspace("go"));
        let script =
            format!("touch begun; until [ -e go ]; do sleep 0.05; done; grep -c ' {late_at} ' /proc/self/mountinfo");
        let later = async {
            while !begun.exists() {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
            assert!(works(&["mount", "-t", "tmpfs", "none"], &late));
            std::fs::write(&go, "").expect("written");
        };
        let ((_, seen, _), ()) = tokio::join!(rig.sh(&script), later);
        assert!(works(&["umount"], &late));
        for file in [begun, go] {
            std::fs::remove_file(file).expect("removed");
        }
        assert_eq!(seen.trim(), "0");
    }
    assert_eq!(works(&["umount"], folder.path()), is_mounted);
}
