//! What a rule may ask of trees: the functions of an event, and the nodes that they show.
//!
//! Owns those functions and what they cost. Which nodes stand above an event is known to the
//! [`TreeLookup`], which a script never keeps waiting: all nodes are collected first, and the
//! rule's closure is asked afterwards.
//! Invariant: what a closure spends on nodes counts towards the rule's budget. rhai forgets what
//! closures spend that native functions call, so [`TreeMeter`] counts it apart.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{Event, Position, TreeLookup, TreeNodeView, VisitControl, VisitOutcome, limits};
use rhai::{Array, Dynamic, Engine, EvalAltResult, FnPtr, ImmutableString, Map, NativeCallContext};

use super::member::MEMBERS;
use super::{EventView, json};

/// What one node costs that a rule is shown, in operations.
const NODE_OPERATIONS: u64 = 10;

/// The functions of an event that ask trees, each with how many arguments it takes.
pub(crate) const TREE_FUNCTIONS: [(&str, usize); 5] = [
    ("root", 0),
    ("node", 0),
    ("ancestors", 0),
    ("has_ancestor", 1),
    ("descendant_of", 1),
];

/// What a node has besides the fields that it keeps.
pub(crate) const NODE_MEMBERS: [&str; 6] = ["id", "kind", "label", "stage", "tags", "time"];

/// Where events keep what nodes keep of them.
pub(crate) const NODE_FIELD_ROOTS: [&str; 3] = ["data", "metadata", "correlation"];

/// Whom to ask about an event, and as of when.
#[derive(Clone)]
pub(crate) struct TreeAccess {
    pub(crate) trees: Arc<dyn TreeLookup>,
    pub(crate) at: Position,
    /// The event whose place in the trees is meant, where that is another one.
    pub(crate) subject: Option<Event>,
    pub(crate) meter: Rc<TreeMeter>,
}

/// What the climbs of one run of a script have cost.
#[derive(Debug, Default)]
pub(crate) struct TreeMeter {
    /// Climbs whose closures are being asked, inside of each other.
    inside: Cell<u32>,
    spent: Cell<u64>,
}

/// A node as scripts get it.
#[derive(Clone)]
struct NodeView(Rc<TreeNodeView>);

/// Fields that a node keeps, below a path.
#[derive(Clone)]
pub(super) struct NodeFieldView {
    node: Rc<TreeNodeView>,
    path: String,
}

type ScriptResult<T> = Result<T, Box<EvalAltResult>>;

impl TreeAccess {
    /// The id of the root over an event.
    pub(crate) fn root(&self, event: &Event) -> Option<Arc<str>> {
        self.trees.root_id(self.subject_event(event), self.at)
    }

    fn subject_event<'e>(&'e self, event: &'e Event) -> &'e Event {
        self.subject.as_ref().unwrap_or(event)
    }

    /// At most `most` nodes, the event's own first, and how it ended.
    fn collect_nodes(&self, event: &Event, most: usize) -> (Vec<Rc<TreeNodeView>>, VisitOutcome) {
        let mut nodes = Vec::new();
        let outcome = self
            .trees
            .visit_ancestors(self.subject_event(event), self.at, &mut |node| {
                nodes.push(Rc::new(node.clone()));
                match nodes.len() < most {
                    true => VisitControl::Continue,
                    false => VisitControl::Stop,
                }
            });
        (nodes, outcome)
    }
}

impl TreeMeter {
    /// Begins a run.
    pub(crate) fn reset(&self) {
        self.inside.set(0);
        self.spent.set(0);
    }

    /// Counts one operation, if it is one of a closure that a climb asks; false when there were too
    /// many.
    pub(crate) fn tick(&self) -> bool {
        self.inside.get() == 0 || self.spend(1)
    }

    fn spend(&self, operations: u64) -> bool {
        self.spent.set(self.spent.get().saturating_add(operations));
        self.spent.get() <= limits::RULE_OPERATIONS
    }

    fn charge_nodes(&self, nodes: usize, ctx: &NativeCallContext<'_>) -> ScriptResult<()> {
        let cost = NODE_OPERATIONS.saturating_mul(nodes as u64);
        if self.spend(cost) {
            return Ok(());
        }
        Err(EvalAltResult::ErrorTooManyOperations(ctx.call_position()).into())
    }
}

