//! The trees that memory holds, and how they come back after a start.
//!
//! Owns the graph, the links it goes by, and its part of a checkpoint; asking the trees is the job
//! of `larum-query`. A large graph is not written every few seconds: its part of a checkpoint has a
//! position of its own, and what lies behind it is read from the log again.
//! Invariant: each event is inserted once. What was read while the trees were built (`built`) is
//! skipped when the sequencer sends it as well.

use std::sync::Arc;

use larum_event::{Event, LinkSet, Position, RecordBody, RuleSetActivation, Timestamp};
use larum_log::{CheckpointPart, LogError, LogReader, PartHash};
use larum_query::{LinkHistory, ReaderFactory, TreeMemory, TreeWatchers};
use larum_tree::{CorrelationGraph, GraphLimits, TreeReport};
use tracing::{info, warn};

use crate::messages::CheckpointScope;
use crate::rulebook::Rulebook;
use crate::sequencing::GRAPH_PART;
use crate::trees::store_writer::TreeStoreWriter;

/// Records read at once.
const RECORDS: usize = 4_096;
/// Bytes read at once.
const BYTES: usize = 8 * 1024 * 1024;
/// So many records more than the part holds are read in a second or so.
const BEHIND_MOST: u64 = 200_000;

/// What trees are grown with.
#[derive(Clone)]
pub(crate) struct TreeContext {
    /// Readers of the log.
    pub(crate) readers: ReaderFactory,
    /// Where rule files become links.
    pub(crate) rulebook: Arc<Rulebook>,
    /// Where trees go.
    pub(crate) store_writer: TreeStoreWriter,
    /// How much memory may hold.
    pub(crate) limits: GraphLimits,
    /// Who watches trees.
    pub(crate) watchers: TreeWatchers,
}

/// The trees of the engine.
pub(crate) struct LiveGraph {
    /// The trees, as queries see them.
    pub(crate) memory: TreeMemory,
    /// Events that could not be placed as they ask, each with the event's time.
    pub(crate) reports: Vec<(TreeReport, Timestamp)>,
    context: TreeContext,
    /// The position since which the graph's links are in force.
    links_since: Option<Position>,
    /// Everything up to here was read from the log when it was built.
    built: Position,
    last_part: Option<LastGraphPart>,
    /// Events since then.
    events: u64,
}

/// The last part of a checkpoint.
struct LastGraphPart {
    hash: PartHash,
    upto: Position,
}

/// The trees' part of a checkpoint: its position, and the graph.
struct GraphPart<'a> {
    upto: Position,
    graph: &'a [u8],
}

