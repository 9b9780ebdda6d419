//! A condition with its programs: what is matched, and what is shown of it.

use rhai::Position;

use super::lower::{Lower, Lowered, opposite};
use super::question::Condition;
use crate::predicate::{BuildError, Expression, PredicateSetBuilder};

/// A condition as it is decided.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What decides it.
    pub(crate) lowered: Lowered,
    /// What it is made of.
    pub(crate) root: Part,
}

/// A part of a condition.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) kind: PartKind,
    pub(crate) place: Position,
    pub(crate) parts: Vec<Part>,
}

/// What a part is.
#[derive(Debug, Clone)]
pub(crate) enum PartKind {
    Constant(bool),
    All,
    Any,
    Not,
    /// The second if the first holds, else the third.
    Choice,
    /// The last counts.
    After,
    Ask {
        text: String,
        /// The fields that it is about.
        fields: Vec<String>,
        lowered: Lowered,
    },
    Script,
}

impl Plan {
    /// The plan of a condition.
    pub(crate) fn of(
        condition: &Condition,
        predicates: &mut PredicateSetBuilder,
    ) -> Result<Self, BuildError> {
        let mut lower = Lower { predicates };
        let (lowered, root) = lower.condition(condition)?;
        Ok(Self { lowered, root })
    }
}

/// A condition that was lowered, with what its list needs to know of it.
struct Link {
    lowered: Lowered,
    has_script: bool,
    is_total: bool,
}

impl Lower<'_> {
    fn condition(&mut self, condition: &Condition) -> Result<(Lowered, Part), BuildError> {
        match condition {
            Condition::Constant(holds) => {
                let expression = if *holds {
                    Expression::Always
                } else {
                    Expression::Never
                };
                Ok((
                    certain(expression),
                    leaf(PartKind::Constant(*holds), Position::NONE),
                ))
            }
            Condition::Script { place, .. } => {
                let lowered = Lowered {
                    holds: Expression::Never,
                    script: Expression::Always,
                };
                Ok((lowered, leaf(PartKind::Script, *place)))
            }
            Condition::Ask(asked) => {
                let lowered = self.question(&asked.question)?;
                let question = &asked.question;
                let mut fields = vec![question.field()];
                fields.extend(question.other());
                let fields = fields.into_iter();
                let kind = PartKind::Ask {
                    text: question.to_string(),
                    fields: fields.map(|field| field.name().to_owned()).collect(),
                    lowered: lowered.clone(),
                };
                Ok((lowered, leaf(kind, asked.place)))
            }
            Condition::Not(inner) => {
                let (lowered, part) = self.condition(inner)?;
                let lowered = Lowered {
                    holds: opposite(lowered.holds),
                    script: lowered.script,
                };
                Ok((lowered, joint(PartKind::Not, vec![part])))
            }
            Condition::All(parts) => {
                let (links, parts) = self.list(parts)?;
                let script = when_reached(&links, |link| link.lowered.holds.clone());
                let holds = links.into_iter().map(|link| link.lowered.holds).collect();
                let holds = Expression::All(holds);
                Ok((Lowered { holds, script }, joint(PartKind::All, parts)))
            }
            Condition::Any(parts) => {
                let (links, parts) = self.list(parts)?;
                let script = when_reached(&links, |link| opposite(link.lowered.holds.clone()));
                let holds = links.into_iter().map(|link| link.lowered.holds).collect();
                let holds = Expression::Any(holds);
                Ok((Lowered { holds, script }, joint(PartKind::Any, parts)))
            }
            Condition::Choice(parts) => self.choice(parts.as_ref()),
            Condition::After(before, last) => self.after(before, last),
        }
    }

    fn list(&mut self, conditions: &[Condition]) -> Result<(Vec<Link>, Vec<Part>), BuildError> {
        let mut links = Vec::with_capacity(conditions.len());
        let mut parts = Vec::with_capacity(conditions.len());
        for condition in conditions {
            let (lowered, part) = self.condition(condition)?;
            links.push(Link {
                lowered,
                has_script: condition.has_script(),
                is_total: condition.is_total(),
            });
            parts.push(part);
        }
        Ok((links, parts))
    }

    fn choice(&mut self, parts: &[Condition; 3]) -> Result<(Lowered, Part), BuildError> {
        let [condition, then, other] = parts;
        let has_script = [then.has_script(), other.has_script()];
        let (decider, first) = self.condition(condition)?;
        let (then, second) = self.condition(then)?;
        let (other, third) = self.condition(other)?;
        let holds = decider.holds;
        let otherwise = opposite(holds.clone());
        let mut script = vec![decider.script];
        for ((reached, way), has_script) in [(&holds, &then), (&otherwise, &other)]
            .into_iter()
            .zip(has_script)
        {
            script.push(if has_script {
                Expression::All(vec![reached.clone(), way.script.clone()])
            } else {
                way.script.clone()
            });
        }
        let holds = match (then.holds, other.holds) {
            (Expression::Never, other) => Expression::All(vec![otherwise, other]),
            (Expression::Always, other) => Expression::Any(vec![holds, other]),
            (then, Expression::Never) => Expression::All(vec![holds, then]),
            (then, Expression::Always) => Expression::Any(vec![otherwise, then]),
            (then, other) => Expression::Any(vec![
                Expression::All(vec![holds, then]),
                Expression::All(vec![otherwise, other]),
            ]),
        };
        let script = Expression::Any(script);
        let parts = vec![first, second, third];
        Ok((Lowered { holds, script }, joint(PartKind::Choice, parts)))
    }

    fn after(
        &mut self,
        before: &[Condition],
        last: &Condition,
    ) -> Result<(Lowered, Part), BuildError> {
        let mut script = Vec::with_capacity(before.len() + 1);
        let mut parts = Vec::with_capacity(before.len() + 1);
        for condition in before {
            let (lowered, part) = self.condition(condition)?;
            parts.push(part);
            // What cannot fail matters only where its value is asked, and there the script is.
            if !matches!(condition, Condition::Script { is_total: true, .. }) {
                script.push(lowered.script);
            }
        }
        let (lowered, part) = self.condition(last)?;
        parts.push(part);
        script.push(lowered.script);
        let lowered = Lowered {
            holds: lowered.holds,
            script: Expression::Any(script),
        };
        Ok((lowered, joint(PartKind::After, parts)))
    }
}

