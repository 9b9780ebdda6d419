//! Bytes to events: canonical JSON from outside, from the log, and a foreign record by a decoder.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use larum_benches::{Traffic, parse_all};
use larum_event::decode::Decoder;
use larum_event::{Channel, Event, EventDefaults, EventId, Severity, TenantId, Timestamp};

const EVENTS: usize = 500;

const DECODER: &str = r#"
name = "auth-log"
format = "text"
channel = "security"
[fields]
time = { from = "time", format = "%b %e %H:%M:%S", year = 2026 }
source = { from = "host", prefix = "sshd@" }
[metadata]
user = "user"
ip = "ip"
[text]
head = '^(?P<time>\w{3} +\d+ [\d:]+) (?P<host>\S+) sshd\[(?P<pid>\d+)\]: '
integer = ["pid", "port"]
[[text.pattern]]
regex = 'Failed password for (?P<user>\S+) from (?P<ip>\S+) port (?P<port>\d+) ssh2$'
type = "auth.login"
data = { outcome = "failure" }
[[text.pattern]]
regex = '(?P<message>.*)$'
type = "ssh.other"
"#;

fn fill<'f>(tenant: &'f TenantId, channel: &'f Channel) -> EventDefaults<'f> {
    EventDefaults {
        arrived: Timestamp::default(),
        new_id: &|| EventId::new("none").expect("a word is a valid id"),
        source: None,
        channel,
        tenant,
        severity: &|_| Severity::Info,
    }
}

fn decode(criterion: &mut Criterion) {
    let mut lines = String::new();
    Traffic::new(0).write(EVENTS, Timestamp::default(), &mut lines);
    let (tenant, channel) = (TenantId::default_tenant(), Channel::default_channel());
    let fill = fill(&tenant, &channel);
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("event from outside", |bencher| {
        bencher.iter(|| {
            for line in lines.lines() {
                black_box(Event::parse(line.as_bytes(), &fill)).expect("the load is valid");
            }
        });
    });
    let events = parse_all(&lines);
    group.bench_function("event from the log", |bencher| {
        bencher.iter(|| {
            for event in &events {
                black_box(Event::from_canonical(event.json())).expect("the log is valid");
            }
        });
    });
    let decoder = Decoder::load("decoder.toml", DECODER).expect("the decoder is valid");
    let records: Vec<String> = (0..EVENTS)
        .map(|number| {
            format!(
                "Nov 20 12:00:{:02} web-{} sshd[{number}]: Failed password for user{} from 203.0.113.{} port 40022 ssh2",
                number % 60,
                number % 9,
                number % 97,
                number % 250
            )
        })
        .collect();
    group.bench_function("line of text by a decoder", |bencher| {
        bencher.iter(|| {
            for (record, number) in records.iter().zip(0..) {
                black_box(decoder.decode(record.as_bytes(), number, &fill))
                    .expect("the records are valid");
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(30);
    targets = decode
}
criterion_main!(benches);
