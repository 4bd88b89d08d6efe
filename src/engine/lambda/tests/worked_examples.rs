//! The worked examples of AWS's pages about concurrency, with AWS's numbers.

use super::*;
use crate::engine::{ThrottleLimit, lambda::ThrottleReason};

/// Environments that answer `duration_ms` after each invocation, and clients that ask `per_second` times a second.
struct Traffic {
    world: World,
    duration_ms: u64,
    per_second: u64,
    /// Invocations that end, by their time.
    ends: BTreeMap<u64, Vec<EnvironmentId>>,
    seen: usize,
    running: usize,
    most_running: usize,
}

impl Traffic {
    fn new(concurrency_limit: u32, duration_ms: u64, per_second: u64) -> Self {
        let mut world = World::with(EngineConfig { concurrency_limit, ..EngineConfig::default() });
        let update = CreateFunction { timeout: Some(900), ..function("f") };
        world.call(create(update)).unwrap();
        Self { world, duration_ms, per_second, ends: BTreeMap::new(), seen: 0, running: 0, most_running: 0 }
    }

    /// Goes on for so long; how many invocations were let in, and how many throttled.
    fn flow(&mut self, ms: u64) -> (usize, usize) {
        let (let_in, throttled) = (self.world.invoked.len(), self.world.throttled_count());
        for _ in 0..ms {
            let now = self.world.now.as_millis();
            for id in self.ends.remove(&now).unwrap_or_default() {
                self.running -= 1;
                self.world.respond(id);
                self.world.environment(id, EnvironmentEvent::Next);
                self.give();
            }
            let asked = |ms: u64| ms * self.per_second / 1_000;
            let since = now - START_MS;
            for _ in asked(since)..asked(since + 1) {
                let launched = self.world.launched.len();
                self.world.invoke("f");
                for at in launched..self.world.launched.len() {
                    let id = self.world.launched[at].0;
                    self.world.environment(id, EnvironmentEvent::Next);
                }
                self.give();
            }
            self.world.wait(1);
        }
        (self.world.invoked.len() - let_in, self.world.throttled_count() - throttled)
    }

    /// Notes what environments were given.
    fn give(&mut self) {
        let end = self.world.now.as_millis() + self.duration_ms;
        for (id, _) in &self.world.invoked[self.seen..] {
            self.ends.entry(end).or_default().push(*id);
            self.running += 1;
        }
        self.seen = self.world.invoked.len();
        self.most_running = self.most_running.max(self.running);
    }
}

