//! The engine end to end, in one process with its client: how many events it takes, how soon it has
//! evaluated them, and how long an alert takes from the request to the stream.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a measurement reads the clock and prints"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use larum_benches::{
    BenchError, Latency, Plan, Sent, emit_all, fdatasync_floor, listen, now, post_all, prepared,
    rule_files,
};
use larum_engine::{Engine, EngineConfig, Metric};
use larum_event::{Span, Timestamp};
use larum_http::{HttpConfig, serve};
use tokio::sync::oneshot;

// As in the `larum` binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures the engine end to end.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// Where events come in.
    #[arg(long, value_enum, default_value = "http")]
    door: Door,
    /// Events per second; without it, as fast as they are taken. HTTP alone.
    #[arg(long)]
    rate: Option<u64>,
    /// Seconds to send. HTTP alone.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Seconds at the beginning that latencies leave out.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Events to send. Engine alone.
    #[arg(long, default_value_t = 400_000)]
    events: usize,
    /// Events of each request.
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// Connections, or batches under way at once.
    #[arg(long, default_value_t = 4)]
    connections: u64,
    /// Copies of the twenty rules; 10 make 200 rules.
    #[arg(long, default_value_t = 1)]
    rule_copies: usize,
    /// Matcher threads.
    #[arg(long, default_value_t = 1)]
    matchers: usize,
    /// Shards of each window.
    #[arg(long, default_value_t = 1)]
    shards: usize,
    /// Folder on the disk to measure; a folder of its own is made inside of it.
    #[arg(long, default_value = "target")]
    folder: PathBuf,
}

/// Where events come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Door {
    /// Over HTTP, as NDJSON, on loopback.
    Http,
    /// Into the engine itself, as events that were read before.
    Engine,
}

fn main() -> Result<(), BenchError> {
    let arguments = Arguments::parse();
    actix_rt::System::new().block_on(run(arguments))
}

async fn run(arguments: Arguments) -> Result<(), BenchError> {
    let dir = tempfile::tempdir_in(&arguments.folder)?;
    let floor = fdatasync_floor(dir.path(), 500 * arguments.batch, 200)?;
    println!(
        "floor: write of {} bytes with fdatasync: {}",
        floor.bytes, floor.latency
    );
    let engine = Engine::start(EngineConfig {
        rules: rule_files(arguments.rule_copies),
        matchers: arguments.matchers,
        window_shards: arguments.shards,
        ..EngineConfig::new(dir.path().join("store"))
    })
    .await?;
    println!(
        "{} rules, batches of {}, {} connections",
        engine.health().rules,
        arguments.batch,
        arguments.connections
    );
    let plan = Plan {
        batch: arguments.batch,
        connections: arguments.connections,
        rate: arguments.rate,
        length: Duration::from_secs(arguments.seconds),
        warm_up: Duration::from_secs(arguments.warm_up),
    };
    match arguments.door {
        Door::Engine => into_engine(&engine, arguments.events, plan).await?,
        Door::Http => over_http(&engine, plan).await?,
    }
    engine.shutdown().await;
    let floor = fdatasync_floor(dir.path(), floor.bytes, 200)?;
    println!("floor, afterwards: {}", floor.latency);
    Ok(())
}

async fn into_engine(engine: &Engine, events: usize, plan: Plan) -> Result<(), BenchError> {
    let load = prepared(events, plan);
    let before = processor_seconds();
    let start = Instant::now();
    let sent = emit_all(engine, load).await?;
    engine.wait_until_evaluated().await;
    report(engine, &sent, start.elapsed(), before);
    Ok(())
}

async fn over_http(engine: &Engine, plan: Plan) -> Result<(), BenchError> {
    let any_port = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let server = serve(engine.clone(), HttpConfig::listen_on(any_port))?;
    let host = server.address();
    let before = processor_seconds();
    let start = Instant::now();
    let (done, sent) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    let warm_up = Span::from_nanos(i64::try_from(plan.warm_up.as_nanos()).unwrap_or(i64::MAX));
    let measured_from: Timestamp = now().saturating_add(warm_up);
    let client = std::thread::spawn(move || -> Result<Latency, BenchError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(async move {
            let posting = async move {
                let sent = post_all(host, plan).await;
                // Whoever waits for this has not gone away.
                let _ = done.send(sent);
            };
            let (latency, ()) =
                futures_util::future::join(listen(host, measured_from, stopped), posting).await;
            latency
        })
    });
    let sent = sent.await.map_err(|_| BenchError::Refused {
        answer: "the client ended early".to_owned(),
    })??;
    engine.wait_until_evaluated().await;
    report(engine, &sent, start.elapsed(), before);
    // What was raised last is still on its way to the stream.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let _ = stop.send(());
    let alerts = client.join().map_err(|_| BenchError::Refused {
        answer: "the client panicked".to_owned(),
    })??;
    println!("request to alert on the stream: {alerts}");
    server.stop().await;
    Ok(())
}

fn report(engine: &Engine, sent: &Sent, settled: Duration, processor_before: f64) {
    let metrics = engine.metrics();
    let spent = processor_seconds() - processor_before;
    let events = sent.events as f64;
    println!(
        "accepted {:.0} events/s ({} events of {} bytes), {} requests turned away",
        events / sent.took.as_secs_f64(),
        sent.events,
        sent.bytes / sent.events.max(1),
        sent.overloaded
    );
    println!(
        "evaluated {:.0} events/s, lag zero {:.0} ms after the last answer; {} late, {} alerts, {} faults",
        events / settled.as_secs_f64(),
        settled.saturating_sub(sent.took).as_secs_f64() * 1e3,
        metrics.value(Metric::EventsLate),
        metrics.value(Metric::AlertRevisions),
        metrics.value(Metric::RuleFaults)
    );
    let epochs = metrics.value(Metric::Epochs);
    println!(
        "{:.1} processor µs per event; {} epochs of {:.0} events",
        spent * 1e6 / events,
        epochs,
        events / epochs.max(1) as f64
    );
    println!("request to answer: {}", sent.answers);
    for (quantile, micros) in metrics.by_label(Metric::LogCommitMicroseconds) {
        println!(
            "commits of the log: {quantile} within {:.2} ms",
            micros as f64 / 1e3
        );
    }
    for (rule, number) in metrics.by_label(Metric::Alerts) {
        println!("  {rule}: {number}");
    }
}

/// Processor time of this process so far, by the kernel's clock ticks of 10 ms.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks: f64 = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}
