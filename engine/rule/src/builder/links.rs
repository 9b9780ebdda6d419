//! `link("name")`, `entity("name")`, their methods, and the forms of their fields.

use std::cell::RefCell;
use std::rc::Rc;

use larum_event::LinkPart;
use rhai::{Dynamic, Engine, NativeCallContext};

use super::{Building, Missed, taken, types_of};
use crate::draft::{ENTITY_METHODS, EntityDraft, FORMS, LINK_METHODS, LinkDraft, form};

/// The link that a chain of calls is about: its number among the drafts.
#[derive(Debug, Clone, Copy)]
struct LinkBuilder(usize);

/// The entity that a chain of calls is about.
#[derive(Debug, Clone, Copy)]
struct EntityBuilder(usize);

/// Teaches an engine to build links and entities into `building`.
pub(super) fn register(engine: &mut Engine, building: &Rc<RefCell<Building>>) {
    engine.register_type_with_name::<LinkBuilder>("link");
    engine.register_type_with_name::<EntityBuilder>("entity");
    engine.register_type_with_name::<LinkPart>("field");
    let shared = Rc::clone(building);
    let link = move |context: NativeCallContext<'_>, name: Dynamic| {
        let mut building = shared.borrow_mut();
        let (draft, problem) = LinkDraft::new(&name, context.call_position());
        if let Some(problem) = problem {
            building.report(problem, &context);
        }
        building.links.push(draft);
        LinkBuilder(building.links.len() - 1)
    };
    engine.register_fn("link", link);
    let shared = Rc::clone(building);
    let entity = move |context: NativeCallContext<'_>, name: Dynamic| {
        let mut building = shared.borrow_mut();
        let (draft, problem) = EntityDraft::new(&name, context.call_position());
        if let Some(problem) = problem {
            building.report(problem, &context);
        }
        building.entities.push(draft);
        EntityBuilder(building.entities.len() - 1)
    };
    engine.register_fn("entity", entity);
    for (name, wanted) in FORMS {
        let shared = Rc::clone(building);
        let make = move |context: NativeCallContext<'_>, path: Dynamic| {
            let (part, problem) = form(wanted, &path);
            if let Some(problem) = problem {
                shared.borrow_mut().report(problem, &context);
            }
            part
        };
        engine.register_fn(name, make);
    }
    methods_of_links(engine, building);
    methods_of_entities(engine, building);
}

fn methods_of_links(engine: &mut Engine, building: &Rc<RefCell<Building>>) {
    for (name, count, method) in LINK_METHODS {
        let shared = Rc::clone(building);
        let types = types_of::<LinkBuilder>(count);
        engine.register_raw_fn(name, types, move |context, args| {
            let (receiver, given) = taken(args);
            let mut building = shared.borrow_mut();
            let link = receiver.read_lock::<LinkBuilder>().map(|link| *link);
            let refused = link.and_then(|link| {
                let draft = building.links.get_mut(link.0)?;
                let refused = method(draft, context.call_position(), &given).err();
                refused.map(|problem| problem.of("link", &draft.name))
            });
            if let Some(problem) = refused {
                building.report(problem, &context);
            }
            Ok(receiver)
        });
    }
}

fn methods_of_entities(engine: &mut Engine, building: &Rc<RefCell<Building>>) {
    for (name, count, method) in ENTITY_METHODS {
        let shared = Rc::clone(building);
        let types = types_of::<EntityBuilder>(count);
        engine.register_raw_fn(name, types, move |context, args| {
            let (receiver, given) = taken(args);
            let mut building = shared.borrow_mut();
            let entity = receiver.read_lock::<EntityBuilder>().map(|it| *it);
            let refused = entity.and_then(|entity| {
                let draft = building.entities.get_mut(entity.0)?;
                let refused = method(draft, context.call_position(), &given).err();
                refused.map(|problem| problem.of("entity", &draft.name))
            });
            if let Some(problem) = refused {
                building.report(problem, &context);
            }
            Ok(receiver)
        });
    }
}

/// Notes a method that a link or entity does not have; `None` for any other receiver.
pub(super) fn missed(
    building: &mut Building,
    receiver: &Dynamic,
    missed: impl FnOnce(String) -> Missed,
) -> Option<Dynamic> {
    let link = receiver.read_lock::<LinkBuilder>().map(|link| *link);
    let entity = receiver.read_lock::<EntityBuilder>().map(|it| *it);
    let whose = match (link, entity) {
        (Some(link), _) => format!("link {}", building.links.get(link.0)?.name),
        (None, Some(entity)) => format!("entity {}", building.entities.get(entity.0)?.name),
        (None, None) => return None,
    };
    building.missed.push(missed(whose));
    Some(receiver.clone())
}
