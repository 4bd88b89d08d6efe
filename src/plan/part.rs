//! Parts of a plan that can be carried out without the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::{Plan, Step, StepId, packages};
use crate::stack::Selection;

impl Plan {
    /// The steps that lose nothing and come after none that does; and the others, which wait until somebody agrees.
    pub fn hold_dangers(self) -> (Self, Vec<Step>) {
        let mut held: Vec<Step> = Vec::new();
        let is_held = |step: &Step, held: &[Step]| {
            step.danger.is_some() || step.after.iter().any(|before| held.iter().any(|step| step.id == *before))
        };
        // A step comes after those that it depends on.
        for step in &self.steps {
            if is_held(step, &held) {
                held.push(step.clone());
            }
        }
        let safe = self.only(|step| held.iter().all(|held| held.id != step.id));
        (safe, held)
    }

    /// The steps at what is selected, and those that the rest of the stack has to make room with. A deletion is left out when
    /// something that is not selected would have to be deleted before it.
    pub(super) fn selected(self, selection: &Selection) -> Self {
        if *selection == Selection::Everything {
            return self;
        }
        let mut kept: BTreeSet<StepId> = BTreeSet::new();
        let goes = |step: &Step| step.call.deletes() && !selection.contains(&step.address);
        for step in self.steps.iter().filter(|step| selection.contains(&step.address)) {
            let waits_for_others = step.after.iter().any(|before| goes(&self.steps[before.0]));
            if !(step.call.deletes() && waits_for_others) {
                kept.insert(step.id);
            }
        }
        // A step comes after those that it depends on.
        for step in self.steps.iter().rev() {
            if kept.contains(&step.id) {
                let room = step.after.iter().filter(|before| {
                    let before = &self.steps[before.0];
                    !before.call.deletes() && !selection.contains(&before.address)
                });
                kept.extend(room);
            }
        }
        let of_kept = || self.steps.iter().filter(|step| kept.contains(&step.id));
        let left_over = self.steps.iter().filter(|step| packages::removes_what_is_uploaded(step, of_kept()));
        let left_over: Vec<StepId> = left_over.map(|step| step.id).collect();
        kept.extend(left_over);
        self.only(|step| kept.contains(&step.id))
    }

    /// The steps that `keep` wants, each after those of the others that are kept: for those who know that the rest is not
    /// needed first.
    pub fn only(self, keep: impl Fn(&Step) -> bool) -> Self {
        let mut ids: BTreeMap<StepId, StepId> = BTreeMap::new();
        let mut steps: Vec<Step> = self.steps.into_iter().filter(|step| keep(step)).collect();
        for (at, step) in steps.iter_mut().enumerate() {
            ids.insert(step.id, StepId(at));
            step.id = StepId(at);
            step.after = step.after.iter().filter_map(|before| ids.get(before).copied()).collect();
        }
        Self { steps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::{Action, Call, Danger},
        stack::Address,
    };

    fn step(id: usize, after: &[usize], loses: bool) -> Step {
        Step {
            id: StepId(id),
            address: Address::Queue(format!("q{id}")),
            action: Action::Update,
            call: Call::DeleteQueue { url: String::new() },
            cause: String::new(),
            danger: loses.then_some(Danger::LosesMessages { count: 1 }),
            after: after.iter().map(|id| StepId(*id)).collect(),
        }
    }

    #[test]
    fn what_comes_after_a_loss_is_held_with_it() {
        let check = |steps: Vec<Step>, safe: &[(&str, &[usize])], held: &[&str]| {
            let (plan, others) = Plan { steps }.hold_dangers();
            let found: Vec<_> = plan
                .steps
                .iter()
                .map(|step| (step.address.to_string(), step.after.iter().map(|id| id.0).collect::<Vec<_>>()))
                .collect();
            let safe: Vec<_> = safe.iter().map(|(address, after)| ((*address).to_owned(), after.to_vec())).collect();
            assert_eq!(found, safe);
            assert!(plan.steps.iter().enumerate().all(|(at, step)| step.id == StepId(at)));
            assert_eq!(others.iter().map(|step| step.address.to_string()).collect::<Vec<_>>(), held);
        };
        check(vec![], &[], &[]);
        check(vec![step(0, &[], false), step(1, &[0], false)], &[("queues.q0", &[]), ("queues.q1", &[0])], &[]);
        check(
            vec![
                step(0, &[], true),
                step(1, &[0], false),
                step(2, &[], false),
                step(3, &[1, 2], false),
                step(4, &[2], false),
            ],
            &[("queues.q2", &[]), ("queues.q4", &[0])],
            &["queues.q0", "queues.q1", "queues.q3"],
        );
    }
}
