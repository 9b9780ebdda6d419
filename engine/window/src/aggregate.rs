//! Something measured of the matches of a stretch of time: the state of one key.
