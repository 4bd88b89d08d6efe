//! `stackctl queues`: what each queue holds, and what passes through it.

use serde::Serialize;

use crate::{
    cli::{
        Session,
        failure::Failure,
        place::Place,
        remote_queues::{Approximate, depths},
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
    let (_, place) = Place::running(session).await?;
    match &place {
        Place::Engine(engine) => {
            let report = engine.activity().await?;
            if session.terminal.json {
                let queues = Queues { queues: &report.queues, queues_left_out: report.queues_left_out };
                return session.terminal.print_json(&queues);
            }
            show(session, &report.queues, true)?;
            if report.queues_left_out {
                session.terminal.say("and more queues");
            }
            Ok(())
        }
        Place::Remote(remote) => {
            let queues = depths(&place, &remote.desired).await?;
            if session.terminal.json {
                let rows: Vec<_> = queues.iter().map(Approximate::of).collect();
                return session.terminal.print_json(&serde_json::json!({ "queues": rows }));
            }
            show(session, &queues, false)
        }
    }
}

fn show(session: &Session, queues: &[QueueDepth], knows_rates: bool) -> Result<(), Failure> {
    if queues.is_empty() {
        session.terminal.say("no queues");
        return Ok(());
    }
    let fitting = session.terminal.fits_names().then_some(NAME_MAX_CHARS);
    session.terminal.print(page(queues, fitting, knows_rates))
}

/// Age and rates are the engine's own to tell: SQS has them in CloudWatch alone.
fn page(queues: &[QueueDepth], name_max_chars: Option<usize>, knows_rates: bool) -> String {
    let columns = if knows_rates { 7 } else { 4 };
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
    let rows = queues.iter().map(|queue| row(queue)[..columns].to_vec());
    table(&headings[..columns], &rows.collect::<Vec<_>>())
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
            ..QueueDepth::default()
        };
        vec![busy, QueueDepth { name: "jobs-dlq".to_owned(), ..QueueDepth::default() }]
    }

    #[test]
    fn the_table_fits_eighty_columns() {
        let text = anstream::adapter::strip_str(&page(&queues(), Some(NAME_MAX_CHARS), true)).to_string();
        let expected = "\
QUEUE                       WAITING  IN FLIGHT  DELAYED  OLDEST  IN/MIN  OUT/MIN
example-queue…ng-name.fifo  1234567     120000       10  4d       99999    99999
jobs-dlq                          0          0        0  -            0        0";
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn programs_get_whole_names() {
        assert!(page(&queues(), None, true).contains("example-queue-with-a-long-name.fifo"));
    }
}
