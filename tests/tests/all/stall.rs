//! A real server whose evaluation hangs.
//!
//! Shows that it ends by itself, that it says which unit hangs, and that the next start raises what
//! was left.

use larum_tests::Server;

use crate::kill::{RULES, batch, derived, records, undisturbed};

const UNIT: &str = "window/auth.failures/0";

#[test]
fn a_server_whose_evaluation_hangs_exits_with_4_and_the_next_start_raises_the_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let (rules, store) = (folder.path().join("rules"), folder.path().join("store"));
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("rule.rhai"), RULES).unwrap();
    let faults = format!("hang:{UNIT}@1");
    let environment = [
        ("LARUM_FAULTS", faults.as_str()),
        ("LARUM_STALL_EXIT", "12s"),
    ];
    let mut server = Server::start(&store, &rules, &environment);
    server.post(&batch(0, 200)).unwrap();
    // It accepts more while a unit hangs, and names that unit.
    while !server.get("/v1/health").contains(UNIT) {
        std::thread::yield_now();
    }
    server.post(&batch(200, 50)).unwrap();
    assert_eq!(server.wait_for_exit(), Some(4));
    assert!(
        derived(&records(&store)).is_empty(),
        "it hung before any alert"
    );

    let mut server = Server::start(&store, &rules, &[]);
    server.stop();
    let records = records(&store);
    let found = derived(&records);
    assert!(found.len() > 10, "the rules hardly fired: {}", found.len());
    assert_eq!(found, undisturbed(&records));
}
