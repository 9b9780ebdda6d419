//! Compares incidents with a reference that keeps everything and computes them from the definition
//! each time.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// A tree under a name that nobody uses any more.
const FORGOTTEN: u64 = 1_000_000;

#[derive(Debug, Clone)]
enum ModelStep {
    Raised(TestRevision),
    Touched {
        tree: u64,
        shared: u64,
        seconds: i64,
        joins: IncidentJoin,
    },
    Merged(u64, u64),
    Forgotten(u64),
}

#[derive(Debug, Clone)]
struct ModelAlert {
    told: TestRevision,
    opened: u64,
    changed: u64,
    trees: BTreeSet<u64>,
    first: i64,
    last: i64,
    entities: BTreeSet<(Arc<str>, Arc<str>)>,
    attack: BTreeSet<Arc<str>>,
    /// Whether it was an incident of its own at first.
    is_first: bool,
}

#[derive(Debug, Clone)]
struct ModelNode {
    joins: IncidentJoin,
    touches: Vec<(u64, i64)>,
    is_crowd: bool,
}

#[derive(Debug, Default)]
struct IncidentModel {
    position: u64,
    forgotten: u64,
    alerts: BTreeMap<Arc<str>, ModelAlert>,
    nodes: BTreeMap<u64, ModelNode>,
    /// Alerts that once were one incident stay so.
    united: BTreeSet<(Arc<str>, Arc<str>)>,
    changed: BTreeMap<Arc<str>, u64>,
}

impl ModelAlert {
    fn stands(&self) -> bool {
        self.told.status != AlertStatus::Retracted
    }
}

impl IncidentModel {
    fn hear(&mut self, step: &ModelStep) {
        match step {
            ModelStep::Raised(told) => {
                self.position += 1;
                self.raised(told);
            }
            ModelStep::Touched {
                tree,
                shared,
                seconds,
                joins,
            } => {
                self.position += 1;
                self.touched(*tree, *shared, *seconds, *joins);
            }
            ModelStep::Merged(survivor, gone) => {
                self.position += 1;
                self.rename(*gone, *survivor);
            }
            ModelStep::Forgotten(tree) => {
                if !self.alerts.values().any(|alert| alert.trees.contains(tree)) {
                    self.forgotten += 1;
                    self.rename(*tree, FORGOTTEN + self.forgotten);
                }
            }
        }
        self.unite();
    }

    fn raised(&mut self, told: &TestRevision) {
        let is_retracted = told.status == AlertStatus::Retracted;
        let mut trees = BTreeSet::from([told.tree]);
        if !is_retracted {
            trees.extend(&told.others);
        }
        let position = self.position;
        let in_incident =
            |trees: &BTreeSet<u64>, alert: &ModelAlert| !alert.trees.is_disjoint(trees);
        if let Some(known) = self.alerts.get_mut(&told.id) {
            if told.revision <= known.told.revision {
                return;
            }
            if !is_retracted {
                known.trees.extend(trees);
            }
            known.told = told.clone();
        } else {
            if is_retracted && !self.alerts.values().any(|alert| in_incident(&trees, alert)) {
                return;
            }
            let known = ModelAlert {
                told: told.clone(),
                opened: position,
                changed: position,
                trees,
                first: told.first,
                last: told.last,
                entities: BTreeSet::new(),
                attack: BTreeSet::new(),
                is_first: false,
            };
            self.alerts.insert(told.id.clone(), known);
            self.unite();
            let is_first = self.component(&told.id).len() == 1;
            self.alerts.get_mut(&told.id).unwrap().is_first = is_first;
        }
        let known = self.alerts.get_mut(&told.id).unwrap();
        known.changed = position;
        known.first = known.first.min(told.first);
        known.last = known.last.max(told.last);
        known.entities.extend(told.entities.iter().cloned());
        known.attack.extend(told.attack.iter().cloned());
    }

    fn touched(&mut self, tree: u64, shared: u64, seconds: i64, joins: IncidentJoin) {
        let new = ModelNode {
            joins,
            touches: Vec::new(),
            is_crowd: false,
        };
        let node = self.nodes.entry(shared).or_insert_with(|| new.clone());
        if node.joins != joins {
            *node = new;
        }
        let mut trees: BTreeSet<u64> = node.touches.iter().map(|(tree, _)| *tree).collect();
        trees.insert(tree);
        node.is_crowd |= trees.len() > joins.most as usize;
        node.touches.push((tree, seconds));
    }

    fn rename(&mut self, from: u64, to: u64) {
        for alert in self.alerts.values_mut() {
            if alert.trees.remove(&from) {
                alert.trees.insert(to);
            }
        }
        for node in self.nodes.values_mut() {
            for (tree, _) in node.touches.iter_mut().filter(|(tree, _)| *tree == from) {
                *tree = to;
            }
        }
    }

