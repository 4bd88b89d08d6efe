//! Patterns on lines.

use super::*;

fn check(pattern: &str, message: &str, expected: bool) {
    let parsed = FilterPattern::parse(pattern).unwrap_or_else(|wrong| panic!("{pattern}: {wrong}"));
    assert_eq!(parsed.matches(message), expected, "{pattern} on {message}");
}

#[test]
fn terms() {
    for (pattern, message, expected) in [
        ("", "anything", true),
        ("ERROR", "[ERROR 400] BAD REQUEST", true),
        ("ERROR", "error", false),
        ("ERROR", "ERRORS", false),
        ("ERROR", "MY_ERROR", false),
        ("ERROR ARGUMENTS", "[ERROR 419] MISSING ARGUMENTS", true),
        ("ERROR ARGUMENTS", "[ERROR 400] BAD REQUEST", false),
        ("?ERROR ?ARGUMENTS", "[ERROR 400] BAD REQUEST", true),
        ("?ERROR ?ARGUMENTS", "[INFO] fine", false),
        ("?ERROR REQUEST", "[INFO] REQUEST", true),
        (r#""INTERNAL SERVER ERROR""#, "[ERROR 500] INTERNAL SERVER ERROR", true),
        (r#""INTERNAL SERVER ERROR""#, "INTERNAL ERROR", false),
        (r#""Exception""#, "NullPointerException", true),
        ("ERROR -EXITING", "ERROR EXITING", false),
        ("ERROR -EXITING", "ERROR", true),
        ("-DEBUG", "DEBUG x", false),
        ("-DEBUG", "x", true),
        (r#"-"a b""#, "x a b", false),
        (r#"?"a b" ?c"#, "a b", true),
        ("REPORT", "REPORT RequestId: 7\tDuration: 1 ms", true),
    ] {
        check(pattern, message, expected);
    }
}

#[test]
fn json() {
    let line = r#"{"level":"ERROR","code":400,"ok":true,"user":{"id":7,"names":["a","b"]},"none":null}"#;
    for (pattern, expected) in [
        (r#"{ $.level = "ERROR" }"#, true),
        (r#"{$.level="INFO"}"#, false),
        (r#"{ $.level = ERROR }"#, true),
        (r#"{ $.level = "ERR*" }"#, true),
        (r#"{ $.level = *OR }"#, true),
        (r#"{ $.level != "INFO" }"#, true),
        (r#"{ $.missing != "INFO" }"#, false),
        ("{ $.code = 400 }", true),
        ("{ $.code >= 400 && $.code < 500 }", true),
        ("{ $.code > 400 || $.user.id <= 6 }", false),
        (r#"{ ($.code = 1 || $.code = 400) && $.user.names[1] = "b" }"#, true),
        ("{ $.code = 1 || $.code = 400 && $.user.id = 8 }", false),
        ("{ $.ok IS TRUE }", true),
        ("{ $.ok IS FALSE }", false),
        ("{ $.none IS NULL }", true),
        ("{ $.other NOT EXISTS }", true),
        ("{ $.none NOT EXISTS }", false),
        // Texts of numbers, and what is there at all.
        ("{ $.code = 4* }", true),
        ("{ $.code != 5* }", true),
        (r#"{ $.code = "*" }"#, true),
        (r#"{ $.user = "*" }"#, true),
        (r#"{ $.other = "*" }"#, false),
        ("{ $.code = 4e2 }", true),
        ("{ $.code > -1.5 }", true),
        ("{ $.level = %^ERR|^WARN% }", true),
        ("{ $.level != %^E% }", false),
        ("{ $.level = %RR% && $.code = %0{2}$% }", true),
        // Wildcards: one of the values is enough.
        (r#"{ $.user.names[*] = "b" }"#, true),
        (r#"{ $.user.names[*] = "c" }"#, false),
        ("{ $.*.id = 7 }", true),
        ("{ $.*.other NOT EXISTS }", true),
        ("{ $.level = inf }", false),
    ] {
        check(pattern, line, expected);
    }
    check(r#"{ $.level = "ERROR" }"#, "ERROR not json", false);
}

#[test]
fn regular_expressions() {
    for (pattern, message, expected) in [
        ("%AUTHORIZED%", "401 UNAUTHORIZED REQUEST", true),
        ("%^AUTHORIZED%", "401 UNAUTHORIZED REQUEST", false),
        ("%colou?r%", "the color", true),
        ("%[hc]at$%", "a hat", true),
        ("%[hc]at$%", "hats", false),
        ("%gray|grey%", "grey", true),
        (r"%10\.10\.0\.1%", "10.10.0.1", true),
        (r"%10\.10\.0\.1%", "10.10.001", false),
        (r"%\d{3} \w+%", "code 404 NotFound", true),
        (r"%\x41%", "A", true),
        ("%a{3,5}%", "aa", false),
    ] {
        check(pattern, message, expected);
    }
}

#[test]
fn columns() {
    let line = r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#;
    for (pattern, expected) in [
        ("[ip, identity, user, timestamp, request, status_code, bytes]", true),
        ("[ip, identity, user, timestamp, request, status_code]", false),
        ("[ip, identity, user, timestamp, request, status_code = 4*, bytes > 1000]", true),
        ("[ip, identity, user, timestamp, request, status_code = 4*, bytes > 2000]", false),
        ("[ip, identity, user, timestamp, request = *.html*, status_code = 404, bytes]", true),
        ("[ip, ..., status_code = 404 || status_code = 410, bytes]", true),
        ("[..., status_code = 410, bytes]", false),
        ("[..., status_code != 410 && status_code != 500, bytes]", true),
        ("[ip != 127.0.0.1, ...]", false),
        (r"[ip = %127\.0\.0\.[0-9]%, ...]", true),
        ("[..., request = %^GET%, status_code, bytes]", true),
        (r#"[ip, identity, user = "frank", ...]"#, true),
        ("[...]", true),
        ("[a, b, c, d, e, f, g, ..., h]", false),
        ("[a, b, c, d, e, f, (g > 1 && g < 9) || g = 1534]", true),
        ("[a, b, c > 5, ...]", false),
    ] {
        check(pattern, line, expected);
    }
    check("[w1=ERROR, w2]", "ERROR 400", true);
    check("[w1!=ERROR&&w1!=WARN, w2]", "INFO 200", true);
    check("[w1!=ERROR&&w1!=WARN, w2]", "WARN 200", false);
    check("[a]", "", false);
    check("[a, b]", "an [unclosed", true);
}

#[test]
fn mistakes_are_named() {
    for (pattern, expected) in [
        ("[a, b", "`]` is missing"),
        ("[a,, b]", "has no name"),
        ("[a, ..., b, ...]", "more than one `...`"),
        ("[a = 1 || b = 2]", "a condition on `b` stands at the column `a`"),
        ("[a > x]", "compare numbers"),
        ("[a] b", "after the end"),
        ("%AUTH", "not closed"),
        ("%%", "is empty"),
        ("%a(b)%", "`(` is not supported"),
        ("%a!%", "`!` is not supported"),
        ("%\u{e9}%", "is not supported"),
        ("%a\\q%", "`q` is not supported"),
        ("%a{%", "is no regular expression"),
        ("%a% b", "after the end"),
        ("{ $.a = %a% && $.b = %b% && $.c = %c% }", "more than 2 regular expressions"),
        (r#"{ $.a > "x" }"#, "compare numbers"),
        ("{ $.*.b.* = 1 }", "one wildcard"),
        ("{ $.*.a = 1 && $.*.b = 1 && $.c[*] = 1 && $.*.d = 1 }", "more than 3 selectors"),
        (r#""open"#, "not closed"),
        ("a -", "a term is empty"),
        ("{ $.a }", "no comparison"),
        ("{ $.a = 1", "`}` is missing"),
        ("{ a = 1 }", "`$` is missing"),
        ("{ $ = 1 }", "begins with `$.`"),
        ("{ $.a = }", "no text and no number"),
        ("{ $.a IS 7 }", "`IS` takes"),
        ("{ $.a = 1 } x", "after the end"),
        ("{ $.a[x] = 1 }", "no place in a list"),
    ] {
        let found = FilterPattern::parse(pattern).expect_err(pattern);
        assert!(found.starts_with("Invalid filter pattern: ") && found.contains(expected), "{pattern}: {found}");
    }
    assert!(FilterPattern::parse(&format!("{{ {}", "(".repeat(40))).unwrap_err().contains("nest deeper"));
    assert!(FilterPattern::parse(&"x".repeat(1025)).unwrap_err().contains("longer than"));
}
