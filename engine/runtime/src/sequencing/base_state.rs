//! State to start from: the parts of a checkpoint, as this process needs them.
//!
//! Owns the names of the parts, and the fitting of a checkpoint that was taken with another number of window
//! shards: every key goes to the shard that would hold it today, so that nothing is lost and nothing
//! counts twice.

use std::collections::{BTreeMap, BTreeSet};

use larum_event::{Position, RuleId};
use larum_log::{LogError, LogReader};
use larum_pipeline::{KINSHIP_PART, SEMANTICS_VERSION};
use larum_window::{RuleWindow, WindowLimits, WindowRestoreError};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::sequencing::detached_unit::DetachedUnitPart;

/// The name of the trees' part of a checkpoint.
pub(crate) const GRAPH_PART: &str = "forest";
/// The name of the sequencer's part.
pub(super) const SEQUENCER_PART: &str = "sequencer";
/// The name of the part that tells how many shards the windows were split into.
pub(super) const SHARDS_PART: &str = "shards";
/// Begins the names of parts of lost units.
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
        /// Which part.
        part: String,
        /// What is wrong with it.
        #[source]
        source: WindowRestoreError,
    },
    /// Another part does not read back.
    #[error("part {part:?} cannot be read")]
    Other {
        /// Which part.
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

impl BaseState {
    /// The bytes of a part.
    pub(super) fn part_bytes(&self, name: &str) -> Option<&[u8]> {
        let found = self.parts.iter().find(|(part, _)| part == name);
        found.map(|(_, bytes)| bytes.as_slice())
    }

    /// The units that were lost as of this state.
    pub(super) fn detached_parts(&self) -> impl Iterator<Item = DetachedUnitPart> {
        let parts = self.parts.iter();
        parts
            .filter(|(name, _)| name.starts_with(DETACHED_PART))
            .filter_map(|(_, bytes)| DetachedUnitPart::from_bytes(bytes))
    }

    /// This state, if it holds what `rules` counted, else nothing at all: of a rule that was left out when the
    /// checkpoint was taken it holds nothing.
    pub(super) fn complete_for(self, rules: &BTreeSet<RuleId>) -> Self {
        let lacks =
            |lost: DetachedUnitPart| lost.rules.iter().any(|(rule, _)| rules.contains(rule));
        if self.detached_parts().any(lacks) {
            return Self::default();
        }
        self
    }

    /// The sequencer's part, that of the trees that rules ask, and those of the windows of `wanted` rules.
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
                let window = RuleWindow::restore(&bytes, &[], 0, WindowLimits::default());
                let window = window.map_err(|source| UnfitCheckpoint::Window {
                    part: name.clone(),
                    source,
                })?;
                windows.entry(rule.to_owned()).or_default().push(window);
            } else if name.starts_with(DETACHED_PART) {
                let mut lost = DetachedUnitPart::from_bytes(&bytes)
                    .ok_or(UnfitCheckpoint::Other { part: name.clone() })?;
                lost.base.parts.push(shards_part(before));
                lost.base = lost.base.fit_shards(shards)?;
                parts.push((name, lost.to_bytes()));
            } else if name != SHARDS_PART {
                parts.push((name, bytes));
            }
        }
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

/// The part that tells the number of shards.
pub(super) fn shards_part(shards: usize) -> (String, Vec<u8>) {
    let bytes = (shards as u64).to_le_bytes().to_vec();
    (SHARDS_PART.to_owned(), bytes)
}

fn read_shards(bytes: &[u8]) -> Result<usize, UnfitCheckpoint> {
    let number = <[u8; 8]>::try_from(bytes).map(u64::from_le_bytes).ok();
    let number = number.and_then(|number| usize::try_from(number).ok());
    number.ok_or(UnfitCheckpoint::Other {
        part: SHARDS_PART.to_owned(),
    })
}

/// The name of a piece of a window's part: the state itself, then one change after the other.
pub(super) fn piece_name(part: &str, number: usize) -> String {
    match number {
        0 => part.to_owned(),
        number => format!("{part}+{number}"),
    }
}

/// The parts of a checkpoint with the changes of windows worked in.
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
