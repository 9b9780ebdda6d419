//! Which names stand for an event or a window, where in a function.
//!
//! Owns the names that are alive at one place of a walk. What is asked of them is the checks' job.
//! Invariant: a name means what was bound last, and only inside of the block that bound it. Names
//! that are assigned to anywhere in the function mean nothing: what they hold depends on the way
//! there.

use std::collections::HashSet;

use rhai::{ASTNode, Expr, Position, Stmt};

use super::chain::{ChainLink, ChainRoot, MemberChain};
use super::names::NameMeaning;

/// What a name stands for: an event or a window, or what lies below it.
#[derive(Clone)]
pub(super) struct NameTarget<'k> {
    pub(super) meaning: NameMeaning<'k>,
    pub(super) below: Vec<TargetStep>,
}

/// One step from an event to what a name stands for.
#[derive(Clone)]
pub(super) enum TargetStep {
    Property(String, Position),
    /// A name in brackets.
    Index(Expr),
}

struct LocalBinding<'k> {
    name: String,
    bound: Option<NameTarget<'k>>,
    /// How deep the statements are that see it; 0 for parameters.
    depth: usize,
    /// Whether these are the second block of their statement, as after `else` and `catch`.
    second: bool,
    /// Whether the walk has come to the first statement that sees it.
    seen: bool,
}

/// The names that are alive at one place of a walk.
pub(super) struct NameScopes<'k> {
    bindings: Vec<LocalBinding<'k>>,
    assigned: HashSet<String>,
}

impl<'k> NameTarget<'k> {
    pub(super) fn from_meaning(meaning: NameMeaning<'k>) -> Self {
        Self {
            meaning,
            below: Vec::new(),
        }
    }

    /// The links from the event or window on.
    pub(super) fn extend_links<'l>(&'l self, then: &[ChainLink<'l>]) -> Vec<ChainLink<'l>> {
        let below = self.below.iter().map(|step| match step {
            TargetStep::Property(name, place) => ChainLink::Property(name, *place),
            TargetStep::Index(name) => ChainLink::Index(name),
        });
        below.chain(then.iter().copied()).collect()
    }
}

impl<'k> NameScopes<'k> {
    /// Those of a function with these parameters and statements.
    pub(super) fn for_function(
        parameters: &[(String, NameMeaning<'k>)],
        statements: &[Stmt],
    ) -> Self {
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
        let bindings = parameters.iter().map(|(name, meaning)| LocalBinding {
            name: name.clone(),
            bound: Some(NameTarget::from_meaning(*meaning)),
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
    pub(super) fn enter_node(&mut self, path: &[ASTNode<'_>], this: Option<NameMeaning<'k>>) {
        let depth = path.len();
        let Some(ASTNode::Stmt(statement)) = path.last() else {
            self.bindings.retain(|binding| binding.depth <= depth);
            return;
        };
        // Forget before binding: a name of a block that ended must not hide the one outside.
        let second = is_second_block(path, statement);
        self.bindings.retain_mut(|binding| {
            if binding.depth == depth {
                binding.seen |= binding.second == second;
                return binding.second == second || !binding.seen;
            }
            binding.depth < depth
        });
        match statement {
            Stmt::Var(parts, ..) => {
                let bound = self.resolve_expr(&parts.1, this);
                self.bind_name(parts.0.as_str(), bound, depth, second);
            }
            Stmt::For(parts, ..) => {
                self.bind_name(parts.0.as_str(), None, depth.saturating_add(1), false);
                if let Some(counter) = &parts.1 {
                    self.bind_name(counter.as_str(), None, depth.saturating_add(1), false);
                }
            }
            Stmt::TryCatch(flow, _) => {
                if let Expr::Variable(names, ..) = &flow.expr {
                    self.bind_name(names.1.as_str(), None, depth.saturating_add(1), true);
                }
            }
            _ => {}
        }
    }

    fn bind_name(&mut self, name: &str, bound: Option<NameTarget<'k>>, depth: usize, second: bool) {
        self.bindings.push(LocalBinding {
            name: name.to_owned(),
            bound,
            depth,
            second,
            seen: false,
        });
    }

    /// What an expression stands for, if it is a name, or a path below one.
    fn resolve_expr(&self, expr: &Expr, this: Option<NameMeaning<'k>>) -> Option<NameTarget<'k>> {
        let chain = MemberChain::from_expr(expr);
        let mut bound = self.resolve_root(chain.root, this)?;
        for link in chain.links {
            bound.below.push(match link {
                ChainLink::Property(name, place) => TargetStep::Property(name.to_owned(), place),
                ChainLink::Index(name @ Expr::StringConstant(..)) => {
                    TargetStep::Index(name.clone())
                }
                ChainLink::Index(_) | ChainLink::Method(..) => return None,
            });
        }
        Some(bound)
    }

    /// What the root of a chain stands for.
    pub(super) fn resolve_root(
        &self,
        root: ChainRoot<'_>,
        this: Option<NameMeaning<'k>>,
    ) -> Option<NameTarget<'k>> {
        match root {
            ChainRoot::Variable(name) if self.assigned.contains(name) => None,
            ChainRoot::Variable(name) => self.find_binding(name)?.bound.clone(),
            ChainRoot::This => this.map(NameTarget::from_meaning),
            ChainRoot::Other => None,
        }
    }

    /// Whether a name is bound or assigned to in the function itself.
    pub(super) fn is_local(&self, name: &str) -> bool {
        self.assigned.contains(name) || self.find_binding(name).is_some()
    }

    fn find_binding(&self, name: &str) -> Option<&LocalBinding<'k>> {
        let mut newest = self.bindings.iter().rev();
        newest.find(|binding| binding.seen && binding.name == name)
    }
}

/// Whether a statement is in the second block of the one around it.
fn is_second_block(path: &[ASTNode<'_>], statement: &Stmt) -> bool {
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
