//! `cargo xtask dist`: a release's archive for this system, and its line of `action/checksums.txt`.

use std::process::Command;

use crate::checkout::Checkout;
use crate::failure::Failure;
use crate::program;

/// Builds the binary as released, and writes `target/dist/sealock-VERSION-SYSTEM.tar.gz` and `….checksum` beside it.
///
/// # Errors
///
/// What does not build, or that the action knows no such system.
pub(crate) fn run(checkout: &Checkout) -> Result<(), Failure> {
    let system = system(std::env::consts::OS, std::env::consts::ARCH)?;
    let version = env!("CARGO_PKG_VERSION");
    program::run(&mut checkout.cargo(&["build", "--release", "--locked", "--package", "sealock-cli"]))?;
    let folder = checkout.target().join("dist");
    std::fs::create_dir_all(&folder).map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
    let name = format!("sealock-{version}-{system}");
    let archive = folder.join(format!("{name}.tar.gz"));
    // The same bytes from the same binary: no names, no times.
    let mut tar = Command::new("tar");
    tar.args([
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mtime=@0",
        "--use-compress-program=gzip -n9",
    ]);
    program::run(tar.arg("-cf").arg(&archive).arg("-C").arg(checkout.target().join("release")).arg("sealock"))?;
    let told = program::answer(Command::new("sha256sum").arg(&archive))?;
    let line = line(version, system, &told)?;
    let file = folder.join(format!("{name}.checksum"));
    std::fs::write(&file, &line).map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    print!("{}\n{line}", archive.display());
    Ok(())
}

/// `RUNNER_OS` and `RUNNER_ARCH` of GitHub's runners, in lower case. The walls are Linux's: there is no other system yet.
fn system(os: &str, arch: &str) -> Result<&'static str, Failure> {
    match (os, arch) {
        ("linux", "x86_64") => Ok("linux-x64"),
        ("linux", "aarch64") => Ok("linux-arm64"),
        _ => Err(Failure::usage(format!("sealock does not run on {os} {arch}"))),
    }
}

/// From what `sha256sum` said.
fn line(version: &str, system: &str, told: &str) -> Result<String, Failure> {
    let sum =
        told.split_whitespace().next().filter(|sum| sum.len() == 64 && sum.bytes().all(|b| b.is_ascii_hexdigit()));
    let sum = sum.ok_or_else(|| Failure::failed(format!("sha256sum said `{told}`")))?;
    Ok(format!("{version} {system} {sum}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_the_action_reads_it() {
        let sum = "0123456789abcdef".repeat(4);
        assert_eq!(
            line("1.2.3", "linux-x64", &format!("{sum}  /x.tar.gz")).unwrap(),
            format!("1.2.3 linux-x64 {sum}\n")
        );
        assert!(line("1.2.3", "linux-x64", "").is_err());
        assert_eq!(system("linux", "aarch64").unwrap(), "linux-arm64");
        assert!(system("macos", "aarch64").is_err());
    }
}
