//! Decides one event after another: visits, nominations, programs.
//!
//! One per thread. Bits are undone by the list of those that were set, so an event costs what it hits.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::fold::fold_into;
use super::record::{Entry, Record};
use super::set::{PredicateId, PredicateSet, ProgramId};
use super::verify::Verifier;

/// Most combinations of view predicates that are remembered; beyond it, they are found anew.
const REMEMBERED_COMBINATIONS: usize = 4_096;

/// Bits that know which of them are set.
#[derive(Debug, Default)]
struct Bits {
    words: Vec<u64>,
    set: Vec<u32>,
}

impl Bits {
    fn new(count: usize) -> Self {
        Self {
            words: vec![0; count.div_ceil(64)],
            set: Vec::new(),
        }
    }

    fn has(&self, bit: u32) -> bool {
        let word = self
            .words
            .get(bit as usize / 64)
            .copied()
            .unwrap_or_default();
        word >> (bit % 64) & 1 == 1
    }

    fn insert(&mut self, bit: u32) {
        if let Some(word) = self.words.get_mut(bit as usize / 64) {
            let mask = 1 << (bit % 64);
            if *word & mask == 0 {
                *word |= mask;
                self.set.push(bit);
            }
        }
    }

    fn clear(&mut self) {
        for bit in self.set.drain(..) {
            if let Some(word) = self.words.get_mut(bit as usize / 64) {
                *word = 0;
            }
        }
    }
}

/// What a combination of views needs.
#[derive(Debug)]
struct Active {
    /// Views, by number.
    views: Vec<bool>,
    /// Slots that a program of these views asks of.
    slots: Vec<bool>,
    /// A program of these views asks of any value.
    any_value: bool,
    /// Programs that nothing nominates.
    open: Vec<ProgramId>,
}

/// Decides which rules events satisfy.
#[derive(Debug)]
pub struct PredicateMatcher {
    set: Arc<PredicateSet>,
    hits: Bits,
    settled: Bits,
    nominated: Bits,
    remembered: HashMap<Vec<u32>, Rc<Active>>,
    combination: Vec<u32>,
    folded: String,
}

impl PredicateMatcher {
    /// A matcher over a set.
    pub fn new(set: Arc<PredicateSet>) -> Self {
        Self {
            hits: Bits::new(set.predicates.len()),
            settled: Bits::new(set.predicates.len()),
            nominated: Bits::new(set.programs.len()),
            remembered: HashMap::new(),
            combination: Vec::new(),
            folded: String::new(),
            set,
        }
    }

    /// Replaces `out` by the numbers of the rules that hold for the record, ascending.
    pub fn matches(&mut self, record: &Record, out: &mut Vec<u32>) {
        self.matches_given(record, &[], out);
    }

    /// As [`PredicateMatcher::matches`], where the predicates in `given` hold of the event; those of
    /// [`Test::Given`](super::Test::Given) hold in no other way.
    pub fn matches_given(&mut self, record: &Record, given: &[PredicateId], out: &mut Vec<u32>) {
        out.clear();
        self.forget();
        given.iter().for_each(|given| self.hits.insert(given.0));
        let set = Arc::clone(&self.set);
        let of_view = |entry: &Entry| {
            entry
                .slot
                .is_some_and(|slot| set.view_slots.get(slot.0 as usize) == Some(&true))
        };
        for entry in record.entries().iter().filter(|entry| of_view(entry)) {
            self.visit(&set, record, entry);
        }
        let active = self.active(&set);
        for entry in record.entries().iter().filter(|entry| !of_view(entry)) {
            let asked = entry
                .slot
                .and_then(|slot| active.slots.get(slot.0 as usize));
            if asked == Some(&true) {
                self.visit(&set, record, entry);
            }
        }
        if active.any_value {
            self.visit_any(&set, record);
        }
        self.nominate(&set, &active);
        self.evaluate(&set, record, out);
        out.sort_unstable();
        out.dedup();
    }

    /// Whether a predicate holds for the record that was matched last; the bit that its rules saw.
    pub fn held(&mut self, record: &Record, predicate: PredicateId) -> bool {
        let set = Arc::clone(&self.set);
        // No active rule may have asked of its slot. Visiting twice sets the same bits.
        match set
            .predicate(predicate)
            .map(|one| (one.slot, &one.verifier))
        {
            None | Some((None, Verifier::Given)) => {}
            Some((None, _)) => self.visit_any(&set, record),
            Some((slot, _)) => {
                for entry in record.entries().iter().filter(|entry| entry.slot == slot) {
                    self.visit(&set, record, entry);
                }
            }
        }
        self.is(&set, record, predicate)
    }

