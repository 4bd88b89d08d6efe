//! Taking over what somebody else made: a tag says whose a resource is, and so one call makes it another's. What it is like
//! stays as it is until the next plan.

use super::{
    Action, Call, Plan, StepId,
    draft::{Draft, NewStep},
};
use crate::stack::{Address, Desired, ForeignResource, Observed, TAG_ADDRESS, TAG_STACK, Tags};

/// The steps after which what stands in the way at these addresses is the stack's; nothing for what cannot be taken over.
pub fn adoption(desired: &Desired, observed: &Observed, addresses: &[Address]) -> Plan {
    let mut draft = Draft::default();
    for address in addresses {
        let Some(foreign) = observed.foreign.get(address) else { continue };
        let tags = Tags::from([
            (TAG_STACK.to_owned(), desired.name.to_string()),
            (TAG_ADDRESS.to_owned(), address.to_string()),
        ]);
        let call = match &foreign.resource {
            Some(ForeignResource::Queue(queue)) => Call::TagQueue { url: queue.url.clone(), tags },
            Some(ForeignResource::Function(_, function, _)) => Call::TagFunction { arn: function.arn.clone(), tags },
            None => continue,
        };
        let cause = match &foreign.owner {
            Some(owner) => format!("from the stack `{owner}`"),
            None => "from nobody".to_owned(),
        };
        draft.push(NewStep::new(address.clone(), Action::Update, call, cause), Vec::<StepId>::new());
    }
    draft.into_plan()
}
