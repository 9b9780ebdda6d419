//! What a rule asks of an event's fields, and where: material for checks against the catalogue.
//!
//! Owns reading such uses from chains and calls. Which variables hold an event is known to
//! `scopes`.
//! Invariant: a path that is computed in part is reported up to that part only, so no check is made
//! of a guess.

use rhai::{Expr, FnCallExpr, Position};

use super::chain::ChainLink;
use super::closure::RuleLiteral;
use super::walk::ScriptCall;

/// Something a rule asks of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldUsage {
    /// Its path, such as `data.outcome`.
    pub(crate) path: String,
    pub(crate) kind: FieldUsageKind,
    /// Where the caret goes.
    pub(crate) place: Position,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum FieldUsageKind {
    /// The value, or whether there is one.
    Value,
    /// Whether it equals a literal, or does not.
    Equal(RuleLiteral),
    /// Whether it is less or greater than a literal.
    Ordered(RuleLiteral),
    /// Something of a text, by the function of that name.
    Text(String),
    /// Its value as a member of the group key.
    Key,
    /// What a node of a tree keeps of it, not the event's own.
    Kept,
}

/// The operators that ask for order.
const ORDER_OPERATORS: [&str; 4] = ["<", "<=", ">", ">="];

/// A path below an event, as a chain names it; `None` where a part of it is computed.
pub(super) fn chain_path(links: &[ChainLink<'_>]) -> Option<(String, Position, usize)> {
    let mut path = String::new();
    let mut place = Position::NONE;
    let mut taken = 0;
    for link in links {
        let (name, at) = match link {
            ChainLink::Property(name, at) => (*name, *at),
            ChainLink::Index(Expr::StringConstant(name, at)) => (name.as_str(), *at),
            ChainLink::Index(_) | ChainLink::Method(..) => break,
        };
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
        place = at;
        taken += 1;
    }
    (!path.is_empty()).then_some((path, place, taken))
}

/// What a chain below an event asks; `links` begin after the event.
pub(super) fn chain_usages(links: &[ChainLink<'_>]) -> Vec<FieldUsage> {
    if let [ChainLink::Method(call, _), ..] = links {
        let asked = match (call.name.as_str(), call.args.as_slice()) {
            ("has", [Expr::StringConstant(path, place)]) => Some((path.to_string(), *place)),
            _ => None,
        };
        let value = asked.map(|(path, place)| FieldUsage {
            path,
            kind: FieldUsageKind::Value,
            place,
        });
        return value.into_iter().collect();
    }
    let Some((path, place, taken)) = chain_path(links) else {
        return Vec::new();
    };
    let mut uses = vec![FieldUsage {
        path: path.clone(),
        kind: FieldUsageKind::Value,
        place,
    }];
    if let Some(ChainLink::Method(call, place)) = links.get(taken) {
        uses.push(FieldUsage {
            path,
            kind: FieldUsageKind::Text(call.name.to_string()),
            place: *place,
        });
    }
    uses
}

/// What a call asks of the fields among its arguments; `field` tells which of them are some,
/// `literal` what the others say.
pub(super) fn call_usages(
    call: ScriptCall<'_>,
    field: impl Fn(&Expr) -> Option<String>,
    literal: impl Fn(&Expr) -> Option<(RuleLiteral, Position)>,
) -> Vec<FieldUsage> {
    let name = call.call.name.as_str();
    let [left, right] = call.call.args.as_slice() else {
        return Vec::new();
    };
    let compared = |make: fn(RuleLiteral) -> FieldUsageKind| {
        let sides = [(left, right), (right, left)];
        let uses = sides.into_iter().filter_map(|(one, other)| {
            let path = field(one)?;
            let (value, place) = literal(other)?;
            let asked = make(value);
            Some(FieldUsage {
                path,
                kind: asked,
                place,
            })
        });
        uses.collect()
    };
    match name {
        "==" | "!=" => compared(FieldUsageKind::Equal),
        name if ORDER_OPERATORS.contains(&name) => compared(FieldUsageKind::Ordered),
        // `x in list` is `contains(list, x)`.
        "contains" => match (field(left), field(right)) {
            (Some(path), _) => vec![text_usage(path, call)],
            (None, Some(path)) => list_members(call.call, &literal)
                .into_iter()
                .map(|(value, place)| FieldUsage {
                    path: path.clone(),
                    kind: FieldUsageKind::Equal(value),
                    place,
                })
                .collect(),
            (None, None) => Vec::new(),
        },
        _ if call.call.op_token.is_none() && !call.is_method => field(left)
            .map(|path| text_usage(path, call))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn text_usage(path: String, call: ScriptCall<'_>) -> FieldUsage {
    FieldUsage {
        path,
        kind: FieldUsageKind::Text(call.call.name.to_string()),
        place: call.place,
    }
}

/// The members of the list that a value is looked for in.
fn list_members(
    call: &FnCallExpr,
    literal: impl Fn(&Expr) -> Option<(RuleLiteral, Position)>,
) -> Vec<(RuleLiteral, Position)> {
    let Some(list) = call.args.first() else {
        return Vec::new();
    };
    if let Expr::Array(elements, _) = list {
        return elements.iter().filter_map(literal).collect();
    }
    match literal(list) {
        Some((RuleLiteral::Array(elements), place)) => {
            elements.into_iter().map(|value| (value, place)).collect()
        }
        _ => Vec::new(),
    }
}

/// A literal as an expression says it; `variable` knows the values of constants.
pub(super) fn read_literal(
    expr: &Expr,
    variable: impl Fn(&str) -> Option<RuleLiteral>,
) -> Option<(RuleLiteral, Position)> {
    let literal = match expr {
        Expr::BoolConstant(value, _) => RuleLiteral::Bool(*value),
        Expr::IntegerConstant(value, _) => RuleLiteral::Int(*value),
        Expr::FloatConstant(value, _) => RuleLiteral::Float(**value),
        Expr::StringConstant(text, _) => RuleLiteral::Str(text.as_str().into()),
        Expr::CharConstant(value, _) => RuleLiteral::Char(*value),
        Expr::Unit(_) => RuleLiteral::Unit,
        Expr::FnCall(call, _) if call.op_token.is_some() && call.name == "-" => {
            let [only] = call.args.as_slice() else {
                return None;
            };
            match read_literal(only, variable)?.0 {
                RuleLiteral::Int(value) => RuleLiteral::Int(value.checked_neg()?),
                RuleLiteral::Float(value) => RuleLiteral::Float(-value),
                _ => return None,
            }
        }
        Expr::Variable(names, ..) if names.2.is_empty() => variable(names.1.as_str())?,
        _ => return None,
    };
    Some((literal, expr.position()))
}
