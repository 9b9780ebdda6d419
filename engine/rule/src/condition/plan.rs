//! A condition with its programs: what is matched, and what people are shown of it.
//!
//! Owns how parts combine: when a part is reached, and so when its script must run. Single
//! questions are lowered in `lowering`.
//! Invariant: where `script` holds the script decides, errors included; where it does not, `holds`
//! is what the script would have answered.

use larum_predicate::{BoolExpression, BuildError, PredicateSetBuilder};
use rhai::Position;

use super::lowering::{ConditionLowering, LoweredCondition, negate_expression};
use super::question::{PlacedQuestion, RuleCondition};

/// A condition as it is decided.
#[derive(Debug, Clone)]
pub(crate) struct ConditionPlan {
    /// What decides it.
    pub(crate) lowered: LoweredCondition,
    /// What it is made of.
    pub(crate) root: PlanPart,
}

/// A part of a condition.
#[derive(Debug, Clone)]
pub(crate) struct PlanPart {
    pub(crate) kind: PlanPartKind,
    pub(crate) place: Position,
    pub(crate) parts: Vec<PlanPart>,
}

/// What a part is.
#[derive(Debug, Clone)]
pub(crate) enum PlanPartKind {
    Constant(bool),
    All,
    Any,
    Not,
    /// The second if the first holds, else the third.
    Choice,
    /// The last counts.
    After,
    Question {
        text: String,
        /// The fields that it is about.
        fields: Vec<String>,
        lowered: LoweredCondition,
    },
    Script,
}

impl ConditionPlan {
    /// The plan of a condition.
    pub(crate) fn build(
        condition: &RuleCondition,
        predicates: &mut PredicateSetBuilder,
    ) -> Result<Self, BuildError> {
        let mut lower = ConditionLowering { predicates };
        let (lowered, root) = lower.lower_condition(condition)?;
        Ok(Self { lowered, root })
    }
}

/// A condition that was lowered, with what its list needs to know of it.
struct LoweredPart {
    lowered: LoweredCondition,
    has_script: bool,
    is_total: bool,
}

impl ConditionLowering<'_> {
    fn lower_condition(
        &mut self,
        condition: &RuleCondition,
    ) -> Result<(LoweredCondition, PlanPart), BuildError> {
        match condition {
            RuleCondition::Constant(holds) => {
                let expression = if *holds {
                    BoolExpression::Always
                } else {
                    BoolExpression::Never
                };
                Ok((
                    without_script(expression),
                    leaf_part(PlanPartKind::Constant(*holds), Position::NONE),
                ))
            }
            RuleCondition::Script { place, .. } => {
                let lowered = LoweredCondition {
                    holds: BoolExpression::Never,
                    script: BoolExpression::Always,
                };
                Ok((lowered, leaf_part(PlanPartKind::Script, *place)))
            }
            RuleCondition::Question(asked) => {
                let lowered = self.lower_question(&asked.question)?;
                let part = question_part(asked, &lowered);
                Ok((lowered, part))
            }
            RuleCondition::Not(inner) => {
                let (lowered, part) = self.lower_condition(inner)?;
                let lowered = LoweredCondition {
                    holds: negate_expression(lowered.holds),
                    script: lowered.script,
                };
                Ok((lowered, group_part(PlanPartKind::Not, vec![part])))
            }
            RuleCondition::All(parts) => {
                let (links, parts) = self.lower_list(parts)?;
                // A link is reached only if all links before it hold, so only then does its
                // script matter.
                let script = combine_script_needs(&links, |link| link.lowered.holds.clone());
                let each = links.into_iter().map(|link| link.lowered.holds);
                let holds = BoolExpression::All(each.collect());
                Ok((
                    LoweredCondition { holds, script },
                    group_part(PlanPartKind::All, parts),
                ))
            }
            RuleCondition::Any(parts) => {
                let (links, parts) = self.lower_list(parts)?;
                let script = combine_script_needs(&links, |link| {
                    negate_expression(link.lowered.holds.clone())
                });
                let each = links.into_iter().map(|link| link.lowered.holds);
                let holds = BoolExpression::Any(each.collect());
                Ok((
                    LoweredCondition { holds, script },
                    group_part(PlanPartKind::Any, parts),
                ))
            }
            RuleCondition::Choice(parts) => self.lower_choice(parts.as_ref()),
            RuleCondition::After(before, last) => self.lower_after(before, last),
        }
    }

    fn lower_list(
        &mut self,
        conditions: &[RuleCondition],
    ) -> Result<(Vec<LoweredPart>, Vec<PlanPart>), BuildError> {
        let mut links = Vec::with_capacity(conditions.len());
        let mut parts = Vec::with_capacity(conditions.len());
        for condition in conditions {
            let (lowered, part) = self.lower_condition(condition)?;
            links.push(LoweredPart {
                lowered,
                has_script: condition.has_script(),
                is_total: condition.is_total(),
            });
            parts.push(part);
        }
        Ok((links, parts))
    }

    fn lower_choice(
        &mut self,
        parts: &[RuleCondition; 3],
    ) -> Result<(LoweredCondition, PlanPart), BuildError> {
        let [condition, then, other] = parts;
        let has_script = [then.has_script(), other.has_script()];
        let (decider, first) = self.lower_condition(condition)?;
        let (then, second) = self.lower_condition(then)?;
        let (other, third) = self.lower_condition(other)?;
        let holds = decider.holds;
        let otherwise = negate_expression(holds.clone());
        // The decider's script first: which branch is reached is only known if it is not needed.
        let mut script = vec![decider.script];
        for ((reached, way), has_script) in [(&holds, &then), (&otherwise, &other)]
            .into_iter()
            .zip(has_script)
        {
            // A branch with a script may fail, so it is asked only where it is reached. Odd shapes
            // of values are rare enough to be asked for anyway.
            script.push(if has_script {
                BoolExpression::All(vec![reached.clone(), way.script.clone()])
            } else {
                way.script.clone()
            });
        }
        let holds = match (then.holds, other.holds) {
            (BoolExpression::Never, other) => BoolExpression::All(vec![otherwise, other]),
            (BoolExpression::Always, other) => BoolExpression::Any(vec![holds, other]),
            (then, BoolExpression::Never) => BoolExpression::All(vec![holds, then]),
            (then, BoolExpression::Always) => BoolExpression::Any(vec![otherwise, then]),
            (then, other) => BoolExpression::Any(vec![
                BoolExpression::All(vec![holds, then]),
                BoolExpression::All(vec![otherwise, other]),
            ]),
        };
        let script = BoolExpression::Any(script);
        let parts = vec![first, second, third];
        Ok((
            LoweredCondition { holds, script },
            group_part(PlanPartKind::Choice, parts),
        ))
    }

    fn lower_after(
        &mut self,
        before: &[RuleCondition],
        last: &RuleCondition,
    ) -> Result<(LoweredCondition, PlanPart), BuildError> {
        let mut script = Vec::with_capacity(before.len() + 1);
        let mut parts = Vec::with_capacity(before.len() + 1);
        for condition in before {
            let (lowered, part) = self.lower_condition(condition)?;
            parts.push(part);
            // What cannot fail matters only where its value is asked, and there the script is.
            if !matches!(condition, RuleCondition::Script { is_total: true, .. }) {
                script.push(lowered.script);
            }
        }
        let (lowered, part) = self.lower_condition(last)?;
        parts.push(part);
        script.push(lowered.script);
        let lowered = LoweredCondition {
            holds: lowered.holds,
            script: BoolExpression::Any(script),
        };
        Ok((lowered, group_part(PlanPartKind::After, parts)))
    }
}

