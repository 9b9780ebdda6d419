//! Decides one event after another, by visits, nominations and programs. There is one matcher per
//! thread.
//!
//! Owns the answers for the current event, and a cache for combinations of views. The predicates
//! are in the shared set, which never changes.
//! Invariant: before an event is visited, every bit of the previous one is cleared. Bits are
//! cleared by a list of those that were set, so the cost of an event depends on what it hits.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::FixedState;

use crate::bit_set::BitSet;
use crate::decider::SlotDecider;
use crate::fold::FoldBuffer;
use crate::ids::{PredicateId, ProgramId};
use crate::program::ProgramStep;
use crate::record::{FlatRecord, RecordEntry};
use crate::set::PredicateSet;
use crate::verifier::TestVerifier;

/// Most combinations of view predicates that are remembered; beyond it, all are forgotten.
const MAX_COMBINATIONS: usize = 4_096;

/// Most deciders of any value; beyond it, one decider handles all predicates.
const MAX_ANY_DECIDERS: usize = 64;

/// What a combination of views needs.
#[derive(Debug)]
struct ActiveViews {
    /// The view predicates that held, ascending.
    combination: Vec<u32>,
    /// Views, by number.
    views: Vec<bool>,
    /// Slots that programs of these views read.
    slots: Vec<bool>,
    /// What programs of these views test of any value.
    any_value: AnyValueScope,
    /// Programs that nothing nominates.
    open: Vec<ProgramId>,
}

/// Which predicates of any value can matter.
#[derive(Debug, Clone)]
enum AnyValueScope {
    None,
    Some(Rc<SlotDecider>),
    All,
}

/// What matching has cost so far, for measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MatchCost {
    /// Events that were matched.
    pub events: u64,
    /// Programs that were nominated.
    pub candidates: u64,
    /// Predicates that a visit found to hold.
    pub hits: u64,
    /// Bytes of values that were visited.
    pub bytes: u64,
    /// Predicates that were settled because a program asked.
    pub verified: u64,
}

/// Decides which rules events satisfy.
#[derive(Debug)]
pub struct PredicateMatcher {
    set: Arc<PredicateSet>,
    hits: BitSet,
    verified: BitSet,
    nominated: BitSet,
    view_cache: HashMap<Vec<u32>, Rc<ActiveViews>, FixedState>,
    /// Deciders of any value, by the predicates they decide.
    any_deciders: HashMap<Vec<PredicateId>, Rc<SlotDecider>>,
    combination: Vec<u32>,
    /// The combination of the previous event, which the next one often has too.
    last_views: Option<Rc<ActiveViews>>,
    folded: FoldBuffer,
    scratch: String,
    cost: MatchCost,
}

impl PredicateMatcher {
    /// A matcher for a set.
    pub fn new(set: Arc<PredicateSet>) -> Self {
        Self {
            hits: BitSet::new(set.predicates.len()),
            verified: BitSet::new(set.predicates.len()),
            nominated: BitSet::new(set.programs.len()),
            view_cache: HashMap::default(),
            any_deciders: HashMap::new(),
            combination: Vec::new(),
            last_views: None,
            folded: FoldBuffer::default(),
            scratch: String::new(),
            cost: MatchCost::default(),
            set,
        }
    }

    /// Replaces `out` with the numbers of the rules that match the record, ascending.
    pub fn match_record(&mut self, record: &FlatRecord, out: &mut Vec<u32>) {
        self.match_record_given(record, &[], out);
    }

    /// As [`PredicateMatcher::match_record`], where the predicates in `given` hold of the event;
    /// those of [`FieldTest::Given`](crate::FieldTest::Given) hold in no other way.
    pub fn match_record_given(
        &mut self,
        record: &FlatRecord,
        given: &[PredicateId],
        out: &mut Vec<u32>,
    ) {
        out.clear();
        // Clear the previous event before anything of this one is decided: a leftover bit is a
        // false match.
        self.reset_bits();
        self.folded.fold_all(record.all_bytes());
        given.iter().for_each(|given| self.hits.insert(given.0));
        let set = Arc::clone(&self.set);
        let of_view = |entry: &RecordEntry| {
            entry
                .slot
                .is_some_and(|slot| set.view_slots.get(slot.0 as usize) == Some(&true))
        };
        // Views first: the views that hold decide which other slots matter.
        for entry in record.entries().iter().filter(|entry| of_view(entry)) {
            self.visit_entry(&set, record, entry);
        }
        let active = self.find_active_views(&set);
        for entry in record.entries().iter().filter(|entry| !of_view(entry)) {
            let asked = entry
                .slot
                .and_then(|slot| active.slots.get(slot.0 as usize));
            if asked == Some(&true) {
                self.visit_entry(&set, record, entry);
            }
        }
        match &active.any_value {
            AnyValueScope::None => {}
            AnyValueScope::Some(decider) => self.visit_values(decider, record),
            AnyValueScope::All => self.visit_any_value(&set, record),
        }
        // Nominate after all visits and before any program runs: what a program verifies sets more
        // bits, and those nominate nothing.
        self.nominate_programs(&set, &active);
        self.cost.events += 1;
        self.cost.hits += self.hits.ones.len() as u64;
        self.cost.candidates += self.nominated.ones.len() as u64;
        self.evaluate_programs(&set, record, out);
        // A rule may have a program for each of several views that hold.
        out.sort_unstable();
        out.dedup();
    }

