//! Which names stand for an event or a window, where in a function.
//!
//! A name means what was bound last, and only inside of the block that bound it. Names that are assigned to
//! anywhere in the function mean nothing: what they hold depends on the way there.

use std::collections::HashSet;

use rhai::{ASTNode, Expr, Position, Stmt};

use super::chain::{Chain, Link, Root};
use super::names::Meaning;

/// What a name stands for: an event or a window, or what lies below it.
#[derive(Clone)]
pub(super) struct Bound<'k> {
    pub(super) meaning: Meaning<'k>,
    pub(super) below: Vec<Step>,
}

/// One step from an event to what a name stands for.
#[derive(Clone)]
pub(super) enum Step {
    Property(String, Position),
    /// A name in brackets.
    Index(Expr),
}

struct Binding<'k> {
    name: String,
    bound: Option<Bound<'k>>,
    /// How deep the statements stand that see it; 0 for parameters.
    depth: usize,
    /// Whether these are the second block of their statement, as after `else` and `catch`.
    second: bool,
    /// Whether the walk has come to the first statement that sees it.
    seen: bool,
}

/// The names that are alive at one place of a walk.
pub(super) struct Scopes<'k> {
    bindings: Vec<Binding<'k>>,
    assigned: HashSet<String>,
}

impl<'k> Bound<'k> {
    pub(super) fn whole(meaning: Meaning<'k>) -> Self {
        Self {
            meaning,
            below: Vec::new(),
        }
    }

    /// The links from the event or window on.
    pub(super) fn links<'l>(&'l self, then: &[Link<'l>]) -> Vec<Link<'l>> {
        let below = self.below.iter().map(|step| match step {
            Step::Property(name, place) => Link::Property(name, *place),
            Step::Index(name) => Link::Index(name),
        });
        below.chain(then.iter().copied()).collect()
    }
}

impl<'k> Scopes<'k> {
    /// Those of a function with these parameters and statements.
    pub(super) fn of(parameters: &[(String, Meaning<'k>)], statements: &[Stmt]) -> Self {
        let mut assigned = HashSet::new();
        for statement in statements {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                if let Some(ASTNode::Stmt(Stmt::Assignment(parts))) = path.last()
                    && let Expr::Variable(names, ..) = &parts.1.lhs
                {
                    assigned.insert(names.1.to_string());
                }
                true
            });
        }
        let bindings = parameters.iter().map(|(name, meaning)| Binding {
            name: name.clone(),
            bound: Some(Bound::whole(*meaning)),
            depth: 0,
            second: false,
            seen: true,
        });
        Self {
            bindings: bindings.collect(),
            assigned,
        }
    }

    /// Follows a walk to its next node: forgets what ended before it, learns what it binds.
    pub(super) fn enter(&mut self, path: &[ASTNode<'_>], this: Option<Meaning<'k>>) {
        let depth = path.len();
        let Some(ASTNode::Stmt(statement)) = path.last() else {
            self.bindings.retain(|binding| binding.depth <= depth);
            return;
        };
        let second = is_second(path, statement);
        self.bindings.retain_mut(|binding| {
            if binding.depth == depth {
                binding.seen |= binding.second == second;
                return binding.second == second || !binding.seen;
            }
            binding.depth < depth
        });
        match statement {
            Stmt::Var(parts, ..) => {
                let bound = self.bound_of(&parts.1, this);
                self.bind(parts.0.as_str(), bound, depth, second);
            }
            Stmt::For(parts, ..) => {
                self.bind(parts.0.as_str(), None, depth.saturating_add(1), false);
                if let Some(counter) = &parts.1 {
                    self.bind(counter.as_str(), None, depth.saturating_add(1), false);
                }
            }
            Stmt::TryCatch(flow, _) => {
                if let Expr::Variable(names, ..) = &flow.expr {
                    self.bind(names.1.as_str(), None, depth.saturating_add(1), true);
                }
            }
            _ => {}
        }
    }

    fn bind(&mut self, name: &str, bound: Option<Bound<'k>>, depth: usize, second: bool) {
        self.bindings.push(Binding {
            name: name.to_owned(),
            bound,
            depth,
            second,
            seen: false,
        });
    }

    /// What an expression stands for, if it is a name, or a path below one.
    fn bound_of(&self, expr: &Expr, this: Option<Meaning<'k>>) -> Option<Bound<'k>> {
        let chain = Chain::of(expr);
        let mut bound = self.meaning_of(chain.root, this)?;
        for link in chain.links {
            bound.below.push(match link {
                Link::Property(name, place) => Step::Property(name.to_owned(), place),
                Link::Index(name @ Expr::StringConstant(..)) => Step::Index(name.clone()),
                Link::Index(_) | Link::Method(..) => return None,
            });
        }
        Some(bound)
    }

    /// What the root of a chain stands for.
    pub(super) fn meaning_of(
        &self,
        root: Root<'_>,
        this: Option<Meaning<'k>>,
    ) -> Option<Bound<'k>> {
        match root {
            Root::Variable(name) if self.assigned.contains(name) => None,
            Root::Variable(name) => self.binding(name)?.bound.clone(),
            Root::This => this.map(Bound::whole),
            Root::Other => None,
        }
    }

    /// Whether a name is bound or assigned to in the function itself.
    pub(super) fn is_own(&self, name: &str) -> bool {
        self.assigned.contains(name) || self.binding(name).is_some()
    }

    fn binding(&self, name: &str) -> Option<&Binding<'k>> {
        let mut newest = self.bindings.iter().rev();
        newest.find(|binding| binding.seen && binding.name == name)
    }
}

/// Whether a statement stands in the second block of the one around it.
fn is_second(path: &[ASTNode<'_>], statement: &Stmt) -> bool {
    match path {
        [
            ..,
            ASTNode::Stmt(Stmt::If(flow, _) | Stmt::TryCatch(flow, _)),
            _,
        ] => flow
            .branch
            .statements()
            .iter()
            .any(|one| std::ptr::eq(one, statement)),
        _ => false,
    }
}
