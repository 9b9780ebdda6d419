//! Who caused what: correlation trees.
