//! A registry that lies (abuse suite, section E): each lie is one clear error with its code and exit code; nothing is kept,
//! nothing is locked, nothing runs.
//!
//! | row | test |
//! |---|---|
//! | 62 a tag that moved | `a_tag_that_moved_…`: the digest that was locked decides; where it is gone, `E-OCI-INTEGRITY` |
//! | 63 digests that lie | `a_manifest_whose_digest_or_type_…`, `a_manifest_that_is_no_single_component_…` (a run asks by digest) |
//! | 64 an index, or another type | the same two |
//! | 65 a blob's length and bytes | `a_component_that_is_longer_shorter_…` |
//! | 66 odd digests | `a_manifest_that_is_no_single_component_…`; each spelling in `sealock-registry` (`artifact`, `reference`) |
//! | 67 too much, too deep, in circles | `a_manifest_whose_digest_or_type_…`, `a_list_that_names_itself_…`; without an end in `patience` |
//! | 68 layers that lie elsewhere | `a_component_that_is_said_to_lie_elsewhere_…` |
//! | 69 other configurations and layers | `a_manifest_that_is_no_single_component_…`, `a_configuration_that_is_another_…` |
//! | 70, 71 logins sent elsewhere | `logins` |
//! | 72 answers without an end or a sense | `answers_that_no_registry_gives_…`, `a_registry_that_is_out_of_order_…`, `logins`, `patience` |
//! | 73, 74 signatures and referrers | `signed`; `sealock-registry` (`signatures`, `patience`) |

use e2e::Depot;
use e2e::depot::{Asked, MANIFEST_TYPE, Reply, digest};
use serde_json::{Value, json};

use super::support::{LONG_AGO, Yard, asking, plain};

/// Changes what is said of the manifest, so that its digest is that of the changed text.
fn manifest(change: impl Fn(&mut Value) + Send + Sync + 'static) -> impl Fn(&Asked, Reply) -> Reply + Send + Sync {
    move |asked, truth| {
        if !asked.is_manifest() || truth.status != 200 {
            return truth;
        }
        let mut value: Value = serde_json::from_slice(&truth.body).expect("a manifest");
        change(&mut value);
        let body = serde_json::to_vec(&value).expect("JSON prints");
        Reply::status(200).body(MANIFEST_TYPE, body.clone()).header("docker-content-digest", &digest(&body))
    }
}

fn of_manifests(
    change: impl Fn(Reply) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Asked, Reply) -> Reply + Send + Sync {
    move |asked, truth| if asked.is_manifest() { change(truth) } else { truth }
}

/// The component alone: the configuration is small.
fn of_components(
    change: impl Fn(Reply) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Asked, Reply) -> Reply + Send + Sync {
    move |asked, truth| if asked.is_blob() && truth.body.len() > 10_000 { change(truth) } else { truth }
}

/// Tells the lie to a `lock`, and to a `run` of what was locked in honest times.
fn lied_to(code: &str, exit: i32, tell: impl Fn(&Depot)) {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", ""), LONG_AGO);
    yard.call(&["lock"]).exits(0);
    yard.forget_fetched();
    let honest = yard.lockfile().expect("it is written");

    tell(&yard.depot);
    let told = yard.run();
    told.exits(exit).says(code);
    one_error(&told.stderr, &yard.depot);
    assert!(told.of("step-started").is_empty() && yard.kept().is_empty(), "{:?}", yard.kept());
    assert_eq!(yard.lockfile().as_ref(), Some(&honest));

    std::fs::remove_file(yard.scene.repo().join("sealock.lock")).expect("it is there");
    one_error(&yard.call(&["lock"]).exits(exit).says(code).stderr, &yard.depot);
    assert_eq!((yard.kept(), yard.lockfile()), (Vec::new(), None));
}

/// Who is waiting is told once, and of whom.
#[track_caller]
fn one_error(told: &str, depot: &Depot) {
    assert_eq!(told.matches("error[").count(), 1, "{told}");
    assert!(told.contains(&depot.address), "{told}");
}

