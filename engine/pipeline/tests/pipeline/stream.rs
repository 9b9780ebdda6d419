//! A seeded stream of events, and rules for it: what the tests of the pipeline and those of the
//! engine feed to different machinery to compare what comes out.
//!
//! The stream has several tenants with the same ids and users, sources that disagree about the
//! time, equal times with and without a sequence, events behind their own source, a source that
//! imports history and one whose clock is a year ahead.

use larum_event::{
    Channel, Event, EventDefaults, EventId, RuleFile, Severity, TenantId, Timestamp,
};

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
    let fill = EventDefaults {
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

/// Rules that ask trees: in conditions, in steps, by the root and over alerts.
pub const TREE_RULES: &str = r##"
rule("tree.under")
    .on("events.step.act")
    .when(|event| event.data.n > 2 && event.has_ancestor(|node| node.stage == "entry"))
    .alert(|window| #{
        message: `under ${window.event.root()}`,
        above: window.event.ancestors().map(|node| node.id),
    });

rule("tree.deep")
    .severity("low")
    .on("events.step.#")
    .when(|event| event.ancestors().len() >= 2 || event.descendant_of("s3"));

rule("tree.many")
    .on("events.step.act")
    .group_by("tree.root").within("2m").count(3).policy("every")
    .alert(|window| `${window.count} in ${window.key.root}`);

rule("tree.users")
    .on("events.step.#")
    .group_by("metadata.user").within("3m").distinct("tree.root", 3);

rule("tree.chain")
    .group_by(#{tree: "tree.root"}).within("5m")
    .sequence([
        step("begin").on("events.step.begin").when(|event| event.root() == event.correlationId),
        step("act").on("events.step.act").when(|event| event.has_ancestor(|node| node.tags.team == "red")),
    ])
    .stop_when(|event| event.data.n == 0 && event.descendant_of("s5"));

rule("tree.storm")
    .severity("high")
    .on("alerts.tree.#")
    .group_by("tree.root").within("5m").count(4);

rule("tree.storms")
    .on("alerts.tree.storm")
    .when(|event| event.root() != ())
    .alert(|window| #{ message: `storm in ${window.event.root()}` });
"##;

/// Events of workflow steps: children before parents, claims that change, duplicates, and tenants
/// that use each other's ids.
pub fn tree_events(seed: u64, number: usize) -> Vec<(Event, Timestamp)> {
    let mut draw = Draw::new(seed);
    let mut now = 0;
    let mut sent: Vec<(Event, Timestamp)> = Vec::with_capacity(number);
    for index in 0..number {
        now += [0, 0, 1, 1, 2, 9][draw.below(6) as usize];
        if draw.percent(4) && !sent.is_empty() {
            let again = sent[draw.below(sent.len() as u64) as usize].0.clone();
            sent.push((again, second(now)));
            continue;
        }
        let tenant = ["default", "acme"][index % 2];
        // Steps come in generations, so that trees begin and are over.
        let generation = index / 150 * 20;
        let step = generation as u64 + draw.below(40);
        let time = now - [0, 0, 0, 1, 20][draw.below(5) as usize];
        let parent = match draw.below(10) {
            0..5 => format!(r#""parent":"s{}","#, step / 3),
            // Another claim; the earliest wins.
            5 => format!(r#""parent":"s{}","#, generation as u64 + draw.below(40)),
            _ => String::new(),
        };
        let root = match draw.percent(15) {
            true => format!(r#""root":"s{}","#, step / 9),
            false => String::new(),
        };
        let (stage, team) = (["entry", "act", "end"][(step % 3) as usize], step % 4);
        let team = ["red", "blue", "red", "green"][team as usize];
        let kind = ["begin", "act", "act", "end"][draw.below(4) as usize];
        let json = format!(
            r#"{{"id":"t{index}","source":"host-{}","time":"{}","type":"step.{kind}","channel":"events","correlationId":"s{step}","correlation":{{{parent}{root}"stage":"{stage}","tags":{{"team":"{team}"}}}},"metadata":{{"tenantId":"{tenant}","user":"u{}"}},"data":{{"n":{}}}}}"#,
            draw.below(3),
            second(time),
            draw.below(4),
            draw.below(6),
        );
        sent.push((event(&json, second(now)), second(now)));
    }
    sent
}
