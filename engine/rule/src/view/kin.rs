//! What a rule may ask of trees: the functions of an event, and the nodes that they show.
//!
//! A climb is made at once and the rule's closure asked afterwards, so that whoever answers is never
//! kept waiting by a script. What climbs cost is counted apart ([`Meter`]): rhai forgets what closures
//! spend that native functions call.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use larum_event::{Climbed, Enough, Event, Kin, Kinship, Position, limits};
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
pub(crate) const KEPT_BELOW: [&str; 3] = ["data", "metadata", "correlation"];

/// Whom to ask about an event, and as of when.
#[derive(Clone)]
pub(crate) struct Asking {
    pub(crate) trees: Arc<dyn Kinship>,
    pub(crate) at: Position,
    /// The event whose place in the trees is meant, where that is another one.
    pub(crate) instead: Option<Event>,
    pub(crate) meter: Rc<Meter>,
}

/// What the climbs of one run of a script have cost.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Climbs whose closures are being asked, inside of each other.
    inside: Cell<u32>,
    spent: Cell<u64>,
}

/// A node as scripts get it.
#[derive(Clone)]
struct NodeView(Rc<Kin>);

/// Fields that a node keeps, below a path.
#[derive(Clone)]
pub(super) struct KeptView {
    kin: Rc<Kin>,
    path: String,
}

type Asked<T> = Result<T, Box<EvalAltResult>>;

impl Asking {
    /// The id of the root over an event.
    pub(crate) fn root(&self, event: &Event) -> Option<Arc<str>> {
        self.trees.root(self.meant(event), self.at)
    }

    fn meant<'e>(&'e self, event: &'e Event) -> &'e Event {
        self.instead.as_ref().unwrap_or(event)
    }

    /// At most `most` nodes, the event's own first, and how it ended.
    fn climb(&self, event: &Event, most: usize) -> (Vec<Rc<Kin>>, Climbed) {
        let mut nodes = Vec::new();
        let climbed = self.trees.climb(self.meant(event), self.at, &mut |kin| {
            nodes.push(Rc::new(kin.clone()));
            match nodes.len() < most {
                true => Enough::No,
                false => Enough::Yes,
            }
        });
        (nodes, climbed)
    }
}

impl Meter {
    /// Begins a run.
    pub(crate) fn reset(&self) {
        self.inside.set(0);
        self.spent.set(0);
    }

    /// Counts one operation, if it is one of a closure that a climb asks; false when there were too many.
    pub(crate) fn tick(&self) -> bool {
        self.inside.get() == 0 || self.spend(1)
    }

    fn spend(&self, operations: u64) -> bool {
        self.spent.set(self.spent.get().saturating_add(operations));
        self.spent.get() <= limits::RULE_OPERATIONS
    }

    fn charge(&self, nodes: usize, ctx: &NativeCallContext<'_>) -> Asked<()> {
        let cost = NODE_OPERATIONS.saturating_mul(nodes as u64);
        if self.spend(cost) {
            return Ok(());
        }
        Err(EvalAltResult::ErrorTooManyOperations(ctx.call_position()).into())
    }
}

fn failed(ctx: &NativeCallContext<'_>, what: String) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(what.into(), ctx.call_position()).into()
}

impl EventView {
    fn asking(&self, ctx: &NativeCallContext<'_>) -> Asked<&Asking> {
        let none = || failed(ctx, "there are no trees to ask here".to_owned());
        self.asking.as_ref().ok_or_else(none)
    }

    fn root(&self, ctx: &NativeCallContext<'_>) -> Asked<Dynamic> {
        let asking = self.asking(ctx)?;
        asking.meter.charge(1, ctx)?;
        Ok(text(asking.root(&self.event).as_deref()))
    }

    fn node(&self, ctx: &NativeCallContext<'_>) -> Asked<Dynamic> {
        let asking = self.asking(ctx)?;
        asking.meter.charge(1, ctx)?;
        let (nodes, _) = asking.climb(&self.event, 1);
        let own = nodes.into_iter().next();
        Ok(own.map_or(Dynamic::UNIT, |kin| Dynamic::from(NodeView(kin))))
    }

    /// The nodes above the event's own, nearest first, and whether there are more.
    fn above(&self, ctx: &NativeCallContext<'_>) -> Asked<(Vec<Rc<Kin>>, bool)> {
        let asking = self.asking(ctx)?;
        let (mut nodes, climbed) = asking.climb(&self.event, usize::MAX);
        asking.meter.charge(nodes.len().max(1), ctx)?;
        if !nodes.is_empty() {
            nodes.remove(0);
        }
        Ok((nodes, climbed == Climbed::TooHigh))
    }

