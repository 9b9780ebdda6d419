use crate::support::{RULES, alerts, config, emit, of_rule};
use larum_engine::Engine;

#[actix_rt::test]
async fn an_alert_is_counted_by_a_second_rule_and_by_a_third_over_that() {
    let store = tempfile::tempdir().unwrap();
    let engine = Engine::start(config(&store, RULES)).await.unwrap();
    emit(&engine, 0..6, 1).await;
    engine.settle().await;
    let found = alerts(&engine).await;
    assert_eq!(of_rule(&found, "auth.failures").len(), 2);
    assert_eq!(of_rule(&found, "auth.wave").len(), 1);
    let third = of_rule(&found, "auth.wave_of_waves");
    assert_eq!(third.len(), 1);
    assert_eq!(third[0].message, "wave of u0");
    assert_eq!(third[0].depth, 3);
    engine.shutdown().await;
}