    fn unite(&mut self) {
        let before: BTreeMap<Arc<str>, BTreeSet<Arc<str>>> = self
            .alerts
            .keys()
            .map(|id| (id.clone(), self.component(id)))
            .collect();
        let mut pairs = Vec::new();
        for (one, a) in &self.alerts {
            for (two, b) in &self.alerts {
                let both_stand = a.stands() && b.stands();
                if !a.trees.is_disjoint(&b.trees) || both_stand && self.are_near(a, b) {
                    pairs.push((one.clone(), two.clone()));
                }
            }
        }
        self.united.extend(pairs);
        for id in before.keys() {
            let now = self.component(id);
            let parts: BTreeSet<_> = now.iter().map(|id| &before[id]).collect();
            if parts.len() > 1 {
                self.changed.insert(id.clone(), self.position);
            }
        }
    }

    fn are_near(&self, a: &ModelAlert, b: &ModelAlert) -> bool {
        self.nodes.values().any(|node| {
            let of = |alert: &ModelAlert| -> Vec<i64> {
                let touches = node.touches.iter();
                let touches = touches.filter(|(tree, _)| alert.trees.contains(tree));
                touches.map(|(_, seconds)| *seconds).collect()
            };
            let within = node.joins.within.as_nanos() / 1_000_000_000;
            let (one, two) = (of(a), of(b));
            let mut pairs = one.iter().flat_map(|x| two.iter().map(move |y| (x, y)));
            !node.is_crowd && pairs.any(|(x, y)| (x - y).abs() <= within)
        })
    }

    fn component(&self, id: &Arc<str>) -> BTreeSet<Arc<str>> {
        let mut found = BTreeSet::from([id.clone()]);
        loop {
            let more = self.united.iter().filter(|(one, _)| found.contains(one));
            let more: Vec<_> = more.map(|(_, two)| two.clone()).collect();
            let before = found.len();
            found.extend(more);
            if found.len() == before {
                return found;
            }
        }
    }

    /// What the incident of an alert should say.
    fn check(&self, id: &Arc<str>, hearing: &IncidentScenario) {
        let ids = self.component(id);
        let mut alerts: Vec<_> = ids.iter().map(|id| &self.alerts[id]).collect();
        alerts.sort_by_key(|alert| alert.opened);
        let name = name_of(&alerts[0].told.id);
        assert_eq!(hearing.of_alert(id), Some(name.clone()), "alert {id}");
        let summary = hearing.summary(&name);
        let listed: Vec<_> = summary.listed.iter().map(|alert| &alert.id).collect();
        let wanted: Vec<_> = alerts.iter().map(|alert| &alert.told.id).collect();
        assert_eq!(listed, wanted);
        let others = alerts.iter().skip(1).filter(|alert| alert.is_first);
        let aliases: Vec<_> = others.map(|alert| name_of(&alert.told.id)).collect();
        assert_eq!(summary.aliases, aliases);
        for alias in &aliases {
            assert_eq!(hearing.incidents.current_name(&alias.0), Some(&name));
        }
        let standing = || alerts.iter().filter(|alert| alert.stands());
        assert_eq!(summary.alerts, standing().count() as u64);
        assert_eq!(
            summary.retracted,
            (alerts.len() - standing().count()) as u64
        );
        let worst = standing().map(|alert| alert.told.severity).max();
        assert_eq!(summary.severity, worst.unwrap_or(Severity::Info));
        assert_eq!(summary.status == IncidentStatus::Open, worst.is_some());
        let first = alerts.iter().map(|alert| at(alert.first)).min();
        let last = alerts.iter().map(|alert| at(alert.last)).max();
        assert_eq!((Some(summary.first), Some(summary.last)), (first, last));
        let trees: BTreeSet<_> = alerts.iter().flat_map(|alert| &alert.trees).collect();
        let roots: Vec<_> = trees.iter().map(|tree| facts_of(**tree).root).collect();
        assert_eq!(summary.trees, roots);
        assert_eq!(
            summary.events,
            trees.iter().map(|tree| **tree * 10).sum::<u64>()
        );
        let entities: BTreeSet<_> = alerts.iter().flat_map(|alert| &alert.entities).collect();
        let listed = summary.entities.iter();
        let listed =
            listed.flat_map(|(kind, values)| values.iter().map(move |value| (kind, value)));
        assert!(listed.eq(entities.iter().map(|(kind, value)| (kind, value))));
        for (kind, value) in entities {
            assert!(
                hearing
                    .incidents
                    .incidents_of_entity(kind, value)
                    .contains(&&name)
            );
        }
        let attack: BTreeSet<_> = alerts.iter().flat_map(|alert| &alert.attack).collect();
        assert!(summary.attack.iter().eq(attack));
        assert_eq!(summary.rules.values().sum::<u64>(), alerts.len() as u64);
        let changed = alerts.iter().map(|alert| alert.changed);
        let changed = changed.chain(ids.iter().filter_map(|id| self.changed.get(id).copied()));
        assert_eq!(Some(summary.changed.0), changed.max());
    }
}

