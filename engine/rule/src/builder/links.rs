//! `link("name")`, `entity("name")`, their methods, and the forms of their fields.

use std::cell::RefCell;
use std::rc::Rc;

use larum_event::LinkPart;
use rhai::{Dynamic, Engine, NativeCallContext};

use super::{DraftCollection, UnknownMethodCall, parameter_types, split_receiver};
use crate::draft::{ENTITY_METHODS, EntityDraft, FORMS, LINK_METHODS, LinkDraft, apply_form};

/// The link that a chain of calls is about: its number among the drafts.
#[derive(Debug, Clone, Copy)]
struct LinkHandle(usize);

/// The entity that a chain of calls is about.
#[derive(Debug, Clone, Copy)]
struct EntityHandle(usize);

/// Registers the functions that build links and entities into `building`.
pub(super) fn register_links(engine: &mut Engine, building: &Rc<RefCell<DraftCollection>>) {
    engine.register_type_with_name::<LinkHandle>("link");
    engine.register_type_with_name::<EntityHandle>("entity");
    engine.register_type_with_name::<LinkPart>("field");
    let shared = Rc::clone(building);
    let link = move |context: NativeCallContext<'_>, name: Dynamic| {
        let mut building = shared.borrow_mut();
        let (draft, problem) = LinkDraft::new(&name, context.call_position());
        if let Some(problem) = problem {
            building.report_problem(problem, &context);
        }
        building.links.push(draft);
        LinkHandle(building.links.len() - 1)
    };
    engine.register_fn("link", link);
    let shared = Rc::clone(building);
    let entity = move |context: NativeCallContext<'_>, name: Dynamic| {
        let mut building = shared.borrow_mut();
        let (draft, problem) = EntityDraft::new(&name, context.call_position());
        if let Some(problem) = problem {
            building.report_problem(problem, &context);
        }
        building.entities.push(draft);
        EntityHandle(building.entities.len() - 1)
    };
    engine.register_fn("entity", entity);
    // Forms give plain values: they are read by the methods of links, which note the places.
    for (name, wanted) in FORMS {
        let shared = Rc::clone(building);
        let make = move |context: NativeCallContext<'_>, path: Dynamic| {
            let (part, problem) = apply_form(wanted, &path);
            if let Some(problem) = problem {
                shared.borrow_mut().report_problem(problem, &context);
            }
            part
        };
        engine.register_fn(name, make);
    }
    register_link_methods(engine, building);
    register_entity_methods(engine, building);
}

fn register_link_methods(engine: &mut Engine, building: &Rc<RefCell<DraftCollection>>) {
    for (name, count, method) in LINK_METHODS {
        let shared = Rc::clone(building);
        let types = parameter_types::<LinkHandle>(count);
        engine.register_raw_fn(name, types, move |context, args| {
            let (receiver, given) = split_receiver(args);
            let mut building = shared.borrow_mut();
            let link = receiver.read_lock::<LinkHandle>().map(|link| *link);
            let refused = link.and_then(|link| {
                let draft = building.links.get_mut(link.0)?;
                let refused = method(draft, context.call_position(), &given).err();
                refused.map(|problem| problem.about_item("link", &draft.name))
            });
            if let Some(problem) = refused {
                building.report_problem(problem, &context);
            }
            Ok(receiver)
        });
    }
}

fn register_entity_methods(engine: &mut Engine, building: &Rc<RefCell<DraftCollection>>) {
    for (name, count, method) in ENTITY_METHODS {
        let shared = Rc::clone(building);
        let types = parameter_types::<EntityHandle>(count);
        engine.register_raw_fn(name, types, move |context, args| {
            let (receiver, given) = split_receiver(args);
            let mut building = shared.borrow_mut();
            let entity = receiver.read_lock::<EntityHandle>().map(|it| *it);
            let refused = entity.and_then(|entity| {
                let draft = building.entities.get_mut(entity.0)?;
                let refused = method(draft, context.call_position(), &given).err();
                refused.map(|problem| problem.about_item("entity", &draft.name))
            });
            if let Some(problem) = refused {
                building.report_problem(problem, &context);
            }
            Ok(receiver)
        });
    }
}

/// Notes a method that a link or entity does not have; `None` for any other receiver.
pub(super) fn note_unknown_call(
    building: &mut DraftCollection,
    receiver: &Dynamic,
    missed: impl FnOnce(String) -> UnknownMethodCall,
) -> Option<Dynamic> {
    let link = receiver.read_lock::<LinkHandle>().map(|link| *link);
    let entity = receiver.read_lock::<EntityHandle>().map(|it| *it);
    let whose = match (link, entity) {
        (Some(link), _) => format!("link {}", building.links.get(link.0)?.name),
        (None, Some(entity)) => format!("entity {}", building.entities.get(entity.0)?.name),
        (None, None) => return None,
    };
    building.unknown_calls.push(missed(whose));
    Some(receiver.clone())
}
