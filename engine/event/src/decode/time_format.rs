//! How a record writes its time, and the year and zone it leaves out.
//!
//! Owns formats, missing years and missing zones. It never reads a clock: the time of arrival is
//! passed in. A time without a year gets the one that puts it nearest to the record before it, so a
//! log may run over New Year. An hour that the end of summer time repeats is the first of the two,
//! unless the input has passed it already.
//! Invariant: one line from a host with a wrong clock changes the year of no other line.

use std::fmt::Write as _;

use chrono::format::{Item, Parsed, StrftimeItems};
use chrono::{DateTime, Datelike, FixedOffset, MappedLocalTime, NaiveDateTime, TimeZone, Utc};

use super::epoch::{self, InvalidEpoch};
use super::members::shorten_text;
use crate::nearest::did_you_mean;
use crate::time::{Span, Timestamp};
use crate::toml_file::{TomlFile, TomlTable};

/// What formats are called that are not written out with `%`.
const NAMED_FORMATS: [&str; 5] = ["rfc3339", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns"];
/// How far a record may go back inside an hour that comes twice, and still be of the first one.
const DISORDER: Span = Span::from_seconds(60);
/// How far ahead of the arrival a record may be, when the arrival decides the year.
const AHEAD: Span = Span::from_seconds(86_400);

/// One way to write a time.
#[derive(Debug, Clone)]
pub(super) enum TimeFormat {
    /// With date, time and zone.
    Rfc3339,
    /// A number of units of `10^scale` nanoseconds.
    Epoch { scale: i32 },
    /// Written out with `%`.
    Pattern(TimePattern),
}

#[derive(Debug, Clone)]
pub(super) struct TimePattern {
    text: String,
    items: Vec<Item<'static>>,
    year: YearSource,
    zone: ZoneSource,
}

/// Where the year comes from.
#[derive(Debug, Clone, Copy)]
enum YearSource {
    /// The record has it.
    Written,
    /// The first record is of this year.
    First(i32),
    /// The one before or at which the input arrived.
    Arrival,
}

/// Where the zone comes from.
#[derive(Debug, Clone, Copy)]
enum ZoneSource {
    /// The record has it.
    Written,
    /// A place's.
    Named(chrono_tz::Tz),
    /// A fixed distance from UTC.
    Fixed(FixedOffset),
}

/// What the times read so far tell about the next one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TimeState {
    last: Option<(NaiveDateTime, Timestamp)>,
}

impl TimeFormat {
    /// Reads `format`, `zone` and `year` of a time's table.
    pub(super) fn load(section: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Option<Self> {
        let format = section.get_string("format", file);
        let name = format.as_ref().map_or("rfc3339", |format| format.value);
        let named = match name {
            "rfc3339" => Some(Self::Rfc3339),
            "epoch_s" => Some(Self::Epoch { scale: 9 }),
            "epoch_ms" => Some(Self::Epoch { scale: 6 }),
            "epoch_us" => Some(Self::Epoch { scale: 3 }),
            "epoch_ns" => Some(Self::Epoch { scale: 0 }),
            _ => None,
        };
        // These tell year and zone, so either would be a mistake that nothing shows later.
        if named.is_some() {
            for key in ["zone", "year"] {
                if let Some(value) = section.get(key) {
                    let message = format!("a time of format {name} has its own {key}");
                    file.report(value.span().start, message);
                }
            }
            return named;
        }
        let at = format.map_or(section.at, |format| format.at);
        if !name.contains('%') {
            let help = did_you_mean(name, NAMED_FORMATS).unwrap_or_else(|| {
                let names = NAMED_FORMATS.join(", ");
                format!("use {names}, or write it out, as in %Y-%m-%d %H:%M:%S")
            });
            file.report_with_help(at, format!("`{name}` is not a time format"), help);
            return None;
        }
        let pattern = TimePattern::load(name, at, section, file)?;
        Some(Self::Pattern(pattern))
    }

    /// The time that `text` tells.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(super) fn read_time(
        &self,
        text: &str,
        arrived: Timestamp,
        state: &mut TimeState,
    ) -> Result<Timestamp, String> {
        match self {
            Self::Rfc3339 => Timestamp::parse(text).map_err(|error| error.to_string()),
            Self::Epoch { scale } => match epoch::parse_nanos(text, *scale) {
                Ok(nanos) => Ok(Timestamp::from_nanos(nanos)),
                Err(InvalidEpoch::Format) => {
                    Err(format!("{:?} is not a number", shorten_text(text)))
                }
                Err(InvalidEpoch::OutOfRange) => Err(out_of_range(text)),
            },
            Self::Pattern(pattern) => pattern.read_time(text, arrived, state),
        }
    }
}

