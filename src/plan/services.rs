//! Side containers with their network, volumes and images: made, made anew when their configuration is another one, let go.
//!
//! A container is never changed: a changed one is another one. Volumes are data: they outlive their containers, and deleting
//! one is a danger.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Action, Call, ContainerCall, Danger, NewContainer, NewMount, NewMountSource, StepId,
    draft::{Draft, Inputs, NewStep},
};
use crate::{
    model::{FunctionIsolation, HOST_NETWORK, network_name, resource_name},
    stack::{
        Address, Condition, ContainerNetwork, DesiredFunction, DesiredService, MountSource, Observed,
        ObservedContainer, Readiness, Reference, ServiceImage, ServiceState, TemplatePart, Variables,
    },
};

/// Steps for network, volumes and containers; those of a service come after those of the services that it depends on.
pub(super) fn make(draft: &mut Draft, inputs: &Inputs<'_>) {
    let freed = delete_undeclared(draft, inputs);
    let ground = make_ground(draft, inputs);
    for key in in_order(&inputs.desired.services) {
        let service = &inputs.desired.services[key];
        let Some(image) = image_of(draft, key, service, inputs) else { continue };
        let Some(new) = resolve(draft, key, service, image, inputs) else { continue };
        let before = [ground.as_slice(), &make_image(draft, key, service, &new.image, inputs)].concat();
        make_one(draft, (service, new), &before, &freed, inputs);
    }
}

/// Steps that delete volumes and network which nothing needs any more, after their containers.
pub(super) fn delete_unneeded(draft: &mut Draft, inputs: &Inputs<'_>) {
    let wanted: BTreeSet<&String> = inputs.desired.services.values().flat_map(DesiredService::volume_keys).collect();
    let services = &inputs.observed.services;
    for (name, key) in services.volumes.iter().filter(|(_, key)| !wanted.contains(key)) {
        delete_volume(draft, name, key, inputs.observed);
    }
    // Functions in containers are in it too; the engine removes it when they go.
    let is_used = inputs.desired.functions.values().any(|function| function.isolation == FunctionIsolation::Container);
    if !wants_network(inputs) && !is_used {
        delete_network(draft, inputs.observed);
    }
}

/// Steps that delete all of it.
pub(super) fn delete_all(draft: &mut Draft, observed: &Observed) {
    for (name, found) in &observed.services.containers {
        delete(draft, name, found, Action::Delete, "");
    }
    for (name, key) in &observed.services.volumes {
        delete_volume(draft, name, key, observed);
    }
    delete_network(draft, observed);
}

/// The steps after which the services that a function needs are ready.
pub(super) fn awaited_by(draft: &mut Draft, function: &DesiredFunction, inputs: &Inputs<'_>) -> Vec<StepId> {
    let parts = function.environment.values().flat_map(|template| &template.0);
    let referred = parts.filter_map(|part| match part {
        TemplatePart::Reference(Reference::ServiceHost(key) | Reference::ServicePort(key)) => Some(key),
        _ => None,
    });
    let needed: BTreeSet<&String> = referred.chain(&function.depends_on).collect();
    needed.into_iter().filter_map(|key| wait_for(draft, key, Condition::Ready, inputs)).collect()
}

/// The address of a service of the manifest.
pub(super) fn address(key: &str) -> Address {
    Address::Service(key.to_owned())
}

/// Containers of no service, or under another name than their service's: each goes before another takes its ports.
fn delete_undeclared(draft: &mut Draft, inputs: &Inputs<'_>) -> Vec<StepId> {
    let mut freed = Vec::new();
    for (name, found) in &inputs.observed.services.containers {
        let service = inputs.desired.services.get(&found.key);
        let cause = match service {
            Some(_) if *name == resource_name(&inputs.desired.name, &found.key) => continue,
            Some(_) => format!("it was renamed to {name}"),
            None => String::new(),
        };
        let action = if service.is_some() { Action::Replace } else { Action::Delete };
        freed.push(delete(draft, name, found, action, &cause));
    }
    freed
}

