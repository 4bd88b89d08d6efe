//! Pages of what Lambda lists: as many items as were asked for, and the last one's name as the marker of the next page.

/// Items of one page, whatever was asked for (Lambda API reference: "up to 50").
const PAGE_MAX: u32 = 50;

/// One page.
#[derive(Debug)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) next_marker: Option<String>,
}

impl<T> Page<T> {
    /// The first of `rest`, which begins behind the marker; `name` is what an item is found by.
    pub(super) fn of(rest: impl Iterator<Item = T>, max_items: Option<u32>, name: impl Fn(&T) -> String) -> Self {
        Self::of_at_most(PAGE_MAX, rest, max_items, name)
    }

    /// The same with `page_max` items at most, whatever is asked for.
    pub(super) fn of_at_most(
        page_max: u32,
        rest: impl Iterator<Item = T>,
        max_items: Option<u32>,
        name: impl Fn(&T) -> String,
    ) -> Self {
        let most = max_items.map_or(page_max, |most| most.clamp(1, page_max));
        let mut rest = rest;
        let items: Vec<T> = rest.by_ref().take(most as usize).collect();
        let next_marker = rest.next().and(items.last()).map(name);
        Self { items, next_marker }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_names_the_next_one_only_when_there_is_one() {
        let check = |count: u32, max_items: Option<u32>, expected: (usize, Option<&str>)| {
            let page = Page::of(1..=count, max_items, ToString::to_string);
            assert_eq!((page.items.len(), page.next_marker.as_deref()), expected, "{count} {max_items:?}");
        };
        check(0, None, (0, None));
        check(50, None, (50, None));
        check(51, None, (50, Some("50")));
        check(3, Some(2), (2, Some("2")));
        check(2, Some(2), (2, None));
        check(60, Some(10_000), (50, Some("50")));
    }
}
