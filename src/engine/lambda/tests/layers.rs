//! Layers, as requests and answers.

use super::{
    super::{
        AddLayerVersionPermission, LayerCommand, LayerFilter, LayerResponse, PublishLayerVersion,
        UpdateFunctionConfiguration,
    },
    *,
};

const TOOLS: &str = "arn:aws:lambda:us-east-1:123456789012:layer:tools";

fn publish(
    world: &mut World,
    layer: &str,
    publish: PublishLayerVersion,
    unzipped_bytes: u64,
) -> Result<Response, LambdaError> {
    let content = CodeRef { unzipped_bytes, ..code(7) };
    world.call(Command::Layer(LayerCommand::Publish { layer: layer.into(), publish, content }))
}

fn published(world: &mut World, layer: &str) -> String {
    match publish(world, layer, PublishLayerVersion::default(), 300).unwrap() {
        Response::Layer(LayerResponse::Version(response)) => response.version.layer_version_arn,
        other => panic!("{other:?}"),
    }
}

fn with_layers(layers: &[&str]) -> Command {
    create(CreateFunction { layers: layers.iter().map(|arn| (*arn).to_owned()).collect(), ..function("f") })
}

#[test]
fn versions_are_numbered_for_ever() {
    let mut world = World::new();
    assert_eq!(published(&mut world, "tools"), format!("{TOOLS}:1"));
    assert_eq!(published(&mut world, TOOLS), format!("{TOOLS}:2"));
    let delete = |version| Command::Layer(LayerCommand::Delete { layer: "tools".into(), version });
    for version in [2, 2, 9] {
        assert_eq!(world.call(delete(version)), Ok(Response::Done));
    }
    let mut world = world.restarted();
    assert_eq!(published(&mut world, "tools"), format!("{TOOLS}:3"));
    let get = |version| Command::Layer(LayerCommand::Get { layer: "tools".into(), version });
    assert!(world.call(get(1)).is_ok());
    let gone = (LambdaErrorKind::ResourceNotFound, "The resource you requested does not exist.".to_owned());
    assert_eq!(world.refusal(get(2)), gone);
    let by_arn = |arn: &str| Command::Layer(LayerCommand::GetByArn { arn: arn.into() });
    assert!(world.call(by_arn(&format!("{TOOLS}:3"))).is_ok());
    assert_eq!(world.refusal(by_arn(TOOLS)), gone);
    let other = TOOLS.replace("1234", "9234") + ":1";
    assert_eq!(world.refusal(by_arn(&other)).0, LambdaErrorKind::AccessDenied);
}

#[test]
fn what_is_published_is_checked() {
    let mut world = World::new();
    let mut check = |layer: &str, request: PublishLayerVersion, expected: &str| {
        let message = publish(&mut world, layer, request, 1).map_or_else(|error| error.message, |_| "fine".to_owned());
        assert!(message.contains(expected), "{layer}: {message}");
    };
    let none = PublishLayerVersion::default;
    check("tools", none(), "fine");
    check("to ols", none(), "to ols is neither a layer's name nor its ARN");
    check(
        "tools",
        PublishLayerVersion { compatible_runtimes: vec!["cobol".into()], ..none() },
        "Value cobol at 'runtime'",
    );
}

