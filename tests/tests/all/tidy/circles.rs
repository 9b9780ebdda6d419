//! Which files of a crate import each other in a circle: three at most, so that a reader can begin
//! somewhere.
//!
//! An arrow goes from a file to the file whose module it names by a path from `crate`, `super` or
//! `self`, or through a name that another module hands on. A module and the modules inside it count
//! as one place to read, so arrows between parent and child are left out.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};

use super::assert_none;
use super::code;
use super::tree::File;

/// The largest circle that a crate may hold.
const MOST_FILES: usize = 3;

/// A module's path from the crate's root, such as `["json", "read"]`; empty for the root.
type ModulePath = Vec<String>;

/// The module that a file of a crate holds.
fn module_of(path: &str) -> ModulePath {
    let inside = path.split_once("/src/").map_or(path, |(_, inside)| inside);
    let inside = inside.strip_suffix(".rs").unwrap_or(inside);
    let mut parts: ModulePath = inside.split('/').map(str::to_owned).collect();
    if parts
        .last()
        .is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str()))
    {
        parts.pop();
    }
    parts
}

/// The paths that a file names, each resolved against the crate's root.
struct PathVisitor<'a> {
    module: ModulePath,
    modules: &'a BTreeSet<ModulePath>,
    named: Vec<ModulePath>,
    /// The names that its `use` statements bring in, each with the path behind it.
    brought: BTreeMap<String, ModulePath>,
}

impl PathVisitor<'_> {
    fn resolve(&self, segments: &[String]) -> Option<ModulePath> {
        let mut resolved = match segments.first()?.as_str() {
            "crate" => Vec::new(),
            "self" | "super" => self.module.clone(),
            name => {
                let mut child = self.module.clone();
                child.push(name.to_owned());
                if !self.modules.contains(&child) {
                    return None;
                }
                self.module.clone()
            }
        };
        for segment in segments {
            match segment.as_str() {
                "crate" | "self" => {}
                "super" => {
                    resolved.pop();
                }
                name => resolved.push(name.to_owned()),
            }
        }
        Some(resolved)
    }

    fn add_import(&mut self, segments: &[String], name: &str) {
        if let Some(path) = self.resolve(segments) {
            self.brought.insert(name.to_owned(), path.clone());
            self.named.push(path);
        }
    }

    fn add_tree(&mut self, before: &[String], tree: &syn::UseTree) {
        let with = |name: &syn::Ident| {
            let mut path = before.to_vec();
            path.push(name.to_string());
            path
        };
        match tree {
            syn::UseTree::Path(path) => self.add_tree(&with(&path.ident), &path.tree),
            syn::UseTree::Name(name) => {
                self.add_import(&with(&name.ident), &name.ident.to_string());
            }
            syn::UseTree::Rename(name) => {
                self.add_import(&with(&name.ident), &name.rename.to_string());
            }
            syn::UseTree::Glob(_) => self.named.extend(self.resolve(before)),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_tree(before, tree);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for PathVisitor<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !code::is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !code::is_for_tests(&item.attrs) {
            self.add_tree(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = path.segments.iter();
        let segments: Vec<String> = segments.map(|part| part.ident.to_string()).collect();
        self.named.extend(self.resolve(&segments));
        visit::visit_path(self, path);
    }
}

/// The module that a path leads to in the end, through the `pub use` of modules on its way.
fn target(
    named: &ModulePath,
    modules: &BTreeSet<ModulePath>,
    brought: &BTreeMap<ModulePath, BTreeMap<String, ModulePath>>,
) -> ModulePath {
    let mut path = named.clone();
    // A name is handed on a few times at most; two that are each other's end here too.
    for _ in 0..8 {
        let mut inside = path.len();
        while inside > 0 && !modules.contains(&path[..inside]) {
            inside -= 1;
        }
        let (module, item) = path.split_at(inside);
        let further = item
            .first()
            .and_then(|name| brought.get(module)?.get(name))
            .filter(|further| !further.starts_with(&path));
        let Some(further) = further else {
            return module.to_vec();
        };
        let mut next = further.clone();
        next.extend_from_slice(&item[1..]);
        path = next;
    }
    Vec::new()
}

/// The arrows between the files of one crate.
fn arrows(files: &[&File]) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let modules: BTreeSet<ModulePath> = files.iter().map(|file| module_of(&file.path)).collect();
    let mut named = BTreeMap::new();
    let mut brought = BTreeMap::new();
    for file in files {
        let mut visitor = PathVisitor {
            module: module_of(&file.path),
            modules: &modules,
            named: Vec::new(),
            brought: BTreeMap::new(),
        };
        visitor.visit_file(&code::parse(file));
        brought.insert(visitor.module.clone(), visitor.brought);
        named.insert(visitor.module, visitor.named);
    }
    named.remove(&Vec::new());
    let arrows = named.into_iter().map(|(module, named)| {
        let targets = named.iter().map(|path| target(path, &modules, &brought));
        let targets = targets.filter(|target| {
            !target.is_empty() && !target.starts_with(&module) && !module.starts_with(target)
        });
        let targets = targets.collect();
        (module, targets)
    });
    arrows.collect()
}

/// What can be reached from `start` along arrows.
fn reachable<'a>(
    arrows: &'a BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    start: &ModulePath,
) -> BTreeSet<&'a ModulePath> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&ModulePath> = arrows.get(start).into_iter().flatten().collect();
    while let Some(next) = open.pop() {
        if reached.insert(next) {
            open.extend(arrows.get(next).into_iter().flatten());
        }
    }
    reached
}