    /// Whether a predicate holds for the record that was matched last; the bit that its rules saw.
    pub fn predicate_holds(&mut self, record: &FlatRecord, predicate: PredicateId) -> bool {
        let set = Arc::clone(&self.set);
        // No active rule may have asked of its slot. Visiting twice sets the same bits.
        match set
            .predicate(predicate)
            .map(|one| (one.slot, &one.verifier))
        {
            None | Some((None, TestVerifier::Given)) => {}
            Some((None, _)) => self.visit_any_value(&set, record),
            Some((slot, _)) => {
                for entry in record.entries().iter().filter(|entry| entry.slot == slot) {
                    self.visit_entry(&set, record, entry);
                }
            }
        }
        self.hits.contains(predicate.0) || self.verify_predicate(&set, record, predicate)
    }

    /// What matching has cost since the last [`PredicateMatcher::reset_cost`].
    pub fn match_cost(&self) -> MatchCost {
        self.cost
    }

    /// Starts counting from zero again.
    pub fn reset_cost(&mut self) {
        self.cost = MatchCost::default();
    }

    fn reset_bits(&mut self) {
        self.hits.clear();
        self.verified.clear();
        self.nominated.clear();
    }

    fn visit_entry(&mut self, set: &PredicateSet, record: &FlatRecord, entry: &RecordEntry) {
        let decider = entry
            .slot
            .and_then(|slot| set.deciders.get(slot.0 as usize));
        if let Some(decider) = decider {
            let value = self.folded.text_at(entry.text_range());
            self.cost.bytes += value.text.len() as u64;
            decider.visit(record, entry, value, |hit| self.hits.insert(hit.0));
        }
    }

    fn visit_any_value(&mut self, set: &PredicateSet, record: &FlatRecord) {
        if let Some(any_value) = &set.any_value {
            self.visit_values(&any_value.decider, record);
        }
    }

    fn visit_values(&mut self, decider: &SlotDecider, record: &FlatRecord) {
        self.cost.bytes += self.folded.all_bytes().len() as u64;
        let all = decider.may_hit(self.folded.all_bytes());
        if !all && self.folded.is_ascii() {
            return;
        }
        for entry in record.entries().iter().filter(|entry| entry.first) {
            let value = self.folded.text_at(entry.text_range());
            // Other characters were not folded when all texts were searched together.
            if all || !value.is_ascii && decider.may_hit(value.text) {
                decider.visit(record, entry, value, |hit| self.hits.insert(hit.0));
            }
        }
    }

    /// The views of the event, found by the view predicates that hold.
    fn find_active_views(&mut self, set: &PredicateSet) -> Rc<ActiveViews> {
        let of_view = |hit: &u32| {
            set.predicate(PredicateId(*hit))
                .is_some_and(|one| one.used_by_view)
        };
        self.combination.clear();
        self.combination
            .extend(self.hits.ones.iter().copied().filter(of_view));
        self.combination.sort_unstable();
        if let Some(last) = &self.last_views
            && last.combination == self.combination
        {
            return Rc::clone(last);
        }
        let active = match self.view_cache.get(&self.combination) {
            Some(known) => Rc::clone(known),
            None => self.build_active_views(set),
        };
        self.last_views = Some(Rc::clone(&active));
        active
    }

    fn build_active_views(&mut self, set: &PredicateSet) -> Rc<ActiveViews> {
        let hits = &self.hits;
        let mut active = ActiveViews::new(set, |predicate| hits.contains(predicate.0));
        active.combination.clone_from(&self.combination);
        active.any_value = self.any_value_scope(set, &active);
        let active = Rc::new(active);
        if self.view_cache.len() >= MAX_COMBINATIONS {
            self.view_cache.clear();
        }
        self.view_cache
            .insert(self.combination.clone(), Rc::clone(&active));
        active
    }

