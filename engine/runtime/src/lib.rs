//! The actors that run the pipeline, and the public engine.
