//! What is attached to functions: policies, code signing configurations, runtime management, tags.

use std::collections::BTreeMap;

use super::{
    super::{
        AddPermission, AllowedPublishers, CodeSigningPolicies, CreateAlias, CreateCodeSigningConfig, PublishVersion,
        PutRuntimeManagementConfig, RuntimeManagementConfig, UpdateCodeSigningConfig, UpdateFunctionCode,
    },
    Command, CreateFunction, LambdaErrorKind, Response, World, code, configuration, create, function, named,
};

fn permission(statement_id: &str, principal: &str) -> AddPermission {
    AddPermission {
        statement_id: statement_id.into(),
        action: "lambda:InvokeFunction".into(),
        principal: principal.into(),
        ..AddPermission::default()
    }
}

fn add(name: &str, permission: AddPermission) -> Command {
    Command::AddPermission { name: named(name), permission: Box::new(permission) }
}

fn policy(world: &mut World, name: &str) -> (serde_json::Value, String) {
    match world.call(Command::GetPolicy { name: named(name) }).unwrap() {
        Response::Policy { policy, revision_id } => (serde_json::from_str(&policy).unwrap(), revision_id),
        other => panic!("{other:?}"),
    }
}

fn revision(world: &mut World, name: &str) -> String {
    configuration(world.call(Command::GetFunctionConfiguration { name: named(name) }).unwrap()).revision_id
}

#[test]
fn a_statement_as_aws_writes_it() {
    let mut world = World::new();
    world.create("f");
    let resource = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let mut check = |permission: AddPermission, expected: &str| {
        let Response::Statement(text) = world.call(add("f", permission)).unwrap() else { panic!() };
        assert_eq!(text, expected);
    };
    check(
        AddPermission {
            source_arn: Some("arn:aws:s3:::b".into()),
            source_account: Some("123456789012".into()),
            ..permission("s3", "s3.amazonaws.com")
        },
        &format!(
            r#"{{"Sid":"s3","Effect":"Allow","Principal":{{"Service":"s3.amazonaws.com"}},"Action":"lambda:InvokeFunction","Resource":"{resource}","Condition":{{"ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::b"}},"StringEquals":{{"AWS:SourceAccount":"123456789012"}}}}}}"#
        ),
    );
    check(
        permission("account", "210987654321"),
        &format!(
            r#"{{"Sid":"account","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::210987654321:root"}},"Action":"lambda:InvokeFunction","Resource":"{resource}"}}"#
        ),
    );
    check(
        AddPermission {
            action: "lambda:InvokeFunctionUrl".into(),
            function_url_auth_type: Some("NONE".into()),
            ..permission("url", "*")
        },
        &format!(
            r#"{{"Sid":"url","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"{resource}","Condition":{{"StringEquals":{{"lambda:FunctionUrlAuthType":"NONE"}}}}}}"#
        ),
    );
    let (policy, _) = policy(&mut world, "f");
    let sids: Vec<_> = policy["Statement"].as_array().unwrap().iter().map(|one| one["Sid"].as_str().unwrap()).collect();
    assert_eq!(
        (sids, &policy["Id"], &policy["Version"]),
        (vec!["s3", "account", "url"], &"default".into(), &"2012-10-17".into())
    );
}

#[test]
fn a_policy_shares_the_revision_of_what_it_belongs_to() {
    let mut world = World::new();
    let before = world.create("f").revision_id;
    let stale = AddPermission { revision_id: Some("other".into()), ..permission("a", "*") };
    assert_eq!(world.refusal(add("f", stale)).0, LambdaErrorKind::PreconditionFailed);
    world.call(add("f", AddPermission { revision_id: Some(before.clone()), ..permission("a", "*") })).unwrap();
    let (_, revision_id) = policy(&mut world, "f");
    assert_eq!(revision_id, revision(&mut world, "f"));
    assert_ne!(revision_id, before);
    let remove = |revision_id: &str| Command::RemovePermission {
        name: named("f"),
        statement_id: "a".into(),
        revision_id: Some(revision_id.into()),
    };
    assert_eq!(world.refusal(remove(&before)).0, LambdaErrorKind::PreconditionFailed);
    world.call(remove(&revision_id)).unwrap();
}

