//! IAM and STS in virtual time.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{Command, Identity, IdentityError, IdentityErrorKind, Response};
use crate::{
    engine::{Cx, Effect, EngineConfig, Record, RecordEntry, RecordKey},
    model::{AccountId, IdSource, Region, Scope, Timestamp, account_of_access_key_id},
};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*"}}"#;
const BASIC: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const OWN: &str = "arn:aws:iam::123456789012:policy/p";

struct Bench {
    identity: Identity,
    scope: Arc<Scope>,
    config: EngineConfig,
    ids: IdSource,
    now: Timestamp,
    store: BTreeMap<RecordKey, Record>,
}

impl Bench {
    fn new() -> Self {
        Self {
            identity: Identity::default(),
            scope: Arc::new(Scope { account: AccountId::parse("123456789012").unwrap(), region: Region::default() }),
            config: EngineConfig::default(),
            ids: IdSource::new(1),
            now: Timestamp::from_millis(1_795_517_633_000),
            store: BTreeMap::new(),
        }
    }

    fn restarted(self) -> Self {
        let mut identity = Identity::default();
        for record in self.store.values() {
            let RecordEntry::Identity(record) = record.entry.clone() else { panic!("{record:?}") };
            identity.restore(*record);
        }
        Self { identity, ..self }
    }

    fn try_call(&mut self, operation: &str, input: Value) -> Result<Response, IdentityError> {
        let mut effects = Vec::new();
        let (scope, command) = (Arc::clone(&self.scope), Command::read(operation, input).unwrap().unwrap());
        let mut cx =
            Cx { now: self.now, scope: &scope, config: &self.config, ids: &mut self.ids, effects: &mut effects };
        let reply = self.identity.request(&mut cx, command);
        for effect in effects {
            match effect {
                Effect::Record(record) if record.is_removal() => drop(self.store.remove(&record.key())),
                Effect::Record(record) => drop(self.store.insert(record.key(), record)),
                other => panic!("{other:?}"),
            }
        }
        reply
    }

    /// The output as JSON.
    fn call(&mut self, operation: &str, input: Value) -> Value {
        serde_json::to_value(self.try_call(operation, input).unwrap()).unwrap()
    }

    #[track_caller]
    fn refused(&mut self, operation: &str, input: Value, kind: IdentityErrorKind, message: &str) {
        let error = self.try_call(operation, input).unwrap_err();
        assert!(error.kind == kind && error.message.contains(message), "{operation}: {error:?}");
    }

    fn role(&mut self, name: &str) -> Value {
        self.call("CreateRole", json!({"RoleName": name, "AssumeRolePolicyDocument": TRUST}))["Role"].take()
    }
}

#[test]
fn a_role_is_made_shown_changed_and_deleted() {
    let mut bench = Bench::new();
    let created = bench.call(
        "CreateRole",
        json!({"RoleName": "r", "Path": "/team/", "AssumeRolePolicyDocument": TRUST, "Tags": [{"Key": "k", "Value": "v"}], "PermissionsBoundary": BASIC}),
    );
    let role = &created["Role"];
    assert_eq!(role["Arn"], "arn:aws:iam::123456789012:role/team/r");
    assert_eq!(role["CreateDate"], "2026-11-24T10:53:53Z");
    assert!(role["AssumeRolePolicyDocument"].as_str().unwrap().starts_with("%7B%22Version%22%3A%222012-10-17%22"));
    assert!(role["RoleId"].as_str().unwrap().starts_with("AROA") && role["RoleId"].as_str().unwrap().len() == 21);
    assert_eq!(
        role["PermissionsBoundary"],
        json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": BASIC})
    );
    assert_eq!(bench.call("GetRole", json!({"RoleName": "r"})), created);
    bench.call("UpdateRole", json!({"RoleName": "r", "Description": "d", "MaxSessionDuration": 7200}));
    bench.call("TagRole", json!({"RoleName": "r", "Tags": [{"Key": "k", "Value": "w"}, {"Key": "l", "Value": ""}]}));
    bench.call("UntagRole", json!({"RoleName": "r", "TagKeys": ["l"]}));
    bench.call("DeleteRolePermissionsBoundary", json!({"RoleName": "r"}));
    let mut bench = bench.restarted();
    let role = bench.call("GetRole", json!({"RoleName": "r"}))["Role"].take();
    assert_eq!(
        (&role["Description"], &role["MaxSessionDuration"], &role["Tags"], &role["PermissionsBoundary"]),
        (&json!("d"), &json!(7200), &json!([{"Key": "k", "Value": "w"}]), &Value::Null)
    );
    bench.refused(
        "CreateRole",
        json!({"RoleName": "R", "AssumeRolePolicyDocument": TRUST}),
        IdentityErrorKind::EntityAlreadyExists,
        "Role with name R already exists.",
    );
    bench.call("DeleteRole", json!({"RoleName": "r"}));
    let mut bench = bench.restarted();
    bench.refused(
        "GetRole",
        json!({"RoleName": "r"}),
        IdentityErrorKind::NoSuchEntity,
        "The role with name r cannot be found.",
    );
}

