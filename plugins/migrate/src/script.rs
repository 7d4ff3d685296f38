//! The migration between its marks.

/// Before the author's script: marks that it was begun.
const BEGIN: &str = include_str!("begin.sh");
/// Behind it: marks that it is done.
const END: &str = include_str!("end.sh");
/// Tells which marks are there.
pub(crate) const MARK: &str = include_str!("mark.sh");

/// How far a migration got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Done,
    Begun,
    None,
}

impl Mark {
    pub(crate) fn parse(text: &str) -> Self {
        match text.trim() {
            "done" => Self::Done,
            "begun" => Self::Begun,
            _ => Self::None,
        }
    }
}

/// The author's script in a subshell of its own, as any script on a target is: what it sets or ends is its own.
pub(crate) fn migrate(text: &str) -> String {
    format!("{BEGIN}(\nset -eu\n{text}\n)\n{END}")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use sealock_rollout::testing::objections;

    use super::*;

    struct Folder(std::path::PathBuf);

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("sealock-migrate-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).expect("a folder");
            Self(folder)
        }
    }

    /// Before everything else `lines` of shell are run.
    fn run_after(folder: &Folder, lines: &str, text: &str) -> (i32, String) {
        let output = Command::new("sh")
            .args(["-c", &format!("{lines}\n{text}"), "script", "blog", "key1"])
            .current_dir(&folder.0)
            .output()
            .expect("sh runs");
        (output.status.code().expect("a code"), String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn run(folder: &Folder, text: &str) -> (i32, String) {
        run_after(folder, "", text)
    }

    fn marked(folder: &Folder) -> Mark {
        Mark::parse(&run(folder, MARK).1)
    }

    #[test]
    fn the_marks_tell_how_far_it_got_and_a_done_one_is_not_run_again() {
        let folder = Folder::new("marks");
        assert_eq!(marked(&folder), Mark::None);
        assert_eq!(run(&folder, &migrate("echo one; false; echo two")), (1, "one\n".to_owned()));
        assert_eq!(marked(&folder), Mark::Begun);
        assert_eq!(run(&folder, &migrate("echo again; exit 0")), (0, "again\n".to_owned()));
        assert_eq!(marked(&folder), Mark::Done);
        assert_eq!(run(&folder, &migrate("echo twice")), (0, String::new()));
    }

    #[test]
    fn each_mark_is_on_the_disk_before_anything_else_happens() {
        let folder = Folder::new("synced");
        let listen = "dd() { echo \"dd $*\"; command dd \"$@\"; }";
        let (code, told) = run_after(&folder, listen, &migrate("echo migrating"));
        let mark = |name: &str| format!("dd of=shared/backups/blog/.migration-key1.{name} conv=fsync\n");
        assert_eq!((code, told), (0, mark("begun") + "migrating\n" + &mark("done")));
    }

    #[test]
    fn every_shell_reads_the_scripts() {
        for text in [&migrate("true"), MARK] {
            assert_eq!(objections(text), None);
        }
    }
}
