//! Every operation of SQS and EventBridge Scheduler, and those of Lambda, Application Auto Scaling, IAM, STS and CloudWatch Logs that people type, through
//! both versions of the `aws` CLI, with the part of the answer that they would look at. Version 2 speaks AWS Query to SQS. The
//! programs of the SDKs walk through the rest.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use super::package;
use crate::support::{
    binary::{Printed, Serving, eventually, run},
    tool::Tool,
    trials,
};

trials!(
    control_with_the_first needs [Tool::Aws1],
    control_with_the_second needs [Tool::Aws2],
    ways_in_with_the_first needs [Tool::Aws1],
    ways_in_with_the_second needs [Tool::Aws2],
    sqs_with_the_first needs [Tool::Aws1],
    sqs_with_the_second needs [Tool::Aws2],
    lambda_with_the_first needs [Tool::Aws1, Tool::Python],
    lambda_with_the_second needs [Tool::Aws2, Tool::Python],
    the_tables_have_every_operation,
);

/// A command line after `aws`, as a shell reads it; what of its answer to look at, as JMESPath; and what is expected there:
///
/// - JSON;
/// - `-> NAME`: whatever it is, later lines have it as `{NAME}`;
/// - `~ JSON`: sooner or later;
/// - `! CODE`: a refusal;
/// - `*`: a success, whatever it looks like;
/// - nothing: the operation answers nothing.
type Line = (&'static str, &'static str, &'static str);

const QUEUES: &[Line] = &[
    ("sqs create-queue --queue-name dead", "QueueUrl", "-> dead"),
    ("sqs get-queue-url --queue-name dead", "ends_with(QueueUrl, '/000000000000/dead')", "true"),
    (
        "sqs get-queue-attributes --queue-url {dead} --attribute-names QueueArn",
        "Attributes",
        r#"{"QueueArn": "arn:aws:sqs:ap-northeast-1:000000000000:dead"}"#,
    ),
    (
        r#"sqs create-queue --queue-name jobs --tags team=a --attributes '{"VisibilityTimeout": "0", "RedrivePolicy":
           "{\"deadLetterTargetArn\": \"arn:aws:sqs:ap-northeast-1:000000000000:dead\", \"maxReceiveCount\": 2}"}'"#,
        "QueueUrl",
        "-> jobs",
    ),
    ("sqs list-queues --queue-name-prefix jo", "length(QueueUrls)", "1"),
    ("sqs list-queues --page-size 1 --max-items 1", "[length(QueueUrls), NextToken != null]", "[1, true]"),
    ("sqs list-dead-letter-source-queues --queue-url {dead}", "length(queueUrls)", "1"),
    ("sqs set-queue-attributes --queue-url {jobs} --attributes MaximumMessageSize=2048", "", ""),
    (
        "sqs get-queue-attributes --queue-url {jobs} --attribute-names All",
        "Attributes.[MaximumMessageSize, ApproximateNumberOfMessages]",
        r#"["2048", "0"]"#,
    ),
    ("sqs tag-queue --queue-url {jobs} --tags cost=7", "", ""),
    ("sqs list-queue-tags --queue-url {jobs}", "Tags", r#"{"team": "a", "cost": "7"}"#),
    ("sqs untag-queue --queue-url {jobs} --tag-keys team", "", ""),
    (
        "sqs add-permission --queue-url {jobs} --label friends --aws-account-ids 111111111111 --actions SendMessage",
        "",
        "",
    ),
    ("sqs remove-permission --queue-url {jobs} --label friends", "", ""),
    (
        "sqs send-message --queue-url {jobs} --message-body hoge \
         --message-attributes 'kind={DataType=String,StringValue=order}'",
        "MD5OfMessageBody",
        r#""ea703e7aa1efda0064eaa507d9e8ab7e""#,
    ),
    (
        "sqs receive-message --queue-url {jobs} --attribute-names All --message-attribute-names All",
        "Messages[].[Body, Attributes.ApproximateReceiveCount, MessageAttributes.kind.StringValue]",
        r#"[["hoge", "1", "order"]]"#,
    ),
    (
        "sqs receive-message --queue-url {jobs} --visibility-timeout 600 --wait-time-seconds 1",
        "Messages[0].ReceiptHandle",
        "-> receipt",
    ),
    ("sqs change-message-visibility --queue-url {jobs} --receipt-handle {receipt} --visibility-timeout 60", "", ""),
    (
        "sqs change-message-visibility-batch --queue-url {jobs} \
         --entries Id=a,ReceiptHandle={receipt},VisibilityTimeout=0 Id=b,ReceiptHandle=x,VisibilityTimeout=0",
        "[Successful[].Id, Failed[].Code]",
        r#"[["a"], ["ReceiptHandleIsInvalid"]]"#,
    ),
    // It was received twice: now it is a dead letter.
    ("sqs receive-message --queue-url {jobs}", "", ""),
    (
        "sqs receive-message --queue-url {dead} --visibility-timeout 0 --attribute-names All",
        "Messages[0].Attributes.DeadLetterQueueSourceArn",
        r#""arn:aws:sqs:ap-northeast-1:000000000000:jobs""#,
    ),
    (
        "sqs send-message-batch --queue-url {dead} --entries Id=a,MessageBody=x Id=b,MessageBody=y,DelaySeconds=901",
        "[Successful[].Id, Failed[].[Id, Code, SenderFault]]",
        r#"[["a"], [["b", "InvalidParameterValue", true]]]"#,
    ),
    ("sqs purge-queue --queue-url {dead}", "", ""),
    ("sqs purge-queue --queue-url {dead}", "", "! AWS.SimpleQueueService.PurgeQueueInProgress"),
    ("sqs send-message --queue-url {jobs} --message-body done", "length(MessageId)", "36"),
    ("sqs receive-message --queue-url {jobs} --visibility-timeout 600", "Messages[0].ReceiptHandle", "-> receipt"),
    ("sqs delete-message --queue-url {jobs} --receipt-handle {receipt}", "", ""),
    (
        "sqs delete-message-batch --queue-url {jobs} --entries Id=a,ReceiptHandle={receipt}",
        "Successful",
        r#"[{"Id": "a"}]"#,
    ),
    ("sqs receive-message --queue-url {jobs}-not", "", "! AWS.SimpleQueueService.NonExistentQueue"),
];

/// Operations that are younger than the version 2 that Debian has.
const MOVE_TASKS: &[Line] = &[
    (
        "sqs send-message-batch --queue-url {dead} --entries Id=a,MessageBody=a Id=b,MessageBody=b Id=c,MessageBody=c \
         Id=d,MessageBody=d Id=e,MessageBody=e Id=f,MessageBody=f Id=g,MessageBody=g Id=h,MessageBody=h",
        "length(Successful)",
        "8",
    ),
    (
        "sqs start-message-move-task --source-arn arn:aws:sqs:ap-northeast-1:000000000000:dead \
         --destination-arn arn:aws:sqs:ap-northeast-1:000000000000:jobs --max-number-of-messages-per-second 1",
        "TaskHandle",
        "-> task",
    ),
    ("sqs cancel-message-move-task --task-handle {task}", "ApproximateNumberOfMessagesMoved > `0`", "true"),
    (
        "sqs list-message-move-tasks --source-arn arn:aws:sqs:ap-northeast-1:000000000000:dead",
        "Results[].[Status, MaxNumberOfMessagesPerSecond, ApproximateNumberOfMessagesToMove]",
        r#"[["CANCELLED", 1, 8]]"#,
    ),
];

const QUEUES_END: &[Line] = &[
    ("sqs delete-queue --queue-url {jobs}", "", ""),
    ("sqs get-queue-url --queue-name jobs", "", "! AWS.SimpleQueueService.NonExistentQueue"),
];

const FUNCTIONS: &[Line] = &[
    (
        "lambda create-function --function-name hello --runtime python3.12 --handler app.handler --tags team=a \
         --role arn:aws:iam::000000000000:role/any --zip-file fileb://{zip}",
        "FunctionArn",
        "-> arn",
    ),
    ("lambda wait function-active-v2 --function-name hello", "", ""),
    ("lambda get-function --function-name hello", "[Configuration.Handler, Tags]", r#"["app.handler", {"team": "a"}]"#),
    ("lambda list-functions --max-items 5", "Functions[].FunctionName", r#"["hello"]"#),
    (
        "lambda invoke --function-name hello --payload fileb://{event} --log-type Tail {out}",
        "[StatusCode, ExecutedVersion, LogResult != null]",
        r#"[200, "$LATEST", true]"#,
    ),
    ("lambda update-function-configuration --function-name hello --timeout 7", "Timeout", "7"),
    ("lambda wait function-updated-v2 --function-name hello", "", ""),
    (
        "lambda get-function-configuration --function-name hello",
        "[Timeout, State, LastUpdateStatus]",
        r#"[7, "Active", "Successful"]"#,
    ),
    ("lambda update-function-code --function-name hello --zip-file fileb://{zip}", "FunctionName", r#""hello""#),
    ("lambda get-account-settings", "AccountLimit.ConcurrentExecutions", "1000"),
    (
        "lambda put-function-concurrency --function-name hello --reserved-concurrent-executions 5",
        "ReservedConcurrentExecutions",
        "5",
    ),
    ("lambda get-function-concurrency --function-name hello", "ReservedConcurrentExecutions", "5"),
    ("lambda delete-function-concurrency --function-name hello", "", ""),
    ("lambda tag-resource --resource {arn} --tags cost=7", "", ""),
    ("lambda list-tags --resource {arn}", "Tags", r#"{"team": "a", "cost": "7"}"#),
    ("lambda untag-resource --resource {arn} --tag-keys team", "", ""),
    ("lambda publish-version --function-name hello --description first", "[Version, Description]", r#"["1", "first"]"#),
    ("lambda list-versions-by-function --function-name hello", "Versions[].Version", r#"["$LATEST", "1"]"#),
    (
        "lambda create-alias --function-name hello --name live --function-version 1",
        "[Name, FunctionVersion]",
        r#"["live", "1"]"#,
    ),
    ("lambda update-alias --function-name hello --name live --description new", "Description", r#""new""#),
    ("lambda get-alias --function-name hello --name live", "[FunctionVersion, Description]", r#"["1", "new"]"#),
    ("lambda list-aliases --function-name hello", "Aliases[].Name", r#"["live"]"#),
    (
        "lambda put-provisioned-concurrency-config --function-name hello --qualifier live \
         --provisioned-concurrent-executions 1",
        "RequestedProvisionedConcurrentExecutions",
        "1",
    ),
    (
        "lambda get-provisioned-concurrency-config --function-name hello --qualifier live",
        "[Status, AvailableProvisionedConcurrentExecutions]",
        r#"~ ["READY", 1]"#,
    ),
    (
        "lambda list-provisioned-concurrency-configs --function-name hello",
        "ProvisionedConcurrencyConfigs[].Status",
        r#"["READY"]"#,
    ),
    (
        "application-autoscaling register-scalable-target --service-namespace lambda --resource-id function:hello:live \
         --scalable-dimension lambda:function:ProvisionedConcurrency --min-capacity 1 --max-capacity 4",
        "",
        "*",
    ),
    (
        "application-autoscaling describe-scalable-targets --service-namespace lambda",
        "ScalableTargets[].[ResourceId, MinCapacity, MaxCapacity, SuspendedState.DynamicScalingInSuspended]",
        r#"[["function:hello:live", 1, 4, false]]"#,
    ),
    (
        "application-autoscaling put-scaling-policy --service-namespace lambda --resource-id function:hello:live \
         --scalable-dimension lambda:function:ProvisionedConcurrency --policy-name p --policy-type TargetTrackingScaling \
         --target-tracking-scaling-policy-configuration 'TargetValue=0.7,PredefinedMetricSpecification={PredefinedMetricType=LambdaProvisionedConcurrencyUtilization}'",
        "length(Alarms)",
        "2",
    ),
    (
        "application-autoscaling describe-scaling-policies --service-namespace lambda",
        "ScalingPolicies[].TargetTrackingScalingPolicyConfiguration.TargetValue",
        "[0.7]",
    ),
    (
        "application-autoscaling put-scheduled-action --service-namespace lambda --resource-id function:hello:live \
         --scalable-dimension lambda:function:ProvisionedConcurrency --scheduled-action-name night \
         --schedule 'cron(0 22 * * ? *)' --timezone Pacific/Tahiti --scalable-target-action MinCapacity=1,MaxCapacity=2",
        "",
        "",
    ),
    (
        "application-autoscaling describe-scheduled-actions --service-namespace lambda",
        "ScheduledActions[].[ScheduledActionName, Schedule, Timezone]",
        r#"[["night", "cron(0 22 * * ? *)", "Pacific/Tahiti"]]"#,
    ),
    (
        "application-autoscaling delete-scheduled-action --service-namespace lambda --resource-id function:hello:live \
         --scalable-dimension lambda:function:ProvisionedConcurrency --scheduled-action-name night",
        "",
        "",
    ),
    ("application-autoscaling describe-scaling-activities --service-namespace lambda", "ScalingActivities", "[]"),
    (
        "application-autoscaling delete-scaling-policy --service-namespace lambda --resource-id function:hello:live \
         --scalable-dimension lambda:function:ProvisionedConcurrency --policy-name p",
        "",
        "",
    ),
    (
        "application-autoscaling deregister-scalable-target --service-namespace lambda --resource-id function:hello:live \
         --scalable-dimension lambda:function:ProvisionedConcurrency",
        "",
        "",
    ),
    (
        "application-autoscaling deregister-scalable-target --service-namespace lambda --resource-id function:hello:live \
         --scalable-dimension lambda:function:ProvisionedConcurrency",
        "",
        "! ObjectNotFoundException",
    ),
    (
        "lambda invoke --function-name hello --qualifier live --payload fileb://{event} {out}",
        "ExecutedVersion",
        r#""1""#,
    ),
    ("lambda delete-provisioned-concurrency-config --function-name hello --qualifier live", "", ""),
    ("lambda delete-alias --function-name hello --name live", "", ""),
    ("lambda get-alias --function-name hello --name live", "", "! ResourceNotFoundException"),
    ("sqs create-queue --queue-name jobs", "QueueUrl", "-> jobs"),
    (
        "lambda create-event-source-mapping --function-name hello --batch-size 3 \
         --event-source-arn arn:aws:sqs:ap-northeast-1:000000000000:jobs",
        "UUID",
        "-> mapping",
    ),
    ("lambda get-event-source-mapping --uuid {mapping}", "State", r#"~ "Enabled""#),
    ("lambda update-event-source-mapping --uuid {mapping} --batch-size 4", "BatchSize", "4"),
    ("lambda get-event-source-mapping --uuid {mapping}", "State", r#"~ "Enabled""#),
    ("lambda list-event-source-mappings --function-name hello", "EventSourceMappings[].BatchSize", "[4]"),
    ("sqs send-message --queue-url {jobs} --message-body hoge", "length(MessageId)", "36"),
    (
        "logs filter-log-events --log-group-name /aws/lambda/hello --filter-pattern '\"received hoge\"'",
        "length(events)",
        "~ 1",
    ),
    ("lambda delete-event-source-mapping --uuid {mapping}", "State", r#""Deleting""#),
    (
        "logs describe-log-groups --log-group-name-prefix /aws/lambda/",
        "logGroups[].logGroupName",
        r#"["/aws/lambda/hello"]"#,
    ),
    (
        "logs describe-log-streams --log-group-name /aws/lambda/hello --order-by LastEventTime",
        "logStreams[0].logStreamName",
        "-> stream",
    ),
    (
        "logs get-log-events --log-group-name /aws/lambda/hello --log-stream-name '{stream}' --start-from-head",
        "length(events[?starts_with(message, 'START RequestId: ')])",
        "1",
    ),
    // The newer of the two shows the status.
    ("lambda delete-function --function-name hello", "", "*"),
    ("lambda get-function --function-name hello", "", "! ResourceNotFoundException"),
    ("logs create-log-group --log-group-name mine", "", ""),
    ("logs create-log-group --log-group-name mine", "", "! ResourceAlreadyExistsException"),
    ("logs delete-log-group --log-group-name mine", "", ""),
];

/// What a function has beside its code, who may call it, and logs that clients write.
const CONTROL: &[Line] = &[
    (
        r#"iam create-role --role-name r --tags Key=k,Value=v --assume-role-policy-document '{"Version": "2012-10-17",
           "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}'"#,
        "Role.Arn",
        "-> role",
    ),
    ("iam create-role --role-name r --assume-role-policy-document {}", "", "! MalformedPolicyDocument"),
    ("iam wait role-exists --role-name r", "", ""),
    ("iam update-role --role-name r --max-session-duration 7200 --description d", "", "*"),
    ("iam update-role-description --role-name r --description e", "Role.Description", r#""e""#),
    ("iam tag-role --role-name r --tags Key=l,Value=w", "", ""),
    ("iam untag-role --role-name r --tag-keys k", "", ""),
    ("iam list-role-tags --role-name r", "Tags", r#"[{"Key": "l", "Value": "w"}]"#),
    (
        r#"iam put-role-policy --role-name r --policy-name inline --policy-document '{"Version": "2012-10-17",
           "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}'"#,
        "",
        "",
    ),
    ("iam get-role-policy --role-name r --policy-name inline", "PolicyDocument.Statement[0].Action", r#""sqs:*""#),
    ("iam list-role-policies --role-name r", "PolicyNames", r#"["inline"]"#),
    ("iam delete-role-policy --role-name r --policy-name inline", "", ""),
    (
        r#"iam create-policy --policy-name p --policy-document '{"Version": "2012-10-17",
           "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}'"#,
        "Policy.Arn",
        "-> policy",
    ),
    ("iam attach-role-policy --role-name r --policy-arn {policy}", "", ""),
    (
        "iam attach-role-policy --role-name r \
         --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "",
        "",
    ),
    ("iam list-attached-role-policies --role-name r", "length(AttachedPolicies)", "2"),
    ("iam list-policies --scope Local", "Policies[].AttachmentCount", "[1]"),
    ("iam delete-policy --policy-arn {policy}", "", "! DeleteConflict"),
    ("iam detach-role-policy --role-name r --policy-arn {policy}", "", ""),
    ("iam delete-policy --policy-arn {policy}", "", ""),
    ("iam get-policy --policy-arn {policy}", "", "! NoSuchEntity"),
    ("iam list-roles", "Roles[].RoleName", r#"["r"]"#),
    ("iam get-role --role-name 'a b'", "", "! ValidationError"),
    ("sts get-caller-identity", "Arn", r#""arn:aws:iam::000000000000:root""#),
    (
        "sts assume-role --role-arn {role} --role-session-name me",
        "AssumedRoleUser.Arn",
        r#""arn:aws:sts::000000000000:assumed-role/r/me""#,
    ),
    ("sts get-session-token", "length(Credentials.SessionToken)", "256"),
    (
        "lambda create-function --function-name f --runtime python3.12 --handler app.handler --role {role} \
         --zip-file fileb://{zip}",
        "State",
        r#""Pending""#,
    ),
    ("lambda wait function-active-v2 --function-name f", "", ""),
    (
        "lambda add-permission --function-name f --statement-id s --action lambda:InvokeFunction --principal '*'",
        "Statement != null",
        "true",
    ),
    ("lambda get-policy --function-name f", "RevisionId != null", "true"),
    ("lambda remove-permission --function-name f --statement-id s", "", ""),
    ("lambda get-policy --function-name f", "", "! ResourceNotFoundException"),
    (
        "lambda create-code-signing-config --allowed-publishers \
         SigningProfileVersionArns=arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v \
         --code-signing-policies UntrustedArtifactOnDeployment=Enforce",
        "CodeSigningConfig.CodeSigningConfigArn",
        "-> signing",
    ),
    (
        "lambda put-function-code-signing-config --function-name f --code-signing-config-arn {signing}",
        "FunctionName",
        r#""f""#,
    ),
    ("lambda update-function-code --function-name f --zip-file fileb://{zip}", "", "! CodeVerificationFailedException"),
    ("lambda list-functions-by-code-signing-config --code-signing-config-arn {signing}", "length(FunctionArns)", "1"),
    ("lambda delete-function-code-signing-config --function-name f", "", ""),
    ("lambda delete-code-signing-config --code-signing-config-arn {signing}", "", "*"),
    ("lambda list-code-signing-configs", "length(CodeSigningConfigs)", "0"),
    ("lambda update-function-configuration --function-name f --handler 'a b'", "", "! ValidationException"),
    ("lambda delete-function --function-name f", "", "*"),
    ("logs create-log-group --log-group-name app --tags k=v", "", ""),
    ("logs create-log-stream --log-group-name app --log-stream-name s", "", ""),
    ("logs put-retention-policy --log-group-name app --retention-in-days 7", "", ""),
    ("logs describe-log-groups", "logGroups[].retentionInDays", "[7]"),
    ("logs delete-retention-policy --log-group-name app", "", ""),
    (
        "logs put-log-events --log-group-name app --log-stream-name s \
         --log-events timestamp=$(date +%s)000,message=hoge",
        "rejectedLogEventsInfo",
        "null",
    ),
    ("logs filter-log-events --log-group-name app --filter-pattern hoge", "events[].message", r#"["hoge"]"#),
    ("logs tag-log-group --log-group-name app --tags l=w", "", ""),
    ("logs untag-log-group --log-group-name app --tags k", "", ""),
    ("logs list-tags-log-group --log-group-name app", "tags", r#"{"l": "w"}"#),
    ("logs delete-log-stream --log-group-name app --log-stream-name s", "", ""),
    ("logs delete-log-group --log-group-name app", "", ""),
    (
        "iam detach-role-policy --role-name r \
      --policy-arn arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        "",
        "",
    ),
    ("iam delete-role --role-name r", "", ""),
];

/// Function URLs and schedules. The CLI has no command for a response that is streamed: its authors took it out of both versions.
const WAYS_IN: &[Line] = &[
    (
        "lambda create-function --function-name w --runtime python3.12 --handler app.handler \
         --role arn:aws:iam::000000000000:role/any --zip-file fileb://{zip}",
        "FunctionArn",
        "-> arn",
    ),
    ("lambda wait function-active-v2 --function-name w", "", ""),
    (
        "lambda create-function-url-config --function-name w --auth-type NONE \
         --cors AllowOrigins=https://example.com,MaxAge=60",
        "[AuthType, Cors.AllowOrigins]",
        r#"["NONE", ["https://example.com"]]"#,
    ),
    ("lambda create-function-url-config --function-name w --auth-type NONE", "", "! ResourceConflictException"),
    ("lambda get-function-url-config --function-name w", "starts_with(FunctionUrl, 'http://')", "true"),
    (
        "lambda update-function-url-config --function-name w --auth-type AWS_IAM",
        "[AuthType, Cors.MaxAge]",
        r#"["AWS_IAM", 60]"#,
    ),
    ("lambda list-function-url-configs --function-name w", "FunctionUrlConfigs[].AuthType", r#"["AWS_IAM"]"#),
    ("lambda delete-function-url-config --function-name w", "", ""),
    ("lambda get-function-url-config --function-name w", "", "! ResourceNotFoundException"),
    ("sqs create-queue --queue-name ticks", "QueueUrl", "-> ticks"),
    ("scheduler create-schedule-group --name team --tags Key=team,Value=a", "ScheduleGroupArn", "-> group"),
    ("scheduler create-schedule-group --name team", "", "! ConflictException"),
    ("scheduler tag-resource --resource-arn {group} --tags Key=cost,Value=7", "", ""),
    ("scheduler untag-resource --resource-arn {group} --tag-keys team", "", ""),
    ("scheduler list-tags-for-resource --resource-arn {group}", "Tags", r#"[{"Key": "cost", "Value": "7"}]"#),
    ("scheduler get-schedule-group --name team", "[Name, State]", r#"["team", "ACTIVE"]"#),
    ("scheduler list-schedule-groups", "ScheduleGroups[].Name", r#"["default", "team"]"#),
    (
        "scheduler create-schedule --name tick --group-name team --schedule-expression 'rate(1 hour)' \
         --flexible-time-window Mode=OFF \
         --target Arn=arn:aws:sqs:ap-northeast-1:000000000000:ticks,RoleArn=arn:aws:iam::000000000000:role/any,Input=tick",
        "ends_with(ScheduleArn, ':schedule/team/tick')",
        "true",
    ),
    // A rate begins at once.
    ("sqs receive-message --queue-url {ticks} --visibility-timeout 0", "Messages[].Body", r#"~ ["tick"]"#),
    (
        "scheduler get-schedule --name tick --group-name team",
        "[ScheduleExpression, State, ScheduleExpressionTimezone, Target.RetryPolicy.MaximumRetryAttempts]",
        r#"["rate(1 hour)", "ENABLED", "UTC", 185]"#,
    ),
    (
        "scheduler update-schedule --name tick --group-name team --schedule-expression 'cron(0 3 * * ? *)' \
         --schedule-expression-timezone Asia/Tokyo --state DISABLED --flexible-time-window Mode=OFF \
         --target Arn=arn:aws:sqs:ap-northeast-1:000000000000:ticks,RoleArn=arn:aws:iam::000000000000:role/any,Input=tick",
        "ScheduleArn != null",
        "true",
    ),
    ("scheduler list-schedules --group-name team", "Schedules[].[Name, State]", r#"[["tick", "DISABLED"]]"#),
    (
        "scheduler create-schedule --name bad --schedule-expression 'every hour' --flexible-time-window Mode=OFF \
         --target Arn=arn:aws:sqs:ap-northeast-1:000000000000:ticks,RoleArn=arn:aws:iam::000000000000:role/any,Input=tick",
        "",
        "! ValidationException",
    ),
    ("scheduler delete-schedule --name tick --group-name team", "", ""),
    ("scheduler get-schedule --name tick --group-name team", "", "! ResourceNotFoundException"),
    ("scheduler delete-schedule-group --name team", "", ""),
    ("lambda delete-function --function-name w", "", "*"),
];

fn control_with_the_first() {
    control(Tool::Aws1);
}

fn control_with_the_second() {
    control(Tool::Aws2);
}

fn control(aws: Tool) {
    let dir = tempfile::tempdir().unwrap();
    let zip = package(dir.path());
    play(&Serving::start(), aws, CONTROL.to_vec(), &[("zip", &zip)]);
}

fn ways_in_with_the_first() {
    ways_in(Tool::Aws1);
}

fn ways_in_with_the_second() {
    ways_in(Tool::Aws2);
}

fn ways_in(aws: Tool) {
    let dir = tempfile::tempdir().unwrap();
    let zip = package(dir.path());
    play(&Serving::start(), aws, WAYS_IN.to_vec(), &[("zip", &zip)]);
}

fn sqs_with_the_first() {
    let serving = Serving::start();
    play(&serving, Tool::Aws1, [QUEUES, MOVE_TASKS, QUEUES_END].concat(), &[]);
}

fn sqs_with_the_second() {
    let serving = Serving::start();
    play(&serving, Tool::Aws2, [QUEUES, QUEUES_END].concat(), &[]);
}

fn lambda_with_the_first() {
    lambda(Tool::Aws1);
}

fn lambda_with_the_second() {
    lambda(Tool::Aws2);
}

fn lambda(aws: Tool) {
    let dir = tempfile::tempdir().unwrap();
    let (zip, event, out) = (package(dir.path()), dir.path().join("event.json"), dir.path().join("out.json"));
    std::fs::write(&event, r#"{"name": "you"}"#).unwrap();
    let files: [(&str, &Path); 3] = [("zip", &zip), ("event", &event), ("out", &out)];
    let serving = Serving::start();
    play(&serving, aws, FUNCTIONS.to_vec(), &files);
    let answer: Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(answer, serde_json::json!({ "hello": "you", "function": "hello" }));
}

fn the_tables_have_every_operation() {
    let count = |service: &str| {
        let lines = [QUEUES, MOVE_TASKS, QUEUES_END, FUNCTIONS, CONTROL, WAYS_IN].concat();
        let operations = lines.iter().filter_map(|(command, ..)| {
            let mut words = command.split_whitespace();
            (words.next() == Some(service)).then(|| words.next().unwrap())
        });
        operations.filter(|operation| *operation != "wait").collect::<BTreeSet<_>>().len()
    };
    assert_eq!((count("sqs"), count("lambda"), count("logs")), (23, 45, 14));
    assert_eq!((count("application-autoscaling"), count("scheduler")), (10, 12));
}

/// Runs the lines in their order.
fn play(serving: &Serving, aws: Tool, lines: Vec<Line>, files: &[(&str, &Path)]) {
    let mut known: Vec<(String, String)> =
        files.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string())).collect();
    for (command, query, expected) in lines {
        let command = known
            .iter()
            .fold(command.to_owned(), |command, (name, value)| command.replace(&format!("{{{name}}}"), value));
        let ask = || ask(serving, aws, &command, query);
        if let Some(name) = expected.strip_prefix("-> ") {
            let value = answer(&command, &ask());
            let value = value.as_str().unwrap_or_else(|| panic!("{command}\nnothing for {name}")).to_owned();
            known.retain(|(earlier, _)| earlier != name);
            known.push((name.to_owned(), value));
        } else if let Some(code) = expected.strip_prefix("! ") {
            let printed = ask();
            let refused = printed.code != Some(0) && printed.stderr.contains(&format!("({code})"));
            assert!(refused, "{command}\nwas to be refused with {code}: {printed:?}");
        } else if let Some(expected) = expected.strip_prefix("~ ") {
            eventually(&command, || (answer(&command, &ask()) == json(expected)).then_some(()));
        } else if expected == "*" {
            answer(&command, &ask());
        } else {
            assert_eq!(answer(&command, &ask()), json(expected), "{command}");
        }
    }
}

fn ask(serving: &Serving, aws: Tool, command: &str, query: &str) -> Printed {
    let mut shell = serving.client(Path::new("sh"));
    let selection = if query.is_empty() { "" } else { "--query \"$QUERY\"" };
    let line = format!("\"$AWS\" --endpoint-url \"$AWS_ENDPOINT_URL\" --output json {command} {selection}");
    shell.arg("-c").arg(line).env("AWS", aws.path().unwrap()).env("QUERY", query);
    run(shell)
}

fn answer(command: &str, printed: &Printed) -> Value {
    assert_eq!(printed.code, Some(0), "{command}\n{}{}", printed.stdout, printed.stderr);
    json(&printed.stdout)
}

/// Nothing is `null`.
fn json(text: &str) -> Value {
    if text.trim().is_empty() {
        Value::Null
    } else {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}
