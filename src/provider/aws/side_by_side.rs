//! The same work on many items at once; how much of it runs is bounded by what the work itself acquires.

use std::future::Future;

use tokio::task::JoinSet;

use crate::converge::ProviderError;

/// Does `work` on each item and gives the results in no order; the first error ends the rest. A panic goes on as a panic.
pub(super) async fn side_by_side<T, R, W, F>(items: Vec<T>, work: W) -> Result<Vec<R>, ProviderError>
where
    W: Fn(T) -> F,
    F: Future<Output = Result<R, ProviderError>> + Send + 'static,
    R: Send + 'static,
{
    let mut results = Vec::with_capacity(items.len());
    let mut running: JoinSet<_> = items.into_iter().map(work).collect();
    while let Some(joined) = running.join_next().await {
        match joined {
            Ok(result) => results.push(result?),
            Err(error) => {
                // Nobody but this function cancels them, and it does so only when it has returned.
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
        }
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::converge::ErrorKind;

    #[tokio::test]
    async fn all_results_or_an_error() {
        let error = ProviderError {
            operation: "ListQueues",
            resource: "all".into(),
            code: None,
            message: "no".into(),
            hint: None,
            kind: ErrorKind::Refused,
        };
        let mut results = side_by_side(vec![1, 2, 3], |item| async move { Ok(item * 2) }).await.unwrap();
        results.sort_unstable();
        assert_eq!(results, [2, 4, 6]);
        let failing = error.clone();
        let failed = side_by_side(vec![1, 2], move |item| {
            let error = failing.clone();
            async move { if item == 2 { Err(error) } else { Ok(item) } }
        });
        assert_eq!(failed.await, Err(error));
    }
}
