//! From fields, tests and expressions to a set: everything that is asked twice is kept once.
//!
//! Owns interning, the guards of expensive tests, and which predicates nominate a program; how a
//! visit decides is left to the deciders that it builds.
//! Invariant: whenever a program holds, one of the predicates that nominate it holds, or it is
//! open. Otherwise a rule would silently miss events.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use larum_event::value::{CaseSensitivity, fold_case};

use crate::cover::PredicateCover;
use crate::decider::SlotDecider;
use crate::expression::BoolExpression;
use crate::field_test::FieldTest;
use crate::ids::{PredicateId, SlotId, SlotName, SlotSource, ViewId};
use crate::likelihood::PredicateLikelihoods;
use crate::literals;
use crate::program::ProgramSteps;
use crate::set::{
    AnyValueDecider, NominationIndex, Predicate, PredicateProgram, PredicateSet, PredicateView,
};
use crate::slot_tests::SlotTests;
use crate::substrings::GramRarity;
use crate::text_anchor::TextAnchor;
use crate::verifier::TestVerifier;

/// Why a set, or a predicate of it, cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A regular expression or a network cannot be read.
    #[error("{text:?} cannot be used: {detail}")]
    Unreadable {
        /// The text in the rule.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A view asks what only a look at the values can tell.
    #[error("what selects a view must be settled by a visit")]
    ExpensiveView,
    /// There are more texts than a set can hold.
    #[error(
        "the texts of all rules are {bytes} bytes together, more than {} bytes",
        u32::MAX
    )]
    TooMany {
        /// How many bytes they are.
        bytes: usize,
    },
}

/// A program before its steps are known.
#[derive(Debug)]
struct ProgramDraft {
    rule: u32,
    view: ViewId,
    expression: BoolExpression,
}

/// Collects predicates and rules.
#[derive(Debug, Default)]
pub struct PredicateSetBuilder {
    slots: HashMap<SlotName, SlotId>,
    predicate_ids: HashMap<(Option<SlotId>, FieldTest), PredicateId>,
    predicates: Vec<Predicate>,
    tests: Vec<FieldTest>,
    programs: Vec<ProgramDraft>,
    views: Vec<PredicateView>,
    view_ids: HashMap<String, ViewId>,
    rules: u32,
}

impl PredicateSetBuilder {
    /// The slot of a field.
    pub fn field_slot(&mut self, field: &str) -> SlotId {
        self.intern_slot(SlotSource::Field, field)
    }

    /// The slot of an exact path, such as `data.user.name`: members of objects from the top, and no
    /// other layout. It has at most one value, and only values of the kind that a test is about
    /// answer it.
    pub fn path_slot(&mut self, path: &str) -> SlotId {
        self.intern_slot(SlotSource::Path, path)
    }

    /// The slot of the elements of the array at an exact path; each is a value.
    pub fn element_slot(&mut self, path: &str) -> SlotId {
        self.intern_slot(SlotSource::Elements, path)
    }

    /// A slot that the caller fills with
    /// [`FlatRecord::push_external`](crate::FlatRecord::push_external).
    pub fn pushed_slot(&mut self, name: &str) -> SlotId {
        self.intern_slot(SlotSource::Pushed, name)
    }

    fn intern_slot(&mut self, source: SlotSource, name: &str) -> SlotId {
        let fresh = SlotId(to_index(self.slots.len()));
        let name = name.to_owned();
        *self.slots.entry(SlotName { source, name }).or_insert(fresh)
    }

    /// The fields so far, sorted.
    pub fn field_names(&self) -> Vec<String> {
        let known = self.slots.keys();
        let named = known.filter(|known| known.source == SlotSource::Field);
        let mut fields: Vec<String> = named.map(|known| known.name.clone()).collect();
        fields.sort_unstable();
        fields
    }

    /// The predicate that asks `test` of a slot, or of any value of the event.
    ///
    /// # Errors
    /// A regular expression or a network cannot be read.
    pub fn add_predicate(
        &mut self,
        slot: Option<SlotId>,
        test: FieldTest,
    ) -> Result<PredicateId, BuildError> {
        let test = normalize_test(test);
        if let Some(known) = self.predicate_ids.get(&(slot, test.clone())) {
            return Ok(*known);
        }
        let verifier = TestVerifier::new(&test).map_err(|detail| BuildError::Unreadable {
            text: test_text(&test),
            detail,
        })?;
        let mut guards = Vec::new();
        for guard in self::guard_tests(&test) {
            guards.push(self.add_predicate(slot, guard)?);
        }
        let id = PredicateId(to_index(self.predicates.len()));
        self.predicates.push(Predicate {
            slot,
            verifier,
            guards: guards.into(),
            used_by_view: false,
        });
        self.tests.push(test.clone());
        self.predicate_ids.insert((slot, test), id);
        Ok(id)
    }