#[test]
fn policies_of_versions_and_aliases_are_their_own_and_go_with_them() {
    let mut world = World::new();
    world.create("f");
    world.call(Command::PublishVersion { name: named("f"), publish: PublishVersion::default() }).unwrap();
    let alias = CreateAlias { name: "live".into(), function_version: "1".into(), ..CreateAlias::default() };
    world.call(Command::CreateAlias { name: named("f"), create: alias }).unwrap();
    for name in ["f", "f:1", "f:live"] {
        world.call(add(name, permission("s", "*"))).unwrap();
        let (policy, _) = policy(&mut world, name);
        let resource = policy["Statement"][0]["Resource"].as_str().unwrap();
        assert!(resource.ends_with(&format!(":function:{name}")), "{resource}");
    }
    let mut world = world.restarted();
    let (_, of_version) = policy(&mut world, "f:1");
    assert_eq!(of_version, revision(&mut world, "f:1"));
    world.call(Command::DeleteAlias { name: named("f"), alias: "live".into() }).unwrap();
    let alias = CreateAlias { name: "live".into(), function_version: "1".into(), ..CreateAlias::default() };
    world.call(Command::CreateAlias { name: named("f"), create: alias }).unwrap();
    let missing = (LambdaErrorKind::ResourceNotFound, "The resource you requested does not exist.".to_owned());
    assert_eq!(world.refusal(Command::GetPolicy { name: named("f:live") }), missing);
}

#[test]
fn permissions_that_are_refused() {
    use LambdaErrorKind::{InvalidParameterValue, PolicyLengthExceeded, ResourceConflict, ResourceNotFound};
    let mut world = World::new();
    world.create("f");
    world.call(add("f", permission("s", "*"))).unwrap();
    let remove = |statement_id: &str| Command::RemovePermission {
        name: named("f"),
        statement_id: statement_id.into(),
        revision_id: None,
    };
    for (command, kind, text) in [
        (add("f", permission("s", "*")), ResourceConflict, "The statement id (s) provided already exists."),
        (add("f", permission("t", "nobody")), InvalidParameterValue, "The provided principal was invalid."),
        (add("f:$LATEST", permission("t", "*")), InvalidParameterValue, "do not support adding policies for $LATEST"),
        (add("f:7", permission("t", "*")), ResourceNotFound, "Function not found: "),
        (
            add("f", AddPermission { function_url_auth_type: Some("NONE".into()), ..permission("t", "*") }),
            InvalidParameterValue,
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        ),
        (
            add(
                "f",
                AddPermission {
                    source_arn: Some(format!("arn:aws:s3:::{}", "b".repeat(20_480))),
                    ..permission("t", "*")
                },
            ),
            PolicyLengthExceeded,
            "is bigger than the limit (20480).",
        ),
        (remove("t"), ResourceNotFound, "Statement t is not found in resource policy."),
        (Command::GetPolicy { name: named("g") }, ResourceNotFound, "Function not found: "),
    ] {
        let refusal = world.refusal(command);
        assert!(refusal.0 == kind && refusal.1.contains(text), "{refusal:?}");
    }
    world.call(remove("s")).unwrap();
    assert_eq!(world.refusal(remove("s")).1, "No policy is associated with the given resource.");
}

const PROFILE: &str = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/p/v";

fn signing(world: &mut World, policy: Option<&str>) -> String {
    let request = CreateCodeSigningConfig {
        allowed_publishers: AllowedPublishers { signing_profile_version_arns: vec![PROFILE.into()] },
        code_signing_policies: policy
            .map(|policy| CodeSigningPolicies { untrusted_artifact_on_deployment: Some(policy.into()) }),
        tags: BTreeMap::from([("k".into(), "v".into())]),
        ..CreateCodeSigningConfig::default()
    };
    match world.call(Command::CreateCodeSigningConfig(request)).unwrap() {
        Response::CodeSigningConfig(config) => config.code_signing_config_arn,
        other => panic!("{other:?}"),
    }
}

#[test]
fn enforced_signatures_refuse_what_nobody_signed() {
    let mut world = World::new();
    let arn = signing(&mut world, Some("Enforce"));
    let signed = CreateFunction { code_signing_config_arn: Some(arn.clone()), ..function("f") };
    assert_eq!(world.refusal(create(signed)).0, LambdaErrorKind::CodeVerificationFailed);
    world.create("f");
    let put = Command::PutFunctionCodeSigningConfig { name: named("f"), arn: arn.clone() };
    world.call(put).unwrap();
    let deploy =
        || Command::UpdateFunctionCode { name: named("f"), update: UpdateFunctionCode::default(), code: code(2) };
    assert_eq!(world.refusal(deploy()).0, LambdaErrorKind::CodeVerificationFailed);
    assert_eq!(
        world.refusal(Command::DeleteCodeSigningConfig { arn: arn.clone() }).0,
        LambdaErrorKind::ResourceConflict
    );
    let mut world = world.restarted();
    assert_eq!(world.refusal(deploy()).0, LambdaErrorKind::CodeVerificationFailed);
    let warn = CodeSigningPolicies { untrusted_artifact_on_deployment: Some("Warn".into()) };
    let update = UpdateCodeSigningConfig { code_signing_policies: Some(warn), ..UpdateCodeSigningConfig::default() };
    world.call(Command::UpdateCodeSigningConfig { arn, update }).unwrap();
    world.call(deploy()).unwrap();
}

