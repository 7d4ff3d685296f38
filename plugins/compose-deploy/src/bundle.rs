//! What a release folder holds: the compose file as it is, the override, and every file that the compose file names
//! relative to itself, at the same paths as in the workspace.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::Path;

use sealock_sdk::Error;

use crate::compose::{Compose, Need, NeedKind};
use crate::pin::OVERRIDE_FILE;
use sealock_rollout::invalid;

/// A mounted `node_modules` must not be uploaded to every target by accident.
const FILES: usize = 10_000;
/// Nor a database's files.
const BYTES: u64 = 256 << 20;
/// Folders inside folders, without end.
const DEPTH: usize = 64;

/// The files of a release, before they are copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bundle {
    /// The compose file's own path in the workspace.
    compose: String,
    /// Paths in the workspace.
    files: BTreeSet<String>,
    /// Folders that Compose 1 wants to see, empty.
    folders: BTreeSet<String>,
    bytes: u64,
    /// Files that are programs, relative to the compose file's folder: a component does not see permissions.
    pub(crate) executables: Vec<String>,
    /// What the author may want to know.
    pub(crate) warnings: Vec<String>,
}

impl Bundle {
    /// Finds the files of `compose`, which stands at `path` in `workspace`. `has_env` says whether the environment's
    /// entries will be written into `.env`.
    ///
    /// # Errors
    ///
    /// A file that is not there, that is outside, or that no release can hold.
    pub(crate) fn gather(workspace: &Path, path: &str, compose: &Compose, has_env: bool) -> Result<Self, Error> {
        let mut bundle = Self { compose: path.to_owned(), ..Self::default() };
        bundle.add(workspace, path, 0)?;
        let env = join(bundle.base(), ".env").unwrap_or_default();
        if workspace.join(&env).is_file() {
            bundle.add(workspace, &env, 0)?;
        }
        for need in &compose.needs {
            bundle.add_need(workspace, need, has_env.then_some(env.as_str()))?;
        }
        let contexts = compose.services.iter().filter_map(|service| service.context.as_deref());
        let folders = contexts.filter(|context| is_folder(context)).filter_map(|context| join(bundle.base(), context));
        let folders: Vec<String> = folders.collect();
        bundle.folders.extend(folders);
        Ok(bundle)
    }

