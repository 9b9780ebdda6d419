//! How long a question takes about a tree that memory holds no more, among many events.
//!
//! The engine without rules, its log full of small workflows; memory holds few of them. Asked are
//! roots, steps and events, by chance, over all of the log.

#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::fmt::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Parser;
use larum_benches::{BenchError, Latency, parse_all, resident};
use larum_engine::SeededSequence;
use larum_engine::{AsOf, EmitError, Engine, EngineConfig, GraphLimits, TreeError, TreeQuery};
use larum_event::{Event, Position, TenantId, Timestamp};

/// Events sent at once, and how many of such batches are under way.
const BATCH: u64 = 5_000;
/// How long to wait when the engine is behind.
const PAUSE: Duration = Duration::from_millis(20);

/// Measures questions about trees that memory let go
#[derive(Parser)]
struct Arguments {
    /// Events in the log
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// Events of one workflow
    #[arg(long, default_value_t = 10)]
    each: u64,
    /// Trees that memory holds
    #[arg(long, default_value_t = 1_000)]
    held: usize,
    /// Questions of each kind
    #[arg(long, default_value_t = 2_000)]
    questions: u64,
    /// Folder on the disk to measure; a folder of its own is made inside of it
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

fn main() -> Result<(), BenchError> {
    let arguments = Arguments::parse();
    actix_rt::System::new().block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<(), BenchError> {
    let dir = tempfile::tempdir_in(&arguments.folder)?;
    let config = EngineConfig {
        trees: GraphLimits {
            roots_per_tenant: arguments.held,
            ..GraphLimits::default()
        },
        ..EngineConfig::new(dir.path().join("store"))
    };
    let engine = Engine::start(config.clone()).await?;
    fill(&engine, &arguments).await?;
    let store = dir.path().join("store");
    for file in ["trees.db", "trees.db-wal"] {
        if let Ok(found) = std::fs::metadata(store.join(file)) {
            println!("{file}: {:.0} MB", found.len() as f64 / 1e6);
        }
    }
    println!("resident: {:.0} MB", resident() as f64 / 1e6);
    ask_all(&engine, &arguments).await?;
    engine.shutdown().await;
    drop(engine);
    let begun = Instant::now();
    let engine = Engine::start(config).await?;
    println!("started again in {:.2} s", begun.elapsed().as_secs_f64());
    ask_all(&engine, &arguments).await?;
    engine.shutdown().await;
    Ok(())
}

async fn fill(engine: &Engine, arguments: &Arguments) -> Result<(), BenchError> {
    let begun = Instant::now();
    for first in (0..arguments.events).step_by(BATCH as usize) {
        let last = (first + BATCH).min(arguments.events);
        let events = batch(first..last, arguments.each);
        loop {
            match engine.emit(events.clone()).await {
                Ok(_) => break,
                Err(EmitError::Overloaded { .. }) => tokio::time::sleep(PAUSE).await,
                Err(error) => {
                    return Err(BenchError::Refused {
                        answer: error.to_string(),
                    });
                }
            }
        }
    }
    engine.wait_until_evaluated().await;
    let took = begun.elapsed().as_secs_f64();
    let metrics = engine.metrics();
    let evicted = metrics.by_label(larum_engine::Metric::TreeReports);
    println!(
        "{} events in {took:.1} s, {:.0}/s; {evicted:?}",
        arguments.events,
        arguments.events as f64 / took
    );
    Ok(())
}

/// Steps of workflows, a hundred of which are under way at once.
fn batch(numbers: std::ops::Range<u64>, each: u64) -> Vec<Event> {
    let mut lines = String::new();
    for number in numbers {
        let (workflow, step) = place(number, each);
        let time = Timestamp::from_nanos(1_780_000_000_000_000_000 + number as i64 * 1_000_000);
        let parent = step
            .checked_sub(1)
            .map(|parent| format!(r#","parent":"w{workflow}-{}""#, parent / 2))
            .unwrap_or_default();
        let line = writeln!(
            lines,
            r#"{{"id":"e{workflow}-{step}","type":"work.step","source":"worker-{}","time":"{time}","correlationId":"w{workflow}-{step}","correlation":{{"root":"w{workflow}-0"{parent}}},"metadata":{{"user":"u{}","host":"web-{}"}},"data":{{"bytes":{number}}}}}"#,
            workflow % 7,
            workflow % 1_000,
            workflow % 50,
        );
        line.expect("a string takes any text");
    }
    parse_all(&lines)
}

/// Of which workflow event `number` is, and which of its steps.
fn place(number: u64, each: u64) -> (u64, u64) {
    let round = 100 * each;
    let (block, within) = (number / round, number % round);
    (block * 100 + within % 100, within / 100)
}

async fn ask_all(engine: &Engine, arguments: &Arguments) -> Result<(), BenchError> {
    let workflows = arguments.events / arguments.each;
    let mut draw = SeededSequence::from_name("evicted");
    // The last ones are in memory.
    let most = workflows.saturating_sub(2 * arguments.held as u64).max(1);
    for kind in ["root", "step", "event", "as of"] {
        let mut took = Latency::new();
        for _ in 0..arguments.questions {
            let workflow = draw.next_number() % most;
            let id = match kind {
                "root" | "as of" => format!("w{workflow}-0"),
                "step" => format!("w{workflow}-{}", arguments.each - 1),
                _ => format!("e{workflow}-{}", arguments.each / 2),
            };
            let as_of = match kind {
                "as of" => AsOf::Position(Position(arguments.events / 2)),
                _ => AsOf::Now,
            };
            let query = TreeQuery::whole_tree(id);
            let begun = Instant::now();
            let asked = engine.tree_query(TenantId::default_tenant(), query, as_of);
            let answer = asked.await;
            took.record(begun.elapsed());
            let nodes = match answer {
                Ok(view) => view.counts.steps,
                Err(TreeError::NotFound { .. }) if kind == "as of" => continue,
                Err(error) => {
                    return Err(BenchError::Refused {
                        answer: error.to_string(),
                    });
                }
            };
            assert!(nodes == arguments.each || kind == "as of", "{nodes} steps");
        }
        println!("{kind}: {took}");
    }
    Ok(())
}