/// The circles of a crate, each as the files that can all reach each other.
fn circles(files: &[&File]) -> Vec<Vec<String>> {
    let arrows = arrows(files);
    let reach: BTreeMap<&ModulePath, BTreeSet<&ModulePath>> = arrows
        .keys()
        .map(|module| (module, reachable(&arrows, module)))
        .collect();
    let mut circles = BTreeSet::new();
    for (module, reached) in &reach {
        let circle: Vec<String> = reached
            .iter()
            .filter(|other| reach.get(**other).is_some_and(|back| back.contains(module)))
            .map(|module| module.join("::"))
            .collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn too_large(crate_folder: &str, files: &[&File]) -> Vec<String> {
    let circles = circles(files).into_iter();
    circles
        .filter(|circle| circle.len() > MOST_FILES)
        .map(|circle| {
            format!(
                "{crate_folder}: {} files import each other in a circle: {}",
                circle.len(),
                circle.join(", ")
            )
        })
        .collect()
}

#[test]
fn no_more_than_three_files_import_each_other_in_a_circle() {
    let files = code::product_files();
    let mut crates: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
    for file in &files {
        let (folder, _) = file
            .path
            .split_once("/src/")
            .expect("product code is in src");
        crates.entry(folder).or_default().push(file);
    }
    let problems = crates
        .iter()
        .flat_map(|(folder, files)| too_large(folder, files));
    assert_none(problems.collect());
}

fn planted(sources: &[(&str, &str)]) -> Vec<File> {
    let file = |(name, text): &(&str, &str)| File {
        path: format!("engine/log/src/{name}.rs"),
        text: (*text).to_owned(),
    };
    sources.iter().map(file).collect()
}

#[test]
fn a_circle_of_four_files_is_found_and_one_of_three_is_allowed() {
    let check = |sources: &[(&str, &str)]| {
        let files = planted(sources);
        too_large("engine/log", &files.iter().collect::<Vec<_>>()).len()
    };
    let three = [
        ("lib", "mod a; mod b; mod c; mod d;"),
        ("a", "use crate::b::B;"),
        ("b", "fn f() { super::c::f() }"),
        ("c", "use crate::{a::A, d::D};"),
        ("d", "use std::fmt;"),
    ];
    assert_eq!(check(&three), 0);
    let mut four = three;
    four[2] = ("b", "use crate::d; fn f() { super::c::f() }");
    four[4] = ("d", "struct D(crate::a::A);");
    assert_eq!(check(&four), 1);
    four[4] = ("d", "#[cfg(test)] mod tests { use crate::a::A; }");
    assert_eq!(check(&four), 0);
}

#[test]
fn a_circle_through_super_and_through_a_name_handed_on_is_found() {
    let files = planted(&[
        ("lib", "mod a; mod b; mod c;"),
        (
            "a",
            "mod x; mod y; pub use self::x::X; pub use y::Y as Other;",
        ),
        ("a/x", "use super::Other;"),
        ("a/y", "use super::super::b::{self, B};"),
        ("b", "fn f(x: crate::a::X) {}"),
        ("c", "use super::{a::X, b::B};"),
    ]);
    let files: Vec<&File> = files.iter().collect();
    assert_eq!(circles(&files), [["a::x", "a::y", "b"]]);
}

#[test]
fn names_that_hand_each_other_on_lead_nowhere() {
    let files = planted(&[("a", "pub use crate::b::A;"), ("b", "pub use crate::a::A;")]);
    let files: Vec<&File> = files.iter().collect();
    assert_eq!(circles(&files), Vec::<Vec<String>>::new());
}

#[test]
fn a_module_and_what_is_inside_it_make_no_circle() {
    let files = planted(&[
        ("a", "mod b; use self::b::B;"),
        ("a/b", "use super::A; use crate::c::C;"),
        ("c", "use crate::a::b::B;"),
    ]);
    let files: Vec<&File> = files.iter().collect();
    assert_eq!(circles(&files), [["a::b", "c"]]);
}
