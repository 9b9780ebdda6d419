//! Decides one event after another: visits, nominations, programs.
//!
//! One per thread. Bits are undone by the list of those that were set, so an event costs what it hits.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::bits::Bits;
use super::decide::Decider;
use super::fold::FoldedTexts;
use super::program::Step;
use super::record::{Entry, Record};
use super::set::{PredicateId, PredicateSet, ProgramId};
use super::verify::Verifier;

/// Most combinations of view predicates that are remembered; beyond it, they are found anew.
const REMEMBERED_COMBINATIONS: usize = 4_096;

/// Most deciders of any value; beyond it, one decides all of it.
const MOST_ANY_DECIDERS: usize = 64;

/// What a combination of views needs.
#[derive(Debug)]
struct Active {
    /// The view predicates that held, ascending.
    combination: Vec<u32>,
    /// Views, by number.
    views: Vec<bool>,
    /// Slots that a program of these views asks of.
    slots: Vec<bool>,
    /// What programs of these views ask of any value.
    any_value: AnyAsked,
    /// Programs that nothing nominates.
    open: Vec<ProgramId>,
}

/// Which predicates of any value can matter.
#[derive(Debug, Clone)]
enum AnyAsked {
    None,
    Some(Rc<Decider>),
    All,
}

/// What matching has cost so far, for measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
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
    hits: Bits,
    settled: Bits,
    nominated: Bits,
    remembered: HashMap<Vec<u32>, Rc<Active>, FixedState>,
    /// Deciders of any value, by the predicates they decide.
    any_deciders: HashMap<Vec<PredicateId>, Rc<Decider>>,
    combination: Vec<u32>,
    /// The combination of the event before, which the next often has too.
    last: Option<Rc<Active>>,
    folded: FoldedTexts,
    scratch: String,
    work: Work,
}

impl PredicateMatcher {
    /// A matcher over a set.
    pub fn new(set: Arc<PredicateSet>) -> Self {
        Self {
            hits: Bits::new(set.predicates.len()),
            settled: Bits::new(set.predicates.len()),
            nominated: Bits::new(set.programs.len()),
            remembered: HashMap::default(),
            any_deciders: HashMap::new(),
            combination: Vec::new(),
            last: None,
            folded: FoldedTexts::default(),
            scratch: String::new(),
            work: Work::default(),
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
        self.folded.fold(record.all_bytes());
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
        match &active.any_value {
            AnyAsked::None => {}
            AnyAsked::Some(decider) => self.visit_any(decider, record),
            AnyAsked::All => self.visit_all(&set, record),
        }
        self.nominate(&set, &active);
        self.work.events += 1;
        self.work.hits += self.hits.set.len() as u64;
        self.work.candidates += self.nominated.set.len() as u64;
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
            Some((None, _)) => self.visit_all(&set, record),
            Some((slot, _)) => {
                for entry in record.entries().iter().filter(|entry| entry.slot == slot) {
                    self.visit(&set, record, entry);
                }
            }
        }
        self.hits.has(predicate.0) || self.settle(&set, record, predicate)
    }

    /// What matching has cost since the last [`PredicateMatcher::forget_work`].
    pub fn work(&self) -> Work {
        self.work
    }