impl TimePattern {
    fn load(
        text: &str,
        at: usize,
        section: &TomlTable<'_>,
        file: &mut TomlFile<'_>,
    ) -> Option<Self> {
        let Ok(items) = StrftimeItems::new(text).parse_to_owned() else {
            let message = format!("`{text}` holds a % that means nothing");
            file.report_with_help(at, message, "docs/decoders.md lists what may follow a %");
            return None;
        };
        let Some(sample) = read_sample(&items) else {
            let message = format!("`{text}` does not tell a date and a time of day");
            file.report_with_help(at, message, "write both, as in %b %e %H:%M:%S");
            return None;
        };
        let year = YearSource::load(&sample, at, section, file)?;
        let zone = ZoneSource::load(&sample, section, file)?;
        Some(Self {
            text: text.to_owned(),
            items,
            year,
            zone,
        })
    }

    fn read_time(
        &self,
        text: &str,
        arrived: Timestamp,
        state: &mut TimeState,
    ) -> Result<Timestamp, String> {
        let not_this_format = || {
            format!(
                "{:?} is not of the format {:?}",
                shorten_text(text),
                self.text
            )
        };
        let mut parsed = Parsed::new();
        chrono::format::parse(&mut parsed, text, self.items.iter())
            .map_err(|_| not_this_format())?;
        // A whole instant is in the text: nothing depends on the records before it.
        if matches!(self.zone, ZoneSource::Written) && matches!(self.year, YearSource::Written) {
            let time = parsed.to_datetime().map_err(|_| not_this_format())?;
            return Timestamp::from_chrono(time.to_utc()).ok_or_else(|| out_of_range(text));
        }
        let last = state.last.map(|(local, _)| local);
        let nearest = match (self.year, last) {
            (YearSource::Written, _) => to_local_time(&parsed, None),
            (YearSource::First(year), None) => to_local_time(&parsed, Some(year)),
            // The year in which it is nearest to the record before: so December leads to January.
            (YearSource::First(_), Some(last)) => (last.year() - 1..=last.year() + 1)
                .filter_map(|year| to_local_time(&parsed, Some(year)))
                .min_by_key(|local| (*local - last).num_seconds().abs()),
            // The newest year in which it does not lie ahead of its arrival.
            (YearSource::Arrival, _) => {
                let latest = arrived.saturating_add(AHEAD).to_chrono().naive_utc();
                (latest.year() - 1..=latest.year() + 1)
                    .rev()
                    .filter_map(|year| to_local_time(&parsed, Some(year)))
                    .find(|local| {
                        self.zone.to_instant(&parsed, *local, state) <= Some(latest.and_utc())
                    })
            }
        };
        let local =
            nearest.ok_or_else(|| format!("{:?} is no day of its year", shorten_text(text)))?;
        let Some(instant) = self.zone.to_instant(&parsed, local, state) else {
            return Err(format!(
                "{:?} does not exist in the decoder's zone: the clocks skip it",
                shorten_text(text)
            ));
        };
        let time = Timestamp::from_chrono(instant).ok_or_else(|| out_of_range(text))?;
        state.last = Some((local, time));
        Ok(time)
    }
}

impl YearSource {
    fn load(
        sample: &Parsed,
        at: usize,
        section: &TomlTable<'_>,
        file: &mut TomlFile<'_>,
    ) -> Option<Self> {
        let written = sample.timestamp().is_some()
            || sample.year().is_some()
            || sample.year_mod_100().is_some()
            || sample.isoyear().is_some();
        let Some(value) = section.get("year") else {
            if !written {
                file.report_with_help(
                    at,
                    "this time has no year, and none is given",
                    "add `year = 2026`, the year of the first record, or `year = \"arrival\"`",
                );
                return None;
            }
            return Some(Self::Written);
        };
        // Two sources of a year could disagree, so a format that reads one excludes the other.
        let at = value.span().start;
        if written {
            file.report(at, "a `year` is given, but the format reads one");
            return None;
        }
        match value.get_ref() {
            toml::de::DeValue::String(word) if word == "arrival" => Some(Self::Arrival),
            toml::de::DeValue::Integer(number) => {
                // The years that 64 bits of nanoseconds hold as a whole.
                let year = i32::from_str_radix(number.as_str(), number.radix())
                    .ok()
                    .filter(|year| (1678..=2261).contains(year));
                if year.is_none() {
                    file.report(at, "`year` must lie between 1678 and 2261");
                }
                year.map(Self::First)
            }
            _ => {
                file.report(at, "`year` must be a number or \"arrival\"");
                None
            }
        }
    }
}

