//! `a.b["c"].d(..)` as a flat list.
//!
//! Rhai nests such chains to the right: `Dot(a, Index(b, Dot("c", d(..))))`, with a flag where a
//! bracket holds a chain of its own.

use rhai::{ASTFlags, BinaryExpr, Expr, FnCallExpr, Position};

/// What a chain begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ChainRoot<'a> {
    /// A variable.
    Variable(&'a str),
    /// The receiver, `this`.
    This,
    /// Anything else.
    Other,
}

/// One step of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ChainLink<'a> {
    /// A member by name: `.name`
    Property(&'a str, Position),
    /// A member or element in brackets: `[expression]`
    Index(&'a Expr),
    /// A method call: `.name(..)`
    Method(&'a FnCallExpr, Position),
}

/// An expression taken apart.
#[derive(Debug, Clone)]
pub(crate) struct MemberChain<'a> {
    pub(crate) root: ChainRoot<'a>,
    pub(crate) links: Vec<ChainLink<'a>>,
    /// Which links are joined by `?.` or `?[`: what is missing before one ends the chain.
    pub(crate) optional: Vec<bool>,
}

#[derive(Clone, Copy)]
enum ChainJoint {
    Dot,
    Bracket,
}

impl<'a> MemberChain<'a> {
    /// Takes any expression apart; one that is not a chain has no links.
    pub(crate) fn from_expr(expr: &'a Expr) -> Self {
        let mut chain = match split_link(expr) {
            Some((both, ..)) => Self::with_root(&both.lhs),
            None => return Self::with_root(expr),
        };
        let mut rest = expr;
        while let Some((both, joint, flags)) = split_link(rest) {
            rest = &both.rhs;
            let ends = flags.contains(ASTFlags::BREAK);
            let nested = if ends { None } else { split_link(rest) };
            let step = nested.map_or(rest, |(inner, ..)| &inner.lhs);
            chain.optional.push(flags.contains(ASTFlags::NEGATED));
            chain.push_link(step, joint);
            if nested.is_none() {
                break;
            }
        }
        chain
    }

    fn with_root(expr: &'a Expr) -> Self {
        let root = match expr {
            Expr::Variable(names, ..) if names.2.is_empty() => ChainRoot::Variable(&names.1),
            Expr::ThisPtr(_) => ChainRoot::This,
            _ => ChainRoot::Other,
        };
        Self {
            root,
            links: Vec::new(),
            optional: Vec::new(),
        }
    }

    fn push_link(&mut self, step: &'a Expr, joint: ChainJoint) {
        self.links.push(match (joint, step) {
            (ChainJoint::Dot, Expr::Property(names, place)) => {
                ChainLink::Property(&names.2, *place)
            }
            (ChainJoint::Dot, Expr::MethodCall(call, place)) => ChainLink::Method(call, *place),
            (ChainJoint::Dot | ChainJoint::Bracket, other) => ChainLink::Index(other),
        });
    }
}

/// The two sides of one step of a chain, how they are joined, and its flags.
fn split_link(expr: &Expr) -> Option<(&BinaryExpr, ChainJoint, ASTFlags)> {
    let (both, flags, joint) = match expr {
        Expr::Dot(both, flags, _) => (both, flags, ChainJoint::Dot),
        Expr::Index(both, flags, _) => (both, flags, ChainJoint::Bracket),
        _ => return None,
    };
    Some((both, joint, *flags))
}
