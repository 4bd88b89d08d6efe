// The control plane through the AWS SDK for Go: control ZIP, the package of `tests/clients/function`. What a function has
// beside its code, roles and policies, credentials, and log groups that clients write to. Endpoint, region and credentials
// come from the environment alone. Prints `ok NAME` for each check and stops at the first that fails.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	logtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

const (
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:*","Resource":"*"}]}`
	basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
)

var (
	ctx       = context.Background()
	role      = aws.String("r")
	name      = aws.String("f")
	group     = aws.String("app")
	zip       []byte
	functions *lambda.Client
	roles     *iam.Client
	tokens    *sts.Client
	logs      *cloudwatchlogs.Client
)

func main() {
	zip = must(os.ReadFile(os.Args[1]))
	configuration := must(config.LoadDefaultConfig(ctx))
	functions, roles = lambda.NewFromConfig(configuration), iam.NewFromConfig(configuration)
	tokens, logs = sts.NewFromConfig(configuration), cloudwatchlogs.NewFromConfig(configuration)
	checks := []struct {
		name string
		run  func()
	}{
		{"roles", checkRoles},
		{"policies", checkPolicies},
		{"credentials", checkCredentials},
		{"permissions", checkPermissions},
		{"code-signing", checkCodeSigning},
		{"configurations", checkConfigurations},
		{"written-logs", checkLogs},
		{"the-end", checkEnd},
	}
	for _, check := range checks {
		check.run()
		fmt.Println("ok", check.name)
	}
}

func checkRoles() {
	created := must(roles.CreateRole(ctx, &iam.CreateRoleInput{RoleName: role, AssumeRolePolicyDocument: aws.String(trust)}))
	same(must(url.QueryUnescape(*created.Role.AssumeRolePolicyDocument)), trust)
	must(roles.UpdateRole(ctx, &iam.UpdateRoleInput{RoleName: role, MaxSessionDuration: aws.Int32(7200)}))
	must(roles.UpdateRoleDescription(ctx, &iam.UpdateRoleDescriptionInput{RoleName: role, Description: aws.String("e")}))
	must(roles.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: role, PolicyDocument: aws.String(trust)}))
	tags := []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
	must(roles.TagRole(ctx, &iam.TagRoleInput{RoleName: role, Tags: tags}))
	same(must(roles.ListRoleTags(ctx, &iam.ListRoleTagsInput{RoleName: role})).Tags, tags)
	must(roles.UntagRole(ctx, &iam.UntagRoleInput{RoleName: role, TagKeys: []string{"k"}}))
	must(roles.PutRolePermissionsBoundary(ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: role, PermissionsBoundary: aws.String(basic)}))
	found := must(roles.GetRole(ctx, &iam.GetRoleInput{RoleName: role})).Role
	same(*found.PermissionsBoundary.PermissionsBoundaryArn, basic)
	same(*found.MaxSessionDuration, int32(7200))
	must(roles.DeleteRolePermissionsBoundary(ctx, &iam.DeleteRolePermissionsBoundaryInput{RoleName: role}))
	same(len(must(roles.ListRoles(ctx, &iam.ListRolesInput{})).Roles), 1)
	must(roles.ListInstanceProfilesForRole(ctx, &iam.ListInstanceProfilesForRoleInput{RoleName: role}))
	inline := aws.String("inline")
	must(roles.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: role, PolicyName: inline, PolicyDocument: aws.String(allow)}))
	policy := must(roles.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: role, PolicyName: inline}))
	same(must(url.QueryUnescape(*policy.PolicyDocument)), allow)
	same(must(roles.ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: role})).PolicyNames, []string{"inline"})
	_, err := roles.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role})
	refused(err, "DeleteConflict")
	must(roles.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: inline}))
	same(*must(roles.GetUser(ctx, &iam.GetUserInput{})).User.Arn, "arn:aws:iam::000000000000:root")
}