    /// The compose file's folder in the workspace.
    fn base(&self) -> &str {
        self.compose.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    fn add_need(&mut self, workspace: &Path, need: &Need, env: Option<&str>) -> Result<(), Error> {
        let path = self.resolve(need)?;
        let is_optional = match need.kind {
            NeedKind::EnvFile { required } => !required || env == Some(path.as_str()),
            _ => false,
        };
        if !workspace.join(&path).exists() {
            return if is_optional { Ok(()) } else { Err(missing(need)) };
        }
        if need.kind == (NeedKind::Mount { read_only: false }) {
            let warning = format!("{} can write into {}: what it writes goes with the release", need.owner, need.path);
            self.warnings.push(warning + "; mount it with `:ro`, or use a named volume");
        }
        self.add(workspace, &path, 0)
    }

    fn resolve(&self, need: &Need) -> Result<String, Error> {
        let names = format!("{} names {}", need.owner, need.path);
        if need.path.contains('$') {
            let message = format!("{names}, which a variable decides: nobody knows yet which file to bring along");
            return Err(invalid("E-COMPOSE-FILE", message).help("write the path out, or make it absolute"));
        }
        let Some(path) = join(self.base(), &need.path) else {
            let message = format!("{names}, which is outside of the workspace");
            return Err(invalid("E-COMPOSE-FILE", message).help("move it into the repository, or make it absolute"));
        };
        if path.is_empty() || self.compose.starts_with(&format!("{path}/")) {
            let message = format!("{names}, which is the whole folder of the compose file");
            return Err(invalid("E-COMPOSE-FILE", message).help("name the files and folders that it needs"));
        }
        Ok(path)
    }

    fn add(&mut self, workspace: &Path, path: &str, depth: usize) -> Result<(), Error> {
        let full = workspace.join(path);
        let unreadable = |error: io::Error| invalid("E-COMPOSE-FILE", format!("{path} cannot be read: {error}"));
        let is_link = fs::symlink_metadata(&full).map_err(unreadable)?.is_symlink();
        let kind = fs::metadata(&full).map_err(unreadable)?;
        if kind.is_file() {
            return self.add_file(workspace, path, kind.len());
        }
        if !kind.is_dir() || (is_link && depth > 0) || depth > DEPTH {
            let message = format!("{path} is neither a file nor a folder of its own, and cannot be part of a release");
            return Err(invalid("E-COMPOSE-FILE", message));
        }
        self.folders.insert(path.to_owned());
        for entry in fs::read_dir(&full).map_err(unreadable)? {
            let name = entry.map_err(unreadable)?.file_name();
            let Some(name) = name.to_str() else {
                return Err(invalid("E-COMPOSE-FILE", format!("{path} holds a name that is not UTF-8")));
            };
            self.add(workspace, &format!("{path}/{name}"), depth + 1)?;
        }
        Ok(())
    }

    fn add_file(&mut self, workspace: &Path, path: &str, bytes: u64) -> Result<(), Error> {
        if !self.files.insert(path.to_owned()) {
            return Ok(());
        }
        self.bytes += bytes;
        if self.files.len() > FILES || self.bytes > BYTES {
            let message =
                format!("the mounted files are more than {FILES}, or more than {} MiB, at {path}", BYTES >> 20);
            return Err(invalid("E-COMPOSE-FILE", message).help("put them into an image or a named volume"));
        }
        if is_program(&workspace.join(path)) {
            let up = self.base().split('/').filter(|part| !part.is_empty()).count();
            self.executables.push(format!("{}{path}", "../".repeat(up)));
        }
        Ok(())
    }

    /// Copies everything into `release` and puts the override there.
    ///
    /// # Errors
    ///
    /// When a file cannot be read or written.
    pub(crate) fn write(&self, workspace: &Path, release: &Path, override_text: &str) -> io::Result<()> {
        fs::create_dir_all(release)?;
        for folder in &self.folders {
            fs::create_dir_all(release.join(folder))?;
        }
        for file in &self.files {
            let to = release.join(file);
            if let Some(folder) = to.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(&to, fs::read(workspace.join(file))?)?;
        }
        fs::write(release.join(self.base()).join(OVERRIDE_FILE), override_text)
    }
}

fn missing(need: &Need) -> Error {
    let names = format!("{} names {}, which is not in the workspace", need.owner, need.path);
    match need.kind {
        NeedKind::Mount { .. } => {
            let message = format!("{names}: there is nothing to bring along, and what is written there would be lost");
            let help = "use a named volume, or an absolute path below the environment's `shared` folder";
            invalid("E-COMPOSE-FILE", message).help(help)
        }
        NeedKind::EnvFile { .. } => {
            let help = "put its entries into the environment's `env`, and name it .env beside the compose file";
            invalid("E-COMPOSE-FILE", names).help(help)
        }
        NeedKind::Content => invalid("E-COMPOSE-FILE", names),
    }
}

/// `path` as seen from the folder `base`, in its plain form; `None` when it leaves the workspace.
fn join(base: &str, path: &str) -> Option<String> {
    let mut parts: Vec<&str> = base.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/').filter(|part| !part.is_empty() && *part != ".") {
        match part {
            ".." => _ = parts.pop()?,
            part => parts.push(part),
        }
    }
    (!path.starts_with('/')).then(|| parts.join("/"))
}

/// Whether a build's context is a folder, and not a repository somewhere.
fn is_folder(context: &str) -> bool {
    !context.contains(['$', '@']) && !context.contains("://")
}