/// Network and volumes.
fn make_ground(draft: &mut Draft, inputs: &Inputs<'_>) -> Vec<StepId> {
    let (desired, found) = (inputs.desired, &inputs.observed.services);
    let mut ground = Vec::new();
    if wants_network(inputs) && found.network.is_none() {
        let call = ContainerCall::CreateNetwork { name: network_name(&desired.name) };
        ground.push(draft.push(NewStep::new(Address::Network, Action::Create, Call::Container(call), ""), []));
    }
    let wanted: BTreeSet<&String> = desired.services.values().flat_map(DesiredService::volume_keys).collect();
    for key in wanted {
        let name = resource_name(&desired.name, key);
        if !found.volumes.contains_key(&name) {
            let call = ContainerCall::CreateVolume { key: key.clone(), name };
            let step = NewStep::new(Address::Volume(key.clone()), Action::Create, Call::Container(call), "");
            ground.push(draft.push(step, []));
        }
    }
    ground
}

/// Services in an order in which each comes after those that it depends on. The manifest has no circles.
fn in_order(services: &BTreeMap<String, DesiredService>) -> Vec<&String> {
    fn visit<'a>(
        key: &'a String,
        services: &'a BTreeMap<String, DesiredService>,
        order: &mut Vec<&'a String>,
        depth: usize,
    ) {
        if order.contains(&key) || depth > services.len() {
            return;
        }
        for next in services[key].depends_on.keys() {
            if let Some((next, _)) = services.get_key_value(next) {
                visit(next, services, order, depth + 1);
            }
        }
        if !order.contains(&key) {
            order.push(key);
        }
    }
    let mut order = Vec::new();
    services.keys().for_each(|key| visit(key, services, &mut order, 0));
    order
}

fn image_of(draft: &mut Draft, key: &str, service: &DesiredService, inputs: &Inputs<'_>) -> Option<String> {
    match &service.image {
        ServiceImage::Named(image) => Some(image.clone()),
        ServiceImage::Built(_) => {
            let image = inputs.facts.services.images.get(key);
            if image.is_none() {
                draft.problem(address(key), "the image's context was not read", "read it first");
            }
            image.cloned()
        }
    }
}

/// The container as the engine would be told to make it; `None`, with problems noted, when that is not known.
fn resolve(
    draft: &mut Draft,
    key: &str,
    service: &DesiredService,
    image: String,
    inputs: &Inputs<'_>,
) -> Option<NewContainer> {
    let stack = &inputs.desired.name;
    let mut variables = BTreeMap::new();
    let (network, is_host) = match service.network {
        ContainerNetwork::Bridge => (network_name(stack), false),
        ContainerNetwork::Host => (HOST_NETWORK.to_owned(), true),
    };
    for (name, template) in &service.environment {
        // In this machine's network it finds others as processes do.
        let rendered = match is_host {
            false => inputs.facts.render_in_container(template, inputs.desired, inputs.observed),
            true => inputs.facts.render(template, inputs.desired, inputs.observed),
        };
        match rendered {
            Ok(value) => drop(variables.insert(name.clone(), value)),
            Err(other) => draft.unresolved(address(key), &other),
        }
    }
    if variables.len() < service.environment.len() {
        return None;
    }
    let mounts = service.volumes.iter().map(|mount| NewMount {
        source: match &mount.source {
            MountSource::Volume(key) => NewMountSource::Volume(resource_name(stack, key)),
            MountSource::Path(path) => NewMountSource::Path(path.clone()),
        },
        target: mount.target.clone(),
        is_read_only: mount.is_read_only,
    });
    Some(NewContainer {
        key: key.to_owned(),
        name: resource_name(stack, key),
        image,
        network,
        knows_host: !is_host && refers_to_host(service, inputs),
        entrypoint: service.entrypoint.clone(),
        command: service.command.clone(),
        environment: Variables(variables),
        ports: service.ports.clone(),
        mounts: mounts.collect(),
        health: service.health.clone(),
        restart: service.restart,
        memory_bytes: service.memory_bytes,
        cpu_percent: service.cpu_percent,
    })
}

