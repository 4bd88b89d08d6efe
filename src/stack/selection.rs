//! Some of a stack's resources with what they need, for those who do not want all of it converged. Pure.

use std::collections::BTreeSet;

use super::{
    Address, Desired, DesiredFunction, DesiredSchedule, DesiredService, LayerReference, MountSource, Reference,
    ScheduleTarget, Template, TemplatePart,
};

/// Which of a stack's resources are meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    #[default]
    Everything,
    Some {
        /// What was asked for; a function's triggers are meant with it.
        chosen: BTreeSet<Address>,
        /// What has to be there first.
        needed: BTreeSet<Address>,
    },
}

impl Selection {
    /// `chosen` with all that it needs; everything when nothing was chosen.
    pub fn with_needs(desired: &Desired, chosen: &[Address]) -> Self {
        if chosen.is_empty() {
            return Self::Everything;
        }
        let chosen: BTreeSet<Address> = chosen.iter().cloned().collect();
        let mut open: Vec<Address> = chosen.iter().cloned().collect();
        for address in &chosen {
            if let Address::Function(key) = address {
                let triggers = desired.functions.get(key).into_iter().flat_map(|function| &function.triggers);
                open.extend(triggers.map(|t| Address::Trigger { function: key.clone(), queue: t.queue.clone() }));
            }
        }
        let mut needed = BTreeSet::new();
        while let Some(address) = open.pop() {
            if needed.insert(address.clone()) {
                open.extend(desired.needs(&address));
            }
        }
        Self::Some { chosen, needed }
    }

    /// `chosen` alone.
    pub fn only(chosen: impl IntoIterator<Item = Address>) -> Self {
        Self::Some { chosen: chosen.into_iter().collect(), needed: BTreeSet::new() }
    }

    /// Whether what stands at an address is meant or needed.
    pub fn contains(&self, address: &Address) -> bool {
        let Self::Some { chosen, needed } = self else { return true };
        let is_below = || match address {
            Address::Trigger { function, .. } => chosen.contains(&Address::Function(function.clone())),
            _ => false,
        };
        chosen.contains(address) || needed.contains(address) || is_below()
    }
}

impl Desired {
    /// The address of everything that the manifest declares, in order.
    pub fn addresses(&self) -> Vec<Address> {
        let functions = self.functions.iter().flat_map(|(key, function)| {
            let trigger = |queue: &String| Address::Trigger { function: key.clone(), queue: queue.clone() };
            let triggers = function.triggers.iter().map(move |found| trigger(&found.queue));
            [Address::Function(key.clone())].into_iter().chain(triggers.collect::<Vec<_>>())
        });
        let queues = self.queues.keys().map(|key| Address::Queue(key.clone()));
        let services = self.services.keys().map(|key| Address::Service(key.clone()));
        let schedules = self.schedules.keys().map(|key| Address::Schedule(key.clone()));
        let layers = self.layers.keys().map(|key| Address::Layer(key.clone()));
        queues.chain(layers).chain(functions).chain(services).chain(schedules).collect()
    }

    /// What has to be there before what stands at an address can be.
    fn needs(&self, address: &Address) -> Vec<Address> {
        match address {
            Address::Queue(key) => {
                let dead_letter = self.queues.get(key).and_then(|queue| queue.dead_letter.as_ref());
                dead_letter.map(|dead_letter| Address::Queue(dead_letter.queue.clone())).into_iter().collect()
            }
            Address::Function(key) => self.functions.get(key).map(of_function).unwrap_or_default(),
            Address::Trigger { function, queue } => {
                vec![Address::Function(function.clone()), Address::Queue(queue.clone())]
            }
            Address::Service(key) => self.services.get(key).map(of_service).unwrap_or_default(),
            Address::Schedule(key) => self.schedules.get(key).map(of_schedule).unwrap_or_default(),
            Address::Layer(_) | Address::Schedules | Address::Volume(_) | Address::Network => Vec::new(),
        }
    }
}

fn of_function(function: &DesiredFunction) -> Vec<Address> {
    let services = function.depends_on.iter().map(|key| Address::Service(key.clone()));
    let layers = function.layers.iter().filter_map(|layer| match layer {
        LayerReference::Declared(key) => Some(Address::Layer(key.clone())),
        LayerReference::Arn(_) => None,
    });
    function.environment.values().flat_map(named_in).chain(services).chain(layers).collect()
}

