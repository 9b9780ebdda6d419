//! Writes rows into the open partition.

use larum_event::{Envelope, Event, FieldSet, Position, RecordBody, Timestamp, Value};
use rusqlite::Connection;

use crate::batch::{Batch, Row};
use crate::identity::{Identity, link_key};
use crate::names::{Names, Role};
use crate::partition;
use crate::record::{self, Kind};

const EVENT: &str = "
    INSERT INTO records (position, kind, arrived, time, severity, tenant, topic, type, source, user,
        identity, root, step, digest, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

const CONTROL: &str =
    "INSERT INTO records (position, kind, arrived, body) VALUES (?1, ?2, NULL, ?3)";

/// About what a row takes besides its body.
pub(crate) const ROW_BYTES: u64 = 100;

/// The one field of an event that is not in its envelope and yet is queried by.
pub(crate) fn user_field() -> FieldSet {
    let mut fields = FieldSet::default();
    fields.slot("metadata.user");
    fields
}

/// Writes a batch inside of the transaction that is open on `connection`. Returns about how many bytes it
/// takes.
pub(crate) fn insert(
    connection: &Connection,
    names: &mut Names,
    user: &FieldSet,
    batch: &Batch,
) -> Result<u64, rusqlite::Error> {
    let mut bytes = 0;
    let mut position = batch.first;
    for row in &batch.rows {
        let body = match row {
            Row::Event {
                event,
                kind,
                arrived,
                identity,
            } => {
                let about = About {
                    position,
                    kind: *kind,
                    arrived: *arrived,
                    identity: *identity,
                };
                insert_event(connection, names, user, event, &about)?
            }
            Row::Control(body) => insert_control(connection, position, body)?,
        };
        bytes += ROW_BYTES + body as u64;
        position = position.next();
    }
    Ok(bytes)
}

/// What is known of an event besides itself.
struct About {
    position: Position,
    kind: Kind,
    arrived: Option<Timestamp>,
    identity: Identity,
}

fn insert_event(
    connection: &Connection,
    names: &mut Names,
    user: &FieldSet,
    event: &Event,
    about: &About,
) -> Result<usize, rusqlite::Error> {
    let envelope = event.envelope();
    let mut number = |role, text: &str| names.number(connection, role, text);
    let user = match user.read(event).into_iter().next().flatten() {
        Some(Value::Str(user)) => Some(number(Role::User, &user)?),
        _ => None,
    };
    let (root, step) = links(envelope);
    connection
        .prepare_cached(EVENT)?
        .execute(rusqlite::params![
            about.position.0.cast_signed(),
            about.kind.number(),
            about.arrived.map(Timestamp::as_nanos),
            envelope.time.as_nanos(),
            envelope.severity as i64,
            number(Role::Tenant, envelope.tenant.as_str())?,
            number(Role::Topic, envelope.topic.as_str())?,
            number(Role::Type, envelope.event_type.as_str())?,
            number(Role::Source, envelope.source.as_str())?,
            user,
            about.identity.indexed(),
            root,
            step,
            partition::digest(event.content_hash(), about.identity),
            event.json(),
        ])?;
    Ok(event.json().len())
}

fn insert_control(
    connection: &Connection,
    position: Position,
    body: &RecordBody,
) -> Result<usize, rusqlite::Error> {
    let bytes = record::encode(body).unwrap_or_default();
    let kind = Kind::of_body(body).number();
    connection
        .prepare_cached(CONTROL)?
        .execute((position.0.cast_signed(), kind, &bytes))?;
    Ok(bytes.len())
}

/// The root of the workflow an event belongs to, and its step where that is another.
pub(crate) fn links(envelope: &Envelope) -> (Option<i64>, Option<i64>) {
    let step = envelope.correlation_id.as_ref();
    let root = envelope
        .correlation
        .as_ref()
        .and_then(|correlation| correlation.root.as_ref());
    let root_key = root.or(step).map(|id| link_key(id.as_str()));
    let step_key = step.map(|id| link_key(id.as_str()));
    (root_key, step_key.filter(|step| Some(*step) != root_key))
}
