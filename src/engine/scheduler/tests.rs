//! Schedules through [`Engine::handle`] alone, in virtual time.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Call, Command, DeadLetterConfig, FlexibleTimeWindow, ListSchedules, Outcome, Response, RetryPolicy,
    ScheduleActivity, ScheduleRequest, ScheduleSettings, Scheduler, SchedulerError, SchedulerErrorKind,
    SchedulerRecord, SqsParameters, Tag, Target,
};
use crate::{
    engine::{
        self, Cx, Effect, Engine, EngineConfig, Error, Input, Record, RecordEntry, RecordKey, RequestToken,
        sqs::{self, CreateQueue, ReceiveMessage},
    },
    model::{AccountId, IdSource, Region, Scope, Timestamp},
};

/// 2026-11-24T10:53:53Z.
const START_MS: u64 = 1_795_517_633_000;
const MINUTE_MS: u64 = 60_000;
const ROLE: &str = "arn:aws:iam::123456789012:role/any";

struct World {
    engine: Engine,
    now: Timestamp,
    tokens: u64,
    store: BTreeMap<RecordKey, Record>,
}

impl World {
    /// A world with the queues `q` and `dlq`.
    fn new() -> Self {
        let now = Timestamp::from_millis(START_MS);
        let mut world = Self { engine: Engine::new(EngineConfig::default()), now, tokens: 0, store: BTreeMap::new() };
        for name in ["q", "dlq"] {
            let create = CreateQueue { queue_name: Some(name.into()), ..CreateQueue::default() };
            world.ask(engine::Command::Sqs(sqs::Command::CreateQueue(create))).unwrap();
        }
        world
    }

    fn restarted(self, later_ms: u64) -> Self {
        let now = self.now.plus_millis(later_ms);
        let engine = Engine::restore(EngineConfig::default(), now, self.store.values().cloned()).unwrap();
        Self { engine, now, ..self }
    }

    fn handle(&mut self, input: Input) -> Option<engine::Reply> {
        let (mut effects, mut answer) = (Vec::new(), None);
        self.engine.handle(self.now, input, &mut effects);
        for effect in effects {
            match effect {
                Effect::Record(record) if record.is_removal() => drop(self.store.remove(&record.key())),
                Effect::Record(record) => drop(self.store.insert(record.key(), record)),
                Effect::Reply { reply, .. } => answer = Some(reply),
                _ => {}
            }
        }
        answer
    }

    fn ask(&mut self, command: engine::Command) -> engine::Reply {
        self.tokens += 1;
        let scope = Arc::new(Scope { account: AccountId::parse("123456789012").unwrap(), region: Region::default() });
        self.handle(Input::Request { token: RequestToken(self.tokens), scope, command }).expect("answered at once")
    }

    fn call(&mut self, command: Command) -> Result<Response, SchedulerError> {
        match self.ask(engine::Command::Scheduler(Box::new(command))) {
            Ok(engine::Response::Scheduler(response)) => Ok(response),
            Err(Error::Scheduler(error)) => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, expression: &str, change: impl FnOnce(&mut ScheduleRequest)) {
        let mut schedule = request(expression);
        change(&mut schedule);
        self.call(Command::CreateSchedule { name: "s".into(), schedule }).unwrap();
    }

    fn wait(&mut self, ms: u64) {
        let end = self.now.plus_millis(ms);
        while let Some(deadline) = self.engine.next_deadline().filter(|deadline| *deadline <= end) {
            self.now = deadline.max(self.now);
            self.handle(Input::Tick);
        }
        self.now = end;
    }

    fn messages(&mut self, queue: &str) -> Vec<sqs::ReceivedMessage> {
        let receive = ReceiveMessage {
            queue_url: format!("http://localhost/123456789012/{queue}"),
            max_number_of_messages: Some(10),
            message_attribute_names: vec!["All".into()],
            ..ReceiveMessage::default()
        };
        match self.ask(engine::Command::Sqs(sqs::Command::ReceiveMessage(receive))) {
            Ok(engine::Response::Sqs(sqs::Response::ReceiveMessage { messages })) => {
                for message in &messages {
                    let delete = sqs::DeleteMessage {
                        queue_url: format!("http://localhost/123456789012/{queue}"),
                        receipt_handle: Some(message.receipt_handle.to_string()),
                    };
                    self.ask(engine::Command::Sqs(sqs::Command::DeleteMessage(delete))).unwrap();
                }
                messages
            }
            other => panic!("{other:?}"),
        }
    }

    fn bodies(&mut self) -> Vec<String> {
        self.messages("q").iter().map(|message| message.body.to_string()).collect()
    }

    fn activity(&mut self) -> Vec<ScheduleActivity> {
        match self.call(Command::DescribeActivity) {
            Ok(Response::Activity(activity)) => activity,
            other => panic!("{other:?}"),
        }
    }
}

fn queue_arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:123456789012:{name}")
}

