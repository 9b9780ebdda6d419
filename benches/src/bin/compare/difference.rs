//! Which matches only one of the two has, and why.
//!
//! A reason is checked against the rule and the record of each difference. What no reason fits is
//! printed as `UNEXPLAINED`, with a place to look at.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::input::Lane;
use crate::program::Program;

/// Who found a match that the other did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Larum,
    Rsigma,
}

/// A rule as far as reasons look at it.
struct RuleText {
    text: String,
    product: String,
    category: String,
    service: String,
}

/// By rule: how many matches, and the line of the first.
type Rules<'r> = BTreeMap<&'r str, (u64, u64)>;

/// Why one side alone matches.
struct Reason {
    side: Side,
    text: &'static str,
    fits: fn(&RuleText, &Value) -> bool,
}

const REASONS: [Reason; 5] = [
    Reason {
        side: Side::Larum,
        text: "Security 4688 is a process creation too; their Sysmon pipeline asks for EventID 1",
        fits: |rule, event| {
            rule.category == "process_creation" && member(event, "EventID") == "4688"
        },
    },
    Reason {
        side: Side::Larum,
        text: "these recordings call Provider_Name SourceName; our layout knows both",
        fits: |rule, event| {
            rule.text.contains("Provider_Name") && event.get("Provider_Name").is_none()
        },
    },
    Reason {
        side: Side::Rsigma,
        text: "the rule is not about Windows; their routing lets an event pass that names no category",
        fits: |rule, event| rule.product.is_empty() && event.get("category").is_none(),
    },
    Reason {
        side: Side::Rsigma,
        text: "the event is not of Sysmon's channel; their routing lets an event pass that names no service",
        fits: |rule, event| {
            rule.service == "sysmon" && !member(event, "Channel").contains("Sysmon")
        },
    },
    Reason {
        side: Side::Rsigma,
        text: "registry_delete asks for EventType DeleteKey or DeleteValue (SigmaHQ's thor.yml); their pipeline does not",
        fits: |rule, event| {
            rule.category == "registry_delete" && !member(event, "EventType").starts_with("Delete")
        },
    },
];

/// Prints how many matches both have, and every difference with its reason.
pub(crate) fn tell(lane: &Lane, ours: &Program, theirs: &Program, rules: &Path) {
    let records = fs::read_to_string(&lane.once).expect("a lane");
    let ours = found(ours, lane, &lane.once, |line| {
        let rule = line.get("rule")?.as_str()?.strip_prefix("sigma.")?;
        Some((line.get("line")?.as_u64()?, rule.to_owned()))
    });
    let numbered = numbered(lane, &records);
    let theirs = found(theirs, lane, &numbered, |line| {
        let number = line.get("event")?.get(LINE)?.as_u64()?;
        Some((number, line.get("rule_id")?.as_str()?.to_owned()))
    });
    println!(
        "  matches over {} records: larum {}, rsigma {}, both {}",
        records.lines().count(),
        ours.len(),
        theirs.len(),
        ours.intersection(&theirs).count()
    );
    let only_ours = ours.difference(&theirs).map(|one| (Side::Larum, one));
    let only_theirs = theirs.difference(&ours).map(|one| (Side::Rsigma, one));
    let mut differences = only_ours.chain(only_theirs).peekable();
    if differences.peek().is_none() {
        println!("  no difference\n");
        return;
    }
    let texts = rule_texts(rules);
    let lines: Vec<&str> = records.lines().collect();
    let mut groups: BTreeMap<(Side, &str), Rules<'_>> = BTreeMap::new();
    for (side, (line, rule)) in differences {
        let at = usize::try_from(*line).unwrap_or(usize::MAX);
        let record = lines.get(at.wrapping_sub(1)).copied().unwrap_or_default();
        let reason = reason(side, texts.get(rule.as_str()), record);
        let rules = groups.entry((side, reason)).or_default();
        let (count, _) = rules.entry(rule).or_insert((0, *line));
        *count += 1;
    }
    for ((side, reason), rules) in groups {
        let count: u64 = rules.values().map(|(count, _)| count).sum();
        println!(
            "  only {side:?}: {count} matches of {} rules: {reason}",
            rules.len()
        );
        if reason == UNEXPLAINED {
            for (rule, (count, line)) in rules {
                println!("    {rule}: {count}, first at line {line}");
            }
        }
    }
    println!();
}

const UNEXPLAINED: &str = "UNEXPLAINED";
/// Tells rsigma's output which line an event stood on; it writes no line numbers.
const LINE: &str = "larum_line";

fn reason(side: Side, rule: Option<&RuleText>, record: &str) -> &'static str {
    let (Some(rule), Ok(event)) = (rule, serde_json::from_str::<Value>(record)) else {
        return UNEXPLAINED;
    };
    REASONS
        .iter()
        .find(|reason| reason.side == side && (reason.fits)(rule, &event))
        .map_or(UNEXPLAINED, |reason| reason.text)
}

/// The lane with the number of the line in each event.
fn numbered(lane: &Lane, records: &str) -> std::path::PathBuf {
    let path = lane.once.with_extension("numbered");
    let mut text = Vec::with_capacity(records.len() * 2);
    for (number, line) in (1u64..).zip(records.lines()) {
        let rest = line.trim_start().strip_prefix('{').expect("an object");
        writeln!(text, "{{\"{LINE}\":{number},{rest}").expect("memory takes it");
    }
    fs::write(&path, text).expect("room for a lane");
    path
}

/// The matches of a run, as places and rule ids.
fn found(
    program: &Program,
    lane: &Lane,
    input: &Path,
    read: impl Fn(&Value) -> Option<(u64, String)>,
) -> BTreeSet<(u64, String)> {
    let mut command = program.command(lane, input);
    if matches!(program, Program::Rsigma { .. }) {
        command.arg("--include-event");
    }
    let output = command.stderr(Stdio::null()).output();
    let output = output.expect("the program runs").stdout;
    let text = String::from_utf8(output).expect("JSON");
    text.lines()
        .map(|line| {
            let line = serde_json::from_str(line).expect("a line of JSON");
            read(&line).expect("a match has a line and a rule")
        })
        .collect()
}

/// The rules by id.
fn rule_texts(rules: &Path) -> HashMap<String, RuleText> {
    let mut texts = HashMap::new();
    let mut folders = vec![rules.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("rules") {
            let path = entry.expect("rules").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let value = |key: &str| {
                    let found = text.lines().find_map(|line| line.trim().strip_prefix(key));
                    found.unwrap_or_default().trim().to_owned()
                };
                let [product, category, service] = ["product:", "category:", "service:"].map(value);
                texts.insert(
                    value("id:"),
                    RuleText {
                        product,
                        category,
                        service,
                        text,
                    },
                );
            }
        }
    }
    texts
}

/// A member as text.
fn member(event: &Value, name: &str) -> String {
    match event.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
