//! Arguments of the builder's methods.
//!
//! Owns reading texts, paths and patterns, and what was probably meant by a wrong one. Which method
//! takes which argument is known to the drafts.
//! Invariant: an argument of another type is refused and never converted, since a number that
//! becomes a text silently changes what a rule means.

use std::sync::Arc;

use larum_event::{InvalidPattern, TopicPattern, limits};
use rhai::Dynamic;

use crate::condition::TREE_ROOT;
use crate::diagnostic::RuleProblem;
use crate::rule::KeyPart;
use crate::view::{EnvelopeMember, FieldRef, kind_name};

/// Most members of a group key.
const KEY_PARTS: usize = 16;

/// One text.
pub(super) fn read_text(value: &Dynamic) -> Result<String, RuleProblem> {
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(RuleProblem::new(
            "wrong-argument",
            format!("a text is wanted, not {}", describe_argument(value)),
        )),
    }
}

/// One text, or a list of them.
pub(super) fn read_texts(value: &Dynamic) -> Result<Vec<String>, RuleProblem> {
    match value.as_array_ref() {
        Ok(elements) if elements.is_empty() => {
            Err(RuleProblem::new("wrong-argument", "the list is empty"))
        }
        Ok(elements) => elements.iter().map(read_text).collect(),
        Err(_) => read_text(value).map(|text| vec![text]),
    }
}

/// Paths of fields that a window measures.
pub(super) fn read_field_paths(value: &Dynamic) -> Result<Vec<Arc<str>>, RuleProblem> {
    let paths = read_texts(value)?;
    if paths.len() > KEY_PARTS {
        let problem = format!("at most {KEY_PARTS} fields, not {}", paths.len());
        return Err(RuleProblem::new("bad-field", problem));
    }
    paths
        .iter()
        .map(|path| {
            check_single_value(path, "bad-field", "windows measure")
                .map(|()| Arc::from(path.as_str()))
        })
        .collect()
}

/// A value for a message.
pub(super) fn describe_argument(value: &Dynamic) -> String {
    let text = if value.is_string() || value.is_int() || value.is_float() || value.is_bool() {
        format!("{value:?}")
    } else {
        kind_name(value).to_owned()
    };
    text.chars().take(64).collect()
}

/// A number that was written as a text.
pub(super) fn suggest_number(value: &Dynamic) -> Option<String> {
    let text = read_text(value).ok()?;
    let number: u64 = text.trim().parse().ok()?;
    Some(format!("numbers have no quotes: `{number}`"))
}

/// The duration that was probably meant by `5 minutes`, `5M` or `300`.
pub(super) fn suggest_duration(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_lowercase();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit.trim() {
        "s" | "sec" | "secs" | "second" | "seconds" | "" => "s",
        "m" | "min" | "mins" | "minute" | "minutes" => "m",
        "h" | "hr" | "hrs" | "hour" | "hours" => "h",
        "d" | "day" | "days" => "d",
        "ms" | "milliseconds" => "ms",
        _ => return None,
    };
    if number.is_empty() {
        return None;
    }
    Some(format!("did you mean `\"{number}{unit}\"`?"))
}