#[test]
fn lists_are_paged_and_filtered() {
    let mut world = World::new();
    for (layer, runtime) in [("b", "python3.12"), ("a", "nodejs22.x"), ("a", "python3.12"), ("c", "nodejs22.x")] {
        let request =
            PublishLayerVersion { compatible_runtimes: vec![runtime.into()], ..PublishLayerVersion::default() };
        publish(&mut world, layer, request, 1).unwrap();
    }
    let filter = |runtime: Option<&str>| LayerFilter {
        compatible_runtime: runtime.map(str::to_owned),
        ..LayerFilter::default()
    };
    let mut list = |runtime: Option<&str>, marker: Option<&str>, max_items: Option<u32>| {
        let marker = marker.map(str::to_owned);
        match world.call(Command::Layer(LayerCommand::List { filter: filter(runtime), marker, max_items })).unwrap() {
            Response::Layer(LayerResponse::List { layers, next_marker }) => {
                let shown = layers
                    .iter()
                    .map(|layer| format!("{}:{}", layer.layer_name, layer.latest_matching_version.version));
                (shown.collect::<Vec<_>>().join(" "), next_marker)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(list(None, None, None), ("a:2 b:1 c:1".to_owned(), None));
    assert_eq!(list(Some("nodejs22.x"), None, None), ("a:1 c:1".to_owned(), None));
    assert_eq!(list(None, None, Some(2)), ("a:2 b:1".to_owned(), Some("b".to_owned())));
    assert_eq!(list(None, Some("b"), Some(2)), ("c:1".to_owned(), None));
    let mut versions = |marker: Option<&str>, max_items: Option<u32>| {
        let command = LayerCommand::ListVersions {
            layer: "a".into(),
            filter: filter(None),
            marker: marker.map(str::to_owned),
            max_items,
        };
        match world.call(Command::Layer(command)) {
            Ok(Response::Layer(LayerResponse::ListVersions { layer_versions, next_marker })) => {
                (layer_versions.iter().map(|version| version.version).collect::<Vec<_>>(), next_marker)
            }
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(versions(None, None), (vec![2, 1], None));
    assert_eq!(versions(None, Some(1)), (vec![2], Some("2".to_owned())));
    assert_eq!(versions(Some("2"), Some(1)), (vec![1], None));
}

#[test]
fn a_function_has_its_layers_in_their_order_and_keeps_them_when_they_are_deleted() {
    let mut world = World::new();
    let (first, second) = (published(&mut world, "tools"), published(&mut world, "more"));
    let created = configuration(world.call(with_layers(&[&second, &first])).unwrap());
    assert_eq!(created.layers.iter().map(|layer| &layer.arn).collect::<Vec<_>>(), [&second, &first]);
    assert_eq!(created.layers[0].code_size, 100);
    world.call(Command::Layer(LayerCommand::Delete { layer: "tools".into(), version: 1 })).unwrap();
    let mut world = world.restarted();
    world.invoke("f");
    assert_eq!(world.launched[0].1.layers.len(), 2);
    let update = |layers: Option<&[&str]>| Command::UpdateFunctionConfiguration {
        name: named("f"),
        update: UpdateFunctionConfiguration {
            layers: layers.map(|layers| layers.iter().map(|arn| (*arn).to_owned()).collect()),
            ..UpdateFunctionConfiguration::default()
        },
    };
    assert_eq!(configuration(world.call(update(None)).unwrap()).layers.len(), 2, "what is not said stays");
    assert_eq!(configuration(world.call(update(Some(&[&second]))).unwrap()).layers.len(), 1);
    assert_eq!(configuration(world.call(update(Some(&[]))).unwrap()).layers, []);
    let (kind, message) = world.refusal(update(Some(&[&first])));
    assert_eq!(kind, LambdaErrorKind::InvalidParameterValue);
    assert_eq!(message, format!("Layer version {first} does not exist."));
}

#[test]
fn illegal_layers_are_refused_in_awss_words() {
    let mut world = World::new();
    let (first, second) = (published(&mut world, "tools"), published(&mut world, "tools"));
    publish(&mut world, "large", PublishLayerVersion::default(), 262_143_900).unwrap();
    publish(&mut world, "huge", PublishLayerVersion::default(), 262_144_000).unwrap();
    let of = |name: &str| TOOLS.replace("tools", name) + ":1";
    let mut check = |layers: &[&str], expected: &str| {
        let (_, message) = world.refusal(with_layers(layers));
        assert!(message.contains(expected), "{layers:?}: {message}");
    };
    check(&[&first, &second], "Two different versions of the same layer are not allowed");
    check(&[first.as_str(); 6], "Cannot reference more than 5 layers.");
    check(&["tools"], "Layer version tools does not exist.");
    check(&[&of("none")], "does not exist.");
    check(&[&of("huge"), &first], "Layers consume more than the available size of 262144000 bytes");
    check(&[&of("large")], "The actual size is 262144200 bytes.");
    check(&[&first.replace("us-east-1", "eu-west-1")], "wrong region");
    check(&[&first.replace("123456789012", "000000000000")], "not authorized to perform: lambda:GetLayerVersion");
}

#[test]
fn policies_are_kept_checked_and_returned() {
    let mut world = World::new();
    published(&mut world, "tools");
    let permission = |id: &str, principal: &str| AddLayerVersionPermission {
        statement_id: id.into(),
        action: "lambda:GetLayerVersion".into(),
        principal: principal.into(),
        organization_id: None,
    };
    let add = |permission: AddLayerVersionPermission, revision_id: Option<&str>| {
        let revision_id = revision_id.map(str::to_owned);
        Command::Layer(LayerCommand::AddPermission { layer: "tools".into(), version: 1, permission, revision_id })
    };
    let get = || Command::Layer(LayerCommand::GetPolicy { layer: "tools".into(), version: 1 });
    assert_eq!(world.refusal(get()).1, "No policy is associated with the given resource.");
    let Response::Layer(LayerResponse::PermissionAdded { statement, revision_id }) =
        world.call(add(permission("x", "111122223333"), None)).unwrap()
    else {
        panic!("another answer")
    };
    assert_eq!(
        statement,
        format!(
            "{{\"Action\":\"lambda:GetLayerVersion\",\"Effect\":\"Allow\",\"Principal\":{{\"AWS\":\
             \"arn:aws:iam::111122223333:root\"}},\"Resource\":\"{TOOLS}:1\",\"Sid\":\"x\"}}"
        )
    );
    let mut refused = |command: Command, kind: LambdaErrorKind| assert_eq!(world.refusal(command).0, kind);
    refused(add(permission("x", "*"), None), LambdaErrorKind::ResourceConflict);
    refused(add(permission("y", "*"), Some("old")), LambdaErrorKind::PreconditionFailed);
    let organization = |principal: &str| AddLayerVersionPermission {
        organization_id: Some("o-0123456789".into()),
        ..permission("org", principal)
    };
    refused(add(organization("111122223333"), None), LambdaErrorKind::InvalidParameterValue);
    world.call(add(organization("*"), Some(&revision_id))).unwrap();
    let Response::Layer(LayerResponse::Policy { policy, .. }) = world.call(get()).unwrap() else {
        panic!("another answer")
    };
    let policy: serde_json::Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["Statement"][0]["Condition"]["StringEquals"]["aws:PrincipalOrgID"], "o-0123456789");
    assert_eq!(policy["Statement"].as_array().unwrap().len(), 2);
    let remove = |id: &str| {
        let (layer, statement_id) = ("tools".into(), id.into());
        Command::Layer(LayerCommand::RemovePermission { layer, version: 1, statement_id, revision_id: None })
    };
    world.call(remove("x")).unwrap();
    assert_eq!(world.refusal(remove("x")).1, "Statement x is not found in resource policy.");
}
