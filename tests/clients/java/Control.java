// The control plane through the AWS SDK for Java 2: Control.java ZIP, the package of `tests/clients/function`. What a function
// has beside its code, roles and policies, credentials, and log groups that clients write to. Endpoint, region and credentials
// come from the environment alone. Prints `ok NAME` for each check and stops at the first that fails.

import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatchlogs.CloudWatchLogsClient;
import software.amazon.awssdk.services.iam.IamClient;
import software.amazon.awssdk.services.iam.model.Tag;
import software.amazon.awssdk.services.lambda.LambdaClient;
import software.amazon.awssdk.services.lambda.model.FunctionVersion;
import software.amazon.awssdk.services.lambda.model.State;
import software.amazon.awssdk.services.lambda.model.UpdateRuntimeOn;
import software.amazon.awssdk.services.sts.StsClient;

public class Control {
    static final String TRUST = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
            + "\"Principal\":{\"Service\":\"lambda.amazonaws.com\"},\"Action\":\"sts:AssumeRole\"}]}";
    static final String ALLOW = "{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\","
            + "\"Action\":\"sqs:*\",\"Resource\":\"*\"}]}";
    static final String BASIC = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";

    static final LambdaClient functions = LambdaClient.create();
    static final IamClient iam = IamClient.builder().region(Region.AWS_GLOBAL).build();
    static final StsClient sts = StsClient.create();
    static final CloudWatchLogsClient logs = CloudWatchLogsClient.create();
    static SdkBytes zip;

    public static void main(String[] arguments) throws Exception {
        zip = SdkBytes.fromByteArray(Files.readAllBytes(Path.of(arguments[0])));
        Map<String, Runnable> checks = new LinkedHashMap<>();
        checks.put("roles", Control::roles);
        checks.put("policies", Control::policies);
        checks.put("credentials", Control::credentials);
        checks.put("permissions", Control::permissions);
        checks.put("code-signing", Control::codeSigning);
        checks.put("configurations", Control::configurations);
        checks.put("written-logs", Control::writtenLogs);
        checks.put("the-end", Control::theEnd);
        for (Map.Entry<String, Runnable> check : checks.entrySet()) {
            check.getValue().run();
            System.out.println("ok " + check.getKey());
        }
    }

    static void roles() {
        var created = iam.createRole(r -> r.roleName("r").assumeRolePolicyDocument(TRUST)).role();
        same(URLDecoder.decode(created.assumeRolePolicyDocument(), StandardCharsets.UTF_8), TRUST);
        iam.updateRole(r -> r.roleName("r").maxSessionDuration(7200));
        iam.updateRoleDescription(r -> r.roleName("r").description("e"));
        iam.updateAssumeRolePolicy(r -> r.roleName("r").policyDocument(TRUST));
        Tag tag = Tag.builder().key("k").value("v").build();
        iam.tagRole(r -> r.roleName("r").tags(tag));
        same(iam.listRoleTags(r -> r.roleName("r")).tags(), List.of(tag));
        iam.untagRole(r -> r.roleName("r").tagKeys("k"));
        iam.putRolePermissionsBoundary(r -> r.roleName("r").permissionsBoundary(BASIC));
        var found = iam.getRole(r -> r.roleName("r")).role();
        same(found.permissionsBoundary().permissionsBoundaryArn(), BASIC);
        same(List.of(found.description(), found.maxSessionDuration()), List.of("e", 7200));
        iam.deleteRolePermissionsBoundary(r -> r.roleName("r"));
        same(iam.listRoles().roles().size(), 1);
        same(iam.listInstanceProfilesForRole(r -> r.roleName("r")).instanceProfiles(), List.of());
        iam.putRolePolicy(r -> r.roleName("r").policyName("inline").policyDocument(ALLOW));
        var inline = iam.getRolePolicy(r -> r.roleName("r").policyName("inline")).policyDocument();
        same(URLDecoder.decode(inline, StandardCharsets.UTF_8), ALLOW);
        same(iam.listRolePolicies(r -> r.roleName("r")).policyNames(), List.of("inline"));
        refused("DeleteConflict", () -> iam.deleteRole(r -> r.roleName("r")));
        iam.deleteRolePolicy(r -> r.roleName("r").policyName("inline"));
        same(iam.getUser().user().arn(), "arn:aws:iam::000000000000:root");
    }