/// What is wrong with a pattern, and what was probably meant.
pub(super) fn explain_bad_pattern(text: &str, error: &InvalidPattern) -> RuleProblem {
    let (problem, help) = match error {
        InvalidPattern::ForeignWildcard { pattern, wildcard } => (
            format!("pattern {pattern:?} holds {wildcard:?}, which is no wildcard here"),
            "`+` is one segment, `#` any number of them at the end",
        ),
        InvalidPattern::HashNotLast { pattern } => (
            format!("pattern {pattern:?} has '#' before its end"),
            "`#` may only be the last segment; `+` is one segment",
        ),
        InvalidPattern::PartialWildcard { .. } => (
            error.to_string(),
            "`+` is one segment, `#` any number of them at the end",
        ),
        InvalidPattern::Segment(_) => (
            error.to_string(),
            "a topic is words joined by dots: `security.auth.login`",
        ),
    };
    // Try the pattern with the wildcards of other systems replaced; suggest it only if it is right.
    let lower = text.trim().to_ascii_lowercase();
    let segments: Vec<&str> = lower.split('.').collect();
    let last = segments.len().saturating_sub(1);
    let replaced = segments
        .iter()
        .enumerate()
        .map(|(index, segment)| match *segment {
            "*" | ">" | "#" | "**" if index == last => "#",
            "*" | ">" | "#" | "**" => "+",
            segment => segment,
        });
    let meant = replaced.collect::<Vec<_>>().join(".");
    let near = TopicPattern::new(&meant).ok().map(|_| match error {
        InvalidPattern::Segment(_) => format!("did you mean `{meant}`?"),
        _ => format!("did you mean `{meant}`? {help}"),
    });
    RuleProblem::new("bad-pattern", problem).with_help(near.unwrap_or_else(|| help.to_owned()))
}

/// A group key: `"path"`, `["path", ..]` or `#{name: "path", ..}`.
pub(super) fn read_key_parts(value: &Dynamic) -> Result<Vec<KeyPart>, RuleProblem> {
    let parts: Vec<KeyPart> = match value.as_map_ref() {
        Ok(members) => members
            .iter()
            .map(|(name, path)| new_key_part(Some(name.as_str()), &read_text(path)?))
            .collect::<Result<_, _>>()?,
        Err(_) => read_texts(value)?
            .iter()
            .map(|path| new_key_part(None, path))
            .collect::<Result<_, _>>()?,
    };
    if parts.is_empty() || parts.len() > KEY_PARTS {
        return Err(RuleProblem::new(
            "bad-key",
            format!(
                "a group key has 1 to {KEY_PARTS} members, not {}",
                parts.len()
            ),
        ));
    }
    // `data.src.user` and `data.dst.user` are both called `user`, so `window.key.user` could be
    // either.
    for (index, one) in parts.iter().enumerate() {
        let same = parts
            .iter()
            .take(index)
            .find(|other| other.name == one.name);
        if let Some(other) = same {
            let name = &one.name;
            return Err(RuleProblem::new(
                "key-clash",
                format!(
                    "{:?} and {:?} are both called `{name}`",
                    other.path, one.path
                ),
            )
            .with_help(format!(
                "give them names: `.group_by(#{{{name}: {:?}, {name}_2: {:?}}})`",
                other.path, one.path
            )));
        }
    }
    Ok(parts)
}

fn new_key_part(name: Option<&str>, path: &str) -> Result<KeyPart, RuleProblem> {
    check_single_value(path, "bad-key", "events are grouped by")?;
    let last = path.rsplit('.').next().unwrap_or(path);
    Ok(KeyPart {
        name: Arc::from(name.unwrap_or(last)),
        path: Arc::from(path),
    })
}

/// That a path leads to something that can be a single value.
pub(super) fn check_single_value(
    path: &str,
    code: &'static str,
    what: &str,
) -> Result<(), RuleProblem> {
    if path.len() > limits::RULE_STRING_BYTES {
        return Err(RuleProblem::new(code, "the path is too long"));
    }
    if path == TREE_ROOT {
        return Ok(());
    }
    let field = FieldRef::parse(path).map_err(|unknown| {
        let inner = path
            .strip_prefix("event.")
            .map(|inner| format!("a path begins inside of the event: `{inner}`"));
        // The place and the rule's name are added where they are known.
        let mut problem = crate::script::unknown_field_problem(&unknown);
        problem.help = inner.or(problem.help);
        problem
    })?;
    let is_object = matches!(
        field,
        FieldRef::Member(
            EnvelopeMember::Data | EnvelopeMember::Metadata | EnvelopeMember::Correlation
        )
    );
    if is_object {
        let problem = format!("`{path}` is an object, and {what} single values");
        return Err(RuleProblem::new(code, problem)
            .with_help(format!("name a member of it: `{path}.NAME`")));
    }
    Ok(())
}
