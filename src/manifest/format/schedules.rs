//! `[schedules.NAME]`, and `url` of a function.

use super::{
    Others, Presence::Default, Presence::Derived, Presence::Required, Shape, Table, Text, key, map, rules, table,
};

/// More than any stack has; bounds what a manifest can ask for.
const SCHEDULES_MAX: usize = 1000;
const DESCRIPTION_MAX: usize = 512;
const CORS_MAX: usize = 100;
const GROUP_MAX: usize = 128;
const RETRIES_MAX: i64 = 185;
const MINUTE_S: u64 = 60;
const DAY_S: u64 = 86_400;

pub(super) static SCHEDULES: Table = map("The stack's schedules, by name.", &SCHEDULE_KEYS);

static SCHEDULE_KEYS: Others =
    Others { noun: "a schedule", names: &rules::WORD, max: SCHEDULES_MAX, shape: Shape::Table(&SCHEDULE) };

static SCHEDULE: Table = table(
    "A schedule that invokes a function or sends to a queue. Its name on the target is its key, its group the stack.",
    &[
        key(
            "expression",
            Shape::Text(Text::Rule(&rules::SCHEDULE)),
            Required,
            "ScheduleExpression",
            "When: `rate(5 minutes)`, `cron(0 9 ? * MON-FRI *)`, or once, `at(2030-01-01T09:00:00)`.",
        ),
        key(
            "timezone",
            Shape::Text(Text::Rule(&rules::NOT_EMPTY)),
            Default("\"UTC\""),
            "ScheduleExpressionTimezone",
            "On whose clock, by its IANA name: `Europe/Berlin`.",
        ),
        key(
            "function",
            Shape::Text(Text::Free { max: 64 }),
            Derived("`queue` says what is invoked"),
            "Target.Arn",
            "The function that is invoked, by its key.",
        ),
        key(
            "queue",
            Shape::Text(Text::QueueKey),
            Derived("`function` says what is invoked"),
            "Target.Arn",
            "The queue that gets a message, by its key.",
        ),
        key(
            "message_group",
            Shape::Text(Text::Free { max: GROUP_MAX }),
            Derived("needed by FIFO queues alone"),
            "SqsParameters.MessageGroupId",
            "The message group in a FIFO queue.",
        ),
        key(
            "input",
            Shape::Text(Text::Template),
            Derived("an event that says which schedule it was"),
            "Target.Input",
            "The event or the message. `<aws.scheduler.scheduled-time>` and its like are replaced at each time.",
        ),
        key(
            "description",
            Shape::Text(Text::Free { max: DESCRIPTION_MAX }),
            Default("\"\""),
            "Description",
            "What the schedule is for.",
        ),
        key(
            "flexible_window",
            Shape::Seconds { min: MINUTE_S, max: DAY_S },
            Derived("it fires at its time"),
            "FlexibleTimeWindow",
            "How long after its time it may fire, in whole minutes.",
        ),
        key(
            "dead_letter",
            Shape::Text(Text::QueueKey),
            Derived("what cannot be delivered is lost"),
            "DeadLetterConfig",
            "The queue for what cannot be delivered, by its key.",
        ),
        key(
            "max_retries",
            Shape::Integer { min: 0, max: RETRIES_MAX },
            Default("185"),
            "MaximumRetryAttempts",
            "How often a delivery is tried again.",
        ),
        key(
            "max_age",
            Shape::Seconds { min: MINUTE_S, max: DAY_S },
            Default("\"1d\""),
            "MaximumEventAgeInSeconds",
            "How long a delivery is tried.",
        ),
        key(
            "role",
            Shape::Text(Text::Rule(&rules::ROLE)),
            Derived("a placeholder on local targets; needed on AWS"),
            "Target.RoleArn",
            "The ARN of the role with which it invokes.",
        ),
        key("enabled", Shape::Bool, Default("true"), "State", "Whether it fires."),
    ],
);

pub(super) static URL: Table = table(
    "An HTTP endpoint of the function's own.",
    &[
        key(
            "auth",
            Shape::OneOf(&["none", "iam"]),
            Default("\"none\""),
            "AuthType",
            "Whether anybody may call it, or only who signs.",
        ),
        key(
            "invoke_mode",
            Shape::OneOf(&["buffered", "stream"]),
            Default("\"buffered\""),
            "InvokeMode",
            "Whether the answer comes as a whole or as the function writes it.",
        ),
        key(
            "cors",
            Shape::Table(&CORS),
            Derived("CORS is the function's own business"),
            "Cors",
            "Which pages of other origins may call it.",
        ),
    ],
);

static CORS: Table = table(
    "Which pages of other origins may call it.",
    &[
        key("allow_origins", LIST, Default("[]"), "AllowOrigins", "The origins, or `\"*\"` for all."),
        key("allow_methods", LIST, Default("[]"), "AllowMethods", "The methods, or `\"*\"` for all."),
        key("allow_headers", LIST, Default("[]"), "AllowHeaders", "The headers that a request may have."),
        key("expose_headers", LIST, Default("[]"), "ExposeHeaders", "The headers of the answer that a page may read."),
        key("allow_credentials", Shape::Bool, Default("false"), "AllowCredentials", "Whether cookies may come along."),
        key(
            "max_age",
            Shape::Seconds { min: 0, max: DAY_S },
            Derived("the browser's own"),
            "MaxAge",
            "How long a browser may remember this.",
        ),
    ],
);

const LIST: Shape = Shape::List { item: &ITEM, max: CORS_MAX };
static ITEM: Shape = Shape::Text(Text::Free { max: 1024 });
