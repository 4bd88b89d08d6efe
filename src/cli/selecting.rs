//! Addresses that were typed: what of the manifest they mean.

use super::failure::Failure;
use crate::stack::{Address, Desired};

/// What an address that was typed must share with one that exists, to be suggested instead (Jaro-Winkler, 0 to 1).
const SIMILAR_MIN: f64 = 0.75;

/// The addresses that were typed; the first that is unknown is a mistake in the command line, and comes with what is near it.
pub(crate) fn addresses(desired: &Desired, typed: &[String]) -> Result<Vec<Address>, Failure> {
    let known: Vec<(String, Address)> =
        desired.addresses().into_iter().map(|address| (address.to_string(), address)).collect();
    let find = |typed: &String| {
        let found = known.iter().find(|(text, _)| text == typed).map(|(_, address)| address.clone());
        found.ok_or_else(|| unknown(typed, &known))
    };
    typed.iter().map(find).collect()
}

fn unknown(typed: &str, known: &[(String, Address)]) -> Failure {
    let text = format!("the manifest has no `{typed}`");
    // A key without its kind is what people type first.
    let keyed = known.iter().filter(|(text, _)| text.split_once('.').is_some_and(|(_, key)| key == typed));
    let keyed: Vec<&str> = keyed.map(|(text, _)| text.as_str()).collect();
    if !keyed.is_empty() {
        return Failure::usage(text, format!("did you mean `{}`?", keyed.join("` or `")));
    }
    let likeness = |text: &str| {
        let key = text.split_once('.').map_or(text, |(_, key)| key);
        strsim::jaro_winkler(typed, text).max(strsim::jaro_winkler(typed, key))
    };
    let best = known.iter().map(|(text, _)| (likeness(text), text)).max_by(|(a, _), (b, _)| a.total_cmp(b));
    match best {
        Some((best, similar)) if best >= SIMILAR_MIN => Failure::usage(text, format!("did you mean `{similar}`?")),
        Some(_) => {
            let all: Vec<&str> = known.iter().map(|(text, _)| text.as_str()).collect();
            Failure::usage(text, format!("there are: {}", all.join(", ")))
        }
        None => Failure::usage(text, "it declares nothing yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stack::samples::{function, queue, stack, trigger};

    #[test]
    fn an_unknown_address_comes_with_what_is_meant() {
        let mut desired = stack();
        desired.queues.insert("jobs".into(), queue("jobs"));
        desired.queues.insert("worker".into(), queue("worker"));
        let mut worker = function("worker");
        worker.triggers.push(trigger("jobs"));
        desired.functions.insert("worker".into(), worker);
        let check = |typed: &str, expected: Result<&str, &str>| {
            let found = addresses(&desired, &[typed.to_owned()]);
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found[0].to_string(), expected),
                (Err(failure), Err(expected)) => {
                    assert_eq!(failure.message().unwrap().help.as_deref(), Some(expected), "{typed}");
                }
                (found, _) => panic!("{typed}: {found:?}"),
            }
        };
        check("queues.jobs", Ok("queues.jobs"));
        check("functions.worker.triggers.jobs", Ok("functions.worker.triggers.jobs"));
        check("jobs", Err("did you mean `queues.jobs`?"));
        check("worker", Err("did you mean `queues.worker` or `functions.worker`?"));
        check("queues.job", Err("did you mean `queues.jobs`?"));
        check("zzz", Err("there are: queues.jobs, queues.worker, functions.worker, functions.worker.triggers.jobs"));
        assert_eq!(
            addresses(&stack(), &["x".to_owned()]).unwrap_err().message().unwrap().help.as_deref(),
            Some("it declares nothing yet")
        );
    }
}
