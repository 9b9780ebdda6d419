//! Any text is loaded or told what is wrong with it, in bounded time, and what is loaded can be
//! asked.
#![no_main]

use std::sync::Arc;

use larum_event::{
    Channel, Event, EventDefaults, EventId, RuleFile, Severity, TenantId, Timestamp,
};
use larum_rule::{RuleLoader, RuleMatcher};
use libfuzzer_sys::fuzz_target;

const EVENT: &str = r#"{"type":"auth.login","source":"web-1","time":"2026-11-20T12:00:00Z","channel":"security","metadata":{"user":"eve","ip":"203.0.113.9"},"data":{"outcome":"failure","n":3,"x":[1,"a",null],"path":"C:\\a"}}"#;

fuzz_target!(|text: &str| {
    let file = RuleFile {
        path: "rule.rhai".to_owned(),
        text: text.to_owned(),
    };
    let Ok(set) = RuleLoader::default().load(&[file]) else {
        return;
    };
    let fill = EventDefaults {
        arrived: Timestamp::MIN,
        new_id: &|| EventId::new("fuzz").expect("an id"),
        source: None,
        channel: &Channel::default_channel(),
        tenant: &TenantId::default_tenant(),
        severity: &|_| Severity::Info,
    };
    let event = Event::parse(EVENT.as_bytes(), &fill).expect("an event");
    let layers = set.layers();
    let mut matcher = RuleMatcher::new(Arc::new(set));
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for layer in 0..layers {
        matcher.match_event(layer, &event, &mut found, &mut faults);
    }
});
