//! Events and rule sets for tests.

use std::sync::Arc;

use larum_event::{
    Channel, Event, EventDefaults, EventId, RuleFile, Severity, Source, TenantId, Timestamp,
};
use larum_rule::{Diagnostic, RuleFault, RuleLoader, RuleMatch, RuleMatcher, RuleSet};

/// An event read from JSON; what it leaves out is filled in.
pub fn event(json: &str) -> Event {
    let source = Source::new("test").unwrap();
    Event::parse(
        json.as_bytes(),
        &EventDefaults {
            arrived: Timestamp::parse("2026-11-20T12:00:00Z").unwrap(),
            new_id: &|| EventId::new("e1").unwrap(),
            source: Some(&source),
            channel: &Channel::default_channel(),
            tenant: &TenantId::default_tenant(),
            severity: &|_| Severity::Info,
        },
    )
    .unwrap()
}

/// A login with this `data`.
pub fn login(data: &str) -> Event {
    event(&format!(
        r#"{{"type":"auth.login","channel":"security","metadata":{{"user":"eve"}},"data":{data}}}"#
    ))
}

pub fn file(path: &str, text: &str) -> RuleFile {
    RuleFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

pub fn try_load(text: &str) -> Result<RuleSet, Vec<Diagnostic>> {
    RuleSet::load(&[file("a.rhai", text)])
}

pub fn load(text: &str) -> RuleSet {
    match try_load(text) {
        Ok(set) => set,
        Err(problems) => panic!("{}", show_problems(&problems)),
    }
}

/// The same rules, their closures run as scripts.
pub fn load_interpreted(text: &str) -> RuleSet {
    let files = [file("a.rhai", text)];
    match RuleLoader::default().with_interpretation().load(&files) {
        Ok(set) => set,
        Err(problems) => panic!("{}", show_problems(&problems)),
    }
}

pub fn show_problems(problems: &[Diagnostic]) -> String {
    let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
    shown.join("\n")
}

/// A file of one rule over everything with this condition.
pub fn one(when: &str) -> String {
    format!(r##"rule("r").on("#").when({when});"##)
}

/// A set of one rule over everything with this condition.
pub fn condition(when: &str) -> RuleSet {
    load(&one(when))
}

/// What the rules of layer 0 make of an event.
pub fn outcome(set: RuleSet, event: &Event) -> (Vec<RuleMatch>, Vec<RuleFault>) {
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    RuleMatcher::new(Arc::new(set)).match_event(0, event, &mut out, &mut faults);
    (out, faults)
}

/// Whether the only rule matches; it must not fail.
pub fn matches(set: RuleSet, event: &Event) -> bool {
    let (out, faults) = outcome(set, event);
    assert_eq!(faults, []);
    !out.is_empty()
}
