//! Tables of Lambda's REST API: requests and the commands they become, replies and the responses they become.

mod attached;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::is_path;
use crate::{
    engine::{
        Error, Response,
        lambda::{
            AccountSettings, AliasConfiguration, EventSourceMappingConfiguration, FunctionConfiguration, InvokeOutcome,
            LambdaError, LambdaErrorKind, Response as Output, ThrottleReason,
        },
    },
    model::ArtifactDigest,
    wire::testing::{call_of, check_parse, check_response},
};

const F: &str = "/2015-03-31/functions/f";
const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:f";
/// Members that some operation requires; each reads its own.
const REQUIRED: &str = r#"{"Name":"live","FunctionVersion":"1","FunctionName":"f","ProvisionedConcurrentExecutions":1,"ReservedConcurrentExecutions":1,"Role":"arn:aws:iam::000000000000:role/r","Code":{"ZipFile":"UEs="}}"#;

fn check(line: &str, body: &str, expected: &str) {
    check_parse(&format!("{line}\n\n{body}"), &format!("000000000000 us-east-1 {expected}"));
}

fn check_refused(line: &str, body: &str, expected: &str) {
    check_parse(&format!("{line}\n\n{body}"), expected);
}

fn answers(line: &str, output: Output, expected: &str) {
    check_response(
        &call_of(&format!("{line}\nhost: localhost:4566\n\n{REQUIRED}")),
        Ok(Response::Lambda(output)),
        expected,
    );
}

#[test]
fn functions_are_created_with_their_code() {
    check(
        "POST /2015-03-31/functions",
        r#"{"FunctionName":"f","Runtime":"go1.x","Role":"arn:aws:iam::000000000000:role/r","Handler":"main","Code":{"ZipFile":"UEs="},"Architectures":["x86_64"],"Environment":{"Variables":{"AB":"b"}},"Tags":{"k":"v"},"Timeout":3}"#,
        r#"Zip(b"PK") CreateFunction(CreateFunction { function_name: "f", runtime: Some("go1.x"), role: "arn:aws:iam::000000000000:role/r", handler: Some("main"), timeout: Some(3), publish: false, package_type: Zip, environment: Some(Environment { variables: {"AB": "b"} }), tags: {"k": "v"}, architectures: ["x86_64"] })"#,
    );
    check(
        "PUT /2015-03-31/functions/f/code",
        r#"{"S3Bucket":"stackctl-artifacts","S3Key":"ab","Publish":true}"#,
        r#"Stored { bucket: "stackctl-artifacts", key: "ab" } UpdateFunctionCode { name: FunctionRef { name: "f" }, update: UpdateFunctionCode { publish: true, dry_run: false } }"#,
    );
}

#[test]
fn images_are_code() {
    check(
        "POST /2015-03-31/functions",
        r#"{"FunctionName":"f","Role":"arn:aws:iam::000000000000:role/r","PackageType":"Image","Code":{"ImageUri":"r/i:1"},"ImageConfig":{"Command":["a"]}}"#,
        r#"Image { uri: "r/i:1" } CreateFunction(CreateFunction { function_name: "f", role: "arn:aws:iam::000000000000:role/r", publish: false, package_type: Image, image_config: Some(ImageConfig { command: ["a"] }) })"#,
    );
    check(
        "PUT /2015-03-31/functions/f/code",
        r#"{"ImageUri":"r/i@sha256:ab"}"#,
        r#"Image { uri: "r/i@sha256:ab" } UpdateFunctionCode { name: FunctionRef { name: "f" }, update: UpdateFunctionCode { publish: false, dry_run: false } }"#,
    );
}

