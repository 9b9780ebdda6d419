//! From the text of a decoder file to a [`Decoder`], or to everything that is wrong with it.
//!
//! Owns the keys of the file and what they mean together. How single values are read is left to
//! `document`, `mapping` and `time_format`.
//! Invariant: a decoder exists only if its file has no problem, and no spelling of a key names the
//! tenant.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::decoder::{Decoder, EnvelopeMapping, RecordShape, TimeField};
use super::document::{DecoderSection, LocatedValue, read_string};
use super::error::{DecoderProblems, InvalidDecoder};
use super::mapping::FieldMapping;
use super::paths::RecordPaths;
use super::text::LinePatterns;
use super::time_format::TimeFormat;
use crate::names::{Channel, EventType, Source};
use crate::severity::Severity;
use crate::time::Timestamp;

const TOP_KEYS: [&str; 7] = [
    "name", "format", "channel", "fields", "metadata", "data", "text",
];
const FIELD_KEYS: [&str; 8] = [
    "id",
    "type",
    "time",
    "sequence",
    "source",
    "severity",
    "correlationId",
    "correlation",
];
const CORRELATION_KEYS: [&str; 3] = ["root", "parent", "stage"];
/// In `keep`: all that is mapped.
const EVERYTHING: &str = "*";
const NO_TENANT: &str = "a decoder may not set the tenant";
const NO_TENANT_HELP: &str = "the tenant is that of the sender of the input; remove this line";

/// The decoders that come with us, by name.
const BUILTIN: [(&str, &str); 1] = [("windows", include_str!("../../decoders/windows.toml"))];

impl Decoder {
    /// The names of the decoders that come with us.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// A decoder that comes with us: `windows`, for Windows events in any of their JSON forms.
    pub fn builtin(name: &str) -> Option<Self> {
        let (name, text) = BUILTIN.iter().find(|(known, _)| *known == name)?;
        Some(Self::load(name, text).expect("what comes with us is read by a test"))
    }

    /// Reads the decoder file `text`; `file` is what messages call it.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with line and column. Keys that mean nothing are
    /// errors too, and so is any attempt to set the tenant.
    pub fn load(file: &str, text: &str) -> Result<Self, InvalidDecoder> {
        let mut problems = DecoderProblems::new(text);
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                problems.report(at, error.message().to_owned());
                return Err(problems.into_error(file));
            }
        };
        let decoder = read_decoder(&DecoderSection::from_root(table.get_ref()), &mut problems);
        match decoder {
            Some(decoder) if problems.is_empty() => Ok(decoder),
            _ => Err(problems.into_error(file)),
        }
    }
}

/// A path of the record, for which member of the event it is read, and where the file says so.
struct PathUse {
    path: String,
    event_member: String,
    at: usize,
}

/// The members of the record that the file maps.
#[derive(Default)]
struct PathUses(Vec<PathUse>);

impl PathUses {
    fn record_paths<'p>(
        &mut self,
        paths: impl IntoIterator<Item = &'p str>,
        wanted: &str,
        at: usize,
    ) {
        self.0.extend(paths.into_iter().map(|path| PathUse {
            path: path.to_owned(),
            event_member: wanted.to_owned(),
            at,
        }));
    }
}

fn read_decoder(top: &DecoderSection<'_>, problems: &mut DecoderProblems<'_>) -> Option<Decoder> {
    for (key, _) in top.entries().filter(|(key, _)| is_tenant_key(key.value)) {
        problems.report_with_help(key.at, NO_TENANT, NO_TENANT_HELP);
    }
    let mut known = TOP_KEYS.to_vec();
    known.extend(
        top.entries()
            .map(|(key, _)| key.value)
            .filter(|key| is_tenant_key(key)),
    );
    top.refuse_unknown_keys(&known, problems);
    // All parts are read before any is missed, so that one run tells every problem.
    let name = read_name(top, problems);
    let channel = read_channel(top, problems);
    let shape = read_shape(top, problems);
    let mut uses = PathUses::default();
    let fields = match top.get_section("fields", problems) {
        Some(section) => read_fields(&section, &mut uses, problems),
        None => EnvelopeMapping::default(),
    };
    let metadata = match top.get_section("metadata", problems) {
        Some(section) => read_metadata(&section, &mut uses, problems),
        None => Vec::new(),
    };
    let left_out = read_omitted_members(top, &uses, problems);
    let shape = shape?;
    match &shape {
        RecordShape::Json if fields.event_type.is_none() && problems.is_empty() => {
            let message = "no type: every event needs one";
            problems.report_with_help(0, message, "add `type = \"..\"` to [fields]");
        }
        RecordShape::Json => {}
        RecordShape::Text(lines) => check_line_patterns(lines, &fields, &uses, problems),
    }
    Some(Decoder {
        name: name?,
        shape,
        channel,
        fields,
        metadata,
        omitted_members: left_out,
    })
}

