//! Finding what would never work, before any event comes.
//!
//! A misspelt name must be an error at load and never a rule that silently cannot match: functions
//! that do not exist, members that no event or window has, patterns that do not compile.

use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use larum_event::RuleFile;
use rhai::{ASTNode, Engine, Expr, Position, ScriptFuncDef};

use super::chain::{Chain, Link};
use super::closure::Literal;
use super::names::{Meaning, WindowMeaning, chain_problem};
use super::scopes::Scopes;
use super::source::{Source, body};
use super::uses::{self, FieldUse};
use super::visit::{Spot, Visit, below_event, follow_call, follow_method, follow_nodes, kept};
use super::walk::{Call, call_of, each_expr};
use crate::builder::Signature;
use crate::diagnostic::{Diagnostic, Refusal, did_you_mean};
use crate::text::{Network, regex};

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
const OUTSIDE: [&str; 6] = ["sleep", "timestamp", "now", "rand", "open_file", "exit"];

/// Names that begin so are put into conditions by the engine.
const OURS: &str = "larum_";

/// The functions that an engine has, by name.
pub(crate) fn functions_of(engine: &Engine) -> BTreeSet<String> {
    let names = engine.collect_fn_metadata(None, |info| Some(info.metadata.name.to_string()), true);
    names
        .into_iter()
        // Operators and getters are functions to rhai, but not by name.
        .filter(|name| name.chars().all(|c| c == '_' || c.is_alphanumeric()))
        .filter(|name| !name.starts_with(OURS))
        .chain(KEYWORDS.map(str::to_owned))
        .collect()
}

/// Checks the texts of one file.
pub(crate) struct Checker<'a> {
    pub(crate) file: &'a RuleFile,
    pub(crate) source: &'a Source,
    pub(crate) problems: &'a mut Vec<Diagnostic>,
}

