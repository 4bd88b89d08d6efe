//! Which function is to be built again: somebody types its number. Pure.

use super::keys::Key;

/// Functions that are asked about, and what has been typed of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Choosing {
    names: Vec<String>,
    typed: usize,
}

/// What a key comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Chosen {
    /// The number may go on.
    NotYet(Choosing),
    One(String),
    /// No number of any: the key may mean something else.
    None,
}

impl Choosing {
    pub(super) fn among(names: Vec<String>) -> Self {
        Self { names, typed: 0 }
    }

    /// Each with its number.
    pub(super) fn shown(&self) -> String {
        let shown = self.names.iter().enumerate().map(|(at, name)| format!("{} {name}", at + 1));
        shown.collect::<Vec<_>>().join(", ")
    }

    /// A number counts as soon as no longer one begins with it, or at Enter.
    pub(super) fn press(self, key: Key) -> Chosen {
        match key {
            Key::Digit(digit) => {
                let typed = self.typed.saturating_mul(10).saturating_add(usize::from(digit));
                if typed.saturating_mul(10) > self.names.len() {
                    return self.numbered(typed);
                }
                if typed == 0 { Chosen::None } else { Chosen::NotYet(Self { typed, ..self }) }
            }
            Key::Line => self.numbered(self.typed),
            _ => Chosen::None,
        }
    }

    fn numbered(&self, number: usize) -> Chosen {
        let name = number.checked_sub(1).and_then(|at| self.names.get(at));
        name.map_or(Chosen::None, |name| Chosen::One(name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(count: usize, keys: &[Key], expected: Option<&str>) {
        let mut choosing = Choosing::among((1..=count).map(|number| format!("f{number}")).collect());
        for (at, key) in keys.iter().enumerate() {
            match choosing.press(*key) {
                Chosen::NotYet(next) => choosing = next,
                Chosen::One(name) => {
                    assert_eq!((Some(&*name), at), (expected, keys.len() - 1), "{keys:?} of {count}");
                    return;
                }
                Chosen::None => {
                    assert_eq!((None, at), (expected, keys.len() - 1), "{keys:?} of {count}");
                    return;
                }
            }
        }
        panic!("{keys:?} of {count} is not all");
    }

    #[test]
    fn a_number_is_a_function() {
        check(3, &[Key::Digit(2)], Some("f2"));
        check(3, &[Key::Digit(4)], None);
        check(3, &[Key::Digit(0)], None);
        check(12, &[Key::Digit(2)], Some("f2"));
        check(12, &[Key::Digit(1), Key::Digit(2)], Some("f12"));
        check(12, &[Key::Digit(1), Key::Line], Some("f1"));
        check(12, &[Key::Digit(1), Key::Digit(9)], None);
        check(120, &[Key::Digit(1), Key::Digit(1), Key::Digit(1)], Some("f111"));
        check(3, &[Key::Escape], None);
        check(3, &[Key::Line], None);
    }
}
