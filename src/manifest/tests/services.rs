//! `[services.NAME]`: what it becomes, and what is wrong with it.

use std::net::IpAddr;

use super::{check_in_stack, context, show, toml};
use crate::{
    manifest::read,
    stack::{
        Condition, ContainerNetwork, DesiredService, HealthTest, MountSource, RestartPolicy, ServiceImage, ServicePort,
    },
};

fn service(text: &str) -> DesiredService {
    let text = format!("[stack]\nname = \"s\"\n[services.other]\nimage = \"x\"\n[services.it]\n{text}\n");
    let reading = read(&toml(&text), &context());
    let mut desired = reading.desired.clone().unwrap_or_else(|| panic!("{text}\n{}", show(&reading)));
    desired.services.remove("it").unwrap()
}

#[test]
fn ports_are_on_loopback_unless_they_say_otherwise() {
    let check = |text: &str, expected: (&str, u16, u16, bool)| {
        let found = service(&format!("image = \"x\"\nports = [\"{text}\"]")).ports;
        let (host_ip, host_port, container_port, is_udp) = expected;
        let host_ip: IpAddr = host_ip.parse().unwrap();
        assert_eq!(found, [ServicePort { host_ip, host_port, container_port, is_udp }], "{text}");
    };
    check("5432", ("127.0.0.1", 5432, 5432, false));
    check("15432:5432", ("127.0.0.1", 15432, 5432, false));
    check("53:53/udp", ("127.0.0.1", 53, 53, true));
    check("0.0.0.0:80:8080", ("0.0.0.0", 80, 8080, false));
    check("[::1]:80:8080/tcp", ("::1", 80, 8080, false));
}

#[test]
fn a_service_may_have_this_machines_network() {
    let found = service("image = \"x\"\nnetwork = \"host\"\nports = [\"5432\"]");
    assert_eq!((found.network, found.ports.len()), (ContainerNetwork::Host, 1));
    check_in_stack(
        r#"
[services.it]
image = "x"
network = "host"
ports = ["80:8080", "0.0.0.0:90:90", "91:91"]
"#,
        r#"
error: a service in this machine's network has its ports there, and none that are mapped
  7:10 "80:8080": beside `network = "host"`
  help: write `8080:8080`, and tell its program where to listen
error: a service in this machine's network has its ports there, and none that are mapped
  7:21 "0.0.0.0:90:90": beside `network = "host"`
  help: write `90:90`, and tell its program where to listen
"#,
    );
}

#[test]
fn volumes_are_names_or_paths() {
    let found = service("image = \"x\"\nvolumes = [\"data:/d\", \"./a/b:/b:ro\", \"/abs:/c\"]").volumes;
    let sources: Vec<_> = found.iter().map(|mount| (mount.source.clone(), mount.is_read_only)).collect();
    let base = context().base;
    assert_eq!(
        sources,
        [
            (MountSource::Volume("data".to_owned()), false),
            (MountSource::Path(base.join("a/b")), true),
            (MountSource::Path("/abs".into()), false),
        ]
    );
}

#[test]
fn what_is_asked_for_is_taken_over() {
    let found = service(
        r#"
build = { context = "web", target = "dev", args = { V = "1" } }
health = { command = "ping", interval = "2s" }
depends_on = { other = "completed" }
restart = "on-failure"
memory = "64MiB"
cpus = 1.5
"#,
    );
    let ServiceImage::Built(build) = &found.image else { panic!("{:?}", found.image) };
    assert_eq!((build.context.clone(), build.dockerfile.clone()), (context().base.join("web"), "Dockerfile".into()));
    assert_eq!((build.target.as_str(), build.arguments["V"].as_str()), ("dev", "1"));
    let test = vec!["CMD-SHELL".to_owned(), "ping".to_owned()];
    let health = HealthTest::Command { test, interval_s: 2, timeout_s: 5, retries: 30, start_period_s: 0 };
    assert_eq!(found.health, Some(health));
    assert_eq!(found.depends_on["other"], Condition::Completed);
    assert_eq!(
        (found.restart, found.memory_bytes, found.cpu_percent),
        (RestartPolicy::OnFailure, Some(64 << 20), Some(150))
    );
    assert_eq!(service("image = \"x\"\ncpus = 2").cpu_percent, Some(200));
    assert_eq!(service("image = \"x\"\nhealth = \"none\"").health, Some(HealthTest::Disabled));
    assert_eq!(service("image = \"x\"\ndepends_on = [\"other\"]").depends_on["other"], Condition::Ready);
}

#[test]
fn mistakes_have_a_place_and_a_way_out() {
    check_in_stack(
        r#"
[queues.q]
[services.a]
image = "a"
build = "b"
depends_on = ["c", "b"]
volumes = ["data:relative"]
[services.b]
image = "b"
depends_on = { a = "sometimes" }
environment = { U = "${queues.q.url}", P = "${services.a.port}" }
"#,
        r#"
error: `services.a` has both `image` and `build`
  7:9 "b": beside `image`
  help: leave one of them out
error: services wait for each other: a -> b -> a
  8:14 ["c", "b"]: waits
  help: leave one of these dependencies out
error: `c` is no service of this manifest
  8:15 "c": no such service
  help: did you mean `a`?
error: `volumes[0]` is `data:relative`, which is not a volume
  9:12 "data:relative": not a volume
  help: a volume is `SOURCE:PATH` or `SOURCE:PATH:ro`, like `data:/var/lib/postgresql/data` or `./init.sql:/init.sql:ro`
error: `a` must be `ready`, `started`, `healthy` or `completed`, not `sometimes`
  12:20 "sometimes": unknown
error: `U` refers to the engine's address, which a container does not reach
  13:21 "${queues.q.url}": on this machine's loopback
  help: the engine listens on loopback alone; a function can send for it
error: `services.a.port` refers to a port, and `services.a` has none
  13:47 services.a.port: refers to nothing
  help: add it, like `ports = ["6379:6379"]`, to `[services.a]`
"#,
    );
}
