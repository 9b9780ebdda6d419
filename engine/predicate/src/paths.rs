//! Where in an event a field is found: paths of member names to slots.
//!
//! A field `a.b` is found in `{"a":{"b":1}}`, in `{"a.b":1}`, and in each member of arrays on the
//! way. A *mount* makes the members of a place count as if they were at the top; an *alias* gives a
//! place the name of a field, which counts only where no member has that name itself. An *exact
//! path* leads through members of objects alone, as [`larum_event::FieldSet`] reads it.
//!
//! Owns the tree of paths; walking it quickly is left to `path_cache`.
//! Invariant: nodes never change once the tree is built, so a place stays valid as long as its
//! reader.

use std::collections::HashMap;

use crate::ids::SlotId;
use crate::record::EntryOrigin;
use crate::set::PredicateSet;

/// How one or more formats lay out their fields.
#[derive(Debug, Clone, Default)]
pub struct PathMap {
    mounts: Vec<String>,
    aliases: Vec<(String, String)>,
    /// Members of the document itself are none of the top.
    only_mounts: bool,
}

impl PathMap {
    /// Adds what another layout says.
    pub fn merge(&mut self, other: Self) {
        self.mounts.extend(other.mounts);
        self.aliases.extend(other.aliases);
        self.only_mounts |= other.only_mounts;
    }

    /// The same layout for documents that are the member `name` of an event, such as `data`.
    /// Other members of the event name no field.
    #[must_use]
    pub fn nest_under(&self, name: &str) -> Self {
        let below = |path: &String| format!("{name}.{path}");
        let mut mounts: Vec<String> = self.mounts.iter().map(below).collect();
        mounts.push(name.to_owned());
        let aliases = self.aliases.iter();
        Self {
            mounts,
            aliases: aliases
                .map(|(path, field)| (below(path), field.clone()))
                .collect(),
            only_mounts: true,
        }
    }

    /// Members of the place at `path` count as members at the top. `*` is any one name.
    pub fn add_mount(&mut self, path: &str) {
        self.mounts.push(path.to_owned());
    }

    /// The value at `path` is also called `field`. `*` stands for any one name.
    pub fn add_alias(&mut self, path: &str, field: &str) {
        self.aliases.push((path.to_owned(), field.to_owned()));
    }
}

/// A place, by its number in the tree. Its highest bits say how it was reached.
pub(crate) type PathPlace = u32;
/// The place is of exact paths.
const EXACT_BIT: PathPlace = 1 << 31;
/// The place is of exact paths, and one of the names on the way had a dot in it.
const DOTTED_BIT: PathPlace = 1 << 30;
/// The place is of elements of an array at an exact place.
const ELEMENTS_BIT: PathPlace = 1 << 29;
const ORIGIN_BITS: PathPlace = EXACT_BIT | DOTTED_BIT | ELEMENTS_BIT;
/// Where exact paths begin.
const EXACT_ROOT: PathPlace = 2 | EXACT_BIT;
/// Where fields without a mount are looked for.
pub(crate) const TOP: PathPlace = 0;
/// Where the paths of mounts and aliases begin.
pub(crate) const DOCUMENT: PathPlace = 1;

#[derive(Debug, Default)]
struct PathNode {
    children: HashMap<Box<str>, PathPlace>,
    any_child: Option<PathPlace>,
    slot: Option<SlotId>,
    aliases: Vec<SlotId>,
    mounted: bool,
}

/// The paths as a tree.
#[derive(Debug)]
pub(crate) struct PathTree {
    nodes: Vec<PathNode>,
    roots: Vec<PathPlace>,
}

impl PathTree {
    /// A tree of the fields of `set`, of what `map` says of them, and of exact paths; what names no
    /// field is left out.
    pub(crate) fn new(set: &PredicateSet, map: &PathMap) -> Self {
        let mut tree = Self {
            nodes: vec![
                PathNode::default(),
                PathNode::default(),
                PathNode::default(),
            ],
            roots: Vec::new(),
        };
        // Exact paths first: they are a root of their own only if something was added.
        tree.insert_exact_paths(set);
        let fields: HashMap<&str, SlotId> = set.fields().collect();
        for (name, slot) in &fields {
            if let Some(node) = tree.insert(TOP, name) {
                node.slot = Some(*slot);
            }
        }
        // After the fields, as an alias of a field that no rule names leads nowhere.
        for (path, field) in &map.aliases {
            let Some(slot) = fields.get(field.as_str()) else {
                continue;
            };
            if let Some(node) = tree.insert(DOCUMENT, path) {
                node.aliases.push(*slot);
            }
        }
        for path in &map.mounts {
            if let Some(node) = tree.insert(DOCUMENT, path) {
                node.mounted = true;
            }
        }
        if !map.only_mounts {
            tree.roots.push(TOP);
        }
        tree.roots.push(DOCUMENT);
        tree
    }

