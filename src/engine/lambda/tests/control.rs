//! The control plane: what is stored, returned and refused.

use serde_json::json;

use super::{
    super::{
        Environment, ImageConfig, ListFunctions, LoggingConfig, TracingConfig, UpdateFunctionCode,
        UpdateFunctionConfiguration,
    },
    Command, CreateFunction, FunctionRef, LambdaErrorKind, Response, World, code, configuration, create, function,
    named,
};

#[test]
fn a_function_as_aws_returns_it() {
    let mut world = World::new();
    let created = serde_json::to_value(world.create("f")).unwrap();
    assert_eq!(
        (&created["State"], &created["StateReason"], &created["StateReasonCode"], created.get("LastUpdateStatus")),
        (&json!("Pending"), &json!("The function is being created."), &json!("Creating"), None)
    );
    let found = configuration(world.call(Command::GetFunctionConfiguration { name: named("f") }).unwrap());
    let mut shown = serde_json::to_value(&found).unwrap();
    let revision = shown.as_object_mut().unwrap().remove("RevisionId").unwrap();
    assert_eq!(revision.as_str().unwrap().len(), 36);
    assert_eq!(
        shown,
        json!({
            "FunctionName": "f", "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "Runtime": "provided.al2023", "Role": "arn:aws:iam::123456789012:role/sampleRole", "Handler": "bootstrap",
            "CodeSize": 100, "Description": "", "Timeout": 3, "MemorySize": 128,
            "LastModified": "2026-11-24T10:53:53.000+0000", "CodeSha256": "sha-1", "Version": "$LATEST",
            "TracingConfig": {"Mode": "PassThrough"}, "State": "Active", "LastUpdateStatus": "Successful",
            "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512},
            "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
        })
    );
}

