//! Caches where the members of objects lead, because events of a kind have the same names in the
//! same order.
//!
//! The places of a value are a *path state*. Where a name leads from a path state is looked up in
//! the paths once and then cached, together with the name that followed last time, so that most
//! names only need to be compared.
//!
//! Owns the cache and its bound; `paths` gives the answers.
//! Invariant: the cache gives the same answers as the paths, so a full or empty cache only changes
//! how long reading takes.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use crate::ids::SlotId;
use crate::paths::{PathPlace, PathTree, TOP};
use crate::record::EntryOrigin;
use crate::scan::{self, STEP};

/// A path state, by number.
pub(crate) type PathStateId = u32;

/// The path state of values that no field refers to.
pub(crate) const NOWHERE: PathStateId = 0;
const ROOT: PathStateId = 1;

/// A cached member, by number.
pub(crate) type MemberId = u32;

/// No member.
pub(crate) const NO_MEMBER: MemberId = MemberId::MAX;

/// Most cached members; beyond it, all are forgotten.
const MAX_CACHED_MEMBERS: usize = 16_384;

/// Names longer than this are looked up each time.
const MAX_NAME_BYTES: usize = 256;

/// A slot that a value is entered under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SlotTarget {
    pub(crate) slot: SlotId,
    pub(crate) alias: bool,
    pub(crate) origin: EntryOrigin,
}

#[derive(Debug)]
struct PathState {
    places: Box<[PathPlace]>,
    /// Slots that a value here is entered under.
    slots: Box<[SlotTarget]>,
    /// The path state of elements of an array here, once it is known.
    elements: Option<PathStateId>,
    members: HashMap<Box<[u8]>, MemberId, RandomState>,
    /// The member that came first last time.
    first_member: MemberId,
}

#[derive(Debug)]
struct CachedMember {
    /// The name and the quote behind it.
    quoted: [u8; STEP],
    /// How many bytes that is; 0 if they are too many.
    length: u8,
    to: PathStateId,
    /// The members that came next, the latest first: kinds of events diverge at the first member in
    /// which they differ.
    next: [MemberId; 2],
}

/// The paths, and what is remembered of them.
#[derive(Debug)]
pub(crate) struct PathCache {
    paths: PathTree,
    states: Vec<PathState>,
    state_ids: HashMap<Box<[PathPlace]>, PathStateId, RandomState>,
    members: Vec<CachedMember>,
    places: Vec<PathPlace>,
}

impl PathCache {
    pub(crate) fn new(paths: PathTree) -> Self {
        let mut cache = Self {
            paths,
            states: Vec::new(),
            state_ids: HashMap::default(),
            members: Vec::new(),
            places: Vec::new(),
        };
        cache.clear();
        cache
    }

    fn clear(&mut self) {
        self.states.clear();
        self.state_ids.clear();
        self.members.clear();
        self.intern_state(Box::default());
        let roots = self.paths.roots();
        self.intern_state(roots.into());
    }

    /// The path state of the next event. States and members of the previous one must not be used
    /// any more.
    pub(crate) fn root_state(&mut self) -> PathStateId {
        if self.members.len() >= MAX_CACHED_MEMBERS {
            self.clear();
        }
        ROOT
    }

    /// The path state of the elements of an array.
    pub(crate) fn element_state(&mut self, id: PathStateId) -> PathStateId {
        let Some(state) = self.states.get(id as usize) else {
            return NOWHERE;
        };
        if let Some(known) = state.elements {
            return known;
        }
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        places.extend_from_slice(&state.places);
        let origins = places.len();
        self.paths.enter_elements(&mut places, 0..origins);
        let elements = self.intern_state(places.get(origins..).unwrap_or_default().into());
        self.places = places;
        if let Some(state) = self.states.get_mut(id as usize) {
            state.elements = Some(elements);
        }
        elements
    }

    /// Whether layouts are about the values there.
    pub(crate) fn is_top(&self, id: PathStateId) -> bool {
        let state = self.states.get(id as usize);
        state.is_some_and(|state| state.places.contains(&TOP))
    }

    /// Slots that a value is entered under.
    pub(crate) fn state_slots(&self, id: PathStateId) -> &[SlotTarget] {
        let state = self.states.get(id as usize);
        state.map_or(&[], |state| &state.slots)
    }

