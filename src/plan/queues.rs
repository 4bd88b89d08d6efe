//! Queues: which to make, what of them to change, which to let go.

use std::collections::BTreeSet;

use super::{
    Action, Call, Danger, QueueAttributes, StepId,
    attributes::{self, Wanted},
    draft::{Draft, Inputs, NewStep},
    tags::{TagChanges, owned},
};
use crate::{
    model::QueueName,
    stack::{Address, Desired, DesiredQueue, Observed, ObservedQueue, Tags},
};

/// Steps for each declared queue, a dead-letter queue before its sources.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    let mut later = Vec::new();
    for key in dead_letters_first(inputs.desired) {
        let queue = &inputs.desired.queues[key];
        let found = inputs.observed.queues.get(&queue.name);
        let Some(mut wanted) = attributes::wanted(draft, key, queue, inputs) else { continue };
        if !dead_letter_is_there(draft, queue, inputs) {
            // Queues that are each other's dead-letter queue: one has to be made first, without it.
            let at = wanted.iter().position(Wanted::is_dead_letter);
            later.extend(at.map(|at| (key, wanted.remove(at))));
        }
        match found {
            Some(found) => {
                set_attributes(draft, key, queue, found, wanted);
                set_tags(draft, key, found, owned(inputs.desired, &address(key), &queue.tags));
            }
            None => create(draft, key, queue, inputs, &wanted),
        }
    }
    for (key, dead_letter) in later {
        set_dead_letter(draft, key, &dead_letter, inputs);
    }
}

/// Steps that delete the queues which no longer stand in the manifest, each after what still uses it has let go.
pub(super) fn delete_undeclared(draft: &mut Draft, inputs: &Inputs<'_>) {
    let going = undeclared(inputs.desired, inputs.observed);
    for name in sources_first(inputs.observed, &going) {
        let found = &inputs.observed.queues[name];
        let replacing = match found.address() {
            Address::Queue(key) if draft.replaced_name(&key) == Some(name) => inputs.desired.queues.get(&key),
            _ => None,
        };
        let (action, cause, after) = match replacing {
            Some(new) => {
                let cause = format!("`{name}` goes, `{}` is there", new.name);
                (Action::Replace, cause, draft.steps_at(&found.address()))
            }
            None => (Action::Delete, String::new(), Vec::new()),
        };
        delete(draft, name, found, (action, cause), after);
    }
}

/// Steps that delete every queue.
pub(super) fn delete_all(draft: &mut Draft, observed: &Observed) {
    for name in sources_first(observed, &observed.queues.keys().collect()) {
        delete(draft, name, &observed.queues[name], (Action::Delete, String::new()), Vec::new());
    }
}

/// The queues of the stack that do not stand in the manifest.
pub(super) fn undeclared<'a>(desired: &Desired, observed: &'a Observed) -> BTreeSet<&'a QueueName> {
    let declared: BTreeSet<_> = desired.queues.values().map(|queue| &queue.name).collect();
    observed.queues.keys().filter(|name| !declared.contains(name)).collect()
}

/// The address of a queue of the manifest.
pub(super) fn address(key: &str) -> Address {
    Address::Queue(key.to_owned())
}

fn create(draft: &mut Draft, key: &str, queue: &DesiredQueue, inputs: &Inputs<'_>, wanted: &[Wanted]) {
    let mut attributes: QueueAttributes =
        wanted.iter().filter_map(Wanted::at_creation).map(|(name, value)| (name, value.to_owned())).collect();
    if queue.fifo.is_some() {
        attributes.insert("FifoQueue", "true".to_owned());
    }
    let tags = owned(inputs.desired, &address(key), &queue.tags);
    let call = Call::CreateQueue { name: queue.name.clone(), attributes, tags };
    let (action, cause) = match draft.replaced_name(key) {
        Some(old) => (Action::Replace, format!("`fifo` changed, so `{}` is made beside `{old}`", queue.name)),
        None => (Action::Create, String::new()),
    };
    let after = dead_letter_steps(draft, queue);
    draft.push(NewStep::new(address(key), action, call, cause), after);
}

fn set_attributes(draft: &mut Draft, key: &str, queue: &DesiredQueue, found: &ObservedQueue, wanted: Vec<Wanted>) {
    let changed: Vec<Wanted> = wanted.into_iter().filter(|wanted| wanted.differs_from(found)).collect();
    if changed.is_empty() {
        return;
    }
    let mut causes: Vec<String> = changed.iter().map(|wanted| wanted.change_from(found)).collect();
    causes.dedup();
    let cause = causes.join(", ");
    let redrives = changed.iter().any(Wanted::is_dead_letter);
    let expires = found.approximate_messages > 0 && changed.iter().any(|wanted| wanted.shortens_retention(found));
    let danger = expires.then_some(Danger::ExpiresMessages { count: found.approximate_messages });
    let call = Call::SetQueueAttributes {
        url: found.url.clone(),
        attributes: changed.into_iter().map(|wanted| (wanted.attribute, wanted.value)).collect(),
    };
    let after = if redrives { dead_letter_steps(draft, queue) } else { Vec::new() };
    let step = draft.push(NewStep { danger, ..NewStep::new(address(key), Action::Update, call, cause) }, after);
    if let Some(old) = attributes::dead_letter_of(found).filter(|_| redrives) {
        draft.releases(&old.name, step);
    }
}

