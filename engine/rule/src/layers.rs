//! In which order rules that read each other's alerts are evaluated (design §2).
//!
//! Owns the layers: a rule that names another rule's alerts depends on it, and its layer is one
//! above the highest layer it depends on. A wildcard over alerts means "of the layers below", so it
//! gives way: inside a circle of rules it is dropped. The sentences about circles belong to the
//! loader.
//! Invariant: no rule reads alerts of its own layer or of a layer above, so one pass over the
//! layers evaluates everything. Rules are nodes numbered from 0, and edges are made of those
//! numbers only, so that indexing by one never fails.

use std::collections::BTreeSet;

use larum_event::{Topic, TopicPattern, limits};

use crate::rule::{Rule, alert_topic};

/// Why rules have no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LayerError {
    /// Each reads the alerts of the next, and the last those of the first.
    Cycle(Vec<usize>),
    /// More layers than alerts may be derived from alerts; the rule is one of those above.
    TooDeep(usize),
}

/// Whether a pattern reads alerts at all: its first segment says so. `#` and `+.x` mean raw events.
pub(crate) fn is_alert_pattern(pattern: &TopicPattern) -> bool {
    pattern.as_str().split('.').next() == Some("alerts")
}

/// The layer of each rule.
pub(crate) fn assign_layers(rules: &[Rule]) -> Result<Vec<u8>, Vec<LayerError>> {
    let (literal, wildcard) = collect_dependencies(rules);
    let both: Vec<Vec<usize>> = literal
        .iter()
        .zip(&wildcard)
        .map(|(one, other)| one.iter().chain(other).copied().collect())
        .collect();
    // Circles over both kinds of edges say which wildcards give way; circles over names alone are
    // errors.
    let component = strong_components(&both);
    let mut problems = Vec::new();
    let literal_component = strong_components(&literal);
    let mut reported = BTreeSet::new();
    for (rule, raisers) in literal.iter().enumerate() {
        let circle = raisers
            .iter()
            .any(|raiser| literal_component.get(*raiser) == literal_component.get(rule));
        if circle && reported.insert(literal_component.get(rule)) {
            problems.push(LayerError::Cycle(find_cycle(rule, &literal)));
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let kept: Vec<Vec<usize>> = literal
        .iter()
        .zip(&wildcard)
        .enumerate()
        .map(|(rule, (named, loose))| {
            let below = loose
                .iter()
                .filter(|raiser| component.get(**raiser) != component.get(rule));
            named.iter().chain(below).copied().collect()
        })
        .collect();
    let heights = node_heights(&kept);
    let mut layers = Vec::with_capacity(heights.len());
    for (rule, height) in heights.into_iter().enumerate() {
        match u8::try_from(height) {
            Ok(layer) if layer < limits::DERIVED_DEPTH => layers.push(layer),
            _ => problems.push(LayerError::TooDeep(rule)),
        }
    }
    // One rule too deep is enough to say; those above it follow from it.
    problems.truncate(1);
    if problems.is_empty() {
        Ok(layers)
    } else {
        Err(problems)
    }
}

/// For each rule those whose alerts it names, and those that a wildcard of it matches.
fn collect_dependencies(rules: &[Rule]) -> (Vec<Vec<usize>>, Vec<Vec<usize>>) {
    let topics: Vec<Option<Topic>> = rules
        .iter()
        .map(|rule| Topic::new(&alert_topic(&rule.id)).ok())
        .collect();
    let mut literal = vec![Vec::new(); rules.len()];
    let mut wildcard = vec![Vec::new(); rules.len()];
    for ((rule, named), loose) in rules.iter().zip(&mut literal).zip(&mut wildcard) {
        for pattern in rule.on.iter().filter(|pattern| is_alert_pattern(pattern)) {
            let into: &mut Vec<usize> = if pattern.is_literal() { named } else { loose };
            for (raiser, topic) in topics.iter().enumerate() {
                if topic.as_ref().is_some_and(|topic| pattern.matches(topic)) {
                    into.push(raiser);
                }
            }
        }
    }
    (literal, wildcard)
}

/// The number of the strongly connected component of each node (Tarjan, without recursion).
fn strong_components(edges: &[Vec<usize>]) -> Vec<usize> {
    const UNSEEN: usize = usize::MAX;
    let mut index = vec![UNSEEN; edges.len()];
    let mut low = vec![UNSEEN; edges.len()];
    let mut component = vec![UNSEEN; edges.len()];
    let mut open: Vec<usize> = Vec::new();
    let mut next_index = 0;
    let mut next_component = 0;
    for start in 0..edges.len() {
        if index[start] != UNSEEN {
            continue;
        }
        // An own stack of (node, next edge): rules may depend on each other deeper than a thread's
        // stack allows.
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        while let Some((node, edge)) = path.pop() {
            if edge == 0 {
                index[node] = next_index;
                low[node] = next_index;
                next_index += 1;
                open.push(node);
            }
            if let Some(&to) = edges[node].get(edge) {
                // The node before its neighbour: it continues when the neighbour is done.
                path.push((node, edge + 1));
                if index[to] == UNSEEN {
                    path.push((to, 0));
                } else if component[to] == UNSEEN {
                    low[node] = low[node].min(index[to]);
                }
                continue;
            }
            if low[node] == index[node] {
                while let Some(member) = open.pop() {
                    component[member] = next_component;
                    if member == node {
                        break;
                    }
                }
                next_component += 1;
            }
            if let Some(&(parent, _)) = path.last() {
                low[parent] = low[parent].min(low[node]);
            }
        }
    }
    component
}

/// The shortest way from `start` back to it.
fn find_cycle(start: usize, edges: &[Vec<usize>]) -> Vec<usize> {
    let mut from: Vec<Option<usize>> = vec![None; edges.len()];
    let mut queue = std::collections::VecDeque::from([start]);
    while let Some(node) = queue.pop_front() {
        for &to in &edges[node] {
            if to == start {
                let mut cycle = vec![node];
                while let Some(before) = cycle.last().and_then(|last| from[*last]) {
                    cycle.push(before);
                }
                cycle.reverse();
                return cycle;
            }
            if from[to].is_none() {
                from[to] = Some(node);
                queue.push_back(to);
            }
        }
    }
    vec![start]
}

/// How many edges lie below each node at most; the edges have no cycle.
fn node_heights(edges: &[Vec<usize>]) -> Vec<usize> {
    let mut height: Vec<Option<usize>> = vec![None; edges.len()];
    for start in 0..edges.len() {
        let mut path = vec![start];
        while let Some(&node) = path.last() {
            let waiting: Vec<usize> = edges[node]
                .iter()
                .copied()
                .filter(|to| height[*to].is_none())
                .collect();
            if waiting.is_empty() {
                let below = edges[node].iter().filter_map(|to| height[*to]).max();
                height[node] = Some(below.map_or(0, |below| below + 1));
                path.pop();
            } else {
                path.extend(waiting);
            }
        }
    }
    height.into_iter().flatten().collect()
}