    /// A view: the events for which `expression` holds. The same `name` is the same view.
    ///
    /// # Errors
    /// The expression asks what a visit does not settle.
    pub fn add_view(
        &mut self,
        name: &str,
        expression: BoolExpression,
    ) -> Result<ViewId, BuildError> {
        let fresh = ViewId(to_index(self.views.len()));
        match self.view_ids.entry(name.to_owned()) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(entry) => entry.insert(fresh),
        };
        // A view is decided before any slot but those of views is visited, so it may ask only what
        // a visit to one slot settles.
        let mut is_expensive = false;
        expression.for_each_predicate(&mut |id| {
            if let Some(predicate) = self.predicates.get_mut(id.0 as usize) {
                predicate.used_by_view = true;
                is_expensive |= match predicate.verifier {
                    TestVerifier::Given => false,
                    TestVerifier::Visited => predicate.slot.is_none(),
                    _ => true,
                };
            }
        });
        if is_expensive {
            return Err(BuildError::ExpensiveView);
        }
        self.views.push(PredicateView {
            expression,
            programs: Vec::new(),
        });
        Ok(fresh)
    }

    /// The view of the same events, but with `now` in the place of the predicate `before`.
    ///
    /// # Errors
    /// See [`PredicateSetBuilder::add_view`].
    pub fn add_view_replacing(
        &mut self,
        view: ViewId,
        before: PredicateId,
        now: PredicateId,
    ) -> Result<ViewId, BuildError> {
        let same = |(_, known): &(&String, &ViewId)| **known == view;
        let known = self.view_ids.iter().find(same);
        let name = known.map_or(String::new(), |(name, _)| name.clone());
        let view = self.views.get(view.0 as usize);
        let whole = view.map_or(BoolExpression::Never, |view| view.expression.clone());
        self.add_view(
            &format!("{name}, {now:?}"),
            whole.replace_predicate(before, now),
        )
    }

    /// The programs of a rule so far.
    pub fn rule_programs(&self, rule: u32) -> Vec<(ViewId, BoolExpression)> {
        let of = self.programs.iter().filter(|program| program.rule == rule);
        of.map(|program| (program.view, program.expression.clone()))
            .collect()
    }

    /// A rule, which holds when one of its programs holds for an event of that program's view. Its
    /// number: rules are numbered from 0.
    pub fn add_rule(
        &mut self,
        programs: impl IntoIterator<Item = (ViewId, BoolExpression)>,
    ) -> u32 {
        let rule = self.rules;
        self.rules += 1;
        for (view, expression) in programs {
            self.programs.push(ProgramDraft {
                rule,
                view,
                expression,
            });
        }
        rule
    }

    /// The finished set.
    ///
    /// # Errors
    /// The texts of all tests are too long together.
    pub fn build(mut self) -> Result<PredicateSet, BuildError> {
        let (programs, steps, nominations) = self.compile_programs();
        // Rarity is counted over the texts of all slots before any decider is built: each chooses
        // the grams that it looks for by it.
        let rarity = self.count_grams()?;
        let mut asked: Vec<SlotTests> = self.slots.iter().map(|_| SlotTests::default()).collect();
        let mut asked_of_any = SlotTests::default();
        let mut view_slots = vec![false; self.slots.len()];
        let mut any_value = false;
        for (id, (predicate, test)) in (0..).zip(self.predicates.iter().zip(&self.tests)) {
            let of_slot = match predicate.slot {
                Some(slot) => {
                    if let Some(of_view) = view_slots.get_mut(slot.0 as usize) {
                        *of_view |= predicate.used_by_view;
                    }
                    asked.get_mut(slot.0 as usize)
                }
                // The caller settles it, so no value of the event is looked at for it.
                None if matches!(predicate.verifier, TestVerifier::Given) => None,
                None => {
                    any_value = true;
                    Some(&mut asked_of_any)
                }
            };
            if let Some(of_slot) = of_slot {
                of_slot.add(test.clone(), PredicateId(id));
            }
        }
        // A slot's number is its place in the list; the map gave no order.
        let mut slots: Vec<(SlotName, SlotId)> = self.slots.into_iter().collect();
        slots.sort_unstable_by_key(|(_, slot)| *slot);
        let deciders = asked
            .into_iter()
            .map(|asked| SlotDecider::new(asked, &rarity));
        Ok(PredicateSet {
            slots: slots.into_iter().map(|(name, _)| name).collect(),
            deciders: deciders.collect(),
            any_value: any_value.then(|| AnyValueDecider::new(asked_of_any, rarity)),
            predicates: self.predicates,
            programs,
            steps,
            nominations,
            views: self.views,
            tests: self.tests,
            view_slots,
        })
    }

    /// What is rare in the texts of all rules.
    fn count_grams(&self) -> Result<GramRarity, BuildError> {
        let mut rarity = GramRarity::default();
        let mut bytes = 0;
        for test in &self.tests {
            if let FieldTest::Text { literal, .. } = test {
                rarity.count_text(literal.as_bytes());
                bytes += literal.len();
            }
        }
        if u32::try_from(bytes).is_err() {
            return Err(BuildError::TooMany { bytes });
        }
        Ok(rarity)
    }

    /// Turns programs into steps, the likeliest to decide first, and finds for each the best cover,
    /// which nominates it.
    fn compile_programs(&mut self) -> (Vec<PredicateProgram>, ProgramSteps, NominationIndex) {
        let drafts = std::mem::take(&mut self.programs);
        let likelihoods =
            PredicateLikelihoods::new(&self.tests, drafts.iter().map(|one| &one.expression));
        let is_expensive = |id: PredicateId| {
            let test = self.tests.get(id.0 as usize);
            test.is_none_or(|test| !test.is_decided_by_visit())
        };
        let mut steps = ProgramSteps::default();
        let mut programs = Vec::with_capacity(drafts.len());
        let mut nominated = vec![Vec::new(); self.predicates.len()];
        for (id, draft) in (0..).zip(drafts) {
            let ProgramDraft {
                rule,
                view,
                expression,
            } = draft;
            // People see what was written; what is evaluated is simplified first, since a cover of
            // a program with constants inside could be larger than it must be, or missing.
            let written = expression.clone();
            let simple = expression.simplify(&likelihoods);
            let cover = PredicateCover::find_best(
                &simple,
                &|predicate| self.visited_guards(predicate),
                &|predicate| likelihoods.hit_weight(predicate),
            );
            for predicate in cover.iter().flat_map(|cover| &cover.predicates) {
                if let Some(nominated) = nominated.get_mut(predicate.0 as usize) {
                    nominated.push((id, view));
                }
            }
            if let Some(view) = self.views.get_mut(view.0 as usize) {
                view.programs.push(id);
            }
            let mut predicates = Vec::new();
            simple.for_each_predicate(&mut |predicate| predicates.push(predicate));
            predicates.sort_unstable();
            predicates.dedup();
            programs.push(PredicateProgram {
                rule,
                first: steps.add_program(&simple, &is_expensive),
                predicates: predicates.into(),
                open: cover.is_none(),
                expression: written,
            });
        }
        (programs, steps, NominationIndex::new(&nominated))
    }

    /// Predicates that visits settle, of which one holds whenever `predicate` does.
    fn visited_guards(&self, predicate: PredicateId) -> Option<Vec<PredicateId>> {
        let test = self.tests.get(predicate.0 as usize)?;
        if test.is_decided_by_visit() {
            return Some(vec![predicate]);
        }
        let guards = &self.predicates.get(predicate.0 as usize)?.guards;
        if guards.is_empty() {
            return None;
        }
        let mut visited = Vec::new();
        for guard in guards {
            visited.extend(self.visited_guards(*guard)?);
        }
        Some(visited)
    }
}