    /// What programs of the active views ask of any value, with what guards it.
    fn any_value_scope(&mut self, set: &PredicateSet, active: &ActiveViews) -> AnyValueScope {
        let Some(any_value) = &set.any_value else {
            return AnyValueScope::None;
        };
        let mut wanted = Vec::new();
        for id in active.programs(set) {
            let predicates = set.program(id).map(|program| &*program.predicates);
            for id in predicates.unwrap_or_default() {
                let Some(predicate) = set.predicate(*id).filter(|one| one.is_of_any_value()) else {
                    continue;
                };
                // Without the bits of its guards an expensive predicate is never asked.
                wanted.push(*id);
                wanted.extend_from_slice(&predicate.guards);
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return AnyValueScope::None;
        }
        // Many combinations of views need the same predicates, and a decider is expensive to build.
        if let Some(known) = self.any_deciders.get(&wanted) {
            return AnyValueScope::Some(Rc::clone(known));
        }
        if self.any_deciders.len() >= MAX_ANY_DECIDERS {
            return AnyValueScope::All;
        }
        let tests = any_value
            .tests
            .filter_predicates(|id| wanted.binary_search(&id).is_ok());
        let decider = Rc::new(SlotDecider::new(tests, &any_value.rarity));
        self.any_deciders.insert(wanted, Rc::clone(&decider));
        AnyValueScope::Some(decider)
    }

    fn nominate_programs(&mut self, set: &PredicateSet, active: &ActiveViews) {
        for hit in &self.hits.ones {
            for (program, view) in set.nominations.nominees(*hit) {
                if active.views.get(view.0 as usize) == Some(&true) {
                    self.nominated.insert(*program);
                }
            }
        }
        active.open.iter().for_each(|id| self.nominated.insert(*id));
    }

    fn evaluate_programs(&mut self, set: &PredicateSet, record: &FlatRecord, out: &mut Vec<u32>) {
        let nominated = std::mem::take(&mut self.nominated.ones);
        for id in &nominated {
            let Some(program) = set.program(*id) else {
                continue;
            };
            let is = |step: &ProgramStep| {
                self.hits.contains(step.predicate.0)
                    || step.expensive && self.verify_predicate(set, record, step.predicate)
            };
            if set.steps.evaluate_from(program.first, is) {
                out.push(program.rule);
            }
        }
        self.nominated.ones = nominated;
    }

    /// The bit of a predicate that is not set: settled now, if no visit did.
    #[inline(never)]
    fn verify_predicate(
        &mut self,
        set: &PredicateSet,
        record: &FlatRecord,
        id: PredicateId,
    ) -> bool {
        let Some(predicate) = set.predicate(id) else {
            return false;
        };
        let is_final = matches!(
            predicate.verifier,
            TestVerifier::Visited | TestVerifier::Given
        );
        if is_final || self.verified.contains(id.0) {
            return false;
        }
        // Set before the predicate is tested, whatever the result: a "no" is settled too.
        self.verified.insert(id.0);
        let guards = &predicate.guards;
        // If no guard holds, the predicate cannot.
        let worth_asking =
            guards.is_empty() || guards.iter().any(|guard| self.hits.contains(guard.0));
        self.cost.verified += u64::from(worth_asking);
        let holds = worth_asking
            && predicate
                .verifier
                .holds(predicate.slot, record, &mut self.scratch);
        if holds {
            self.hits.insert(id.0);
        }
        holds
    }
}

impl ActiveViews {
    fn new(set: &PredicateSet, mut is: impl FnMut(PredicateId) -> bool) -> Self {
        let mut active = Self {
            combination: Vec::new(),
            views: Vec::with_capacity(set.views.len()),
            slots: vec![false; set.deciders.len()],
            any_value: AnyValueScope::None,
            open: Vec::new(),
        };
        for view in &set.views {
            let holds = view.expression.holds(&mut is);
            // Also for one that does not hold, because a view's number is its place in the list.
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
                for id in &program.predicates {
                    let slot = set.predicate(*id).and_then(|predicate| predicate.slot);
                    let is_asked = slot.and_then(|slot| active.slots.get_mut(slot.0 as usize));
                    if let Some(is_asked) = is_asked {
                        *is_asked = true;
                    }
                }
            }
        }
        active
    }

    /// Programs of the views.
    fn programs<'s>(&self, set: &'s PredicateSet) -> impl Iterator<Item = ProgramId> + use<'_, 's> {
        let views = set.views.iter().zip(&self.views);
        let active = views.filter(|(_, holds)| **holds);
        active.flat_map(|(view, _)| view.programs.iter().copied())
    }
}
