//! The actors that run the pipeline, and the public engine.

pub mod breaker;
pub mod clock;
pub mod credit;
pub mod seeded;
