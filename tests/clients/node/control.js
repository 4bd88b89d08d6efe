// The control plane through the AWS SDK for JavaScript: control.js ZIP, the package of `tests/clients/function`. Each
// operation of IAM, STS, CloudWatch Logs and of what a function has beside its code, in the order of a deployment.
//
// Endpoint, region and credentials come from the environment alone. Prints `ok NAME` for each check and stops at the first
// that fails.

const assert = require("node:assert/strict");
const { readFileSync } = require("node:fs");
const lambda = require("@aws-sdk/client-lambda");
const iam = require("@aws-sdk/client-iam");
const sts = require("@aws-sdk/client-sts");
const logs = require("@aws-sdk/client-cloudwatch-logs");

const zip = readFileSync(process.argv[2]);
const clients = new Map([
  [lambda, new lambda.LambdaClient()],
  [iam, new iam.IAMClient()],
  [sts, new sts.STSClient()],
  [logs, new logs.CloudWatchLogsClient()],
]);

const call = (service, operation, input = {}) =>
  clients.get(service).send(new service[`${operation}Command`](input));

async function refused(name, service, operation, input) {
  const error = await call(service, operation, input).then(
    () => assert.fail(`${operation} was not refused`),
    (error) => error,
  );
  assert.equal(error.name, name);
  return error.message;
}

const statement = (members) => JSON.stringify({ Version: "2012-10-17", Statement: [{ Effect: "Allow", ...members }] });
const TRUST = statement({ Principal: { Service: "lambda.amazonaws.com" }, Action: "sts:AssumeRole" });
const ALLOW = statement({ Action: "sqs:*", Resource: "*" });
const BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const R = { RoleName: "r" };
const F = { FunctionName: "f" };

