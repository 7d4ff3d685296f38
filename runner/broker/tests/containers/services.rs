//! A stage's services.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use sealock_broker::containers::{Health, Port, ServiceSpec, Services, StageContainer, StageContainerSpec};
use sealock_broker::place::EnvValue;
use sealock_secrets::SecretBytes;

use crate::harness::{Bench, quiet};

fn health(command: &[&str], retries: u32) -> Health {
    Health {
        command: command.iter().map(|&word| word.to_owned()).collect(),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(2),
        retries,
    }
}

fn service(name: &str, image: &str) -> ServiceSpec {
    ServiceSpec { name: name.into(), image: image.into(), env: Vec::new(), ports: Vec::new(), health: None }
}

fn port(container: u16) -> Vec<Port> {
    vec![Port { container, host: None }]
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_and_redis_are_well_and_known_by_name_and_port() {
    let bench = Bench::new();
    let network = bench.scope.network().await.expect("a network");
    let password = EnvValue::Secret(SecretBytes::new("postgres-password"));
    let postgres = ServiceSpec {
        env: vec![("POSTGRES_PASSWORD".into(), password), ("POSTGRES_DB".into(), EnvValue::Plain("test_db".into()))],
        ports: port(5432),
        health: Some(Health { interval: Duration::from_secs(10), ..health(&["pg_isready"], 5) }),
        ..service("postgres", "postgres:15")
    };
    let redis = ServiceSpec {
        ports: port(6379),
        health: Some(health(&["redis-cli", "ping"], 5)),
        ..service("redis", "redis:7")
    };
    let told = std::sync::Mutex::new(Vec::new());
    let tell = |line: String| told.lock().expect("not poisoned").push(line);
    let services = Services::start(&bench.scope, &network, vec![postgres, redis], &tell).await.expect("healthy");
    let ports: BTreeMap<&str, u16> = services
        .services()
        .iter()
        .map(|service| (service.name.as_str(), *service.ports.values().next().expect("published")))
        .collect();
    let mut redis = TcpStream::connect(("127.0.0.1", ports["redis"])).expect("redis on this machine");
    redis.write_all(b"PING\r\n").expect("sent");
    let mut answer = [0; 7];
    redis.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"+PONG\r\n");
    assert!(TcpStream::connect(("127.0.0.1", ports["postgres"])).is_ok());
    assert!(TcpStream::connect(("10.213.0.1", ports["redis"])).is_err(), "only on the loopback interface");
    let told = told.into_inner().expect("not poisoned").join("\n");
    assert!(told.contains("service postgres: healthy after"), "{told}");

    let spec = StageContainerSpec {
        image: "postgres:15".into(),
        env: Vec::new(),
        workspace: bench.workspace(),
        workspace_at: "/work".into(),
        mounts: Vec::new(),
        network: Some(network),
        aliases: vec!["stage".into()],
        user: None,
    };
    let stage = StageContainer::start(&bench.scope, spec, &quiet).await.expect("started");
    let query = "PGPASSWORD=postgres-password psql -h postgres -U postgres -d test_db -Atc 'select 40 + 2'";
    assert_eq!(bench.docker(&["exec", stage.id(), "sh", "-c", query]), "42");
    let volumes =
        bench.docker(&["inspect", "--format", "{{range .Mounts}}{{.Name}} {{end}}", &services.services()[0].id]);
    assert_ne!(volumes, "");
    bench.scope.close().await.expect("closed");
    assert_eq!(bench.left_over(), "");
    for volume in volumes.split_whitespace() {
        assert!(!bench.docker(&["volume", "ls", "--quiet"]).contains(volume), "an anonymous volume is left");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_service_shows_why_and_its_log_and_nothing_is_left() {
    let bench = Bench::new();
    let network = bench.scope.network().await.expect("a network");
    // Without a password the real entry point refuses to start.
    let refusal = Services::start(&bench.scope, &network, vec![service("postgres", "postgres:15")], &quiet).await;
    let refusal = refusal.err().expect("no password");
    assert_eq!(refusal.code, "E-SERVICE-UNHEALTHY", "{}", refusal.message);
    assert!(refusal.message.contains("it ended with code 1"), "{}", refusal.message);
    assert!(refusal.message.contains("POSTGRES_PASSWORD"), "{}", refusal.message);

    let sick =
        ServiceSpec { health: Some(health(&["sh", "-c", "echo sick; exit 1"], 1)), ..service("redis", "redis:7") };
    let well = ServiceSpec { health: Some(health(&["redis-cli", "ping"], 5)), ..service("well", "redis:7") };
    let refusal = Services::start(&bench.scope, &network, vec![well, sick], &quiet).await.err().expect("sick");
    assert_eq!(refusal.code, "E-SERVICE-UNHEALTHY");
    assert!(refusal.message.contains("the service redis") && refusal.message.contains("sick"), "{}", refusal.message);
    assert!(refusal.message.contains("Ready to accept connections"), "{}", refusal.message);
    bench.scope.close().await.expect("closed");
    assert_eq!(bench.left_over(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fixed_port_is_that_port_or_an_error() {
    let bench = Bench::new();
    let network = bench.scope.network().await.expect("a network");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let number = listener.local_addr().expect("bound").port();
    let fixed =
        || ServiceSpec { ports: vec![Port { container: 6379, host: Some(number) }], ..service("redis", "redis:7") };
    let refusal = Services::start(&bench.scope, &network, vec![fixed()], &quiet).await.err().expect("taken");
    assert_eq!(refusal.code, "E-PORT-TAKEN", "{}", refusal.message);
    assert!(refusal.message.contains(&number.to_string()), "{}", refusal.message);
    drop(listener);
    let services = Services::start(&bench.scope, &network, vec![fixed()], &quiet).await.expect("free now");
    assert_eq!(services.services()[0].ports, BTreeMap::from([(6379, number)]));
    let second = Services::start(&bench.scope, &network, vec![fixed()], &quiet).await.err().expect("taken");
    assert_eq!(second.code, "E-PORT-TAKEN", "{}", second.message);
    services.remove().await.expect("removed");
    bench.scope.close().await.expect("closed");
    assert_eq!(bench.left_over(), "");
}