/// What a manifest must not say. A run asks by digest, so any change of it is noticed by that alone.
#[test]
fn a_manifest_that_is_no_single_component_is_refused() {
    type Change = fn(&mut Value);
    let changes: [Change; 12] = [
        |value| value["manifests"] = json!([]),
        |value| value["mediaType"] = "application/vnd.oci.image.index.v1+json".into(),
        |value| value["mediaType"] = "application/json".into(),
        |value| value["schemaVersion"] = 1.into(),
        |value| value["config"]["mediaType"] = "application/vnd.oci.image.config.v1+json".into(),
        |value| value["layers"] = json!([]),
        |value| value["layers"] = json!([value["layers"][0], value["layers"][0]]),
        |value| value["layers"][0]["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip".into(),
        |value| value["layers"][0]["size"] = (500_u64 << 20).into(),
        |value| value["layers"][0]["size"] = 12_000.into(),
        |value| value["layers"][0]["digest"] = format!("sha512:{}", "ab".repeat(64)).into(),
        |value| {
            let upper = value["layers"][0]["digest"].as_str().expect("a digest").to_uppercase();
            value["layers"][0]["digest"] = upper.replace("SHA256", "sha256").into();
        },
    ];
    for change in changes {
        lied_to("E-OCI-INTEGRITY", 5, |depot| depot.lie(manifest(change)));
    }
}

#[test]
fn a_list_that_names_itself_is_not_followed() {
    let yard = Yard::using(&["acme/step:1.0"]);
    let kind = "application/vnd.oci.image.index.v1+json";
    let own = json!({ "mediaType": kind, "digest": digest(b"itself"), "size": 100 });
    let list = json!({ "schemaVersion": 2, "mediaType": kind, "manifests": vec![own; 100] }).to_string();
    yard.depot.lie(of_manifests(move |_| {
        Reply::status(200).body(kind, list.clone()).header("docker-content-digest", &digest(list.as_bytes()))
    }));
    yard.call(&["lock"]).exits(5).says("E-OCI-INTEGRITY").says("a list of several");
    let manifests = yard.depot.asked().iter().filter(|asked| asked.is_manifest()).count();
    assert_eq!((manifests, yard.kept(), yard.lockfile()), (1, Vec::new(), None));
}

/// It says when a version was published: a run, which does not ask that, does not fetch it.
#[test]
fn a_configuration_that_is_another_than_its_digest_says_locks_nothing() {
    type Change = fn(Reply) -> Reply;
    let older = |truth: Reply| Reply { body: truth.body.iter().map(u8::to_ascii_uppercase).collect(), ..truth };
    let changes: [Change; 3] =
        [older, |truth| Reply { body: [truth.body.clone(), b" ".to_vec()].concat(), ..truth }, |truth| truth.cut(10)];
    for (number, change) in changes.into_iter().enumerate() {
        let yard = Yard::using(&["acme/step:1.0"]);
        yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", ""), LONG_AGO);
        yard.depot.lie(
            move |asked, truth| {
                if asked.is_blob() && truth.body.len() < 10_000 { change(truth) } else { truth }
            },
        );
        let (exit, code) = if number == 2 { (6, "E-REGISTRY-UNAVAILABLE") } else { (5, "E-OCI-INTEGRITY") };
        yard.call(&["lock"]).exits(exit).says(code);
        assert_eq!((yard.kept(), yard.lockfile()), (Vec::new(), None));
    }
}

#[test]
fn a_component_that_is_said_to_lie_elsewhere_is_never_fetched_from_there() {
    let elsewhere = std::sync::Arc::new(Depot::start());
    let url = format!("http://{}/x", elsewhere.address);
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        let url = url.clone();
        depot.lie(manifest(move |value| value["layers"][0]["urls"] = json!([url])));
    });
    assert!(elsewhere.asked().is_empty());
}

#[test]
fn a_manifest_whose_digest_or_type_is_not_what_is_said_is_refused() {
    let zeros = format!("sha256:{}", "0".repeat(64));
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        let zeros = zeros.clone();
        depot.lie(of_manifests(move |truth| truth.header("docker-content-digest", &zeros)));
    });
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        depot.lie(of_manifests(|truth| truth.header("content-type", "application/vnd.oci.image.index.v1+json")));
    });
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        depot.lie(of_manifests(|truth| truth.header("content-length", &(100_u64 << 20).to_string())));
    });
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        let body: Vec<u8> = [format!("{:x}\r\n", 8 << 20).as_bytes(), &vec![b' '; 8 << 20], b"\r\n0\r\n\r\n"].concat();
        depot.lie(of_manifests(move |truth| {
            Reply { body: body.clone(), ..truth }.header("transfer-encoding", "chunked")
        }));
    });
    let layers = json!(vec![json!({ "mediaType": "x", "digest": "x", "size": 1 }); 50_000]);
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        let layers = layers.clone();
        depot.lie(manifest(move |value| value["layers"] = layers.clone()));
    });
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        depot.lie(of_manifests(move |_| Reply::status(200).body(MANIFEST_TYPE, deep.clone())));
    });
}

