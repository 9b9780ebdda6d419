//! Who may say what: a decoded event becomes admitted or rejected.