fn read_name(top: &DecoderSection<'_>, problems: &mut DecoderProblems<'_>) -> Option<String> {
    let Some(name) = top.get_string("name", problems) else {
        if top.get("name").is_none() {
            let help = "add `name = \"..\"` as the first line";
            problems.report_with_help(0, "a decoder needs a name", help);
        }
        return None;
    };
    if let Err(error) = Source::new(name.value) {
        problems.report(
            name.at,
            format!("`name` is also the default source: {error}"),
        );
    }
    Some(name.value.to_owned())
}

fn read_channel(top: &DecoderSection<'_>, problems: &mut DecoderProblems<'_>) -> Option<Channel> {
    let channel = top.get_string("channel", problems)?;
    let checked = Channel::new(channel.value)
        .map_err(|error| problems.report(channel.at, format!("`channel` is no channel: {error}")))
        .ok()?;
    if checked.as_str().starts_with('$') || checked == Channel::alerts() {
        let message = format!("the channel `{checked}` is the engine's own");
        problems.report(channel.at, message);
    }
    Some(checked)
}

fn read_shape(top: &DecoderSection<'_>, problems: &mut DecoderProblems<'_>) -> Option<RecordShape> {
    let text = top.get_section("text", problems);
    let Some(format) = top.get_string("format", problems) else {
        if top.get("format").is_none() {
            let help = "add `format = \"json\"` or `format = \"text\"`";
            problems.report_with_help(0, "a decoder needs a format", help);
        }
        return None;
    };
    match (format.value, text) {
        ("json", None) => Some(RecordShape::Json),
        ("json", Some(text)) => {
            problems.report(text.at, "[text] is for `format = \"text\"`");
            None
        }
        ("text", Some(text)) => Some(RecordShape::Text(LinePatterns::load(&text, problems))),
        ("text", None) => {
            let help = "add a [[text.pattern]] with a regex";
            problems.report_with_help(format.at, "`format = \"text\"` needs patterns", help);
            None
        }
        (other, _) => {
            let message = format!("`{other}` is not a format");
            problems.report_with_help(format.at, message, "the formats are \"json\" and \"text\"");
            None
        }
    }
}

fn read_fields(
    section: &DecoderSection<'_>,
    uses: &mut PathUses,
    problems: &mut DecoderProblems<'_>,
) -> EnvelopeMapping {
    let mut fields = EnvelopeMapping::default();
    let mut known = FIELD_KEYS.to_vec();
    for (key, value) in section.entries() {
        // Noted here, as only now it is known where it stands and which member it makes.
        let mut mapping = || {
            let mapping = FieldMapping::load(key.value, value, problems)?;
            uses.record_paths(mapping.paths(), key.value, key.at);
            Some(mapping)
        };
        match key.value {
            "id" => fields.id = mapping(),
            "type" => fields.event_type = mapping(),
            "source" => fields.source = mapping(),
            "severity" => fields.severity = mapping(),
            "correlationId" => fields.correlation_id = mapping(),
            "sequence" => {
                let path = read_string(key.value, value, problems).map(|path| path.value);
                uses.record_paths(path, key.value, key.at);
                fields.sequence = path.map(str::to_owned);
            }
            "time" => {
                fields.time = read_time(key, value, problems);
                let paths = fields.time.iter().flat_map(|time| time.from.iter());
                uses.record_paths(paths, key.value, key.at);
            }
            "correlation" => {
                if let Some(section) =
                    DecoderSection::from_value("[fields.correlation]", value, problems)
                {
                    fields.correlation = read_correlation(&section, uses, problems);
                }
            }
            // Known, so that it is not told to be unknown as well.
            other if is_tenant_key(other) => {
                problems.report_with_help(key.at, NO_TENANT, NO_TENANT_HELP);
                known.push(other);
            }
            _ => {}
        }
    }
    section.refuse_unknown_keys(&known, problems);
    check_constants(section, &fields, problems);
    fields
}

/// Notes constants that no event could have.
fn check_constants(
    section: &DecoderSection<'_>,
    fields: &EnvelopeMapping,
    problems: &mut DecoderProblems<'_>,
) {
    let at = |key: &str| {
        section
            .get(key)
            .map_or(section.at, |value| value.span().start)
    };
    if let Some(FieldMapping::Constant(_)) = &fields.id {
        problems.report(at("id"), "a constant `id` would be that of every event");
    }
    if let Some(FieldMapping::Constant(text)) = &fields.event_type
        && let Err(error) = EventType::new(text)
    {
        problems.report(at("type"), format!("`type` is not an event type: {error}"));
    }
    if let Some(FieldMapping::Constant(text)) = &fields.source
        && let Err(error) = Source::new(text)
    {
        problems.report(at("source"), format!("`source` is not a source: {error}"));
    }
    if let Some(FieldMapping::Constant(text)) = &fields.severity
        && let Err(error) = text.parse::<Severity>()
    {
        problems.report(at("severity"), error.to_string());
    }
}