impl ZoneSource {
    fn load(sample: &Parsed, section: &TomlTable<'_>, file: &mut TomlFile<'_>) -> Option<Self> {
        let written = sample.timestamp().is_some() || sample.offset().is_some();
        let Some(zone) = section.get_string("zone", file) else {
            return Some(if written {
                Self::Written
            } else {
                Self::Named(chrono_tz::UTC)
            });
        };
        if written {
            file.report(zone.at, "a `zone` is given, but the format reads one");
            return None;
        }
        if let Ok(named) = zone.value.parse::<chrono_tz::Tz>() {
            return Some(Self::Named(named));
        }
        if let Ok(fixed) = zone.value.parse::<FixedOffset>() {
            return Some(Self::Fixed(fixed));
        }
        // No abbreviations such as CST: they mean several zones.
        let names = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
        let help = did_you_mean(zone.value, names).unwrap_or_else(|| {
            "use a name such as Europe/Berlin, or a distance such as +02:00".to_owned()
        });
        file.report_with_help(
            zone.at,
            format!("`{}` is not a time zone", zone.value),
            help,
        );
        None
    }

    /// The instant of a local time; `None` when the clocks skip it.
    fn to_instant(
        self,
        parsed: &Parsed,
        local: NaiveDateTime,
        state: &TimeState,
    ) -> Option<DateTime<Utc>> {
        let zone = match self {
            Self::Written => {
                let offset = parsed.to_fixed_offset().ok()?;
                return Some(offset.from_local_datetime(&local).single()?.to_utc());
            }
            Self::Fixed(offset) => {
                return Some(offset.from_local_datetime(&local).single()?.to_utc());
            }
            Self::Named(zone) => zone,
        };
        match zone.from_local_datetime(&local) {
            MappedLocalTime::Single(time) => Some(time.to_utc()),
            MappedLocalTime::None => None,
            // An hour that the clocks repeat: once records went past its first run, it is the
            // second, unless they are only a little out of order.
            MappedLocalTime::Ambiguous(first, second) => {
                let passed = state.last.is_some_and(|(_, last)| {
                    first.to_utc() < last.saturating_sub(DISORDER).to_chrono()
                });
                Some(if passed {
                    second.to_utc()
                } else {
                    first.to_utc()
                })
            }
        }
    }
}

/// Date and time of day as written, in `year` where the text has none.
fn to_local_time(parsed: &Parsed, year: Option<i32>) -> Option<NaiveDateTime> {
    let mut parsed = parsed.clone();
    if let Some(year) = year {
        parsed.set_year(i64::from(year)).ok()?;
    }
    let date = parsed.to_naive_date().ok()?;
    Some(date.and_time(parsed.to_naive_time().ok()?))
}

/// Writes and reads a known time; `None` when that does not give date and time of day.
fn read_sample(items: &[Item<'static>]) -> Option<Parsed> {
    // Monday, 29 February 2016, 13:45:07.
    let sample = DateTime::from_timestamp(1_456_753_507, 0)?.fixed_offset();
    let mut text = String::new();
    write!(text, "{}", sample.format_with_items(items.iter())).ok()?;
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, &text, items.iter()).ok()?;
    let read = parsed.clone();
    if parsed.timestamp().is_none() {
        if parsed.year().is_none() && parsed.year_mod_100().is_none() && parsed.isoyear().is_none()
        {
            parsed.set_year(2016).ok()?;
        }
        let local = parsed
            .to_naive_date()
            .ok()?
            .and_time(parsed.to_naive_time().ok()?);
        (local.date() == sample.date_naive()).then_some(())?;
    }
    Some(read)
}

fn out_of_range(text: &str) -> String {
    format!(
        "{:?} lies outside of the years 1677 to 2262",
        shorten_text(text)
    )
}
