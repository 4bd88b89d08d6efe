//! What is attached to functions: policies, code signing and the like; and packages.

use super::*;

#[test]
fn what_is_attached_is_read_and_shown() {
    const CONFIG: &str = "arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-0123456789abcdef0";
    check(
        &format!("POST {F}/policy?Qualifier=live"),
        r#"{"StatementId":"s","Action":"lambda:InvokeFunction","Principal":"*","PrincipalOrgID":"o-0123456789"}"#,
        r#"Lambda(AddPermission { name: FunctionRef { name: "f", qualifier: Some("live") }, permission: AddPermission { statement_id: "s", action: "lambda:InvokeFunction", principal: "*", principal_org_id: Some("o-0123456789") } })"#,
    );
    check(
        &format!("DELETE {F}/policy/s?RevisionId=r"),
        "",
        r#"Lambda(RemovePermission { name: FunctionRef { name: "f" }, statement_id: "s", revision_id: Some("r") })"#,
    );
    check(
        "PUT /2020-06-30/functions/f/code-signing-config",
        &format!(r#"{{"CodeSigningConfigArn":"{CONFIG}"}}"#),
        &format!(r#"Lambda(PutFunctionCodeSigningConfig {{ name: FunctionRef {{ name: "f" }}, arn: "{CONFIG}" }})"#),
    );
    check(
        &format!("GET /2020-04-22/code-signing-configs/{}/functions?MaxItems=3", CONFIG.replace(':', "%3A")),
        "",
        &format!(r#"Lambda(ListFunctionsByCodeSigningConfig {{ arn: "{CONFIG}", max_items: Some(3) }})"#),
    );
    check(
        "PUT /2021-07-20/functions/f/runtime-management-config",
        r#"{"UpdateRuntimeOn":"FunctionUpdate"}"#,
        r#"Lambda(PutRuntimeManagementConfig { name: FunctionRef { name: "f" }, config: PutRuntimeManagementConfig { update_runtime_on: "FunctionUpdate" } })"#,
    );
    check(
        "POST /2014-11-13/functions/f/invoke-async/",
        r#"{"a":1}"#,
        r#"Lambda(Invoke(Invoke { function: FunctionRef { name: "f" }, invocation_type: Event, log_tail: false, payload: b"{\"a\":1}", streams: false }))"#,
    );
    answers(
        &format!("GET {F}/policy"),
        Output::Policy { policy: "{}".into(), revision_id: "r".into() },
        r#"200 application/json | {"Policy":"{}","RevisionId":"r"}"#,
    );
    answers(
        "GET /2020-06-30/functions/f/code-signing-config",
        Output::FunctionCodeSigningConfig(None),
        "200 application/json | {}",
    );
}

#[test]
fn a_package_that_is_too_large_is_refused_before_it_is_read() {
    let body = "x".repeat(70_167_212);
    check_refused(
        "PUT /2015-03-31/functions/f/code",
        &body,
        r#"413 application/json x-amzn-errortype=RequestEntityTooLargeException | {"Type":"User","message":"Request must be smaller than 70167211 bytes for the UpdateFunctionCode operation"}"#,
    );
}
