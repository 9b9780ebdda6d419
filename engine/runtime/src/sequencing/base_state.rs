//! State to start from: the parts of a checkpoint, as this process needs them.
//!
//! Owns the names of the parts, and fits a checkpoint that was taken with another number of window
//! shards. When a checkpoint is taken is the checkpointer's job.
//! Invariant: when shards are fitted, every key goes to the one shard that would hold it today, so
//! nothing is lost and nothing counts twice.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{Position, RuleId};
use larum_log::{LogError, LogReader};
use larum_pipeline::{KINSHIP_PART, SEMANTICS_VERSION, SEQUENCER_PART};
use larum_window::{RuleWindow, WindowLimits, WindowRestoreError};
use serde::{Deserialize, Serialize};
use tracing::warn;

/// The name of the part with the trees that people look at.
pub(crate) const GRAPH_PART: &str = "forest";
/// The name of the part that says how many shards the windows were split into.
const SHARDS_PART: &str = "shards";
/// Begins the names of parts of detached units.
pub(super) const DETACHED_PART: &str = "lost/";
/// Begins the names of parts of windows.
const WINDOW_PART: &str = "window/";

/// State to start from; parts as in a checkpoint.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct BaseState {
    /// Everything up to here is in the parts.
    pub(super) upto: Position,
    /// The parts; empty means from nothing.
    pub(super) parts: Vec<(String, Vec<u8>)>,
}

/// Why a checkpoint cannot be fitted.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnfitCheckpoint {
    /// A window does not read back.
    #[error("part {part:?} cannot be read")]
    Window {
        /// The name of the part.
        part: String,
        /// What is wrong with it.
        #[source]
        source: WindowRestoreError,
    },
    /// Another part does not read back.
    #[error("part {part:?} cannot be read")]
    Other {
        /// The name of the part.
        part: String,
    },
}

/// The newest usable checkpoint, for windows of `shards` shards each.
pub(super) fn read_newest_base(
    reader: &mut LogReader,
    shards: usize,
) -> Result<BaseState, LogError> {
    let checkpoint = reader.latest_checkpoint()?;
    let Some(checkpoint) = checkpoint.filter(|known| known.semantics == SEMANTICS_VERSION) else {
        return Ok(BaseState::default());
    };
    let whole = join_changes(checkpoint.parts).map(|parts| BaseState {
        upto: checkpoint.upto,
        parts,
    });
    let fitted = whole.and_then(|base| base.fit_shards(shards));
    Ok(fitted.unwrap_or_else(|unfit| {
        warn!(%unfit, "the checkpoint cannot be used, the log is read from its start");
        BaseState::default()
    }))
}

/// What a checkpoint holds of a detached unit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct DetachedUnitPart {
    /// Its name.
    pub(super) name: String,
    /// The rules that are silent because of it, each with the position up to which its alerts are
    /// in the log.
    pub(super) rules: Vec<(RuleId, Position)>,
    /// State to run its gap from.
    pub(super) base: BaseState,
}

impl DetachedUnitPart {
    /// Reads what [`DetachedUnitPart::to_bytes`] wrote; `None` if it is damaged.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    /// The bytes of the part.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain data is always writable to memory")
    }
}

impl BaseState {
    /// The bytes of a part.
    pub(super) fn part_bytes(&self, name: &str) -> Option<&[u8]> {
        let found = self.parts.iter().find(|(part, _)| part == name);
        found.map(|(_, bytes)| bytes.as_slice())
    }

    /// The units that were detached as of this state.
    pub(super) fn detached_parts(&self) -> impl Iterator<Item = DetachedUnitPart> {
        let parts = self.parts.iter();
        parts
            .filter(|(name, _)| name.starts_with(DETACHED_PART))
            .filter_map(|(_, bytes)| DetachedUnitPart::from_bytes(bytes))
    }

    /// This state if it holds what `rules` counted, else no state at all. A checkpoint lacks the
    /// rules that were detached when it was taken.
    pub(super) fn complete_for(self, rules: &BTreeSet<RuleId>) -> Self {
        let lacks =
            |unit: DetachedUnitPart| unit.rules.iter().any(|(rule, _)| rules.contains(rule));
        if self.detached_parts().any(lacks) {
            return Self::default();
        }
        self
    }

