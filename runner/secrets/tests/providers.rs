//! Providers, and the way of a secret from one into the vault.

#![expect(clippy::unwrap_used, reason = "test code: a failure is a panic, and texts are short")]

use std::ffi::OsString;
use std::fs;
use std::future::Future;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use sealock_secrets::{
    Caution, Environment, FileEntryError, Files, LoadError, Provider, SECRET_MAX_BYTES, Vault, load,
};

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("these providers never wait"),
    }
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Environment::new(variables.collect::<Vec<_>>())
}

fn write(path: &Path, bytes: &str, mode: u32) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn load_from(provider: &dyn Provider, names: &[&str]) -> (Vault, Result<Vec<Caution>, Vec<LoadError>>) {
    let vault = Vault::new();
    let result = now(load(&vault, &[provider], names.iter().copied()));
    (vault, result)
}

fn loaded(provider: &dyn Provider, name: &str) -> String {
    let (vault, result) = load_from(provider, &[name]);
    result.unwrap();
    String::from_utf8(vault.get(name).unwrap().expose().to_vec()).unwrap()
}

fn codes(provider: &dyn Provider, names: &[&str]) -> Vec<&'static str> {
    let problems = load_from(provider, names).1.unwrap_err();
    problems.iter().map(LoadError::code).collect()
}

#[test]
fn the_environment_gives_what_has_the_prefix() {
    let environment = environment(&[
        ("SEALOCK_SECRET_DB_PASSWORD", "hunter2-hunter2\n"),
        ("SEALOCK_SECRET_", "nameless-secret"),
        ("SEALOCK_SECRET_EMPTY", ""),
        ("PATH", "/usr/bin:/bin"),
    ]);
    assert_eq!(environment.names().collect::<Vec<_>>(), ["DB_PASSWORD"]);
    assert_eq!(loaded(&environment, "DB_PASSWORD"), "hunter2-hunter2\n");
    assert_eq!(loaded(&environment, "db_password"), "hunter2-hunter2\n");
    assert_eq!(codes(&environment, &["EMPTY", "PATH"]), ["E-SECRET-MISSING", "E-SECRET-MISSING"]);
}

#[test]
fn all_problems_come_together_and_what_is_good_is_there() {
    let environment = environment(&[
        ("SEALOCK_SECRET_SHORT", "abc"),
        ("SEALOCK_SECRET_WORD", "true"),
        ("SEALOCK_SECRET_GOOD", "hunter2-hunter2"),
    ]);
    let (vault, result) = load_from(&environment, &["SHORT", "WORD", "NONE", "GOOD"]);
    let problems = result.unwrap_err();
    let codes: Vec<_> = problems.iter().map(LoadError::code).collect();
    assert_eq!(codes, ["E-SECRET-SHORT", "E-SECRET-COMMON", "E-SECRET-MISSING"]);
    assert_eq!(problems[2].to_string(), "secret `NONE` is missing: asked environment");
    assert_eq!(vault.names(), ["GOOD"]);
    assert!(problems.iter().all(|problem| !problem.to_string().contains("abc")));
}

#[test]
fn a_folder_gives_its_files_without_one_line_end() {
    let folder = tempfile::tempdir().unwrap();
    write(&folder.path().join("A"), "hunter2-hunter2\n", 0o600);
    write(&folder.path().join("B"), "hunter2-hunter2\r\n", 0o600);
    write(&folder.path().join("C"), "hunter2-hunter2\n\n", 0o600);
    write(&folder.path().join("D"), "hunter2-hunter2", 0o600);
    let files = Files::in_folder(folder.path());
    assert_eq!(loaded(&files, "A"), "hunter2-hunter2");
    assert_eq!(loaded(&files, "B"), "hunter2-hunter2");
    assert_eq!(loaded(&files, "C"), "hunter2-hunter2\n");
    assert_eq!(loaded(&files, "D"), "hunter2-hunter2");
    assert_eq!(codes(&files, &["E"]), ["E-SECRET-MISSING"]);
}

