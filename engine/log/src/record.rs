//! How records are written into a partition and read back.
//!
//! Owns the kinds of record and the encoding of their bodies; rows and indexes belong to `insert`.
//! An event is its canonical JSON; every other body is postcard behind a byte that names the
//! version of the encoding.
//! Invariant: bytes that do not read back are an error that names the position, never a panic and
//! never another record.

use larum_event::{
    Channel, ClockTick, Event, Position, Record, RecordBody, RuleSetActivation, Span, Timestamp,
    limits,
};
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{DamagedRecord, LogError};

const BODY_VERSION: u8 = 1;
/// The version of the encoding of rules. In the first one they said nothing of lateness, and up to
/// the second they named a lag where they now name a horizon.
const RULES_VERSION: u8 = 3;
/// The version of the encoding of a tick with a hold; others keep the first one.
const TICK_VERSION: u8 = 2;

/// The kinds of record by their number in the column `kind`. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// An event from outside.
    Event = 0,
    /// A revision of an alert.
    Alert = 1,
    /// An event of the engine about itself.
    System = 2,
    /// Any other event that the engine made.
    Derived = 3,
    RuleSetActivated = 10,
    EpochCommit = 11,
    UnitDetached = 12,
    UnitAttached = 13,
    CursorMoved = 14,
    Tick = 15,
    GapFilled = 16,
    Amend = 17,
}

impl RecordKind {
    const ALL: [Self; 12] = [
        Self::Event,
        Self::Alert,
        Self::System,
        Self::Derived,
        Self::RuleSetActivated,
        Self::EpochCommit,
        Self::UnitDetached,
        Self::UnitAttached,
        Self::CursorMoved,
        Self::Tick,
        Self::GapFilled,
        Self::Amend,
    ];

    pub(crate) const fn number(self) -> i64 {
        self as i64
    }

    pub(crate) fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    pub(crate) fn from_derived(event: &Event) -> Self {
        let channel = &event.envelope().channel;
        if *channel == Channel::alerts() {
            Self::Alert
        } else if *channel == Channel::system() {
            Self::System
        } else {
            Self::Derived
        }
    }

    pub(crate) fn from_body(body: &RecordBody) -> Self {
        match body {
            RecordBody::Event { .. } => Self::Event,
            RecordBody::Derived { event } => Self::from_derived(event),
            RecordBody::RuleSetActivated(_) => Self::RuleSetActivated,
            RecordBody::EpochCommit(_) => Self::EpochCommit,
            RecordBody::UnitDetached(_) => Self::UnitDetached,
            RecordBody::UnitAttached(_) => Self::UnitAttached,
            RecordBody::GapFilled(_) => Self::GapFilled,
            RecordBody::CursorMoved(_) => Self::CursorMoved,
            RecordBody::Tick(_) => Self::Tick,
            RecordBody::Amend { .. } => Self::Amend,
        }
    }

    /// The body of an event of this kind.
    pub(crate) fn wrap_event(self, event: Event, arrived: Option<Timestamp>) -> RecordBody {
        if self == Self::Event {
            let arrived = arrived.unwrap_or_default();
            RecordBody::Event { event, arrived }
        } else {
            RecordBody::Derived { event }
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Alert => "alert",
            Self::System => "system event",
            Self::Derived => "derived event",
            Self::RuleSetActivated => "rule set activated",
            Self::EpochCommit => "epoch commit",
            Self::UnitDetached => "unit detached",
            Self::UnitAttached => "unit attached",
            Self::GapFilled => "gap filled",
            Self::CursorMoved => "cursor moved",
            Self::Tick => "tick",
            Self::Amend => "amend",
        }
    }
}

/// The bytes of a body that is no event; `None` for one that is.
pub(crate) fn encode_body(body: &RecordBody) -> Option<Vec<u8>> {
    match body {
        RecordBody::Event { .. } | RecordBody::Derived { .. } => None,
        RecordBody::RuleSetActivated(body) => Some(pack_version(RULES_VERSION, body)),
        RecordBody::EpochCommit(body) => Some(pack_body(body)),
        RecordBody::UnitDetached(body)
        | RecordBody::UnitAttached(body)
        | RecordBody::GapFilled(body) => Some(pack_body(body)),
        RecordBody::CursorMoved(body) => Some(pack_body(body)),
        RecordBody::Tick(tick) if tick.hold.is_zero() => Some(pack_body(&tick.at)),
        RecordBody::Tick(tick) => Some(pack_version(TICK_VERSION, tick)),
        RecordBody::Amend { most_rows } => Some(pack_body(most_rows)),
    }
}

