//! What a forest promises, from outside.

#![expect(
    clippy::unwrap_used,
    reason = "all of this is test code, not only what carries the attribute"
)]

mod fixture;

mod shapes;

mod order;

mod alerts;

mod tenants;

mod kin;
mod limits;
mod links;

mod checkpoints;

mod model;

mod grown_again;

mod gone;
