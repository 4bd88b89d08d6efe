//! Other people's clients, unchanged, against the binary as a user runs it: SDKs, consumer libraries and the `aws` CLI find
//! the engine by their environment alone, as they find AWS.

mod programs;

/// The tests of this folder.
pub(crate) fn all() -> Vec<libtest_mimic::Trial> {
    [programs::all()].into_iter().flatten().collect()
}
