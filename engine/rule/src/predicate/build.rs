//! From fields, tests and expressions to a set: everything that is asked twice is kept once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::cover::Cover;
use super::decide::{Asked, Decider};
use super::expression::Expression;
use super::fold::fold;
use super::set::{Predicate, PredicateId, PredicateSet, Program, Slot, View, ViewId};
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
    /// There are more texts than one automaton can hold.
    #[error("the texts asked of field {field:?} are too many")]
    TooMany {
        /// The field; empty for any value.
        field: String,
        /// What the automaton says.
        #[source]
        source: aho_corasick::BuildError,
    },
}

/// Collects predicates and rules.
#[derive(Debug, Default)]
pub struct PredicateSetBuilder {
    fields: HashMap<String, Slot>,
    known: HashMap<(Option<Slot>, Test), PredicateId>,
    predicates: Vec<Predicate>,
    tests: Vec<Test>,
    programs: Vec<Program>,
    views: Vec<View>,
    known_views: HashMap<String, ViewId>,
    rules: u32,
}

impl PredicateSetBuilder {
    /// The slot of a field.
    pub fn slot(&mut self, field: &str) -> Slot {
        let fresh = Slot(number(self.fields.len()));
        *self.fields.entry(field.to_owned()).or_insert(fresh)
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
        let guard = match guard(&test) {
            Some(guard) => Some(self.predicate(slot, guard)?),
            None => None,
        };
        let id = PredicateId(number(self.predicates.len()));
        self.predicates.push(Predicate {
            slot,
            verifier,
            guard,
            of_view: false,
            nominates: Vec::new(),
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

    /// A rule, which holds when one of its programs holds for an event of that program's view. Its number:
    /// rules are numbered from 0.
    pub fn rule(&mut self, programs: impl IntoIterator<Item = (ViewId, Expression)>) -> u32 {
        let rule = self.rules;
        self.rules += 1;
        for (view, expression) in programs {
            let tests = &self.tests;
            let is_dear = |id: PredicateId| {
                let test = tests.get(id.0 as usize);
                test.is_none_or(|test| !test.is_settled_by_a_visit())
            };
            let expression = expression.simplified(&is_dear);
            self.programs.push(Program {
                rule,
                view,
                expression,
                open: false,
            });
        }
        rule
    }

    /// The finished set.
    ///
    /// # Errors
    /// The texts asked of a field are too many for an automaton.
    pub fn build(mut self) -> Result<PredicateSet, BuildError> {
        self.plan();
        let mut asked: Vec<Asked> = self.fields.iter().map(|_| Asked::default()).collect();
        let mut asked_of_any = Asked::default();
        let mut view_slots = vec![false; self.fields.len()];
        let mut any_value = false;
        for (id, (predicate, test)) in (0..).zip(self.predicates.iter().zip(self.tests)) {
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
                ask(of_slot, test, PredicateId(id));
            }
        }
        let mut fields = vec![String::new(); self.fields.len()];
        for (name, slot) in self.fields {
            if let Some(field) = fields.get_mut(slot.0 as usize) {
                *field = name;
            }
        }
        let too_many = |field: &str| {
            let field = field.to_owned();
            move |source| BuildError::TooMany { field, source }
        };
        let mut deciders = Vec::with_capacity(asked.len());
        for (field, asked) in fields.iter().zip(asked) {
            deciders.push(Decider::new(asked).map_err(too_many(field))?);
        }
        let any_decider = Decider::new(asked_of_any).map_err(too_many(""))?;
        Ok(PredicateSet {
            fields,
            deciders,
            any_value: any_value.then_some(any_decider),
            predicates: self.predicates,
            programs: self.programs,
            views: self.views,
            view_slots,
        })
    }

    /// Lets the best cover of every program nominate it.
    fn plan(&mut self) {
        for (id, program) in (0..).zip(&mut self.programs) {
            if let Some(view) = self.views.get_mut(program.view.0 as usize) {
                view.programs.push(id);
            }
            let visited = |predicate: PredicateId| {
                let mut predicate = predicate;
                loop {
                    let test = self.tests.get(predicate.0 as usize)?;
                    if test.is_settled_by_a_visit() {
                        let of_any = self.predicates.get(predicate.0 as usize)?.slot.is_none();
                        return Some((predicate, rank(test) + u8::from(of_any)));
                    }
                    predicate = self.predicates.get(predicate.0 as usize)?.guard?;
                }
            };
            match Cover::of(&program.expression, &visited) {
                None => program.open = true,
                Some(cover) => {
                    for predicate in cover.predicates {
                        if let Some(predicate) = self.predicates.get_mut(predicate.0 as usize) {
                            predicate.nominates.push(id);
                        }
                    }
                }
            }
        }
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

/// A test that a visit settles and that holds whenever this one does.
fn guard(test: &Test) -> Option<Test> {
    match test {
        Test::Text {
            kind,
            literal,
            case: Case::Kept,
        } => Some(Test::Text {
            kind: *kind,
            literal: literal.clone(),
            case: Case::Ignored,
        }),
        Test::Pattern { glob, .. } => Some(glob.required().map_or(Test::Valued, |literal| {
            let literal = literal.to_owned();
            Test::Text {
                kind: TextKind::Anywhere,
                literal,
                case: Case::Ignored,
            }
        })),
        Test::Regex(_)
        | Test::Network(_)
        | Test::Number(..)
        | Test::Time(..)
        | Test::Field { .. } => Some(Test::Valued),
        Test::Text {
            case: Case::Ignored,
            ..
        }
        | Test::Present
        | Test::Valued
        | Test::Given(_)
        | Test::Null => None,
    }
}

/// How often a test is expected to hold; lower is rarer.
fn rank(test: &Test) -> u8 {
    const LONG: usize = 8;
    match test {
        Test::Text {
            kind: TextKind::Whole,
            ..
        } => 0,
        Test::Text { literal, .. } if literal.len() >= LONG => 2,
        Test::Text { .. } => 4,
        _ => 8,
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
        Test::Present => asked.present = Some(id),
        Test::Valued => asked.valued = Some(id),
        _ => {}
    }
}