fn request(expression: &str) -> ScheduleRequest {
    ScheduleRequest {
        settings: ScheduleSettings {
            schedule_expression: Some(expression.into()),
            flexible_time_window: Some(FlexibleTimeWindow {
                mode: Some("OFF".into()),
                maximum_window_in_minutes: None,
            }),
            target: Some(Target {
                arn: Some(queue_arn("q")),
                role_arn: Some(ROLE.into()),
                input: Some("<aws.scheduler.scheduled-time>".into()),
                ..Target::default()
            }),
            ..ScheduleSettings::default()
        },
        ..ScheduleRequest::default()
    }
}

#[test]
fn a_rate_fires_at_once_and_then_at_its_rate() {
    let mut world = World::new();
    world.create("rate(5 minutes)", |_| ());
    assert_eq!(world.bodies(), ["2026-11-24T10:53:53Z"]);
    world.wait(5 * MINUTE_MS - 1);
    assert!(world.bodies().is_empty());
    world.wait(1);
    assert_eq!(world.bodies(), ["2026-11-24T10:58:53Z"]);
    // What was missed is not made up for.
    let mut world = world.restarted(12 * MINUTE_MS);
    world.wait(3 * MINUTE_MS);
    assert_eq!(world.bodies(), ["2026-11-24T11:13:53Z"]);
}

#[test]
fn cron_fires_between_its_dates() {
    let mut world = World::new();
    let at = |minutes: f64| Some(START_MS as f64 / 1000.0 + minutes * 60.0);
    world.create("cron(* * * * ? *)", |schedule| {
        schedule.settings.start_date = at(2.0);
        schedule.settings.end_date = at(4.0);
        schedule.settings.action_after_completion = Some("DELETE".into());
    });
    world.wait(10 * MINUTE_MS);
    assert_eq!(world.bodies(), ["2026-11-24T10:56:00Z", "2026-11-24T10:57:00Z"]);
    assert!(world.activity().is_empty(), "it is over");
    assert!(world.restarted(0).activity().is_empty());
}

#[test]
fn a_time_comes_once_and_late_rather_than_never() {
    let mut world = World::new();
    world.create("at(2026-11-24T11:00:00)", |_| ());
    assert_eq!(world.activity()[0].next_ms, Some(START_MS + 6 * MINUTE_MS + 7_000));
    let mut world = world.restarted(60 * MINUTE_MS);
    world.wait(0);
    assert_eq!(world.bodies(), ["2026-11-24T11:00:00Z"]);
    assert_eq!(world.activity()[0].next_ms, None, "it stays, and does nothing");
    let mut world = world.restarted(0);
    world.wait(MINUTE_MS);
    assert!(world.bodies().is_empty());
}

#[test]
fn a_flexible_window_delays_within_its_bounds() {
    let mut world = World::new();
    world.create("at(2026-11-24T11:00:00)", |schedule| {
        schedule.settings.flexible_time_window =
            Some(FlexibleTimeWindow { mode: Some("FLEXIBLE".into()), maximum_window_in_minutes: Some(10) });
    });
    world.wait(6 * MINUTE_MS + 7_000);
    let before = world.bodies().len();
    world.wait(10 * MINUTE_MS);
    assert_eq!(before + world.bodies().len(), 1);
}

