//! What kind of thing an event type is and how bad it is, from a file (0-33, 3-03).
//!
//! Owns the severity of events that name none themselves. The policy that ships is
//! `policy/default.toml`; a deployment's own file replaces it as a whole. A class is named by an
//! event type or its last segments, because services put their own name in front of what the map
//! calls `login` or `data.access`: `login` is also the class of `auth.login`.
//! Invariant: the longest name that fits wins, then the first pattern that fits, then `unknown`.
//! Every type has exactly one class, whatever the order of names in the file.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Deserialize;

use crate::pattern::TopicPattern;
use crate::severity::Severity;
use crate::toml_file::TomlPlace;
use crate::topic::Topic;

const DEFAULT_POLICY: &str = include_str!("../policy/default.toml");

/// The classes of event types.
#[derive(Debug, Clone)]
pub struct SeverityPolicy {
    unknown: Severity,
    /// Classes by name, in lower case.
    named: HashMap<Box<str>, SeverityClass>,
    /// Classes by pattern, in the file's order.
    patterns: Vec<(TopicPattern, SeverityClass)>,
}

#[derive(Debug, Clone)]
struct SeverityClass {
    severity: Severity,
    category: Option<Arc<str>>,
}

/// Why a text is not a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} column {column}: {detail}")]
pub struct InvalidSeverityPolicy {
    /// Line of the fault, from 1.
    pub line: usize,
    /// Column of the fault in characters, from 1.
    pub column: usize,
    /// What was found and what is expected.
    pub detail: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    #[serde(default)]
    unknown: Severity,
    #[serde(default)]
    class: Vec<ClassEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClassEntry {
    r#type: toml::Spanned<String>,
    severity: Severity,
    #[serde(default)]
    category: Option<Arc<str>>,
}

impl InvalidSeverityPolicy {
    fn at_offset(text: &str, offset: usize, detail: impl Into<String>) -> Self {
        let TomlPlace { line, column } = TomlPlace::at_offset(text, offset);
        Self {
            line,
            column,
            detail: detail.into(),
        }
    }
}

impl SeverityPolicy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// Unknown keys and words, types that no event can have, and a type that stands twice, each
    /// with its place.
    pub fn from_toml(text: &str) -> Result<Self, InvalidSeverityPolicy> {
        let file: PolicyFile = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            InvalidSeverityPolicy::at_offset(text, offset, error.message())
        })?;
        let mut policy = Self {
            unknown: file.unknown,
            named: HashMap::new(),
            patterns: Vec::new(),
        };
        for entry in file.class {
            policy.add_class(&entry).map_err(|detail| {
                InvalidSeverityPolicy::at_offset(text, entry.r#type.span().start, detail)
            })?;
        }
        Ok(policy)
    }

    fn add_class(&mut self, entry: &ClassEntry) -> Result<(), String> {
        let name = entry.r#type.get_ref().to_ascii_lowercase();
        let pattern = TopicPattern::new(&name).map_err(|error| error.to_string())?;
        let class = SeverityClass {
            severity: entry.severity,
            category: entry.category.clone(),
        };
        if pattern.is_literal() {
            if self.named.insert(name.as_str().into(), class).is_some() {
                return Err(format!("the type {name:?} stands twice"));
            }
        } else {
            self.patterns.push((pattern, class));
        }
        Ok(())
    }

    /// The severity of events of type `event_type` that name none.
    pub fn severity(&self, event_type: &str) -> Severity {
        self.find_class(event_type)
            .map_or(self.unknown, |class| class.severity)
    }

    /// The category of `event_type`, where the policy gives one.
    pub fn category(&self, event_type: &str) -> Option<&str> {
        self.find_class(event_type)?.category.as_deref()
    }

    fn find_class(&self, event_type: &str) -> Option<&SeverityClass> {
        let event_type = event_type.to_ascii_lowercase();
        let mut name = Some(event_type.as_str());
        while let Some(candidate) = name {
            if let Some(class) = self.named.get(candidate) {
                return Some(class);
            }
            name = candidate.split_once('.').map(|(_, shorter)| shorter);
        }
        if self.patterns.is_empty() {
            return None;
        }
        let topic = Topic::new(&event_type).ok()?;
        let fitting = self
            .patterns
            .iter()
            .find(|(pattern, _)| pattern.matches(&topic));
        fitting.map(|(_, class)| class)
    }
}