fn runtime_error(ctx: &NativeCallContext<'_>, what: String) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(what.into(), ctx.call_position()).into()
}

impl EventView {
    fn tree_access(&self, ctx: &NativeCallContext<'_>) -> ScriptResult<&TreeAccess> {
        let none = || runtime_error(ctx, "there are no trees to ask here".to_owned());
        self.trees.as_ref().ok_or_else(none)
    }

    fn tree_root(&self, ctx: &NativeCallContext<'_>) -> ScriptResult<Dynamic> {
        let access = self.tree_access(ctx)?;
        access.meter.charge_nodes(1, ctx)?;
        Ok(text_or_unit(access.root(&self.event).as_deref()))
    }

    fn own_node(&self, ctx: &NativeCallContext<'_>) -> ScriptResult<Dynamic> {
        let access = self.tree_access(ctx)?;
        access.meter.charge_nodes(1, ctx)?;
        let (nodes, _) = access.collect_nodes(&self.event, 1);
        let own = nodes.into_iter().next();
        Ok(own.map_or(Dynamic::UNIT, |node| Dynamic::from(NodeView(node))))
    }

    /// The nodes above the event's own, nearest first, and whether there are more.
    fn nodes_above(
        &self,
        ctx: &NativeCallContext<'_>,
    ) -> ScriptResult<(Vec<Rc<TreeNodeView>>, bool)> {
        let access = self.tree_access(ctx)?;
        let (mut nodes, outcome) = access.collect_nodes(&self.event, usize::MAX);
        access.meter.charge_nodes(nodes.len().max(1), ctx)?;
        if !nodes.is_empty() {
            nodes.remove(0);
        }
        Ok((nodes, outcome == VisitOutcome::TooHigh))
    }

    fn ancestors(&self, ctx: &NativeCallContext<'_>) -> ScriptResult<Array> {
        let (nodes, more) = self.nodes_above(ctx)?;
        if more {
            return Err(too_high_error(ctx));
        }
        let nodes = nodes.into_iter();
        Ok(nodes.map(|node| Dynamic::from(NodeView(node))).collect())
    }

    fn has_ancestor(&self, ctx: &NativeCallContext<'_>, is_meant: &FnPtr) -> ScriptResult<bool> {
        let (nodes, more) = self.nodes_above(ctx)?;
        let meter = &self.tree_access(ctx)?.meter;
        for node in nodes {
            meter.inside.set(meter.inside.get().saturating_add(1));
            let answer = is_meant.call_within_context::<Dynamic>(ctx, (NodeView(node),));
            meter.inside.set(meter.inside.get().saturating_sub(1));
            let answer = answer.map_err(|error| match error.unwrap_inner() {
                EvalAltResult::ErrorTerminated(_, place) => {
                    EvalAltResult::ErrorTooManyOperations(*place).into()
                }
                _ => error,
            })?;
            // Missing is not true, as everywhere in a condition.
            if answer.is_unit() {
                continue;
            }
            let found = super::kind_name(&answer);
            let is_it = answer.as_bool().map_err(|_| {
                let what = format!("the closure gives {found}, not true or false");
                runtime_error(ctx, what)
            })?;
            if is_it {
                return Ok(true);
            }
        }
        match more {
            true => Err(too_high_error(ctx)),
            false => Ok(false),
        }
    }

    fn is_descendant_of(&self, ctx: &NativeCallContext<'_>, id: &str) -> ScriptResult<bool> {
        let (nodes, more) = self.nodes_above(ctx)?;
        if nodes.iter().any(|node| &*node.id == id) {
            return Ok(true);
        }
        match more {
            true => Err(too_high_error(ctx)),
            false => Ok(false),
        }
    }
}

fn too_high_error(ctx: &NativeCallContext<'_>) -> Box<EvalAltResult> {
    let what = format!(
        "more than {} nodes stand above the event, and the others were not looked at",
        limits::ANCESTORS
    );
    runtime_error(ctx, what)
}

fn text_or_unit(text: Option<&str>) -> Dynamic {
    text.map_or(Dynamic::UNIT, Into::into)
}