    /// Only the parts of the sequencer, of the trees that rules ask, and of the windows of `wanted`
    /// rules.
    pub(super) fn narrow_to(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        let of_all = [SEQUENCER_PART, KINSHIP_PART];
        self.parts.retain(|(name, _)| {
            of_all.contains(&name.as_str()) || rule_of_part(name).is_some_and(&wanted)
        });
        self
    }

    /// The same state for windows of `shards` shards each.
    fn fit_shards(self, shards: usize) -> Result<Self, UnfitCheckpoint> {
        let before = match self.part_bytes(SHARDS_PART) {
            Some(bytes) => read_shards(bytes)?,
            None => shards,
        };
        if before == shards {
            return Ok(self);
        }
        let upto = self.upto;
        let mut parts = Vec::new();
        let mut windows: BTreeMap<String, Vec<RuleWindow>> = BTreeMap::new();
        for (name, bytes) in self.parts {
            if let Some(rule) = rule_of_part(&name) {
                let restored = RuleWindow::restore(&bytes, &[], 0, WindowLimits::default());
                let window = restored.map_err(|source| UnfitCheckpoint::Window {
                    part: name.clone(),
                    source,
                })?;
                windows.entry(rule.to_owned()).or_default().push(window);
            } else if name.starts_with(DETACHED_PART) {
                let mut unit = DetachedUnitPart::from_bytes(&bytes)
                    .ok_or(UnfitCheckpoint::Other { part: name.clone() })?;
                // The base was taken with as many shards as the checkpoint around it, but does not
                // say so.
                unit.base.parts.push(shards_part(before));
                unit.base = unit.base.fit_shards(shards)?;
                parts.push((name, unit.to_bytes()));
            } else if name != SHARDS_PART {
                parts.push((name, bytes));
            }
        }
        // Reshard a rule's windows together: a key of one old shard may belong to any new one.
        for (rule, windows) in windows {
            for (shard, window) in RuleWindow::reshard(windows, shards).iter().enumerate() {
                if window.stats().keys > 0 {
                    parts.push((format!("{WINDOW_PART}{rule}/{shard}"), window.checkpoint()));
                }
            }
        }
        parts.push(shards_part(shards));
        Ok(Self { upto, parts })
    }
}

/// The part that says the number of shards.
pub(super) fn shards_part(shards: usize) -> (String, Vec<u8>) {
    let bytes = (shards as u64).to_le_bytes().to_vec();
    (SHARDS_PART.to_owned(), bytes)
}

fn read_shards(bytes: &[u8]) -> Result<usize, UnfitCheckpoint> {
    let written = <[u8; 8]>::try_from(bytes).map(u64::from_le_bytes).ok();
    let shards = written.and_then(|number| usize::try_from(number).ok());
    shards.ok_or(UnfitCheckpoint::Other {
        part: SHARDS_PART.to_owned(),
    })
}

/// The name of a piece of a window's part: piece 0 is the state, the others are changes in order.
pub(super) fn piece_name(part: &str, number: usize) -> String {
    match number {
        0 => part.to_owned(),
        number => format!("{part}+{number}"),
    }
}

/// The parts of a checkpoint, each window's changes applied to its state.
fn join_changes(parts: Vec<(String, Vec<u8>)>) -> Result<Vec<(String, Vec<u8>)>, UnfitCheckpoint> {
    let mut joined = Vec::new();
    let mut parts = parts.into_iter().peekable();
    while let Some((name, mut bytes)) = parts.next() {
        let mut changes: Vec<Vec<u8>> = Vec::new();
        let is_window = rule_of_part(&name).is_some();
        while let Some((_, change)) =
            parts.next_if(|(next, _)| is_window && *next == piece_name(&name, changes.len() + 1))
        {
            changes.push(change);
        }
        if !changes.is_empty() {
            let changes: Vec<&[u8]> = changes.iter().map(Vec::as_slice).collect();
            let window = RuleWindow::restore(&bytes, &changes, 0, WindowLimits::default());
            bytes = match window {
                Ok(window) => window.checkpoint(),
                Err(source) => return Err(UnfitCheckpoint::Window { part: name, source }),
            };
        }
        joined.push((name, bytes));
    }
    Ok(joined)
}

/// The rule of a unit or of a window's part, by its name.
pub(super) fn rule_of_part(name: &str) -> Option<&str> {
    let (rule, _shard) = name.strip_prefix(WINDOW_PART)?.rsplit_once('/')?;
    Some(rule)
}
