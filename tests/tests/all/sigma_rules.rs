//! Sigma documents as rules of a set: the front end and the rule loader together.

mod correlated;
mod correlations;
mod nested_correlations;
mod rule_set;