/// When the script must be asked for a list: when one of its parts must, and the parts that decide
/// whether it is reached let it be. `passes` is when a part lets the next one be reached.
///
/// What only odd shapes of values need is asked for whether or not it is reached: that is rare, and
/// then the script is right.
fn combine_script_needs(
    links: &[LoweredPart],
    passes: impl Fn(&LoweredPart) -> BoolExpression,
) -> BoolExpression {
    let mut any = Vec::new();
    for (at, link) in links.iter().enumerate() {
        if !link.has_script {
            any.push(link.lowered.script.clone());
            continue;
        }
        let mut all: Vec<BoolExpression> = links.iter().take(at).map(&passes).collect();
        // What comes behind it decides as well, as far as nothing on the way can fail.
        if link.is_total {
            let behind = links.iter().skip(at + 1);
            let unseen = behind.take_while(|link| link.is_total || !link.has_script);
            all.extend(unseen.filter(|link| !link.has_script).map(&passes));
        }
        all.push(link.lowered.script.clone());
        any.push(BoolExpression::All(all));
    }
    BoolExpression::Any(any)
}

fn without_script(holds: BoolExpression) -> LoweredCondition {
    LoweredCondition {
        holds,
        script: BoolExpression::Never,
    }
}

/// A question as a part that people are shown.
fn question_part(asked: &PlacedQuestion, lowered: &LoweredCondition) -> PlanPart {
    let question = &asked.question;
    let fields = [question.field()].into_iter().chain(question.other_field());
    let kind = PlanPartKind::Question {
        text: question.to_string(),
        fields: fields.map(|field| field.name().to_owned()).collect(),
        lowered: lowered.clone(),
    };
    leaf_part(kind, asked.place)
}

fn leaf_part(kind: PlanPartKind, place: Position) -> PlanPart {
    PlanPart {
        kind,
        place,
        parts: Vec::new(),
    }
}

fn group_part(kind: PlanPartKind, parts: Vec<PlanPart>) -> PlanPart {
    let place = parts.first().map_or(Position::NONE, |part| part.place);
    PlanPart { kind, place, parts }
}