    static void policies() {
        String arn = iam.createPolicy(r -> r.policyName("p").policyDocument(ALLOW)).policy().arn();
        iam.createPolicyVersion(r -> r.policyArn(arn).policyDocument(ALLOW).setAsDefault(true));
        same(iam.getPolicyVersion(r -> r.policyArn(arn).versionId("v2")).policyVersion().isDefaultVersion(), true);
        iam.setDefaultPolicyVersion(r -> r.policyArn(arn).versionId("v1"));
        iam.deletePolicyVersion(r -> r.policyArn(arn).versionId("v2"));
        same(iam.listPolicyVersions(r -> r.policyArn(arn)).versions().size(), 1);
        Tag tag = Tag.builder().key("k").value("v").build();
        iam.tagPolicy(r -> r.policyArn(arn).tags(tag));
        same(iam.listPolicyTags(r -> r.policyArn(arn)).tags(), List.of(tag));
        iam.untagPolicy(r -> r.policyArn(arn).tagKeys("k"));
        iam.attachRolePolicy(r -> r.roleName("r").policyArn(arn));
        same(iam.listAttachedRolePolicies(r -> r.roleName("r")).attachedPolicies().get(0).policyArn(), arn);
        same(iam.listEntitiesForPolicy(r -> r.policyArn(arn)).policyRoles().get(0).roleName(), "r");
        same(iam.getPolicy(r -> r.policyArn(arn)).policy().attachmentCount(), 1);
        same(iam.listPolicies(r -> r.scope("Local")).policies().size(), 1);
        iam.detachRolePolicy(r -> r.roleName("r").policyArn(arn));
        iam.deletePolicy(r -> r.policyArn(arn));
        refused("NoSuchEntity", () -> iam.getPolicy(r -> r.policyArn(arn)));
    }

    static void credentials() {
        same(sts.getCallerIdentity().account(), "000000000000");
        var assumed = sts.assumeRole(r -> r.roleArn("arn:aws:iam::210987654321:role/other").roleSessionName("me"))
                .credentials();
        var theirs = AwsSessionCredentials.create(
                assumed.accessKeyId(), assumed.secretAccessKey(), assumed.sessionToken());
        try (StsClient client = StsClient.builder()
                .credentialsProvider(StaticCredentialsProvider.create(theirs))
                .build()) {
            same(client.getCallerIdentity().arn(), "arn:aws:sts::210987654321:assumed-role/other/me");
        }
        same(sts.getAccessKeyInfo(r -> r.accessKeyId(assumed.accessKeyId())).account(), "210987654321");
        same(sts.getSessionToken().credentials().expiration().isAfter(Instant.now()), true);
    }

    static void permissions() {
        String role = iam.getRole(r -> r.roleName("r")).role().arn();
        var created = functions.createFunction(r -> r.functionName("f")
                .runtime("python3.12")
                .handler("app.handler")
                .role(role)
                .code(code -> code.zipFile(zip)));
        same(created.state(), State.PENDING);
        functions.waiter().waitUntilFunctionActiveV2(r -> r.functionName("f"));
        String statement = functions.addPermission(r -> r.functionName("f")
                        .statementId("s")
                        .action("lambda:InvokeFunction")
                        .principal("*"))
                .statement();
        var policy = functions.getPolicy(r -> r.functionName("f"));
        same(policy.policy().contains(statement), true);
        refused(
                "PreconditionFailedException",
                () -> functions.removePermission(r -> r.functionName("f").statementId("s").revisionId("x")));
        functions.removePermission(r -> r.functionName("f").statementId("s").revisionId(policy.revisionId()));
    }