#[test]
fn code_signing_configurations_are_listed_tagged_and_deleted() {
    let mut world = World::new();
    world.create("f");
    let arn = signing(&mut world, None);
    assert!(arn.starts_with("arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-"), "{arn}");
    let attached =
        |world: &mut World| match world.call(Command::GetFunctionCodeSigningConfig { name: named("f") }).unwrap() {
            Response::FunctionCodeSigningConfig(config) => config.map(|config| config.code_signing_config_arn),
            other => panic!("{other:?}"),
        };
    assert_eq!(attached(&mut world), None);
    world.call(Command::PutFunctionCodeSigningConfig { name: named("f"), arn: arn.clone() }).unwrap();
    assert_eq!(attached(&mut world), Some(arn.clone()));
    let functions = Command::ListFunctionsByCodeSigningConfig { arn: arn.clone(), marker: None, max_items: None };
    let expected = Response::FunctionArns {
        arns: vec!["arn:aws:lambda:us-east-1:123456789012:function:f".into()],
        next_marker: None,
    };
    assert_eq!(world.call(functions), Ok(expected));
    world.call(Command::TagResource { arn: arn.clone(), tags: BTreeMap::from([("l".into(), "w".into())]) }).unwrap();
    world.call(Command::UntagResource { arn: arn.clone(), tag_keys: vec!["k".into()] }).unwrap();
    let tags = world.call(Command::ListTags { arn: arn.clone() });
    assert_eq!(tags, Ok(Response::Tags(BTreeMap::from([("l".into(), "w".into())]))));
    world.call(Command::DeleteFunctionCodeSigningConfig { name: named("f") }).unwrap();
    world.call(Command::DeleteCodeSigningConfig { arn: arn.clone() }).unwrap();
    let mut world = world.restarted();
    let put = Command::PutFunctionCodeSigningConfig { name: named("f"), arn: arn.clone() };
    assert_eq!(world.refusal(put).0, LambdaErrorKind::CodeSigningConfigNotFound);
    assert_eq!(world.refusal(Command::GetCodeSigningConfig { arn }).0, LambdaErrorKind::ResourceNotFound);
}

#[test]
fn runtime_management_is_read_back() {
    let mut world = World::new();
    world.create("f");
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let shown = |mode: &str, version: Option<&str>| {
        Response::RuntimeManagementConfig(RuntimeManagementConfig {
            update_runtime_on: mode.into(),
            function_arn: arn.into(),
            runtime_version_arn: version.map(Into::into),
        })
    };
    let get = || Command::GetRuntimeManagementConfig { name: named("f") };
    assert_eq!(world.call(get()), Ok(shown("Auto", None)));
    let put = |mode: &str, version: Option<&str>| Command::PutRuntimeManagementConfig {
        name: named("f"),
        config: PutRuntimeManagementConfig {
            update_runtime_on: mode.into(),
            runtime_version_arn: version.map(Into::into),
        },
    };
    let runtime = "arn:aws:lambda:us-east-1::runtime:0af1";
    assert_eq!(world.call(put("Manual", Some(runtime))), Ok(shown("Manual", Some(runtime))));
    assert_eq!(world.refusal(put("Manual", None)).0, LambdaErrorKind::InvalidParameterValue);
    assert_eq!(world.refusal(put("Auto", Some(runtime))).0, LambdaErrorKind::InvalidParameterValue);
    assert_eq!(world.restarted().call(get()), Ok(shown("Manual", Some(runtime))));
}

#[test]
fn scaling_is_for_capacity_providers() {
    let mut world = World::new();
    world.create("f");
    let put = Command::PutFunctionScalingConfig { name: named("f") };
    assert_eq!(world.refusal(put).0, LambdaErrorKind::InvalidParameterValue);
    let function_arn = "arn:aws:lambda:us-east-1:123456789012:function:f".into();
    assert_eq!(
        world.call(Command::GetFunctionScalingConfig { name: named("f") }),
        Ok(Response::FunctionScalingConfig { function_arn })
    );
}

#[test]
fn versions_are_listed_with_their_functions() {
    use super::super::ListFunctions;
    let mut world = World::new();
    for name in ["f", "g"] {
        world.create(name);
        world.call(Command::PublishVersion { name: named(name), publish: PublishVersion::default() }).unwrap();
    }
    let (mut marker, mut found) = (None, Vec::new());
    loop {
        let request = ListFunctions {
            function_version: Some("ALL".into()),
            marker,
            max_items: Some(1),
            ..ListFunctions::default()
        };
        let Response::ListFunctions { functions, next_marker } = world.call(Command::ListFunctions(request)).unwrap()
        else {
            panic!()
        };
        found.extend(functions.into_iter().map(|function| format!("{}:{}", function.function_name, function.version)));
        marker = next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(found, ["f:$LATEST", "f:1", "g:$LATEST", "g:1"]);
    let request = ListFunctions { master_region: Some("us-east-1".into()), ..ListFunctions::default() };
    assert_eq!(world.refusal(Command::ListFunctions(request)).0, LambdaErrorKind::InvalidParameterValue);
}