fn read_time(
    key: LocatedValue<&str>,
    value: &toml::Spanned<DeValue<'_>>,
    problems: &mut DecoderProblems<'_>,
) -> Option<TimeField> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        return Some(TimeField {
            from: RecordPaths::load(key.value, value, problems)?,
            format: TimeFormat::Rfc3339,
            default: None,
        });
    }
    let section = DecoderSection::from_value(format!("`{}`", key.value), value, problems)?;
    section.refuse_unknown_keys(&["from", "format", "zone", "year", "default"], problems);
    let format = TimeFormat::load(&section, problems);
    let default = section.get_string("default", problems).and_then(|text| {
        Timestamp::parse(text.value)
            .map_err(|error| problems.report(text.at, format!("`default` is no time: {error}")))
            .ok()
    });
    // After the others, so that their problems are told even without it.
    let Some(from) = section.get("from") else {
        problems.report(
            section.at,
            "`time` needs `from`, the member it is read from",
        );
        return None;
    };
    Some(TimeField {
        from: RecordPaths::load("from", from, problems)?,
        format: format?,
        default,
    })
}

fn read_correlation(
    section: &DecoderSection<'_>,
    uses: &mut PathUses,
    problems: &mut DecoderProblems<'_>,
) -> Vec<(&'static str, FieldMapping)> {
    section.refuse_unknown_keys(&CORRELATION_KEYS, problems);
    let mut correlation = Vec::new();
    for name in CORRELATION_KEYS {
        if let Some(value) = section.get(name)
            && let Some(mapping) = FieldMapping::load(name, value, problems)
        {
            uses.record_paths(mapping.paths(), name, value.span().start);
            correlation.push((name, mapping));
        }
    }
    correlation
}

fn read_metadata(
    section: &DecoderSection<'_>,
    uses: &mut PathUses,
    problems: &mut DecoderProblems<'_>,
) -> Vec<(String, FieldMapping)> {
    let mut metadata = Vec::new();
    for (key, value) in section.entries() {
        if is_tenant_key(key.value) {
            problems.report_with_help(key.at, NO_TENANT, NO_TENANT_HELP);
        } else if let Some(mapping) = FieldMapping::load(key.value, value, problems) {
            uses.record_paths(mapping.paths(), &format!("metadata.{}", key.value), key.at);
            metadata.push((key.value.to_owned(), mapping));
        }
    }
    metadata
}

/// The members of the record that do not go into `data`: those that are mapped, unless they are to
/// be kept, and those that are dropped.
fn read_omitted_members(
    top: &DecoderSection<'_>,
    uses: &PathUses,
    problems: &mut DecoderProblems<'_>,
) -> BTreeSet<String> {
    let mut left_out: BTreeSet<String> = uses.0.iter().map(|used| used.path.clone()).collect();
    let Some(section) = top.get_section("data", problems) else {
        return left_out;
    };
    section.refuse_unknown_keys(&["keep", "drop"], problems);
    for kept in section.get_strings("keep", problems) {
        if kept.value == EVERYTHING {
            left_out.clear();
        } else if !left_out.remove(kept.value) {
            let message = format!("`{}` is kept anyway: nothing is read from it", kept.value);
            problems.report(kept.at, message);
        }
    }
    for dropped in section.get_strings("drop", problems) {
        left_out.insert(dropped.value.to_owned());
    }
    left_out
}

/// Notes what can be known to fail for the lines of a pattern before any line is read.
fn check_line_patterns(
    lines: &LinePatterns,
    fields: &EnvelopeMapping,
    uses: &PathUses,
    problems: &mut DecoderProblems<'_>,
) {
    if lines.patterns.is_empty() {
        return;
    }
    for used in &uses.0 {
        lines.check_path(&used.path, used.at, &used.event_member, problems);
    }
    // A misspelt group would be told again for every pattern that lacks it.
    if !problems.is_empty() {
        return;
    }
    for pattern in &lines.patterns {
        match &fields.event_type {
            Some(mapping) if pattern.event_type.is_none() => {
                pattern.check_mapping(mapping, "type", problems);
            }
            None if pattern.event_type.is_none() => {
                let help = "add `type = \"..\"` here, or to [fields] for all patterns";
                problems.report_with_help(pattern.at, "this pattern has no type", help);
            }
            Some(_) | None => {}
        }
        for (mapping, wanted) in [(&fields.id, "id"), (&fields.source, "source")] {
            if let Some(mapping) = mapping {
                pattern.check_mapping(mapping, wanted, problems);
            }
        }
        if let Some(time) = &fields.time
            && time.default.is_none()
        {
            pattern.check_groups(time.from.iter(), "time", problems);
        }
    }
}

/// Whether `key` would name the tenant, in whatever spelling.
fn is_tenant_key(key: &str) -> bool {
    let letters: String = key
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
        .collect();
    matches!(letters.as_str(), "tenant" | "tenantid")
}