    static void codeSigning() {
        String profile = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v";
        String arn = functions.createCodeSigningConfig(r -> r.allowedPublishers(p -> p.signingProfileVersionArns(profile))
                        .codeSigningPolicies(p -> p.untrustedArtifactOnDeployment("Enforce")))
                .codeSigningConfig()
                .codeSigningConfigArn();
        functions.getCodeSigningConfig(r -> r.codeSigningConfigArn(arn));
        functions.putFunctionCodeSigningConfig(r -> r.functionName("f").codeSigningConfigArn(arn));
        same(functions.getFunctionCodeSigningConfig(r -> r.functionName("f")).codeSigningConfigArn(), arn);
        same(functions.listFunctionsByCodeSigningConfig(r -> r.codeSigningConfigArn(arn)).functionArns().size(), 1);
        refused(
                "CodeVerificationFailedException",
                () -> functions.updateFunctionCode(r -> r.functionName("f").zipFile(zip)));
        functions.updateCodeSigningConfig(r -> r.codeSigningConfigArn(arn).description("d"));
        same(functions.listCodeSigningConfigs(r -> {}).codeSigningConfigs().size(), 1);
        functions.tagResource(r -> r.resource(arn).tags(Map.of("k", "v")));
        same(functions.listTags(r -> r.resource(arn)).tags(), Map.of("k", "v"));
        functions.untagResource(r -> r.resource(arn).tagKeys("k"));
        functions.deleteFunctionCodeSigningConfig(r -> r.functionName("f"));
        functions.deleteCodeSigningConfig(r -> r.codeSigningConfigArn(arn));
    }

    static void configurations() {
        functions.putRuntimeManagementConfig(r -> r.functionName("f").updateRuntimeOn(UpdateRuntimeOn.FUNCTION_UPDATE));
        same(
                functions.getRuntimeManagementConfig(r -> r.functionName("f")).updateRuntimeOn(),
                UpdateRuntimeOn.FUNCTION_UPDATE);
        functions.publishVersion(r -> r.functionName("f"));
        same(functions.listFunctions(r -> r.functionVersion(FunctionVersion.ALL)).functions().size(), 2);
        String message = refused(
                "ValidationException",
                () -> functions.updateFunctionConfiguration(r -> r.functionName("f").timeout(0).handler("a b")));
        same(message.contains("2 validation errors detected: "), true);
    }

    static void writtenLogs() {
        logs.createLogGroup(r -> r.logGroupName("app"));
        logs.createLogStream(r -> r.logGroupName("app").logStreamName("s"));
        logs.putLogEvents(r -> r.logGroupName("app")
                .logStreamName("s")
                .logEvents(e -> e.timestamp(System.currentTimeMillis()).message("hoge")));
        same(logs.getLogEvents(r -> r.logGroupName("app").logStreamName("s")).events().get(0).message(), "hoge");
        same(logs.filterLogEvents(r -> r.logGroupName("app").filterPattern("-hoge")).events().size(), 0);
        logs.putRetentionPolicy(r -> r.logGroupName("app").retentionInDays(7));
        var group = logs.describeLogGroups(r -> r.logGroupNamePrefix("app")).logGroups().get(0);
        same(group.retentionInDays(), 7);
        logs.deleteRetentionPolicy(r -> r.logGroupName("app"));
        logs.tagResource(r -> r.resourceArn(group.logGroupArn()).tags(Map.of("k", "v")));
        same(logs.listTagsForResource(r -> r.resourceArn(group.logGroupArn())).tags(), Map.of("k", "v"));
        logs.untagResource(r -> r.resourceArn(group.logGroupArn()).tagKeys("k"));
        same(logs.describeLogStreams(r -> r.logGroupName("app")).logStreams().size(), 1);
        logs.deleteLogStream(r -> r.logGroupName("app").logStreamName("s"));
        logs.deleteLogGroup(r -> r.logGroupName("app"));
    }

    static void theEnd() {
        functions.deleteFunction(r -> r.functionName("f"));
        iam.deleteRole(r -> r.roleName("r"));
        refused("NoSuchEntity", () -> iam.getRole(r -> r.roleName("r")));
    }

    /** What a refusal of that code says. */
    static String refused(String code, Runnable call) {
        try {
            call.run();
        } catch (AwsServiceException refusal) {
            same(refusal.awsErrorDetails().errorCode(), code);
            return refusal.awsErrorDetails().errorMessage();
        }
        throw new AssertionError("was not refused with " + code);
    }

    static void same(Object found, Object expected) {
        if (!Objects.equals(found, expected)) {
            throw new AssertionError("found " + found + ", expected " + expected);
        }
    }
}
