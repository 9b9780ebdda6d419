//! Watching a tree or an incident.

use tokio::sync::mpsc;

use crate::trees::answers::TreeDelivery;

/// A watch over a tree or an incident; dropping it ends it.
#[derive(Debug)]
pub struct TreeWatch {
    deliveries: mpsc::Receiver<TreeDelivery>,
}

impl TreeWatch {
    /// What comes next; `None` when the engine has ended, or after a [`TreeDelivery::Gap`]. Dropping the future
    /// loses nothing.
    pub async fn next(&mut self) -> Option<TreeDelivery> {
        self.deliveries.recv().await
    }
}
