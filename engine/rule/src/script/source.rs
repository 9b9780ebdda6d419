//! One parsed rule file.

use std::rc::Rc;

use larum_event::RuleFile;
use rhai::{AST, ASTNode, Engine, Module, ParseError, ScriptFuncDef, Stmt};

use super::closure::Closure;
use super::walk::each_expr;
use crate::view;

/// A parsed rule file.
pub(crate) struct Source {
    pub(crate) tree: AST,
}

impl Source {
    /// Parses a file, and teaches the engine the names of fields that stand in it.
    pub(crate) fn parse(engine: &mut Engine, file: &RuleFile) -> Result<Self, ParseError> {
        let tree = engine.compile(&file.text)?;
        let mut names: Vec<String> = Vec::new();
        each_expr(&tree, &mut |expr| {
            if let rhai::Expr::Property(property, _) = expr {
                names.push(property.2.to_string());
            }
        });
        names.sort_unstable();
        names.dedup();
        for name in names {
            view::register_property(engine, &name);
        }
        Ok(Self { tree })
    }

    /// The definition of a function or closure.
    pub(crate) fn function(&self, name: &str, parameters: usize) -> Option<&Rc<ScriptFuncDef>> {
        self.tree.shared_lib().get_script_fn(name, parameters)
    }

    /// The definition of a closure that is called with `arguments`.
    pub(crate) fn closure(
        &self,
        closure: &Closure,
        arguments: usize,
    ) -> Option<&Rc<ScriptFuncDef>> {
        self.function(&closure.name, closure.captured.len() + arguments)
    }

    /// Every function of this name.
    pub(crate) fn functions_named(&self, name: &str) -> Vec<&Rc<ScriptFuncDef>> {
        self.tree
            .iter_fn_def()
            .filter(|function| function.name == name)
            .collect()
    }
}

/// The statements of a function's body. Rhai shows them to a walker only.
pub(crate) fn body(function: &Rc<ScriptFuncDef>) -> Vec<Stmt> {
    let mut module = Module::new();
    module.set_script_fn(Rc::clone(function));
    let mut statements = Vec::new();
    AST::new([], module).walk(&mut |path| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}