/// Whether it refers to a service of this machine's network.
fn refers_to_host(service: &DesiredService, inputs: &Inputs<'_>) -> bool {
    service.environment.values().flat_map(|template| &template.0).any(|part| match part {
        TemplatePart::Reference(Reference::ServiceHost(key)) => {
            inputs.desired.services.get(key).is_some_and(|other| other.network == ContainerNetwork::Host)
        }
        _ => false,
    })
}

/// Whether the stack's own network is wanted by a service.
fn wants_network(inputs: &Inputs<'_>) -> bool {
    inputs.desired.services.values().any(|service| service.network == ContainerNetwork::Bridge)
}

/// An image is made once, also when several services want it.
fn make_image(draft: &mut Draft, key: &str, service: &DesiredService, image: &str, inputs: &Inputs<'_>) -> Vec<StepId> {
    if inputs.observed.services.images.contains_key(image) {
        return Vec::new();
    }
    if let Some(step) = draft.image_step(image) {
        return vec![step];
    }
    let call = match &service.image {
        ServiceImage::Named(_) => ContainerCall::PullImage { image: image.to_owned() },
        ServiceImage::Built(build) => {
            ContainerCall::BuildImage { image: image.to_owned(), build: Box::new(build.clone()) }
        }
    };
    let exists = inputs.observed.services.containers.contains_key(&resource_name(&inputs.desired.name, key));
    let action = if exists { Action::Update } else { Action::Create };
    let step = draft.push(NewStep::new(address(key), action, Call::Container(call), image), []);
    draft.image_made_by(image, step);
    vec![step]
}

fn make_one(
    draft: &mut Draft,
    (service, new): (&DesiredService, NewContainer),
    before: &[StepId],
    freed: &[StepId],
    inputs: &Inputs<'_>,
) {
    let (key, name) = (new.key.clone(), new.name.clone());
    let found = inputs.observed.services.containers.get(&name);
    let cause = found.map(|found| difference(found, &new, inputs)).unwrap_or_default();
    let is_made = found.is_none() || !cause.is_empty();
    let renamed = inputs.observed.services.containers.iter().any(|(other, found)| found.key == key && *other != name);
    let action = match found {
        None if renamed => Action::Replace,
        None => Action::Create,
        Some(_) if is_made => Action::Replace,
        Some(_) => Action::Update,
    };
    let mut after = before.to_vec();
    if is_made {
        // What others published may be what this one publishes.
        after.extend(freed);
        if let Some(found) = found {
            let stop = NewStep::new(
                address(&key),
                action,
                Call::Container(ContainerCall::StopContainer { name: name.clone() }),
                &cause,
            );
            let mut steps = before.to_vec();
            if found.state.is_up() || found.state == ServiceState::Paused {
                steps = vec![draft.push(stop, steps)];
            }
            let call = Call::Container(ContainerCall::DeleteContainer { name: name.clone() });
            after.push(draft.push(NewStep::new(address(&key), action, call, &cause), steps));
        }
        let call = Call::Container(ContainerCall::CreateContainer(Box::new(new)));
        after = vec![draft.push(NewStep::new(address(&key), action, call, &cause), after)];
    }
    let state = found.filter(|_| !is_made).map(|found| &found.state);
    let is_done = |state: &ServiceState| {
        state.is_up() || (is_job(&key, inputs) && matches!(state, ServiceState::Exited { code: 0, .. }))
    };
    if state.is_some_and(is_done) {
        return;
    }
    for (other, condition) in &service.depends_on {
        after.extend(wait_for(draft, other, *condition, inputs));
    }
    let call = Call::Container(ContainerCall::StartContainer { name });
    draft.push(NewStep::new(address(&key), action, call, state.map(why_not_up).unwrap_or_default()), after);
}