impl IncidentScenario {
    fn hear(&mut self, step: &ModelStep) {
        match step {
            ModelStep::Raised(told) => {
                self.raised(told);
            }
            ModelStep::Touched {
                tree,
                shared,
                seconds,
                joins,
            } => {
                self.touched(*tree, *shared, *seconds, *joins);
            }
            ModelStep::Merged(survivor, gone) => {
                self.merged(*survivor, *gone);
            }
            ModelStep::Forgotten(tree) => self.forgotten(*tree),
        }
    }

    /// The same after a checkpoint; with the same books.
    fn restored(&self) -> Self {
        let bytes = self.bytes();
        let incidents: TenantIncidents = postcard::from_bytes(&bytes).unwrap();
        let books = |incidents: &TenantIncidents| {
            let TenantIncidents { cases, trees, .. } = incidents;
            format!("{cases:?} {trees:?} {}", incidents.touches.entries)
        };
        assert_eq!(books(&incidents), books(&self.incidents));
        Self {
            incidents,
            position: self.position,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(&self.incidents).unwrap()
    }
}

fn raised() -> impl Strategy<Value = ModelStep> {
    let id = (0..10_u64, 1..4_u32, 0..6_usize);
    let trees = (1..9_u64, prop::collection::vec(1..9_u64, 0..2));
    let says = (0..5_usize, 0..50_i64, 0..50_i64, 0..3_u64);
    (id, trees, says).prop_map(|((id, revision, status), (tree, others), says)| {
        let (severity, from, to, user) = says;
        let mut told = alert(&format!("alert-{id}"), tree).evidence(&others);
        told.revision = revision;
        told.status = match status {
            0 | 1 => AlertStatus::Retracted,
            2 => AlertStatus::Early,
            _ => AlertStatus::Final,
        };
        told.severity = Severity::ALL[severity];
        told.first = from.min(to);
        told.last = from.max(to);
        told.attack = vec![format!("T{user}").into()];
        told.entities = vec![("user".into(), format!("user-{user}").into())];
        ModelStep::Raised(told)
    })
}

fn touched() -> impl Strategy<Value = ModelStep> {
    (1..9_u64, 0..4_u64, 0..60_i64, 0..20_u32).prop_map(|(tree, shared, seconds, change)| {
        let most = if change == 0 { 2 } else { 4 };
        ModelStep::Touched {
            tree,
            shared,
            seconds,
            joins: joins(4, most),
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<ModelStep>> {
    let merged = (1..9_u64, 1..9_u64);
    let merged = merged.prop_filter("two trees", |(one, two)| one != two);
    let step = prop_oneof![
        4 => raised(),
        6 => touched(),
        1 => merged.prop_map(|(one, two)| ModelStep::Merged(one.min(two), one.max(two))),
        1 => (1..9_u64).prop_map(ModelStep::Forgotten),
    ];
    prop::collection::vec(step, 1..40)
}

fn tiny() -> IncidentLimits {
    IncidentLimits {
        incidents: 3,
        entries: 30,
        alerts_per_incident: 3,
        aliases_per_incident: 2,
        values_per_kind: 2,
        touches: 14,
        runs: 2,
        trees_per_node: 3,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn incidents_are_what_the_definition_says_after_every_step(steps in steps()) {
        let mut model = IncidentModel::default();
        let mut hearing = IncidentScenario::default();
        for step in &steps {
            model.hear(step);
            hearing.hear(step);
            for id in model.alerts.keys() {
                model.check(id, &hearing);
            }
            let ids: BTreeSet<_> = model.alerts.keys().map(|id| hearing.of_alert(id)).collect();
            let (_, total) = hearing.incidents.list_page(&Default::default(), &look);
            prop_assert_eq!(total, ids.len() as u64);
        }
    }

    #[test]
    fn a_checkpoint_anywhere_changes_nothing(steps in steps(), place in 0..40_usize, is_tiny: bool) {
        let limits = if is_tiny { tiny() } else { IncidentLimits::default() };
        let mut straight = IncidentScenario::with_limits(limits);
        let mut broken = IncidentScenario::with_limits(limits);
        for (number, step) in steps.iter().enumerate() {
            straight.hear(step);
            broken.hear(step);
            if number == place {
                broken = broken.restored();
            }
        }
        prop_assert_eq!(straight.bytes(), broken.bytes());
        straight.restored();
    }

    #[test]
    fn tiny_limits_hold_after_every_step(steps in steps()) {
        let limits = tiny();
        let mut hearing = IncidentScenario::with_limits(limits);
        for step in &steps {
            hearing.hear(step);
            let incidents = &hearing.incidents;
            prop_assert!(incidents.cases.slots.len() <= limits.incidents);
            prop_assert!(incidents.touches.entries <= limits.touches);
            for case in incidents.cases.slots.values() {
                prop_assert!(case.alerts.len() <= limits.alerts_per_incident);
                prop_assert!(case.aliases.len() <= limits.aliases_per_incident);
                prop_assert!(!case.trees.is_empty() || case.trees_left_out > 0);
                let listed = case.alerts.values().filter(|alert| alert.is_standing()).count();
                prop_assert!(case.tally.standing_count() >= listed as u64);
            }
        }
        hearing.restored();
    }
}