impl<'a> GraphPart<'a> {
    fn from_bytes(bytes: &'a [u8]) -> Option<Self> {
        let (upto, bytes) = bytes.split_first_chunk()?;
        Some(Self {
            upto: Position(u64::from_le_bytes(*upto)),
            graph: bytes,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let upto = self.upto.0.to_le_bytes();
        upto.iter().chain(self.graph).copied().collect()
    }
}

impl LiveGraph {
    /// Trees as of the end of the log. Blocks.
    pub(crate) fn build_from_log(context: TreeContext) -> Result<Self, LogError> {
        let mut reader = context.readers.open_reader();
        // Told; what is not dropped is only of no use.
        drop(context.store_writer.drop_before(reader.first_position()));
        let begun = match Self::restore_checkpoint(&context, &mut reader)? {
            Some(restored) => restored,
            None => Self::start_empty(context, &mut reader)?,
        };
        begun.read_log(&mut reader)
    }

    fn restore_checkpoint(
        context: &TreeContext,
        reader: &mut LogReader,
    ) -> Result<Option<Self>, LogError> {
        let Some(checkpoint) = reader.latest_checkpoint()? else {
            return Ok(None);
        };
        let mut parts = checkpoint.parts.iter();
        let Some((_, bytes)) = parts.find(|(name, _)| name == GRAPH_PART) else {
            return Ok(None);
        };
        let Some(part) = GraphPart::from_bytes(bytes) else {
            warn!("the checkpoint of the trees is damaged, reading the log");
            return Ok(None);
        };
        // A checkpoint says that evicted trees are gone from memory. It counts only if the store
        // has them.
        let kept = context.store_writer.spilled_upto();
        if kept < part.upto {
            warn!(%kept, upto = %part.upto, "the store of trees lacks some, reading the log");
            return Ok(None);
        }
        let links = match context.store_writer.saved_links() {
            Ok(links) => links,
            Err(error) => {
                // Told; the empty store is filled by reading the log.
                drop(context.store_writer.recreate_store(&error));
                return Ok(None);
            }
        };
        let graph = match CorrelationGraph::restore(part.graph) {
            Ok(graph) => graph,
            Err(failure) => {
                warn!(%failure, "the checkpoint of the trees is damaged, reading the log");
                return Ok(None);
            }
        };
        let written = LastGraphPart {
            hash: PartHash::of_bytes(bytes),
            upto: part.upto,
        };
        Ok(Some(Self {
            memory: TreeMemory {
                graph,
                at: part.upto,
                history: LinkHistory::from_encoded(links),
            },
            reports: Vec::new(),
            context: context.clone(),
            links_since: None,
            built: Position::START,
            last_part: Some(written),
            events: 0,
        }))
    }

    fn start_empty(context: TreeContext, reader: &mut LogReader) -> Result<Self, LogError> {
        let first = reader.first_position();
        let mut live = Self {
            memory: TreeMemory {
                graph: CorrelationGraph::new(context.limits),
                at: Position(first.0.saturating_sub(1)),
                history: LinkHistory::default(),
            },
            reports: Vec::new(),
            context,
            links_since: None,
            built: Position::START,
            last_part: None,
            events: 0,
        };
        // Those that held when what is kept of the log began.
        if first <= reader.head()
            && let Some((at, activated)) = reader.last_rule_set(first)?
        {
            live.apply_activation(at, &activated);
        }
        Ok(live)
    }

    fn read_log(mut self, reader: &mut LogReader) -> Result<Self, LogError> {
        // What retention has dropped cannot be read again.
        self.memory.at = self
            .memory
            .at
            .max(Position(reader.first_position().0.saturating_sub(1)));
        loop {
            let records = reader.read_after(self.memory.at, RECORDS, BYTES)?;
            let Some(last) = records.last() else { break };
            let upto = last.position;
            for record in &records {
                match &record.body {
                    RecordBody::Event { event, .. } | RecordBody::Derived { event } => {
                        self.insert_event(record.position, event);
                    }
                    RecordBody::RuleSetActivated(activated) => {
                        self.apply_activation(record.position, activated);
                    }
                    RecordBody::EpochCommit(_)
                    | RecordBody::UnitDetached(_)
                    | RecordBody::UnitAttached(_)
                    | RecordBody::GapFilled(_)
                    | RecordBody::CursorMoved(_)
                    | RecordBody::Tick(_)
                    | RecordBody::Amend { .. } => {}
                }
            }
            self.memory.at = upto;
            if self.spill_evicted() {
                // Told; what is not written waits.
                drop(self.context.store_writer.flush_queue(upto));
            }
        }
        self.built = self.memory.at;
        self.context.watchers.wake_all();
        info!(upto = %self.memory.at, "trees are built");
        Ok(self)
    }

    fn apply_activation(&mut self, at: Position, activated: &RuleSetActivation) {
        match self.context.rulebook.load_rules(&activated.files) {
            Ok(set) => self.use_links(at, set.links()),
            Err(_) => {
                warn!(position = %at, "rules do not load any more, their links are not known")
            }
        }
    }

    /// Links hold for the events behind a position.
    pub(crate) fn use_links(&mut self, at: Position, links: &Arc<LinkSet>) {
        if self.memory.history.add_links(at, links) {
            let written = LinkHistory::encode_links(links);
            self.context.store_writer.save_links(at, written);
        }
    }

    /// Takes in events that come from the sequencer; those that were read when the trees were built
    /// are passed over.
    pub(crate) fn insert_batch(&mut self, events: &[(Position, Event)]) {
        let before = self.memory.at;
        // Those up to `built` were read from the log when the trees were built.
        let not_built = events.iter().filter(|(position, _)| *position > self.built);
        let fresh: Vec<_> = not_built.collect();
        for (position, event) in &fresh {
            self.insert_event(*position, event);
        }
        let events = fresh.into_iter().map(|(_, event)| event);
        self.context
            .watchers
            .notify_events(&mut self.memory.graph, events, before);
    }

    fn insert_event(&mut self, position: Position, event: &Event) {
        if let Some((since, links)) = self.memory.history.links_at(position)
            && self.links_since != Some(*since)
        {
            self.links_since = Some(*since);
            self.memory.graph.use_links(links);
        }
        let envelope = event.envelope();
        let mut reports = Vec::new();
        self.memory
            .graph
            .insert(&envelope.tenant, event, position, &mut reports);
        let time = envelope.time;
        self.reports
            .extend(reports.into_iter().map(|report| (report, time)));
        self.memory.at = self.memory.at.max(position);
        self.events += 1;
    }

    /// Hands on the trees that the graph evicted. Returns whether it is time to write them.
    pub(crate) fn spill_evicted(&mut self) -> bool {
        let evicted = self.memory.graph.take_evicted_trees();
        self.context.watchers.notify_spilled(&evicted);
        self.context
            .store_writer
            .spilled_trees()
            .queue_trees(evicted)
    }

    /// The part of a checkpoint of everything up to `upto`: the last one, unless that is long ago
    /// by now.
    pub(crate) fn checkpoint_part(
        &mut self,
        wanted: CheckpointScope,
        upto: Position,
    ) -> CheckpointPart {
        let upto = upto.max(self.built);
        if let Some(written) = &self.last_part
            && wanted == CheckpointScope::Changes
            && self.events < self.memory.graph.stats().nodes.max(1)
            && upto.0.saturating_sub(written.upto.0) < BEHIND_MOST
        {
            return CheckpointPart::Unchanged(written.hash);
        }
        let graph = self.memory.graph.checkpoint();
        let part = GraphPart {
            upto,
            graph: &graph,
        };
        let bytes = part.to_bytes();
        self.events = 0;
        self.last_part = Some(LastGraphPart {
            hash: PartHash::of_bytes(&bytes),
            upto,
        });
        CheckpointPart::Bytes(bytes)
    }
}
