//! One parsed rule file.

use std::collections::HashSet;
use std::rc::Rc;

use larum_event::RuleFile;
use rhai::{AST, ASTNode, Engine, Module, ParseError, ScriptFuncDef, Stmt};

use super::closure::RuleClosure;
use super::walk::visit_exprs;
use crate::view;

/// A parsed rule file.
pub(crate) struct RuleSource {
    pub(crate) tree: AST,
}

impl RuleSource {
    /// Parses a file, and teaches the engine the names of fields that stand in it and that it
    /// has not met yet.
    pub(crate) fn parse_file(
        engine: &mut Engine,
        met: &mut HashSet<String>,
        file: &RuleFile,
    ) -> Result<Self, ParseError> {
        let tree = engine.compile(&file.text)?;
        let mut new: Vec<String> = Vec::new();
        visit_exprs(&tree, &mut |expr| {
            if let rhai::Expr::Property(property, _) = expr
                && !met.contains(property.2.as_str())
            {
                met.insert(property.2.to_string());
                new.push(property.2.to_string());
            }
        });
        for name in new {
            view::register_property(engine, &name);
        }
        Ok(Self { tree })
    }

    /// The definition of a function or closure.
    pub(crate) fn find_function(
        &self,
        name: &str,
        parameters: usize,
    ) -> Option<&Rc<ScriptFuncDef>> {
        self.tree.shared_lib().get_script_fn(name, parameters)
    }

    /// The definition of a closure.
    pub(crate) fn find_closure(&self, closure: &RuleClosure) -> Option<&Rc<ScriptFuncDef>> {
        self.find_function(&closure.name, closure.parameter_count())
    }

    /// Every function of this name, by the number of its parameters: rhai's own order is by
    /// chance.
    pub(crate) fn functions_by_name(&self, name: &str) -> Vec<&Rc<ScriptFuncDef>> {
        let mut functions: Vec<_> = self
            .tree
            .iter_fn_def()
            .filter(|function| function.name == name)
            .collect();
        functions.sort_by_key(|function| function.params.len());
        functions
    }
}

/// The statements of a function's body. Rhai shows them to a walker only.
pub(crate) fn body_statements(function: &Rc<ScriptFuncDef>) -> Vec<Stmt> {
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
