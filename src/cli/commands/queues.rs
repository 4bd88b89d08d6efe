//! `stackctl queues`: what each queue holds, and what passes through it.

use serde::Serialize;

use crate::{
    cli::{
        Session,
        engine::Engine,
        failure::Failure,
        project::Project,
        terminal::{age, fitting, table},
    },
    serve::own_api::QueueDepth,
};

/// Characters of a queue's name on a terminal, so that the table fits 80 columns.
const NAME_MAX_CHARS: usize = 26;

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Queues<'a> {
    queues: &'a [QueueDepth],
    queues_left_out: bool,
}

pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let engine = Engine::running(&Project::find(session)?).await?;
    let report = engine.activity().await?;
    if session.terminal.json {
        let queues = Queues { queues: &report.queues, queues_left_out: report.queues_left_out };
        return session.terminal.print_json(&queues);
    }
    if report.queues.is_empty() {
        session.terminal.say("no queues");
        return Ok(());
    }
    session.terminal.print(page(&report.queues, session.terminal.fits_names().then_some(NAME_MAX_CHARS)))?;
    if report.queues_left_out {
        session.terminal.say("and more queues");
    }
    Ok(())
}

fn page(queues: &[QueueDepth], name_max_chars: Option<usize>) -> String {
    let row = |queue: &QueueDepth| {
        vec![
            name_max_chars.map_or_else(|| queue.name.clone(), |max| fitting(&queue.name, max)),
            queue.visible.to_string(),
            queue.in_flight.to_string(),
            queue.delayed.to_string(),
            queue.oldest_age_ms.map_or_else(|| "-".to_owned(), age),
            queue.arrived_per_minute.to_string(),
            queue.deleted_per_minute.to_string(),
        ]
    };
    let headings = ["QUEUE", "WAITING", "IN FLIGHT", "DELAYED", "OLDEST", "IN/MIN", "OUT/MIN"];
    table(&headings, &queues.iter().map(row).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queues() -> Vec<QueueDepth> {
        let busy = QueueDepth {
            name: "example-queue-with-a-long-name.fifo".to_owned(),
            visible: 1_234_567,
            in_flight: 120_000,
            delayed: 10,
            oldest_age_ms: Some(345_600_000),
            arrived_per_minute: 99_999,
            deleted_per_minute: 99_999,
        };
        vec![busy, QueueDepth { name: "jobs-dlq".to_owned(), ..QueueDepth::default() }]
    }

    #[test]
    fn the_table_fits_eighty_columns() {
        let text = anstream::adapter::strip_str(&page(&queues(), Some(NAME_MAX_CHARS))).to_string();
        let expected = "\
QUEUE                       WAITING  IN FLIGHT  DELAYED  OLDEST  IN/MIN  OUT/MIN
example-queue…ng-name.fifo  1234567     120000       10  4d       99999    99999
jobs-dlq                          0          0        0  -            0        0";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn programs_get_whole_names() {
        assert!(page(&queues(), None).contains("example-queue-with-a-long-name.fifo"));
    }
}
