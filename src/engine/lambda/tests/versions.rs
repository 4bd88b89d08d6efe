//! Versions and aliases: published once, never changed, found by qualifier, and followed by invocations.

use std::collections::BTreeMap;

use super::{
    super::{AliasConfiguration, CreateAlias, ListFunctions, PublishVersion, UpdateAlias, UpdateFunctionCode},
    Command, CreateFunction, FunctionConfiguration, FunctionRef, Invoke, LambdaErrorKind, Response, StopReason, World,
    code, configuration, create, function, invoke, named,
};

impl World {
    fn publish(&mut self, name: &str) -> FunctionConfiguration {
        let publish = PublishVersion::default();
        configuration(self.call(Command::PublishVersion { name: named(name), publish }).unwrap())
    }

    fn deploy(&mut self, name: &str, byte: u8, publish: bool) -> FunctionConfiguration {
        let update = UpdateFunctionCode { publish, ..UpdateFunctionCode::default() };
        configuration(self.call(Command::UpdateFunctionCode { name: named(name), update, code: code(byte) }).unwrap())
    }

    fn alias(&mut self, name: &str, alias: &str, version: &str, weights: &[(&str, f64)]) -> AliasConfiguration {
        let create = create_alias(alias, version, weights);
        shown(self.call(Command::CreateAlias { name: named(name), create }).unwrap())
    }

    fn update_alias(&mut self, name: &str, alias: &str, update: UpdateAlias) -> AliasConfiguration {
        shown(self.call(Command::UpdateAlias { name: named(name), alias: alias.into(), update }).unwrap())
    }

    /// The version that answers one invocation of `qualifier`, and the ARN that it was given.
    fn answered_by(&mut self, qualifier: &str) -> (String, String) {
        let name = FunctionRef { name: "f".into(), qualifier: Some(qualifier.into()) };
        let (launched, invoked) = (self.launched.len(), self.invoked.len());
        let token = self.ask(Command::Invoke(Invoke { function: name, ..invoke("f") }));
        if self.launched.len() > launched {
            self.ready();
        }
        let (id, invocation) = self.invoked[invoked].clone();
        self.respond(id);
        self.environment(id, super::EnvironmentEvent::Next);
        (self.outcome(token).executed_version, invocation.invoked_function_arn.to_string())
    }
}

fn create_alias(alias: &str, version: &str, weights: &[(&str, f64)]) -> CreateAlias {
    CreateAlias {
        name: alias.into(),
        function_version: version.into(),
        description: None,
        routing_config: (!weights.is_empty()).then(|| routing(weights)),
    }
}

fn routing(weights: &[(&str, f64)]) -> super::super::AliasRoutingConfiguration {
    let weights: BTreeMap<_, _> = weights.iter().map(|(version, weight)| ((*version).into(), *weight)).collect();
    super::super::AliasRoutingConfiguration { additional_version_weights: weights }
}