fn set_tags(draft: &mut Draft, key: &str, found: &ObservedQueue, wanted: Tags) {
    let TagChanges { set, unset, cause } = TagChanges::between(&found.tags, wanted);
    if !set.is_empty() {
        let call = Call::TagQueue { url: found.url.clone(), tags: set };
        draft.push(NewStep::new(address(key), Action::Update, call, cause), []);
    }
    if !unset.is_empty() {
        let cause = unset.join(", ");
        let call = Call::UntagQueue { url: found.url.clone(), keys: unset };
        draft.push(NewStep::new(address(key), Action::Update, call, cause), []);
    }
}

fn set_dead_letter(draft: &mut Draft, key: &str, wanted: &Wanted, inputs: &Inputs<'_>) {
    let queue = &inputs.desired.queues[key];
    let found = inputs.observed.queues.get(&queue.name);
    let (action, url, cause) = match found {
        Some(found) if !wanted.differs_from(found) => return,
        Some(found) => (Action::Update, found.url.clone(), wanted.change_from(found)),
        None => (Action::Create, inputs.facts.queue_url(&queue.name), wanted.shown()),
    };
    let after = [draft.steps_at(&address(key)), dead_letter_steps(draft, queue)].concat();
    let attributes = QueueAttributes::from([(wanted.attribute, wanted.value.clone())]);
    let call = Call::SetQueueAttributes { url, attributes };
    draft.push(NewStep::new(address(key), action, call, cause), after);
}

fn delete(
    draft: &mut Draft,
    name: &QueueName,
    found: &ObservedQueue,
    (action, cause): (Action, String),
    after: Vec<StepId>,
) {
    let count = found.approximate_messages;
    let danger = (count > 0).then_some(Danger::LosesMessages { count });
    let call = Call::DeleteQueue { url: found.url.clone() };
    let after = [after, draft.released_by(name)].concat();
    let step = draft.push(NewStep { danger, ..NewStep::new(found.address(), action, call, cause) }, after);
    if let Some(dead_letter) = attributes::dead_letter_of(found) {
        draft.releases(&dead_letter.name, step);
    }
}

fn dead_letter_is_there(draft: &Draft, queue: &DesiredQueue, inputs: &Inputs<'_>) -> bool {
    let Some(target) = queue.dead_letter.as_ref().map(|dead_letter| &dead_letter.queue) else { return true };
    let exists =
        inputs.desired.queues.get(target).is_some_and(|target| inputs.observed.queues.contains_key(&target.name));
    exists || !draft.steps_at(&address(target)).is_empty()
}

fn dead_letter_steps(draft: &Draft, queue: &DesiredQueue) -> Vec<StepId> {
    queue.dead_letter.as_ref().map_or_else(Vec::new, |dead_letter| draft.steps_at(&address(&dead_letter.queue)))
}

/// All keys; each after its dead-letter queue's, unless they go in a circle.
fn dead_letters_first(desired: &Desired) -> Vec<&str> {
    let next = |key: &&str| {
        let dead_letter = desired.queues[*key].dead_letter.as_ref()?;
        desired.queues.get_key_value(&dead_letter.queue).map(|(key, _)| key.as_str())
    };
    chains_last_first(desired.queues.keys().map(String::as_str), next)
}

/// All of `going`; each before its dead-letter queue, unless they go in a circle.
fn sources_first<'a>(observed: &'a Observed, going: &BTreeSet<&'a QueueName>) -> Vec<&'a QueueName> {
    let next = |name: &&QueueName| {
        let dead_letter = attributes::dead_letter_of(&observed.queues[*name])?;
        going.get(&dead_letter.name).copied()
    };
    let mut names = chains_last_first(going.iter().copied(), next);
    names.reverse();
    names
}

/// Each item after the one that `next` gives for it, as far as there is no circle; otherwise in the given order.
fn chains_last_first<T: Ord + Copy>(items: impl Iterator<Item = T>, next: impl Fn(&T) -> Option<T>) -> Vec<T> {
    let (mut ordered, mut seen) = (Vec::new(), BTreeSet::new());
    for item in items {
        let (mut chain, mut at) = (Vec::new(), Some(item));
        while let Some(item) = at.filter(|item| seen.insert(*item)) {
            chain.push(item);
            at = next(&item);
        }
        ordered.extend(chain.into_iter().rev());
    }
    ordered
}