fn pack_body(body: &impl Serialize) -> Vec<u8> {
    pack_version(BODY_VERSION, body)
}

fn pack_version(version: u8, body: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(body, vec![version])
        .expect("these types have no maps of unknown length and memory grows")
}

fn unpack_body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, DamagedRecord> {
    match bytes.split_first() {
        Some((&BODY_VERSION, body)) => postcard::from_bytes(body).map_err(DamagedRecord::Body),
        version => Err(DamagedRecord::Version {
            found: version.map(|(version, _)| *version),
        }),
    }
}

/// A tick, which before version 2 had nothing but its time.
fn unpack_tick(bytes: &[u8]) -> Result<ClockTick, DamagedRecord> {
    match bytes.split_first() {
        Some((&TICK_VERSION, body)) => postcard::from_bytes(body).map_err(DamagedRecord::Body),
        _ => unpack_body(bytes).map(ClockTick::new),
    }
}

/// The rules of a record, of any version.
fn unpack_rules(bytes: &[u8]) -> Result<RuleSetActivation, DamagedRecord> {
    match bytes.split_first() {
        Some((&RULES_VERSION, body)) => postcard::from_bytes(body).map_err(DamagedRecord::Body),
        Some((2, body)) => {
            let read = postcard::from_bytes::<(_, Span, _, _)>(body);
            let (files, _max_lag, keys_per_rule, lateness) = read.map_err(DamagedRecord::Body)?;
            Ok(RuleSetActivation {
                files,
                amend_horizon: limits::AMEND_HORIZON,
                keys_per_rule,
                lateness,
            })
        }
        _ => {
            let (files, _max_lag, keys_per_rule) = unpack_body::<(_, Span, _)>(bytes)?;
            Ok(RuleSetActivation {
                files,
                amend_horizon: limits::AMEND_HORIZON,
                keys_per_rule,
                lateness: Span::ZERO,
            })
        }
    }
}

/// Reads the record of a row that [`crate::schema::select_record`] selects, and the length of its
/// body.
pub(crate) fn read_record(
    row: &Row<'_>,
) -> Result<Result<(Record, usize), LogError>, rusqlite::Error> {
    let position = Position(row.get::<_, i64>(0)?.cast_unsigned());
    let kind = row.get(1)?;
    let arrived = row.get::<_, Option<i64>>(2)?.map(Timestamp::from_nanos);
    let bytes = row.get_ref(3)?.as_bytes()?;
    let body = decode_body(kind, arrived, bytes);
    Ok(match body {
        Ok(body) => Ok((Record { position, body }, bytes.len())),
        Err(source) => Err(LogError::Damaged { position, source }),
    })
}

fn decode_body(
    number: i64,
    arrived: Option<Timestamp>,
    bytes: &[u8],
) -> Result<RecordBody, DamagedRecord> {
    let kind = RecordKind::from_number(number).ok_or(DamagedRecord::Kind { found: number })?;
    Ok(match kind {
        RecordKind::Event | RecordKind::Alert | RecordKind::System | RecordKind::Derived => {
            kind.wrap_event(decode_event(bytes)?, arrived)
        }
        RecordKind::RuleSetActivated => RecordBody::RuleSetActivated(unpack_rules(bytes)?),
        RecordKind::EpochCommit => RecordBody::EpochCommit(unpack_body(bytes)?),
        RecordKind::UnitDetached => RecordBody::UnitDetached(unpack_body(bytes)?),
        RecordKind::UnitAttached => RecordBody::UnitAttached(unpack_body(bytes)?),
        RecordKind::GapFilled => RecordBody::GapFilled(unpack_body(bytes)?),
        RecordKind::CursorMoved => RecordBody::CursorMoved(unpack_body(bytes)?),
        RecordKind::Tick => RecordBody::Tick(unpack_tick(bytes)?),
        RecordKind::Amend => RecordBody::Amend {
            most_rows: unpack_body(bytes)?,
        },
    })
}