#[test]
fn a_component_that_is_longer_shorter_or_another_is_refused() {
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        depot.lie(of_components(|mut truth| {
            truth.body.push(0);
            truth
        }));
    });
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        depot.lie(of_components(|mut truth| {
            truth.body.pop();
            truth
        }));
    });
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        depot.lie(of_components(|mut truth| {
            *truth.body.last_mut().expect("a component") ^= 1;
            truth
        }));
    });
    // The right length is said, and more comes all the same: what is beyond the length is no part of the answer.
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        depot.lie(of_components(|truth| {
            let body = [b"0".repeat(truth.body.len()), truth.body.clone()].concat();
            let length = truth.body.len().to_string();
            Reply { body, ..truth }.header("content-length", &length)
        }));
    });
}

#[test]
fn answers_that_no_registry_gives_are_told_as_such() {
    let pages: [fn(Reply) -> Reply; 5] = [
        |_| Reply::status(206).body(MANIFEST_TYPE, "{}").header("content-range", "bytes 7-8/9"),
        |truth| truth.header("content-encoding", "gzip"),
        |_| Reply::status(302).header("location", "http://example.com/"),
        |_| Reply::status(302).header("location", "/v2/acme/step/manifests/1.0"),
        |_| Reply::status(418),
    ];
    for page in pages {
        lied_to("E-REGISTRY-ANSWER", 6, |depot| depot.lie(of_manifests(page)));
    }
    // A sign-in page is no manifest, whatever its status says.
    lied_to("E-OCI-INTEGRITY", 5, |depot| {
        depot.lie(of_manifests(|_| Reply::status(200).body("text/html", "<html>Sign in</html>")));
    });
}

#[test]
fn a_registry_that_is_out_of_order_is_asked_four_times_and_not_for_ever() {
    lied_to("E-REGISTRY-UNAVAILABLE", 6, |depot| depot.lie(of_manifests(|_| Reply::status(503))));
    // A torn download never becomes a plugin.
    lied_to("E-REGISTRY-UNAVAILABLE", 6, |depot| depot.lie(of_components(|truth| truth.cut(9_000))));
    for after in ["1000000000", "-1"] {
        let yard = Yard::using(&["acme/step:1.0"]);
        yard.depot.lie(move |_, _| Reply::status(429).header("retry-after", after));
        yard.call(&["lock"]).exits(6).says("E-REGISTRY-UNAVAILABLE");
        let times = yard.depot.asked().len();
        assert_eq!(times, if after == "-1" { 4 } else { 1 }, "{after}");
    }
}

#[test]
fn a_registry_that_was_out_of_order_for_a_moment_is_no_failure() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &asking("1.0.0", ""), LONG_AGO);
    let times = std::sync::atomic::AtomicUsize::new(0);
    yard.depot.lie(move |asked, truth| match times.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
        0 => Reply::status(500),
        3 if asked.is_blob() => truth.cut(5_000),
        _ => truth,
    });
    yard.call(&["lock"]).exits(0);
    yard.run().exits(0);
}

#[test]
fn whoever_waits_for_a_component_is_told_how_far_it_has_come() {
    let yard = Yard::using(&["acme/step:1.0"]);
    yard.depot.put_plugin("acme/step", "1.0", &plain(), LONG_AGO);
    yard.depot.lie(of_components(|truth| {
        std::thread::sleep(std::time::Duration::from_millis(3_500));
        truth
    }));
    let told = yard.call(&["lock"]);
    let line = format!("fetching {}, 0 of 1 MiB\n", yard.name("acme/step"));
    assert_eq!(told.exits(0).stderr.matches(&line).count(), 1, "{}", told.stderr);
    yard.forget_fetched();
    assert!(!yard.call(&["fetch", "--quiet"]).exits(0).stderr.contains("fetching"));
}

#[test]
fn a_tag_that_moved_after_it_was_locked_decides_nothing() {
    let yard = Yard::using(&["acme/step:1.0"]);
    let old = yard.depot.put_plugin("acme/step", "1.0", &plain(), LONG_AGO);
    yard.call(&["lock"]).exits(0);
    yard.forget_fetched();
    yard.depot.put_plugin("acme/step", "1.0", &asking("6.6.6", ""), LONG_AGO);
    assert!(yard.run().exits(0).stdout.contains("greeting: hello"), "what was locked runs");

    yard.forget_fetched();
    yard.depot.remove("acme/step", &old);
    yard.run().exits(5).says("E-OCI-INTEGRITY").says("its tag names");
    assert!(yard.kept().is_empty());
    yard.depot.remove("acme/step", "1.0");
    yard.run().exits(6).says("E-PLUGIN-MISSING");
}
