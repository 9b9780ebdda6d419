//! Writes rows into the open partition.

use larum_event::{Envelope, Event, FieldSet, FieldValue, Position, RecordBody, Timestamp};
use rusqlite::Connection;

use crate::batch::{BatchRow, WriteBatch};
use crate::identity::{EventIdentity, link_key};
use crate::names::{NameRole, NameTable};
use crate::partition;
use crate::record::{self, RecordKind};

const INSERT_EVENT: &str = "
    INSERT INTO records (position, kind, arrived, time, severity, tenant, topic, type, source, user,
        identity, root, step, digest, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

const INSERT_CONTROL: &str =
    "INSERT INTO records (position, kind, arrived, body) VALUES (?1, ?2, NULL, ?3)";

/// About what a row takes besides its body.
pub(crate) const ROW_BYTES: u64 = 100;

/// The one field of an event that is not in its envelope and yet is queried by.
pub(crate) fn user_field() -> FieldSet {
    let mut fields = FieldSet::default();
    fields.intern_path("metadata.user");
    fields
}

/// Writes a batch inside of the transaction that is open on `connection`. Returns about how many
/// bytes it takes.
pub(crate) fn insert_batch(
    connection: &Connection,
    names: &mut NameTable,
    user: &FieldSet,
    batch: &WriteBatch,
) -> Result<u64, rusqlite::Error> {
    let mut bytes = 0;
    let mut position = batch.first;
    for row in &batch.rows {
        let body = match row {
            BatchRow::Event {
                event,
                kind,
                arrived,
                identity,
            } => {
                let header = RowHeader {
                    position,
                    kind: *kind,
                    arrived: *arrived,
                    identity: *identity,
                };
                insert_event(connection, names, user, event, &header)?
            }
            BatchRow::Control(body) => insert_control(connection, position, body)?,
        };
        bytes += ROW_BYTES + body as u64;
        // Control records take a position too: they are applied where they stand.
        position = position.next();
    }
    Ok(bytes)
}

/// What is known of an event besides itself.
struct RowHeader {
    position: Position,
    kind: RecordKind,
    arrived: Option<Timestamp>,
    identity: EventIdentity,
}

fn insert_event(
    connection: &Connection,
    names: &mut NameTable,
    user: &FieldSet,
    event: &Event,
    header: &RowHeader,
) -> Result<usize, rusqlite::Error> {
    let envelope = event.envelope();
    // Rows hold numbers for names: they repeat in almost every row, and comparing numbers is cheap.
    let mut number = |role, text: &str| names.get_or_insert(connection, role, text);
    let user = match user.read_values(event).into_iter().next().flatten() {
        Some(FieldValue::Str(user)) => Some(number(NameRole::User, &user)?),
        _ => None,
    };
    let (root, step) = link_keys(envelope);
    connection
        .prepare_cached(INSERT_EVENT)?
        .execute(rusqlite::params![
            header.position.0.cast_signed(),
            header.kind.number(),
            header.arrived.map(Timestamp::as_nanos),
            envelope.time.as_nanos(),
            i64::from(envelope.severity.number()),
            number(NameRole::Tenant, envelope.tenant.as_str())?,
            number(NameRole::Topic, envelope.topic.as_str())?,
            number(NameRole::Type, envelope.event_type.as_str())?,
            number(NameRole::Source, envelope.source.as_str())?,
            user,
            header.identity.index_key(),
            root,
            step,
            partition::join_digest(event.content_hash(), header.identity),
            event.json(),
        ])?;
    Ok(event.json().len())
}

fn insert_control(
    connection: &Connection,
    position: Position,
    body: &RecordBody,
) -> Result<usize, rusqlite::Error> {
    let bytes = record::encode_body(body).unwrap_or_default();
    let kind = RecordKind::from_body(body).number();
    connection
        .prepare_cached(INSERT_CONTROL)?
        .execute((position.0.cast_signed(), kind, &bytes))?;
    Ok(bytes.len())
}

/// The root of the workflow an event belongs to, and its step where that is another.
pub(crate) fn link_keys(envelope: &Envelope) -> (Option<i64>, Option<i64>) {
    let step = envelope.correlation_id.as_ref();
    let root = envelope
        .correlation
        .as_ref()
        .and_then(|correlation| correlation.root.as_ref());
    let root_key = root.or(step).map(|id| link_key(id.as_str()));
    let step_key = step.map(|id| link_key(id.as_str()));
    (root_key, step_key.filter(|step| Some(*step) != root_key))
}
