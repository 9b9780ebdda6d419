//! Rules, windows and trees put together: events in order become alerts.
