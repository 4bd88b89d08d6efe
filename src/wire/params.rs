//! The parameters of an AWS Query request: flat names with dots, numbered from 1.

use std::borrow::Cow;

/// Parameters of one request; a batch of ten messages with ten attributes each, all written out, has some 400.
const PARAMS_MAX: usize = 4_096;

/// The decoded parameters, sorted by name. Of a name that comes twice the first counts.
pub(super) struct Params<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> Params<'a> {
    /// Reads the query and the form; `None` when there are more than any request has.
    pub(super) fn read(query: &'a str, form: &'a [u8]) -> Option<Self> {
        let pairs = form_urlencoded::parse(query.as_bytes()).chain(form_urlencoded::parse(form));
        let mut pairs: Vec<_> = pairs.take(PARAMS_MAX + 1).collect();
        if pairs.len() > PARAMS_MAX {
            return None;
        }
        pairs.sort_by(|(a, _), (b, _)| a.cmp(b));
        Some(Self { pairs })
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let at = self.pairs.partition_point(|(key, _)| key.as_ref() < name);
        self.pairs.get(at).filter(|(key, _)| key == name).map(|(_, value)| value.as_ref())
    }

    /// The members of a list, in the order of their numbers: the names under which each one is, `PREFIX.N` or
    /// `PREFIX.member.N`. A list of one may leave out its number.
    pub(super) fn members(&self, prefix: &str) -> Vec<String> {
        let dotted = format!("{prefix}.");
        let first = self.pairs.partition_point(|(key, _)| key.as_ref() < dotted.as_str());
        let below = self.pairs[first..].iter().map_while(|(key, _)| key.strip_prefix(dotted.as_str()));
        let (mut numbers, mut is_bare) = (Vec::new(), self.get(prefix).is_some());
        for rest in below {
            let (in_member, rest) = match rest.strip_prefix("member.") {
                Some(rest) => (true, rest),
                None => (false, rest),
            };
            match rest.split('.').next().and_then(|number| number.parse::<u32>().ok()) {
                Some(number) => numbers.push((number, in_member)),
                None => is_bare = true,
            }
        }
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() && is_bare {
            return vec![prefix.to_owned()];
        }
        let name = |(number, in_member)| format!("{prefix}.{}{number}", if in_member { "member." } else { "" });
        numbers.into_iter().map(name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_in_the_order_of_their_numbers() {
        let check = |form: &str, expected: &[&str]| {
            let params = Params::read("", form.as_bytes()).unwrap();
            assert_eq!(params.members("A"), expected, "{form}");
        };
        check("A.10=x&A.2=y&A.1=z", &["A.1", "A.2", "A.10"]);
        check("A.1.Name=x&A.1.Value=y&A.2.Name=z", &["A.1", "A.2"]);
        check("A.member.2=x&A.member.1=y", &["A.member.1", "A.member.2"]);
        check("A=x", &["A"]);
        check("A.Name=x&A.Value=y", &["A"]);
        check("AB.1=x&B=y", &[]);
        check("", &[]);
    }

    #[test]
    fn names_are_found_in_query_and_form() {
        let params = Params::read("Action=X&a=1", b"b=%20+%26&a=2").unwrap();
        assert_eq!(
            (params.get("Action"), params.get("a"), params.get("b"), params.get("c")),
            (Some("X"), Some("1"), Some("  &"), None)
        );
        assert!(Params::read("", &b"a=1&".repeat(PARAMS_MAX + 1)).is_none());
    }
}
