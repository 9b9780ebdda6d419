//! A seeded stream of events, and rules for it: what the tests of the pipeline and those of the engine
//! feed to different machinery to compare what comes out.
//!
//! The stream has several tenants with the same ids and users, sources that disagree about the time, equal
//! times with and without a sequence, events behind their own source, a source that imports history and one
//! whose clock is a year ahead.

use larum_event::{Channel, Event, EventId, Fill, RuleFile, Severity, TenantId, Timestamp};

/// The first second of the stream.
pub const BEGIN: i64 = 1_780_000_000;

/// Three layers of rules, all four policies, single events and counts, one and two keys.
pub const RULES: &str = r##"
rule("auth.every")
    .title("Repeated failed logins").severity("high").attack("T1110")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user").within("2m").count(4).policy("every");

rule("auth.edge")
    .severity("medium")
    .on("security.auth.#")
    .when(|event| event.data.outcome == "failure")
    .group_by("metadata.user").within("90s").count(3)
    .alert(|window| #{ message: `${window.count} failures of ${window.key.user}`, n: window.count });

rule("auth.reset")
    .on("security.auth.login")
    .when(|event| event.data.outcome == "failure")
    .group_by(["metadata.ip", "metadata.user"]).within("5m").count(3).policy("reset");

rule("auth.suppress")
    .on("security.auth.login")
    .group_by("source").within("1m").count(6).policy("suppress 3m");

rule("net.upload")
    .severity("low")
    .on("events.net.flow")
    .when(|event| event.data.bytes > 800)
    .alert(|window| #{ message: `upload by ${window.event.metadata.user}` });

rule("wave")
    .severity("high")
    .on("alerts.#")
    .group_by("data.key.user").within("10m").count(3);

rule("mixed")
    .on(["alerts.auth.every", "events.net.flow"])
    .within("3m").count(8).policy("every");

rule("storm")
    .severity("critical")
    .on("alerts.wave")
    .within("20m").count(2).policy("reset")
    .alert(|window| #{ message: `storm of ${window.count}` });
"##;

/// The rules as files.
pub fn rules(text: &str) -> Vec<RuleFile> {
    vec![RuleFile {
        path: "rules.rhai".to_owned(),
        text: text.to_owned(),
    }]
}

/// Numbers that their seed decides.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `most`.
    pub fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % most
    }

    /// Whether something of that many percent happens.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A time of the stream.
pub fn second(offset: i64) -> Timestamp {
    Timestamp::from_seconds(BEGIN + offset).unwrap()
}

/// The event that `json` says.
pub fn event(json: &str, arrived: Timestamp) -> Event {
    let fill = Fill {
        arrived,
        new_id: &|| EventId::new("unused").unwrap(),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    Event::parse(json.as_bytes(), &fill).unwrap()
}

/// `number` events and when each arrived.
pub fn events(seed: u64, number: usize) -> Vec<(Event, Timestamp)> {
    let mut draw = Draw::new(seed);
    let (mut now, mut imported) = (0, -86_400);
    (0..number)
        .map(|index| {
            // Often nothing passes, so that times are equal.
            now += [0, 0, 0, 1, 1, 2, 5][draw.below(7) as usize];
            let (source, time) = match draw.below(100) {
                0..6 => {
                    imported += draw.below(20) as i64;
                    ("import@archive".to_owned(), imported)
                }
                6..9 => ("broken@clock".to_owned(), now + 365 * 86_400),
                9..15 => (format!("sshd@web-{}", draw.below(3)), now - 40),
                _ => (
                    format!("sshd@web-{}", draw.below(3)),
                    now - draw.below(2) as i64,
                ),
            };
            let sequence = if draw.percent(30) {
                format!(r#""sequence":{},"#, draw.below(10))
            } else {
                String::new()
            };
            let json = format!(
                r#"{{"id":"e{}","source":"{source}","time":"{}",{sequence}{}}}"#,
                // Ids are used by every tenant.
                index / 3,
                second(time),
                body(&mut draw, ["default", "acme", "globex"][index % 3], index)
            );
            (event(&json, second(now)), second(now))
        })
        .collect()
}

fn body(draw: &mut Draw, tenant: &str, index: usize) -> String {
    let user = draw.below(6);
    let step = if draw.percent(20) {
        format!(
            r#""correlationId":"step-{index}","correlation":{{"root":"root-{}"}},"#,
            draw.below(5)
        )
    } else {
        String::new()
    };
    let metadata = format!(
        r#""metadata":{{"tenantId":"{tenant}","user":"u{user}","ip":"10.0.0.{}"}}"#,
        draw.below(3)
    );
    if draw.percent(70) {
        let outcome = if draw.percent(60) {
            "failure"
        } else {
            "success"
        };
        format!(
            r#""type":"auth.login","channel":"security",{step}{metadata},"data":{{"outcome":"{outcome}"}}"#
        )
    } else {
        format!(
            r#""type":"net.flow","channel":"events",{step}{metadata},"data":{{"bytes":{}}}"#,
            draw.below(1_000)
        )
    }
}
