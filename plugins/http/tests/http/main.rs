//! The door over real sockets, each test with an engine and a port of its own.

mod client;

mod listening;

mod posting;

mod cloudevents;

mod decoding;

mod limits;

mod searching;

mod state;

mod strangers;
