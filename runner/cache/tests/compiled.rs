//! What is kept, what is refused, and the child that compiles.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sealock_cache::{Compile, CompileFailure, CompiledCache, Entry, MissReason};
use sealock_contract::Digest;
use tempfile::TempDir;

fn folder() -> (TempDir, PathBuf) {
    let temporary = TempDir::new().expect("a folder");
    let folder = temporary.path().join("deep/compiled");
    (temporary, folder)
}

fn entry(component: &[u8]) -> Entry {
    Entry::new(Digest::of(component), "engine-1")
}

fn file_of(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("a file").path());
    let mut compiled = files.filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"));
    compiled.next().expect("one entry")
}

#[test]
fn what_was_saved_is_loaded_also_by_the_next_process() {
    let (_keep, folder) = folder();
    let cache = CompiledCache::open(&folder).expect("a cache");
    assert_eq!(cache.load(&entry(b"a")), Err(MissReason::Absent));
    cache.save(&entry(b"a"), b"machine code").expect("it is saved");
    let later = CompiledCache::open(&folder).expect("the same cache");
    assert_eq!(later.load(&entry(b"a")), Ok(b"machine code".to_vec()));
}

#[test]
fn only_its_owner_may_read_the_key_and_enter_the_folder() {
    let (_keep, folder) = folder();
    CompiledCache::open(&folder).expect("a cache").save(&entry(b"a"), b"code").expect("it is saved");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&folder.join("key")), mode(&file_of(&folder))), (0o700, 0o600, 0o600));

    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).expect("it is ours");
    assert!(CompiledCache::open(&folder).is_err(), "others may enter");
}

#[test]
fn a_miss_says_why() {
    let (_keep, folder) = folder();
    let cache = CompiledCache::open(&folder).expect("a cache");
    let (a, code) = (entry(b"a"), vec![7; 1000]);
    cache.save(&a, &code).expect("it is saved");
    let file = file_of(&folder);
    let good = fs::read(&file).expect("it is there");

    assert_eq!(cache.load(&Entry::new(Digest::of(b"a"), "engine-2")), Err(MissReason::EngineChanged));
    for (bytes, reason) in [
        (good[..20].to_vec(), MissReason::Truncated),
        (good[..500].to_vec(), MissReason::BadTag),
        ([&good[..], b"more"].concat(), MissReason::BadTag),
        (good.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 900)).collect(), MissReason::BadTag),
        (code.clone(), MissReason::BadTag),
    ] {
        fs::write(&file, bytes).expect("it is written");
        assert_eq!(cache.load(&a), Err(reason));
    }
    cache.save(&a, &code).expect("it is compiled and saved again");
    assert_eq!(cache.load(&a), Ok(code));
}

#[test]
fn an_authentic_file_under_another_name_is_refused() {
    let (_keep, folder) = folder();
    let cache = CompiledCache::open(&folder).expect("a cache");
    cache.save(&entry(b"harmless"), b"code").expect("it is saved");
    let stolen = file_of(&folder);
    cache.save(&entry(b"trusted"), b"other code").expect("it is saved");
    let name = format!("{}-engine-1.cwasm", Digest::of(b"trusted").hex());
    fs::copy(stolen, folder.join(name)).expect("it is copied");
    assert_eq!(cache.load(&entry(b"trusted")), Err(MissReason::BadTag));
}

#[test]
fn a_key_that_was_cut_short_makes_every_entry_a_miss() {
    let (_keep, folder) = folder();
    CompiledCache::open(&folder).expect("a cache").save(&entry(b"a"), b"code").expect("it is saved");
    fs::write(folder.join("key"), b"short").expect("it is written");
    let cache = CompiledCache::open(&folder).expect("a cache with a new key");
    assert_eq!(cache.load(&entry(b"a")), Err(MissReason::BadTag));
}

/// A turn that another process would wait for; the same one that it waits for, whoever opened the folder.
#[test]
fn of_two_that_want_the_same_the_second_waits_for_the_first() {
    let (_keep, folder) = folder();
    let (cache, later) =
        (CompiledCache::open(&folder).expect("a cache"), CompiledCache::open(&folder).expect("a cache"));
    let first = cache.turn(&entry(b"a"));
    drop(later.turn(&entry(b"another")));
    let second = std::thread::spawn(move || {
        let _turn = later.turn(&entry(b"a"));
        later.load(&entry(b"a"))
    });
    std::thread::sleep(Duration::from_millis(200));
    assert!(!second.is_finished(), "it did not wait");
    cache.save(&entry(b"a"), b"code").expect("it is saved");
    drop(first);
    assert_eq!(second.join().expect("it ends"), Ok(b"code".to_vec()));
}

fn sh(script: &str) -> Compile {
    Compile { time: Duration::from_millis(500), ..Compile::by("/bin/sh", ["-c", script]) }
}

#[test]
fn the_child_gets_the_component_and_gives_the_code() {
    let component = vec![42; 3 << 20];
    let code = sh("cat").compile(&component).expect("cat compiles everything");
    assert_eq!(code, component);
}

#[test]
fn a_child_that_refuses_says_why() {
    let failure = sh("echo 'it is no component' >&2; exit 2").compile(b"x").expect_err("it refuses");
    assert_eq!((failure.to_string().as_str(), failure.code()), ("it is no component", "E-PLUGIN-FORMAT"));
}

#[test]
fn a_child_that_takes_too_long_or_too_much_is_ended() {
    let started = Instant::now();
    let slow = sh("exec sleep 60").compile(b"x").expect_err("it sleeps");
    assert!(matches!(slow, CompileFailure::Time(_)), "{slow}");
    assert!(started.elapsed() < Duration::from_secs(10));

    let busy = Compile { time: Duration::from_secs(1), ..sh("while :; do :; done") };
    let busy = busy.compile(b"x").expect_err("it never ends");
    assert!(matches!(busy, CompileFailure::Time(_)), "{busy}");
    let ended = sh("kill -XCPU $$").compile(b"x").expect_err("its processor time is over");
    assert!(matches!(ended, CompileFailure::Time(_)), "{ended}");

    let broken = sh("kill -SEGV $$").compile(b"x").expect_err("it breaks");
    assert!(matches!(broken, CompileFailure::Killed { signal: 11, .. }), "{broken}");
    assert_eq!(broken.code(), "E-LIMIT-COMPILE");
    let gone = sh("echo 'no memory' >&2; exit 101").compile(b"x").expect_err("it breaks off");
    assert_eq!((gone.to_string().as_str(), gone.code()), ("the compiler broke off: no memory", "E-LIMIT-COMPILE"));
}

/// With both limits at the same second the kernel may send SIGKILL, and a slow compiler would be told as a broken one.
#[test]
fn the_childs_processor_time_ends_with_a_signal_that_says_so() {
    let ask = Compile { time: Duration::from_secs(3), ..sh("ulimit -St >&2; ulimit -Ht >&2; exit 2") };
    assert_eq!(ask.compile(b"x").expect_err("it only tells").to_string(), "3\n4", "in seconds");
}

#[test]
fn the_childs_address_space_is_limited() {
    let ask = Compile { memory_bytes: 64 << 20, ..sh("ulimit -v >&2; exit 2") };
    let told = ask.compile(b"x").expect_err("it only tells").to_string();
    assert_eq!(told, "65536", "in KiB");
}
