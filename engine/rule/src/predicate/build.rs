//! From fields, tests and expressions to a set: everything that is asked twice is kept once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::cover::Cover;
use super::decide::{Asked, Decider};
use super::expression::Expression;
use super::fold::fold;
use super::likelihood::Likelihoods;
use super::literals;
use super::needles::Rarity;
use super::program::Steps;
use super::set::{
    AnyValue, Nominations, Predicate, PredicateId, PredicateSet, Program, Slot, SlotName,
    SlotSource, View, ViewId,
};
use super::test::{Case, Test, TextKind};
use super::verify::Verifier;

/// Why a set, or a predicate of it, cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A regular expression or a network cannot be read.
    #[error("{text:?} cannot be used: {detail}")]
    Unreadable {
        /// What stands in the rule.
        text: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A view asks what only a look at the values can tell.
    #[error("what selects a view must be settled by a visit")]
    DearView,
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
struct Draft {
    rule: u32,
    view: ViewId,
    expression: Expression,
}

/// Collects predicates and rules.
#[derive(Debug, Default)]
pub struct PredicateSetBuilder {
    slots: HashMap<SlotName, Slot>,
    known: HashMap<(Option<Slot>, Test), PredicateId>,
    predicates: Vec<Predicate>,
    tests: Vec<Test>,
    programs: Vec<Draft>,
    views: Vec<View>,
    known_views: HashMap<String, ViewId>,
    rules: u32,
}

impl PredicateSetBuilder {
    /// The slot of a field.
    pub fn slot(&mut self, field: &str) -> Slot {
        self.slot_of(SlotSource::Field, field)
    }

    /// The slot of an exact path, such as `data.user.name`: members of objects from the top, and no other
    /// layout. It has at most one value, and only values of the kind that a test is about answer it.
    pub fn path(&mut self, path: &str) -> Slot {
        self.slot_of(SlotSource::Path, path)
    }

    /// The slot of what stands in the array at an exact path; each element is a value.
    pub fn elements(&mut self, path: &str) -> Slot {
        self.slot_of(SlotSource::Elements, path)
    }

    /// A slot that the caller fills with [`Record::push_beside`](super::Record::push_beside).
    pub fn pushed(&mut self, name: &str) -> Slot {
        self.slot_of(SlotSource::Pushed, name)
    }

    fn slot_of(&mut self, source: SlotSource, name: &str) -> Slot {
        let fresh = Slot(number(self.slots.len()));
        let name = name.to_owned();
        *self.slots.entry(SlotName { source, name }).or_insert(fresh)
    }

    /// The fields so far, sorted.
    pub(crate) fn fields(&self) -> Vec<String> {
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
    pub fn predicate(&mut self, slot: Option<Slot>, test: Test) -> Result<PredicateId, BuildError> {
        let test = normal(test);
        if let Some(known) = self.known.get(&(slot, test.clone())) {
            return Ok(*known);
        }
        let verifier = Verifier::new(&test).map_err(|detail| BuildError::Unreadable {
            text: readable(&test),
            detail,
        })?;
        let mut guards = Vec::new();
        for guard in self::guards(&test) {
            guards.push(self.predicate(slot, guard)?);
        }
        let id = PredicateId(number(self.predicates.len()));
        self.predicates.push(Predicate {
            slot,
            verifier,
            guards: guards.into(),
            of_view: false,
        });
        self.tests.push(test.clone());
        self.known.insert((slot, test), id);
        Ok(id)
    }

    /// A view: the events for which `expression` holds. The same `name` is the same view.
    ///
    /// # Errors
    /// The expression asks what a visit does not settle.
    pub fn view(&mut self, name: &str, expression: Expression) -> Result<ViewId, BuildError> {
        let fresh = ViewId(number(self.views.len()));
        match self.known_views.entry(name.to_owned()) {
            Entry::Occupied(known) => return Ok(*known.get()),
            Entry::Vacant(entry) => entry.insert(fresh),
        };
        let mut dear = false;
        expression.each(&mut |id| {
            if let Some(predicate) = self.predicates.get_mut(id.0 as usize) {
                predicate.of_view = true;
                dear |= match predicate.verifier {
                    Verifier::Given => false,
                    Verifier::Visited => predicate.slot.is_none(),
                    _ => true,
                };
            }
        });
        if dear {
            return Err(BuildError::DearView);
        }
        self.views.push(View {
            expression,
            programs: Vec::new(),
        });
        Ok(fresh)
    }

    /// The view of the same events, but with `now` in the place of the predicate `before`.
    ///
    /// # Errors
    /// See [`PredicateSetBuilder::view`].
    pub(crate) fn view_with(
        &mut self,
        view: ViewId,
        before: PredicateId,
        now: PredicateId,
    ) -> Result<ViewId, BuildError> {
        let same = |(_, known): &(&String, &ViewId)| **known == view;
        let name = self.known_views.iter().find(same);
        let name = name.map_or(String::new(), |(name, _)| name.clone());
        let whole = self.views.get(view.0 as usize);
        let whole = whole.map_or(Expression::Never, |view| view.expression.clone());
        self.view(&format!("{name}, {now:?}"), whole.replaced(before, now))
    }

    /// The programs of a rule so far.
    pub(crate) fn programs_of(&self, rule: u32) -> Vec<(ViewId, Expression)> {
        let of = self.programs.iter().filter(|program| program.rule == rule);
        of.map(|program| (program.view, program.expression.clone()))
            .collect()
    }

    /// A rule, which holds when one of its programs holds for an event of that program's view. Its number:
    /// rules are numbered from 0.
    pub fn rule(&mut self, programs: impl IntoIterator<Item = (ViewId, Expression)>) -> u32 {
        let rule = self.rules;
        self.rules += 1;
        for (view, expression) in programs {
            self.programs.push(Draft {
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
    /// The texts asked of all fields are too many.
    pub fn build(mut self) -> Result<PredicateSet, BuildError> {
        let (programs, steps, nominations) = self.plan();
        let rarity = self.rarity()?;
        let mut asked: Vec<Asked> = self.slots.iter().map(|_| Asked::default()).collect();
        let mut asked_of_any = Asked::default();
        let mut view_slots = vec![false; self.slots.len()];
        let mut any_value = false;
        for (id, (predicate, test)) in (0..).zip(self.predicates.iter().zip(&self.tests)) {
            let of_slot = match predicate.slot {
                Some(slot) => {
                    if let Some(of_view) = view_slots.get_mut(slot.0 as usize) {
                        *of_view |= predicate.of_view;
                    }
                    asked.get_mut(slot.0 as usize)
                }
                None if matches!(predicate.verifier, Verifier::Given) => None,
                None => {
                    any_value = true;
                    Some(&mut asked_of_any)
                }
            };
            if let Some(of_slot) = of_slot {
                ask(of_slot, test.clone(), PredicateId(id));
            }
        }
        let mut slots: Vec<(SlotName, Slot)> = self.slots.into_iter().collect();
        slots.sort_unstable_by_key(|(_, slot)| *slot);
        let deciders = asked.into_iter().map(|asked| Decider::new(asked, &rarity));
        Ok(PredicateSet {
            slots: slots.into_iter().map(|(name, _)| name).collect(),
            deciders: deciders.collect(),
            any_value: any_value.then(|| AnyValue::new(asked_of_any, rarity)),
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
    fn rarity(&self) -> Result<Rarity, BuildError> {
        let mut rarity = Rarity::default();
        let mut bytes = 0;
        for test in &self.tests {
            if let Test::Text { literal, .. } = test {
                rarity.count(literal.as_bytes());
                bytes += literal.len();
            }
        }
        if u32::try_from(bytes).is_err() {
            return Err(BuildError::TooMany { bytes });
        }
        Ok(rarity)
    }

    /// Turns programs into steps, the likeliest to decide first, and finds for each the best cover, which
    /// nominates it.
    fn plan(&mut self) -> (Vec<Program>, Steps, Nominations) {
        let drafts = std::mem::take(&mut self.programs);
        let likelihoods = Likelihoods::new(&self.tests, drafts.iter().map(|one| &one.expression));
        let is_dear = |id: PredicateId| {
            let test = self.tests.get(id.0 as usize);
            test.is_none_or(|test| !test.is_settled_by_a_visit())
        };
        let mut steps = Steps::default();
        let mut programs = Vec::with_capacity(drafts.len());
        let mut nominated = vec![Vec::new(); self.predicates.len()];
        for (id, draft) in (0..).zip(drafts) {
            let Draft {
                rule,
                view,
                expression,
            } = draft;
            let written = expression.clone();
            let expression = expression.simplified(&likelihoods);
            let cover = Cover::of(
                &expression,
                &|predicate| self.visited(predicate),
                &|predicate| likelihoods.weight(predicate),
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
            expression.each(&mut |predicate| predicates.push(predicate));
            predicates.sort_unstable();
            predicates.dedup();
            programs.push(Program {
                rule,
                first: steps.add(&expression, &is_dear),
                predicates: predicates.into(),
                open: cover.is_none(),
                expression: written,
            });
        }
        (programs, steps, Nominations::new(&nominated))
    }

    /// Predicates that visits settle, of which one holds whenever `predicate` does.
    fn visited(&self, predicate: PredicateId) -> Option<Vec<PredicateId>> {
        let test = self.tests.get(predicate.0 as usize)?;
        if test.is_settled_by_a_visit() {
            return Some(vec![predicate]);
        }
        let guards = &self.predicates.get(predicate.0 as usize)?.guards;
        if guards.is_empty() {
            return None;
        }
        let mut visited = Vec::new();
        for guard in guards {
            visited.extend(self.visited(*guard)?);
        }
        Some(visited)
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("rules of four thousand million parts do not fit into memory")
}

/// The same test, as it is interned.
fn normal(test: Test) -> Test {
    match test {
        Test::Text {
            kind,
            literal,
            case: Case::Ignored,
        } => Test::Text {
            kind,
            literal: fold(&literal),
            case: Case::Ignored,
        },
        Test::Pattern {
            glob,
            case: Case::Ignored,
        } => Test::Pattern {
            glob: glob.folded(),
            case: Case::Ignored,
        },
        test => test,
    }
}

/// Tests that visits settle, of which one holds whenever this one does; none if there are no such tests.
fn guards(test: &Test) -> Vec<Test> {
    let anywhere = |literal: &str| Test::Text {
        kind: TextKind::Anywhere,
        literal: literal.to_owned(),
        case: Case::Ignored,
    };
    match test {
        Test::Text {
            kind,
            literal,
            case: Case::Kept,
        } => vec![Test::Text {
            kind: *kind,
            literal: literal.clone(),
            case: Case::Ignored,
        }],
        Test::Pattern { glob, .. } => {
            vec![glob.required().map_or(Test::Valued, anywhere)]
        }
        Test::Regex(pattern) => match literals::of_regex(pattern) {
            Some(texts) => texts.iter().map(|text| anywhere(text)).collect(),
            None => vec![Test::Valued],
        },
        Test::Network(_) | Test::Time(..) | Test::Typed(_) | Test::Field { .. } => {
            vec![Test::Valued]
        }
        Test::Text {
            case: Case::Ignored,
            ..
        }
        | Test::Present
        | Test::Valued
        | Test::Number(..)
        | Test::Shape(_)
        | Test::Given(_)
        | Test::Null => Vec::new(),
    }
}

fn readable(test: &Test) -> String {
    match test {
        Test::Regex(text) | Test::Network(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

fn ask(asked: &mut Asked, test: Test, id: PredicateId) {
    match test {
        Test::Text {
            kind,
            literal,
            case: Case::Ignored,
        } => asked.texts.push((kind, literal, id)),
        Test::Number(comparison, bound) => asked.numbers.push((comparison, bound, id)),
        Test::Shape(shape) => asked.shapes.push((shape, id)),
        Test::Present => asked.present = Some(id),
        Test::Valued => asked.valued = Some(id),
        _ => {}
    }
}