    fn insert_exact_paths(&mut self, set: &PredicateSet) {
        // As FieldSet has it, a longer path leads nowhere.
        let leads = |path: &str| path.split('.').count() <= larum_event::limits::EVENT_DEPTH;
        for (path, slot) in set.paths().filter(|(path, _)| leads(path)) {
            if let Some(node) = self.insert(EXACT_ROOT & !ORIGIN_BITS, path) {
                node.slot = Some(slot);
            }
        }
        for (path, slot) in set.element_paths().filter(|(path, _)| leads(path)) {
            // No segment of a path is empty.
            if let Some(node) = self.insert(EXACT_ROOT & !ORIGIN_BITS, &format!("{path}.")) {
                node.slot = Some(slot);
            }
        }
        if self.nodes.len() > 3 {
            self.roots.push(EXACT_ROOT);
        }
    }

    /// Adds to `places` where the elements of an array at the places in `from` are: an exact path
    /// ends at an array, but for what is asked of its elements.
    pub(crate) fn enter_elements(&self, places: &mut Vec<PathPlace>, from: std::ops::Range<usize>) {
        for at in from {
            let Some(place) = places.get(at).copied() else {
                continue;
            };
            if place & EXACT_BIT == 0 {
                places.push(place);
            } else if place & ELEMENTS_BIT == 0
                && let Some(elements) = self.node(place).and_then(|node| node.children.get(""))
            {
                places.push(*elements | place & ORIGIN_BITS | ELEMENTS_BIT);
            }
        }
    }

    /// The places of the whole document.
    pub(crate) fn roots(&self) -> &[PathPlace] {
        &self.roots
    }

    fn insert(&mut self, root: PathPlace, path: &str) -> Option<&mut PathNode> {
        let mut at = root;
        for segment in path.split('.') {
            let fresh = PathPlace::try_from(self.nodes.len()).ok()?;
            let node = self.nodes.get_mut(at as usize)?;
            let known = if segment == "*" && root == DOCUMENT {
                *node.any_child.get_or_insert(fresh)
            } else {
                *node.children.entry(segment.into()).or_insert(fresh)
            };
            if known == fresh {
                self.nodes.push(PathNode::default());
            }
            at = known;
        }
        self.nodes.get_mut(at as usize)
    }

    fn node(&self, place: PathPlace) -> Option<&PathNode> {
        self.nodes.get((place & !ORIGIN_BITS) as usize)
    }

    /// How values at the place are found.
    pub(crate) fn entry_origin(place: PathPlace) -> EntryOrigin {
        let is_dotted = place & DOTTED_BIT != 0;
        match (place & EXACT_BIT != 0, place & ELEMENTS_BIT != 0) {
            (false, _) => EntryOrigin::Layout,
            (true, false) if is_dotted => EntryOrigin::Dotted,
            (true, false) => EntryOrigin::Nested,
            (true, true) if is_dotted => EntryOrigin::DottedElement,
            (true, true) => EntryOrigin::Element,
        }
    }

    /// Slots of a place, and whether each is only an alias.
    pub(crate) fn place_slots(
        &self,
        place: PathPlace,
    ) -> impl Iterator<Item = (SlotId, bool)> + '_ {
        let node = self.node(place);
        let own = node.and_then(|node| node.slot).map(|slot| (slot, false));
        let aliases = node.into_iter().flat_map(|node| &node.aliases);
        own.into_iter().chain(aliases.map(|slot| (*slot, true)))
    }

    /// Adds to `places` where the member `name` of the places in `from` leads.
    pub(crate) fn enter_member(
        &self,
        places: &mut Vec<PathPlace>,
        from: std::ops::Range<usize>,
        name: &str,
    ) {
        for at in from {
            let Some(place) = places.get(at).copied() else {
                continue;
            };
            if place & EXACT_BIT != 0 {
                places.extend(self.exact_member(place, name));
                continue;
            }
            // XML as JSON: the text of an element that also has attributes.
            if name == "#text" {
                places.push(place);
                continue;
            }
            self.descend(places, place, name);
            if name.contains(' ') {
                // Defender says "Threat Name", rules say ThreatName.
                self.descend(places, place, &name.replace(' ', ""));
            }
            let any = self.node(place).and_then(|node| node.any_child);
            any.into_iter().for_each(|any| self.add_place(places, any));
        }
    }

    /// The member of an exact place.
    fn exact_member(&self, from: PathPlace, name: &str) -> Option<PathPlace> {
        // Elements have no members here, and an empty name is none of theirs.
        if from & ELEMENTS_BIT != 0 || name.is_empty() {
            return None;
        }
        let step = |place: PathPlace, name: &str| self.node(place)?.children.get(name).copied();
        if let Some(place) = step(from, name) {
            return Some(place | from & ORIGIN_BITS);
        }
        if !name.contains('.') {
            return None;
        }
        if name.split('.').any(str::is_empty) {
            return None;
        }
        let place = name.split('.').try_fold(from, step)?;
        Some(place | EXACT_BIT | DOTTED_BIT)
    }

    fn descend(&self, places: &mut Vec<PathPlace>, from: PathPlace, name: &str) {
        let Some(node) = self.node(from) else {
            return;
        };
        if let Some(place) = node.children.get(name) {
            self.add_place(places, *place);
        } else if let Some((first, rest)) = name.split_once('.')
            && let Some(place) = node.children.get(first)
        {
            self.descend(places, *place, rest);
        }
    }

    fn add_place(&self, places: &mut Vec<PathPlace>, place: PathPlace) {
        places.push(place);
        if self.node(place).is_some_and(|node| node.mounted) {
            places.push(TOP);
        }
    }
}
