//! Lambda's control plane through its genuine SDK: what is attached to functions, and how inputs are refused.

use aws_sdk_lambda::{
    Client,
    error::ProvideErrorMetadata,
    primitives::Blob,
    types::{
        AllowedPublishers, CodeSigningPolicies, CodeSigningPolicy, FunctionCode, FunctionVersion, Runtime, State,
        UpdateRuntimeOn,
    },
};

use crate::support::{
    trials,
    world::{World, block_on},
};

trials!(
    permissions_are_added_shown_and_removed,
    code_that_must_be_signed_is_refused,
    configurations_are_read_back,
    all_that_is_wrong_is_told_at_once,
    a_package_that_is_too_large_is_refused,
);

const ROLE: &str = "arn:aws:iam::000000000000:role/any";

fn zip() -> Blob {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("bootstrap", zip::write::SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    Blob::new(zip.finish().unwrap().into_inner())
}

async fn create(client: &Client, name: &str) -> State {
    let created = client
        .create_function()
        .function_name(name)
        .runtime(Runtime::Providedal2023)
        .handler("bootstrap")
        .role(ROLE)
        .code(FunctionCode::builder().zip_file(zip()).build())
        .send()
        .await
        .unwrap();
    created.state.unwrap()
}

fn permissions_are_added_shown_and_removed() {
    block_on(async {
        let world = World::new();
        let client = world.lambda();
        assert_eq!(create(&client, "f").await, State::Pending);
        let found = client.get_function_configuration().function_name("f").send().await.unwrap();
        assert_eq!(found.state, Some(State::Active));
        let add = || {
            let add = client.add_permission().function_name("f").statement_id("s").principal("*");
            add.action("lambda:InvokeFunction").send()
        };
        add().await.unwrap();
        assert!(add().await.unwrap_err().into_service_error().is_resource_conflict_exception());
        let policy = client.get_policy().function_name("f").send().await.unwrap();
        assert!(policy.policy().unwrap().contains(r#""Sid":"s""#), "{policy:?}");
        let remove = client.remove_permission().function_name("f").statement_id("s");
        let stale = remove.clone().revision_id("other").send().await.unwrap_err().into_service_error();
        assert!(stale.is_precondition_failed_exception(), "{stale:?}");
        remove.revision_id(policy.revision_id().unwrap()).send().await.unwrap();
        let gone = client.get_policy().function_name("f").send().await.unwrap_err().into_service_error();
        assert!(gone.is_resource_not_found_exception(), "{gone:?}");
    });
}

fn code_that_must_be_signed_is_refused() {
    block_on(async {
        let world = World::new();
        let client = world.lambda();
        create(&client, "f").await;
        let profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v";
        let enforce = CodeSigningPolicies::builder().untrusted_artifact_on_deployment(CodeSigningPolicy::Enforce);
        let config = client
            .create_code_signing_config()
            .allowed_publishers(AllowedPublishers::builder().signing_profile_version_arns(profile).build().unwrap())
            .code_signing_policies(enforce.build())
            .send()
            .await
            .unwrap();
        let arn = config.code_signing_config().unwrap().code_signing_config_arn().to_owned();
        let put = client.put_function_code_signing_config().function_name("f").code_signing_config_arn(&arn);
        put.send().await.unwrap();
        let deploy = client.update_function_code().function_name("f").zip_file(zip());
        let refused = deploy.clone().send().await.unwrap_err().into_service_error();
        assert!(refused.is_code_verification_failed_exception(), "{refused:?}");
        client.delete_function_code_signing_config().function_name("f").send().await.unwrap();
        deploy.send().await.unwrap();
        client.delete_code_signing_config().code_signing_config_arn(&arn).send().await.unwrap();
        let list = client.list_code_signing_configs().send().await.unwrap();
        assert!(list.code_signing_configs().is_empty());
    });
}

fn configurations_are_read_back() {
    block_on(async {
        let world = World::new();
        let client = world.lambda();
        create(&client, "f").await;
        let put = client.put_runtime_management_config().function_name("f");
        put.update_runtime_on(UpdateRuntimeOn::FunctionUpdate).send().await.unwrap();
        let found = client.get_runtime_management_config().function_name("f").send().await.unwrap();
        assert_eq!(found.update_runtime_on, Some(UpdateRuntimeOn::FunctionUpdate));
        client.publish_version().function_name("f").send().await.unwrap();
        let all = client.list_functions().function_version(FunctionVersion::All).send().await.unwrap();
        let versions: Vec<_> = all.functions().iter().map(|function| function.version().unwrap()).collect();
        assert_eq!(versions, ["$LATEST", "1"]);
        let scaling = client.get_function_scaling_config().function_name("f").qualifier("1").send().await.unwrap();
        assert!(scaling.function_arn().unwrap().ends_with(":f:1"));
    });
}

fn all_that_is_wrong_is_told_at_once() {
    block_on(async {
        let world = World::new();
        let client = world.lambda();
        let update = client.update_function_configuration().function_name("a b").timeout(0).memory_size(1);
        let refused = update.send().await.unwrap_err().into_service_error();
        assert_eq!(refused.code(), Some("ValidationException"));
        let message = refused.message().unwrap();
        assert!(message.starts_with("3 validation errors detected: Value 'a b' at 'functionName'"), "{message}");
        assert!(message.contains("; Value '0' at 'timeout' failed to satisfy constraint: Member must have value"));
        assert!(message.ends_with("Value '1' at 'memorySize' failed to satisfy constraint: Member must have value greater than or equal to 128"), "{message}");
    });
}

fn a_package_that_is_too_large_is_refused() {
    block_on(async {
        let world = World::new();
        let client = world.lambda();
        let large = Blob::new(vec![0; 53_000_000]);
        let update = client.update_function_code().function_name("f").zip_file(large);
        let refused = update.send().await.unwrap_err().into_service_error();
        assert_eq!(refused.code(), Some("RequestEntityTooLargeException"));
        let expected = "Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation";
        assert_eq!(refused.message(), Some(expected));
    });
}
