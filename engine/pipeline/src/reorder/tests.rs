use larum_event::{Channel, Event, EventId, Fill, Severity, Source};

use super::*;

/// An event of `tenant` at `seconds`, as record `record` of its input.
fn input(tenant: &str, seconds: i64, record: u64) -> Input {
    let time = Timestamp::from_seconds(seconds).unwrap();
    let text = format!(r#"{{"id":"{record}","type":"a.b","time":"{time}"}}"#);
    let fill = Fill {
        arrived: Timestamp::from_nanos(0),
        new_id: &|| EventId::new("new").unwrap(),
        source: Some(&Source::new("test").unwrap()),
        channel: &Channel::default_channel(),
        tenant: &TenantId::new(tenant).unwrap(),
        severity: &|_| Severity::Info,
    };
    let event = Event::parse(text.as_bytes(), &fill).unwrap();
    Input {
        position: Position::START,
        event,
        arrived: None,
        record: Some(record),
    }
}

/// The records in the order of release: those that came out before the end, and those at the end.
fn run(lateness: u32, inputs: &[(&str, i64)]) -> (Vec<u64>, Vec<u64>) {
    let mut reorder = Reorder::new(Span::from_seconds(lateness));
    let mut out = Vec::new();
    for (record, (tenant, seconds)) in inputs.iter().enumerate() {
        reorder.push(input(tenant, *seconds, record as u64), &mut out);
    }
    let before_the_end = out.len();
    reorder.finish(&mut out);
    let positions: Vec<u64> = out.iter().map(|input| input.position.0).collect();
    assert_eq!(positions, (1..=inputs.len() as u64).collect::<Vec<_>>());
    let mut records: Vec<u64> = out.iter().filter_map(|input| input.record).collect();
    let rest = records.split_off(before_the_end);
    (records, rest)
}

#[test]
fn without_lateness_everything_passes_at_once_as_it_came() {
    assert_eq!(
        run(0, &[("a", 10), ("a", 5), ("a", 7)]),
        (vec![0, 1, 2], vec![])
    );
}

#[test]
fn an_event_within_the_lateness_comes_out_in_its_place() {
    assert_eq!(
        run(30, &[("a", 100), ("a", 80), ("a", 131)]),
        (vec![1, 0], vec![2])
    );
}

#[test]
fn an_event_exactly_the_lateness_behind_still_finds_its_place() {
    assert_eq!(
        run(30, &[("a", 70), ("a", 100), ("a", 70)]),
        (vec![], vec![0, 2, 1])
    );
    assert_eq!(
        run(30, &[("a", 70), ("a", 101), ("a", 70)]),
        (vec![0, 2], vec![1])
    );
}

#[test]
fn equal_times_keep_the_order_in_which_they_came() {
    assert_eq!(
        run(5, &[("a", 1), ("a", 1), ("a", 1)]),
        (vec![], vec![0, 1, 2])
    );
}

#[test]
fn one_tenant_does_not_release_the_events_of_another() {
    assert_eq!(
        run(30, &[("a", 10), ("b", 1_000), ("a", 5)]),
        (vec![], vec![2, 0, 1])
    );
}
