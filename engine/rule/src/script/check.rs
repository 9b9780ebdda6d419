//! Finding what would never work, before any event comes.
//!
//! Owns the checks of calls and of closures: functions that do not exist, members that no event or
//! window has, patterns that do not compile. Fields below `data` are the catalogue's job.
//! Invariant: a misspelt name is an error at load, never a rule that silently cannot match.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use larum_event::RuleFile;
use larum_predicate::Diagnostic;
use rhai::{ASTNode, Engine, Expr, Position, ScriptFuncDef};

use super::chain::{ChainLink, MemberChain};
use super::closure::RuleLiteral;
use super::field_usage::{self, FieldUsage};
use super::names::{NameMeaning, WindowMeaning, check_chain};
use super::scopes::NameScopes;
use super::source::{RuleSource, body_statements};
use super::visit::{
    FunctionVisit, ScopedVisit, follow_ancestor_closure, follow_call, follow_method,
    kept_field_usage, links_below_event,
};
use super::walk::{ScriptCall, as_call, visit_exprs};
use crate::builder::MethodSignature;
use crate::diagnostic::{RuleProblem, did_you_mean};
use crate::text::{compile_rule_regex, parse_network};

/// Functions that rhai knows without a definition.
const KEYWORDS: [&str; 6] = [
    "call",
    "curry",
    "is_shared",
    "type_of",
    "is_def_fn",
    "is_def_var",
];

/// Functions that people look for and that no rule has.
const UNAVAILABLE_FUNCTIONS: [&str; 6] = ["sleep", "timestamp", "now", "rand", "open_file", "exit"];

/// Names that begin so are put into conditions by the engine.
const ENGINE_PREFIX: &str = "larum_";

/// The functions that an engine has, by name.
pub(crate) fn function_names(engine: &Engine) -> BTreeSet<String> {
    let names = engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true);
    names
        .into_iter()
        // Operators and getters are functions to rhai, but not by name.
        .filter(|name| name.chars().all(|c| c == '_' || c.is_alphanumeric()))
        .filter(|name| !name.starts_with(ENGINE_PREFIX))
        .chain(KEYWORDS.map(str::to_owned))
        .collect()
}

/// Checks the texts of one file.
pub(crate) struct ScriptChecker<'a> {
    pub(crate) file: &'a RuleFile,
    pub(crate) source: &'a RuleSource,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

