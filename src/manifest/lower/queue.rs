//! `[queues.NAME]`.

use super::{Fields, Lowering};
use crate::{
    manifest::{
        problem::Problem,
        tree::{Node, Value},
    },
    model::QueueName,
    stack::{DeadLetter, DesiredQueue, Fifo, RedriveAllow},
};

impl Lowering<'_> {
    pub(super) fn queue(&mut self, key: &str, fields: &Fields<'_>) -> Option<(String, DesiredQueue)> {
        let fifo = fifo(fields);
        let name = self.queue_name(key, fifo.is_some())?;
        let queue = DesiredQueue {
            name,
            fifo,
            visibility_timeout_s: fields.seconds("visibility_timeout"),
            delay_s: fields.seconds("delay"),
            retention_s: fields.seconds("retention"),
            receive_wait_s: fields.seconds("receive_wait"),
            max_message_bytes: u32::try_from(fields.bytes("max_message_size")).unwrap_or(u32::MAX),
            dead_letter: self.dead_letter(fields),
            redrive_allow: self.redrive_allow(fields),
            managed_encryption: fields.flag("encryption"),
            policy: fields.node("policy").map(json),
            tags: tags(fields),
        };
        Some((key.to_owned(), queue))
    }

    /// The key with `.fifo` where AWS wants it, which can make a legal key too long.
    fn queue_name(&mut self, key: &str, fifo: bool) -> Option<QueueName> {
        let text = if fifo { format!("{key}.fifo") } else { key.to_owned() };
        let parsed = QueueName::parse(&text);
        if let (Err(error), true, true) = (&parsed, fifo, QueueName::parse(key).is_ok_and(|name| !name.is_fifo())) {
            let span = self.root.get("queues").and_then(|queues| queues.entry(key)).map(|entry| entry.key_span);
            if let Some(span) = span {
                let problem = Problem::mistake("bad_name", format!("`{text}` is too long for a queue"));
                self.problems.push(problem.at(span, "with `.fifo`, over 80 characters").help(error.rule));
            }
        }
        parsed.ok()
    }

    fn dead_letter(&mut self, fields: &Fields<'_>) -> Option<DeadLetter> {
        fields.node("dead_letter")?;
        let fields = fields.table("dead_letter");
        let queue = self.queue_key(fields.node("queue"), "the dead-letter queue");
        Some(DeadLetter { queue, max_receives: fields.number("max_receives").unwrap_or_default() })
    }

    fn redrive_allow(&mut self, fields: &Fields<'_>) -> RedriveAllow {
        match fields.node("redrive_allow").map(|node| &node.value) {
            Some(Value::Text(text)) if text == "none" => RedriveAllow::None,
            Some(Value::List(items)) => {
                let keys = items.iter().map(|item| self.queue_key(Some(item), "the source queue")).collect();
                RedriveAllow::ByQueue(keys)
            }
            _ => RedriveAllow::All,
        }
    }
}

fn fifo(fields: &Fields<'_>) -> Option<Fifo> {
    match fields.node("fifo")?.value {
        Value::Bool(false) => None,
        _ => {
            let fields = fields.table("fifo");
            Some(Fifo {
                content_based_deduplication: fields.flag("content_based_deduplication"),
                high_throughput: fields.flag("high_throughput"),
            })
        }
    }
}

pub(super) fn tags(fields: &Fields<'_>) -> std::collections::BTreeMap<String, String> {
    let entries = fields.node("tags").map(Node::entries).unwrap_or_default();
    entries.iter().filter_map(|entry| Some((entry.key.clone(), entry.node.as_text()?.to_owned()))).collect()
}

/// A JSON document in its shortest form, whether it was written as a string or as a table.
pub(super) fn json(node: &Node) -> String {
    if let Some(text) = node.as_text() {
        return serde_json::from_str::<serde_json::Value>(text).unwrap_or_default().to_string();
    }
    json_value(node).to_string()
}

fn json_value(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Text(text) => text.as_str().into(),
        Value::Integer(value) => (*value).into(),
        Value::Float(value) => (*value).into(),
        Value::Bool(value) => (*value).into(),
        Value::Null | Value::Other(_) => serde_json::Value::Null,
        Value::List(items) => items.iter().map(json_value).collect(),
        Value::Table(entries) => entries
            .iter()
            .map(|entry| (entry.key.clone(), json_value(&entry.node)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}
