//! The actors that run the pipeline, and the public engine.

pub mod clock;

pub mod seeded;

pub mod faults;

pub mod credit;

pub mod breaker;

pub mod supervise;
