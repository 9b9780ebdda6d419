//! Where an actor is found, whichever one it is today.
//!
//! A re-created actor has a new address, and who kept the old one sends into a closed mailbox. So
//! senders keep a [`ActorSlot`], and whoever creates the actor seats it.

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
    /// A seat that nobody has taken yet.
    pub fn empty() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Seats the actor at `address`. A supervised actor lives as long as somebody has its address,
    /// so the one before ends when its work is done, unless others still hold its address.
    pub fn put_address(&self, address: Addr<A>) {
        self.0.send_replace(Some(address));
    }

    /// Leaves the seat empty, and so lets its actor end.
    pub fn clear_address(&self) {
        self.0.send_replace(None);
    }

    /// The address of the actor that sits here and is alive.
    pub fn address(&self) -> Option<Addr<A>> {
        self.0.borrow().clone().filter(Addr::connected)
    }

    /// The address of the living actor here, as soon as there is one.
    pub async fn wait_for_address(&self) -> Addr<A> {
        let mut seat = self.0.subscribe();
        loop {
            let address = seat.borrow_and_update().clone().filter(Addr::connected);
            match address {
                Some(address) => return address,
                None => seat
                    .changed()
                    .await
                    .expect("this seat, which is borrowed, is the sender"),
            }
        }
    }
}
