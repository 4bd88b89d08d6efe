//! Refuses requests that a web page or a foreign name made. A listener on loopback is within reach of every page that the
//! user's browser shows: by a cross-site request (it has an `Origin`, or says so in `Sec-Fetch-Site`), or by a name of the
//! attacker's that resolves to 127.0.0.1 (its `Host` is foreign). This is no authentication of local programs.

use std::net::IpAddr;

use bytes::Bytes;
use http::{Response, StatusCode, header, request};

use super::{json, response};

/// Names that lead to this machine, beside loopback addresses: themselves, or with labels before them.
const LOCAL_DOMAINS: [&str; 2] = ["localhost", "localhost.localstack.cloud"];
/// What clients put before the endpoint's name for `StartLiveTail`: the older ones and the newer ones.
const STREAM_PREFIXES: [&str; 2] = ["streaming-", "stream-"];
/// What containers call the machine that they run on.
const CONTAINER_HOST: &str = "host.docker.internal";

/// The refusal of a request that no program on this machine meant, or `None` for a good one. `allowed_hosts` are further
/// names, without port, under which the engine is reached.
pub fn guard(head: &request::Parts, allowed_hosts: &[String]) -> Option<Response<Bytes>> {
    of_web_page(head).or_else(|| guard_host(head, allowed_hosts))
}

/// The refusal of a request under a foreign name, or `None` for a good one: of requests to a function's URL, which pages of
/// other origins may make as far as its own CORS configuration goes.
pub fn guard_host(head: &request::Parts, allowed_hosts: &[String]) -> Option<Response<Bytes>> {
    let foreign = foreign_host(head, |name| is_local(name, allowed_hosts))?;
    Some(refusal(&format!(
        "`Host` is `{foreign}`, which is no name of this machine; use `localhost`, or allow the name explicitly"
    )))
}

/// The same for a request that came in at `gateway`, the address under which containers reach this machine: there this name and
/// what containers call their machine are good, and no other.
pub fn guard_gateway(head: &request::Parts, gateway: IpAddr) -> Option<Response<Bytes>> {
    if let Some(refusal) = of_web_page(head) {
        return Some(refusal);
    }
    let is_gateway = |name: &str| name.parse() == Ok(gateway) || name.eq_ignore_ascii_case(CONTAINER_HOST);
    let foreign = foreign_host(head, is_gateway)?;
    Some(refusal(&format!(
        "`Host` is `{foreign}`, and from a container this engine is `{gateway}`; use `AWS_ENDPOINT_URL`"
    )))
}

fn of_web_page(head: &request::Parts) -> Option<Response<Bytes>> {
    if head.headers.contains_key(header::ORIGIN) {
        return Some(refusal("it has an `Origin`, as requests of web pages have; call from a program instead"));
    }
    let site = head.headers.get("sec-fetch-site").filter(|site| site.as_bytes() != b"none")?;
    let site = String::from_utf8_lossy(site.as_bytes());
    Some(refusal(&format!("`Sec-Fetch-Site` is `{site}`, so a web page made it; call from a program instead")))
}

/// The first host that a request names and that is not good.
fn foreign_host(head: &request::Parts, is_good: impl Fn(&str) -> bool) -> Option<&str> {
    let named = head.headers.get_all(header::HOST).iter().map(|host| host.to_str().ok());
    let mut named = named.chain(head.uri.authority().map(|authority| Some(authority.as_str())));
    let is_good = |name: &str| {
        is_good(name) || STREAM_PREFIXES.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(&is_good))
    };
    let foreign = named.find(|host| !host.is_some_and(|host| is_good(host_name(host))))?;
    Some(foreign.unwrap_or("(not text)"))
}

/// Host and port that the caller used.
pub(super) fn host(head: &request::Parts) -> Option<&str> {
    head.headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| head.uri.authority().map(http::uri::Authority::as_str))
        .filter(|host| !host.is_empty())
}

/// A host without its port and the dot at its end; an IPv6 address without its brackets.
pub(super) fn host_name(host: &str) -> &str {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.strip_suffix('.').unwrap_or(name)
}

fn is_local(name: &str, allowed_hosts: &[String]) -> bool {
    LOCAL_DOMAINS.iter().any(|domain| is_in_domain(name, domain))
        || name.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback())
        || name.eq_ignore_ascii_case(CONTAINER_HOST)
        || allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name))
}

