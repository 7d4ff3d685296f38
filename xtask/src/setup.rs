//! `cargo xtask setup`: what this machine must have, looked for before anything is built.
//!
//! What can be got without asking is got: Debian's packages as root, the compiler's WebAssembly target by rustup. The
//! rest comes back in one list, each with how to get it.

use std::path::Path;
use std::process::Command;

use crate::checkout::Checkout;
use crate::failure::{Failure, Missing};
use crate::program;

/// The target that plugins are built for.
const TARGET: &str = "wasm32-wasip2";

/// A program, the Debian packages that bring it, and what it is for.
struct Needed {
    program: &'static str,
    packages: &'static [&'static str],
    why: &'static str,
}

const BUILD: [Needed; 2] = [
    Needed {
        program: "git",
        packages: &["git", "ca-certificates"],
        why: "sources, and the repositories of demo and tests",
    },
    Needed { program: "cc", packages: &["gcc", "libc6-dev"], why: "a C compiler, for SQLite and libgit2" },
];

/// What tests call besides what the rig installs.
const TESTS: [Needed; 5] = [
    Needed { program: "bash", packages: &["bash"], why: "the rig's scripts" },
    Needed { program: "dash", packages: &["dash"], why: "what runs on targets is tested with three shells" },
    Needed { program: "busybox", packages: &["busybox"], why: "what runs on targets is tested with three shells" },
    Needed { program: "python3", packages: &["python3"], why: "the toolchains of Python and C plugins come as wheels" },
    Needed { program: "ssh-agent", packages: &["openssh-client"], why: "logins by an agent" },
];

/// Everything that any command needs.
///
/// # Errors
///
/// What is missing.
pub(crate) fn everything(checkout: &Checkout) -> Result<(), Failure> {
    for_rig(checkout)?;
    println!("nothing is missing: `cargo xtask demo` and `cargo xtask test` can start");
    Ok(())
}

/// What building needs, what tests call, and what the rig needs.
///
/// # Errors
///
/// What is missing.
pub(crate) fn for_rig(checkout: &Checkout) -> Result<(), Failure> {
    let mut missing = programs(BUILD.iter().chain(&TESTS))?;
    missing.extend(target());
    missing.extend(rig(checkout)?);
    refuse(missing)
}

/// What building needs, and what tests without the rig call.
///
/// # Errors
///
/// What is missing.
pub(crate) fn for_build(_: &Checkout) -> Result<(), Failure> {
    let mut missing = programs(BUILD.iter().chain(&TESTS))?;
    missing.extend(target());
    refuse(missing)
}

fn refuse(missing: Vec<Missing>) -> Result<(), Failure> {
    if missing.is_empty() { Ok(()) } else { Err(Failure::Missing(missing)) }
}

/// Installs what root can install, and returns what is missing still.
fn programs<'a>(needed: impl Iterator<Item = &'a Needed>) -> Result<Vec<Missing>, Failure> {
    let absent: Vec<&Needed> = needed.filter(|one| program::find(one.program).is_none()).collect();
    let packages: Vec<&str> = absent.iter().flat_map(|one| one.packages).copied().collect();
    if !packages.is_empty() && can_install()? {
        install(&packages)?;
    }
    let absent = absent.into_iter().filter(|one| program::find(one.program).is_none());
    Ok(absent.map(missing_program).collect())
}

fn missing_program(needed: &Needed) -> Missing {
    let packages = needed.packages.join(" ");
    Missing {
        what: format!("the program `{}`: {}", needed.program, needed.why),
        get: format!(
            "sudo apt-get install {packages}    (Debian; elsewhere the packages that bring `{}`)",
            needed.program
        ),
    }
}

fn can_install() -> Result<bool, Failure> {
    Ok(is_root()? && program::find("apt-get").is_some())
}

fn is_root() -> Result<bool, Failure> {
    Ok(program::answer(Command::new("id").arg("-u"))? == "0")
}

fn install(packages: &[&str]) -> Result<(), Failure> {
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    program::run(apt().args(["update", "--quiet"]))?;
    program::run(apt().args(["install", "--yes", "--quiet", "--no-install-recommends"]).args(packages))
}

/// Adds the WebAssembly target where rustup is there to do it.
fn target() -> Option<Missing> {
    if has_target() {
        return None;
    }
    let get = format!("rustup target add {TARGET}");
    if program::find("rustup").is_none() {
        let get = format!("{get}    (rustup: https://rustup.rs; this compiler was not installed by it)");
        return Some(Missing { what: format!("the compiler's target {TARGET}: plugins are built for it"), get });
    }
    let added = program::run(Command::new("rustup").args(["target", "add", TARGET]));
    match added {
        Ok(()) if has_target() => None,
        _ => Some(Missing { what: format!("the compiler's target {TARGET}, which rustup could not add"), get }),
    }
}

fn has_target() -> bool {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = program::answer(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]));
    asked.is_ok_and(|folder| Path::new(&folder).is_dir())
}

/// What the rig cannot get by itself: root, and its packages where there is no apt-get.
fn rig(checkout: &Checkout) -> Result<Option<Missing>, Failure> {
    if can_install()? {
        return Ok(None);
    }
    let packages = rig_packages(checkout)?;
    if !is_root()? {
        let what = "root: the rig starts a Docker engine, network namespaces, and whole machines".to_owned();
        let packages =
            if packages.is_empty() { String::new() } else { format!("; without apt-get, install first: {packages}") };
        let get = format!(
            "run the same as root, such as: sudo --preserve-env=HOME,PATH,CARGO_TARGET_DIR cargo xtask …{packages}"
        );
        return Ok(Some(Missing { what, get }));
    }
    if packages.is_empty() {
        return Ok(None);
    }
    let get = format!("the programs of these Debian packages: {packages}");
    Ok(Some(Missing { what: "packages that the rig starts, and apt-get to get them".to_owned(), get }))
}

/// By the rig's own list.
fn rig_packages(checkout: &Checkout) -> Result<String, Failure> {
    let script = "PATH=$PATH:/usr/sbin:/sbin; source tests/rig/lib/packages.sh; packages_missing";
    program::answer(checkout.command("bash").args(["-c", script]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_program_says_what_it_is_for_and_how_to_get_it() {
        let needed = Needed { program: "no-such-program", packages: &["one", "two"], why: "to be missing" };
        let failure = Failure::Missing(vec![missing_program(&needed)]).to_string();
        assert!(failure.contains("`no-such-program`: to be missing"), "{failure}");
        assert!(failure.contains("apt-get install one two"), "{failure}");
    }

    #[test]
    fn the_rigs_own_list_is_read() {
        let checkout = Checkout::find().unwrap();
        let packages = checkout
            .command("bash")
            .args(["-c", "source tests/rig/lib/packages.sh; PATH=/nowhere; packages_missing"])
            .output();
        let packages = String::from_utf8(packages.unwrap().stdout).unwrap();
        assert!(packages.contains("debootstrap") && packages.contains("openssh-server"), "{packages}");
    }
}
