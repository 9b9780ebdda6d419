//! Visiting every expression of a tree.

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

/// Visits every expression of a file, functions and closures included.
pub(crate) fn visit_exprs(tree: &AST, visit: &mut dyn FnMut(&Expr)) {
    tree.walk(&mut |path| {
        if let Some(ASTNode::Expr(expr)) = path.last() {
            visit(expr);
        }
        true
    });
}

/// A call, whether rhai keeps it as an expression or as a statement.
#[derive(Clone, Copy)]
pub(crate) struct ScriptCall<'a> {
    pub(crate) call: &'a FnCallExpr,
    pub(crate) place: Position,
    /// Whether it is written `value.name(..)`; then the value is no argument.
    pub(crate) is_method: bool,
}

/// Visits every call in a walk.
pub(crate) fn as_call<'a>(node: &ASTNode<'a>) -> Option<ScriptCall<'a>> {
    let (call, place, method) = match node {
        ASTNode::Expr(Expr::FnCall(call, place)) => (call, place, false),
        ASTNode::Expr(Expr::MethodCall(call, place)) => (call, place, true),
        ASTNode::Stmt(Stmt::FnCall(call, place)) => (call, place, false),
        _ => return None,
    };
    Some(ScriptCall {
        call,
        place: *place,
        is_method: method,
    })
}
