//! The engine's threads.

use actix::Arbiter;

/// The engine's threads; they outlive rule sets.
pub(crate) struct EngineThreads {
    /// The log's writer.
    pub(crate) log: Arbiter,
    /// The log's upkeep.
    pub(crate) upkeep: Arbiter,
    /// The sequencer, and the `.alert` closures of rules.
    pub(crate) sequencer: Arbiter,
    /// The trees that people look at.
    pub(crate) trees: Arbiter,
    /// Channels and handlers.
    pub(crate) channels: Arbiter,
    /// Matching, a matcher on each.
    pub(super) matchers: Vec<Arbiter>,
    /// Windows, a shard on each.
    pub(super) windows: Vec<Arbiter>,
}

impl EngineThreads {
    /// Starts `matchers` threads for matching and `shards` for windows, and one for each of the
    /// rest.
    pub(crate) fn start(matchers: usize, shards: usize) -> Self {
        let start = |number: usize| (0..number.max(1)).map(|_| Arbiter::new()).collect();
        Self {
            log: Arbiter::new(),
            upkeep: Arbiter::new(),
            sequencer: Arbiter::new(),
            trees: Arbiter::new(),
            channels: Arbiter::new(),
            matchers: start(matchers),
            windows: start(shards),
        }
    }

    /// Stops them; what still runs on them is dropped.
    pub(crate) fn stop(&self) {
        let single = [
            &self.channels,
            &self.sequencer,
            &self.trees,
            &self.upkeep,
            &self.log,
        ];
        for arbiter in single
            .into_iter()
            .chain(&self.matchers)
            .chain(&self.windows)
        {
            arbiter.stop();
        }
    }
}