fn to_index(count: usize) -> u32 {
    u32::try_from(count).expect("rules of four thousand million parts do not fit into memory")
}

/// The same test, as it is interned.
fn normalize_test(test: FieldTest) -> FieldTest {
    match test {
        FieldTest::Text {
            kind,
            literal,
            case: CaseSensitivity::Insensitive,
        } => FieldTest::Text {
            kind,
            literal: fold_case(&literal).into_owned(),
            case: CaseSensitivity::Insensitive,
        },
        FieldTest::Pattern {
            glob,
            case: CaseSensitivity::Insensitive,
        } => FieldTest::Pattern {
            glob: glob.normalize(CaseSensitivity::Insensitive),
            case: CaseSensitivity::Insensitive,
        },
        test => test,
    }
}

/// Tests that visits settle, of which one holds whenever this one does; none if there are no such
/// tests.
fn guard_tests(test: &FieldTest) -> Vec<FieldTest> {
    let anywhere = |literal: &str| FieldTest::Text {
        kind: TextAnchor::Anywhere,
        literal: literal.to_owned(),
        case: CaseSensitivity::Insensitive,
    };
    match test {
        FieldTest::Text {
            kind,
            literal,
            case: CaseSensitivity::Sensitive,
        } => vec![FieldTest::Text {
            kind: *kind,
            literal: literal.clone(),
            case: CaseSensitivity::Insensitive,
        }],
        // Whatever the pattern matches contains its literals; the longest is the rarest.
        FieldTest::Pattern { glob, .. } => {
            vec![
                glob.literals()
                    .max_by_key(|text| text.len())
                    .map_or(FieldTest::HasValue, anywhere),
            ]
        }
        // One of several texts: the expression may choose between them.
        FieldTest::Regex(pattern) => match literals::regex_literals(pattern) {
            Some(texts) => texts.iter().map(|text| anywhere(text)).collect(),
            None => vec![FieldTest::HasValue],
        },
        FieldTest::Network(_)
        | FieldTest::Time(..)
        | FieldTest::Typed(_)
        | FieldTest::Field { .. } => {
            vec![FieldTest::HasValue]
        }
        FieldTest::Text {
            case: CaseSensitivity::Insensitive,
            ..
        }
        | FieldTest::Present
        | FieldTest::HasValue
        | FieldTest::Number(..)
        | FieldTest::Shape(_)
        | FieldTest::Given(_)
        | FieldTest::Null => Vec::new(),
    }
}

fn test_text(test: &FieldTest) -> String {
    match test {
        FieldTest::Regex(text) | FieldTest::Network(text) => text.clone(),
        other => format!("{other:?}"),
    }
}
