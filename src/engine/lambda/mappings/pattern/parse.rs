//! Text to pattern: everything that can be wrong with one is found here. Pure.

use serde_json::{Map, Value};

use super::{BODY, Fields, Literal, Node, Pattern, PatternError, Range, Test, TextTest, Wildcard};

/// How deep a pattern may nest: more is refused before it could exhaust the stack.
const DEPTH_MAX: usize = 32;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub(in super::super) fn parse(text: &str) -> Result<Self, PatternError> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| PatternError(format!("it is no JSON: {error}")))?;
        let Value::Object(map) = value else { return Err(PatternError("it must be a JSON object".into())) };
        let root = Fields::parse(&map, 0)?;
        let asks_metadata = root.asks_metadata();
        Ok(Self { root, asks_metadata })
    }
}

impl Fields {
    fn parse(map: &Map<String, Value>, depth: usize) -> Result<Self, PatternError> {
        if map.is_empty() {
            return Err(PatternError("an object in it is empty".into()));
        }
        if depth >= DEPTH_MAX {
            return Err(PatternError(format!("it nests deeper than {DEPTH_MAX} levels")));
        }
        let mut fields = Self::default();
        for (key, value) in map {
            if key == "$or" {
                fields.any_of.push(Self::parse_alternatives(value, depth + 1)?);
            } else {
                fields.all.push((key.clone(), Node::parse(key, value, depth + 1)?));
            }
        }
        Ok(fields)
    }

    fn parse_alternatives(value: &Value, depth: usize) -> Result<Vec<Self>, PatternError> {
        let wrong = || PatternError("`$or` takes a list of at least two objects".into());
        let list = value.as_array().filter(|list| list.len() >= 2).ok_or_else(wrong)?;
        list.iter().map(|element| Self::parse(element.as_object().ok_or_else(wrong)?, depth)).collect()
    }

    pub(super) fn asks_metadata(&self) -> bool {
        self.all.iter().any(|(key, _)| key != BODY) || self.any_of.iter().flatten().any(Self::asks_metadata)
    }
}

impl Node {
    fn parse(key: &str, value: &Value, depth: usize) -> Result<Self, PatternError> {
        match value {
            Value::Object(map) => Fields::parse(map, depth).map(Self::Object),
            Value::Array(tests) if tests.is_empty() => Err(PatternError(format!("the list of `{key}` is empty"))),
            Value::Array(tests) => {
                let test = |test| Test::parse(test).map_err(|wrong| PatternError(format!("`{key}`: {wrong}")));
                tests.iter().map(test).collect::<Result<_, _>>().map(Self::Leaf)
            }
            _ => Err(PatternError(format!("`{key}` must be an object or a list"))),
        }
    }
}

impl Test {
    fn parse(value: &Value) -> Result<Self, String> {
        let Value::Object(map) = value else {
            return Literal::parse(value).map(Self::Literal).ok_or_else(|| "a list in a list is no test".into());
        };
        let (operator, operand) = only_entry(map)?;
        match operator {
            "exists" => operand.as_bool().map(Self::Exists).ok_or_else(|| "`exists` takes true or false".into()),
            "numeric" => Range::parse(operand).map(Self::Numeric),
            "anything-but" => Self::parse_anything_but(operand),
            _ => TextTest::parse(operator, operand).map(Self::Text),
        }
    }