impl Default for SeverityPolicy {
    /// The policy that ships.
    fn default() -> Self {
        Self::from_toml(DEFAULT_POLICY).expect("the shipped policy is read by a test")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_policy_has_exactly_the_map_of_the_requirement() {
        let policy = SeverityPolicy::default();
        let table = [
            ("login", Severity::Info),
            ("logout", Severity::Info),
            ("data.access", Severity::Info),
            ("encryption", Severity::Info),
            ("permission.change", Severity::Medium),
            ("access.denied", Severity::Medium),
            ("compliance.action", Severity::Medium),
            ("security.violation", Severity::High),
            ("system.error", Severity::High),
        ];
        assert_eq!(policy.named.len(), table.len());
        assert!(policy.patterns.is_empty());
        for (name, severity) in table {
            for event_type in [
                name.to_owned(),
                format!("app.{name}"),
                format!("a.b.c.{name}"),
                name.to_ascii_uppercase(),
            ] {
                assert_eq!(policy.severity(&event_type), severity, "{event_type}");
                assert!(policy.category(&event_type).is_some(), "{event_type}");
            }
        }
        for unknown in [
            "",
            "x",
            "relogin",
            "login.x",
            "access",
            "error",
            "data.accessed",
            ".",
            "ä",
        ] {
            assert_eq!(policy.severity(unknown), Severity::Info, "{unknown}");
            assert_eq!(policy.category(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_longest_name_wins_then_the_first_pattern_then_unknown() {
        let policy = SeverityPolicy::from_toml(
            r##"
            unknown = "low"
            class = [
                { type = "denied", severity = "info" },
                { type = "access.denied", severity = "critical", category = "c" },
                { type = "vpn.+", severity = "high" },
                { type = "vpn.#", severity = "medium" },
            ]"##,
        )
        .unwrap();
        for (event_type, severity) in [
            ("denied", Severity::Info),
            ("web.denied", Severity::Info),
            ("web.Access.Denied", Severity::Critical),
            ("vpn.denied", Severity::Info),
            ("vpn.up", Severity::High),
            ("vpn", Severity::Medium),
            ("vpn.a.b", Severity::Medium),
            ("a.vpn.b", Severity::Low),
        ] {
            assert_eq!(policy.severity(event_type), severity, "{event_type}");
        }
        assert_eq!(policy.category("access.denied"), Some("c"));
    }

    #[test]
    fn faults_are_told_with_their_line_and_column() {
        for (text, line, column, words) in [
            ("unknown = \"info\"\nunknwon = 1\n", 2, 1, "unknwon"),
            (
                "[[class]]\ntype = \"a\"\nseverity = \"low\"\nretention = 5",
                4,
                1,
                "retention",
            ),
            (
                "[[class]]\ntype = \"a\"\nseverity = \"loud\"",
                3,
                12,
                "loud",
            ),
            ("[[class]]\nseverity = \"low\"", 1, 1, "type"),
            (
                "[[class]]\ntype = \"a*\"\nseverity = \"low\"",
                2,
                8,
                "did you mean",
            ),
            (
                "# ä\n[[class]]\ntype = \"a.#.b\"\nseverity = \"low\"",
                3,
                8,
                "'#'",
            ),
            ("unknown = ", 1, 11, ""),
            (
                "class = [{ type = \"a\", severity = \"low\" },\n { type = \"A\", severity = \"low\" }]",
                2,
                11,
                "twice",
            ),
        ] {
            let error = SeverityPolicy::from_toml(text).expect_err(text);
            assert!(error.detail.contains(words), "{text}: {error}");
            assert_eq!(
                (error.line, error.column),
                (line, column),
                "{text}: {error}"
            );
        }
    }
}
