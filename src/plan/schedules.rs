//! Schedules: all of a stack are in one schedule group, whose tag says whose it is.

use super::{
    Action, Call,
    draft::{Draft, Inputs, NewStep},
    functions, queues,
    tags::owned,
};
use crate::stack::{Address, Desired, DesiredSchedule, Observed, ScheduleSettings, ScheduleTarget};

/// Steps for each declared schedule, after those of what it invokes.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    if inputs.desired.schedules.is_empty() {
        return;
    }
    let group = inputs.desired.name.to_string();
    if !inputs.observed.has_schedule_group {
        let tags = owned(inputs.desired, &Address::Schedules, &std::collections::BTreeMap::new());
        let call = Call::CreateScheduleGroup { name: group.clone(), tags };
        draft.push(NewStep::new(Address::Schedules, Action::Create, call, ""), []);
    }
    for (key, schedule) in &inputs.desired.schedules {
        let Some(wanted) = resolve(draft, key, schedule, inputs) else { continue };
        let (group, name) = (group.clone(), key.clone());
        let (action, call, cause) = match inputs.observed.schedules.get(key) {
            Some(found) if *found == wanted => continue,
            Some(found) => {
                let cause = changes(found, &wanted);
                (Action::Update, Call::UpdateSchedule { group, name, settings: Box::new(wanted) }, cause)
            }
            None => {
                let call = Call::CreateSchedule { group, name, settings: Box::new(wanted) };
                (Action::Create, call, String::new())
            }
        };
        let mut after = draft.steps_at(&Address::Schedules);
        after.extend(match &schedule.target {
            ScheduleTarget::Function(function) => draft.steps_at(&functions::address(function)),
            ScheduleTarget::Queue { queue, .. } => draft.steps_at(&queues::address(queue)),
        });
        after.extend(schedule.dead_letter.iter().flat_map(|queue| draft.steps_at(&queues::address(queue))));
        draft.push(NewStep::new(Address::Schedule(key.clone()), action, call, cause), after);
    }
}

/// Steps that delete the schedules which no longer stand in the manifest, and their group when there are none.
pub(super) fn delete_undeclared(draft: &mut Draft, inputs: &Inputs<'_>) {
    let Inputs { desired, observed, .. } = inputs;
    let group = desired.name.to_string();
    for name in observed.schedules.keys().filter(|name| !desired.schedules.contains_key(*name)) {
        delete(draft, &group, name);
    }
    if desired.schedules.is_empty() {
        delete_group(draft, desired, observed);
    }
}

/// Steps that delete every schedule.
pub(super) fn delete_all(draft: &mut Draft, observed: &Observed) {
    let Some(group) = &observed.schedule_group else { return };
    for name in observed.schedules.keys() {
        delete(draft, group, name);
    }
    push_group_deletion(draft, group);
}

fn delete_group(draft: &mut Draft, desired: &Desired, observed: &Observed) {
    if observed.has_schedule_group {
        push_group_deletion(draft, desired.name.as_str());
    }
}

fn delete(draft: &mut Draft, group: &str, name: &str) {
    let call = Call::DeleteSchedule { group: group.to_owned(), name: name.to_owned() };
    draft.push(NewStep::new(Address::Schedule(name.to_owned()), Action::Delete, call, ""), []);
}

/// After its schedules, each of which is a deletion of its own.
fn push_group_deletion(draft: &mut Draft, group: &str) {
    let call = Call::DeleteScheduleGroup { name: group.to_owned() };
    let after = draft.schedule_deletions();
    draft.push(NewStep::new(Address::Schedules, Action::Delete, call, ""), after);
}

/// The schedule as a target would be told to make it; `None`, with problems noted, when that is not known.
fn resolve(draft: &mut Draft, key: &str, schedule: &DesiredSchedule, inputs: &Inputs<'_>) -> Option<ScheduleSettings> {
    let address = || Address::Schedule(key.to_owned());
    let Inputs { desired, facts, .. } = inputs;
    let queue_arn = |key: &str| desired.queues.get(key).map(|queue| facts.queue_arn(&queue.name).to_string());
    let (target, message_group) = match &schedule.target {
        ScheduleTarget::Function(key) => {
            (desired.functions.get(key).map(|function| facts.function_arn(&function.name)), None)
        }
        ScheduleTarget::Queue { queue, group } => (queue_arn(queue), group.clone()),
    };
    let role = schedule.role.as_ref().or(facts.default_role.as_ref());
    if role.is_none() {
        let message = format!("the target `{}` needs a role for this schedule", facts.name);
        draft.problem(address(), message, "set `role` to the ARN of a role that EventBridge Scheduler may assume");
    }
    let input = match schedule.input.as_ref().map(|input| facts.render(input, desired, inputs.observed)).transpose() {
        Ok(input) => input,
        Err(other) => {
            draft.unresolved(address(), &other);
            return None;
        }
    };
    Some(ScheduleSettings {
        expression: schedule.expression.clone(),
        timezone: schedule.timezone.clone(),
        description: schedule.description.clone(),
        target: target?,
        role: role?.clone(),
        message_group,
        input,
        window_minutes: schedule.window_minutes,
        dead_letter: schedule.dead_letter.as_deref().and_then(queue_arn),
        max_retries: schedule.max_retries,
        max_age_s: schedule.max_age_s,
        enabled: schedule.enabled,
    })
}

/// What changes, by the manifest's keys. Inputs may hold secrets and are not shown.
fn changes(found: &ScheduleSettings, wanted: &ScheduleSettings) -> String {
    let mut causes = Vec::new();
    if found.expression != wanted.expression {
        causes.push(format!("expression {} -> {}", found.expression, wanted.expression));
    }
    if found.timezone != wanted.timezone {
        causes.push(format!("timezone {} -> {}", found.timezone, wanted.timezone));
    }
    if found.enabled != wanted.enabled {
        causes.push(format!("enabled {} -> {}", found.enabled, wanted.enabled));
    }
    let others = [
        ("target", found.target != wanted.target || found.message_group != wanted.message_group),
        ("input", found.input != wanted.input),
        ("description", found.description != wanted.description),
        ("flexible_window", found.window_minutes != wanted.window_minutes),
        ("dead_letter", found.dead_letter != wanted.dead_letter),
        ("retries", (found.max_retries, found.max_age_s) != (wanted.max_retries, wanted.max_age_s)),
        ("role", found.role != wanted.role),
    ];
    causes.extend(others.iter().filter(|(_, differs)| *differs).map(|(name, _)| format!("{name} changed")));
    causes.join(", ")
}