/// Registers what may be asked of trees.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("root", |ctx: NativeCallContext<'_>, view: EventView| {
        view.tree_root(&ctx)
    });
    engine.register_fn("node", |ctx: NativeCallContext<'_>, view: EventView| {
        view.own_node(&ctx)
    });
    engine.register_fn(
        "ancestors",
        |ctx: NativeCallContext<'_>, view: EventView| view.ancestors(&ctx),
    );
    engine.register_fn(
        "has_ancestor",
        |ctx: NativeCallContext<'_>, view: EventView, is_meant: FnPtr| {
            view.has_ancestor(&ctx, &is_meant)
        },
    );
    engine.register_fn(
        "descendant_of",
        |ctx: NativeCallContext<'_>, view: EventView, id: ImmutableString| {
            view.is_descendant_of(&ctx, &id)
        },
    );
    // A missing id is no node's.
    engine.register_fn("descendant_of", |_: EventView, (): ()| false);
    engine.register_fn("root", |(): ()| ());
    engine.register_fn("node", |(): ()| ());
    engine.register_fn("ancestors", |(): ()| Array::new());
    engine.register_fn("has_ancestor", |(): (), _: Dynamic| false);
    engine.register_fn("descendant_of", |(): (), _: Dynamic| false);
    register_nodes(engine);
}

fn register_nodes(engine: &mut Engine) {
    engine.register_type_with_name::<NodeView>("node");
    engine.register_get("id", |node: &mut NodeView| text_or_unit(Some(&node.0.id)));
    engine.register_get("kind", |node: &mut NodeView| {
        text_or_unit(Some(&node.0.kind))
    });
    engine.register_get("label", |node: &mut NodeView| {
        text_or_unit(node.0.label.as_deref())
    });
    engine.register_get("stage", |node: &mut NodeView| {
        text_or_unit(node.0.stage.as_deref())
    });
    engine.register_get("time", |node: &mut NodeView| {
        let first = node.0.first.map(|first| first.to_string());
        text_or_unit(first.as_deref())
    });
    engine.register_get("tags", |node: &mut NodeView| -> Map {
        let tags = node.0.tags.iter();
        tags.map(|(name, value)| (name.as_ref().into(), value.as_ref().into()))
            .collect()
    });
    // Names that both have mean the node's own; all others mean fields that it keeps.
    for (name, _) in MEMBERS {
        if !NODE_MEMBERS.contains(&name) {
            engine.register_get(name, move |node: &mut NodeView| field_value(&node.0, name));
        }
    }
    engine.register_indexer_get(|node: &mut NodeView, path: ImmutableString| {
        field_value(&node.0, &path)
    });
    engine.register_fn("has", |node: NodeView, path: ImmutableString| {
        node.0.kept_fields.iter().any(|(known, _)| **known == *path)
    });
    engine.register_type_with_name::<NodeFieldView>("object");
    engine.register_indexer_get(|view: &mut NodeFieldView, name: ImmutableString| view.get(&name));
    engine.register_fn("has", |view: NodeFieldView, path: ImmutableString| {
        let path = format!("{}.{path}", view.path);
        view.node
            .kept_fields
            .iter()
            .any(|(known, _)| **known == *path)
    });
}

impl NodeFieldView {
    /// What is kept at the member `name`.
    pub(super) fn get(&self, name: &str) -> Dynamic {
        field_value(&self.node, &format!("{}.{name}", self.path))
    }
}

/// The value that a node keeps at `path`, or those that it keeps below it; `()` for neither.
fn field_value(node: &Rc<TreeNodeView>, path: &str) -> Dynamic {
    let mut fields = node.kept_fields.iter();
    if let Some((_, value)) = fields.find(|(known, _)| **known == *path) {
        return json::parse_dynamic(value);
    }
    let is_below = |known: &str| {
        let rest = known.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    if NODE_FIELD_ROOTS.contains(&path) || node.kept_fields.iter().any(|(known, _)| is_below(known))
    {
        return Dynamic::from(NodeFieldView {
            node: Rc::clone(node),
            path: path.to_owned(),
        });
    }
    Dynamic::UNIT
}