fn decode_event(bytes: &[u8]) -> Result<Event, DamagedRecord> {
    // Lossy: an invalid byte then fails as JSON, with the reason that names it.
    let json = String::from_utf8_lossy(bytes);
    Event::from_canonical(&json).map_err(DamagedRecord::Event)
}

#[cfg(test)]
mod tests {
    use larum_event::{CursorMove, EpochCommit, RuleFile, UnitChange};

    use super::*;

    #[test]
    fn the_numbers_of_kinds_are_those_in_every_log() {
        let numbers = RecordKind::ALL.map(|kind| (kind.as_str(), kind.number()));
        let stored = [
            ("event", 0),
            ("alert", 1),
            ("system event", 2),
            ("derived event", 3),
            ("rule set activated", 10),
            ("epoch commit", 11),
            ("unit detached", 12),
            ("unit attached", 13),
            ("cursor moved", 14),
            ("tick", 15),
            ("gap filled", 16),
            ("amend", 17),
        ];
        assert_eq!(numbers, stored);
    }

    fn check(body: RecordBody) {
        let kind = RecordKind::from_body(&body);
        let bytes = encode_body(&body).unwrap();
        let read = decode_body(kind.number(), None, &bytes).unwrap();
        assert_eq!(format!("{read:?}"), format!("{body:?}"));
        assert!(decode_body(kind.number(), None, &bytes[..bytes.len() - 1]).is_err());
    }

    fn unit() -> UnitChange {
        UnitChange {
            unit: "window/a/0".into(),
            rules: vec!["a".into()],
            from: Position(7),
            reason: "it kept failing".into(),
            at: Timestamp::from_nanos(-5),
        }
    }

    #[test]
    fn every_control_record_reads_back_and_not_when_cut_short() {
        check(RecordBody::RuleSetActivated(RuleSetActivation {
            files: vec![RuleFile {
                path: "a/rule.rhai".into(),
                text: "rule(\"a\")".into(),
            }],
            amend_horizon: Span::from_seconds(60),
            keys_per_rule: 5,
            lateness: Span::from_seconds(30),
        }));
        check(RecordBody::EpochCommit(EpochCommit {
            from: Position(1),
            upto: Position(u64::MAX),
            watermark: Timestamp::MAX,
            derived: 3,
            hash: [9; 32],
            semantics: 1,
        }));
        check(RecordBody::UnitDetached(unit()));
        check(RecordBody::UnitAttached(unit()));
        check(RecordBody::GapFilled(unit()));
        check(RecordBody::CursorMoved(CursorMove {
            channel: Channel::system(),
            consumer: "siem".into(),
            position: Position(3),
        }));
        let at = Timestamp::from_nanos(1_780_000_000_000_000_001);
        check(RecordBody::Tick(ClockTick::new(at)));
        let hold = Span::from_seconds(120);
        check(RecordBody::Tick(ClockTick { at, hold }));
    }

    #[test]
    fn rules_written_before_there_was_lateness_or_a_horizon_read_back_with_the_default() {
        let (files, lag, keys) = (Vec::<RuleFile>::new(), Span::from_seconds(60), 5_u64);
        let lateness = Span::from_seconds(30);
        for (before, lateness) in [
            (pack_body(&(files.clone(), lag, keys)), Span::ZERO),
            (
                pack_version(2, &(files.clone(), lag, keys, lateness)),
                lateness,
            ),
        ] {
            let read = decode_body(RecordKind::RuleSetActivated.number(), None, &before).unwrap();
            let expected = RecordBody::RuleSetActivated(RuleSetActivation {
                files: files.clone(),
                amend_horizon: limits::AMEND_HORIZON,
                keys_per_rule: 5,
                lateness,
            });
            assert_eq!(format!("{read:?}"), format!("{expected:?}"));
        }
    }

    #[test]
    fn unknown_kinds_and_versions_are_damage_and_not_a_panic() {
        assert!(matches!(
            decode_body(99, None, &[]),
            Err(DamagedRecord::Kind { found: 99 })
        ));
        assert!(matches!(
            decode_body(RecordKind::EpochCommit.number(), None, &[]),
            Err(DamagedRecord::Version { found: None })
        ));
        assert!(matches!(
            decode_body(RecordKind::EpochCommit.number(), None, &[2, 0]),
            Err(DamagedRecord::Version { found: Some(2) })
        ));
    }
}
