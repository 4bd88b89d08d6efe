use super::*;

const RECORD: &str = r#"{"messageId":"059f36b4","attributes":{"ApproximateReceiveCount":"1","MessageGroupId":"eu-7"},
    "messageAttributes":{"kind":{"stringValue":"order","stringListValues":[],"binaryListValues":[],"dataType":"String"}},
    "eventSource":"aws:sqs","awsRegion":"us-west-2"}"#;

fn check(pattern: &str, body: &str, expected: bool) {
    let filters = Filters::parse([pattern]).unwrap_or_else(|error| panic!("{pattern}: {}", error.0));
    assert_eq!(filters.pass(body, RECORD.as_bytes()), expected, "{pattern} on {body}");
}

/// `test` on the field `x` of the body.
fn check_x(test: &str, value: &str, expected: bool) {
    check(&format!(r#"{{"body":{{"x":[{test}]}}}}"#), &format!(r#"{{"x":{value}}}"#), expected);
}

#[test]
fn literals() {
    for (test, value, expected) in [
        (r#""a""#, r#""a""#, true),
        (r#""a""#, r#""A""#, false),
        (r#""""#, r#""""#, true),
        (r#""1""#, "1", false),
        ("1", "1", true),
        ("1", "1.0", true),
        ("300", "3.0e2", true),
        ("1", r#""1""#, false),
        ("true", "true", true),
        ("true", "false", false),
        ("null", "null", true),
        ("null", r#""null""#, false),
        (r#""a","b""#, r#""b""#, true),
        (r#""a","b""#, r#"["x","b"]"#, true),
        (r#""a","b""#, r#"["x","y"]"#, false),
        (r#""a""#, r#"{"a":1}"#, false),
    ] {
        check_x(test, value, expected);
    }
}

#[test]
fn text_operators() {
    for (test, value, expected) in [
        (r#"{"prefix":"ab"}"#, r#""abc""#, true),
        (r#"{"prefix":"ab"}"#, r#""cab""#, false),
        (r#"{"prefix":"1"}"#, "12", false),
        (r#"{"prefix":{"equals-ignore-case":"EventB"}}"#, r#""eVENTbus""#, true),
        (r#"{"prefix":{"equals-ignore-case":"EventB"}}"#, r#""even""#, false),
        (r#"{"suffix":".png"}"#, r#""a.png""#, true),
        (r#"{"suffix":".png"}"#, r#""a.PNG""#, false),
        (r#"{"suffix":{"equals-ignore-case":".png"}}"#, r#""a.PNG""#, true),
        (r#"{"equals-ignore-case":"ALICE"}"#, r#""alice""#, true),
        (r#"{"equals-ignore-case":"ÅSE"}"#, r#""åse""#, true),
        (r#"{"equals-ignore-case":"alice"}"#, r#""alicee""#, false),
        (r#"{"wildcard":"*/lib/*"}"#, r#""/usr/lib/x""#, true),
        (r#"{"wildcard":"*/lib/*"}"#, r#""/usr/libx""#, false),
        (r#"{"wildcard":"a*b*b"}"#, r#""ab""#, false),
        (r#"{"wildcard":"a*b*b"}"#, r#""abcb""#, true),
        (r#"{"wildcard":"a*a"}"#, r#""a""#, false),
        (r#"{"wildcard":"*"}"#, r#""""#, true),
        (r#"{"wildcard":"plain"}"#, r#""plain""#, true),
        (r#"{"wildcard":"plain"}"#, r#""plains""#, false),
        (r#"{"wildcard":"1\\*2"}"#, r#""1*2""#, true),
        (r#"{"wildcard":"1\\*2"}"#, r#""1x2""#, false),
        (r#"{"wildcard":"\\\\*"}"#, r#""\\x""#, true),
    ] {
        check_x(test, value, expected);
    }
}

#[test]
fn anything_but() {
    for (test, value, expected) in [
        (r#"{"anything-but":"a"}"#, r#""a""#, false),
        (r#"{"anything-but":"a"}"#, r#""b""#, true),
        (r#"{"anything-but":"a"}"#, "7", true),
        (r#"{"anything-but":["a","b"]}"#, r#""b""#, false),
        (r#"{"anything-but":["a","b"]}"#, r#""c""#, true),
        (r#"{"anything-but":[1,2]}"#, "2", false),
        (r#"{"anything-but":[1,2]}"#, "3", true),
        (r#"{"anything-but":{"prefix":"init"}}"#, r#""initializing""#, false),
        (r#"{"anything-but":{"prefix":"init"}}"#, r#""done""#, true),
        (r#"{"anything-but":{"prefix":["init","err"]}}"#, r#""error""#, false),
        (r#"{"anything-but":{"suffix":".png"}}"#, r#""a.png""#, false),
        (r#"{"anything-but":{"suffix":[".png",".rpm"]}}"#, r#""a.jpg""#, true),
        (r#"{"anything-but":{"wildcard":"*/lib/*"}}"#, r#""/usr/lib/x""#, false),
        (r#"{"anything-but":{"equals-ignore-case":"A"}}"#, r#""a""#, false),
        (r#"{"anything-but":{"equals-ignore-case":["A","B"]}}"#, r#""c""#, true),
    ] {
        check_x(test, value, expected);
    }
    check(r#"{"body":{"x":[{"anything-but":"a"}]}}"#, r#"{"y":1}"#, false);
}

#[test]
fn numeric() {
    for (test, value, expected) in [
        (r#"{"numeric":[">",9999]}"#, "10000", true),
        (r#"{"numeric":[">",9999]}"#, "9999", false),
        (r#"{"numeric":[">=",9999]}"#, "9999", true),
        (r#"{"numeric":["<",0]}"#, "-0.5", true),
        (r#"{"numeric":["<=",0]}"#, "0", true),
        (r#"{"numeric":["=",100]}"#, "100.0", true),
        (r#"{"numeric":["=",100]}"#, "101", false),
        (r#"{"numeric":[">",10,"<=",20]}"#, "20", true),
        (r#"{"numeric":[">",10,"<=",20]}"#, "10", false),
        (r#"{"numeric":[">",10,"<=",20]}"#, "[1,15]", true),
        (r#"{"numeric":[">",9]}"#, r#""10""#, false),
    ] {
        check_x(test, value, expected);
    }
}

#[test]
fn exists() {
    for (pattern, body, expected) in [
        (r#"{"body":{"x":[{"exists":true}]}}"#, r#"{"x":null}"#, true),
        (r#"{"body":{"x":[{"exists":true}]}}"#, r#"{"x":{"y":1}}"#, false),
        (r#"{"body":{"x":[{"exists":true}]}}"#, r#"{"y":1}"#, false),
        (r#"{"body":{"x":[{"exists":false}]}}"#, r#"{"y":1}"#, true),
        (r#"{"body":{"x":[{"exists":false}]}}"#, r#"{"x":1}"#, false),
        (r#"{"body":{"x":[{"exists":false}]}}"#, r#"{"x":[]}"#, true),
        (r#"{"body":{"a":{"x":[{"exists":false}]}}}"#, r#"{"y":1}"#, true),
        (r#"{"body":{"x":[{"exists":false},"a"]}}"#, r#"{"x":"a"}"#, true),
    ] {
        check(pattern, body, expected);
    }
}

#[test]
fn fields_and_alternatives() {
    for (pattern, body, expected) in [
        (r#"{"body":{"a":[1],"b":[2]}}"#, r#"{"a":1,"b":2,"c":3}"#, true),
        (r#"{"body":{"a":[1],"b":[2]}}"#, r#"{"a":1,"b":3}"#, false),
        (r#"{"body":{"a":{"b":{"c":[1]}}}}"#, r#"{"a":{"b":{"c":1}}}"#, true),
        (r#"{"body":{"a":{"b":[1]}}}"#, r#"{"a":[{"b":2},{"b":1}]}"#, true),
        (r#"{"body":{"a":{"b":[1],"c":[2]}}}"#, r#"{"a":[{"b":1},{"c":2}]}"#, false),
        (r#"{"body":{"$or":[{"a":[1]},{"b":[2]}]}}"#, r#"{"b":2}"#, true),
        (r#"{"body":{"$or":[{"a":[1]},{"b":[2]}]}}"#, r#"{"a":2,"b":1}"#, false),
        (r#"{"body":{"z":[0],"$or":[{"a":[1]},{"b":[2]}]}}"#, r#"{"b":2}"#, false),
        (r#"{"$or":[{"body":{"a":[1]}},{"awsRegion":["us-west-2"]}]}"#, "text", true),
        (r#"{"$or":[{"body":{"a":[1]}},{"awsRegion":["eu-west-2"]}]}"#, "text", false),
    ] {
        check(pattern, body, expected);
    }
}

/// The table of "with-sqs-filtering": the format of the body against the format of the filter.
#[test]
fn plain_strings_and_json() {
    for (pattern, body, expected) in [
        (r#"{"body":["Hello"]}"#, "Hello", true),
        (r#"{"body":[{"prefix":"Result: "}]}"#, "Result: 7", true),
        (r#"{"body":[{"prefix":"Result: "}]}"#, "Resulting", false),
        (r#"{"body":["42"]}"#, "42", true),
        (r#"{"body":{"a":[1]}}"#, "Hello", false),
        (r#"{"body":{"a":[{"exists":false}]}}"#, "Hello", false),
        (r#"{"body":{"a":[1]}}"#, "{not json", false),
        (r#"{"body":[{"prefix":"{"}]}"#, r#"{"a":1}"#, false),
        (r#"{"body":{"a":[1]}}"#, r#"[{"a":1}]"#, true),
        (r#"{"messageId":["059f36b4"]}"#, "Hello", true),
        (r#"{"messageId":["059f36b4"]}"#, r#"{"a":1}"#, true),
        (r#"{"messageId":["other"]}"#, "Hello", false),
    ] {
        check(pattern, body, expected);
    }
}

#[test]
fn metadata() {
    for (pattern, expected) in [
        (r#"{"attributes":{"MessageGroupId":[{"prefix":"eu-"}]}}"#, true),
        (r#"{"attributes":{"ApproximateReceiveCount":[1]}}"#, false),
        (r#"{"messageAttributes":{"kind":{"stringValue":["order"]}}}"#, true),
        (r#"{"messageAttributes":{"kind":{"stringValue":["refund"]}}}"#, false),
        (r#"{"messageAttributes":{"other":{"stringValue":[{"exists":false}]}}}"#, true),
        (r#"{"awsRegion":["us-west-2"],"body":["b"]}"#, true),
    ] {
        check(pattern, "b", expected);
    }
}

#[test]
fn one_filter_of_several_is_enough() {
    let filters = Filters::parse([r#"{"body":{"a":[1]}}"#, r#"{"body":["plain"]}"#]).unwrap();
    for (body, expected) in [(r#"{"a":1}"#, true), ("plain", true), (r#"{"a":2}"#, false), ("other", false)] {
        assert_eq!(filters.pass(body, b"{}"), expected, "{body}");
    }
    assert!(Filters::default().pass("anything", b"{}"));
}

#[test]
fn mistakes_are_named() {
    for (pattern, expected) in [
        ("", "it is no JSON"),
        ("null", "it must be a JSON object"),
        (r#"[{"a":[1]}]"#, "it must be a JSON object"),
        ("{}", "an object in it is empty"),
        (r#"{"body":{}}"#, "an object in it is empty"),
        (r#"{"body":"a"}"#, "`body` must be an object or a list"),
        (r#"{"body":{"a":1}}"#, "`a` must be an object or a list"),
        (r#"{"body":{"a":[]}}"#, "the list of `a` is empty"),
        (r#"{"body":{"a":[[1]]}}"#, "a list in a list"),
        (r#"{"body":{"a":[{"prefix":1}]}}"#, "`prefix` takes a text"),
        (r#"{"body":{"a":[{"prefix":""}]}}"#, "the text of `prefix` is empty"),
        (r#"{"body":{"a":[{"like":"x"}]}}"#, "no operator `like`"),
        (r#"{"body":{"a":[{"prefix":"x","suffix":"y"}]}}"#, "exactly one operator"),
        (r#"{"body":{"a":[{"exists":"yes"}]}}"#, "`exists` takes true or false"),
        (r#"{"body":{"a":[{"numeric":[">"]}]}}"#, "pairs"),
        (r#"{"body":{"a":[{"numeric":[]}]}}"#, "pairs"),
        (r#"{"body":{"a":[{"numeric":["~",1]}]}}"#, "comparisons"),
        (r#"{"body":{"a":[{"numeric":[">","1"]}]}}"#, "a number after"),
        (r#"{"body":{"a":[{"numeric":[">",5,"<",5]}]}}"#, "is empty"),
        (r#"{"body":{"a":[{"numeric":[">",1,">",2]}]}}"#, "same side twice"),
        (r#"{"body":{"a":[{"anything-but":["x",1]}]}}"#, "not both"),
        (r#"{"body":{"a":[{"anything-but":[]}]}}"#, "`anything-but` takes"),
        (r#"{"body":{"a":[{"anything-but":true}]}}"#, "`anything-but` takes"),
        (r#"{"body":{"a":[{"wildcard":"a**b"}]}}"#, "two asterisks"),
        (r#"{"body":{"a":[{"wildcard":"a\\b"}]}}"#, "a backslash"),
        (r#"{"body":{"$or":[{"a":[1]}]}}"#, "`$or` takes"),
        (r#"{"body":{"$or":{"a":[1]}}}"#, "`$or` takes"),
        (r#"{"eventName":["INSERT"=123}"#, "it is no JSON"),
    ] {
        let found = Pattern::parse(pattern).expect_err(pattern).0;
        assert!(found.contains(expected), "{pattern}: {found}");
    }
    let deep = format!("{}[1]{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    assert!(Pattern::parse(&deep).unwrap_err().0.contains("nests deeper"));
}
