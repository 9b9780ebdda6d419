//! Operands: fields, constants, and what is made of them.
//!
//! Owns which expressions name a field, and in which shapes of events the script may see another
//! value there. What is asked of an operand belongs to `calls`.
//! Invariant: wherever the script's look-up could give another value than the field's path, the
//! operand says so (`by_members`, `owners`), and the script is asked.

use larum_event::FieldValue;
use larum_event::value::Comparison;
use larum_predicate::LetterCase;
use rhai::{Expr, FnCallExpr, Position};

use super::field_access::{FieldAccess, PropertyOwner};
use super::question::RuleCondition;
use super::reader::{ConditionReader, ask_truth};
use super::scope::{NameBinding, Operand};
use crate::script::{ChainLink, ChainRoot, MemberChain};
use crate::view::{FieldRef, is_array_property, is_value_property};

impl ConditionReader<'_> {
    /// What an expression is as one side of a comparison.
    pub(super) fn read_operand(&mut self, expr: &Expr) -> Option<Operand> {
        if let Some(value) = self.read_constant(expr) {
            return Some(Operand::Constant(value));
        }
        match expr {
            Expr::Dot(..) | Expr::Index(..) => {
                let chain = MemberChain::from_expr(expr);
                self.read_chain_operand(chain.root, &chain.links)
            }
            Expr::Variable(names, ..) if names.2.is_empty() => self.recall_name(&names.1),
            Expr::Coalesce(parts, _) => self.read_coalesce(parts),
            Expr::And(..) | Expr::Or(..) => Some(Operand::Condition(Box::new(
                self.read_expression(expr, false),
            ))),
            Expr::FnCall(call, place) => self.read_call_operand(call, expr, *place),
            _ => None,
        }
    }

    /// What a name was bound to. A truth has its parts wherever it is asked, and they count.
    fn recall_name(&mut self, name: &str) -> Option<Operand> {
        let NameBinding::Operand(operand) = self.scope.get(name)? else {
            return None;
        };
        if let Operand::Condition(condition) = operand {
            self.parts_left = self.parts_left.checked_sub(condition.part_count())?;
        }
        Some(operand.clone())
    }

    fn read_call_operand(
        &mut self,
        call: &FnCallExpr,
        expr: &Expr,
        _: Position,
    ) -> Option<Operand> {
        if !call.namespace.is_empty() {
            return None;
        }
        let gives_truth = call.name == "!" || Comparison::from_sign(&call.name).is_some();
        if call.op_token.is_some() {
            let truth = gives_truth.then(|| self.read_expression(expr, false))?;
            return Some(Operand::Condition(Box::new(truth)));
        }
        match call.args.as_slice() {
            [only] if !self.is_defined(&call.name) => {
                let operand = self.read_operand(only)?;
                apply_method(operand, &call.name)
            }
            _ => None,
        }
    }

    fn read_coalesce(&mut self, parts: &[Expr]) -> Option<Operand> {
        let (first, rest) = parts.split_first()?;
        if rest.is_empty() {
            return self.read_operand(first);
        }
        match self.read_operand(first)? {
            Operand::Field(field) => Some(Operand::Coalesce(
                field,
                Box::new(self.read_coalesce(rest)?),
            )),
            Operand::Constant(FieldValue::Null) => self.read_coalesce(rest),
            Operand::Constant(value) => Some(Operand::Constant(value)),
            Operand::Length { .. } | Operand::Recased(..) | Operand::Coalesce(..) => None,
            Operand::Condition(_) => None,
        }
    }

    /// A chain that ends in a value.
    pub(super) fn read_chain_operand(
        &mut self,
        root: ChainRoot<'_>,
        links: &[ChainLink<'_>],
    ) -> Option<Operand> {
        let Some((last, path)) = links.split_last() else {
            let ChainRoot::Variable(name) = root else {
                return None;
            };
            return match self.scope.get(name)? {
                NameBinding::Operand(_) => self.recall_name(name),
                NameBinding::Literal(literal) => literal.to_value().map(Operand::Constant),
                NameBinding::Event { .. } | NameBinding::Unknown => None,
            };
        };
        match last {
            ChainLink::Method(call, _) if call.args.is_empty() && !self.is_defined(&call.name) => {
                let operand = self.read_chain_operand(root, path)?;
                apply_method(operand, &call.name)
            }
            // `.len` is a member of an object and the length of everything else: both are asked.
            ChainLink::Property("len", _) if !self.is_event_root(root, path) => {
                let Operand::Field(field) = self.read_chain_operand(root, path)? else {
                    return None;
                };
                let member = self.read_field(root, links)?;
                Some(Operand::Length {
                    field,
                    member: Some(member),
                })
            }
            ChainLink::Property(..) | ChainLink::Index(_) => {
                self.read_field(root, links).map(Operand::Field)
            }
            ChainLink::Method(..) => None,
        }
    }

    fn is_event_root(&self, root: ChainRoot<'_>, path: &[ChainLink<'_>]) -> bool {
        let ChainRoot::Variable(name) = root else {
            return false;
        };
        path.is_empty() && matches!(self.scope.get(name), Some(NameBinding::Event { .. }))
    }

    /// The field that a chain leads to.
    pub(super) fn read_field(
        &self,
        root: ChainRoot<'_>,
        links: &[ChainLink<'_>],
    ) -> Option<FieldAccess> {
        let ChainRoot::Variable(name) = root else {
            return None;
        };
        let mut way = FieldPathBuilder::default();
        match self.scope.get(name)? {
            NameBinding::Event { by_members } => way.by_members = *by_members,
            NameBinding::Operand(Operand::Field(field)) => {
                way.segments = field.name().split('.').map(str::to_owned).collect();
                way.owners.clone_from(&field.owners);
                way.by_members = true;
            }
            NameBinding::Operand(_) | NameBinding::Literal(_) | NameBinding::Unknown => {
                return None;
            }
        }
        for link in links {
            way.push_link(link)?;
        }
        let field = way.field_ref()?;
        Some(FieldAccess {
            field,
            by_members: way.by_members,
            owners: way.owners,
        })
    }

    /// Whether the file defines a function of this name itself.
    pub(super) fn is_defined(&self, name: &str) -> bool {
        !self.source.functions_by_name(name).is_empty()
    }

    /// A chain or call that is asked whether it is true.
    pub(super) fn read_truth(
        &mut self,
        root: ChainRoot<'_>,
        links: &[ChainLink<'_>],
        is_lenient: bool,
        place: Position,
    ) -> Option<RuleCondition> {
        let operand = self.read_chain_operand(root, links)?;
        ask_truth(operand, is_lenient, place)
    }
}

/// A path while its links are followed.
#[derive(Default)]
struct FieldPathBuilder {
    segments: Vec<String>,
    by_members: bool,
    owners: Vec<PropertyOwner>,
}

impl FieldPathBuilder {
    fn push_link(&mut self, link: &ChainLink<'_>) -> Option<()> {
        let segment = match link {
            ChainLink::Property(name, _) => {
                if !self.segments.is_empty() && is_value_property(name) {
                    self.owners.push(PropertyOwner {
                        field: self.field_ref()?,
                        of_lists: is_array_property(name),
                    });
                    self.by_members = true;
                }
                (*name).to_owned()
            }
            // In a script, brackets behind anything but an object are an error. A path has no such
            // error, so only the first bracket can be read as one.
            ChainLink::Index(Expr::StringConstant(name, _))
                if !self.by_members || self.segments.is_empty() =>
            {
                name.to_string()
            }
            ChainLink::Index(_) | ChainLink::Method(..) => return None,
        };
        // A member with a dot in its name has no path.
        if segment.is_empty() || segment.contains('.') {
            return None;
        }
        self.segments.push(segment);
        Some(())
    }

    fn field_ref(&self) -> Option<FieldRef> {
        let segments: Vec<&str> = self.segments.iter().map(String::as_str).collect();
        FieldRef::from_segments(&segments).ok()
    }
}

/// What a function without other arguments makes of an operand.
fn apply_method(operand: Operand, name: &str) -> Option<Operand> {
    let Operand::Field(field) = operand else {
        return None;
    };
    match name {
        "to_lower" => Some(Operand::Recased(LetterCase::Lower, field)),
        "to_upper" => Some(Operand::Recased(LetterCase::Upper, field)),
        "len" => Some(Operand::Length {
            field,
            member: None,
        }),
        _ => None,
    }
}