#[test]
fn a_disabled_schedule_waits() {
    let mut world = World::new();
    world.create("rate(1 minute)", |schedule| schedule.settings.state = Some("DISABLED".into()));
    world.wait(5 * MINUTE_MS);
    assert!(world.bodies().is_empty());
    let schedule = request("rate(1 minute)");
    world.call(Command::UpdateSchedule { name: "s".into(), schedule }).unwrap();
    world.wait(0);
    assert_eq!(world.bodies().len(), 1);
    world.call(Command::DeleteSchedule { name: "s".into(), group_name: None }).unwrap();
    world.wait(5 * MINUTE_MS);
    assert!(world.bodies().is_empty());
    assert_eq!(world.engine.next_deadline(), None);
}

#[test]
fn what_cannot_be_delivered_is_a_dead_letter() {
    let mut world = World::new();
    world.create("at(2026-11-24T11:00:00)", |schedule| {
        let target = schedule.settings.target.as_mut().unwrap();
        target.arn = Some("arn:aws:lambda:us-east-1:123456789012:function:gone".into());
        target.input = Some("{}".into());
        target.dead_letter_config = Some(DeadLetterConfig { arn: Some(queue_arn("dlq")) });
    });
    world.wait(10 * MINUTE_MS);
    let letters = world.messages("dlq");
    assert_eq!(letters.len(), 1);
    let attributes = letters[0].message_attributes.clone();
    let text = |name: &str| {
        let (_, value) = attributes.iter().find(|(found, _)| found == name).unwrap();
        value.string_value.clone().unwrap()
    };
    assert_eq!(letters[0].body.as_ref(), "{}");
    assert_eq!((text("ERROR_CODE"), text("RETRY_ATTEMPTS")), ("ResourceNotFoundException".into(), "0".into()));
    assert_eq!(text("SCHEDULED_TIME"), "2026-11-24T11:00:00Z");
    assert_eq!(text("SCHEDULE_ARN"), "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s");
}

