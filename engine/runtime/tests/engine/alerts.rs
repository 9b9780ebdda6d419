//! Alerts over alerts, and loops through the outside.

use crate::support::{config, derived, emit, ended, folder, logins, of_rule, settled, started};

/// Five failures of one user in five minutes; a rule over its alerts; a rule over all alerts.
const RULES: &str = r#"
rule("auth.failures")
    .title("Repeated failed logins")
    .severity("high")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user")
    .within("5m")
    .count(5)
    .policy("every");

rule("auth.wave")
    .on("alerts.#")
    .group_by("data.key.user")
    .within("10m")
    .count(2);

rule("auth.wave_of_waves")
    .on("alerts.auth.wave")
    .alert(|window| #{ message: `wave of ${window.event.data.key.user}` });
"#;

#[actix_rt::test]
async fn an_alert_is_counted_by_a_second_rule_and_by_a_third_over_that() {
    let store = folder();
    let engine = started(config(&store, RULES)).await;
    // Alerts are read by rules when they are final: the seventh shows that time has passed the
    // sixth.
    emit(&engine, logins(0..7, 1)).await;
    settled(&engine).await;
    let found = derived(&ended(engine, &store).await);
    let failures = of_rule(&found, "auth.failures");
    let first = failures.iter().filter(|alert| alert.revision == 1);
    assert_eq!(first.count(), 3);
    let waves = of_rule(&found, "auth.wave");
    let first = waves.iter().filter(|alert| alert.revision == 1);
    assert_eq!(first.count(), 1);
    let third = of_rule(&found, "auth.wave_of_waves");
    assert_eq!(third.len(), 1);
    assert_eq!(third[0].message, "wave of u0");
    assert_eq!(third[0].depth, 3);
}
