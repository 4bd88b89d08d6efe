//! Recursive loops between functions and queues: how often a function was in a chain of requests stands in the trace header
//! that SDKs pass on, and Lambda stops a chain after about sixteen times (Lambda developer guide, "Use Lambda recursive loop
//! detection to prevent infinite loops"). Pure.
//!
//! `Lineage=LABEL:COUNT|LABEL:COUNT` is the header's part for it; a label stands for a function.

use std::fmt::Write as _;

use serde::Deserialize;

use super::{Command, FunctionRef, Lambda, LambdaError, LambdaErrorKind, Response};
use crate::{engine::Cx, model::FunctionArn};

/// How often a function may be in one chain.
const PASSES_MAX: u32 = 16;
const LINEAGE: &str = "Lineage=";
/// Functions of one chain that are counted; the header has to stay a header.
const LABELS_MAX: usize = 8;
const QUALIFIED: &str = "This operation does not support function versions or aliases. Please specify a function.";

/// `RecursiveLoop`: what happens to a chain that has been through a function too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum RecursiveLoop {
    Allow,
    Terminate,
}

/// What stands for a function: FNV-1a of its ARN, written as eight digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Label(u32);

impl Label {
    pub(super) fn of(function: &FunctionArn) -> Self {
        let FunctionArn { scope, name, .. } = function;
        let text = format!("{}/{}/{name}", scope.account, scope.region);
        let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self(text.bytes().fold(0x811c_9dc5, mix))
    }

    /// Whether it is what `text` says.
    fn is(self, text: &str) -> bool {
        text.len() == 8 && u32::from_str_radix(text, 16) == Ok(self.0)
    }
}

/// Whether a chain has been through the function as often as it may.
pub(super) fn is_loop(trace: &str, label: Label) -> bool {
    depth(trace, label) >= PASSES_MAX
}

/// How often a chain has been through a function.
pub(super) fn depth(trace: &str, label: Label) -> u32 {
    lineage(trace).find(|(found, _)| label.is(found)).map_or(0, |(_, count)| count)
}

/// The trace of an invocation that goes on from `trace`.
pub(super) fn passed_on(trace: &str, label: Label) -> String {
    let mut header = String::with_capacity(trace.len() + LINEAGE.len() + 16);
    for part in trace.split(';').filter(|part| !part.is_empty() && !part.starts_with(LINEAGE)) {
        header.push_str(part);
        header.push(';');
    }
    // Writing to a text never fails.
    let _ = write!(header, "{LINEAGE}{:08x}:{}", label.0, depth(trace, label) + 1);
    for (other, count) in lineage(trace).filter(|(other, _)| !label.is(other)).take(LABELS_MAX - 1) {
        let _ = write!(header, "|{other}:{count}");
    }
    header
}

fn lineage(trace: &str) -> impl Iterator<Item = (&str, u32)> {
    let entries = trace.split(';').find_map(|part| part.trim().strip_prefix(LINEAGE)).unwrap_or_default();
    entries.split('|').filter_map(|entry| {
        let (label, count) = entry.rsplit_once(':')?;
        Some((label, count.parse().ok()?))
    })
}

/// The refusal of an invocation that would go on with a loop.
pub(super) fn stopped() -> LambdaError {
    LambdaError::new(
        LambdaErrorKind::RecursiveInvocation,
        "Lambda has detected that your function is being invoked in a recursive loop with other AWS resources, and stopped \
         it",
    )
}

/// The operations.
impl Lambda {
    pub(super) fn put_recursion_config(
        &mut self,
        cx: &mut Cx<'_>,
        name: &FunctionRef,
        recursive_loop: RecursiveLoop,
    ) -> Result<Response, LambdaError> {
        let (_, function) = self.whole_function(name, QUALIFIED)?;
        function.allows_loops = recursive_loop == RecursiveLoop::Allow;
        function.record(cx);
        Ok(Response::RecursionConfig { allows_loops: function.allows_loops })
    }

    pub(super) fn get_recursion_config(&mut self, name: &FunctionRef) -> Result<Response, LambdaError> {
        let (_, function) = self.whole_function(name, QUALIFIED)?;
        Ok(Response::RecursionConfig { allows_loops: function.allows_loops })
    }

    pub(super) fn recursion_request(&mut self, cx: &mut Cx<'_>, command: &Command) -> Result<Response, LambdaError> {
        match command {
            Command::PutFunctionRecursionConfig { name, recursive_loop } => {
                self.put_recursion_config(cx, name, *recursive_loop)
            }
            Command::GetFunctionRecursionConfig { name } => self.get_recursion_config(name),
            _ => Err(LambdaError::new(LambdaErrorKind::Service, "this is no request about recursive loops")),
        }
    }

    /// Whether a function's recursive loops go on. Of one that is gone nothing is stopped.
    pub(super) fn allows_loops(&self, function: &FunctionArn) -> bool {
        let id = self.functions.id(function.name.as_str());
        id.and_then(|id| self.functions.get(id)).is_none_or(|function| function.allows_loops)
    }

    /// Counts invocations that were dropped because they would go on with a loop.
    pub(super) fn count_loops(&mut self, function: &FunctionArn, dropped: u64) {
        if let Some(id) = self.functions.id(function.name.as_str()) {
            self.count(id, |counters| counters.loops_dropped += dropped);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(name: &str) -> Label {
        Label::of(&FunctionArn::parse(&format!("arn:aws:lambda:us-east-1:000000000000:function:{name}")).unwrap())
    }

    #[test]
    fn a_chain_is_a_loop_after_sixteen_passes() {
        let mut trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0".to_owned();
        for pass in 0..16 {
            assert!(!is_loop(&trace, label("f")), "{pass}: {trace}");
            trace = passed_on(&trace, label("f"));
            trace = passed_on(&trace, label("other"));
        }
        assert!(is_loop(&trace, label("f")) && is_loop(&trace, label("other")) && !is_loop(&trace, label("third")));
        assert!(trace.starts_with("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0;Lineage="), "{trace}");
        assert_eq!(trace.matches(':').count(), 2, "{trace}");
    }

    #[test]
    fn long_chains_and_strange_headers_stay_bounded() {
        let trace = (0..100).fold(String::new(), |trace, number| passed_on(&trace, label(&format!("f{number}"))));
        assert_eq!(trace.matches('|').count(), LABELS_MAX - 1);
        for strange in ["", "Lineage=", "Lineage=a", "Lineage=:", "Lineage=a:b|c:9999999999", ";;"] {
            assert_eq!(depth(strange, label("f")), 0, "{strange}");
            assert_eq!(depth(&passed_on(strange, label("f")), label("f")), 1, "{strange}");
        }
    }
}
