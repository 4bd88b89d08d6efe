//! From a request to the violations of its model's constraints.

use std::borrow::Cow;

use http::HeaderMap;
use serde_json::Value;

use super::table::{Bounds, Kind, Member, Place, Shape, Table};

/// Where the members of a request's input are.
#[derive(Clone, Copy)]
pub(in crate::wire) struct Given<'a> {
    /// The decoded labels of the path, in their order.
    pub(in crate::wire) labels: &'a [&'a str],
    /// Encoded.
    pub(in crate::wire) query: &'a str,
    pub(in crate::wire) headers: Option<&'a HeaderMap>,
    pub(in crate::wire) body: &'a Value,
    /// The region in which ARNs are. One whose name is none of AWS's does not violate a pattern.
    pub(in crate::wire) region: &'a str,
}

/// What is wrong with an input; at least one thing.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::wire) struct Violations(Vec<String>);

impl Violations {
    /// AWS's message.
    pub(in crate::wire) fn message(&self) -> String {
        let count = self.0.len();
        let plural = if count == 1 { "" } else { "s" };
        format!("{count} validation error{plural} detected: {}", self.0.join("; "))
    }
}

/// Checks the input of an operation.
///
/// # Errors
/// All that violates a constraint.
pub(in crate::wire) fn check(table: &Table, operation: &str, given: Given<'_>) -> Result<(), Violations> {
    let mut checker = Checker { table, region: given.region, found: Vec::new() };
    let mut labels = given.labels.iter();
    for member in table.input(operation) {
        let value = match member.place {
            Place::Body => given.body.get(member.name).map(Cow::Borrowed),
            Place::Path => labels.next().map(|label| Cow::Owned(Value::from(*label))),
            Place::Query(name) => from_query(table, member, given.query, name).map(Cow::Owned),
            Place::Header(name) => {
                let header = given.headers.and_then(|headers| headers.get(name)?.to_str().ok());
                header.map(|text| Cow::Owned(Value::from(text)))
            }
        };
        checker.member(&lower_first(member.name), member, value.as_deref());
    }
    if checker.found.is_empty() { Ok(()) } else { Err(Violations(checker.found)) }
}

/// Empty parameters are missing ones, as clients write them.
fn from_query(table: &Table, member: &Member, query: &str, name: &str) -> Option<Value> {
    let mut values = form_urlencoded::parse(query.as_bytes())
        .filter(|(key, value)| key == name && !value.is_empty())
        .map(|(_, value)| value);
    match table.shape(member.shape).kind {
        Kind::List { .. } => {
            let items: Vec<Value> = values.map(|value| Value::from(value.into_owned())).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Kind::Number { .. } => {
            values.next().map(|value| value.parse::<i64>().map_or(Value::from(&*value), Value::from))
        }
        _ => values.next().map(|value| Value::from(value.into_owned())),
    }
}

struct Checker<'a> {
    table: &'a Table,
    region: &'a str,
    found: Vec<String>,
}