#[test]
fn policies_are_attached_detached_and_hold_what_they_belong_to() {
    use IdentityErrorKind::{DeleteConflict, InvalidInput, NoSuchEntity};
    let mut bench = Bench::new();
    bench.role("r");
    bench.call("CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": ALLOW}));
    for arn in [BASIC, OWN, OWN] {
        bench.call("AttachRolePolicy", json!({"RoleName": "r", "PolicyArn": arn}));
    }
    bench.call("PutRolePolicy", json!({"RoleName": "r", "PolicyName": "inline", "PolicyDocument": ALLOW}));
    let mut bench = bench.restarted();
    let attached = bench.call("ListAttachedRolePolicies", json!({"RoleName": "r"}));
    assert_eq!(
        attached["AttachedPolicies"],
        json!([{"PolicyName": "p", "PolicyArn": OWN}, {"PolicyName": "AWSLambdaBasicExecutionRole", "PolicyArn": BASIC}])
    );
    assert_eq!(bench.call("ListRolePolicies", json!({"RoleName": "r"}))["PolicyNames"], json!(["inline"]));
    assert_eq!(bench.call("GetPolicy", json!({"PolicyArn": OWN}))["Policy"]["AttachmentCount"], 1);
    let entities = bench.call("ListEntitiesForPolicy", json!({"PolicyArn": OWN}));
    assert_eq!(entities["PolicyRoles"][0]["RoleName"], "r");
    bench.refused("DeletePolicy", json!({"PolicyArn": OWN}), DeleteConflict, "attached to entities");
    bench.refused("DeleteRole", json!({"RoleName": "r"}), DeleteConflict, "must detach all policies first");
    for arn in [BASIC, OWN] {
        bench.call("DetachRolePolicy", json!({"RoleName": "r", "PolicyArn": arn}));
    }
    bench.refused("DetachRolePolicy", json!({"RoleName": "r", "PolicyArn": OWN}), NoSuchEntity, "was not found");
    bench.refused("DeleteRole", json!({"RoleName": "r"}), DeleteConflict, "must delete policies first");
    bench.call("DeleteRolePolicy", json!({"RoleName": "r", "PolicyName": "inline"}));
    let gone = json!({"RoleName": "r", "PolicyName": "inline"});
    bench.refused("GetRolePolicy", gone, NoSuchEntity, "The role policy with name inline cannot be found.");
    let missing = json!({"RoleName": "r", "PolicyArn": "arn:aws:iam::123456789012:policy/other"});
    bench.refused("AttachRolePolicy", missing, NoSuchEntity, "does not exist or is not attachable.");
    bench.refused("AttachRolePolicy", json!({"RoleName": "r", "PolicyArn": "other"}), InvalidInput, "is not valid");
    bench.call("DeletePolicy", json!({"PolicyArn": OWN}));
    bench.call("DeleteRole", json!({"RoleName": "r"}));
    assert!(bench.store.is_empty(), "{:?}", bench.store);
}

#[test]
fn a_policy_has_up_to_five_versions() {
    use IdentityErrorKind::{DeleteConflict, EntityAlreadyExists, LimitExceeded, NoSuchEntity};
    let mut bench = Bench::new();
    bench.call("CreatePolicy", json!({"PolicyName": "p", "PolicyDocument": ALLOW}));
    let again = json!({"PolicyName": "P", "PolicyDocument": ALLOW});
    bench.refused("CreatePolicy", again, EntityAlreadyExists, "A policy called P already exists.");
    for _ in 0..4 {
        bench.call("CreatePolicyVersion", json!({"PolicyArn": OWN, "PolicyDocument": ALLOW, "SetAsDefault": true}));
    }
    let more = json!({"PolicyArn": OWN, "PolicyDocument": ALLOW});
    bench.refused("CreatePolicyVersion", more.clone(), LimitExceeded, "up to 5 versions");
    bench.refused("DeletePolicy", json!({"PolicyArn": OWN}), DeleteConflict, "more than one version");
    let of = |version: &str| json!({"PolicyArn": OWN, "VersionId": version});
    bench.refused("DeletePolicyVersion", of("v5"), DeleteConflict, "Cannot delete the default version of a policy.");
    bench.call("DeletePolicyVersion", of("v1"));
    bench.refused("GetPolicyVersion", of("v1"), NoSuchEntity, "version v1 does not exist");
    bench.call("SetDefaultPolicyVersion", of("v2"));
    assert_eq!(bench.call("CreatePolicyVersion", more)["PolicyVersion"]["VersionId"], "v6");
    let versions = bench.call("ListPolicyVersions", json!({"PolicyArn": OWN}))["Versions"].take();
    let shown: Vec<_> = versions
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["VersionId"].as_str().unwrap(), one["IsDefaultVersion"] == true))
        .collect();
    assert_eq!(shown, [("v6", false), ("v5", false), ("v4", false), ("v3", false), ("v2", true)]);
}