const checks = {
  async roles() {
    const { Role } = await call(iam, "CreateRole", { ...R, AssumeRolePolicyDocument: TRUST });
    assert.equal(decodeURIComponent(Role.AssumeRolePolicyDocument), TRUST);
    await call(iam, "UpdateRole", { ...R, Description: "d", MaxSessionDuration: 7200 });
    await call(iam, "UpdateRoleDescription", { ...R, Description: "e" });
    await call(iam, "UpdateAssumeRolePolicy", { ...R, PolicyDocument: TRUST });
    await call(iam, "TagRole", { ...R, Tags: [{ Key: "k", Value: "v" }, { Key: "l", Value: "w" }] });
    await call(iam, "UntagRole", { ...R, TagKeys: ["k"] });
    assert.deepEqual((await call(iam, "ListRoleTags", R)).Tags, [{ Key: "l", Value: "w" }]);
    await call(iam, "PutRolePermissionsBoundary", { ...R, PermissionsBoundary: BASIC });
    const found = (await call(iam, "GetRole", R)).Role;
    assert.deepEqual([found.Description, found.MaxSessionDuration], ["e", 7200]);
    assert.equal(found.PermissionsBoundary.PermissionsBoundaryArn, BASIC);
    assert.ok(found.CreateDate instanceof Date);
    await call(iam, "DeleteRolePermissionsBoundary", R);
    assert.equal((await call(iam, "ListRoles")).Roles.length, 1);
    assert.deepEqual((await call(iam, "ListInstanceProfilesForRole", R)).InstanceProfiles ?? [], []);
    await call(iam, "PutRolePolicy", { ...R, PolicyName: "inline", PolicyDocument: ALLOW });
    const inline = await call(iam, "GetRolePolicy", { ...R, PolicyName: "inline" });
    assert.equal(decodeURIComponent(inline.PolicyDocument), ALLOW);
    assert.deepEqual((await call(iam, "ListRolePolicies", R)).PolicyNames, ["inline"]);
    await refused("DeleteConflictException", iam, "DeleteRole", R);
    await call(iam, "DeleteRolePolicy", { ...R, PolicyName: "inline" });
    assert.equal((await call(iam, "GetUser")).User.Arn, "arn:aws:iam::000000000000:root");
  },

  async policies() {
    const { Policy } = await call(iam, "CreatePolicy", { PolicyName: "p", PolicyDocument: ALLOW });
    const P = { PolicyArn: Policy.Arn };
    await call(iam, "CreatePolicyVersion", { ...P, PolicyDocument: ALLOW, SetAsDefault: true });
    const version = await call(iam, "GetPolicyVersion", { ...P, VersionId: "v2" });
    assert.equal(version.PolicyVersion.IsDefaultVersion, true);
    await call(iam, "SetDefaultPolicyVersion", { ...P, VersionId: "v1" });
    await call(iam, "DeletePolicyVersion", { ...P, VersionId: "v2" });
    assert.equal((await call(iam, "ListPolicyVersions", P)).Versions.length, 1);
    await call(iam, "TagPolicy", { ...P, Tags: [{ Key: "k", Value: "v" }] });
    assert.equal((await call(iam, "ListPolicyTags", P)).Tags.length, 1);
    await call(iam, "UntagPolicy", { ...P, TagKeys: ["k"] });
    await call(iam, "AttachRolePolicy", { ...R, ...P });
    assert.equal((await call(iam, "ListAttachedRolePolicies", R)).AttachedPolicies[0].PolicyArn, Policy.Arn);
    assert.equal((await call(iam, "ListEntitiesForPolicy", P)).PolicyRoles[0].RoleName, "r");
    assert.equal((await call(iam, "GetPolicy", P)).Policy.AttachmentCount, 1);
    assert.equal((await call(iam, "ListPolicies", { Scope: "Local" })).Policies.length, 1);
    await call(iam, "DetachRolePolicy", { ...R, ...P });
    await call(iam, "DeletePolicy", P);
    await refused("NoSuchEntityException", iam, "GetPolicy", P);
  },

  async credentials() {
    assert.equal((await call(sts, "GetCallerIdentity")).Account, "000000000000");
    const role = { RoleArn: "arn:aws:iam::210987654321:role/other", RoleSessionName: "me" };
    const assumed = (await call(sts, "AssumeRole", role)).Credentials;
    const credentials = {
      accessKeyId: assumed.AccessKeyId,
      secretAccessKey: assumed.SecretAccessKey,
      sessionToken: assumed.SessionToken,
    };
    const theirs = await new sts.STSClient({ credentials }).send(new sts.GetCallerIdentityCommand({}));
    assert.equal(theirs.Arn, "arn:aws:sts::210987654321:assumed-role/other/me");
    const info = await call(sts, "GetAccessKeyInfo", { AccessKeyId: assumed.AccessKeyId });
    assert.equal(info.Account, "210987654321");
    assert.ok((await call(sts, "GetSessionToken")).Credentials.Expiration > new Date());
  },

  async permissions() {
    const role = (await call(iam, "GetRole", R)).Role.Arn;
    const created = await call(lambda, "CreateFunction", {
      ...F,
      Runtime: "python3.12",
      Handler: "app.handler",
      Role: role,
      Code: { ZipFile: zip },
    });
    assert.equal(created.State, "Pending");
    await lambda.waitUntilFunctionActiveV2({ client: clients.get(lambda), maxWaitTime: 30 }, F);
    const permission = { ...F, StatementId: "s", Action: "lambda:InvokeFunction", Principal: "sqs.amazonaws.com" };
    const { Statement } = await call(lambda, "AddPermission", permission);
    const { Policy, RevisionId } = await call(lambda, "GetPolicy", F);
    assert.deepEqual(JSON.parse(Policy).Statement, [JSON.parse(Statement)]);
    await refused("ResourceConflictException", lambda, "AddPermission", permission);
    await refused("PreconditionFailedException", lambda, "RemovePermission", { ...F, StatementId: "s", RevisionId: "x" });
    await call(lambda, "RemovePermission", { ...F, StatementId: "s", RevisionId });
  },

  async "code-signing"() {
    const profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v";
    const { CodeSigningConfig } = await call(lambda, "CreateCodeSigningConfig", {
      AllowedPublishers: { SigningProfileVersionArns: [profile] },
      CodeSigningPolicies: { UntrustedArtifactOnDeployment: "Enforce" },
    });
    const { CodeSigningConfigArn } = CodeSigningConfig;
    const C = { CodeSigningConfigArn };
    assert.deepEqual((await call(lambda, "GetCodeSigningConfig", C)).CodeSigningConfig, CodeSigningConfig);
    await call(lambda, "PutFunctionCodeSigningConfig", { ...F, ...C });
    assert.equal((await call(lambda, "GetFunctionCodeSigningConfig", F)).CodeSigningConfigArn, CodeSigningConfigArn);
    assert.equal((await call(lambda, "ListFunctionsByCodeSigningConfig", C)).FunctionArns.length, 1);
    await refused("CodeVerificationFailedException", lambda, "UpdateFunctionCode", { ...F, ZipFile: zip });
    await call(lambda, "UpdateCodeSigningConfig", { ...C, Description: "d" });
    assert.equal((await call(lambda, "ListCodeSigningConfigs")).CodeSigningConfigs[0].Description, "d");
    await call(lambda, "TagResource", { Resource: CodeSigningConfigArn, Tags: { k: "v" } });
    assert.deepEqual((await call(lambda, "ListTags", { Resource: CodeSigningConfigArn })).Tags, { k: "v" });
    await call(lambda, "UntagResource", { Resource: CodeSigningConfigArn, TagKeys: ["k"] });
    await call(lambda, "DeleteFunctionCodeSigningConfig", F);
    await call(lambda, "DeleteCodeSigningConfig", C);
  },

  async configurations() {
    await call(lambda, "PutRuntimeManagementConfig", { ...F, UpdateRuntimeOn: "FunctionUpdate" });
    assert.equal((await call(lambda, "GetRuntimeManagementConfig", F)).UpdateRuntimeOn, "FunctionUpdate");
    await call(lambda, "PublishVersion", F);
    assert.equal((await call(lambda, "ListFunctions", { FunctionVersion: "ALL" })).Functions.length, 2);
    const scaling = await call(lambda, "GetFunctionScalingConfig", { ...F, Qualifier: "1" });
    assert.ok(scaling.FunctionArn.endsWith(":f:1"));
    await refused("InvalidParameterValueException", lambda, "PutFunctionScalingConfig", { ...F, Qualifier: "1" });
    assert.equal((await call(lambda, "InvokeAsync", { ...F, InvokeArgs: "{}" })).Status, 202);
    const message = await refused("ValidationException", lambda, "UpdateFunctionConfiguration", {
      ...F,
      Timeout: 0,
      Handler: "a b",
    });
    assert.match(message, /^2 validation errors detected: /);
  },

  async "written-logs"() {
    const G = { logGroupName: "app" };
    const S = { ...G, logStreamName: "s" };
    await call(logs, "CreateLogGroup", { ...G, tags: { k: "v" } });
    await call(logs, "CreateLogStream", S);
    const logEvents = [{ timestamp: Date.now(), message: "hoge" }];
    assert.equal((await call(logs, "PutLogEvents", { ...S, logEvents })).rejectedLogEventsInfo, undefined);
    assert.equal((await call(logs, "GetLogEvents", { ...S, startFromHead: true })).events[0].message, "hoge");
    assert.equal((await call(logs, "FilterLogEvents", { ...G, filterPattern: "-hoge" })).events.length, 0);
    await call(logs, "PutRetentionPolicy", { ...G, retentionInDays: 7 });
    const group = (await call(logs, "DescribeLogGroups")).logGroups.find((group) => group.logGroupName === "app");
    assert.equal(group.retentionInDays, 7);
    await call(logs, "DeleteRetentionPolicy", G);
    await call(logs, "TagResource", { resourceArn: group.logGroupArn, tags: { l: "w" } });
    await call(logs, "UntagResource", { resourceArn: group.logGroupArn, tagKeys: ["k"] });
    assert.deepEqual((await call(logs, "ListTagsForResource", { resourceArn: group.logGroupArn })).tags, { l: "w" });
    assert.equal((await call(logs, "DescribeLogStreams", G)).logStreams.length, 1);
    await call(logs, "DeleteLogStream", S);
    await call(logs, "DeleteLogGroup", G);
    await refused("ResourceNotFoundException", logs, "DescribeLogStreams", G);
  },

  async "the-end"() {
    await call(lambda, "DeleteFunction", F);
    await call(iam, "DeleteRole", R);
    await refused("NoSuchEntityException", iam, "GetRole", R);
  },
};

(async () => {
  for (const [name, check] of Object.entries(checks)) {
    await check();
    console.log(`ok ${name}`);
  }
})();
