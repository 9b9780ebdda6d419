use super::*;

fn key(members: &[ScalarValue]) -> GroupKey {
    GroupKey::new(members.to_vec())
}

fn text(text: &str) -> ScalarValue {
    ScalarValue::Str(text.into())
}

#[test]
fn keys_that_differ_in_case_blanks_or_type_only_are_alike() {
    let alice = key(&[text("Alice"), ScalarValue::Int(1)]);
    for (other, shown) in [
        (
            key(&[text("alice"), ScalarValue::Int(1)]),
            vec!["Alice", "alice"],
        ),
        (
            key(&[text("Alice "), ScalarValue::Int(1)]),
            vec!["Alice", "Alice "],
        ),
        (key(&[text("Alice"), text("1")]), vec!["1", "\"1\""]),
        (key(&[text("bob"), ScalarValue::Int(1)]), vec![]),
        (key(&[text("alice"), ScalarValue::Int(2)]), vec![]),
    ] {
        let keys = BTreeSet::from([alice.clone(), other]);
        assert_eq!(similar_values(&alice, &keys), shown);
    }
}

#[test]
fn a_value_is_off_by_what_it_lacks_or_has_too_much_of_the_worst_bound() {
    for (bounds, value, expected) in [
        (">= 5", 4, 1),
        (">= 5", 5, 0),
        (">= 5 && <= 10", 12, 2),
        ("< 3", 3, 0),
        ("== 7", 9, 2),
    ] {
        let bounds: Bounds = bounds.parse().unwrap();
        let off = distance_to_bounds(&bounds, Amount::from_int(value));
        assert_eq!(off, Amount::from_int(expected), "{bounds}: {value}");
    }
}