impl World {
    fn throttled_count(&mut self) -> usize {
        match self.call(Command::DescribeActivity) {
            Ok(Response::Activity(activity)) => {
                usize::try_from(activity.functions.iter().map(|function| function.throttles).sum::<u64>()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn invoke_times(&mut self, name: &str, times: usize) {
        for _ in 0..times {
            self.invoke(name);
        }
    }

    fn running(&mut self, name: &str) -> u32 {
        match self.call(Command::DescribeActivity) {
            Ok(Response::Activity(activity)) => {
                activity.functions.into_iter().find(|function| function.name == name).unwrap().running
            }
            other => panic!("{other:?}"),
        }
    }
}

/// "How to calculate concurrency": requests a second times seconds each.
#[test]
fn concurrency_is_requests_a_second_times_their_duration() {
    for (per_second, duration_ms, expected) in [(100, 500, 50), (200, 500, 100), (100, 1_000, 100)] {
        let mut traffic = Traffic::new(1_000, duration_ms, per_second);
        traffic.flow(3_000);
        assert_eq!(traffic.most_running, expected, "{per_second} a second of {duration_ms} ms");
    }
}

/// "Understanding reserved concurrency and provisioned concurrency": of 1,000, function-orange and function-blue reserve 400
/// each; all others share 200, and neither side gets what the other does not use.
#[test]
fn two_reservations_of_400_leave_200_to_all_others() {
    let mut world = World::new();
    for name in ["function-orange", "function-blue", "function-green", "function-red"] {
        world.create(name);
    }
    world.reserve("function-orange", 400).unwrap();
    world.reserve("function-blue", 400).unwrap();
    world.invoke_times("function-green", 150);
    world.invoke_times("function-red", 150);
    assert_eq!((world.running("function-green"), world.running("function-red")), (150, 50));
    let notice = world.throttled.last().unwrap();
    assert_eq!((notice.met, notice.limit), (ThrottleLimit::Pool, 200), "though blue and orange use none of theirs");
    assert_eq!(notice.reason, ThrottleReason::ConcurrentInvocationLimitExceeded);
    world.invoke_times("function-orange", 401);
    assert_eq!(world.running("function-orange"), 400, "all that it reserved, whatever the others do");
    let notice = world.throttled.last().unwrap();
    assert_eq!((notice.met, notice.limit), (ThrottleLimit::Reserved, 400));
    assert_eq!(notice.reason, ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded);
    world.invoke_times("function-blue", 400);
    assert_eq!(world.running("function-blue"), 400);
    let (_, message) = world.refusal(Command::PutFunctionConcurrency {
        name: named("function-green"),
        reserved_concurrent_executions: 101,
    });
    assert!(message.contains("below its minimum value of [100]"), "{message}");
}

/// The same page: 400 provisioned and nothing reserved. What is above spills over to the rest of the account, up to 1,000.
#[test]
fn provisioned_without_a_reservation_spills_over_to_the_rest_of_the_account() {
    let mut world = provisioned::world();
    world.try_provision("live", 400).unwrap();
    world.wait(4_000);
    world.all_ready(0);
    for _ in 0..1_001 {
        world.ask_for("live");
    }
    let activity = world.activity_of("f");
    assert_eq!((activity.running, activity.cold_starts, activity.spillovers), (1_000, 600, 600));
    assert_eq!(activity.throttles_by_limit, BTreeMap::from([(ThrottleLimit::Pool, 1)]));
}

/// "Lambda scaling behavior": whatever the demand, a function grows by 1,000 environments every 10 s, and what it does not
/// use of that is not saved up.
#[test]
fn demand_of_ten_thousand_is_reached_by_a_thousand_every_ten_seconds() {
    let mut world = World::with(EngineConfig { concurrency_limit: 10_000, ..EngineConfig::default() });
    world.call(create(CreateFunction { timeout: Some(900), ..function("f") })).unwrap();
    let mut reached = Vec::new();
    for second in 0..=60 {
        let from = world.launched.len();
        world.invoke_times("f", 1_100);
        world.all_ready(from);
        if second % 10 == 0 {
            reached.push(world.launched.len());
        }
        world.wait(1_000);
    }
    assert_eq!(reached, [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000]);
    world.wait(3_600_000);
    let before = world.launched.len();
    world.invoke_times("f", 1_100);
    assert_eq!(world.launched.len() - before, 1_000, "an hour's rest saves up no more than ten seconds");
}

/// "Understanding concurrency and requests per second": requests of 50 ms need 1,000 slots for 20,000 a second, but 1,000
/// slots take 10,000 requests a second.
#[test]
fn twenty_thousand_short_requests_a_second_meet_the_request_rate() {
    let mut traffic = Traffic::new(1_000, 50, 20_000);
    traffic.flow(2_000);
    let (let_in, throttled) = traffic.flow(1_000);
    assert_eq!((let_in, throttled), (10_000, 10_000));
    assert!(traffic.most_running <= 1_000);
    let notice = traffic.world.throttled.last().unwrap();
    assert_eq!((notice.met, notice.limit), (ThrottleLimit::RequestRate, 10_000));
    assert_eq!(notice.reason, ThrottleReason::FunctionInvocationRateLimitExceeded);
}

/// The same page: what helps is more concurrency. With 2,000 slots 20,000 requests a second are let in.
#[test]
fn with_twice_the_concurrency_all_of_them_are_let_in() {
    let mut traffic = Traffic::new(2_000, 50, 20_000);
    traffic.flow(1_000);
    let (let_in, throttled) = traffic.flow(1_000);
    assert_eq!((let_in, throttled, traffic.most_running), (20_000, 0, 1_000));
}

/// The same page: provisioned environments take ten requests a second each as well. Of 200 a second, of 50 ms each, ten of
/// them could do all at once, and do 100; the others spill over.
#[test]
fn ten_provisioned_take_a_hundred_requests_a_second() {
    let mut world = provisioned::world();
    world.try_provision("live", 10).unwrap();
    world.all_ready(0);
    let (mut ends, mut seen) = (BTreeMap::<u64, Vec<EnvironmentId>>::new(), 0);
    let mut counts = Vec::new();
    for ms in 0..3_000 {
        for id in ends.remove(&ms).unwrap_or_default() {
            world.respond(id);
            world.environment(id, EnvironmentEvent::Next);
        }
        if ms % 5 == 0 {
            let launched = world.launched.len();
            world.ask_for("live");
            world.all_ready(launched);
        }
        ends.entry(ms + 50).or_default().extend(world.invoked[seen..].iter().map(|(id, _)| *id));
        seen = world.invoked.len();
        world.wait(1);
        if ms % 1_000 == 999 {
            let activity = world.activity_of("f");
            counts.push((activity.invocations, activity.provisioned_invocations));
        }
    }
    assert_eq!(counts[2].0 - counts[1].0, 200);
    assert_eq!(counts[2].1 - counts[1].1, 100);
    assert_eq!(world.activity_of("f").throttles, 0);
}

/// The same page: with 100 ms each, the concurrency itself is the limit that is met.
#[test]
fn requests_of_100_ms_and_more_meet_concurrency_first() {
    let mut traffic = Traffic::new(1_000, 200, 10_000);
    traffic.flow(1_000);
    let (let_in, throttled) = traffic.flow(1_000);
    assert_eq!((let_in, throttled), (5_000, 5_000));
    assert_eq!(traffic.most_running, 1_000);
    let met = traffic.world.throttled.iter().all(|notice| notice.met == ThrottleLimit::Pool);
    assert!(met, "{:?}", traffic.world.throttled.last());
}
