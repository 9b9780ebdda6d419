//! Trees that memory holds no more, or that are asked for as they were: as the engine answers.

mod kept;

mod evicted;

mod refused;

mod watched;

use larum_engine::{
    AsOf, Engine, EngineConfig, GraphLimits, Metric, TreeError, TreeQuery, TreeView,
};
use larum_event::{Event, Position, TenantId};
use tempfile::TempDir;

use crate::stream;
use crate::support::{config, until};

/// A rule that reads steps of workflows, and links that read what is in them.
const RULES: &str = r##"
rule("step.bad").severity("high").on("security.work.#").when(|event| event.data.bad == true);
link("file").on("security.file.#").id("data.file").parent("data.from");
"##;

/// Number `number` of the steps of a workflow: under the one before, the first under none.
fn step(workflow: u64, number: u64) -> Event {
    let parent = number.checked_sub(1);
    let parent = parent.map(|parent| format!(r#","parent":"w{workflow}-{parent}""#));
    let second = workflow * 10 + number;
    event(
        &format!("w{workflow}e{number}"),
        second,
        &format!(
            r#""type":"work.step","correlationId":"w{workflow}-{number}","correlation":{{"root":"w{workflow}-0"{}}},"data":{{"bad":{}}}"#,
            parent.unwrap_or_default(),
            number == 1
        ),
    )
}

/// A file that was made from another.
fn file(name: &str, from: &str, second: u64) -> Event {
    event(
        &format!("f-{name}"),
        second,
        &format!(r#""type":"file.made","data":{{"file":"{name}","from":"{from}"}}"#),
    )
}

fn event(id: &str, second: u64, members: &str) -> Event {
    let at = stream::second(second as i64);
    let json = format!(
        r#"{{"id":"{id}","source":"worker","time":"{at}","channel":"security",{members}}}"#
    );
    stream::event(&json, at)
}

fn steps(workflows: std::ops::Range<u64>, each: u64) -> Vec<Event> {
    workflows
        .flat_map(|workflow| (0..each).map(move |number| step(workflow, number)))
        .collect()
}

/// An engine whose memory holds so many trees.
fn holding(store: &TempDir, trees: usize) -> EngineConfig {
    EngineConfig {
        trees: GraphLimits {
            roots_per_tenant: trees,
            ..GraphLimits::default()
        },
        ..config(store, RULES)
    }
}

async fn ask(engine: &Engine, id: &str, as_of: AsOf) -> Result<TreeView, TreeError> {
    let query = TreeQuery::whole_tree(id);
    engine
        .tree_query(TenantId::default_tenant(), query, as_of)
        .await
}

/// The tree that holds `id`, told without when that is and where its events stand.
async fn tree(engine: &Engine, id: &str) -> TreeView {
    let view = ask(engine, id, AsOf::Now).await;
    unplaced(view.unwrap_or_else(|error| panic!("{id}: {error}")))
}

/// The same tree, told without positions: two logs have their commits at different places.
fn unplaced(mut view: TreeView) -> TreeView {
    view.as_of = Position::START;
    for node in &mut view.nodes {
        for event in &mut node.events {
            event.position = Position::START;
        }
        if let Some(alert) = &mut node.alert {
            alert.position = Position::START;
        }
    }
    for edge in &mut view.edges {
        edge.position = edge.position.map(|_| Position::START);
    }
    view
}

/// Waits until the trees have counted these.
async fn counted(engine: &Engine, expected: &[(&'static str, u64)]) {
    until(|| engine.metrics().by_label(Metric::TreeReports) == expected).await;
}