/// Why it has to be started.
fn why_not_up(state: &ServiceState) -> String {
    match state {
        ServiceState::Created => "it was never started".to_owned(),
        ServiceState::Paused => "it was paused".to_owned(),
        ServiceState::Exited { code, reason } if reason.is_empty() => format!("it ended with exit code {code}"),
        ServiceState::Exited { code, reason } => format!("it ended with exit code {code}: {reason}"),
        _ => "it does not run".to_owned(),
    }
}

/// In what a container is not what it would be made as now; empty when in nothing.
fn difference(found: &ObservedContainer, new: &NewContainer, inputs: &Inputs<'_>) -> String {
    let wanted = new.parts();
    let mut causes = Vec::new();
    // Podman writes the registry before a name that has none, so the names themselves are not compared.
    let is_here = inputs.observed.services.images.contains_key(&new.image);
    if found.parts.get("image") != wanted.get("image") || (!is_here && new.image.contains('@')) {
        causes.push(format!("image {} -> {}", found.image, new.image));
    } else if inputs.observed.services.images.get(&new.image).is_some_and(|id| *id != found.image_id) {
        causes.push(format!("image {} is another one now", new.image));
    }
    let names: BTreeSet<&String> = found.parts.keys().chain(wanted.keys()).filter(|part| *part != "image").collect();
    for part in names {
        match (found.parts.get(part), wanted.get(part)) {
            (Some(old), Some(new)) if old != new => causes.push(format!("{part} changed")),
            (None, Some(_)) => causes.push(format!("{part} added")),
            (Some(_), None) => causes.push(format!("{part} removed")),
            _ => {}
        }
    }
    if causes.is_empty() {
        causes.extend(drift(found, new));
    }
    causes.join(", ")
}

/// What somebody changed behind the stack's back.
fn drift(found: &ObservedContainer, new: &NewContainer) -> Vec<String> {
    let mut causes = Vec::new();
    if found.restart != new.restart {
        causes.push(format!("restart {} -> {}", found.restart.as_str(), new.restart.as_str()));
    }
    if found.memory_bytes != new.memory_bytes.unwrap_or_default() {
        causes.push("memory was changed".to_owned());
    }
    if found.cpu_percent != u64::from(new.cpu_percent.unwrap_or_default()) {
        causes.push("cpus was changed".to_owned());
    }
    if !found.is_in_network {
        causes.push("it was taken out of the network".to_owned());
    }
    causes
}

/// The step after which the service meets `condition`; `None` when it does now and nothing is done to it.
fn wait_for(draft: &mut Draft, key: &str, condition: Condition, inputs: &Inputs<'_>) -> Option<StepId> {
    // What has to end is ready when it has.
    let is_job = condition == Condition::Ready && is_job(key, inputs);
    let condition = if is_job { Condition::Completed } else { condition };
    let steps = draft.steps_at(&address(key));
    let name = resource_name(&inputs.desired.name, key);
    let found = inputs.observed.services.containers.get(&name);
    let is_met = found.is_some_and(|found| found.state.meets(condition) == Readiness::Ready);
    if steps.is_empty() && is_met {
        return None;
    }
    if let Some(step) = draft.wait_step(key, condition) {
        return Some(step);
    }
    let action = draft.action_at(&address(key)).unwrap_or(Action::Update);
    let call = Call::Container(ContainerCall::AwaitContainer { name, condition });
    let step = draft.push(NewStep::new(address(key), action, call, ""), steps);
    draft.waited_by(key, condition, step);
    Some(step)
}

/// Whether somebody waits for the service's end.
fn is_job(key: &str, inputs: &Inputs<'_>) -> bool {
    inputs.desired.is_job(key)
}

/// Stopped politely, then removed; the step after which it is gone.
fn delete(draft: &mut Draft, name: &str, found: &ObservedContainer, action: Action, cause: &str) -> StepId {
    let address = address(&found.key);
    let mut after = Vec::new();
    if found.state.is_up() || found.state == ServiceState::Paused {
        let call = Call::Container(ContainerCall::StopContainer { name: name.to_owned() });
        after.push(draft.push(NewStep::new(address.clone(), action, call, cause), []));
    }
    let call = Call::Container(ContainerCall::DeleteContainer { name: name.to_owned() });
    let step = draft.push(NewStep::new(address, action, call, cause), after);
    draft.removes_container(name, step);
    step
}

