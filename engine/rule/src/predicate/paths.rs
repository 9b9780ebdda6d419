//! Where in an event a field stands: paths of member names to slots.
//!
//! A field `a.b` stands in `{"a":{"b":1}}`, in `{"a.b":1}`, and in each member of arrays on the way. A
//! *mount* makes the members of a place count as if they stood at the top; an *alias* gives a place the
//! name of a field, which counts only when nothing bears that name itself.

use std::collections::HashMap;

use super::set::Slot;

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
    pub fn join(&mut self, other: Self) {
        self.mounts.extend(other.mounts);
        self.aliases.extend(other.aliases);
        self.only_mounts |= other.only_mounts;
    }

    /// The same layout for documents that stand as the member `name` of an event, such as `data`. What
    /// stands beside that member names no field.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
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

    /// Members of the place at `path` count as members at the top. `*` stands for any one name.
    pub fn mount(&mut self, path: &str) {
        self.mounts.push(path.to_owned());
    }

    /// What stands at `path` is also called `field`. `*` stands for any one name.
    pub fn alias(&mut self, path: &str, field: &str) {
        self.aliases.push((path.to_owned(), field.to_owned()));
    }
}

/// A place, by its number in the tree.
pub(crate) type Place = u32;
/// Where fields without a mount are looked for.
pub(crate) const TOP: Place = 0;
/// Where the paths of mounts and aliases begin.
pub(crate) const DOCUMENT: Place = 1;

#[derive(Debug, Default)]
struct Node {
    children: HashMap<Box<str>, Place>,
    any_child: Option<Place>,
    slot: Option<Slot>,
    aliases: Vec<Slot>,
    mounted: bool,
}

/// The paths as a tree.
#[derive(Debug)]
pub(crate) struct PathTree {
    nodes: Vec<Node>,
    only_mounts: bool,
}

impl PathTree {
    /// A tree of the fields, and of what `map` says of them; what names no field is left out.
    pub(crate) fn new<'f>(fields: impl Iterator<Item = (&'f str, Slot)>, map: &PathMap) -> Self {
        let mut tree = Self {
            nodes: vec![Node::default(), Node::default()],
            only_mounts: map.only_mounts,
        };
        let fields: HashMap<&str, Slot> = fields.collect();
        for (name, slot) in &fields {
            if let Some(node) = tree.insert(TOP, name) {
                node.slot = Some(*slot);
            }
        }
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
        tree
    }

    /// Where the whole document stands.
    pub(crate) fn roots(&self) -> &'static [Place] {
        if self.only_mounts {
            &[DOCUMENT]
        } else {
            &[TOP, DOCUMENT]
        }
    }

    fn insert(&mut self, root: Place, path: &str) -> Option<&mut Node> {
        let mut at = root;
        for segment in path.split('.') {
            let fresh = Place::try_from(self.nodes.len()).ok()?;
            let node = self.nodes.get_mut(at as usize)?;
            let known = if segment == "*" && root == DOCUMENT {
                *node.any_child.get_or_insert(fresh)
            } else {
                *node.children.entry(segment.into()).or_insert(fresh)
            };
            if known == fresh {
                self.nodes.push(Node::default());
            }
            at = known;
        }
        self.nodes.get_mut(at as usize)
    }

    fn node(&self, place: Place) -> Option<&Node> {
        self.nodes.get(place as usize)
    }

    /// Slots of a place, and whether each is only an alias.
    pub(crate) fn slots(&self, place: Place) -> impl Iterator<Item = (Slot, bool)> + '_ {
        let node = self.node(place);
        let own = node.and_then(|node| node.slot).map(|slot| (slot, false));
        let aliases = node.into_iter().flat_map(|node| &node.aliases);
        own.into_iter().chain(aliases.map(|slot| (*slot, true)))
    }

    /// Adds to `places` where the member `name` of the places in `from` stands.
    pub(crate) fn enter(&self, places: &mut Vec<Place>, from: std::ops::Range<usize>, name: &str) {
        // XML as JSON: the text of an element that also has attributes.
        if name == "#text" {
            places.extend_from_within(from);
            return;
        }
        for at in from {
            let Some(place) = places.get(at).copied() else {
                continue;
            };
            self.descend(places, place, name);
            if name.contains(' ') {
                // Defender says "Threat Name", rules say ThreatName.
                self.descend(places, place, &name.replace(' ', ""));
            }
            let any = self.node(place).and_then(|node| node.any_child);
            any.into_iter().for_each(|any| self.arrive(places, any));
        }
    }

    fn descend(&self, places: &mut Vec<Place>, from: Place, name: &str) {
        let Some(node) = self.node(from) else {
            return;
        };
        if let Some(place) = node.children.get(name) {
            self.arrive(places, *place);
        } else if let Some((first, rest)) = name.split_once('.')
            && let Some(place) = node.children.get(first)
        {
            self.descend(places, *place, rest);
        }
    }

    fn arrive(&self, places: &mut Vec<Place>, place: Place) {
        places.push(place);
        if self.node(place).is_some_and(|node| node.mounted) {
            places.push(TOP);
        }
    }
}