/// When the script must be asked for a list: when one of its parts must, and the parts that decide whether
/// it is reached let it be. `passes` is when a part lets the next one be reached.
///
/// What only odd shapes of values need is asked for whether or not it is reached: that is rare, and then the
/// script is right.
fn when_reached(links: &[Link], passes: impl Fn(&Link) -> Expression) -> Expression {
    let mut any = Vec::new();
    for (at, link) in links.iter().enumerate() {
        if !link.has_script {
            any.push(link.lowered.script.clone());
            continue;
        }
        let mut all: Vec<Expression> = links.iter().take(at).map(&passes).collect();
        // What stands behind it decides as well, as far as nothing on the way can fail.
        if link.is_total {
            let behind = links.iter().skip(at + 1);
            let unseen = behind.take_while(|link| link.is_total || !link.has_script);
            all.extend(unseen.filter(|link| !link.has_script).map(&passes));
        }
        all.push(link.lowered.script.clone());
        any.push(Expression::All(all));
    }
    Expression::Any(any)
}

fn certain(holds: Expression) -> Lowered {
    Lowered {
        holds,
        script: Expression::Never,
    }
}

fn leaf(kind: PartKind, place: Position) -> Part {
    Part {
        kind,
        place,
        parts: Vec::new(),
    }
}

fn joint(kind: PartKind, parts: Vec<Part>) -> Part {
    let place = parts.first().map_or(Position::NONE, |part| part.place);
    Part { kind, place, parts }
}
