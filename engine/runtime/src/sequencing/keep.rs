//! Checkpoints of evaluation.
//!
//! Owns what goes into one. All of it is as of one position, and there is no checkpoint with a part missing: a
//! window that cannot tell its state is restarted by the next epoch that asks it.

use std::sync::{Arc, PoisonError};

use larum_log::Checkpoint;
use larum_pipeline::SEMANTICS_VERSION;
use tokio::sync::oneshot;

use crate::credit::tell;
use crate::messages::{ReadForest, UnitFailed};
use crate::sequencing::base::{FOREST_PART, SEQUENCER_PART, shards_part};
use crate::sequencing::core::{Core, EpochError};
use crate::sequencing::lost::Lost;

impl Core {
    /// Keeps the state as of [`Core::evaluated`], so that a recovery need not read the log from its start.
    pub(crate) async fn checkpoint(&mut self) -> Result<(), EpochError> {
        self.since_checkpoint = 0;
        let kept = match self.parts_of_checkpoint().await {
            Ok(parts) => self.save(parts).await,
            Err(failed) => Err(failed.to_string()),
        };
        // Without one nothing is lost: recovery takes an older one and reads more of the log.
        match kept {
            Ok(()) => self.parts.gauges.problem_over("checkpoint"),
            Err(failure) => {
                let words = format!("no checkpoint was kept: {failure}");
                self.parts.gauges.problem("checkpoint", words);
            }
        }
        Ok(())
    }

    async fn parts_of_checkpoint(&self) -> Result<Vec<(String, Vec<u8>)>, UnitFailed> {
        let mut parts = vec![(SEQUENCER_PART.to_owned(), self.sequencer.checkpoint())];
        let windows = self.pool.checkpoint(self.sequencer.left_out()).await?;
        parts.extend(windows.into_iter().map(|(_, name, bytes)| (name, bytes)));
        let (reply, answer) = oneshot::channel();
        // Trees that are being rebuilt have no part: the next start builds them from the log.
        if let Some(trees) = self.parts.trees.address()
            && tell(&trees.recipient(), ReadForest { reply }).is_ok()
            && let Ok(Ok(bytes)) = self.pool.within(self.pool.deadline(), answer).await
        {
            parts.push((FOREST_PART.to_owned(), bytes));
        }
        parts.extend(self.lost.iter().map(Lost::part));
        parts.push(shards_part(self.settings.shards));
        Ok(parts)
    }

    async fn save(&self, parts: Vec<(String, Vec<u8>)>) -> Result<(), String> {
        let checkpoint = Checkpoint {
            upto: self.evaluated,
            semantics: SEMANTICS_VERSION,
            parts,
        };
        let store = Arc::clone(&self.parts.checkpoints);
        let save = move || {
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            store.save(&checkpoint).map_err(|error| error.to_string())
        };
        let saved = tokio::task::spawn_blocking(save).await;
        saved.map_err(|error| error.to_string())?
    }
}