#[test]
fn code_that_cannot_be_had_is_refused() {
    let check_code = |code: &str, expected: &str| {
        check_refused("PUT /2015-03-31/functions/f/code", code, expected);
    };
    check_code(
        r#"{"ImageUri":"i","S3Bucket":"bucket"}"#,
        r#"400 application/json x-amzn-errortype=InvalidParameterValueException | {"Type":"User","message":"Please do not provide other FunctionCode parameters when providing an ImageUri."}"#,
    );
    check_code(
        r#"{"ImageUri":"-v /:/host"}"#,
        r#"400 application/json x-amzn-errortype=InvalidParameterValueException | {"Type":"User","message":"Source image -v /:/host is not valid. Provide a valid source image."}"#,
    );
    check_refused(
        "POST /2015-03-31/functions",
        r#"{"FunctionName":"f","Role":"arn:aws:iam::000000000000:role/r","Code":{"ImageUri":"i"},"Runtime":"go1.x","Handler":"h"}"#,
        r#"400 application/json x-amzn-errortype=InvalidParameterValueException | {"Type":"User","message":"Please provide a source for function code."}"#,
    );
    check_refused(
        "POST /2015-03-31/functions",
        r#"{"FunctionName":"f","Role":"arn:aws:iam::000000000000:role/r","Code":{"ImageUri":"i"}}"#,
        r#"400 application/json x-amzn-errortype=InvalidParameterValueException | {"Type":"User","message":"Runtime and Handler are mandatory parameters for functions created with deployment packages."}"#,
    );
    check_code(
        "{}",
        r#"400 application/json x-amzn-errortype=InvalidParameterValueException | {"Type":"User","message":"Please provide a source for function code."}"#,
    );
    check_code(
        r#"{"S3Bucket":"bucket"}"#,
        r#"400 application/json x-amzn-errortype=InvalidParameterValueException | {"Type":"User","message":"`S3Bucket` and `S3Key` come together; give both"}"#,
    );
    check_code(
        r#"{"ZipFile":"%"}"#,
        r#"400 application/json x-amzn-errortype=SerializationException | {"Type":"User","message":"`ZipFile` is not Base64: Invalid symbol 37, offset 0."}"#,
    );
    check_refused(
        "POST /2015-03-31/functions",
        r#"{"FunctionName":"f"}"#,
        r#"400 application/json x-amzn-errortype=ValidationException | {"Type":"User","message":"2 validation errors detected: Value null at 'role' failed to satisfy constraint: Member must not be null; Value null at 'code' failed to satisfy constraint: Member must not be null"}"#,
    );
    check_refused(
        "POST /2015-03-31/functions",
        r#"{"FunctionName":7,"Code":{"ZipFile":""},"Role":"arn:aws:iam::000000000000:role/r"}"#,
        r#"400 application/json x-amzn-errortype=SerializationException | {"Type":"User","message":"the body cannot be read: invalid type: integer `7`, expected a string at line 1 column 17"}"#,
    );
}

