//! How many lines each table gets. Pure.

/// A blank line and the headings.
const AROUND: usize = 2;

/// Shares `room` lines among tables with so many rows: the rows each may show. A small table is shown whole before a large
/// one gets more; one without room for a row is not shown at all, the last ones first.
pub(super) fn share(room: usize, rows: &[usize]) -> Vec<usize> {
    let mut given = vec![0; rows.len()];
    let shown = rows.len().min(room / (AROUND + 1));
    let mut left = room - shown * AROUND;
    while left > 0 {
        let wanting = (0..shown).filter(|table| given[*table] < rows[*table]).min_by_key(|table| given[*table]);
        let Some(table) = wanting else { break };
        given[table] += 1;
        left -= 1;
    }
    given
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_tables_are_whole_and_large_ones_share() {
        for (room, rows, expected) in [
            (20, vec![2, 3], vec![2, 3]),
            (20, vec![100, 2, 100], vec![6, 2, 6]),
            (7, vec![9, 9], vec![2, 1]),
            (5, vec![9, 9], vec![3, 0]),
            (2, vec![9], vec![0]),
            (0, vec![], vec![]),
        ] {
            assert_eq!(share(room, &rows), expected, "{room} {rows:?}");
        }
    }
}