    /// If `step` begins with the name that is expected after `before`: the member, where it leads,
    /// and how long it is with its quote.
    pub(crate) fn predict_member(
        &self,
        from: PathStateId,
        before: MemberId,
        step: &[u8; STEP],
    ) -> Option<(MemberId, PathStateId, usize)> {
        let [latest, other] = match self.members.get(before as usize) {
            Some(before) => before.next,
            None => [self.states.get(from as usize)?.first_member, NO_MEMBER],
        };
        self.match_member(latest, step)
            .or_else(|| self.match_member(other, step))
    }

    fn match_member(
        &self,
        id: MemberId,
        step: &[u8; STEP],
    ) -> Option<(MemberId, PathStateId, usize)> {
        let member = self.members.get(id as usize)?;
        let length = usize::from(member.length);
        // A name that is too long has no bytes to compare.
        let is_same = length > 0 && scan::has_same_prefix(step, &member.quoted, length);
        is_same.then_some((id, member.to, length))
    }

    /// Finds a name: the member, if it is remembered, and where it leads.
    pub(crate) fn find_member(
        &mut self,
        from: PathStateId,
        before: MemberId,
        name: &[u8],
    ) -> (MemberId, PathStateId) {
        let state = self.states.get(from as usize);
        let known = state.and_then(|state| state.members.get(name).copied());
        let (id, to) = match known {
            Some(id) => {
                let member = self.members.get(id as usize);
                (id, member.map_or(NOWHERE, |member| member.to))
            }
            None => {
                let to = self.resolve_name(from, name);
                (self.cache_member(from, to, name), to)
            }
        };
        // Learn only after the name is resolved: `before` now expects this member next.
        match self.members.get_mut(before as usize) {
            Some(before) => {
                let [latest, _] = before.next;
                before.next = [id, latest];
            }
            None => {
                if let Some(state) = self.states.get_mut(from as usize) {
                    state.first_member = id;
                }
            }
        }
        (id, to)
    }

    fn resolve_name(&mut self, from: PathStateId, name: &[u8]) -> PathStateId {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        let origin = self.states.get(from as usize);
        places.extend_from_slice(origin.map_or(&[], |state| &state.places));
        let origins = places.len();
        let name = str::from_utf8(name).unwrap_or_default();
        self.paths.enter_member(&mut places, 0..origins, name);
        let to = self.intern_state(places.get(origins..).unwrap_or_default().into());
        self.places = places;
        to
    }

    fn intern_state(&mut self, places: Box<[PathPlace]>) -> PathStateId {
        if let Some(known) = self.state_ids.get(&places) {
            return *known;
        }
        let id = u32::try_from(self.states.len()).unwrap_or(NOWHERE);
        let mut slots = Vec::new();
        for place in &places {
            let origin = PathTree::entry_origin(*place);
            let here = self.paths.place_slots(*place);
            slots.extend(here.map(|(slot, alias)| SlotTarget {
                slot,
                alias,
                origin,
            }));
        }
        self.states.push(PathState {
            slots: slots.into(),
            elements: None,
            places: places.clone(),
            members: HashMap::default(),
            first_member: NO_MEMBER,
        });
        self.state_ids.insert(places, id);
        id
    }

    fn cache_member(&mut self, from: PathStateId, to: PathStateId, name: &[u8]) -> MemberId {
        if name.len() > MAX_NAME_BYTES || self.members.len() >= MAX_CACHED_MEMBERS {
            return NO_MEMBER;
        }
        let id = u32::try_from(self.members.len()).unwrap_or(NO_MEMBER);
        let mut quoted = [0; STEP];
        let fits = name.iter().chain(b"\"");
        quoted
            .iter_mut()
            .zip(fits)
            .for_each(|(to, byte)| *to = *byte);
        // A name with escapes can be written in more than one way, so it is looked up by its
        // decoded text.
        let is_plain = scan::plain_length(&quoted) == name.len();
        let length = if is_plain { name.len() + 1 } else { 0 };
        self.members.push(CachedMember {
            quoted,
            length: u8::try_from(length).unwrap_or_default(),
            to,
            next: [NO_MEMBER; 2],
        });
        if let Some(state) = self.states.get_mut(from as usize) {
            state.members.insert(name.into(), id);
        }
        id
    }
}