impl ScriptChecker<'_> {
    /// Every function that is called must exist, and literal patterns must compile. Of `builder`,
    /// what builds; of `links`, what only links are built with, so that conditions have it not.
    pub(crate) fn check_calls(
        &mut self,
        native: &BTreeSet<String>,
        builder: &[&str],
        links: &[&str],
    ) {
        // Collect first and report after the walk: the walk borrows the source.
        let scripted: HashSet<&str> = self
            .source
            .tree
            .iter_fn_def()
            .map(|function| function.name.as_str())
            .collect();
        let mut found: Vec<(String, Position)> = Vec::new();
        let mut problems = find_misplaced_calls(self.source, links, &scripted);
        self.source.tree.walk(&mut |path| {
            let Some(call) = path.last().and_then(as_call) else {
                return true;
            };
            if call.call.op_token.is_none() && call.call.namespace.is_empty() {
                let name = call.call.name.as_str();
                if !native.contains(name) && !scripted.contains(name) && !is_builder_method(path) {
                    found.push((name.to_owned(), call.place));
                }
                problems.extend(check_pattern(call));
            }
            true
        });
        for function in self.source.tree.iter_fn_def() {
            if function.name.starts_with(ENGINE_PREFIX) {
                let problem = format!("`{}` is a name of the engine's own", function.name);
                let place = function.body.start_position();
                problems.push((place, RuleProblem::new("reserved-name", problem)));
            }
        }
        for (name, place) in found {
            let known = native
                .iter()
                .map(String::as_str)
                .chain(scripted.iter().copied())
                .chain(builder.iter().copied());
            self.report_problem(
                place,
                RuleProblem::new("unknown-function", format!("there is no function `{name}`"))
                    .with_optional_help(did_you_mean(&name, known))
                    .with_optional_help(unavailable_help(&name)),
            );
        }
        for (place, problem) in problems {
            self.report_problem(place, problem);
        }
    }

    /// Everything that is called on a rule, a step, a link or an entity must be one of its methods,
    /// with as many arguments as it takes.
    pub(crate) fn check_builder_calls(&mut self, built: &[(&str, Vec<MethodSignature>)]) {
        let mut problems = Vec::new();
        visit_exprs(&self.source.tree, &mut |expr| {
            let Expr::Dot(both, ..) = expr else {
                return;
            };
            let Expr::FnCall(rule, _) = &both.lhs else {
                return;
            };
            let called = match rule.name.as_str() {
                "absent" => "step",
                other => other,
            };
            let Some((kind, methods)) = built.iter().find(|(kind, _)| *kind == called) else {
                return;
            };
            let name = match rule.args.first() {
                Some(Expr::StringConstant(name, _)) => name.as_str(),
                _ => "?",
            };
            for link in MemberChain::from_expr(expr).links {
                let found = check_builder_link(&link, methods, kind);
                problems
                    .extend(found.map(|(place, problem)| (place, problem.about_item(kind, name))));
            }
        });
        for (place, problem) in problems {
            self.report_problem(place, problem);
        }
    }

    /// The event that a condition gets must only be asked for members it can have. Gives what it
    /// is asked.
    pub(crate) fn check_condition(
        &mut self,
        rule: &str,
        function: &Rc<ScriptFuncDef>,
        captured: &[RuleLiteral],
    ) -> Vec<FieldUsage> {
        self.check_closure(rule, function, captured, NameMeaning::Event)
    }

    /// The same for the window that an alert's text is made from.
    pub(crate) fn check_alert(
        &mut self,
        rule: &str,
        function: &Rc<ScriptFuncDef>,
        window: WindowMeaning<'_>,
    ) -> Vec<FieldUsage> {
        self.check_closure(rule, function, &[], NameMeaning::Window(window))
    }

    fn check_closure(
        &mut self,
        rule: &str,
        function: &Rc<ScriptFuncDef>,
        captured: &[RuleLiteral],
        meaning: NameMeaning<'_>,
    ) -> Vec<FieldUsage> {
        // Captured variables come before the event; a window is the only parameter.
        let own = match meaning {
            NameMeaning::Event => function.params.get(captured.len()),
            NameMeaning::Window(_) | NameMeaning::Node => function.params.last(),
        };
        let Some(parameter) = own else {
            return Vec::new();
        };
        let constants = function.params.iter().zip(captured);
        let mut visits = vec![FunctionVisit {
            function: Rc::clone(function),
            names: vec![(parameter.to_string(), meaning)],
            this: None,
            constants: constants
                .map(|(name, value)| (name.to_string(), value.clone()))
                .collect(),
        }];
        let mut seen: HashSet<String> = HashSet::new();
        let mut uses = Vec::new();
        while let Some(visit) = visits.pop() {
            if seen.insert(visit.function.to_string()) {
                uses.extend(self.check_function(rule, &visit, &mut visits));
            }
        }
        uses
    }

    /// Checks one function, and notes the functions that it hands its event or window to.
    fn check_function<'k>(
        &mut self,
        rule: &str,
        visit: &FunctionVisit<'k>,
        visits: &mut Vec<FunctionVisit<'k>>,
    ) -> Vec<FieldUsage> {
        let statements = body_statements(&visit.function);
        let mut scopes = NameScopes::for_function(&visit.names, &statements);
        let source = self.source;
        let mut findings = ClosureFindings {
            rule,
            source,
            problems: Vec::new(),
            usages: Vec::new(),
        };
        for statement in &statements {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                let Some(node) = path.last() else {
                    return true;
                };
                // Enter before looking: names of blocks that ended before this node are forgotten.
                scopes.enter_node(path, visit.this);
                let scopes = &scopes;
                let spot = ScopedVisit { visit, scopes };
                if let ASTNode::Expr(expr @ (Expr::Dot(..) | Expr::Index(..))) = node
                    && !continues_chain(path)
                {
                    findings.add_chain(&spot, expr, visits);
                }
                findings.problems.extend(spot.check_assignment(rule, node));
                if let Some(call) = as_call(node) {
                    findings.usages.extend(spot.call_usages(call));
                    follow_call(source, &spot, call, visits);
                }
                true
            });
        }
        for (place, problem) in findings.problems {
            self.report_problem(place, problem);
        }
        findings.usages
    }

    fn report_problem(&mut self, place: Position, problem: RuleProblem) {
        let problem = problem.into_error_at(self.file, place);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

/// What a walk through a function came across.
struct ClosureFindings<'s> {
    rule: &'s str,
    source: &'s RuleSource,
    problems: Vec<(Position, RuleProblem)>,
    usages: Vec<FieldUsage>,
}

impl ClosureFindings<'_> {
    /// Adds what a chain asks, if it begins with an event, a window or a node.
    fn add_chain<'k>(
        &mut self,
        spot: &ScopedVisit<'_, 'k>,
        expr: &Expr,
        visits: &mut Vec<FunctionVisit<'k>>,
    ) {
        let chain = MemberChain::from_expr(expr);
        let Some(bound) = spot.resolve_root(chain.root) else {
            return;
        };
        let links = bound.extend_links(&chain.links);
        self.problems
            .extend(check_chain(self.rule, bound.meaning, &links));
        let asked = links_below_event(bound.meaning, &links);
        self.usages.extend(field_usage::chain_usages(asked));
        if bound.meaning == NameMeaning::Node {
            self.usages.extend(kept_field_usage(&links));
        }
        let problem = follow_ancestor_closure(self.source, spot, asked, visits);
        self.problems.extend(problem);
        follow_method(self.source, bound.meaning, &links, visits);
    }
}

