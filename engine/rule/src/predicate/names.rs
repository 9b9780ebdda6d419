//! Where members of objects stand, remembered: events of a kind have the same names in the same order.
//!
//! The places of a value are a *standing*. What a name leads to from a standing is looked up in the paths
//! once; after that it is remembered, together with the name that followed last time, so that most names
//! are only compared. What is remembered is bounded and gives the same answers as the paths.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::paths::{PathTree, Place, TOP};
use super::record::Found;
use super::scan::{self, STEP};
use super::set::Slot;

/// A standing, by number.
pub(crate) type StandingId = u32;

/// The standing of what no field is about.
pub(crate) const NOWHERE: StandingId = 0;
const ROOT: StandingId = 1;

/// A member that is remembered, by number.
pub(crate) type MemberId = u32;

/// No member.
pub(crate) const NONE: MemberId = MemberId::MAX;

/// Most members that are remembered; beyond it the memory starts anew.
const REMEMBERED: usize = 16_384;

/// Names longer than this are looked up each time.
const LONGEST: usize = 256;

/// A slot that a value is entered under.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standpoint {
    pub(crate) slot: Slot,
    pub(crate) alias: bool,
    pub(crate) found: Found,
}

#[derive(Debug)]
struct Standing {
    places: Box<[Place]>,
    /// Slots that a value here is entered under.
    slots: Box<[Standpoint]>,
    /// Where elements of an array here stand, once it is known.
    elements: Option<StandingId>,
    members: HashMap<Box<[u8]>, MemberId, RandomState>,
    /// The member that came first last time.
    first: MemberId,
}

#[derive(Debug)]
struct Member {
    /// The name and the quote behind it.
    quoted: [u8; STEP],
    /// How many bytes that is; 0 if they are too many.
    length: u8,
    to: StandingId,
    /// The members that came next last, the latest first: kinds of events part ways where they differ.
    next: [MemberId; 2],
}

/// The paths, and what is remembered of them.
#[derive(Debug)]
pub(crate) struct Names {
    paths: PathTree,
    standings: Vec<Standing>,
    known: HashMap<Box<[Place]>, StandingId, RandomState>,
    members: Vec<Member>,
    places: Vec<Place>,
}

impl Names {
    pub(crate) fn new(paths: PathTree) -> Self {
        let mut names = Self {
            paths,
            standings: Vec::new(),
            known: HashMap::default(),
            members: Vec::new(),
            places: Vec::new(),
        };
        names.forget();
        names
    }

    fn forget(&mut self) {
        self.standings.clear();
        self.known.clear();
        self.members.clear();
        self.intern(Box::default());
        let roots = self.paths.roots();
        self.intern(roots.into());
    }

    /// The standing of the next event. Standings and members of the last one are no longer asked for.
    pub(crate) fn root(&mut self) -> StandingId {
        if self.members.len() >= REMEMBERED {
            self.forget();
        }
        ROOT
    }

    /// Where elements of an array stand.
    pub(crate) fn elements(&mut self, standing: StandingId) -> StandingId {
        let Some(of) = self.standings.get(standing as usize) else {
            return NOWHERE;
        };
        if let Some(known) = of.elements {
            return known;
        }
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        places.extend_from_slice(&of.places);
        let origins = places.len();
        self.paths.elements(&mut places, 0..origins);
        let elements = self.intern(places.get(origins..).unwrap_or_default().into());
        self.places = places;
        if let Some(of) = self.standings.get_mut(standing as usize) {
            of.elements = Some(elements);
        }
        elements
    }

    /// Whether what stands there is part of what layouts are about, and not beside it.
    pub(crate) fn is_top(&self, standing: StandingId) -> bool {
        let standing = self.standings.get(standing as usize);
        standing.is_some_and(|standing| standing.places.contains(&TOP))
    }

    /// Slots that a value is entered under.
    pub(crate) fn slots(&self, standing: StandingId) -> &[Standpoint] {
        let standing = self.standings.get(standing as usize);
        standing.map_or(&[], |standing| &standing.slots)
    }

