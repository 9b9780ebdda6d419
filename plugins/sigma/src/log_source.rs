//! Log sources: which events a rule is about.
//!
//! A table, as data, says by which channel and which values Windows events of a category or a
//! service are known, and what fields are called there. An event may also say itself what it is,
//! with members `product`, `category` and `service`.
//!
//! Owns the table and the views made of it; what a rule asks of these events is left to its
//! detection.
//! Invariant: a log source that neither the table nor an event names matches no event. A rule never
//! falls back to all events.

use std::collections::BTreeMap;

use larum_event::value::CaseSensitivity;
use larum_predicate::{
    BoolExpression, BuildError, FieldTest, PredicateSetBuilder, TextAnchor, ViewId,
};
use serde::Deserialize;

/// For a rule's field, its name in events.
pub(crate) type FieldMap = BTreeMap<String, String>;

const MEMBERS: [&str; 3] = ["product", "category", "service"];
const CHANNEL: &str = "Channel";

/// A rule's log source; without a member, any.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogSource {
    /// `windows`, `linux`, ...
    pub product: Option<String>,
    /// `process_creation`, `proxy`, ...
    pub category: Option<String>,
    /// `security`, `sshd`, ...
    pub service: Option<String>,
}

/// The table.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSourceTable {
    channel: Vec<Channel>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Channel {
    product: String,
    names: Vec<String>,
    #[serde(default)]
    services: Vec<String>,
    #[serde(default)]
    category: Vec<Category>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Category {
    name: String,
    /// Values of which a field must have one.
    #[serde(default)]
    when: BTreeMap<String, Vec<String>>,
    /// What a rule's field is called here.
    #[serde(default)]
    fields: FieldMap,
    /// Known even to rules that name no product.
    #[serde(default)]
    any_product: bool,
}

/// Events of a log source that share the names of fields.
pub(crate) struct LogSourcePart {
    pub(crate) view: ViewId,
    pub(crate) fields: FieldMap,
}

impl LogSource {
    fn member_value(&self, name: &str) -> Option<&str> {
        match name {
            "product" => self.product.as_deref(),
            "category" => self.category.as_deref(),
            _ => self.service.as_deref(),
        }
    }

    /// Whether every event of `other` is of this one too.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        let covers = |name: &&str| {
            let wanted = self.member_value(name);
            wanted.is_none() || wanted == other.member_value(name)
        };
        MEMBERS.iter().all(covers)
    }
}

impl LogSourceTable {
    /// The table that comes with this crate.
    pub fn builtin() -> Self {
        Self::parse(include_str!("../data/log_sources.toml"))
            .expect("the table that comes with the crate is read by a test")
    }

    /// Reads a table.
    ///
    /// # Errors
    /// It is not TOML of this form.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The same table and what another one adds.
    #[must_use]
    pub fn merge_table(mut self, other: Self) -> Self {
        self.channel.extend(other.channel);
        self
    }

    /// What the table says about a log source, as a text that changes whenever that does.
    pub(crate) fn describe_source(&self, source: &LogSource) -> String {
        let concerning = self.channel.iter().filter(|one| one.may_concern(source));
        let said: Vec<String> = concerning.map(|channel| format!("{channel:?}")).collect();
        said.join("\n")
    }

    /// The parts of a log source, each with its view over events of which `premise` holds.
    pub(crate) fn build_parts(
        &self,
        source: &LogSource,
        premise: &BoolExpression,
        builder: &mut PredicateSetBuilder,
    ) -> Result<Vec<LogSourcePart>, BuildError> {
        let mut by_fields: BTreeMap<FieldMap, Vec<BoolExpression>> = BTreeMap::new();
        by_fields.insert(FieldMap::new(), build_declared(source, builder)?);
        for channel in &self.channel {
            for (fields, expression) in channel.recognise_events(source, builder)? {
                by_fields.entry(fields).or_default().push(expression);
            }
        }
        // Whatever its channel, an event that names another product belongs to that one.
        let not_another_product = match &source.product {
            None => BoolExpression::Always,
            Some(product) => {
                let is_said = build_any_of(builder, "product", std::slice::from_ref(product))?;
                let unsaid = build_present(builder, "product")?.negate();
                BoolExpression::Any(vec![is_said, unsaid])
            }
        };
        // One part for each way to name fields, however many channels share it: a part is a view,
        // and each view of a rule is a program more.
        let mut parts = Vec::new();
        for (fields, expressions) in by_fields {
            let name = format!("{source:?} {fields:?}");
            let known = BoolExpression::All(vec![
                not_another_product.clone(),
                BoolExpression::Any(expressions),
            ]);
            let view =
                builder.add_view(&name, BoolExpression::All(vec![premise.clone(), known]))?;
            parts.push(LogSourcePart { view, fields });
        }
        Ok(parts)
    }
}

