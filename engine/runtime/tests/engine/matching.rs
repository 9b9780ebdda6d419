//! Rules that panic while they match.

use larum_engine::{EngineMetrics, Metric};

use crate::stream::{self, RULES};
use crate::support::{
    check_same, config, derived, ended, faults, manual, of_rule, offline, settled, started, written,
};

const EVENTS: usize = 600;

/// Evaluates a stream while matching panics as `text` says: what came out, what the pipeline makes
/// of the same, and what was counted.
async fn run(text: &str) -> (Vec<String>, Vec<String>, EngineMetrics) {
    let store = written(RULES, &stream::events(71, EVENTS));
    let mut config = config(&store, RULES);
    config.epoch_events = 50;
    config.faults = faults(text);
    config.clock = manual().0;
    let engine = started(config).await;
    settled(&engine).await;
    let broken_out = engine.metrics().value(Metric::RulesBrokenOut) as usize;
    assert_eq!(engine.health().problems.len(), broken_out);
    let metrics = engine.metrics();
    let found = ended(engine, &store).await;
    (derived(&found), offline(&found), metrics)
}

#[actix_rt::test]
async fn a_batch_that_panics_once_is_matched_again_and_nothing_is_missing() {
    let (found, expected, metrics) = run("panic:rule/auth.edge@3").await;
    check_same(&found, &expected, "one panic");
    assert_eq!(metrics.by_label(Metric::RuleFaults), []);
}

/// The third batch, its second try, its first event alone, and the rule alone on that: all panic.
#[actix_rt::test]
async fn a_rule_that_keeps_panicking_on_an_event_skips_it_and_no_other_rule_does() {
    let (found, expected, metrics) = run("panic:rule/net.upload@3*4").await;
    assert_eq!(metrics.by_label(Metric::RuleFaults), [("net.upload", 1)]);
    // The event that was skipped may have been one that the rule does not fire on.
    let uploads = of_rule(&expected, "net.upload").len();
    let missing = uploads - of_rule(&found, "net.upload").len();
    assert!(missing <= 1, "{missing}");
    for rule in [
        "auth.every",
        "auth.edge",
        "auth.reset",
        "auth.suppress",
        "mixed",
    ] {
        assert_eq!(of_rule(&found, rule), of_rule(&expected, rule), "{rule}");
    }
}

#[actix_rt::test]
async fn a_rule_that_panics_on_everything_is_the_only_one_that_says_nothing() {
    let (found, expected, metrics) = run("panic:rule/net.upload@1*1000000").await;
    assert_eq!(metrics.value(Metric::RulesBrokenOut), 1);
    let of_rules = metrics.by_label(Metric::RuleFaults);
    let (rule, faults) = &of_rules[0];
    assert_eq!((of_rules.len(), *rule), (1, "net.upload"));
    assert!(
        (20..100).contains(faults),
        "it is not asked any more: {faults}"
    );
    assert_eq!(of_rule(&found, "net.upload"), []);
    assert!(
        !of_rule(&found, "larum.rule_broken_out").is_empty(),
        "one for each tenant"
    );
    for rule in [
        "auth.every",
        "auth.edge",
        "auth.reset",
        "auth.suppress",
        "mixed",
    ] {
        assert_eq!(of_rule(&found, rule), of_rule(&expected, rule), "{rule}");
    }
}
