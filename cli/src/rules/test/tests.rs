use serde_json::json;

use super::*;

#[test]
fn other_alerts_of_another_order_name_the_seed_and_the_order() {
    let alert: Alert = serde_json::from_value(json!({
        "alertId": "a", "revision": 1, "status": "final", "rule": "r", "severity": "low", "key": {},
        "count": 2, "first": "2026-11-20T12:00:00Z", "last": "2026-11-20T12:00:01Z",
        "trigger": {"id": "e"}, "evidence": [], "message": "m", "depth": 1,
    }))
    .unwrap();
    let written = PlayResult {
        alerts: vec![alert],
        ..PlayResult::default()
    };
    let other = PlayResult {
        order: vec![2, 1, 3],
        ..PlayResult::default()
    };
    let way = PlayMode::Disordered { seed: 4 };
    let problem = compare_plays(&written, &other, way).unwrap();
    assert_eq!(
        problem.message,
        "other alerts with events out of order (seed 4)"
    );
    assert_eq!(
        problem.details,
        [
            "in the order of lines 2 1 3",
            "as written:",
            "r, count 2",
            "this way:",
            "none"
        ]
    );
    assert!(compare_plays(&written, &written, way).is_none());
}
