//! The pool of concurrent executions and what functions take of it.

use super::Lint;
use crate::{
    manifest::problem::Problem,
    stack::{DesiredFunction, Provisioned},
};

impl Lint<'_> {
    pub(super) fn concurrency(&mut self) {
        let desired = self.desired;
        for (key, function) in &desired.functions {
            self.bounds(key, function);
            self.provisioned_above_reserved(key, function);
        }
        self.unreserved();
    }

    fn bounds(&mut self, key: &str, function: &DesiredFunction) {
        let Some(Provisioned::Tracked { min, max, .. }) = function.provisioned_concurrency else { return };
        if min > max {
            let path = ["functions", key, "concurrency", "provisioned"];
            let problem = Problem::mistake("out_of_range", format!("`min` is {min}, above `max`, which is {max}"))
                .at(self.place(&[&path[..], &["min"]].concat()), "above `max`")
                .at(self.place(&[&path[..], &["max"]].concat()), "`max`");
            self.report(problem);
        }
    }

    /// Lambda API reference, `PutProvisionedConcurrencyConfig`: at most what is reserved.
    fn provisioned_above_reserved(&mut self, key: &str, function: &DesiredFunction) {
        let most = match function.provisioned_concurrency {
            Some(Provisioned::Fixed(number)) => number,
            Some(Provisioned::Tracked { max, .. }) => max,
            None => return,
        };
        let Some(reserved) = function.reserved_concurrency.filter(|reserved| most > *reserved) else { return };
        let problem = Problem::mistake(
            "provisioned_above_reserved",
            format!("`{key}` provisions {most} environments, and reserves only {reserved}"),
        )
        .at(self.place(&["functions", key, "concurrency", "provisioned"]), format!("{most}"))
        .at(self.place(&["functions", key, "concurrency", "reserved"]), format!("{reserved}"))
        .help(format!("AWS refuses it: reserve {most} or more"));
        self.report(problem);
    }

    /// Lambda API reference, `PutFunctionConcurrency`. Provisioned environments of functions that reserve nothing come
    /// from the unreserved part.
    fn unreserved(&mut self) {
        let (desired, pool) = (self.desired, self.desired.pool);
        if pool.unreserved_minimum > pool.limit {
            let message =
                format!("`unreserved_minimum` is {}, above the limit of {}", pool.unreserved_minimum, pool.limit);
            let problem = Problem::mistake("out_of_range", message)
                .at(self.place(&["concurrency", "unreserved_minimum"]), "above `limit`")
                .at(self.place(&["concurrency", "limit"]), "`limit`");
            self.report(problem);
            return;
        }
        let claims: Vec<(&str, &str, u64)> = desired.functions.iter().filter_map(claim).collect();
        let claimed: u64 = claims.iter().map(|(.., amount)| amount).sum();
        let available = u64::from(pool.limit - pool.unreserved_minimum);
        if claimed <= available {
            return;
        }
        let left = u64::from(pool.limit).saturating_sub(claimed);
        let message = format!(
            "the functions take {claimed} of {} concurrent executions, which leaves {left} unreserved; {} must stay",
            pool.limit, pool.unreserved_minimum
        );
        let mut problem = Problem::mistake("unreserved_minimum", message);
        for (function, key, amount) in &claims {
            problem = problem.at(self.place(&["functions", function, "concurrency", key]), format!("takes {amount}"));
        }
        let problem = problem.help(format!("AWS refuses it: take {available} or less, or raise `[concurrency] limit`"));
        self.report(problem);
    }
}

/// What a function takes of the pool for itself: the function, the key that says so, and how much.
fn claim<'f>((key, function): (&'f String, &DesiredFunction)) -> Option<(&'f str, &'static str, u64)> {
    let (name, amount) = match (function.reserved_concurrency, &function.provisioned_concurrency) {
        (Some(reserved), _) => ("reserved", reserved),
        (None, Some(Provisioned::Fixed(number))) => ("provisioned", *number),
        (None, Some(Provisioned::Tracked { min, .. })) => ("provisioned", *min),
        (None, None) => return None,
    };
    Some((key.as_str(), name, u64::from(amount))).filter(|(.., amount)| *amount > 0)
}