#[test]
fn functions_are_named_by_path_and_qualifier() {
    check(
        &format!("GET {F}?Qualifier=live"),
        "",
        r#"Lambda(GetFunction { name: FunctionRef { name: "f", qualifier: Some("live") } })"#,
    );
    check(
        &format!("GET {F}/configuration"),
        "",
        r#"Lambda(GetFunctionConfiguration { name: FunctionRef { name: "f" } })"#,
    );
    check(&format!("DELETE {F}"), "", r#"Lambda(DeleteFunction { name: FunctionRef { name: "f" } })"#);
    check(
        &format!("PUT {F}/configuration"),
        r#"{"MemorySize":256,"Layers":null}"#,
        r#"Lambda(UpdateFunctionConfiguration { name: FunctionRef { name: "f" }, update: UpdateFunctionConfiguration { memory_size: Some(256) } })"#,
    );
    check(
        "GET /2015-03-31/functions/?Marker=m&MaxItems=50",
        "",
        r#"Lambda(ListFunctions(ListFunctions { marker: Some("m"), max_items: Some(50) }))"#,
    );
    check(
        "PUT /2017-10-31/functions/f/concurrency",
        r#"{"ReservedConcurrentExecutions":10}"#,
        r#"Lambda(PutFunctionConcurrency { name: FunctionRef { name: "f" }, reserved_concurrent_executions: 10 })"#,
    );
    check(
        "GET /2019-09-30/functions/f/concurrency",
        "",
        r#"Lambda(GetFunctionConcurrency { name: FunctionRef { name: "f" } })"#,
    );
    check(
        "DELETE /2017-10-31/functions/f/concurrency",
        "",
        r#"Lambda(DeleteFunctionConcurrency { name: FunctionRef { name: "f" } })"#,
    );
    check("GET /2016-08-19/account-settings/", "", "Lambda(GetAccountSettings)");
}

#[test]
fn versions_and_aliases_are_read() {
    check(
        &format!("POST {F}/versions"),
        r#"{"CodeSha256":"s","Description":"d"}"#,
        r#"Lambda(PublishVersion { name: FunctionRef { name: "f" }, publish: PublishVersion { code_sha256: Some("s"), description: Some("d") } })"#,
    );
    check(
        &format!("GET {F}/versions?MaxItems=2&Marker=1"),
        "",
        r#"Lambda(ListVersionsByFunction { name: FunctionRef { name: "f" }, marker: Some("1"), max_items: Some(2) })"#,
    );
    check(
        &format!("POST {F}/aliases"),
        r#"{"Name":"live","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.1}}}"#,
        r#"Lambda(CreateAlias { name: FunctionRef { name: "f" }, create: CreateAlias { name: "live", function_version: "1", routing_config: Some(AliasRoutingConfiguration { additional_version_weights: {"2": 0.1} }) } })"#,
    );
    check(
        &format!("PUT {F}/aliases/li%2Dve"),
        r#"{"FunctionVersion":"2"}"#,
        r#"Lambda(UpdateAlias { name: FunctionRef { name: "f" }, alias: "li-ve", update: UpdateAlias { function_version: Some("2") } })"#,
    );
    check(
        &format!("GET {F}/aliases?FunctionVersion=2"),
        "",
        r#"Lambda(ListAliases { name: FunctionRef { name: "f" }, function_version: Some("2") })"#,
    );
    let alias = || Output::Alias(Box::new(AliasConfiguration { name: "live".into(), ..AliasConfiguration::default() }));
    let json = r#"{"AliasArn":"","Name":"live","FunctionVersion":"","Description":"","RevisionId":""}"#;
    answers(&format!("POST {F}/aliases"), alias(), &format!("201 application/json | {json}"));
    answers(&format!("GET {F}/aliases/live"), alias(), &format!("200 application/json | {json}"));
    answers(&format!("DELETE {F}/aliases/live"), Output::Done, "204 application/json | ");
}

#[test]
fn provisioned_concurrency_is_read() {
    const PATH: &str = "/2019-09-30/functions/f/provisioned-concurrency";
    check(
        &format!("PUT {PATH}?Qualifier=live"),
        r#"{"ProvisionedConcurrentExecutions":2}"#,
        r#"Lambda(PutProvisionedConcurrencyConfig { name: FunctionRef { name: "f", qualifier: Some("live") }, provisioned_concurrent_executions: 2 })"#,
    );
    check(
        &format!("GET {PATH}?Qualifier=live"),
        "",
        r#"Lambda(GetProvisionedConcurrencyConfig { name: FunctionRef { name: "f", qualifier: Some("live") } })"#,
    );
    check(
        &format!("GET {PATH}?List=ALL&MaxItems=2"),
        "",
        r#"Lambda(ListProvisionedConcurrencyConfigs { name: FunctionRef { name: "f" }, max_items: Some(2) })"#,
    );
    let config = || Output::ProvisionedConcurrency(Box::default());
    let json = r#"{"RequestedProvisionedConcurrentExecutions":0,"AvailableProvisionedConcurrentExecutions":0,"AllocatedProvisionedConcurrentExecutions":0,"Status":"","LastModified":""}"#;
    answers(&format!("PUT {PATH}?Qualifier=live"), config(), &format!("202 application/json | {json}"));
    answers(&format!("DELETE {PATH}?Qualifier=live"), Output::Done, "204 application/json | ");
}

#[test]
fn event_invoke_configurations_are_read() {
    const PATH: &str = "/2019-09-25/functions/f/event-invoke-config";
    check(
        &format!("PUT {PATH}?Qualifier=live"),
        r#"{"MaximumRetryAttempts":1,"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:000000000000:q"}}}"#,
        r#"Lambda(PutFunctionEventInvokeConfig { name: FunctionRef { name: "f", qualifier: Some("live") }, config: PutFunctionEventInvokeConfig { maximum_retry_attempts: Some(1), destination_config: Some(DestinationConfig { on_failure: Some(Destination { destination: Some("arn:aws:sqs:us-east-1:000000000000:q") }) }) } })"#,
    );
    check(
        &format!("GET {PATH}/list?MaxItems=3"),
        "",
        r#"Lambda(ListFunctionEventInvokeConfigs { name: FunctionRef { name: "f" }, max_items: Some(3) })"#,
    );
    answers(&format!("DELETE {PATH}"), Output::Done, "204 application/json | ");
    answers(
        &format!("GET {PATH}"),
        Output::EventInvokeConfig(Box::default()),
        r#"200 application/json | {"LastModified":0.0,"FunctionArn":"","DestinationConfig":{}}"#,
    );
}

#[test]
fn mappings_and_tags_are_read() {
    check(
        "POST /2015-03-31/event-source-mappings/",
        r#"{"EventSourceArn":"arn:aws:sqs:us-east-1:000000000000:q","FunctionName":"f","BatchSize":5,"ScalingConfig":{"MaximumConcurrency":2},"FunctionResponseTypes":["ReportBatchItemFailures"]}"#,
        r#"Lambda(CreateEventSourceMapping(CreateEventSourceMapping { event_source_arn: Some("arn:aws:sqs:us-east-1:000000000000:q"), function_name: "f", batch_size: Some(5), function_response_types: ["ReportBatchItemFailures"], scaling_config: Some(ScalingConfig { maximum_concurrency: Some(2) }) }))"#,
    );
    check(
        "GET /2015-03-31/event-source-mappings/?FunctionName=f&EventSourceArn=arn%3Aaws%3Asqs%3Aus-east-1%3A000000000000%3Aq",
        "",
        r#"Lambda(ListEventSourceMappings { event_source_arn: Some("arn:aws:sqs:us-east-1:000000000000:q"), function_name: Some("f") })"#,
    );
    check("GET /2015-03-31/event-source-mappings/u-1", "", r#"Lambda(GetEventSourceMapping { uuid: "u-1" })"#);
    check(
        "PUT /2015-03-31/event-source-mappings/u-1",
        r#"{"Enabled":false}"#,
        r#"Lambda(UpdateEventSourceMapping { uuid: "u-1", update: UpdateEventSourceMapping { enabled: Some(false) } })"#,
    );
    check("DELETE /2015-03-31/event-source-mappings/u-1", "", r#"Lambda(DeleteEventSourceMapping { uuid: "u-1" })"#);
    check(
        &format!("POST /2017-03-31/tags/{ARN}"),
        r#"{"Tags":{"k":"v"}}"#,
        &format!(r#"Lambda(TagResource {{ arn: "{ARN}", tags: {{"k": "v"}} }})"#),
    );
    check(
        &format!("DELETE /2017-03-31/tags/{}?tagKeys=a&tagKeys=b%20c", ARN.replace(':', "%3A")),
        "",
        &format!(r#"Lambda(UntagResource {{ arn: "{ARN}", tag_keys: ["a", "b c"] }})"#),
    );
    check(&format!("GET /2017-03-31/tags/{ARN}"), "", &format!(r#"Lambda(ListTags {{ arn: "{ARN}" }})"#));
}

#[test]
fn invocations_are_read() {
    check(
        &format!(
            "POST {F}/invocations?Qualifier=2\nx-amz-invocation-type: Event\nx-amz-log-type: Tail\nx-amz-client-context: eyJhIjoxfQ==\nx-amzn-trace-id: Root=1"
        ),
        r#"{"a":1}"#,
        r#"Lambda(Invoke(Invoke { function: FunctionRef { name: "f", qualifier: Some("2") }, invocation_type: Event, log_tail: true, client_context: Some("{\"a\":1}"), payload: b"{\"a\":1}", trace_id: Some("Root=1"), streams: false }))"#,
    );
    check(
        &format!("POST {F}/invocations"),
        "",
        r#"Lambda(Invoke(Invoke { function: FunctionRef { name: "f" }, invocation_type: RequestResponse, log_tail: false, payload: b"{}", streams: false }))"#,
    );
    check_refused(
        &format!("POST {F}/invocations"),
        "{",
        r#"400 application/json x-amzn-errortype=InvalidRequestContentException | {"Type":"User","message":"Could not parse request body into json: EOF while parsing an object at line 1 column 1"}"#,
    );
    check_refused(
        &format!("POST {F}/invocations\nx-amz-invocation-type: Later"),
        "{}",
        r#"400 application/json x-amzn-errortype=ValidationException | {"Type":"User","message":"1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"}"#,
    );
    check_refused(
        &format!("POST {F}/invocations\nx-amz-client-context: {}", "e30=".repeat(896)),
        "{}",
        r#"400 application/json x-amzn-errortype=InvalidRequestContentException | {"Type":"User","message":"Client context must be no more than 3583 bytes when Base64-encoded."}"#,
    );
    check_refused(
        &format!("POST {F}/invocations\nx-amz-client-context: e30"),
        "{}",
        r#"400 application/json x-amzn-errortype=InvalidRequestContentException | {"Type":"User","message":"Client context must be a valid Base64-encoded JSON object."}"#,
    );
}

#[test]
fn what_is_not_served_is_refused_by_name() {
    check_refused(
        "GET /2025-11-30/capacity-providers",
        "",
        r#"400 application/json x-amzn-errortype=UnsupportedOperationException | {"Type":"User","message":"`ListCapacityProviders` of Lambda is not served by this engine: capacity providers are EC2 instances, and functions run as processes of this machine"}"#,
    );
    check_refused(
        "GET /2015-03-31/nothing",
        "",
        r#"400 application/json x-amzn-errortype=UnknownOperationException | {"Type":"User","message":"`GET /2015-03-31/nothing` is no operation of Lambda"}"#,
    );
    check_refused(
        "GET /2015-03-31/functions?MaxItems=0",
        "",
        r#"400 application/json x-amzn-errortype=ValidationException | {"Type":"User","message":"1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"}"#,
    );
}

#[test]
fn statuses_follow_the_operation() {
    let mapping = || {
        Output::EventSourceMapping(Box::new(EventSourceMappingConfiguration {
            uuid: "u-1".into(),
            last_modified: 1_700_000_000.125,
            state: "Creating".into(),
            ..EventSourceMappingConfiguration::default()
        }))
    };
    let json = r#"{"UUID":"u-1","BatchSize":0,"MaximumBatchingWindowInSeconds":0,"EventSourceArn":"","FunctionArn":"","LastModified":1700000000.125,"State":"Creating","StateTransitionReason":"","FunctionResponseTypes":[],"EventSourceMappingArn":""}"#;
    answers("POST /2015-03-31/event-source-mappings", mapping(), &format!("202 application/json | {json}"));
    answers("GET /2015-03-31/event-source-mappings/u-1", mapping(), &format!("200 application/json | {json}"));
    answers(&format!("DELETE {F}"), Output::Done, "204 application/json | ");
    answers("DELETE /2017-10-31/functions/f/concurrency", Output::Done, "204 application/json | ");
    answers(
        "PUT /2017-10-31/functions/f/concurrency",
        Output::FunctionConcurrency { reserved_concurrent_executions: Some(3) },
        r#"200 application/json | {"ReservedConcurrentExecutions":3}"#,
    );
    answers(
        "GET /2019-09-30/functions/f/concurrency",
        Output::FunctionConcurrency { reserved_concurrent_executions: None },
        "200 application/json | {}",
    );
    answers(
        &format!("GET /2017-03-31/tags/{ARN}"),
        Output::Tags(BTreeMap::new()),
        r#"200 application/json | {"Tags":{}}"#,
    );
    answers(
        "GET /2015-03-31/functions",
        Output::ListFunctions { functions: vec![], next_marker: None },
        r#"200 application/json | {"Functions":[]}"#,
    );
    answers(
        "GET /2015-03-31/event-source-mappings",
        Output::ListEventSourceMappings { event_source_mappings: vec![], next_marker: Some("m".into()) },
        r#"200 application/json | {"EventSourceMappings":[],"NextMarker":"m"}"#,
    );
    let settings = AccountSettings {
        concurrent_executions: 1000,
        unreserved_concurrent_executions: 900,
        total_code_size_bytes: 5,
        function_count: 1,
    };
    answers(
        "GET /2016-08-19/account-settings",
        Output::AccountSettings(settings),
        r#"200 application/json | {"AccountLimit":{"TotalCodeSize":80530636800,"CodeSizeUnzipped":262144000,"CodeSizeZipped":52428800,"ConcurrentExecutions":1000,"UnreservedConcurrentExecutions":900},"AccountUsage":{"TotalCodeSize":5,"FunctionCount":1}}"#,
    );
}

#[test]
fn a_function_says_where_its_code_is() {
    let configuration =
        || Box::new(FunctionConfiguration { function_name: "f".into(), ..FunctionConfiguration::default() });
    let json = r#"{"FunctionName":"f","FunctionArn":"","Role":"","CodeSize":0,"Description":"","Timeout":0,"MemorySize":0,"LastModified":"","CodeSha256":"","Version":"","TracingConfig":{"Mode":null},"RevisionId":"","State":"","PackageType":"","Architectures":[],"EphemeralStorage":{"Size":0},"SnapStart":{"ApplyOn":"","OptimizationStatus":""},"LoggingConfig":{"LogFormat":"","LogGroup":""}}"#;
    let create = format!("POST /2015-03-31/functions\nhost: localhost\n\n{REQUIRED}");
    check_response(
        &call_of(&create),
        Ok(Response::Lambda(Output::Function(configuration()))),
        &format!("201 application/json | {json}"),
    );
    let artifact = ArtifactDigest::from_bytes([0xab; 32]);
    answers(
        &format!("GET {F}"),
        Output::GetFunction {
            configuration: configuration(),
            artifact,
            image: None,
            tags: BTreeMap::from([("k".into(), "v".into())]),
            reserved_concurrent_executions: Some(0),
        },
        &format!(
            r#"200 application/json | {{"Configuration":{json},"Code":{{"RepositoryType":"S3","Location":"http://localhost:4566/_stackctl/code/{}"}},"Tags":{{"k":"v"}},"Concurrency":{{"ReservedConcurrentExecutions":0}}}}"#,
            "ab".repeat(32)
        ),
    );
}

#[test]
fn invocations_are_answered() {
    let line = format!("POST {F}/invocations");
    let outcome = InvokeOutcome {
        request_id: "REQUEST-ID".into(),
        payload: Bytes::from_static(b"\"ok\""),
        function_error: None,
        executed_version: "$LATEST".into(),
        log_tail: None,
    };
    answers(&line, Output::Invoked(outcome.clone()), r#"200 application/json x-amz-executed-version=$LATEST | "ok""#);
    answers(
        &line,
        Output::Invoked(InvokeOutcome {
            function_error: Some("Unhandled"),
            log_tail: Some("START\n".into()),
            ..outcome
        }),
        r#"200 application/json x-amz-executed-version=$LATEST x-amz-function-error=Unhandled x-amz-log-result=U1RBUlQK | "ok""#,
    );
    answers(&line, Output::Accepted { request_id: "REQUEST-ID".into() }, "202 application/json | ");
    answers(&line, Output::DryRun, "204 application/json | ");
}

#[test]
fn errors_have_the_statuses_of_the_service_model() {
    let call = call_of(&format!("GET {F}\n\n"));
    let check = |kind: LambdaErrorKind, expected: &str| {
        check_response(&call, Err(Error::Lambda(LambdaError::new(kind, "why"))), expected);
    };
    check(
        LambdaErrorKind::ResourceNotFound,
        r#"404 application/json x-amzn-errortype=ResourceNotFoundException | {"Type":"User","Message":"why"}"#,
    );
    check(
        LambdaErrorKind::ResourceConflict,
        r#"409 application/json x-amzn-errortype=ResourceConflictException | {"Type":"User","message":"why"}"#,
    );
    check(
        LambdaErrorKind::Service,
        r#"500 application/json x-amzn-errortype=ServiceException | {"Type":"Service","Message":"why"}"#,
    );
    check(
        LambdaErrorKind::InvalidRuntime,
        r#"502 application/json x-amzn-errortype=InvalidRuntimeException | {"Type":"Service","Message":"why"}"#,
    );
    check(
        LambdaErrorKind::TooManyRequests(ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded),
        r#"429 application/json x-amzn-errortype=TooManyRequestsException | {"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded","Type":"User","message":"why"}"#,
    );
    check_response(
        &call,
        Err(Error::Storage("full".into())),
        r#"500 application/json x-amzn-errortype=ServiceException | {"Type":"Service","Message":"full"}"#,
    );
}

#[test]
fn only_dated_paths_are_lambdas() {
    for path in ["/2015-03-31/functions", "/2015-03-31/"] {
        assert!(is_path(path), "{path}");
    }
    for path in ["/", "/2015-03-31", "/2015/03/31/functions", "/201500000000/q", "/200000000000/q", "/20é5-03-31/"] {
        assert!(!is_path(path), "{path}");
    }
}