    fn parse_anything_but(operand: &Value) -> Result<Self, String> {
        let wrong = || "`anything-but` takes a text, a number, a list of either, or one text operator".to_owned();
        let literal = |value: &Value| match Literal::parse(value) {
            Some(literal @ (Literal::Text(_) | Literal::Number(_))) => Ok(literal),
            _ => Err(wrong()),
        };
        match operand {
            Value::Object(map) => {
                let (operator, operand) = only_entry(map)?;
                // Only inside `anything-but` does a text operator take a list.
                let tests = match operand {
                    Value::Array(list) if list.is_empty() => return Err(wrong()),
                    Value::Array(list) => list.iter().map(|operand| TextTest::parse(operator, operand)).collect(),
                    _ => TextTest::parse(operator, operand).map(|test| vec![test]),
                };
                tests.map(Self::AnythingButText)
            }
            Value::Array(list) if list.is_empty() => Err(wrong()),
            Value::Array(list) => {
                let literals = list.iter().map(literal).collect::<Result<Vec<_>, _>>()?;
                let texts = literals.iter().filter(|literal| matches!(literal, Literal::Text(_))).count();
                if texts != 0 && texts != literals.len() {
                    return Err("the list of `anything-but` holds texts or numbers, not both".into());
                }
                Ok(Self::AnythingBut(literals))
            }
            _ => literal(operand).map(|literal| Self::AnythingBut(vec![literal])),
        }
    }
}

impl Literal {
    fn parse(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => number.as_f64().map(Self::Number),
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl TextTest {
    fn parse(operator: &str, operand: &Value) -> Result<Self, String> {
        let text = || operand.as_str().map(str::to_owned).ok_or_else(|| format!("`{operator}` takes a text"));
        let filled = |text: String| {
            if text.is_empty() { Err(format!("the text of `{operator}` is empty")) } else { Ok(text) }
        };
        match (operator, operand) {
            ("prefix", Value::Object(map)) => {
                ignoring_case(operator, map).and_then(filled).map(Self::PrefixIgnoringCase)
            }
            ("suffix", Value::Object(map)) => {
                ignoring_case(operator, map).and_then(filled).map(Self::SuffixIgnoringCase)
            }
            ("prefix", _) => text().and_then(filled).map(Self::Prefix),
            ("suffix", _) => text().and_then(filled).map(Self::Suffix),
            ("equals-ignore-case", _) => text().map(Self::EqualsIgnoringCase),
            ("wildcard", _) => Ok(Self::Wildcard(Wildcard::parse(&text()?)?)),
            _ => Err(format!("there is no operator `{operator}`")),
        }
    }
}

impl Range {
    fn parse(operand: &Value) -> Result<Self, String> {
        let list = operand.as_array().ok_or("`numeric` takes a list of comparisons and numbers")?;
        let mut range = Self { low: None, high: None };
        let (pairs, rest) = list.as_chunks::<2>();
        if !rest.is_empty() || pairs.is_empty() {
            return Err("`numeric` takes pairs of a comparison and a number".into());
        }
        for pair in pairs {
            range.narrow(pair)?;
        }
        match (range.low, range.high) {
            (Some((low, low_inside)), Some((high, high_inside)))
                if low > high || (low == high && !(low_inside && high_inside)) =>
            {
                Err("the range of `numeric` is empty".into())
            }
            _ => Ok(range),
        }
    }

    fn narrow(&mut self, [comparison, number]: &[Value; 2]) -> Result<(), String> {
        let number = number.as_f64().ok_or("`numeric` takes a number after each comparison")?;
        let (low, high) = match comparison.as_str() {
            Some("=") => (Some((number, true)), Some((number, true))),
            Some(">") => (Some((number, false)), None),
            Some(">=") => (Some((number, true)), None),
            Some("<") => (None, Some((number, false))),
            Some("<=") => (None, Some((number, true))),
            _ => return Err("the comparisons of `numeric` are =, >, >=, < and <=".into()),
        };
        if (low.is_some() && self.low.is_some()) || (high.is_some() && self.high.is_some()) {
            return Err("`numeric` bounds the same side twice".into());
        }
        self.low = self.low.or(low);
        self.high = self.high.or(high);
        Ok(())
    }
}

fn ignoring_case(operator: &str, map: &Map<String, Value>) -> Result<String, String> {
    match only_entry(map)? {
        ("equals-ignore-case", Value::String(text)) => Ok(text.clone()),
        _ => Err(format!("`{operator}` takes a text or `equals-ignore-case`")),
    }
}

fn only_entry(map: &Map<String, Value>) -> Result<(&str, &Value), String> {
    let mut entries = map.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Ok((key, value)),
        _ => Err("a test holds exactly one operator".into()),
    }
}
