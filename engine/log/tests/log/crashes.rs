//! What is left after the process or the power is gone.

use std::fs::OpenOptions;

use larum_event::Position;

use crate::sample::{alert, all, append, commit, copy, named, open_small};

#[test]
fn a_copy_taken_after_any_transaction_holds_exactly_what_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let mut log = open_small(dir.path());
    for number in 0..14_u64 {
        append(
            &mut log,
            &[named(&format!("a{number}")), named(&format!("b{number}"))],
        );
        let head = log.head().0;
        log.commit_epoch(
            vec![alert(&format!("x{number}"), "r1")],
            commit(0, head, 1),
            Vec::new(),
        )
        .unwrap();
        if number % 4 == 3 {
            log.maintenance().run_due().unwrap();
        }
        let copied = copies.path().join(number.to_string());
        copy(dir.path(), &copied);
        let mut recovered = open_small(&copied);
        assert_eq!(all(&recovered), all(&log), "after transaction {number}");
        assert_eq!(recovered.head(), log.head());
        // It goes on as if nothing had happened.
        let again = append(&mut recovered, &[named("a0"), named("new")]);
        assert_eq!(again[0], larum_log::AppendOutcome::Duplicate(Position(1)));
        assert_eq!(
            again[1],
            larum_log::AppendOutcome::Stored(log.head().next())
        );
    }
}

#[test]
fn a_write_ahead_log_cut_anywhere_leaves_whole_transactions() {
    let dir = tempfile::tempdir().unwrap();
    let copies = tempfile::tempdir().unwrap();
    let mut log = larum_log::Log::open(dir.path(), larum_log::LogOptions::default()).unwrap();
    let mut heads = vec![0];
    for number in 0..6_u64 {
        append(
            &mut log,
            &[named(&format!("a{number}")), named(&format!("b{number}"))],
        );
        heads.push(log.head().0);
        let upto = log.head().0;
        log.commit_epoch(
            vec![alert(&format!("x{number}"), "r1")],
            commit(0, upto, 1),
            vec![],
        )
        .unwrap();
        heads.push(log.head().0);
    }
    let wal = "p-00000000000000000001.db-wal";
    let length = std::fs::metadata(dir.path().join(wal)).unwrap().len();
    let mut found = Vec::new();
    for (number, cut) in (0..=length).step_by(3_001).chain([length]).enumerate() {
        let copied = copies.path().join(number.to_string());
        copy(dir.path(), &copied);
        let file = OpenOptions::new()
            .write(true)
            .open(copied.join(wal))
            .unwrap();
        file.set_len(cut).unwrap();
        let recovered = open_small(&copied);
        let head = recovered.head().0;
        assert!(heads.contains(&head), "{head} after a cut at {cut}");
        assert_eq!(all(&recovered), all(&log)[..head as usize]);
        found.push(head);
    }
    assert!(found.is_sorted());
    assert_eq!((found.first(), found.last()), (Some(&0), heads.last()));
}
