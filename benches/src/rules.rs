//! The twenty rules of `benches/rules`: single events, counts, and alerts about alerts.

use larum_event::RuleFile;

const FILES: [(&str, &str); 4] = [
    (
        "authentication.rhai",
        include_str!("../rules/authentication.rhai"),
    ),
    ("incident.rhai", include_str!("../rules/incident.rhai")),
    ("network.rhai", include_str!("../rules/network.rhai")),
    ("process.rhai", include_str!("../rules/process.rhai")),
];

/// The rules, `copies` times over: each further copy has ids of its own, so that 10 make 200 rules.
pub fn rule_files(copies: usize) -> Vec<RuleFile> {
    let mut files = Vec::new();
    for copy in 0..copies {
        for (path, text) in FILES {
            let (path, text) = match copy {
                0 => (path.to_owned(), text.to_owned()),
                _ => (format!("{copy}/{path}"), renamed(text, copy)),
            };
            files.push(RuleFile { path, text });
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}

/// Areas get the copy's number, in ids and in the patterns of rules over alerts.
fn renamed(text: &str, copy: usize) -> String {
    ["auth", "process", "network", "incident"]
        .iter()
        .fold(text.to_owned(), |text, area| {
            text.replace(&format!("rule(\"{area}."), &format!("rule(\"{area}{copy}."))
                .replace(&format!("alerts.{area}."), &format!("alerts.{area}{copy}."))
        })
}
