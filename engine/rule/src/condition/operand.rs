//! Operands: fields, constants, and what is made of them.

use larum_event::Value;
use rhai::{Expr, FnCallExpr, Position};

use super::Comparison;
use super::field::{FieldUse, Owner};
use super::question::Condition;
use super::read::{Reader, flag};
use super::scope::{Binding, Operand};
use crate::predicate::Letters;
use crate::script::{Chain, Link, Root};
use crate::view::{FieldRef, is_array_property, is_value_property};

impl Reader<'_> {
    /// What an expression is as one side of a comparison.
    pub(super) fn operand(&mut self, expr: &Expr) -> Option<Operand> {
        if let Some(value) = self.constant(expr) {
            return Some(Operand::Constant(value));
        }
        match expr {
            Expr::Dot(..) | Expr::Index(..) => {
                let chain = Chain::of(expr);
                self.chained(chain.root, &chain.links)
            }
            Expr::Variable(names, ..) if names.2.is_empty() => self.recalled(&names.1),
            Expr::Coalesce(parts, _) => self.coalesced(parts),
            Expr::And(..) | Expr::Or(..) => {
                Some(Operand::Truth(Box::new(self.condition(expr, false))))
            }
            Expr::FnCall(call, place) => self.called(call, expr, *place),
            _ => None,
        }
    }

    /// What a name was bound to. A truth has its parts wherever it is asked, and they count.
    fn recalled(&mut self, name: &str) -> Option<Operand> {
        let Binding::Operand(operand) = self.scope.get(name)? else {
            return None;
        };
        if let Operand::Truth(condition) = operand {
            self.left = self.left.checked_sub(condition.size())?;
        }
        Some(operand.clone())
    }

    fn called(&mut self, call: &FnCallExpr, expr: &Expr, _: Position) -> Option<Operand> {
        if !call.namespace.is_empty() {
            return None;
        }
        let gives_truth = call.name == "!" || Comparison::named(&call.name).is_some();
        if call.op_token.is_some() {
            let truth = gives_truth.then(|| self.condition(expr, false))?;
            return Some(Operand::Truth(Box::new(truth)));
        }
        match call.args.as_slice() {
            [only] if !self.is_defined(&call.name) => {
                let operand = self.operand(only)?;
                made(operand, &call.name)
            }
            _ => None,
        }
    }

    fn coalesced(&mut self, parts: &[Expr]) -> Option<Operand> {
        let (first, rest) = parts.split_first()?;
        if rest.is_empty() {
            return self.operand(first);
        }
        match self.operand(first)? {
            Operand::Field(field) => Some(Operand::Else(field, Box::new(self.coalesced(rest)?))),
            Operand::Constant(Value::Null) => self.coalesced(rest),
            Operand::Constant(value) => Some(Operand::Constant(value)),
            Operand::Length { .. } | Operand::Recased(..) | Operand::Else(..) => None,
            Operand::Truth(_) => None,
        }
    }

    /// A chain that ends in a value.
    pub(super) fn chained(&mut self, root: Root<'_>, links: &[Link<'_>]) -> Option<Operand> {
        let Some((last, path)) = links.split_last() else {
            let Root::Variable(name) = root else {
                return None;
            };
            return match self.scope.get(name)? {
                Binding::Operand(_) => self.recalled(name),
                Binding::Literal(literal) => literal.to_value().map(Operand::Constant),
                Binding::Event { .. } | Binding::Unknown => None,
            };
        };
        match last {
            Link::Method(call, _) if call.args.is_empty() && !self.is_defined(&call.name) => {
                let operand = self.chained(root, path)?;
                made(operand, &call.name)
            }
            Link::Property("len", _) if !self.is_event_root(root, path) => {
                let Operand::Field(field) = self.chained(root, path)? else {
                    return None;
                };
                let member = self.field(root, links)?;
                Some(Operand::Length {
                    field,
                    member: Some(member),
                })
            }
            Link::Property(..) | Link::Index(_) => self.field(root, links).map(Operand::Field),
            Link::Method(..) => None,
        }
    }

    fn is_event_root(&self, root: Root<'_>, path: &[Link<'_>]) -> bool {
        let Root::Variable(name) = root else {
            return false;
        };
        path.is_empty() && matches!(self.scope.get(name), Some(Binding::Event { .. }))
    }

    /// The field that a chain leads to.
    pub(super) fn field(&self, root: Root<'_>, links: &[Link<'_>]) -> Option<FieldUse> {
        let Root::Variable(name) = root else {
            return None;
        };
        let mut way = Way::default();
        match self.scope.get(name)? {
            Binding::Event { by_members } => way.by_members = *by_members,
            Binding::Operand(Operand::Field(field)) => {
                way.segments = field.name().split('.').map(str::to_owned).collect();
                way.owners.clone_from(&field.owners);
                way.by_members = true;
            }
            Binding::Operand(_) | Binding::Literal(_) | Binding::Unknown => return None,
        }
        for link in links {
            way.step(link)?;
        }
        let field = way.reached()?;
        Some(FieldUse {
            field,
            by_members: way.by_members,
            owners: way.owners,
        })
    }

    /// Whether the file gives a name of ours another meaning.
    pub(super) fn is_defined(&self, name: &str) -> bool {
        !self.source.functions_named(name).is_empty()
    }

    /// A chain or call that is asked whether it is true.
    pub(super) fn truth_of(
        &mut self,
        root: Root<'_>,
        links: &[Link<'_>],
        is_lenient: bool,
        place: Position,
    ) -> Option<Condition> {
        let operand = self.chained(root, links)?;
        flag(operand, is_lenient, place)
    }
}

/// A path while its links are followed.
#[derive(Default)]
struct Way {
    segments: Vec<String>,
    by_members: bool,
    owners: Vec<Owner>,
}

impl Way {
    fn step(&mut self, link: &Link<'_>) -> Option<()> {
        let segment = match link {
            Link::Property(name, _) => {
                if !self.segments.is_empty() && is_value_property(name) {
                    self.owners.push(Owner {
                        field: self.reached()?,
                        of_lists: is_array_property(name),
                    });
                    self.by_members = true;
                }
                (*name).to_owned()
            }
            // Of what is no object, brackets are an error; only a path never meets one.
            Link::Index(Expr::StringConstant(name, _))
                if !self.by_members || self.segments.is_empty() =>
            {
                name.to_string()
            }
            Link::Index(_) | Link::Method(..) => return None,
        };
        // A member with a dot in its name has no path.
        if segment.is_empty() || segment.contains('.') {
            return None;
        }
        self.segments.push(segment);
        Some(())
    }

    fn reached(&self) -> Option<FieldRef> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        FieldRef::of_segments(&segments).ok()
    }
}

/// What a function without other arguments makes of an operand.
fn made(operand: Operand, name: &str) -> Option<Operand> {
    let Operand::Field(field) = operand else {
        return None;
    };
    match name {
        "to_lower" => Some(Operand::Recased(Letters::Lower, field)),
        "to_upper" => Some(Operand::Recased(Letters::Upper, field)),
        "len" => Some(Operand::Length {
            field,
            member: None,
        }),
        _ => None,
    }
}