#[test]
fn documents_that_are_refused() {
    let mut bench = Bench::new();
    let mut check = |operation: &str, document: &str, kind: IdentityErrorKind, message: &str| {
        let input = match operation {
            "CreateRole" => json!({"RoleName": "r", "AssumeRolePolicyDocument": document}),
            _ => json!({"PolicyName": "p", "PolicyDocument": document}),
        };
        bench.refused(operation, input, kind, message);
    };
    use IdentityErrorKind::{LimitExceeded, MalformedPolicyDocument};
    check("CreateRole", "{", MalformedPolicyDocument, "This policy contains invalid Json");
    check("CreateRole", ALLOW, MalformedPolicyDocument, "Has prohibited field Resource");
    check("CreatePolicy", "[]", MalformedPolicyDocument, "Syntax errors in policy.");
    check("CreatePolicy", r#"{"Statement":[]}"#, MalformedPolicyDocument, "Syntax errors in policy.");
    check("CreatePolicy", TRUST, MalformedPolicyDocument, "should not specify a principal");
    check("CreatePolicy", &ALLOW.replace("2012", "2013"), MalformedPolicyDocument, "must be version 2012-10-17");
    check("CreatePolicy", &ALLOW.replace("Resource", "Resort"), MalformedPolicyDocument, "must contain resources");
    check(
        "CreatePolicy",
        &ALLOW.replace("sqs:*", &"x".repeat(6144)),
        LimitExceeded,
        "Cannot exceed quota for PolicySize: 6144",
    );
    check("CreateRole", &TRUST.replace("lambda", &"x".repeat(2048)), LimitExceeded, "ACLSizePerRole: 2048");
}

#[test]
fn pages_go_on_where_the_last_one_ended() {
    let mut bench = Bench::new();
    for number in 0..5 {
        bench.role(&format!("r{number}"));
    }
    let (mut marker, mut found) = (Value::Null, Vec::new());
    loop {
        let page = bench.call("ListRoles", json!({"MaxItems": 2, "Marker": marker}));
        found.push(page["Roles"].as_array().unwrap().len());
        marker = page["Marker"].clone();
        assert_eq!(page["IsTruncated"], !marker.is_null());
        if marker.is_null() {
            break;
        }
    }
    assert_eq!(found, [2, 2, 1]);
}

#[test]
fn credentials_of_a_role_say_whose_they_are() {
    let mut bench = Bench::new();
    let role_id = bench.role("r")["RoleId"].take();
    let assume = |name: &str, seconds: Value| json!({"RoleArn": format!("arn:aws:iam::123456789012:role/{name}"), "RoleSessionName": "me", "DurationSeconds": seconds});
    let assumed = bench.call("AssumeRole", assume("r", Value::Null));
    let key = assumed["Credentials"]["AccessKeyId"].as_str().unwrap().to_owned();
    assert_eq!(account_of_access_key_id(&key), AccountId::parse("123456789012"));
    assert_eq!(assumed["Credentials"]["Expiration"], "2026-11-24T11:53:53Z");
    let mut bench = bench.restarted();
    assert_eq!(
        bench.call("GetCallerIdentity", json!({"AccessKeyId": key})),
        json!({
            "UserId": format!("{}:me", role_id.as_str().unwrap()), "Account": "123456789012",
            "Arn": "arn:aws:sts::123456789012:assumed-role/r/me"
        })
    );
    bench.refused(
        "AssumeRole",
        assume("r", json!(7200)),
        IdentityErrorKind::Validation,
        "exceeds the MaxSessionDuration",
    );
    bench.call("AssumeRole", assume("unknown", json!(7200)));
    bench.refused(
        "AssumeRole",
        json!({"RoleArn": "arn:aws:iam::123456789012:user/u"}),
        IdentityErrorKind::Validation,
        "is invalid",
    );
    bench.now = bench.now.plus_secs(3600);
    bench.refused("GetCallerIdentity", json!({"AccessKeyId": key}), IdentityErrorKind::ExpiredToken, "is expired");
    let root = json!({"UserId": "123456789012", "Account": "123456789012", "Arn": "arn:aws:iam::123456789012:root"});
    assert_eq!(bench.call("GetCallerIdentity", json!({"AccessKeyId": "test"})), root);
    let token = bench.call("GetSessionToken", json!({}));
    assert_eq!(bench.call("GetCallerIdentity", token["Credentials"].clone()), root);
    assert_eq!(bench.call("GetAccessKeyInfo", json!({"AccessKeyId": key})), json!({"Account": "123456789012"}));
    assert_eq!(bench.call("GetUser", json!({}))["User"]["Arn"], "arn:aws:iam::123456789012:root");
    bench.refused(
        "GetUser",
        json!({"UserName": "u"}),
        IdentityErrorKind::NoSuchEntity,
        "The user with name u cannot be found.",
    );
}