fn of_service(service: &DesiredService) -> Vec<Address> {
    let volumes = service.volumes.iter().filter_map(|mount| match &mount.source {
        MountSource::Volume(key) => Some(Address::Volume(key.clone())),
        MountSource::Path(_) => None,
    });
    let services = service.depends_on.keys().map(|key| Address::Service(key.clone()));
    let named = service.environment.values().flat_map(named_in);
    [Address::Network].into_iter().chain(volumes).chain(services).chain(named).collect()
}

fn of_schedule(schedule: &DesiredSchedule) -> Vec<Address> {
    let target = match &schedule.target {
        ScheduleTarget::Function(key) => Address::Function(key.clone()),
        ScheduleTarget::Queue { queue, .. } => Address::Queue(queue.clone()),
    };
    let dead_letter = schedule.dead_letter.iter().map(|key| Address::Queue(key.clone()));
    let named = schedule.input.iter().flat_map(named_in);
    [Address::Schedules, target].into_iter().chain(dead_letter).chain(named).collect()
}

/// What a text refers to.
fn named_in(template: &Template) -> Vec<Address> {
    let named = template.0.iter().filter_map(|part| match part {
        TemplatePart::Reference(reference) => match reference {
            Reference::QueueUrl(key) | Reference::QueueArn(key) | Reference::QueueName(key) => {
                Some(Address::Queue(key.clone()))
            }
            Reference::FunctionArn(key) | Reference::FunctionName(key) | Reference::FunctionUrl(key) => {
                Some(Address::Function(key.clone()))
            }
            Reference::ServiceHost(key) | Reference::ServicePort(key) => Some(Address::Service(key.clone())),
            Reference::StackName | Reference::StackRegion | Reference::StackAccount | Reference::StackEndpoint => None,
        },
        TemplatePart::Text(_) => None,
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::{
        Condition, DeadLetter,
        samples::{function, queue, service, stack, trigger},
    };

    /// `f` is triggered by `jobs` and speaks of `db` and of `g`, which is triggered by `other`.
    fn example() -> Desired {
        let mut desired = stack();
        for key in ["jobs", "dlq", "other"] {
            desired.queues.insert(key.into(), queue(key));
        }
        let dead_letter = DeadLetter { queue: "dlq".into(), max_receives: 3 };
        desired.queues.get_mut("jobs").unwrap().dead_letter = Some(dead_letter);
        let (mut f, mut g) = (function("f"), function("g"));
        f.triggers.push(trigger("jobs"));
        g.triggers.push(trigger("other"));
        let speaks_of = |reference| Template(vec![TemplatePart::Reference(reference)]);
        f.environment.insert("G".into(), speaks_of(Reference::FunctionArn("g".into())));
        f.environment.insert("DB".into(), speaks_of(Reference::ServiceHost("db".into())));
        desired.functions = [("f".into(), f), ("g".into(), g)].into();
        let mut db = service("postgres:16");
        db.depends_on.insert("volumes".into(), Condition::Ready);
        desired.services = [("db".into(), db), ("volumes".into(), service("busybox:1"))].into();
        desired
    }

    #[test]
    fn what_is_chosen_comes_with_what_it_needs_and_nothing_else() {
        let desired = example();
        let check = |chosen: &[&str], expected: &[&str]| {
            let addresses = desired.addresses();
            let chosen: Vec<_> =
                addresses.iter().filter(|a| chosen.contains(&a.to_string().as_str())).cloned().collect();
            let selection = Selection::with_needs(&desired, &chosen);
            let found: Vec<_> = addresses.iter().filter(|a| selection.contains(a)).map(ToString::to_string).collect();
            assert_eq!(found, expected, "{chosen:?}");
        };
        check(&["queues.dlq"], &["queues.dlq"]);
        check(&["queues.jobs"], &["queues.dlq", "queues.jobs"]);
        check(&["functions.g"], &["queues.other", "functions.g", "functions.g.triggers.other"]);
        let of_f = ["queues.dlq", "queues.jobs", "functions.f", "functions.f.triggers.jobs", "functions.g"];
        check(&["functions.f"], &[&of_f[..], &["services.db", "services.volumes"]].concat());
        check(&["functions.g.triggers.other"], &["queues.other", "functions.g", "functions.g.triggers.other"]);
        check(
            &[],
            &desired
                .addresses()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        );
    }

    #[test]
    fn a_trigger_that_is_no_longer_declared_is_part_of_its_function() {
        let chosen = |key: &str| Selection::with_needs(&example(), &[Address::Function(key.into())]);
        let old = Address::Trigger { function: "g".into(), queue: "gone".into() };
        assert!(chosen("g").contains(&old));
        assert!(!chosen("f").contains(&old), "`g` is only needed");
    }
}