/// Whether the last node of a walk is a step of the chain before it, not a chain of its own.
fn continues_chain(path: &[ASTNode<'_>]) -> bool {
    let [
        ..,
        ASTNode::Expr(Expr::Dot(both, flags, _) | Expr::Index(both, flags, _)),
        last,
    ] = path
    else {
        return false;
    };
    let ASTNode::Expr(last) = last else {
        return false;
    };
    std::ptr::eq(&both.rhs, *last) && !flags.contains(rhai::ASTFlags::BREAK)
}

/// Whether the call that a walk has come to is a method of a chain that begins with `rule(..)` or
/// with another thing that is built; those are checked where it is built.
fn is_builder_method(path: &[ASTNode<'_>]) -> bool {
    let mut nodes = path.iter().rev();
    if !matches!(nodes.next(), Some(ASTNode::Expr(Expr::MethodCall(..)))) {
        return false;
    }
    let chain =
        nodes.take_while(|node| matches!(node, ASTNode::Expr(Expr::Dot(..) | Expr::Index(..))));
    match chain.last() {
        Some(ASTNode::Expr(Expr::Dot(both, ..))) => {
            let builds = ["rule", "step", "absent", "link", "entity"];
            matches!(&both.lhs, Expr::FnCall(call, _) if builds.contains(&call.name.as_str()))
        }
        _ => false,
    }
}

fn unavailable_help(name: &str) -> Option<String> {
    UNAVAILABLE_FUNCTIONS.contains(&name).then(|| {
        "rules see the event and nothing else: no clock, no randomness, no files".to_owned()
    })
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with('e') { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Words of links inside of functions: a condition knows nothing of them.
fn find_misplaced_calls(
    source: &RuleSource,
    links: &[&str],
    scripted: &HashSet<&str>,
) -> Vec<(Position, RuleProblem)> {
    let mut found = Vec::new();
    for function in source.tree.iter_fn_def() {
        for statement in body_statements(function) {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                if let Some(call) = path.last().and_then(as_call)
                    && links.contains(&call.call.name.as_str())
                    && !scripted.contains(call.call.name.as_str())
                {
                    let name = &call.call.name;
                    let message = format!("there is no function `{name}` in a condition");
                    let problem = RuleProblem::new("unknown-function", message);
                    let help = match name.as_str() {
                        "lower" => "a text in lower case is `text.to_lower()`",
                        _ => "links are declared at the top of a file, outside of functions",
                    };
                    found.push((call.place, problem.with_help(help)));
                }
                true
            });
        }
    }
    found
}

fn check_builder_link(
    link: &ChainLink<'_>,
    methods: &[MethodSignature],
    kind: &str,
) -> Option<(Position, RuleProblem)> {
    let (name, place, arguments) = match link {
        ChainLink::Method(call, place) => (call.name.as_str(), *place, Some(call.args.len())),
        ChainLink::Property(name, place) => (*name, *place, None),
        ChainLink::Index(_) => return None,
    };
    let Some(method) = methods.iter().find(|method| method.name == name) else {
        let problem = format!("{} has no method `{name}`", with_article(kind));
        let names: Vec<&str> = methods.iter().map(|method| method.name).collect();
        let help = did_you_mean(name, names.iter().copied())
            .unwrap_or_else(|| format!("it has {}", names.join(", ")));
        return Some((
            place,
            RuleProblem::new("unknown-method", problem).with_help(help),
        ));
    };
    // Methods that take a list are the ones that people call with several arguments.
    let (fewest, most) = method.arguments;
    let list = [
        "on",
        "group_by",
        "scope",
        "id",
        "or_id",
        "parent",
        "or_parent",
        "keep",
        "from",
    ];
    let problem = match arguments {
        Some(count) if (fewest..=most).contains(&count) => return None,
        Some(count) => {
            let wanted = match (fewest, most) {
                (0, 0) => "no argument".to_owned(),
                (1, 1) => "one argument".to_owned(),
                (fewest, most) if fewest == most => format!("{most} arguments"),
                (fewest, most) => format!("{fewest} or {most} arguments"),
            };
            format!("`.{name}(..)` takes {wanted}, not {count}")
        }
        None => format!("`{name}` is a method"),
    };
    let help = match (name, most) {
        (name, 1) if list.contains(&name) => format!("write a list: `.{name}([.., ..])`"),
        (name, 0) => format!("write `.{name}()`"),
        (name, most) => {
            let given = vec![".."; most].join(", ");
            format!("write `.{name}({given})`")
        }
    };
    Some((
        place,
        RuleProblem::new("wrong-argument", problem).with_help(help),
    ))
}

/// A literal pattern that does not compile would only be noticed when the first event comes.
fn check_pattern(call: ScriptCall<'_>) -> Option<(Position, RuleProblem)> {
    let Some(Expr::StringConstant(wanted, place)) = call.call.args.last() else {
        return None;
    };
    let (code, problem) = match call.call.name.as_str() {
        "matches" => ("bad-regex", compile_rule_regex(wanted).err()?),
        "cidr" => ("bad-network", parse_network(wanted).err()?),
        _ => return None,
    };
    Some((*place, RuleProblem::new(code, problem)))
}