/// Events that say themselves that they are of the source, and nothing against it. What an event
/// does not say is decided by its channel, if it has one.
fn build_declared(
    source: &LogSource,
    builder: &mut PredicateSetBuilder,
) -> Result<Vec<BoolExpression>, BuildError> {
    let mut said = Vec::new();
    let mut not_denied = Vec::new();
    for name in MEMBERS {
        let Some(wanted) = source.member_value(name) else {
            continue;
        };
        let is_said = build_any_of(builder, name, &[wanted.to_owned()])?;
        let present = build_present(builder, name)?;
        let has_channel = self::build_present(builder, CHANNEL)?;
        let unsaid = BoolExpression::Any(vec![present, has_channel]).negate();
        not_denied.push(BoolExpression::Any(vec![is_said.clone(), unsaid]));
        said.push(is_said);
    }
    if said.is_empty() {
        return Ok(vec![BoolExpression::Always]);
    }
    not_denied.push(BoolExpression::Any(said));
    Ok(vec![BoolExpression::All(not_denied)])
}

fn build_present(
    builder: &mut PredicateSetBuilder,
    field: &str,
) -> Result<BoolExpression, BuildError> {
    let slot = builder.field_slot(field);
    builder
        .add_predicate(Some(slot), FieldTest::Present)
        .map(BoolExpression::Is)
}

fn build_any_of(
    builder: &mut PredicateSetBuilder,
    field: &str,
    values: &[String],
) -> Result<BoolExpression, BuildError> {
    let slot = builder.field_slot(field);
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        let literal = value.clone();
        let kind = TextAnchor::Whole;
        let test = FieldTest::Text {
            kind,
            literal,
            case: CaseSensitivity::Insensitive,
        };
        parts.push(BoolExpression::Is(builder.add_predicate(Some(slot), test)?));
    }
    Ok(BoolExpression::Any(parts))
}

impl Channel {
    /// Whether it may say anything about a log source.
    fn may_concern(&self, source: &LogSource) -> bool {
        let product = source.product.as_ref();
        let service = source.service.as_ref();
        let category = source.category.as_ref();
        product.is_none_or(|product| *product == self.product)
            && service.is_none_or(|service| self.services.contains(service))
            && category.is_none_or(|category| self.category.iter().any(|one| one.name == *category))
    }

    /// How events of the source are known in this channel, by the names their fields have.
    fn recognise_events(
        &self,
        source: &LogSource,
        builder: &mut PredicateSetBuilder,
    ) -> Result<Vec<(FieldMap, BoolExpression)>, BuildError> {
        let is_product = source.product.as_ref() == Some(&self.product);
        let is_service = |service: &String| self.services.contains(service);
        if source
            .service
            .as_ref()
            .is_some_and(|service| !is_service(service))
        {
            return Ok(Vec::new());
        }
        // After the service was checked: a channel of other services adds no predicate to the set.
        let in_channel = build_any_of(builder, CHANNEL, &self.names)?;
        let Some(wanted) = &source.category else {
            let known = is_product && source.service.is_some();
            if known {
                return Ok(vec![(FieldMap::new(), in_channel)]);
            }
            // The product alone: every event with a channel.
            let alone = is_product && source.service.is_none();
            let any = alone.then(|| build_present(builder, CHANNEL)).transpose()?;
            return Ok(any.into_iter().map(|any| (FieldMap::new(), any)).collect());
        };
        let mut known = Vec::new();
        for category in self
            .category
            .iter()
            .filter(|category| category.name == *wanted)
        {
            if !(is_product || category.any_product && source.product.is_none()) {
                continue;
            }
            let mut all = vec![in_channel.clone()];
            for (field, values) in &category.when {
                all.push(build_any_of(builder, field, values)?);
            }
            known.push((category.fields.clone(), BoolExpression::All(all)));
        }
        Ok(known)
    }
}