func checkPolicies() {
	arn := must(roles.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: aws.String("p"), PolicyDocument: aws.String(allow)})).Policy.Arn
	must(roles.CreatePolicyVersion(ctx, &iam.CreatePolicyVersionInput{PolicyArn: arn, PolicyDocument: aws.String(allow), SetAsDefault: true}))
	second := aws.String("v2")
	same(must(roles.GetPolicyVersion(ctx, &iam.GetPolicyVersionInput{PolicyArn: arn, VersionId: second})).PolicyVersion.IsDefaultVersion, true)
	must(roles.SetDefaultPolicyVersion(ctx, &iam.SetDefaultPolicyVersionInput{PolicyArn: arn, VersionId: aws.String("v1")}))
	must(roles.DeletePolicyVersion(ctx, &iam.DeletePolicyVersionInput{PolicyArn: arn, VersionId: second}))
	same(len(must(roles.ListPolicyVersions(ctx, &iam.ListPolicyVersionsInput{PolicyArn: arn})).Versions), 1)
	tags := []iamtypes.Tag{{Key: aws.String("k"), Value: aws.String("v")}}
	must(roles.TagPolicy(ctx, &iam.TagPolicyInput{PolicyArn: arn, Tags: tags}))
	same(must(roles.ListPolicyTags(ctx, &iam.ListPolicyTagsInput{PolicyArn: arn})).Tags, tags)
	must(roles.UntagPolicy(ctx, &iam.UntagPolicyInput{PolicyArn: arn, TagKeys: []string{"k"}}))
	must(roles.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: role, PolicyArn: arn}))
	same(*must(roles.ListAttachedRolePolicies(ctx, &iam.ListAttachedRolePoliciesInput{RoleName: role})).AttachedPolicies[0].PolicyArn, *arn)
	same(len(must(roles.ListEntitiesForPolicy(ctx, &iam.ListEntitiesForPolicyInput{PolicyArn: arn})).PolicyRoles), 1)
	same(*must(roles.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})).Policy.AttachmentCount, int32(1))
	same(len(must(roles.ListPolicies(ctx, &iam.ListPoliciesInput{Scope: "Local"})).Policies), 1)
	must(roles.DetachRolePolicy(ctx, &iam.DetachRolePolicyInput{RoleName: role, PolicyArn: arn}))
	must(roles.DeletePolicy(ctx, &iam.DeletePolicyInput{PolicyArn: arn}))
	_, err := roles.GetPolicy(ctx, &iam.GetPolicyInput{PolicyArn: arn})
	refused(err, "NoSuchEntity")
}

func checkCredentials() {
	same(*must(tokens.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})).Account, "000000000000")
	other := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::210987654321:role/other"), RoleSessionName: aws.String("me")}
	assumed := must(tokens.AssumeRole(ctx, other)).Credentials
	provider := credentials.NewStaticCredentialsProvider(*assumed.AccessKeyId, *assumed.SecretAccessKey, *assumed.SessionToken)
	theirs := sts.NewFromConfig(must(config.LoadDefaultConfig(ctx, config.WithCredentialsProvider(provider))))
	caller := must(theirs.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}))
	same(*caller.Arn, "arn:aws:sts::210987654321:assumed-role/other/me")
	info := must(tokens.GetAccessKeyInfo(ctx, &sts.GetAccessKeyInfoInput{AccessKeyId: assumed.AccessKeyId}))
	same(*info.Account, "210987654321")
	session := must(tokens.GetSessionToken(ctx, &sts.GetSessionTokenInput{})).Credentials
	same(session.Expiration.After(time.Now()), true)
}

func checkPermissions() {
	created := must(functions.CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: name, Runtime: "python3.12", Handler: aws.String("app.handler"),
		Role: must(roles.GetRole(ctx, &iam.GetRoleInput{RoleName: role})).Role.Arn, Code: &types.FunctionCode{ZipFile: zip},
	}))
	same(created.State, types.StatePending)
	done(lambda.NewFunctionActiveV2Waiter(functions).Wait(ctx, &lambda.GetFunctionInput{FunctionName: name}, time.Minute))
	statement := must(functions.AddPermission(ctx, &lambda.AddPermissionInput{
		FunctionName: name, StatementId: aws.String("s"), Action: aws.String("lambda:InvokeFunction"), Principal: aws.String("*"),
	})).Statement
	policy := must(functions.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: name}))
	var shown struct{ Statement []json.RawMessage }
	done(json.Unmarshal([]byte(*policy.Policy), &shown))
	same(string(shown.Statement[0]), *statement)
	remove := &lambda.RemovePermissionInput{FunctionName: name, StatementId: aws.String("s"), RevisionId: aws.String("x")}
	_, err := functions.RemovePermission(ctx, remove)
	refused(err, "PreconditionFailedException")
	remove.RevisionId = policy.RevisionId
	must(functions.RemovePermission(ctx, remove))
}

func checkCodeSigning() {
	profiles := []string{"arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v"}
	arn := must(functions.CreateCodeSigningConfig(ctx, &lambda.CreateCodeSigningConfigInput{
		AllowedPublishers:   &types.AllowedPublishers{SigningProfileVersionArns: profiles},
		CodeSigningPolicies: &types.CodeSigningPolicies{UntrustedArtifactOnDeployment: "Enforce"},
	})).CodeSigningConfig.CodeSigningConfigArn
	must(functions.GetCodeSigningConfig(ctx, &lambda.GetCodeSigningConfigInput{CodeSigningConfigArn: arn}))
	must(functions.PutFunctionCodeSigningConfig(ctx, &lambda.PutFunctionCodeSigningConfigInput{FunctionName: name, CodeSigningConfigArn: arn}))
	same(*must(functions.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: name})).CodeSigningConfigArn, *arn)
	same(len(must(functions.ListFunctionsByCodeSigningConfig(ctx, &lambda.ListFunctionsByCodeSigningConfigInput{CodeSigningConfigArn: arn})).FunctionArns), 1)
	_, err := functions.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: name, ZipFile: zip})
	refused(err, "CodeVerificationFailedException")
	must(functions.UpdateCodeSigningConfig(ctx, &lambda.UpdateCodeSigningConfigInput{CodeSigningConfigArn: arn, Description: aws.String("d")}))
	same(len(must(functions.ListCodeSigningConfigs(ctx, &lambda.ListCodeSigningConfigsInput{})).CodeSigningConfigs), 1)
	must(functions.TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"k": "v"}}))
	same(must(functions.ListTags(ctx, &lambda.ListTagsInput{Resource: arn})).Tags, map[string]string{"k": "v"})
	must(functions.UntagResource(ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"k"}}))
	must(functions.DeleteFunctionCodeSigningConfig(ctx, &lambda.DeleteFunctionCodeSigningConfigInput{FunctionName: name}))
	must(functions.DeleteCodeSigningConfig(ctx, &lambda.DeleteCodeSigningConfigInput{CodeSigningConfigArn: arn}))
}

