//! What is wrong with a manifest, in a form that any of miette's handlers can print. No printing here.

use std::{fmt, sync::Arc};

use miette::{Diagnostic, LabeledSpan, NamedSource, Severity, SourceCode};

use super::tree::{Files, Span};

/// The prefix of every code that [`Problem::code`] gives.
const CODE_PREFIX: &str = "stackctl::manifest::";

/// One finding about a manifest: message, place and the way out.
///
/// [`fmt::Display`] is the message alone; the rest is in [`Diagnostic`].
#[derive(Clone, Debug)]
pub struct Problem {
    severity: Severity,
    code: &'static str,
    message: String,
    help: Option<String>,
    labels: Vec<Label>,
    source: Option<NamedSource<Arc<str>>>,
}

#[derive(Clone, Debug)]
struct Label {
    span: Span,
    text: String,
}

impl Problem {
    /// A mistake; `code` is the last part of [`Diagnostic::code`].
    pub(super) fn mistake(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message.into())
    }

    /// Something that is accepted and should not stay so.
    pub(super) fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, message.into())
    }

    /// Something worth knowing.
    pub(super) fn advice(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Advice, code, message.into())
    }

    fn new(severity: Severity, code: &'static str, message: String) -> Self {
        Self { severity, code, message, help: None, labels: Vec::new(), source: None }
    }

    /// Points at `span`; the first label is where the problem is, the others are what it has to do with.
    pub(super) fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what to do, when there is something to say.
    pub(super) fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help.or(self.help);
        self
    }

    /// Where the problem is.
    pub(super) fn span(&self) -> Option<Span> {
        self.labels.first().map(|label| label.span)
    }

    /// Every place that it points at.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.labels.iter().map(|label| label.span)
    }

    /// Whether the text could not be parsed.
    pub(super) fn is_syntax(&self) -> bool {
        self.code == "syntax"
    }

    /// Whether something is not there.
    pub(super) fn is_missing(&self) -> bool {
        self.code == "missing_key"
    }

    /// Errors before warnings before advice.
    pub(super) fn rank(&self) -> u8 {
        match self.severity {
            Severity::Error => 0,
            Severity::Warning => 1,
            Severity::Advice => 2,
        }
    }

    /// Whether both say the same about the same place; an unknown key in a profile is one in the stack too.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let same_words = self.message == other.message || self.code == "unknown_key";
        self.span() == other.span() && self.code == other.code && same_words
    }

    /// Attaches the text of the file that the first label points into. A diagnostic has one text, so what points into
    /// another file becomes a line of the help.
    pub(super) fn attach(mut self, files: &Files) -> Self {
        let Some(file) = self.span().map(|span| span.file) else { return self };
        self.source = Some(files.named(file));
        let (here, elsewhere) = self.labels.into_iter().partition(|label| label.span.file == file);
        self.labels = here;
        for label in elsewhere {
            let place = format!("{}: {}", files.place(label.span), label.text);
            self.help = Some(self.help.map_or(place.clone(), |help| format!("{help}\n{place}")));
        }
        self
    }

    /// Whether the manifest cannot be used as it is.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(format!("{CODE_PREFIX}{}", self.code)))
    }

    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let labels = self.labels.iter().enumerate().map(|(index, label)| {
            let (text, at) = (Some(label.text.clone()), (label.span.start, label.span.len()));
            if index == 0 { LabeledSpan::new_primary_with_span(text, at) } else { LabeledSpan::new_with_span(text, at) }
        });
        (!self.labels.is_empty()).then(|| Box::new(labels) as Box<dyn Iterator<Item = LabeledSpan>>)
    }
}
