//! How items are shared among matchers.

use super::*;

#[test]
fn items_are_cut_into_ranges_that_cover_them_once() {
    for number in [0, 1, 127, 128, 129, 256, 257, 1_000, 2_048] {
        for matchers in 1..6 {
            let ranges = split_ranges(number, matchers);
            let covered: Vec<usize> = ranges.iter().cloned().flatten().collect();
            assert_eq!(covered, (0..number).collect::<Vec<_>>());
            assert!(ranges.len() <= matchers);
        }
    }
}