    fn forget(&mut self) {
        self.hits.clear();
        self.settled.clear();
        self.nominated.clear();
    }

    fn visit(&mut self, set: &PredicateSet, record: &Record, entry: &Entry) {
        let decider = entry
            .slot
            .and_then(|slot| set.deciders.get(slot.0 as usize));
        if let Some(decider) = decider {
            fold_into(record.text(entry), &mut self.folded);
            decider.visit(entry.kind, &self.folded, |hit| self.hits.insert(hit.0));
        }
    }

    fn visit_any(&mut self, set: &PredicateSet, record: &Record) {
        let Some(decider) = &set.any_value else {
            return;
        };
        for entry in record.entries().iter().filter(|entry| entry.first) {
            fold_into(record.text(entry), &mut self.folded);
            decider.visit(entry.kind, &self.folded, |hit| self.hits.insert(hit.0));
        }
    }

    /// The views of the event, found by the view predicates that hold.
    fn active(&mut self, set: &PredicateSet) -> Rc<Active> {
        let of_view = |hit: &u32| {
            set.predicate(PredicateId(*hit))
                .is_some_and(|one| one.of_view)
        };
        self.combination.clear();
        self.combination
            .extend(self.hits.set.iter().copied().filter(of_view));
        self.combination.sort_unstable();
        if let Some(known) = self.remembered.get(&self.combination) {
            return Rc::clone(known);
        }
        let hits = &self.hits;
        let active = Rc::new(Active::new(set, |predicate| hits.has(predicate.0)));
        if self.remembered.len() >= REMEMBERED_COMBINATIONS {
            self.remembered.clear();
        }
        self.remembered
            .insert(self.combination.clone(), Rc::clone(&active));
        active
    }

    fn nominate(&mut self, set: &PredicateSet, active: &Active) {
        for hit in &self.hits.set {
            let Some(predicate) = set.predicate(PredicateId(*hit)) else {
                continue;
            };
            for id in &predicate.nominates {
                let view = set.program(*id).map(|program| program.view.0 as usize);
                if view.and_then(|view| active.views.get(view)) == Some(&true) {
                    self.nominated.insert(*id);
                }
            }
        }
        active.open.iter().for_each(|id| self.nominated.insert(*id));
    }

    fn evaluate(&mut self, set: &PredicateSet, record: &Record, out: &mut Vec<u32>) {
        let nominated = std::mem::take(&mut self.nominated.set);
        for id in &nominated {
            let Some(program) = set.program(*id) else {
                continue;
            };
            if program
                .expression
                .holds(&mut |predicate| self.is(set, record, predicate))
            {
                out.push(program.rule);
            }
        }
        self.nominated.set = nominated;
    }

    /// The bit of a predicate, settled now if a visit did not.
    fn is(&mut self, set: &PredicateSet, record: &Record, id: PredicateId) -> bool {
        if self.hits.has(id.0) {
            return true;
        }
        let Some(predicate) = set.predicate(id) else {
            return false;
        };
        let is_final = matches!(predicate.verifier, Verifier::Visited | Verifier::Given);
        if is_final || self.settled.has(id.0) {
            return false;
        }
        self.settled.insert(id.0);
        let worth_asking = predicate.guard.is_none_or(|guard| self.hits.has(guard.0));
        let holds = worth_asking
            && predicate
                .verifier
                .holds(predicate.slot, record, &mut self.folded);
        if holds {
            self.hits.insert(id.0);
        }
        holds
    }
}

impl Active {
    fn new(set: &PredicateSet, mut is: impl FnMut(PredicateId) -> bool) -> Self {
        let mut active = Self {
            views: Vec::with_capacity(set.views.len()),
            slots: vec![false; set.deciders.len()],
            any_value: false,
            open: Vec::new(),
        };
        for view in &set.views {
            let holds = view.expression.holds(&mut is);
            active.views.push(holds);
            if !holds {
                continue;
            }
            for id in &view.programs {
                let Some(program) = set.program(*id) else {
                    continue;
                };
                if program.open {
                    active.open.push(*id);
                }
                program.expression.each(&mut |id| {
                    let Some(predicate) = set.predicate(id) else {
                        return;
                    };
                    match predicate.slot {
                        None if matches!(predicate.verifier, Verifier::Given) => {}
                        None => active.any_value = true,
                        Some(slot) => {
                            if let Some(asked) = active.slots.get_mut(slot.0 as usize) {
                                *asked = true;
                            }
                        }
                    }
                });
            }
        }
        active
    }
}
