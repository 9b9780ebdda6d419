//! What trees could not take as events say.

use larum_event::{Event, RecordBody};

use super::{counted, holding, step, steps};
use crate::stream;
use crate::support::{emit, ended, folder, records, settled, started};

fn root_of(tenant: &str, root: &str) -> Event {
    let at = stream::second(5);
    let json = format!(
        r#"{{"id":"e-{root}","source":"worker","time":"{at}","channel":"security","type":"work.step",
            "correlationId":"{root}","metadata":{{"tenantId":"{tenant}"}},"data":{{}}}}"#
    );
    stream::event(&json, at)
}

fn of_tenant(tenant: &str, id: &str, root: &str) -> Event {
    let at = stream::second(7);
    let json = format!(
        r#"{{"id":"{id}","source":"worker","time":"{at}","channel":"security","type":"work.step",
            "correlationId":"{tenant}-{id}","correlation":{{"root":"{root}"}},
            "metadata":{{"tenantId":"{tenant}"}},"data":{{}}}}"#
    );
    stream::event(&json, at)
}

fn config(store: &tempfile::TempDir) -> larum_engine::EngineConfig {
    holding(store, 100)
}

fn told(store: &tempfile::TempDir) -> Vec<(String, String)> {
    let records = records(store.path());
    let events = records.iter().filter_map(|record| match &record.body {
        RecordBody::Event { event, .. } => Some(event.envelope()),
        _ => None,
    });
    events
        .filter(|envelope| envelope.event_type.as_str() == "larum.tree_refused")
        .map(|envelope| {
            assert_eq!(envelope.channel.as_str(), "$sys");
            let cause = envelope.causation_id.as_ref().unwrap().to_string();
            (envelope.tenant.to_string(), cause)
        })
        .collect()
}

#[actix_rt::test]
async fn a_tenant_that_names_anothers_root_is_told_of_in_its_own_log_and_once_only() {
    let store = folder();
    let engine = started(config(&store)).await;
    emit(&engine, [root_of("acme", "acme-root")]).await;
    emit(&engine, [of_tenant("acme", "a1", "acme-root")]).await;
    emit(&engine, [of_tenant("acme", "a2", "acme-root")]).await;
    emit(&engine, [of_tenant("globex", "g1", "acme-root")]).await;
    emit(&engine, [of_tenant("globex", "g2", "acme-root")]).await;
    settled(&engine).await;
    counted(&engine, &[("foreign_root", 1)]).await;
    ended(engine, &store).await;
    let expected = [("globex".to_owned(), "g1".to_owned())];
    assert_eq!(told(&store), expected);
    std::fs::remove_file(store.path().join("checkpoints.db")).unwrap();
    let engine = started(config(&store)).await;
    settled(&engine).await;
    ended(engine, &store).await;
    assert_eq!(told(&store), expected);
}

#[actix_rt::test]
async fn a_tenant_that_goes_on_guessing_is_counted_and_told_of_a_few_times() {
    let store = folder();
    let engine = started(config(&store)).await;
    let roots = 0..40;
    let own = roots.clone().map(|n| root_of("acme", &format!("r{n}")));
    emit(&engine, own).await;
    let guesses = roots.map(|n| of_tenant("globex", &format!("g{n}"), &format!("r{n}")));
    emit(&engine, guesses).await;
    settled(&engine).await;
    counted(&engine, &[("foreign_root", 40)]).await;
    ended(engine, &store).await;
    assert_eq!(told(&store).len(), 10);
}

#[actix_rt::test]
async fn circles_and_steps_under_themselves_are_counted() {
    let store = folder();
    let engine = started(holding(&store, 100)).await;
    let own = super::event(
        "own",
        3,
        r#""type":"work.step","correlationId":"x","correlation":{"parent":"x"},"data":{}"#,
    );
    let circle = super::event(
        "circle",
        99,
        r#""type":"work.step","correlationId":"w0-0","correlation":{"parent":"w0-2"},"data":{}"#,
    );
    emit(&engine, steps(0..1, 3)).await;
    emit(&engine, [own, circle, step(5, 0)]).await;
    settled(&engine).await;
    counted(&engine, &[("cycle", 1), ("self_parent", 1)]).await;
    engine.shutdown().await;
}
