//! Runtimes past their support, and secrets that are checked in.

use super::Lint;
use crate::manifest::{format::runtime, problem::Problem, tree::Node};

/// Parts of a variable's name that say that its value is a secret.
const SECRET_NAMES: &[&str] =
    &["SECRET", "PASSWORD", "PASSWD", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "CREDENTIALS"];
/// Ends of such a name that say that it only tells where the secret is, or something about it.
const NOT_SECRET_ENDINGS: &[&str] = &["_ARN", "_URL", "_URI", "_NAME", "_FILE", "_PATH", "_ID", "_TTL", "_SECONDS"];
/// How values begin that are secrets whatever their name.
const SECRET_PREFIXES: &[&str] = &["AKIA", "ASIA", "ghp_", "github_pat_", "sk_live_", "xoxb-", "xoxp-", "-----BEGIN"];
/// Shorter values are placeholders: `test`, `dummy`.
const SECRET_MIN_CHARACTERS: usize = 8;

impl Lint<'_> {
    pub(super) fn environment(&mut self) {
        let desired = self.desired;
        for (key, function) in &desired.functions {
            if let Some(successor) = runtime(&function.runtime).and_then(|runtime| runtime.successor) {
                let message = format!("AWS no longer supports `{}`", function.runtime);
                let problem = Problem::advice("deprecated_runtime", message)
                    .at(self.place(&["functions", key, "runtime"]), "deprecated")
                    .help(format!("it runs here, but AWS may refuse to create or update it: use `{successor}`"));
                self.report(problem);
            }
        }
        for tables in ["functions", "services"] {
            for entry in self.root.get(tables).map(Node::entries).unwrap_or_default() {
                self.secrets(entry.node.get("environment"));
            }
        }
    }

    fn secrets(&mut self, environment: Option<&Node>) {
        for entry in environment.map(Node::entries).unwrap_or_default() {
            if entry.node.as_text().is_some_and(|value| is_secret(&entry.key, value)) {
                let message = format!("the value of `{}` looks like a secret", entry.key);
                let problem = Problem::warning("checked_in_secret", message)
                    .at(entry.key_span, "has a literal value")
                    .help(format!("take it from the environment: `\"${{env:{}}}\"`", entry.key));
                self.report(problem);
            }
        }
    }
}

fn is_secret(name: &str, value: &str) -> bool {
    if value.contains("${") || value.chars().count() < SECRET_MIN_CHARACTERS {
        return false;
    }
    let name = name.to_ascii_uppercase();
    let named = SECRET_NAMES.iter().any(|part| name.contains(part))
        && !NOT_SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending));
    named || SECRET_PREFIXES.iter().any(|prefix| value.starts_with(prefix))
}
