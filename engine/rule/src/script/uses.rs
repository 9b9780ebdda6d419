//! What a rule asks of an event's fields, and where: material for checks against the catalogue.

use rhai::{Expr, FnCallExpr, Position};

use super::chain::Link;
use super::closure::Literal;
use super::walk::Call;

/// Something a rule asks of one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldUse {
    /// Its path, such as `data.outcome`.
    pub(crate) path: String,
    pub(crate) asked: Asked,
    /// What a caret shall point at.
    pub(crate) place: Position,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Asked {
    /// The value, or whether there is one.
    Value,
    /// Whether it equals a literal, or does not.
    Equal(Literal),
    /// How it is ordered beside a literal.
    Ordered(Literal),
    /// Something of a text, by the function of that name.
    Text(String),
    /// Its value as a member of the group key.
    Key,
    /// What a node of a tree keeps of it, not the event's own.
    Kept,
}

/// The operators that ask for order.
const ORDERS: [&str; 4] = ["<", "<=", ">", ">="];

/// A path below an event, as a chain names it; `None` where a part of it is computed.
pub(super) fn path_of(links: &[Link<'_>]) -> Option<(String, Position, usize)> {
    let mut path = String::new();
    let mut place = Position::NONE;
    let mut taken = 0;
    for link in links {
        let (name, at) = match link {
            Link::Property(name, at) => (*name, *at),
            Link::Index(Expr::StringConstant(name, at)) => (name.as_str(), *at),
            Link::Index(_) | Link::Method(..) => break,
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
pub(super) fn of_chain(links: &[Link<'_>]) -> Vec<FieldUse> {
    if let [Link::Method(call, _), ..] = links {
        let asked = match (call.name.as_str(), call.args.as_slice()) {
            ("has", [Expr::StringConstant(path, place)]) => Some((path.to_string(), *place)),
            _ => None,
        };
        let value = asked.map(|(path, place)| FieldUse {
            path,
            asked: Asked::Value,
            place,
        });
        return value.into_iter().collect();
    }
    let Some((path, place, taken)) = path_of(links) else {
        return Vec::new();
    };
    let mut uses = vec![FieldUse {
        path: path.clone(),
        asked: Asked::Value,
        place,
    }];
    if let Some(Link::Method(call, place)) = links.get(taken) {
        uses.push(FieldUse {
            path,
            asked: Asked::Text(call.name.to_string()),
            place: *place,
        });
    }
    uses
}

/// What a call asks of the fields among its arguments; `field` tells which of them are some, `literal`
/// what the others say.
pub(super) fn of_call(
    call: Call<'_>,
    field: impl Fn(&Expr) -> Option<String>,
    literal: impl Fn(&Expr) -> Option<(Literal, Position)>,
) -> Vec<FieldUse> {
    let name = call.call.name.as_str();
    let [left, right] = call.call.args.as_slice() else {
        return Vec::new();
    };
    let compared = |make: fn(Literal) -> Asked| {
        let sides = [(left, right), (right, left)];
        let uses = sides.into_iter().filter_map(|(one, other)| {
            let path = field(one)?;
            let (value, place) = literal(other)?;
            let asked = make(value);
            Some(FieldUse { path, asked, place })
        });
        uses.collect()
    };
    match name {
        "==" | "!=" => compared(Asked::Equal),
        name if ORDERS.contains(&name) => compared(Asked::Ordered),
        // `x in list` is `contains(list, x)`.
        "contains" => match (field(left), field(right)) {
            (Some(path), _) => vec![text(path, call)],
            (None, Some(path)) => members(call.call, &literal)
                .into_iter()
                .map(|(value, place)| FieldUse {
                    path: path.clone(),
                    asked: Asked::Equal(value),
                    place,
                })
                .collect(),
            (None, None) => Vec::new(),
        },
        _ if call.call.op_token.is_none() && !call.method => field(left)
            .map(|path| text(path, call))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn text(path: String, call: Call<'_>) -> FieldUse {
    FieldUse {
        path,
        asked: Asked::Text(call.call.name.to_string()),
        place: call.place,
    }
}

/// The members of the list that a value is looked for in.
fn members(
    call: &FnCallExpr,
    literal: impl Fn(&Expr) -> Option<(Literal, Position)>,
) -> Vec<(Literal, Position)> {
    let Some(list) = call.args.first() else {
        return Vec::new();
    };
    if let Expr::Array(elements, _) = list {
        return elements.iter().filter_map(literal).collect();
    }
    match literal(list) {
        Some((Literal::Array(elements), place)) => {
            elements.into_iter().map(|value| (value, place)).collect()
        }
        _ => Vec::new(),
    }
}

/// A literal as an expression says it; `variable` knows the values of constants.
pub(super) fn literal_of(
    expr: &Expr,
    variable: impl Fn(&str) -> Option<Literal>,
) -> Option<(Literal, Position)> {
    let literal = match expr {
        Expr::BoolConstant(value, _) => Literal::Bool(*value),
        Expr::IntegerConstant(value, _) => Literal::Int(*value),
        Expr::FloatConstant(value, _) => Literal::Float(**value),
        Expr::StringConstant(text, _) => Literal::Str(text.as_str().into()),
        Expr::CharConstant(value, _) => Literal::Char(*value),
        Expr::Unit(_) => Literal::Unit,
        Expr::FnCall(call, _) if call.op_token.is_some() && call.name == "-" => {
            let [only] = call.args.as_slice() else {
                return None;
            };
            match literal_of(only, variable)?.0 {
                Literal::Int(value) => Literal::Int(value.checked_neg()?),
                Literal::Float(value) => Literal::Float(-value),
                _ => return None,
            }
        }
        Expr::Variable(names, ..) if names.2.is_empty() => variable(names.1.as_str())?,
        _ => return None,
    };
    Some((literal, expr.position()))
}