#[test]
fn a_name_never_leads_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("secrets");
    fs::create_dir(&inner).unwrap();
    write(&folder.path().join("outside"), "hunter2-hunter2", 0o600);
    let files = Files::in_folder(&inner);
    let absolute = folder.path().join("outside");
    assert_eq!(codes(&files, &["../outside", absolute.to_str().unwrap(), ".", ""]), ["E-SECRET-MISSING"; 4]);
}

#[test]
fn a_file_that_others_can_read_is_remarked_upon() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("OPEN");
    write(&path, "hunter2-hunter2", 0o644);
    write(&folder.path().join("GROUP"), "hunter2-hunter2", 0o640);
    let (_, result) = load_from(&Files::in_folder(folder.path()), &["OPEN", "GROUP"]);
    let cautions = result.unwrap();
    assert_eq!(cautions, [Caution::ReadableByOthers { path, mode: 0o644 }]);
    assert!(cautions[0].to_string().contains("(mode 0644): `chmod 600 "));
}

#[test]
fn only_regular_files_of_a_secret_s_size_are_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("FOLDER")).unwrap();
    symlink("/dev/zero", folder.path().join("ZERO")).unwrap();
    symlink("A", folder.path().join("LINK")).unwrap();
    write(&folder.path().join("A"), "hunter2-hunter2", 0o600);
    write(&folder.path().join("LARGE"), &"xy".repeat(SECRET_MAX_BYTES), 0o600);
    write(&folder.path().join("FULL"), &format!("{}\r\n", "xy".repeat(SECRET_MAX_BYTES / 2)), 0o600);
    let files = Files::in_folder(folder.path());
    assert_eq!(codes(&files, &["FOLDER", "ZERO", "LARGE"]), ["E-SECRET-READ", "E-SECRET-READ", "E-SECRET-LONG"]);
    assert_eq!(loaded(&files, "LINK"), "hunter2-hunter2");
    assert_eq!(loaded(&files, "FULL").len(), SECRET_MAX_BYTES);
}

#[test]
fn entries_name_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("any name.txt");
    write(&path, "hunter2-hunter2\n", 0o600);
    let entry = format!("DB={}", path.display());
    let files = Files::from_entries([entry.as_str(), "GONE=/nonexistent/file"]).unwrap();
    assert_eq!(loaded(&files, "DB"), "hunter2-hunter2");
    assert_eq!(codes(&files, &["GONE", "OTHER"]), ["E-SECRET-READ", "E-SECRET-MISSING"]);
}

#[test]
fn a_malformed_entry_says_what_was_found() {
    let problem = |entry: &str| Files::from_entries([entry]).unwrap_err();
    assert_eq!(problem("DB"), FileEntryError::NoEqualsSign { found: "DB".into() });
    assert_eq!(problem("a b=c"), FileEntryError::BadName { found: "a b".into() });
    assert_eq!(problem("=c"), FileEntryError::BadName { found: String::new() });
    assert_eq!(problem("DB="), FileEntryError::NoPath { name: "DB".into() });
}

#[test]
fn the_first_provider_that_has_a_secret_gives_it_and_a_broken_one_is_not_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("BROKEN")).unwrap();
    write(&folder.path().join("BOTH"), "hunter2-from-file", 0o600);
    let files = Files::in_folder(folder.path());
    let environment = environment(&[
        ("SEALOCK_SECRET_BOTH", "hunter2-from-environment"),
        ("SEALOCK_SECRET_BROKEN", "hunter2-from-environment"),
        ("SEALOCK_SECRET_SECOND", "hunter2-second"),
    ]);
    let vault = Vault::new();
    let problems = now(load(&vault, &[&files, &environment], ["BOTH", "BROKEN", "SECOND"])).unwrap_err();
    assert_eq!(problems.iter().map(LoadError::code).collect::<Vec<_>>(), ["E-SECRET-READ"]);
    assert_eq!(vault.get("BOTH").unwrap().expose(), b"hunter2-from-file");
    assert_eq!(vault.get("SECOND").unwrap().expose(), b"hunter2-second");
    assert!(vault.get("BROKEN").is_none());
}