    /// If the name that is expected behind `before` stands in `step`: the member, where it leads, and how
    /// long it is with its quote.
    pub(crate) fn expected(
        &self,
        from: StandingId,
        before: MemberId,
        step: &[u8; STEP],
    ) -> Option<(MemberId, StandingId, usize)> {
        let [latest, other] = match self.members.get(before as usize) {
            Some(before) => before.next,
            None => [self.standings.get(from as usize)?.first, NONE],
        };
        self.stands(latest, step)
            .or_else(|| self.stands(other, step))
    }

    fn stands(&self, id: MemberId, step: &[u8; STEP]) -> Option<(MemberId, StandingId, usize)> {
        let member = self.members.get(id as usize)?;
        let length = usize::from(member.length);
        // A name that is too long has no bytes to compare.
        let found = length > 0 && scan::same(step, &member.quoted, length);
        found.then_some((id, member.to, length))
    }

    /// Finds a name: the member, if it is remembered, and where it leads.
    pub(crate) fn find(
        &mut self,
        from: StandingId,
        before: MemberId,
        name: &[u8],
    ) -> (MemberId, StandingId) {
        let known = self.standings.get(from as usize);
        let known = known.and_then(|standing| standing.members.get(name).copied());
        let (id, to) = match known {
            Some(id) => {
                let member = self.members.get(id as usize);
                (id, member.map_or(NOWHERE, |member| member.to))
            }
            None => {
                let to = self.look_up(from, name);
                (self.remember(from, to, name), to)
            }
        };
        match self.members.get_mut(before as usize) {
            Some(before) => {
                let [latest, _] = before.next;
                before.next = [id, latest];
            }
            None => {
                if let Some(standing) = self.standings.get_mut(from as usize) {
                    standing.first = id;
                }
            }
        }
        (id, to)
    }

    fn look_up(&mut self, from: StandingId, name: &[u8]) -> StandingId {
        let mut places = std::mem::take(&mut self.places);
        places.clear();
        let origin = self.standings.get(from as usize);
        places.extend_from_slice(origin.map_or(&[], |standing| &standing.places));
        let origins = places.len();
        let name = str::from_utf8(name).unwrap_or_default();
        self.paths.enter(&mut places, 0..origins, name);
        let to = self.intern(places.get(origins..).unwrap_or_default().into());
        self.places = places;
        to
    }

    fn intern(&mut self, places: Box<[Place]>) -> StandingId {
        if let Some(known) = self.known.get(&places) {
            return *known;
        }
        let id = u32::try_from(self.standings.len()).unwrap_or(NOWHERE);
        let mut slots = Vec::new();
        for place in &places {
            let found = PathTree::found(*place);
            let here = self.paths.slots(*place);
            slots.extend(here.map(|(slot, alias)| Standpoint { slot, alias, found }));
        }
        self.standings.push(Standing {
            slots: slots.into(),
            elements: None,
            places: places.clone(),
            members: HashMap::default(),
            first: NONE,
        });
        self.known.insert(places, id);
        id
    }

    fn remember(&mut self, from: StandingId, to: StandingId, name: &[u8]) -> MemberId {
        if name.len() > LONGEST || self.members.len() >= REMEMBERED {
            return NONE;
        }
        let id = u32::try_from(self.members.len()).unwrap_or(NONE);
        let mut quoted = [0; STEP];
        let fits = name.iter().chain(b"\"");
        quoted
            .iter_mut()
            .zip(fits)
            .for_each(|(to, byte)| *to = *byte);
        // A name with escapes is written in more than one way, and found by what it means.
        let is_plain = scan::plain(&quoted) == name.len();
        let length = if is_plain { name.len() + 1 } else { 0 };
        self.members.push(Member {
            quoted,
            length: u8::try_from(length).unwrap_or_default(),
            to,
            next: [NONE; 2],
        });
        if let Some(standing) = self.standings.get_mut(from as usize) {
            standing.members.insert(name.into(), id);
        }
        id
    }
}
