//! From the text of a decoder file to a [`Decoder`], or to everything that is wrong with it.
//!
//! Owns the keys of the file and what they mean together. How single values are read is left to
//! `document`, `mapping` and `time_format`.
//! Invariant: a decoder exists only if its file has no problem, and no spelling of a key names the
//! tenant.

use std::collections::BTreeSet;

use toml::de::DeValue;

use super::decoder::{Decoder, EnvelopeMapping, RecordShape, TimeField};
use super::error::InvalidDecoder;
use super::mapping::FieldMapping;
use super::paths::RecordPaths;
use super::text::LinePatterns;
use super::time_format::TimeFormat;
use crate::names::{Channel, EventType, Source};
use crate::severity::Severity;
use crate::time::Timestamp;
use crate::toml_file::{TomlFile, TomlTable, TomlText, TomlValue, TomlWording};

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
        let mut toml = TomlFile::new(text, "bad-decoder", TomlWording::Strings);
        let document = toml.parse_document();
        let decoder = document
            .and_then(|document| read_decoder(&TomlTable::from_document(&document), &mut toml));
        match decoder {
            Some(decoder) if toml.is_faultless() => Ok(decoder),
            _ => Err(InvalidDecoder {
                file: file.to_owned(),
                problems: toml.into_problems(),
            }),
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

fn read_decoder(top: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Option<Decoder> {
    for (key, _) in top.entries().filter(|(key, _)| is_tenant_key(key.value)) {
        file.report_with_help(key.at, NO_TENANT, NO_TENANT_HELP);
    }
    let mut known = TOP_KEYS.to_vec();
    known.extend(
        top.entries()
            .map(|(key, _)| key.value)
            .filter(|key| is_tenant_key(key)),
    );
    top.check_keys(&known, file);
    // All parts are read before a missing one is reported, so that one run reports every problem.
    let name = read_name(top, file);
    let channel = read_channel(top, file);
    let shape = read_shape(top, file);
    let mut uses = PathUses::default();
    let fields = match top.get_table("fields", file) {
        Some(section) => read_fields(&section, &mut uses, file),
        None => EnvelopeMapping::default(),
    };
    let metadata = match top.get_table("metadata", file) {
        Some(section) => read_metadata(&section, &mut uses, file),
        None => Vec::new(),
    };
    let left_out = read_omitted_members(top, &uses, file);
    let shape = shape?;
    match &shape {
        RecordShape::Json if fields.event_type.is_none() && file.is_faultless() => {
            let message = "no type: every event needs one";
            file.report_with_help(0, message, "add `type = \"..\"` to [fields]");
        }
        RecordShape::Json => {}
        RecordShape::Text(lines) => check_line_patterns(lines, &fields, &uses, file),
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

fn read_name(top: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Option<String> {
    let Some(name) = top.get_string("name", file) else {
        if top.get("name").is_none() {
            let help = "add `name = \"..\"` as the first line";
            file.report_with_help(0, "a decoder needs a name", help);
        }
        return None;
    };
    if let Err(error) = Source::new(name.value) {
        file.report(
            name.at,
            format!("`name` is also the default source: {error}"),
        );
    }
    Some(name.value.to_owned())
}

fn read_channel(top: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Option<Channel> {
    let channel = top.get_string("channel", file)?;
    let checked = Channel::new(channel.value)
        .map_err(|error| file.report(channel.at, format!("`channel` is no channel: {error}")))
        .ok()?;
    if checked.as_str().starts_with('$') || checked == Channel::alerts() {
        let message = format!("the channel `{checked}` is the engine's own");
        file.report(channel.at, message);
    }
    Some(checked)
}

fn read_shape(top: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Option<RecordShape> {
    let text = top.get_table("text", file);
    let Some(format) = top.get_string("format", file) else {
        if top.get("format").is_none() {
            let help = "add `format = \"json\"` or `format = \"text\"`";
            file.report_with_help(0, "a decoder needs a format", help);
        }
        return None;
    };
    match (format.value, text) {
        ("json", None) => Some(RecordShape::Json),
        ("json", Some(text)) => {
            file.report(text.at, "[text] is for `format = \"text\"`");
            None
        }
        ("text", Some(text)) => Some(RecordShape::Text(LinePatterns::load(&text, file))),
        ("text", None) => {
            let help = "add a [[text.pattern]] with a regex";
            file.report_with_help(format.at, "`format = \"text\"` needs patterns", help);
            None
        }
        (other, _) => {
            let message = format!("`{other}` is not a format");
            file.report_with_help(format.at, message, "the formats are \"json\" and \"text\"");
            None
        }
    }
}

fn read_fields(
    section: &TomlTable<'_>,
    uses: &mut PathUses,
    file: &mut TomlFile<'_>,
) -> EnvelopeMapping {
    let mut fields = EnvelopeMapping::default();
    let mut known = FIELD_KEYS.to_vec();
    for (key, value) in section.entries() {
        // Noted here, as only now its place and the member it makes are known.
        let mut mapping = || {
            let mapping = FieldMapping::load(key.value, value, file)?;
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
                let path = file.read_string(key.value, value).map(|path| path.value);
                uses.record_paths(path, key.value, key.at);
                fields.sequence = path.map(str::to_owned);
            }
            "time" => {
                fields.time = read_time(key, value, file);
                let paths = fields.time.iter().flat_map(|time| time.from.iter());
                uses.record_paths(paths, key.value, key.at);
            }
            "correlation" => {
                if let Some(section) = file.read_table("[fields.correlation]", value) {
                    fields.correlation = read_correlation(&section, uses, file);
                }
            }
            // Mark it as known, so that it is not reported as unknown as well.
            other if is_tenant_key(other) => {
                file.report_with_help(key.at, NO_TENANT, NO_TENANT_HELP);
                known.push(other);
            }
            _ => {}
        }
    }
    section.check_keys(&known, file);
    check_constants(section, &fields, file);
    fields
}

/// Notes constants that no event could have.
fn check_constants(section: &TomlTable<'_>, fields: &EnvelopeMapping, file: &mut TomlFile<'_>) {
    if let Some(FieldMapping::Constant(_)) = &fields.id {
        file.report(
            section.place_of("id"),
            "a constant `id` would be that of every event",
        );
    }
    if let Some(FieldMapping::Constant(text)) = &fields.event_type
        && let Err(error) = EventType::new(text)
    {
        file.report(
            section.place_of("type"),
            format!("`type` is not an event type: {error}"),
        );
    }
    if let Some(FieldMapping::Constant(text)) = &fields.source
        && let Err(error) = Source::new(text)
    {
        file.report(
            section.place_of("source"),
            format!("`source` is not a source: {error}"),
        );
    }
    if let Some(FieldMapping::Constant(text)) = &fields.severity
        && let Err(error) = text.parse::<Severity>()
    {
        file.report(section.place_of("severity"), error.to_string());
    }
}

fn read_time(
    key: TomlText<'_>,
    value: &TomlValue<'_>,
    file: &mut TomlFile<'_>,
) -> Option<TimeField> {
    if !matches!(value.get_ref(), DeValue::Table(_)) {
        return Some(TimeField {
            from: RecordPaths::load(key.value, value, file)?,
            format: TimeFormat::Rfc3339,
            default: None,
        });
    }
    let section = file.read_table(format!("`{}`", key.value), value)?;
    section.check_keys(&["from", "format", "zone", "year", "default"], file);
    let format = TimeFormat::load(&section, file);
    let default = section.get_string("default", file).and_then(|text| {
        Timestamp::parse(text.value)
            .map_err(|error| file.report(text.at, format!("`default` is no time: {error}")))
            .ok()
    });
    // After the others, so that their problems are reported even without it.
    let Some(from) = section.get("from") else {
        file.report(
            section.at,
            "`time` needs `from`, the member it is read from",
        );
        return None;
    };
    Some(TimeField {
        from: RecordPaths::load("from", from, file)?,
        format: format?,
        default,
    })
}

fn read_correlation(
    section: &TomlTable<'_>,
    uses: &mut PathUses,
    file: &mut TomlFile<'_>,
) -> Vec<(&'static str, FieldMapping)> {
    section.check_keys(&CORRELATION_KEYS, file);
    let mut correlation = Vec::new();
    for name in CORRELATION_KEYS {
        if let Some(value) = section.get(name)
            && let Some(mapping) = FieldMapping::load(name, value, file)
        {
            uses.record_paths(mapping.paths(), name, value.span().start);
            correlation.push((name, mapping));
        }
    }
    correlation
}

fn read_metadata(
    section: &TomlTable<'_>,
    uses: &mut PathUses,
    file: &mut TomlFile<'_>,
) -> Vec<(String, FieldMapping)> {
    let mut metadata = Vec::new();
    for (key, value) in section.entries() {
        if is_tenant_key(key.value) {
            file.report_with_help(key.at, NO_TENANT, NO_TENANT_HELP);
        } else if let Some(mapping) = FieldMapping::load(key.value, value, file) {
            uses.record_paths(mapping.paths(), &format!("metadata.{}", key.value), key.at);
            metadata.push((key.value.to_owned(), mapping));
        }
    }
    metadata
}

/// The members of the record that do not go into `data`: those that are mapped, unless they are to
/// be kept, and those that are dropped.
fn read_omitted_members(
    top: &TomlTable<'_>,
    uses: &PathUses,
    file: &mut TomlFile<'_>,
) -> BTreeSet<String> {
    let mut left_out: BTreeSet<String> = uses.0.iter().map(|used| used.path.clone()).collect();
    let Some(section) = top.get_table("data", file) else {
        return left_out;
    };
    section.check_keys(&["keep", "drop"], file);
    for kept in section.get_strings("keep", file) {
        if kept.value == EVERYTHING {
            left_out.clear();
        } else if !left_out.remove(kept.value) {
            let message = format!("`{}` is kept anyway: nothing is read from it", kept.value);
            file.report(kept.at, message);
        }
    }
    for dropped in section.get_strings("drop", file) {
        left_out.insert(dropped.value.to_owned());
    }
    left_out
}

/// Notes what can be known to fail for the lines of a pattern before any line is read.
fn check_line_patterns(
    lines: &LinePatterns,
    fields: &EnvelopeMapping,
    uses: &PathUses,
    file: &mut TomlFile<'_>,
) {
    if lines.patterns.is_empty() {
        return;
    }
    for used in &uses.0 {
        lines.check_path(&used.path, used.at, &used.event_member, file);
    }
    // A misspelt group would be reported again for every pattern that lacks it.
    if !file.is_faultless() {
        return;
    }
    for pattern in &lines.patterns {
        match &fields.event_type {
            Some(mapping) if pattern.event_type.is_none() => {
                pattern.check_mapping(mapping, "type", file);
            }
            None if pattern.event_type.is_none() => {
                let help = "add `type = \"..\"` here, or to [fields] for all patterns";
                file.report_with_help(pattern.at, "this pattern has no type", help);
            }
            Some(_) | None => {}
        }
        for (mapping, wanted) in [(&fields.id, "id"), (&fields.source, "source")] {
            if let Some(mapping) = mapping {
                pattern.check_mapping(mapping, wanted, file);
            }
        }
        if let Some(time) = &fields.time
            && time.default.is_none()
        {
            pattern.check_groups(time.from.iter(), "time", file);
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