/// Whether the file starts like a script or a program.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 4];
    let read = fs::File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or_default();
    start[..read].starts_with(b"#!") || start[..read] == *b"\x7fELF"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A folder that is gone with its test.
    struct Folder(PathBuf);

    impl Folder {
        fn with(files: &[(&str, &str)]) -> Self {
            use std::sync::atomic::{AtomicU32, Ordering};
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name = format!("sealock-bundle-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let folder = Self(std::env::temp_dir().join(name));
            for (path, text) in files {
                let path = folder.0.join(path);
                fs::create_dir_all(path.parent().expect("below the folder")).expect("a folder");
                fs::write(path, text).expect("a file");
            }
            folder
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn gather(folder: &Folder, path: &str, text: &str, has_env: bool) -> Result<Bundle, Error> {
        fs::create_dir_all(folder.0.join(path).parent().expect("a folder")).expect("made");
        fs::write(folder.0.join(path), text).expect("written");
        Bundle::gather(&folder.0, path, &Compose::parse(path, text).expect("a good file"), has_env)
    }

    fn mount(volume: &str) -> String {
        format!("services: {{ a: {{ image: x, volumes: [\"{volume}\"] }} }}")
    }

    #[test]
    fn a_release_holds_the_same_paths_as_the_workspace() {
        let files = [("config/redis.conf", "port 1"), ("config/init.sh", "#!/bin/sh\n"), ("secret.txt", "no")];
        let folder = Folder::with(&files);
        let bundle = gather(&folder, "deploy/compose.yml", &mount("../config:/c:ro"), false).expect("good");
        assert_eq!(bundle.executables, ["../config/init.sh"]);
        assert!(bundle.warnings.is_empty());

        let release = folder.0.join("release");
        bundle.write(&folder.0, &release, "override").expect("written");
        assert_eq!(fs::read_to_string(release.join("config/redis.conf")).expect("copied"), "port 1");
        assert_eq!(fs::read_to_string(release.join("deploy").join(OVERRIDE_FILE)).expect("there"), "override");
        assert_eq!(fs::read_to_string(release.join("deploy/compose.yml")).expect("there"), mount("../config:/c:ro"));
        assert!(!release.join("secret.txt").exists());
    }

    #[test]
    fn the_folders_of_builds_are_there_and_empty() {
        let folder = Folder::with(&[("web/Dockerfile", "FROM x")]);
        let bundle = gather(&folder, "compose.yml", "services: { web: { build: ./web } }", false).expect("good");
        let release = folder.0.join("release");
        bundle.write(&folder.0, &release, "").expect("written");
        assert!(release.join("web").is_dir() && !release.join("web/Dockerfile").exists());
    }

    #[test]
    fn data_beside_the_compose_file_is_refused_instead_of_lost() {
        let folder = Folder::with(&[]);
        let error = gather(&folder, "compose.yml", &mount("./uploads:/uploads"), false).expect_err("not there");
        assert_eq!(
            error.message(),
            "service a names ./uploads, which is not in the workspace: there is nothing to bring along, and what is \
             written there would be lost"
        );
    }

    #[test]
    fn mounts_that_no_release_can_hold_are_refused() {
        let folder = Folder::with(&[("a", "")]);
        let refused = |volume: &str| {
            gather(&folder, "b/compose.yml", &mount(volume), false).expect_err(volume).message().to_owned()
        };
        assert!(refused("../../etc:/etc").contains("outside of the workspace"));
        assert!(refused("./${DIR}/a:/a").contains("a variable decides"));
        assert!(refused(".:/app").contains("the whole folder"));
        assert!(refused("..:/app").contains("the whole folder"));
    }

    #[test]
    fn a_mount_that_can_be_written_is_warned_about() {
        let folder = Folder::with(&[("data/x", "")]);
        let bundle = gather(&folder, "compose.yml", &mount("./data:/data"), false).expect("good");
        assert!(bundle.warnings[0].starts_with("service a can write into ./data: "));
    }

    #[test]
    fn the_environments_entries_stand_in_for_a_missing_env_file() {
        let folder = Folder::with(&[]);
        let text = "services: { a: { image: x, env_file: .env } }";
        assert!(gather(&folder, "compose.yml", text, true).is_ok());
        assert!(gather(&folder, "compose.yml", text, false).is_err());
        let other = "services: { a: { image: x, env_file: [prod.env] } }";
        assert!(gather(&folder, "compose.yml", other, true).is_err());
    }

    #[test]
    fn the_blog_creator_brings_its_redis_configuration_along() {
        let app = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/apps/blog-creator");
        let file = "docker-compose.prod.yml";
        let compose =
            Compose::parse(file, &fs::read_to_string(app.join(file)).expect("the app is there")).expect("good");
        let bundle = Bundle::gather(&app, file, &compose, true).expect("good");
        assert_eq!(bundle.files.iter().collect::<Vec<_>>(), ["config/redis.conf", file]);
        assert_eq!(bundle.folders.iter().collect::<Vec<_>>(), ["backend", "frontend"]);
        assert!(bundle.warnings.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_folder_does_not_go_round_in_circles() {
        let folder = Folder::with(&[("conf/a", "")]);
        std::os::unix::fs::symlink(".", folder.0.join("conf/again")).expect("a link");
        assert!(gather(&folder, "compose.yml", &mount("./conf:/c:ro"), false).is_err());
    }
}