    fn ancestors(&self, ctx: &NativeCallContext<'_>) -> Asked<Array> {
        let (nodes, more) = self.above(ctx)?;
        if more {
            return Err(too_high(ctx));
        }
        let nodes = nodes.into_iter();
        Ok(nodes.map(|kin| Dynamic::from(NodeView(kin))).collect())
    }

    fn has_ancestor(&self, ctx: &NativeCallContext<'_>, is_meant: &FnPtr) -> Asked<bool> {
        let (nodes, more) = self.above(ctx)?;
        let meter = &self.asking(ctx)?.meter;
        for kin in nodes {
            meter.inside.set(meter.inside.get().saturating_add(1));
            let answer = is_meant.call_within_context::<Dynamic>(ctx, (NodeView(kin),));
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
            let found = super::kind(&answer);
            let is_it = answer.as_bool().map_err(|_| {
                let what = format!("the closure gives {found}, not true or false");
                failed(ctx, what)
            })?;
            if is_it {
                return Ok(true);
            }
        }
        match more {
            true => Err(too_high(ctx)),
            false => Ok(false),
        }
    }

    fn descendant_of(&self, ctx: &NativeCallContext<'_>, id: &str) -> Asked<bool> {
        let (nodes, more) = self.above(ctx)?;
        if nodes.iter().any(|kin| &*kin.id == id) {
            return Ok(true);
        }
        match more {
            true => Err(too_high(ctx)),
            false => Ok(false),
        }
    }
}

fn too_high(ctx: &NativeCallContext<'_>) -> Box<EvalAltResult> {
    let what = format!(
        "more than {} nodes stand above the event, and the others were not looked at",
        limits::ANCESTORS
    );
    failed(ctx, what)
}

fn text(text: Option<&str>) -> Dynamic {
    text.map_or(Dynamic::UNIT, Into::into)
}

/// Teaches an engine what may be asked of trees.
pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("root", |ctx: NativeCallContext<'_>, view: EventView| {
        view.root(&ctx)
    });
    engine.register_fn("node", |ctx: NativeCallContext<'_>, view: EventView| {
        view.node(&ctx)
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
            view.descendant_of(&ctx, &id)
        },
    );
    // Whose id is missing is nobody's ancestor.
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
    engine.register_get("id", |node: &mut NodeView| text(Some(&node.0.id)));
    engine.register_get("kind", |node: &mut NodeView| text(Some(&node.0.kind)));
    engine.register_get("label", |node: &mut NodeView| text(node.0.label.as_deref()));
    engine.register_get("stage", |node: &mut NodeView| text(node.0.stage.as_deref()));
    engine.register_get("time", |node: &mut NodeView| {
        let first = node.0.first.map(|first| first.to_string());
        text(first.as_deref())
    });
    engine.register_get("tags", |node: &mut NodeView| -> Map {
        let tags = node.0.tags.iter();
        tags.map(|(name, value)| (name.as_ref().into(), value.as_ref().into()))
            .collect()
    });
    for (name, _) in MEMBERS {
        if !NODE_MEMBERS.contains(&name) {
            engine.register_get(name, move |node: &mut NodeView| kept(&node.0, name));
        }
    }
    engine.register_indexer_get(|node: &mut NodeView, path: ImmutableString| kept(&node.0, &path));
    engine.register_fn("has", |node: NodeView, path: ImmutableString| {
        node.0.kept.iter().any(|(known, _)| **known == *path)
    });
    engine.register_type_with_name::<KeptView>("object");
    engine.register_indexer_get(|view: &mut KeptView, name: ImmutableString| view.get(&name));
    engine.register_fn("has", |view: KeptView, path: ImmutableString| {
        let path = format!("{}.{path}", view.path);
        view.kin.kept.iter().any(|(known, _)| **known == *path)
    });
}

impl KeptView {
    /// What is kept at the member `name`.
    pub(super) fn get(&self, name: &str) -> Dynamic {
        kept(&self.kin, &format!("{}.{name}", self.path))
    }
}

/// The value that a node keeps at `path`, or those that it keeps below it; `()` for neither.
fn kept(kin: &Rc<Kin>, path: &str) -> Dynamic {
    let mut fields = kin.kept.iter();
    if let Some((_, value)) = fields.find(|(known, _)| **known == *path) {
        return json::plain(value);
    }
    let is_below = |known: &str| {
        let rest = known.strip_prefix(path);
        rest.is_some_and(|rest| rest.starts_with('.'))
    };
    if KEPT_BELOW.contains(&path) || kin.kept.iter().any(|(known, _)| is_below(known)) {
        return Dynamic::from(KeptView {
            kin: Rc::clone(kin),
            path: path.to_owned(),
        });
    }
    Dynamic::UNIT
}