impl Checker<'_> {
    fn member(&mut self, path: &str, member: &Member, value: Option<&Value>) {
        match value {
            None | Some(Value::Null) if member.required => {
                self.found.push(format!("Value null at '{path}' {FAILED} {NOT_NULL}"));
            }
            None | Some(Value::Null) => {}
            Some(value) => self.value(path, self.table.shape(member.shape), value),
        }
    }

    /// A value of another type is left to who reads it.
    fn value(&mut self, path: &str, shape: &Shape, value: &Value) {
        match (&shape.kind, value) {
            (Kind::Structure(members), Value::Object(given)) => {
                for member in members {
                    self.member(&format!("{path}.{}", lower_first(member.name)), member, given.get(member.name));
                }
            }
            (Kind::List { bounds, item }, Value::Array(items)) => {
                self.length(path, shape, value, *bounds, items.len());
                self.items(path, shape, value, self.table.shape(item), items);
            }
            (Kind::Map { bounds, key, value: of }, Value::Object(members)) => {
                self.length(path, shape, value, *bounds, members.len());
                let (key, of) = (self.table.shape(key), self.table.shape(of));
                if members.keys().any(|name| !self.broken(key, &Value::from(name.as_str())).is_empty()) {
                    let all = all_of(key).join(", ");
                    self.violated(path, shape, value, &format!("Map keys must satisfy constraint: [{all}]"));
                }
                if members.values().any(|value| !self.broken(of, value).is_empty()) {
                    let all = all_of(of).join(", ");
                    self.violated(path, shape, value, &format!("Map value must satisfy constraint: [{all}]"));
                }
            }
            _ => {
                for broken in self.broken(shape, value) {
                    self.violated(path, shape, value, &broken);
                }
            }
        }
    }

    /// Structures are told one by one, plain items with the list that they are in.
    fn items(&mut self, path: &str, shape: &Shape, value: &Value, item: &Shape, items: &[Value]) {
        if matches!(item.kind, Kind::Structure(_)) {
            for (index, value) in items.iter().enumerate() {
                self.value(&format!("{path}.{}.member", index + 1), item, value);
            }
        } else if items.iter().any(|value| value.is_null() || !self.broken(item, value).is_empty()) {
            let all = all_of(item).join(", ");
            self.violated(path, shape, value, &format!("Member must satisfy constraint: [{all}]"));
        }
    }

    fn length(&mut self, path: &str, shape: &Shape, value: &Value, bounds: Bounds, length: usize) {
        for broken in of_length(bounds, length) {
            self.violated(path, shape, value, &broken);
        }
    }

    fn violated(&mut self, path: &str, shape: &Shape, value: &Value, constraint: &str) {
        let shown = if shape.is_secret { String::new() } else { format!(" '{}'", shown(value)) };
        self.found.push(format!("Value{shown} at '{path}' {FAILED} {constraint}"));
    }

    /// The constraints of a plain shape that a value breaks.
    fn broken(&self, shape: &Shape, value: &Value) -> Vec<String> {
        match (&shape.kind, value) {
            (Kind::Enum(values), Value::String(text)) if !values.contains(&text.as_str()) => vec![in_set(values)],
            (Kind::Text { bounds, pattern }, Value::String(text)) => {
                let pattern = pattern.as_ref().filter(|pattern| {
                    let matches_elsewhere = || is_arn(text) && pattern.matches(&self.in_a_region_of_aws(text));
                    !(pattern.matches(text) || matches_elsewhere())
                });
                let broken = pattern.map(|pattern| of_pattern(pattern.text));
                broken.into_iter().chain(of_length(*bounds, text.chars().count())).collect()
            }
            (Kind::Number { bounds, .. }, Value::Number(number)) => {
                of_value(*bounds, number.as_f64().unwrap_or_default())
            }
            _ => Vec::new(),
        }
    }

    fn in_a_region_of_aws(&self, arn: &str) -> String {
        arn.replacen(&format!(":{}:", self.region), ":us-east-1:", 1)
    }
}

const FAILED: &str = "failed to satisfy constraint:";
const NOT_NULL: &str = "Member must not be null";

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:")
}

fn of_pattern(pattern: &str) -> String {
    format!("Member must satisfy regular expression pattern: {pattern}")
}

fn in_set(values: &[&str]) -> String {
    format!("Member must satisfy enum value set: [{}]", values.join(", "))
}

/// A bound of zero is none.
fn of_length(bounds: Bounds, length: usize) -> Vec<String> {
    let number = |bound: Option<&str>| bound.and_then(|text| text.parse::<usize>().ok());
    let (least, most) = (number(bounds.least), number(bounds.most));
    let short = least.filter(|least| length < *least).map(|least| longer(&least.to_string()));
    let long = most.filter(|most| length > *most).map(|most| shorter(&most.to_string()));
    short.into_iter().chain(long).collect()
}

fn longer(least: &str) -> String {
    format!("Member must have length greater than or equal to {least}")
}

fn shorter(most: &str) -> String {
    format!("Member must have length less than or equal to {most}")
}

fn of_value(bounds: Bounds, value: f64) -> Vec<String> {
    let breaks = |bound: Option<&'static str>, breaks: fn(f64, f64) -> bool| {
        bound.filter(|text| text.parse().is_ok_and(|bound| breaks(value, bound)))
    };
    let small = breaks(bounds.least, |value, least| value < least).map(at_least);
    let large = breaks(bounds.most, |value, most| value > most).map(at_most);
    small.into_iter().chain(large).collect()
}

fn at_least(least: &str) -> String {
    format!("Member must have value greater than or equal to {least}")
}

fn at_most(most: &str) -> String {
    format!("Member must have value less than or equal to {most}")
}

/// All constraints of a plain shape, as AWS lists them for what is inside a list or a map.
fn all_of(shape: &Shape) -> Vec<String> {
    let mut all = Vec::new();
    match &shape.kind {
        Kind::Enum(values) => all.push(in_set(values)),
        Kind::Text { bounds, pattern } => {
            all.extend(bounds.most.map(shorter));
            all.extend(bounds.least.map(longer));
            all.extend(pattern.as_ref().map(|pattern| of_pattern(pattern.text)));
        }
        Kind::Number { bounds, .. } => {
            all.extend(bounds.most.map(at_most));
            all.extend(bounds.least.map(at_least));
        }
        _ => {}
    }
    all.push(NOT_NULL.to_owned());
    all
}

