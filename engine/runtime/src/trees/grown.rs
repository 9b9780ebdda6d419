//! The trees that memory holds, and how they come back after a start.
//!
//! Owns the forest, which links it goes by, and its part of a checkpoint. A large forest is not written every few
//! seconds: its part has a position of its own, and what lies behind is read from the log again.

use std::sync::Arc;

use larum_event::{Event, LinkSet, Position, RecordBody, RuleSetActivated, Timestamp};
use larum_log::{LogError, LogReader, Part, PartHash};
use larum_tree::{Forest, ForestLimits, TreeReport};
use tracing::{info, warn};

use crate::messages::Wanted;
use crate::readers::Readers;
use crate::rulebook::Rulebook;
use crate::sequencing::FOREST_PART;
use crate::trees::history::LinkHistory;
use crate::trees::spill::Spiller;
use crate::trees::watchers::Watchers;

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;
/// So many records more than the part holds are read in a second or so.
const BEHIND_MOST: u64 = 200_000;

/// What trees are grown with.
#[derive(Clone)]
pub(crate) struct Soil {
    /// Readers of the log.
    pub(crate) readers: Readers,
    /// Where rule files become links.
    pub(crate) rulebook: Arc<Rulebook>,
    /// Where trees go.
    pub(crate) spiller: Spiller,
    /// How much memory may hold.
    pub(crate) limits: ForestLimits,
    /// Who watches trees.
    pub(crate) watchers: Watchers,
}

/// See the module's words.
pub(crate) struct Grown {
    /// The trees.
    pub(crate) forest: Forest,
    /// The last position that was taken in.
    pub(crate) at: Position,
    /// Which links hold where.
    pub(crate) history: LinkHistory,
    /// What events could not be taken as they say, each with the event's time.
    pub(crate) reports: Vec<(TreeReport, Timestamp)>,
    soil: Soil,
    /// Since where the links hold by which the forest goes.
    links_since: Option<Position>,
    /// Everything up to here was read from the log when it was built.
    built: Position,
    written: Option<Written>,
    /// Events since then.
    events: u64,
}

/// The last part of a checkpoint.
struct Written {
    hash: PartHash,
    upto: Position,
}

/// The trees' part of a checkpoint: how far it goes, and the forest.
struct ForestPart<'a> {
    upto: Position,
    forest: &'a [u8],
}

impl<'a> ForestPart<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (upto, forest) = bytes.split_first_chunk()?;
        Some(Self {
            upto: Position(u64::from_le_bytes(*upto)),
            forest,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let upto = self.upto.0.to_le_bytes();
        upto.iter().chain(self.forest).copied().collect()
    }
}

impl Grown {
    /// Trees as of the end of the log. Blocks.
    pub(crate) fn build(soil: Soil) -> Result<Self, LogError> {
        let mut reader = soil.readers.open();
        // Told; what is not dropped is only of no use.
        drop(soil.spiller.drop_before(reader.first()));
        let begun = match Self::restored(&soil, &mut reader)? {
            Some(restored) => restored,
            None => Self::empty(soil, &mut reader)?,
        };
        begun.read_on(&mut reader)
    }

    fn restored(soil: &Soil, reader: &mut LogReader) -> Result<Option<Self>, LogError> {
        let Some(checkpoint) = reader.latest_checkpoint()? else {
            return Ok(None);
        };
        let mut parts = checkpoint.parts.iter();
        let Some((_, bytes)) = parts.find(|(name, _)| name == FOREST_PART) else {
            return Ok(None);
        };
        let Some(part) = ForestPart::read(bytes) else {
            warn!("the checkpoint of the trees is damaged, reading the log");
            return Ok(None);
        };
        let kept = soil.spiller.upto();
        if kept < part.upto {
            warn!(%kept, upto = %part.upto, "the store of trees lacks some, reading the log");
            return Ok(None);
        }
        let links = match soil.spiller.links() {
            Ok(links) => links,
            Err(error) => {
                // Told; the empty store is filled by reading the log.
                drop(soil.spiller.begin_again(&error));
                return Ok(None);
            }
        };
        let forest = match Forest::restore(part.forest) {
            Ok(forest) => forest,
            Err(failure) => {
                warn!(%failure, "the checkpoint of the trees is damaged, reading the log");
                return Ok(None);
            }
        };
        let written = Written {
            hash: PartHash::of(bytes),
            upto: part.upto,
        };
        Ok(Some(Self {
            forest,
            at: part.upto,
            history: LinkHistory::read(links),
            reports: Vec::new(),
            soil: soil.clone(),
            links_since: None,
            built: Position::START,
            written: Some(written),
            events: 0,
        }))
    }

