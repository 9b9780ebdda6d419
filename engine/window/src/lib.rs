//! Matches over event time to detections.