/// As Java prints it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect();
            format!("{{{}}}", members.join(", "))
        }
        other => other.to_string(),
    }
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{IAM, LAMBDA},
        *,
    };

    #[track_caller]
    fn of_lambda(operation: &str, label: &str, query: &str, body: &Value, expected: &str) {
        let labels = [label];
        let labels = if label.is_empty() { &[][..] } else { &labels[..] };
        let given = Given { labels, query, headers: None, body, region: "elsewhere" };
        let found = check(&LAMBDA, operation, given).map_or_else(|found| found.message(), |()| "legal".into());
        assert_eq!(found, expected, "{operation} {body}");
    }

    #[test]
    fn each_kind_of_constraint_in_aws_words() {
        let update = |body: Value, expected: &str| of_lambda("UpdateFunctionConfiguration", "f", "", &body, expected);
        update(json!({}), "legal");
        update(
            json!({"MemorySize": 1}),
            "1 validation error detected: Value '1' at 'memorySize' failed to satisfy constraint: Member must have value \
             greater than or equal to 128",
        );
        update(
            json!({"Description": "x".repeat(257)}),
            &format!(
                "1 validation error detected: Value '{}' at 'description' failed to satisfy constraint: Member must have \
                 length less than or equal to 256",
                "x".repeat(257)
            ),
        );
        update(
            json!({"Handler": "a b", "TracingConfig": {"Mode": "On"}}),
            "2 validation errors detected: Value 'a b' at 'handler' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [^\\s]+; Value 'On' at 'tracingConfig.mode' failed to satisfy constraint: Member \
             must satisfy enum value set: [Active, PassThrough]",
        );
        update(
            json!({"Environment": {"Variables": {"1A": "secret"}}}),
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys must \
             satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+, Member must not \
             be null]",
        );
        update(
            json!({"EphemeralStorage": {}}),
            "1 validation error detected: Value null at 'ephemeralStorage.size' failed to satisfy constraint: Member must not be null",
        );
    }

    #[test]
    fn what_is_inside_a_list() {
        of_lambda(
            "UpdateFunctionCode",
            "f",
            "",
            &json!({"Architectures": ["mips"]}),
            "1 validation error detected: Value '[mips]' at 'architectures' failed to satisfy constraint: Member must \
             satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]",
        );
        of_lambda(
            "UpdateEventSourceMapping",
            "u",
            "",
            &json!({"FilterCriteria": {"Filters": [{}, {"Pattern": "x".repeat(4097)}]}}),
            &format!(
                "1 validation error detected: Value '{}' at 'filterCriteria.filters.2.member.pattern' failed to satisfy \
                 constraint: Member must have length less than or equal to 4096",
                "x".repeat(4097)
            ),
        );
    }

    #[test]
    fn path_and_query_are_members_too() {
        of_lambda(
            "ListAliases",
            "a b",
            "MaxItems=0&FunctionVersion=x",
            &Value::Null,
            &format!(
                "3 validation errors detected: Value 'a b' at 'functionName' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: {}; Value 'x' at 'functionVersion' failed to satisfy constraint: Member \
                 must satisfy regular expression pattern: (\\$LATEST(\\.PUBLISHED)?|[0-9]+); Value '0' at 'maxItems' failed \
                 to satisfy constraint: Member must have value greater than or equal to 1",
                "(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\\d{1}:)?(\\d{12}:)?(function:)?([a-zA-Z0-9-_]+)(:(\\$LATEST|[a-zA-Z0-9-_]+))?"
            ),
        );
        of_lambda(
            "UntagResource",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "tagKeys=a&tagKeys=b",
            &Value::Null,
            "legal",
        );
        of_lambda(
            "UntagResource",
            "arn:aws:lambda:us-east-1:123456789012:function:f",
            "",
            &Value::Null,
            "1 validation error detected: Value null at 'tagKeys' failed to satisfy constraint: Member must not be null",
        );
    }

    #[test]
    fn a_region_of_any_name_is_one() {
        of_lambda("ListTags", "arn:aws:lambda:elsewhere:123456789012:function:f", "", &Value::Null, "legal");
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        of_lambda(
            "CreateFunction",
            "",
            "",
            &json!({"Timeout": 0}),
            "4 validation errors detected: Value null at 'functionName' failed to satisfy constraint: Member must not be \
             null; Value null at 'role' failed to satisfy constraint: Member must not be null; Value null at 'code' failed to \
             satisfy constraint: Member must not be null; Value '0' at 'timeout' failed to satisfy constraint: Member must \
             have value greater than or equal to 1",
        );
    }

    #[test]
    fn tags_in_other_services_have_their_own_rules() {
        let body = json!({"RoleName": "", "Tags": [{"Key": "#", "Value": "x"}]});
        let given = Given { labels: &[], query: "", headers: None, body: &body, region: "us-east-1" };
        assert_eq!(
            check(&IAM, "TagRole", given).unwrap_err().message(),
            "3 validation errors detected: Value '' at 'roleName' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [\\w+=,.@-]+; Value '' at 'roleName' failed to satisfy constraint: Member must have length \
             greater than or equal to 1; Value '#' at 'tags.1.member.key' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+"
        );
    }
}