#[test]
fn targets_get_their_input() {
    let check = |change: &dyn Fn(&mut Target), expected: &str| {
        let mut world = World::new();
        world.create("at(2026-11-24T10:00:00)", |schedule| change(schedule.settings.target.as_mut().unwrap()));
        let bodies = world.bodies();
        assert!(bodies.len() == 1 && bodies[0].contains(expected), "{bodies:?}");
    };
    check(&|target| target.input = None, r#""detail-type":"Scheduled Event""#);
    check(
        &|target| target.input = Some("<aws.scheduler.schedule-arn> <aws.scheduler.attempt-number>".into()),
        "arn:aws:scheduler:us-east-1:123456789012:schedule/default/s 1",
    );
    check(
        &|target| {
            target.arn = Some("arn:aws:scheduler:::aws-sdk:sqs:sendMessage".into());
            target.input = Some(r#"{"QueueUrl":"http://x/123456789012/q","MessageBody":"hello"}"#.into());
        },
        "hello",
    );
}

#[test]
fn groups_hold_schedules_and_tags() {
    let mut world = World::new();
    let tags = vec![Tag { key: "team".into(), value: "a".into() }];
    let group = |name: &str| Command::CreateScheduleGroup { name: name.into(), tags: tags.clone(), client_token: None };
    world.call(group("g")).unwrap();
    assert_eq!(world.call(group("g")).unwrap_err().kind, SchedulerErrorKind::Conflict);
    world.create("rate(1 day)", |schedule| schedule.group_name = Some("g".into()));
    world.create("rate(1 day)", |_| ());
    let arn = "arn:aws:scheduler:us-east-1:123456789012:schedule-group/g".to_owned();
    assert_eq!(world.call(Command::ListTagsForResource { arn: arn.clone() }), Ok(Response::Tags(tags.clone())));
    let mut world = world.restarted(0);
    assert_eq!(world.call(Command::ListTagsForResource { arn }), Ok(Response::Tags(tags.clone())));
    let listed = |world: &mut World, list: ListSchedules| match world.call(Command::ListSchedules(list)) {
        Ok(Response::Schedules { schedules, next_token }) => {
            (schedules.into_iter().map(|found| found.group_name).collect::<Vec<_>>(), next_token)
        }
        other => panic!("{other:?}"),
    };
    let (first, next) = listed(&mut world, ListSchedules { max_results: Some(1), ..ListSchedules::default() });
    assert_eq!(first, ["default"]);
    assert_eq!(listed(&mut world, ListSchedules { next_token: next, ..ListSchedules::default() }).0, ["g"]);
    world.call(Command::DeleteScheduleGroup { name: "g".into() }).unwrap();
    assert_eq!(listed(&mut world, ListSchedules::default()).0, ["default"]);
    assert!(world.call(Command::DeleteScheduleGroup { name: "default".into() }).is_err());
}

#[test]
fn bad_schedules_are_refused() {
    let mut world = World::new();
    let mut refused = |change: &dyn Fn(&mut ScheduleRequest), expected: &str| {
        let mut schedule = request("rate(1 minute)");
        change(&mut schedule);
        let error = world.call(Command::CreateSchedule { name: "s".into(), schedule }).unwrap_err();
        assert!(error.message.contains(expected), "{error}");
    };
    refused(
        &|schedule| schedule.settings.schedule_expression = Some("every minute".into()),
        "Invalid Schedule Expression every minute.",
    );
    refused(&|schedule| schedule.settings.schedule_expression_timezone = Some("Mars".into()), "Timezone Mars");
    refused(&|schedule| schedule.settings.start_date = Some(1.0), "cannot be earlier than 5 minutes ago");
    refused(&|schedule| schedule.group_name = Some("gone".into()), "Schedule group gone does not exist.");
    let target = |change: fn(&mut Target)| {
        move |schedule: &mut ScheduleRequest| change(schedule.settings.target.as_mut().unwrap())
    };
    refused(&target(|target| target.arn = Some("nothing".into())), "Provided Arn is not in correct format.");
    refused(&target(|target| target.arn = Some("arn:aws:sns:us-east-1:1:t".into())), "functions and queues alone");
    refused(&target(|target| target.arn = Some(queue_arn("q.fifo"))), "MessageGroupId is required");
    refused(
        &target(|target| target.dead_letter_config = Some(DeadLetterConfig { arn: Some("x".into()) })),
        "dead-letter queue x",
    );
    refused(
        &target(|target| {
            target.sqs_parameters = Some(SqsParameters { message_group_id: None });
            target.ecs_parameters = Some(serde_json::json!({}));
        }),
        "`EcsParameters`",
    );
    world.create("rate(1 minute)", |_| ());
    let again = world.call(Command::CreateSchedule { name: "s".into(), schedule: request("rate(1 minute)") });
    assert_eq!(again.unwrap_err().message, "Schedule s already exists.");
    let gone = world.call(Command::GetSchedule { name: "t".into(), group_name: None });
    assert_eq!(gone.unwrap_err().message, "Schedule t does not exist.");
}

/// A scheduler without a world around it: its targets are as busy as a test says.
struct Alone {
    scheduler: Scheduler,
    now: Timestamp,
    scope: Arc<Scope>,
    ids: IdSource,
    store: BTreeMap<RecordKey, Record>,
}

impl Alone {
    fn new() -> Self {
        let scope = Arc::new(Scope { account: AccountId::parse("123456789012").unwrap(), region: Region::default() });
        Self {
            scheduler: Scheduler::new(Arc::clone(&scope)),
            now: Timestamp::from_millis(START_MS),
            scope,
            ids: IdSource::new(7),
            store: BTreeMap::new(),
        }
    }

    fn with<T>(&mut self, run: impl FnOnce(&mut Scheduler, &mut Cx<'_>) -> T) -> T {
        let (scope, config, mut effects) = (Arc::clone(&self.scope), EngineConfig::default(), Vec::new());
        let mut cx = Cx { now: self.now, scope: &scope, config: &config, ids: &mut self.ids, effects: &mut effects };
        let found = run(&mut self.scheduler, &mut cx);
        for effect in effects {
            match effect {
                Effect::Record(record) if record.is_removal() => drop(self.store.remove(&record.key())),
                Effect::Record(record) => drop(self.store.insert(record.key(), record)),
                other => panic!("{other:?}"),
            }
        }
        found
    }

    /// With what was written down, and nothing else.
    fn restart(&mut self) {
        self.scheduler = Scheduler::new(Arc::clone(&self.scope));
        for record in self.store.values().cloned() {
            let RecordEntry::Scheduler(record) = record.entry else { panic!("{record:?}") };
            self.scheduler.restore(*record).unwrap();
        }
        self.with(Scheduler::resume);
    }

    /// The attempt that is due next, told to have come to `outcome`; with its number, and a dead letter's attributes.
    fn next(&mut self, outcome: Outcome) -> (String, Option<BTreeMap<String, String>>) {
        self.now = self.scheduler.next_deadline().expect("an attempt is due");
        self.with(|scheduler, cx| {
            let delivery = scheduler.take_due(cx).unwrap();
            let Ok(Call::Send { body, .. }) = delivery.call(cx) else { panic!("{delivery:?}") };
            let letter = scheduler.ended(cx, delivery, outcome);
            let attributes = letter.map(|(_, letter)| letter.message_attributes.into_iter());
            let text = |(name, value): (String, sqs::MessageAttributeValue)| (name, value.string_value.unwrap());
            (body, attributes.map(|attributes| attributes.map(text).collect()))
        })
    }

    fn waiting(&self) -> usize {
        let is_delivery = |record: &&Record| matches!(&record.entry, RecordEntry::Scheduler(record) if matches!(**record, SchedulerRecord::Delivery(_)));
        self.store.values().filter(is_delivery).count()
    }
}

#[test]
fn what_is_tried_again_goes_on_after_a_restart() {
    let busy = || Outcome::Busy { code: "TooManyRequestsException", message: "later".into() };
    let begun = |retries: u32| {
        let mut alone = Alone::new();
        let mut schedule = request("at(2026-11-24T11:00:00)");
        let target = schedule.settings.target.as_mut().unwrap();
        target.input = Some("<aws.scheduler.attempt-number>".into());
        target.retry_policy = Some(RetryPolicy { maximum_retry_attempts: Some(retries), ..RetryPolicy::default() });
        target.dead_letter_config = Some(DeadLetterConfig { arn: Some(queue_arn("dlq")) });
        let create = Command::CreateSchedule { name: "s".into(), schedule };
        alone.with(|scheduler, cx| scheduler.request(cx, create)).unwrap();
        assert_eq!(alone.next(busy()), ("1".into(), None));
        assert_eq!(alone.waiting(), 1);
        alone
    };
    // The waits go on doubling, also over restarts, and the time of each stays what it was.
    let mut alone = begun(2);
    let first = alone.now;
    alone.restart();
    assert_eq!(alone.scheduler.next_deadline(), Some(first.plus_millis(1_000)));
    assert_eq!(alone.next(busy()), ("2".into(), None));
    alone.restart();
    assert_eq!(alone.scheduler.next_deadline(), Some(first.plus_millis(3_000)));
    let (attempt, letter) = alone.next(busy());
    let letter = letter.unwrap();
    assert_eq!((attempt.as_str(), letter["RETRY_ATTEMPTS"].as_str()), ("3", "2"));
    assert_eq!(letter["EXHAUSTED_RETRY_CONDITION"], "MaximumRetryAttempts");
    assert_eq!(letter["SCHEDULED_TIME"], "2026-11-24T11:00:00Z");
    assert_eq!(alone.waiting(), 0);
    alone.restart();
    assert_eq!(alone.scheduler.next_deadline(), None);

    // One that succeeds, and one that is refused at last, leave nothing.
    for outcome in [Outcome::Done, Outcome::Refused { code: "ResourceNotFoundException", message: "gone".into() }] {
        let mut alone = begun(2);
        alone.restart();
        let is_done = outcome == Outcome::Done;
        assert_eq!(alone.next(outcome).1.is_none(), is_done);
        assert_eq!(alone.waiting(), 0);
    }
}