fn shown(response: Response) -> AliasConfiguration {
    match response {
        Response::Alias(alias) => *alias,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_same_code_and_configuration_is_the_same_version() {
    let mut world = World::new();
    world.create("f");
    let first = world.publish("f");
    assert_eq!(
        (first.version.as_str(), first.function_arn.as_str()),
        ("1", "arn:aws:lambda:us-east-1:123456789012:function:f:1")
    );
    assert_eq!(world.publish("f"), first);
    assert_eq!(world.deploy("f", 1, true), first, "the code is the same");
    let second = world.deploy("f", 2, true);
    assert_eq!((second.version.as_str(), second.code_sha256.as_str()), ("2", "sha-2"));
    let third = world.deploy("f", 1, true);
    assert_eq!(third.version, "3", "only the last one is looked at");
    let named = FunctionRef { name: "f".into(), qualifier: Some("1".into()) };
    assert_eq!(configuration(world.call(Command::GetFunctionConfiguration { name: named }).unwrap()), first);
    let published = configuration(world.call(create(CreateFunction { publish: true, ..function("g") })).unwrap());
    assert_eq!(published.version, "1");
}

#[test]
fn what_cannot_be_published() {
    let mut world = World::new();
    world.create("f");
    for (publish, kind, text) in [
        (
            PublishVersion { code_sha256: Some("other".into()), ..PublishVersion::default() },
            LambdaErrorKind::InvalidParameterValue,
            "CodeSHA256 (other) is different from current CodeSHA256 in $LATEST (sha-1)",
        ),
        (
            PublishVersion { revision_id: Some("other".into()), ..PublishVersion::default() },
            LambdaErrorKind::PreconditionFailed,
            "The Revision Id provided does not match",
        ),
    ] {
        let (found, message) = world.refusal(Command::PublishVersion { name: named("f"), publish });
        assert_eq!(found, kind);
        assert!(message.starts_with(text), "{message}");
    }
    let described = PublishVersion { description: Some("first".into()), ..PublishVersion::default() };
    let first = world.call(Command::PublishVersion { name: named("f"), publish: described }).unwrap();
    assert_eq!(configuration(first).description, "first");
}

#[test]
fn versions_are_listed_with_the_latest_first() {
    let mut world = World::new();
    world.create("f");
    for byte in 1..=3 {
        world.deploy("f", byte, true);
    }
    let mut list = |marker: Option<&str>, max_items| {
        let marker = marker.map(ToOwned::to_owned);
        match world.call(Command::ListVersionsByFunction { name: named("f"), marker, max_items }).unwrap() {
            Response::ListVersions { versions, next_marker } => {
                (versions.into_iter().map(|version| version.version).collect::<Vec<_>>(), next_marker)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(list(None, None), (["$LATEST", "1", "2", "3"].map(Into::into).to_vec(), None));
    assert_eq!(list(None, Some(2)), (["$LATEST", "1"].map(Into::into).to_vec(), Some("1".into())));
    assert_eq!(list(Some("1"), Some(2)), (["2", "3"].map(Into::into).to_vec(), None));
}

#[test]
fn an_alias_points_to_a_version_until_it_is_moved() {
    let mut world = World::new();
    world.create("f");
    world.publish("f");
    world.deploy("f", 2, true);
    let live = world.alias("f", "live", "1", &[]);
    assert_eq!(
        (live.alias_arn.as_str(), live.function_version.as_str()),
        ("arn:aws:lambda:us-east-1:123456789012:function:f:live", "1")
    );
    let arn = live.alias_arn.clone();
    assert_eq!(world.answered_by("live"), ("1".into(), arn.clone()));
    assert_eq!(world.answered_by("2").0, "2");
    assert_eq!(world.answered_by("$LATEST").0, "$LATEST");
    let moved =
        world.update_alias("f", "live", UpdateAlias { function_version: Some("2".into()), ..UpdateAlias::default() });
    assert_ne!(moved.revision_id, live.revision_id);
    assert_eq!(world.answered_by("live"), ("2".into(), arn));
    assert_eq!(world.launched.len(), 3, "each version has environments of its own, used again");
    let streams: Vec<_> = world.launched.iter().map(|(_, spec)| spec.log.stream.split('[').nth(1).unwrap()).collect();
    assert!(streams[0].starts_with("1]") && streams[2].starts_with("$LATEST]"), "{streams:?}");
}

#[test]
fn weights_divide_the_invocations() {
    let mut world = World::new();
    world.create("f");
    world.publish("f");
    world.deploy("f", 2, true);
    world.alias("f", "live", "1", &[("2", 0.25)]);
    let second = (0..1_000).filter(|_| world.answered_by("live").0 == "2").count();
    assert!((200..300).contains(&second), "{second} of 1000");
    let all = UpdateAlias { routing_config: Some(routing(&[("2", 1.0)])), ..UpdateAlias::default() };
    world.update_alias("f", "live", all);
    assert!((0..50).all(|_| world.answered_by("live").0 == "2"));
    let none = UpdateAlias { routing_config: Some(routing(&[])), ..UpdateAlias::default() };
    assert_eq!(world.update_alias("f", "live", none).routing_config, None);
    assert!((0..50).all(|_| world.answered_by("live").0 == "1"));
}

#[test]
fn what_an_alias_cannot_be() {
    use LambdaErrorKind::{InvalidParameterValue, ResourceConflict, ResourceNotFound};
    let mut world = World::new();
    world.create("f");
    world.publish("f");
    world.deploy("f", 2, true);
    world.alias("f", "live", "1", &[]);
    for (alias, version, weights, kind, text) in [
        ("live", "1", &[][..], ResourceConflict, "Alias already exists: arn:aws:lambda"),
        ("a", "9", &[], ResourceNotFound, "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:9"),
        ("a", "1", &[("9", 0.5)], ResourceNotFound, "Function not found"),
        ("a", "1", &[("1", 0.5)], InvalidParameterValue, "Invalid function version 1."),
        ("a", "$LATEST", &[("2", 0.5)], InvalidParameterValue, "$LATEST is not supported for an alias"),
        ("a", "1", &[("2", 0.5), ("3", 0.1)], InvalidParameterValue, "Number of items in AdditionalVersionWeights"),
    ] {
        let create = create_alias(alias, version, weights);
        let (found, message) = world.refusal(Command::CreateAlias { name: named("f"), create });
        assert_eq!(found, kind, "{alias} {version} {weights:?}: {message}");
        assert!(message.contains(text), "{message}");
    }
    let missing = world.refusal(Command::GetAlias { name: named("f"), alias: "other".into() });
    let text = "Cannot find alias arn: arn:aws:lambda:us-east-1:123456789012:function:f:other";
    assert_eq!(missing, (ResourceNotFound, text.into()));
}

#[test]
fn a_version_goes_when_no_alias_names_it() {
    let mut world = World::new();
    world.create("f");
    world.publish("f");
    world.alias("f", "live", "1", &[]);
    world.answered_by("1");
    let version = || FunctionRef { name: "f".into(), qualifier: Some("1".into()) };
    let (kind, message) = world.refusal(Command::DeleteFunction { name: version() });
    assert_eq!(kind, LambdaErrorKind::ResourceConflict);
    assert!(message.ends_with("the following aliases reference it: [live]"), "{message}");
    let alias = FunctionRef { name: "f".into(), qualifier: Some("live".into()) };
    assert_eq!(world.refusal(Command::DeleteFunction { name: alias }).0, LambdaErrorKind::InvalidParameterValue);
    for _ in 0..2 {
        world.call(Command::DeleteAlias { name: named("f"), alias: "live".into() }).unwrap();
    }
    world.call(Command::DeleteFunction { name: version() }).unwrap();
    assert_eq!(world.stopped.last().unwrap().1, StopReason::Deleted);
    assert_eq!(world.refusal(Command::GetFunction { name: version() }).0, LambdaErrorKind::ResourceNotFound);
    world.deploy("f", 2, false);
    assert_eq!(world.publish("f").version, "2", "a number is never used again");
    world.call(Command::DeleteFunction { name: named("f") }).unwrap();
    assert!(world.store.is_empty(), "{:?}", world.store);
}

#[test]
fn versions_and_aliases_survive() {
    let mut world = World::new();
    world.create("f");
    let first = world.publish("f");
    world.deploy("f", 2, true);
    let live = world.alias("f", "live", "1", &[("2", 0.5)]);
    let mut world = world.restarted();
    assert_eq!(shown(world.call(Command::GetAlias { name: named("f"), alias: "live".into() }).unwrap()), live);
    let name = FunctionRef { name: "f".into(), qualifier: Some("1".into()) };
    assert_eq!(configuration(world.call(Command::GetFunctionConfiguration { name }).unwrap()), first);
    world.deploy("f", 3, false);
    assert_eq!(world.publish("f").version, "3");
}

#[test]
fn all_versions_of_all_functions_page_by_page() {
    let mut world = World::new();
    for name in ["a", "b"] {
        world.create(name);
        for byte in 2..5 {
            let update = UpdateFunctionCode { publish: true, ..UpdateFunctionCode::default() };
            world.call(Command::UpdateFunctionCode { name: named(name), update, code: code(byte) }).unwrap();
        }
    }
    let (mut marker, mut seen, mut pages) = (None, Vec::new(), 0);
    loop {
        let list = Command::ListFunctions(ListFunctions {
            marker,
            max_items: Some(3),
            function_version: Some("ALL".into()),
            ..ListFunctions::default()
        });
        let Ok(Response::ListFunctions { functions, next_marker }) = world.call(list) else { panic!() };
        pages += 1;
        let short = |arn: &str| arn.rsplitn(3, ':').take(2).collect::<Vec<_>>().join(" of ");
        seen.extend(functions.iter().map(|function| short(&function.function_arn)));
        marker = next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(pages, 3);
    assert_eq!(seen, ["$LATEST of a", "1 of a", "2 of a", "3 of a", "$LATEST of b", "1 of b", "2 of b", "3 of b"]);
}
