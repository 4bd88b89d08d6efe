//! What `stackctl doctor` looks at. Each look is a function that returns one [`Check`].

pub(crate) mod machine;
pub(crate) mod tools;

use serde::Serialize;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
    /// What is the case.
    pub(crate) text: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
}

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    Ok,
    /// It works without, and less well.
    Warning,
    /// Something that the stack needs does not work.
    Problem,
}

impl Check {
    pub(crate) fn good(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), verdict: Verdict::Ok, text: text.into(), help: None }
    }

    pub(crate) fn warning(name: impl Into<String>, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warning, help: Some(help.into()), ..Self::good(name, text) }
    }

    pub(crate) fn bad(name: impl Into<String>, text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { verdict: Verdict::Problem, help: Some(help.into()), ..Self::good(name, text) }
    }

    pub(crate) fn is_bad(&self) -> bool {
        self.verdict == Verdict::Problem
    }

    /// For people.
    pub(crate) fn line(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        };
        let help = self.help.as_ref().map_or_else(String::new, |help| format!("\n{:>20}{help}", ""));
        format!("{verdict:>7}  {:<11}{}{help}", self.name, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_lines_with_what_to_do() {
        let check = |check: Check, expected: &str| assert_eq!(check.line(), expected);
        check(Check::good("port", "4566 is free"), "     ok  port       4566 is free");
        check(
            Check::bad("go", "not found", "install it"),
            "problem  go         not found\n                    install it",
        );
        check(Check::good("containers", "none"), "     ok  containers none");
        assert!(Check::bad("x", "y", "z").is_bad() && !Check::warning("x", "y", "z").is_bad());
    }
}
