//! `[schedules.NAME]`, and `url` of a function.

use super::{Fields, Lowering};
use crate::{
    manifest::{problem::Problem, suggest, tree::Node},
    stack::{DesiredSchedule, FunctionUrl, ScheduleTarget, UrlCors},
};

impl Lowering<'_> {
    pub(super) fn schedule(&mut self, key: &str, fields: &Fields<'_>) -> Option<(String, DesiredSchedule)> {
        let target = self.schedule_target(key, fields)?;
        let window = fields.node("flexible_window").map(|_| fields.seconds("flexible_window"));
        let dead_letter = fields.node("dead_letter");
        let schedule = DesiredSchedule {
            expression: fields.text("expression").unwrap_or_default(),
            timezone: fields.text("timezone").unwrap_or_default(),
            description: fields.text("description").unwrap_or_default(),
            target,
            input: fields.node("input").map(|node| self.template(node)),
            window_minutes: window.map(|seconds| seconds.div_ceil(60)),
            dead_letter: dead_letter.map(|node| self.queue_key(Some(node), "the dead-letter queue")),
            max_retries: fields.number("max_retries").unwrap_or_default(),
            max_age_s: fields.seconds("max_age"),
            role: fields.text("role"),
            enabled: fields.flag("enabled"),
        };
        Some((key.to_owned(), schedule))
    }

    fn schedule_target(&mut self, key: &str, fields: &Fields<'_>) -> Option<ScheduleTarget> {
        match (fields.node("function"), fields.node("queue")) {
            (Some(node), None) => Some(ScheduleTarget::Function(self.function_key(node))),
            (None, Some(node)) => Some(ScheduleTarget::Queue {
                queue: self.queue_key(Some(node), "the schedule's queue"),
                group: fields.text("message_group"),
            }),
            (found, _) => {
                let message = match found {
                    Some(_) => format!("`schedules.{key}` has both a `function` and a `queue`"),
                    None => format!("`schedules.{key}` has neither a `function` nor a `queue`"),
                };
                let entry = self.root.get("schedules").and_then(|schedules| schedules.entry(key));
                let problem =
                    Problem::mistake("bad_target", message).help("a schedule has one target: give one of the two");
                let problem = entry
                    .map(|entry| entry.key_span)
                    .into_iter()
                    .fold(problem, |problem, span| problem.at(span, "needs one target"));
                self.problems.push(problem);
                None
            }
        }
    }

    /// A function's key; one that is in no `[functions.KEY]` is a mistake at `node`.
    fn function_key(&mut self, node: &Node) -> String {
        let key = node.as_text().unwrap_or_default();
        let functions = self.root.get("functions").map(Node::entries).unwrap_or_default();
        if !functions.iter().any(|entry| entry.key == key) {
            let help = suggest::did_you_mean(key, functions.iter().map(|entry| entry.key.as_str()))
                .unwrap_or_else(|| format!("add `[functions.{key}]`"));
            let message = format!("the schedule's function `{key}` is no function of this manifest");
            let problem = Problem::mistake("unknown_reference", message);
            self.problems.push(problem.at(node.span, "no such function").help(help));
        }
        key.to_owned()
    }
}

/// `url` of a function.
pub(super) fn url(fields: &Fields<'_>) -> Option<FunctionUrl> {
    fields.node("url")?;
    let url = fields.table("url");
    let cors = url.node("cors").map(|_| {
        let cors = url.table("cors");
        UrlCors {
            allow_origins: cors.texts("allow_origins"),
            allow_methods: cors.texts("allow_methods"),
            allow_headers: cors.texts("allow_headers"),
            expose_headers: cors.texts("expose_headers"),
            allow_credentials: cors.flag("allow_credentials"),
            max_age_s: cors.node("max_age").map(|_| cors.seconds("max_age")),
        }
    });
    Some(FunctionUrl {
        needs_signature: url.text("auth").as_deref() == Some("iam"),
        streams: url.text("invoke_mode").as_deref() == Some("stream"),
        cors,
    })
}
