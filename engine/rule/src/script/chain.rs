//! `a.b["c"].d(..)` as a flat list.
//!
//! Rhai nests such chains to the right: `Dot(a, Index(b, Dot("c", d(..))))`, with a flag where a
//! bracket holds a chain of its own.

use rhai::{ASTFlags, BinaryExpr, Expr, FnCallExpr, Position};

/// What a chain begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Root<'a> {
    /// A variable.
    Variable(&'a str),
    /// `this`.
    This,
    /// Anything else.
    Other,
}

/// One step of a chain.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Link<'a> {
    /// `.name`
    Property(&'a str, Position),
    /// `[expression]`
    Index(&'a Expr),
    /// `.name(..)`
    Method(&'a FnCallExpr, Position),
}

/// An expression taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Chain<'a> {
    pub(crate) root: Root<'a>,
    pub(crate) links: Vec<Link<'a>>,
    /// Which links are joined by `?.` or `?[`: what is missing before one ends the chain.
    pub(crate) optional: Vec<bool>,
}

#[derive(Clone, Copy)]
enum Joint {
    Dot,
    Bracket,
}

impl<'a> Chain<'a> {
    /// Takes any expression apart; one that is no chain has no links.
    pub(crate) fn of(expr: &'a Expr) -> Self {
        let mut chain = match parts(expr) {
            Some((both, ..)) => Self::rooted(&both.lhs),
            None => return Self::rooted(expr),
        };
        let mut rest = expr;
        while let Some((both, joint, flags)) = parts(rest) {
            rest = &both.rhs;
            let ends = flags.contains(ASTFlags::BREAK);
            let nested = if ends { None } else { parts(rest) };
            let step = nested.map_or(rest, |(inner, ..)| &inner.lhs);
            chain.optional.push(flags.contains(ASTFlags::NEGATED));
            chain.push(step, joint);
            if nested.is_none() {
                break;
            }
        }
        chain
    }

    fn rooted(expr: &'a Expr) -> Self {
        let root = match expr {
            Expr::Variable(names, ..) if names.2.is_empty() => Root::Variable(&names.1),
            Expr::ThisPtr(_) => Root::This,
            _ => Root::Other,
        };
        Self {
            root,
            links: Vec::new(),
            optional: Vec::new(),
        }
    }

    fn push(&mut self, step: &'a Expr, joint: Joint) {
        self.links.push(match (joint, step) {
            (Joint::Dot, Expr::Property(names, place)) => Link::Property(&names.2, *place),
            (Joint::Dot, Expr::MethodCall(call, place)) => Link::Method(call, *place),
            (Joint::Dot | Joint::Bracket, other) => Link::Index(other),
        });
    }
}

/// The two sides of one step of a chain, how they are joined, and its flags.
fn parts(expr: &Expr) -> Option<(&BinaryExpr, Joint, ASTFlags)> {
    let (both, flags, joint) = match expr {
        Expr::Dot(both, flags, _) => (both, flags, Joint::Dot),
        Expr::Index(both, flags, _) => (both, flags, Joint::Bracket),
        _ => return None,
    };
    Some((both, joint, *flags))
}