fn delete_volume(draft: &mut Draft, name: &str, key: &str, observed: &Observed) {
    let users =
        observed.services.containers.iter().filter(|(_, found)| found.volumes.iter().any(|volume| volume == name));
    let after: Vec<StepId> = users
        .flat_map(|(container, found)| match draft.removal_of(container) {
            Some(step) => vec![step],
            None => draft.steps_at(&address(&found.key)),
        })
        .collect();
    let call = Call::Container(ContainerCall::DeleteVolume { name: name.to_owned() });
    let mut step = NewStep::new(Address::Volume(key.to_owned()), Action::Delete, call, "");
    step.danger = Some(Danger::LosesVolume);
    draft.push(step, after);
}

fn delete_network(draft: &mut Draft, observed: &Observed) {
    let Some(name) = &observed.services.network else { return };
    // Those that are made anew somewhere else leave it, too.
    let mut after = draft.removals();
    let stay = observed.services.containers.iter().filter(|(name, _)| draft.removal_of(name).is_none());
    after.extend(stay.flat_map(|(_, found)| draft.steps_at(&address(&found.key))));
    let call = Call::Container(ContainerCall::DeleteNetwork { name: name.clone() });
    draft.push(NewStep::new(Address::Network, Action::Delete, call, ""), after);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{
            fake_target::{FakeTarget, artifacts, facts},
            plan,
        },
        stack::{
            Desired, Foreign, RestartPolicy, ServiceMount, ServicePort, Template,
            samples::{function, service, stack, text},
        },
    };

    /// A database, and an application that needs it.
    fn two() -> Desired {
        let mut desired = stack();
        let mut db = service("postgres:16");
        db.volumes = vec![ServiceMount {
            source: MountSource::Volume("data".to_owned()),
            target: "/data".to_owned(),
            is_read_only: false,
        }];
        db.environment.insert("PASSWORD".to_owned(), text("hunter2"));
        let mut app = service("app:1");
        app.depends_on.insert("db".to_owned(), Condition::Healthy);
        desired.services = BTreeMap::from([("db".to_owned(), db), ("app".to_owned(), app)]);
        desired
    }

    /// The target after `desired` was converged from nothing.
    fn converged(desired: &Desired) -> FakeTarget {
        let mut target = FakeTarget::default();
        let plan = plan(desired, &artifacts(desired, 1), &target.observe(desired), &facts()).unwrap();
        plan.steps.iter().for_each(|step| target.apply(&step.call).unwrap());
        target
    }

    fn check(target: &FakeTarget, desired: &Desired, expected: &str) {
        let plan = plan(desired, &artifacts(desired, 1), &target.observe(desired), &facts()).unwrap();
        let lines: Vec<String> = plan
            .steps
            .iter()
            .map(|step| {
                let after: Vec<String> = step.after.iter().map(|id| id.0.to_string()).collect();
                let danger = step.danger.map(|danger| format!(" ({danger})")).unwrap_or_default();
                format!("{} {}: {}{danger} after [{}]", step.id.0, step.address, step.text(), after.join(","))
            })
            .collect();
        assert_eq!(lines.join("\n"), expected.trim());
    }

    fn container<'a>(target: &'a mut FakeTarget, key: &str) -> &'a mut ObservedContainer {
        target.all.services.containers.get_mut(&format!("stackctl-orders-{key}")).unwrap()
    }

    #[test]
    fn a_service_comes_after_those_that_it_needs() {
        check(
            &FakeTarget::default(),
            &two(),
            "
0 network: create after []
1 volumes.data: create after []
2 services.db: pull the image: postgres:16 after []
3 services.db: create after [0,1,2]
4 services.db: start after [3]
5 services.app: pull the image: app:1 after []
6 services.app: create after [0,1,5]
7 services.db: wait until it is healthy after [2,3,4]
8 services.app: start after [6,7]",
        );
        check(&converged(&two()), &two(), "");
    }

    #[test]
    fn another_configuration_is_another_container() {
        let mut desired = two();
        let target = converged(&desired);
        let db = desired.services.get_mut("db").unwrap();
        db.environment.insert("PASSWORD".to_owned(), text("hunter3"));
        db.restart = RestartPolicy::Always;
        check(
            &target,
            &desired,
            "
0 services.db: stop: environment.PASSWORD changed, restart changed after []
1 services.db: delete: environment.PASSWORD changed, restart changed after [0]
2 services.db: replace: environment.PASSWORD changed, restart changed after [1]
3 services.db: start after [2]",
        );
    }

    #[test]
    fn a_service_of_this_machines_network_is_found_by_this_machines_name() {
        let refer = |reference| Template(vec![TemplatePart::Reference(reference)]);
        let mut desired = two();
        let port = ServicePort { host_ip: [127, 0, 0, 1].into(), host_port: 80, container_port: 80, is_udp: false };
        let db = desired.services.get_mut("db").unwrap();
        (db.network, db.ports) = (ContainerNetwork::Host, vec![port]);
        let app = desired.services.get_mut("app").unwrap();
        app.environment.insert("DB".to_owned(), refer(Reference::ServiceHost("db".to_owned())));
        let mut consumer = function("consumer");
        consumer.environment.insert("DB".to_owned(), refer(Reference::ServiceHost("db".to_owned())));
        desired.functions.insert("consumer".to_owned(), consumer);
        let mut target = FakeTarget::default();
        let made = plan(&desired, &artifacts(&desired, 1), &target.observe(&desired), &facts()).unwrap();
        let mut found = BTreeMap::new();
        for step in &made.steps {
            match &step.call {
                Call::Container(ContainerCall::CreateContainer(new)) => {
                    let host = new.environment.0.get("DB").cloned().unwrap_or_default();
                    found.insert(new.key.clone(), (new.network.clone(), new.knows_host, host));
                }
                Call::CreateFunction(new) => {
                    assert_eq!(new.settings.environment.0["DB"], "127.0.0.1");
                }
                _ => {}
            }
            target.apply(&step.call).unwrap();
        }
        assert_eq!(found["db"], ("host".to_owned(), false, String::new()));
        assert_eq!(found["app"], ("stackctl-orders".to_owned(), true, "host.docker.internal".to_owned()));
        check(&target, &desired, "");

        // Alone there it needs no network of the stack's, and goes back into one that is made anew.
        desired.services.remove("app");
        check(
            &target,
            &desired,
            "
0 services.app: stop after []
1 services.app: delete after [0]
2 network: delete after [1]",
        );
        let alone = plan(&desired, &artifacts(&desired, 1), &target.observe(&desired), &facts()).unwrap();
        alone.steps.iter().for_each(|step| target.apply(&step.call).unwrap());
        desired.services.get_mut("db").unwrap().network = ContainerNetwork::Bridge;
        check(
            &target,
            &desired,
            "
0 network: create after []
1 services.db: stop: network changed after [0]
2 services.db: delete: network changed after [1]
3 services.db: replace: network changed after [0,2]
4 services.db: start after [3]
5 services.db: wait until it is ready after [1,2,3,4]",
        );
    }

    #[test]
    fn a_function_in_a_container_comes_after_the_network() {
        let mut desired = two();
        desired.services.remove("app");
        let mut contained = function("contained");
        contained.isolation = FunctionIsolation::Container;
        desired.functions = BTreeMap::from([("contained".to_owned(), contained), ("f".to_owned(), function("f"))]);
        let made = plan(&desired, &artifacts(&desired, 1), &FakeTarget::default().observe(&desired), &facts()).unwrap();
        let after = |key: &str| {
            let step = made.steps.iter().find(|step| step.address == Address::Function(key.to_owned())).unwrap();
            step.after.iter().map(|id| made.steps[id.0].address.to_string()).collect::<Vec<_>>()
        };
        assert_eq!((after("contained"), after("f")), (vec!["network".to_owned()], Vec::new()));
    }

    #[test]
    fn a_digest_that_is_added_to_a_name_changes_nothing_by_itself() {
        let mut desired = two();
        let mut target = converged(&desired);
        let (old, pinned) = ("postgres:16", "postgres:16@sha256:aa");
        desired.services.get_mut("db").unwrap().image = ServiceImage::Named(pinned.to_owned());
        let id = target.all.services.images[old].clone();
        target.all.services.images.insert(pinned.to_owned(), id);
        check(&target, &desired, "");
        target.all.services.images.insert(pinned.to_owned(), "another".to_owned());
        let changed = plan(&desired, &artifacts(&desired, 1), &target.observe(&desired), &facts()).unwrap();
        assert!(changed.to_string().contains("image postgres:16@sha256:aa is another one now"), "{changed}");
        target.all.services.images.remove(pinned);
        let pulled = plan(&desired, &artifacts(&desired, 1), &target.observe(&desired), &facts()).unwrap().to_string();
        assert!(pulled.contains("pull the image: postgres:16@sha256:aa"), "{pulled}");
        assert!(pulled.contains("replace: image postgres:16 -> postgres:16@sha256:aa"), "{pulled}");
    }

    #[test]
    fn what_was_changed_by_hand_is_mended() {
        let mut target = converged(&two());
        container(&mut target, "db").state = ServiceState::Exited { code: 137, reason: String::new() };
        container(&mut target, "app").is_in_network = false;
        check(
            &target,
            &two(),
            "
0 services.db: start: it ended with exit code 137 after []
1 services.app: stop: it was taken out of the network after []
2 services.app: delete: it was taken out of the network after [1]
3 services.app: replace: it was taken out of the network after [2]
4 services.db: wait until it is healthy after [0]
5 services.app: start after [3,4]",
        );
    }

    #[test]
    fn what_is_not_declared_goes_and_volumes_are_data() {
        let (mut desired, target) = (two(), converged(&two()));
        desired.services.clear();
        check(
            &target,
            &desired,
            "
0 services.app: stop after []
1 services.app: delete after [0]
2 services.db: stop after []
3 services.db: delete after [2]
4 volumes.data: delete (its data would be lost) after [3]
5 network: delete after [1,3]",
        );
    }

    #[test]
    fn a_job_that_has_ended_is_not_started_again() {
        let mut desired = two();
        desired.services.get_mut("app").unwrap().depends_on.insert("db".to_owned(), Condition::Completed);
        let mut target = converged(&desired);
        check(&target, &desired, "");
        container(&mut target, "db").state = ServiceState::Exited { code: 1, reason: String::new() };
        check(&target, &desired, "0 services.db: start: it ended with exit code 1 after []");
    }

    #[test]
    fn a_function_waits_for_the_services_that_it_speaks_of() {
        let mut desired = two();
        desired.services.remove("app");
        let mut consumer = function("consumer");
        consumer.depends_on = vec!["db".to_owned()];
        desired.functions.insert("consumer".to_owned(), consumer);
        check(
            &FakeTarget::default(),
            &desired,
            "
0 network: create after []
1 volumes.data: create after []
2 services.db: pull the image: postgres:16 after []
3 services.db: create after [0,1,2]
4 services.db: start after [3]
5 services.db: wait until it is ready after [2,3,4]
6 functions.consumer: create after [5]",
        );
    }

    #[test]
    fn a_name_of_somebody_else_is_refused() {
        let desired = two();
        let mut observed = FakeTarget::default().observe(&desired);
        let foreign = Foreign {
            arn: "container stackctl-orders-db".to_owned(),
            owner: Some("orders in /b".to_owned()),
            resource: None,
        };
        observed.foreign.insert(address("db"), foreign);
        let problems = plan(&desired, &artifacts(&desired, 1), &observed, &facts()).unwrap_err();
        assert_eq!(
            problems[0].to_string(),
            "services.db: `container stackctl-orders-db` belongs to the stack `orders in /b`; remove it (`docker rm -f \
             NAME`), take the other stack down, or rename this one"
        );
    }
}