func checkConfigurations() {
	must(functions.PutRuntimeManagementConfig(ctx, &lambda.PutRuntimeManagementConfigInput{FunctionName: name, UpdateRuntimeOn: "FunctionUpdate"}))
	found := must(functions.GetRuntimeManagementConfig(ctx, &lambda.GetRuntimeManagementConfigInput{FunctionName: name}))
	same(found.UpdateRuntimeOn, types.UpdateRuntimeOnFunctionUpdate)
	must(functions.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: name}))
	same(len(must(functions.ListFunctions(ctx, &lambda.ListFunctionsInput{FunctionVersion: "ALL"})).Functions), 2)
	must(functions.GetFunctionScalingConfig(ctx, &lambda.GetFunctionScalingConfigInput{FunctionName: name, Qualifier: aws.String("1")}))
	_, err := functions.PutFunctionScalingConfig(ctx, &lambda.PutFunctionScalingConfigInput{FunctionName: name, Qualifier: aws.String("1")})
	refused(err, "InvalidParameterValueException")
	_, err = functions.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: name, Timeout: aws.Int32(0), Handler: aws.String("a b"),
	})
	same(strings.Contains(refused(err, "ValidationException"), "2 validation errors detected: "), true)
}

func checkLogs() {
	stream := aws.String("s")
	must(logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: group}))
	must(logs.CreateLogStream(ctx, &cloudwatchlogs.CreateLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	events := []logtypes.InputLogEvent{{Timestamp: aws.Int64(time.Now().UnixMilli()), Message: aws.String("hoge")}}
	must(logs.PutLogEvents(ctx, &cloudwatchlogs.PutLogEventsInput{LogGroupName: group, LogStreamName: stream, LogEvents: events}))
	read := must(logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: group, LogStreamName: stream}))
	same(*read.Events[0].Message, "hoge")
	filter := &cloudwatchlogs.FilterLogEventsInput{LogGroupName: group, FilterPattern: aws.String("-hoge")}
	same(len(must(logs.FilterLogEvents(ctx, filter)).Events), 0)
	must(logs.PutRetentionPolicy(ctx, &cloudwatchlogs.PutRetentionPolicyInput{LogGroupName: group, RetentionInDays: aws.Int32(7)}))
	found := must(logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: group})).LogGroups[0]
	same(*found.RetentionInDays, int32(7))
	must(logs.DeleteRetentionPolicy(ctx, &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: group}))
	must(logs.TagResource(ctx, &cloudwatchlogs.TagResourceInput{ResourceArn: found.LogGroupArn, Tags: map[string]string{"k": "v"}}))
	tags := must(logs.ListTagsForResource(ctx, &cloudwatchlogs.ListTagsForResourceInput{ResourceArn: found.LogGroupArn})).Tags
	same(tags, map[string]string{"k": "v"})
	must(logs.UntagResource(ctx, &cloudwatchlogs.UntagResourceInput{ResourceArn: found.LogGroupArn, TagKeys: []string{"k"}}))
	same(len(must(logs.DescribeLogStreams(ctx, &cloudwatchlogs.DescribeLogStreamsInput{LogGroupName: group})).LogStreams), 1)
	must(logs.DeleteLogStream(ctx, &cloudwatchlogs.DeleteLogStreamInput{LogGroupName: group, LogStreamName: stream}))
	must(logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: group}))
}

func checkEnd() {
	must(functions.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: name}))
	must(roles.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: role}))
	_, err := roles.GetRole(ctx, &iam.GetRoleInput{RoleName: role})
	refused(err, "NoSuchEntity")
}

// refused returns what a refusal of that code says.
func refused(err error, code string) string {
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != code {
		panic(fmt.Sprintf("was to be refused with %s: %v", code, err))
	}
	return refusal.ErrorMessage()
}

func same(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		panic(fmt.Sprintf("found %v, expected %v", found, expected))
	}
}

func must[T any](value T, err error) T {
	done(err)
	return value
}

func done(err error) {
	if err != nil {
		panic(err)
	}
}