impl Checker<'_> {
    /// Every function that is called must exist, and literal patterns must compile.
    /// Of `builder`, what builds; of `links`, what only links are built with, so that conditions have it not.
    pub(crate) fn calls(&mut self, native: &BTreeSet<String>, builder: &[&str], links: &[&str]) {
        let scripted: HashSet<&str> = self
            .source
            .tree
            .iter_fn_def()
            .map(|function| function.name.as_str())
            .collect();
        let mut found: Vec<(String, Position)> = Vec::new();
        let mut problems = misplaced(self.source, links, &scripted);
        self.source.tree.walk(&mut |path| {
            let Some(call) = path.last().and_then(call_of) else {
                return true;
            };
            if call.call.op_token.is_none() && call.call.namespace.is_empty() {
                let name = call.call.name.as_str();
                if !native.contains(name) && !scripted.contains(name) && !is_of_rule(path) {
                    found.push((name.to_owned(), call.place));
                }
                problems.extend(pattern_problem(call));
            }
            true
        });
        for function in self.source.tree.iter_fn_def() {
            if function.name.starts_with(OURS) {
                let problem = format!("`{}` is a name of the engine's own", function.name);
                let place = function.body.start_position();
                problems.push((place, Refusal::new("reserved-name", problem)));
            }
        }
        for (name, place) in found {
            let known = native.iter().map(String::as_str);
            let known = known.chain(scripted.iter().copied());
            let known = known.chain(builder.iter().copied());
            self.report(
                place,
                Refusal::new("unknown-function", format!("there is no function `{name}`"))
                    .maybe_help(did_you_mean(&name, known))
                    .maybe_help(world_help(&name)),
            );
        }
        for (place, problem) in problems {
            self.report(place, problem);
        }
    }

    /// Everything that is called on a rule, a step, a link or an entity must be one of its methods, with as
    /// many arguments as it takes.
    pub(crate) fn builder(&mut self, built: &[(&str, Vec<Signature>)]) {
        let mut problems = Vec::new();
        each_expr(&self.source.tree, &mut |expr| {
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
            for link in Chain::of(expr).links {
                let found = builder_problem(&link, methods, kind);
                problems.extend(found.map(|(place, problem)| (place, problem.of(kind, name))));
            }
        });
        for (place, problem) in problems {
            self.report(place, problem);
        }
    }

    /// The event that a condition gets must only be asked for members it can have. Gives what it
    /// is asked.
    pub(crate) fn condition(
        &mut self,
        rule: &str,
        function: &Rc<ScriptFuncDef>,
        captured: &[Literal],
    ) -> Vec<FieldUse> {
        self.closure(rule, function, captured, Meaning::Event)
    }

    /// The same of the window that an alert's text is made of.
    pub(crate) fn alert(
        &mut self,
        rule: &str,
        function: &Rc<ScriptFuncDef>,
        window: WindowMeaning<'_>,
    ) -> Vec<FieldUse> {
        self.closure(rule, function, &[], Meaning::Window(window))
    }

    fn closure(
        &mut self,
        rule: &str,
        function: &Rc<ScriptFuncDef>,
        captured: &[Literal],
        meaning: Meaning<'_>,
    ) -> Vec<FieldUse> {
        // An event stands behind what was captured; a window is all that there is.
        let own = match meaning {
            Meaning::Event => function.params.get(captured.len()),
            Meaning::Window(_) | Meaning::Node => function.params.last(),
        };
        let Some(parameter) = own else {
            return Vec::new();
        };
        let constants = function.params.iter().zip(captured);
        let mut visits = vec![Visit {
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
                uses.extend(self.visit(rule, &visit, &mut visits));
            }
        }
        uses
    }

    /// Checks one function, and notes the functions that it hands its event or window to.
    fn visit<'k>(
        &mut self,
        rule: &str,
        visit: &Visit<'k>,
        visits: &mut Vec<Visit<'k>>,
    ) -> Vec<FieldUse> {
        let statements = body(&visit.function);
        let mut scopes = Scopes::of(&visit.names, &statements);
        let source = self.source;
        let (mut problems, mut found) = (Vec::new(), Vec::new());
        for statement in &statements {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                let Some(node) = path.last() else {
                    return true;
                };
                scopes.enter(path, visit.this);
                let scopes = &scopes;
                let spot = Spot { visit, scopes };
                if let ASTNode::Expr(expr @ (Expr::Dot(..) | Expr::Index(..))) = node
                    && !continues_chain(path)
                {
                    let chain = Chain::of(expr);
                    if let Some(bound) = spot.meaning_of(chain.root) {
                        let links = bound.links(&chain.links);
                        problems.extend(chain_problem(rule, bound.meaning, &links));
                        found.extend(uses::of_chain(below_event(bound.meaning, &links)));
                        if bound.meaning == Meaning::Node {
                            found.extend(kept(&links));
                        }
                        let asked = below_event(bound.meaning, &links);
                        problems.extend(follow_nodes(source, &spot, asked, visits));
                        follow_method(source, bound.meaning, &links, visits);
                    }
                }
                problems.extend(spot.assignment(rule, node));
                if let Some(call) = call_of(node) {
                    found.extend(spot.uses(call));
                    follow_call(source, &spot, call, visits);
                }
                true
            });
        }
        for (place, problem) in problems {
            self.report(place, problem);
        }
        found
    }

    fn report(&mut self, place: Position, problem: Refusal) {
        let problem = problem.at(self.file, place);
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
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

/// Whether the call that a walk has come to is a method of a chain that begins with `rule(..)` or with
/// another thing that is built; those are checked where it is built.
fn is_of_rule(path: &[ASTNode<'_>]) -> bool {
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

fn world_help(name: &str) -> Option<String> {
    OUTSIDE.contains(&name).then(|| {
        "rules see the event and nothing else: no clock, no randomness, no files".to_owned()
    })
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with('e') { "an" } else { "a" };
    format!("{article} {kind}")
}

/// Words of links inside of functions: a condition knows nothing of them.
fn misplaced(
    source: &Source,
    links: &[&str],
    scripted: &HashSet<&str>,
) -> Vec<(Position, Refusal)> {
    let mut found = Vec::new();
    for function in source.tree.iter_fn_def() {
        for statement in body(function) {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                if let Some(call) = path.last().and_then(call_of)
                    && links.contains(&call.call.name.as_str())
                    && !scripted.contains(call.call.name.as_str())
                {
                    let name = &call.call.name;
                    let problem = format!("there is no function `{name}` in a condition");
                    let problem = Refusal::new("unknown-function", problem);
                    let help = match name.as_str() {
                        "lower" => "a text in lower case is `text.to_lower()`",
                        _ => "links are declared at the top of a file, outside of functions",
                    };
                    found.push((call.place, problem.help(help)));
                }
                true
            });
        }
    }
    found
}

fn builder_problem(
    link: &Link<'_>,
    methods: &[Signature],
    kind: &str,
) -> Option<(Position, Refusal)> {
    let (name, place, arguments) = match link {
        Link::Method(call, place) => (call.name.as_str(), *place, Some(call.args.len())),
        Link::Property(name, place) => (*name, *place, None),
        Link::Index(_) => return None,
    };
    let Some(method) = methods.iter().find(|method| method.name == name) else {
        let problem = format!("{} has no method `{name}`", with_article(kind));
        let names: Vec<&str> = methods.iter().map(|method| method.name).collect();
        let help = did_you_mean(name, names.iter().copied())
            .unwrap_or_else(|| format!("it has {}", names.join(", ")));
        return Some((place, Refusal::new("unknown-method", problem).help(help)));
    };
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
    Some((place, Refusal::new("wrong-argument", problem).help(help)))
}

/// A literal pattern that does not compile would only be noticed when the first event comes.
fn pattern_problem(call: Call<'_>) -> Option<(Position, Refusal)> {
    let Some(Expr::StringConstant(wanted, place)) = call.call.args.last() else {
        return None;
    };
    let (code, problem) = match call.call.name.as_str() {
        "matches" => ("bad-regex", regex(wanted).err()?),
        "cidr" => ("bad-network", Network::parse(wanted).err()?),
        _ => return None,
    };
    Some((*place, Refusal::new(code, problem)))
}