fn is_in_domain(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.as_bytes(), domain.as_bytes());
    let Some((rest, end)) = name.len().checked_sub(domain.len()).map(|at| name.split_at(at)) else { return false };
    end.eq_ignore_ascii_case(domain) && rest.last().is_none_or(|last| *last == b'.')
}

fn refusal(why: &str) -> Response<Bytes> {
    let mut body = Vec::with_capacity(160 + why.len());
    let mut object = json::Object::open(&mut body);
    object.text("__type", "AccessDeniedException");
    object.text("message", &format!("this request is refused: {why}"));
    object.close();
    let mut refusal = response::bare(StatusCode::FORBIDDEN, response::JSON, body);
    refusal.headers_mut().insert(response::ERROR_TYPE, http::HeaderValue::from_static("AccessDeniedException"));
    refusal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::testing::head_of;

    #[test]
    fn only_this_machine_is_listened_to() {
        let allowed = ["engine.test".to_owned(), "10.0.0.7".to_owned()];
        let check = |headers: &str, passes: bool| {
            let head = head_of(&format!("POST /\n{headers}"));
            assert_eq!(guard(&head, &allowed).is_none(), passes, "{headers}");
        };
        for host in [
            "localhost",
            "localhost:4566",
            "LOCALHOST:4566",
            "localhost.:4566",
            "127.0.0.1:4566",
            "127.8.9.1",
            "[::1]:4566",
            "[::1]",
            "[::ffff:127.0.0.1]:1",
            "sqs.us-east-1.localhost:4566",
            "localhost.localstack.cloud:4566",
            "sqs.eu-west-1.localhost.localstack.cloud",
            "host.docker.internal:4566",
            "engine.test:1",
            "Engine.Test",
            "10.0.0.7:4566",
            "streaming-localhost:4566",
            "stream-127.0.0.1:4566",
        ] {
            check(&format!("host: {host}"), true);
        }
        for host in [
            "evil.example",
            "evil.example:4566",
            "localhost.evil.example",
            "notlocalhost",
            "localstack.cloud",
            "0.0.0.0:4566",
            "10.0.0.8",
            "127.0.0.1.evil.example",
            "x.host.docker.internal",
            "[::2]:1",
            "a@evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "streaming-evil.example",
            "stream-stream-localhost",
        ] {
            check(&format!("host: {host}"), false);
        }
        check("", true);
        check("host: localhost\norigin: http://localhost:4566", false);
        check("host: localhost\norigin: null", false);
        check("host: localhost\nsec-fetch-site: none", true);
        check("host: localhost\nsec-fetch-site: same-origin", false);
        check("host: localhost\nsec-fetch-site: cross-site", false);
        check("host: localhost\nsec-fetch-mode: cors", true);
        check("host: localhost\nhost: evil.example", false);
    }

    #[test]
    fn at_the_gateway_only_its_own_names_are_good() {
        let gateway: IpAddr = "172.18.0.1".parse().unwrap();
        let check = |headers: &str, passes: bool| {
            let head = head_of(&format!("POST /\n{headers}"));
            assert_eq!(guard_gateway(&head, gateway).is_none(), passes, "{headers}");
        };
        for host in ["172.18.0.1:4566", "172.18.0.1", "host.docker.internal:4566"] {
            check(&format!("host: {host}"), true);
        }
        for host in ["localhost:4566", "127.0.0.1", "172.18.0.2", "evil.example", "172.18.0.1.evil.example", ""] {
            check(&format!("host: {host}"), false);
        }
        check("host: 172.18.0.1\norigin: http://172.18.0.1", false);
        check("host: 172.18.0.1\nsec-fetch-site: same-origin", false);
    }

    #[test]
    fn a_refusal_says_why() {
        let refusal = guard(&head_of("GET /\nhost: evil.example"), &[]).unwrap();
        assert_eq!(refusal.status(), 403);
        let body = String::from_utf8(refusal.into_body().to_vec()).unwrap();
        assert!(body.contains("`Host` is `evil.example`"), "{body}");
    }

    #[test]
    fn an_absolute_target_is_a_host_too() {
        assert!(guard(&head_of("GET http://evil.example/\nhost: localhost"), &[]).is_some());
        assert!(guard(&head_of("GET http://localhost:4566/\nhost: localhost"), &[]).is_none());
    }
}
