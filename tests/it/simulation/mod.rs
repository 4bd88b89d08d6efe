//! The engine in virtual time, with everything around it played by a seed: senders, receivers, functions that answer, fail,
//! crash and hang, and an engine that dies between two transitions and is restored from its records.
//!
//! When the faults are switched off the system comes to rest, and every message that was acknowledged was handled, deleted
//! or lies in the dead-letter queue.

mod actors;
mod audit;
mod crowd;
mod stage;

use crate::support::trials;

trials!(
    nothing_is_lost_or_held_twice,
    without_faults_everything_is_handled_the_first_time,
    a_crowd_of_functions_keeps_every_limit
);

/// Runs unless `STACKCTL_SIMULATION_RUNS` says how many.
const RUNS: u64 = 60;
/// Steps with faults in one run.
const STEPS: u32 = 400;

fn runs() -> u64 {
    std::env::var("STACKCTL_SIMULATION_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(RUNS)
}

fn nothing_is_lost_or_held_twice() {
    for seed in 0..runs() {
        with_seed(seed, || {
            let mut stage = stage::Stage::new(seed, stage::Faults::Many);
            stage.play(STEPS);
            stage.come_to_rest();
        });
    }
}

fn without_faults_everything_is_handled_the_first_time() {
    for seed in 0..runs() / 4 {
        with_seed(seed, || {
            let mut stage = stage::Stage::new(seed, stage::Faults::None);
            stage.play(STEPS);
            stage.come_to_rest();
            stage.audit.assert_nothing_came_twice();
        });
    }
}

/// Each is a hundred times as large as the others, so there are fewer.
fn a_crowd_of_functions_keeps_every_limit() {
    for seed in 0..runs().div_ceil(60) {
        with_seed(seed, || crowd::play(seed));
    }
}

/// Says which seed it was when the run fails.
fn with_seed(seed: u64, run: impl FnOnce()) {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    if let Err(panic) = outcome {
        eprintln!("the simulation failed with seed {seed}");
        std::panic::resume_unwind(panic);
    }
}