    /// Begins to count anew.
    pub fn forget_work(&mut self) {
        self.work = Work::default();
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
            let value = self.folded.at(entry.place());
            self.work.bytes += value.text.len() as u64;
            decider.visit(record, entry, value, |hit| self.hits.insert(hit.0));
        }
    }

    fn visit_all(&mut self, set: &PredicateSet, record: &Record) {
        if let Some(any_value) = &set.any_value {
            self.visit_any(&any_value.decider, record);
        }
    }

    fn visit_any(&mut self, decider: &Decider, record: &Record) {
        self.work.bytes += self.folded.all().len() as u64;
        let all = decider.is_worth_visits(self.folded.all());
        if !all && self.folded.is_ascii() {
            return;
        }
        for entry in record.entries().iter().filter(|entry| entry.first) {
            let value = self.folded.at(entry.place());
            // Other characters were not folded when all texts were looked at together.
            if all || !value.is_ascii && decider.is_worth_visits(value.text) {
                decider.visit(record, entry, value, |hit| self.hits.insert(hit.0));
            }
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
        if let Some(last) = &self.last
            && last.combination == self.combination
        {
            return Rc::clone(last);
        }
        let active = match self.remembered.get(&self.combination) {
            Some(known) => Rc::clone(known),
            None => self.activate(set),
        };
        self.last = Some(Rc::clone(&active));
        active
    }

    fn activate(&mut self, set: &PredicateSet) -> Rc<Active> {
        let hits = &self.hits;
        let mut active = Active::new(set, |predicate| hits.has(predicate.0));
        active.combination.clone_from(&self.combination);
        active.any_value = self.any_asked(set, &active);
        let active = Rc::new(active);
        if self.remembered.len() >= REMEMBERED_COMBINATIONS {
            self.remembered.clear();
        }
        self.remembered
            .insert(self.combination.clone(), Rc::clone(&active));
        active
    }

    /// What programs of the active views ask of any value, with what guards it.
    fn any_asked(&mut self, set: &PredicateSet, active: &Active) -> AnyAsked {
        let Some(any_value) = &set.any_value else {
            return AnyAsked::None;
        };
        let mut wanted = Vec::new();
        for id in active.programs(set) {
            let predicates = set.program(id).map(|program| &*program.predicates);
            for id in predicates.unwrap_or_default() {
                let Some(predicate) = set.predicate(*id).filter(|one| one.is_of_any_value()) else {
                    continue;
                };
                wanted.push(*id);
                wanted.extend_from_slice(&predicate.guards);
            }
        }
        wanted.sort_unstable();
        wanted.dedup();
        if wanted.is_empty() {
            return AnyAsked::None;
        }
        if let Some(known) = self.any_deciders.get(&wanted) {
            return AnyAsked::Some(Rc::clone(known));
        }
        if self.any_deciders.len() >= MOST_ANY_DECIDERS {
            return AnyAsked::All;
        }
        let asked = any_value.asked.only(|id| wanted.binary_search(&id).is_ok());
        let decider = Rc::new(Decider::new(asked, &any_value.rarity));
        self.any_deciders.insert(wanted, Rc::clone(&decider));
        AnyAsked::Some(decider)
    }

    fn nominate(&mut self, set: &PredicateSet, active: &Active) {
        for hit in &self.hits.set {
            for (program, view) in set.nominations.of(*hit) {
                if active.views.get(view.0 as usize) == Some(&true) {
                    self.nominated.insert(*program);
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
            let is = |step: &Step| {
                self.hits.has(step.predicate.0)
                    || step.dear && self.settle(set, record, step.predicate)
            };
            if set.steps.hold(program.first, is) {
                out.push(program.rule);
            }
        }
        self.nominated.set = nominated;
    }

    /// The bit of a predicate that is not set: settled now, if no visit did.
    #[inline(never)]
    fn settle(&mut self, set: &PredicateSet, record: &Record, id: PredicateId) -> bool {
        let Some(predicate) = set.predicate(id) else {
            return false;
        };
        let is_final = matches!(predicate.verifier, Verifier::Visited | Verifier::Given);
        if is_final || self.settled.has(id.0) {
            return false;
        }
        self.settled.insert(id.0);
        let guards = &predicate.guards;
        let worth_asking = guards.is_empty() || guards.iter().any(|guard| self.hits.has(guard.0));
        self.work.verified += u64::from(worth_asking);
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

impl Active {
    fn new(set: &PredicateSet, mut is: impl FnMut(PredicateId) -> bool) -> Self {
        let mut active = Self {
            combination: Vec::new(),
            views: Vec::with_capacity(set.views.len()),
            slots: vec![false; set.deciders.len()],
            any_value: AnyAsked::None,
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
                for id in &program.predicates {
                    let slot = set.predicate(*id).and_then(|predicate| predicate.slot);
                    let slot = slot.and_then(|slot| active.slots.get_mut(slot.0 as usize));
                    if let Some(asked) = slot {
                        *asked = true;
                    }
                }
            }
        }
        active
    }

    /// Programs of the views.
    fn programs<'s>(&self, set: &'s PredicateSet) -> impl Iterator<Item = ProgramId> + use<'_, 's> {
        let views = set.views.iter().zip(&self.views);
        let held = views.filter(|(_, holds)| **holds);
        held.flat_map(|(view, _)| view.programs.iter().copied())
    }
}