#[test]
fn a_name_in_every_form_finds_it() {
    let mut world = World::new();
    world.create("f");
    for (name, qualifier, arn) in [
        ("f", None, "arn:aws:lambda:us-east-1:123456789012:function:f"),
        ("123456789012:function:f", None, "arn:aws:lambda:us-east-1:123456789012:function:f"),
        ("f:$LATEST", None, "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"),
        ("f", Some("$LATEST"), "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST"),
    ] {
        let name = FunctionRef { name: name.into(), qualifier: qualifier.map(Into::into) };
        assert_eq!(configuration(world.call(Command::GetFunctionConfiguration { name }).unwrap()).function_arn, arn);
    }
    for (name, text) in [
        ("g", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:g"),
        ("f:7", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:7"),
        ("f:live", "Function not found: arn:aws:lambda:us-east-1:123456789012:function:f:live"),
    ] {
        let refusal = world.refusal(Command::GetFunction { name: named(name) });
        assert_eq!(refusal, (LambdaErrorKind::ResourceNotFound, text.into()));
    }
}

/// What is refused, with a part of the message.
#[test]
#[expect(clippy::too_many_lines, reason = "a table: an arm for each")]
fn what_cannot_be_created() {
    use LambdaErrorKind::{InvalidParameterValue, ResourceConflict, Validation};
    let mut world = World::new();
    world.create("f");
    let base = || function("g");
    let table: Vec<(CreateFunction, LambdaErrorKind, &str)> = vec![
        (function("f"), ResourceConflict, "Function already exist: f"),
        (
            function(&"a".repeat(65)),
            Validation,
            "at 'functionName' failed to satisfy constraint: Member must have length less",
        ),
        (
            CreateFunction { runtime: Some("python1".into()), ..base() },
            InvalidParameterValue,
            "Value python1 at 'runtime'",
        ),
        (CreateFunction { handler: None, ..base() }, InvalidParameterValue, "Runtime and Handler are mandatory"),
        (CreateFunction { runtime: None, ..base() }, InvalidParameterValue, "Runtime and Handler are mandatory"),
        (CreateFunction { timeout: Some(901), ..base() }, Validation, "less than or equal to 900"),
        (CreateFunction { memory_size: Some(10_241), ..base() }, Validation, "less than or equal to 10240"),
        (CreateFunction { environment: Some(variables("AWS_REGION")), ..base() }, InvalidParameterValue, "AWS_REGION"),
        (
            CreateFunction { package_type: super::super::PackageType::Image, ..base() },
            InvalidParameterValue,
            "Please don't provide Handler or Runtime or Layer",
        ),
        (
            CreateFunction { package_type: super::super::PackageType::Image, runtime: None, handler: None, ..base() },
            InvalidParameterValue,
            "Please provide ImageUri",
        ),
        (
            CreateFunction {
                image_config: Some(ImageConfig { command: vec!["a".into()], ..ImageConfig::default() }),
                ..base()
            },
            InvalidParameterValue,
            "Please don't provide ImageConfig",
        ),
        (
            CreateFunction { layers: vec!["arn".into()], ..base() },
            InvalidParameterValue,
            "Layer version arn does not exist.",
        ),
        (
            CreateFunction { vpc_config: Some(json!({"SubnetIds": ["s"]})), ..base() },
            InvalidParameterValue,
            "VpcConfig is not supported",
        ),
        (
            CreateFunction { tracing_config: Some(TracingConfig { mode: Some("Active".into()) }), ..base() },
            InvalidParameterValue,
            "TracingConfig.Mode Active",
        ),
        (
            CreateFunction {
                logging_config: Some(LoggingConfig {
                    system_log_level: Some(super::super::LogLevel::Info),
                    ..LoggingConfig::default()
                }),
                ..base()
            },
            InvalidParameterValue,
            "Log levels can only be set when LogFormat is JSON.",
        ),
    ];
    for (request, kind, part) in table {
        let (found, message) = world.refusal(create(request));
        assert!(found == kind && message.contains(part), "{part}: {found:?} {message}");
    }
    assert!(world.call(Command::GetFunction { name: named("g") }).is_err(), "nothing of it is left");
}

#[test]
fn what_asks_for_nothing_is_accepted() {
    let mut world = World::new();
    let request = CreateFunction {
        vpc_config: Some(json!({"SubnetIds": [], "SecurityGroupIds": []})),
        snap_start: Some(json!({"ApplyOn": "None"})),
        tracing_config: Some(TracingConfig { mode: Some("PassThrough".into()) }),
        kms_key_arn: Some(String::new()),
        package_type: super::super::PackageType::Zip,
        ..function("f")
    };
    world.call(create(request)).unwrap();
}

#[test]
fn pages_of_functions_in_the_order_of_names() {
    let mut world = World::new();
    for number in (0..120).rev() {
        world.create(&format!("f{number:03}"));
    }
    let (mut marker, mut pages, mut names) = (None, Vec::new(), Vec::new());
    loop {
        let page = world
            .call(Command::ListFunctions(ListFunctions { marker, max_items: Some(10_000), ..ListFunctions::default() }))
            .unwrap();
        let Response::ListFunctions { functions, next_marker } = page else { panic!() };
        pages.push(functions.len());
        names.extend(functions.into_iter().map(|function| function.function_name));
        marker = next_marker;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(pages, [50, 50, 20]);
    assert!(names.is_sorted() && names.len() == 120);
}

#[test]
fn an_update_changes_the_revision_and_keeps_the_rest() {
    let mut world = World::new();
    let first = world.create("f");
    world.wait(1_000);
    let update = UpdateFunctionConfiguration {
        timeout: Some(30),
        environment: Some(variables("LEVEL")),
        ..UpdateFunctionConfiguration::default()
    };
    let command = |update| Command::UpdateFunctionConfiguration { name: named("f"), update };
    let second = configuration(world.call(command(update)).unwrap());
    assert_eq!((second.timeout, second.memory_size), (30, 128));
    assert_eq!(second.last_modified, "2026-11-24T10:53:54.000+0000");
    assert_ne!(second.revision_id, first.revision_id);

    let stale = UpdateFunctionConfiguration {
        revision_id: Some(first.revision_id.clone()),
        ..UpdateFunctionConfiguration::default()
    };
    assert_eq!(world.refusal(command(stale)).0, LambdaErrorKind::PreconditionFailed);

    let code_command = |update| Command::UpdateFunctionCode { name: named("f"), update, code: code(2) };
    let dry = UpdateFunctionCode { dry_run: true, ..UpdateFunctionCode::default() };
    assert_eq!(configuration(world.call(code_command(dry)).unwrap()).code_sha256, "sha-2");
    let stale = UpdateFunctionCode { revision_id: Some(first.revision_id), ..UpdateFunctionCode::default() };
    assert_eq!(world.refusal(code_command(stale)).0, LambdaErrorKind::PreconditionFailed);
    let current = world.call(Command::GetFunctionConfiguration { name: named("f") }).unwrap();
    assert_eq!(configuration(current).code_sha256, "sha-1", "a dry run changes nothing");
    let third = configuration(world.call(code_command(UpdateFunctionCode::default())).unwrap());
    assert_eq!((third.code_sha256.as_str(), third.timeout), ("sha-2", 30));
}

#[test]
fn reservations_leave_a_hundred() {
    let mut world = World::new();
    world.create("f");
    world.create("g");
    world.reserve("f", 900).unwrap();
    let refusal =
        world.refusal(Command::PutFunctionConcurrency { name: named("g"), reserved_concurrent_executions: 1 });
    assert_eq!(
        refusal,
        (
            LambdaErrorKind::InvalidParameterValue,
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
             minimum value of [100]."
                .into()
        )
    );
    world.reserve("g", 0).unwrap();
    world.reserve("f", 400).unwrap();
    let Response::AccountSettings(settings) = world.call(Command::GetAccountSettings).unwrap() else { panic!() };
    assert_eq!((settings.concurrent_executions, settings.unreserved_concurrent_executions), (1_000, 600));
    assert_eq!((settings.function_count, settings.total_code_size_bytes), (2, 200));
    world.call(Command::DeleteFunctionConcurrency { name: named("f") }).unwrap();
    let concurrency = world.call(Command::GetFunctionConcurrency { name: named("f") }).unwrap();
    assert_eq!(concurrency, Response::FunctionConcurrency { reserved_concurrent_executions: None });
    let of_a_version = world.refusal(Command::GetFunctionConcurrency { name: named("f:$LATEST") });
    assert!(of_a_version.1.starts_with("This operation is permitted on Lambda functions only."));
    world.call(Command::DeleteFunction { name: named("g") }).unwrap();
    let Response::AccountSettings(settings) = world.call(Command::GetAccountSettings).unwrap() else { panic!() };
    assert_eq!((settings.function_count, settings.unreserved_concurrent_executions), (1, 1_000));
}

#[test]
fn tags_come_and_go() {
    let mut world = World::new();
    let created = world.create("f");
    let arn = created.function_arn;
    let tags = [("team".to_owned(), "a".to_owned()), ("env".to_owned(), "dev".to_owned())].into();
    world.call(Command::TagResource { arn: arn.clone(), tags }).unwrap();
    world.call(Command::UntagResource { arn: arn.clone(), tag_keys: vec!["env".into(), "absent".into()] }).unwrap();
    let tags = world.call(Command::ListTags { arn: arn.clone() }).unwrap();
    assert_eq!(tags, Response::Tags([("team".to_owned(), "a".to_owned())].into()));
    let qualified = world.refusal(Command::ListTags { arn: format!("{arn}:$LATEST") });
    assert!(qualified.1.starts_with("Tags on function aliases and versions are not supported."));
}

#[test]
fn what_was_stored_comes_back() {
    let mut world = World::new();
    world.call(create(CreateFunction { environment: Some(variables("LEVEL")), ..function("f") })).unwrap();
    world.create("gone");
    world.reserve("f", 7).unwrap();
    world.call(Command::DeleteFunction { name: named("gone") }).unwrap();
    let before = world.call(Command::GetFunction { name: named("f") }).unwrap();
    let mut world = world.restarted();
    assert_eq!(world.call(Command::GetFunction { name: named("f") }).unwrap(), before);
    assert!(world.call(Command::GetFunction { name: named("gone") }).is_err());
    let Response::AccountSettings(settings) = world.call(Command::GetAccountSettings).unwrap() else { panic!() };
    assert_eq!(settings.unreserved_concurrent_executions, 993);
}

fn variables(key: &str) -> Environment {
    Environment { variables: [(key.to_owned(), "x".to_owned())].into() }
}