    fn empty(soil: Soil, reader: &mut LogReader) -> Result<Self, LogError> {
        let first = reader.first();
        let mut grown = Self {
            forest: Forest::new(soil.limits),
            at: Position(first.0.saturating_sub(1)),
            history: LinkHistory::default(),
            reports: Vec::new(),
            soil,
            links_since: None,
            built: Position::START,
            written: None,
            events: 0,
        };
        // Those that held when what is kept of the log began.
        if first <= reader.head()
            && let Some((at, activated)) = reader.last_rule_set(first)?
        {
            grown.activated(at, &activated);
        }
        Ok(grown)
    }

    fn read_on(mut self, reader: &mut LogReader) -> Result<Self, LogError> {
        // What retention has dropped cannot be read again.
        self.at = self.at.max(Position(reader.first().0.saturating_sub(1)));
        loop {
            let records = reader.read(self.at, RECORDS, BYTES)?;
            let Some(last) = records.last() else { break };
            let upto = last.position;
            for record in &records {
                match &record.body {
                    RecordBody::Event { event, .. } | RecordBody::Derived { event } => {
                        self.insert(record.position, event);
                    }
                    RecordBody::RuleSetActivated(activated) => {
                        self.activated(record.position, activated);
                    }
                    RecordBody::EpochCommit(_)
                    | RecordBody::UnitDetached(_)
                    | RecordBody::UnitAttached(_)
                    | RecordBody::CursorMoved(_)
                    | RecordBody::Tick { .. } => {}
                }
            }
            self.at = upto;
            if self.spill() {
                // Told; what is not written waits.
                drop(self.soil.spiller.flush(upto));
            }
        }
        self.built = self.at;
        self.soil.watchers.wake_all();
        info!(upto = %self.at, "trees are built");
        Ok(self)
    }

    fn activated(&mut self, at: Position, activated: &RuleSetActivated) {
        match self.soil.rulebook.load(&activated.files) {
            Ok(set) => self.use_links(at, set.links()),
            Err(_) => {
                warn!(position = %at, "rules do not load any more, their links are not known")
            }
        }
    }

    /// Links hold for what stands behind a position.
    pub(crate) fn use_links(&mut self, at: Position, links: &Arc<LinkSet>) {
        if self.history.add(at, links) {
            let written = LinkHistory::written(links);
            self.soil.spiller.keep_links(at, written);
        }
    }

    /// Takes in events that come from the sequencer; those that were read when the trees were built are passed over.
    pub(crate) fn take(&mut self, events: &[(Position, Event)]) {
        let before = self.at;
        let fresh = events.iter().filter(|(position, _)| *position > self.built);
        let fresh: Vec<_> = fresh.collect();
        for (position, event) in &fresh {
            self.insert(*position, event);
        }
        let events = fresh.into_iter().map(|(_, event)| event);
        self.soil.watchers.came(&mut self.forest, events, before);
    }

    fn insert(&mut self, position: Position, event: &Event) {
        if let Some((since, links)) = self.history.at(position)
            && self.links_since != Some(*since)
        {
            self.links_since = Some(*since);
            self.forest.use_links(links);
        }
        let envelope = event.envelope();
        let mut reports = Vec::new();
        self.forest
            .insert(&envelope.tenant, event, position, &mut reports);
        let time = envelope.time;
        self.reports
            .extend(reports.into_iter().map(|report| (report, time)));
        self.at = self.at.max(position);
        self.events += 1;
    }

    /// Where trees go.
    pub(crate) fn spiller(&self) -> &Spiller {
        &self.soil.spiller
    }

    /// Hands on what the forest had to let go. Returns whether it is time to write it.
    pub(crate) fn spill(&mut self) -> bool {
        let went = self.forest.take_evicted();
        self.soil.watchers.went(&went);
        self.soil.spiller.take(went)
    }

    /// The part of a checkpoint of everything up to `upto`: the last one, unless that is long ago by now.
    pub(crate) fn part(&mut self, wanted: Wanted, upto: Position) -> Part {
        let upto = upto.max(self.built);
        if let Some(written) = &self.written
            && wanted == Wanted::Changes
            && self.events < self.forest.stats().nodes.max(1)
            && upto.0.saturating_sub(written.upto.0) < BEHIND_MOST
        {
            return Part::Kept(written.hash);
        }
        let forest = self.forest.checkpoint();
        let part = ForestPart {
            upto,
            forest: &forest,
        };
        let bytes = part.to_bytes();
        self.events = 0;
        self.written = Some(Written {
            hash: PartHash::of(&bytes),
            upto,
        });
        Part::Bytes(bytes)
    }
}
