//! Where an actor is found, whichever one it is today.
//!
//! A re-created actor has a new address, and the old one leads to a closed mailbox. So senders hold
//! an [`ActorSlot`], and the creator of the actor puts its address there.

use actix::{Actor, Addr};
use tokio::sync::watch;

/// The place of one actor. Clones are the same place.
#[derive(Debug)]
pub struct ActorSlot<A: Actor>(watch::Sender<Option<Addr<A>>>);

impl<A: Actor> Clone for ActorSlot<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> Default for ActorSlot<A> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<A: Actor> ActorSlot<A> {
    /// A slot without an actor so far.
    pub fn empty() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Puts the actor at `address` here. An actor lives as long as its address is held, so the one
    /// before ends when its work is done, unless others hold its address.
    pub fn put_address(&self, address: Addr<A>) {
        self.0.send_replace(Some(address));
    }

    /// Empties the slot, and so lets its actor end.
    pub fn clear_address(&self) {
        self.0.send_replace(None);
    }

    /// The address of the actor here, if it is alive.
    pub fn address(&self) -> Option<Addr<A>> {
        self.0.borrow().clone().filter(Addr::connected)
    }

    /// The address of the living actor here, as soon as there is one.
    pub async fn wait_for_address(&self) -> Addr<A> {
        let mut slot = self.0.subscribe();
        loop {
            let address = slot.borrow_and_update().clone().filter(Addr::connected);
            match address {
                Some(address) => return address,
                None => slot
                    .changed()
                    .await
                    .expect("this slot, which is borrowed, is the sender"),
            }
        }
    }
}
