//! Product sources as syntax trees, for the checks that read names and statements.
//!
//! Owns which files count as product code and how a definition is found; what is allowed is decided
//! by the checks. Code under `#[cfg(test)]` and files of tests are never seen here.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::tree::{self, File};

/// A definition, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// `path:line`.
    pub place: String,
}

/// The product's sources: what ships of `engine/`, `plugins/` and `cli/`, without tests.
pub fn product_files() -> Vec<File> {
    let mut files = tree::files("rs");
    files.retain(|file| is_product(&file.path));
    let for_tests: Vec<String> = files.iter().flat_map(test_modules).collect();
    files.retain(|file| {
        let module = file.path.trim_end_matches(".rs");
        let is_inside = |tests: &String| {
            let rest = module.strip_prefix(tests.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        !for_tests.iter().any(is_inside)
    });
    assert!(files.len() > 100, "the product has sources");
    files
}

/// Whether a path is among the sources of what ships; tests of its modules may be beside them.
fn is_product(path: &str) -> bool {
    let ships = ["engine/", "plugins/", "cli/"];
    ships.iter().any(|folder| path.starts_with(folder)) && path.contains("/src/")
}

/// The modules with a file of their own that `file` declares for tests only, as paths without
/// `.rs`.
fn test_modules(file: &File) -> Vec<String> {
    let path = file.path.trim_end_matches(".rs");
    let folder = ["/lib", "/main", "/mod"]
        .iter()
        .find_map(|root| path.strip_suffix(root))
        .unwrap_or(path);
    let items = parse(file).items.into_iter();
    items
        .filter_map(|item| match item {
            syn::Item::Mod(module) if module.content.is_none() && is_for_tests(&module.attrs) => {
                Some(format!("{folder}/{}", module.ident))
            }
            _ => None,
        })
        .collect()
}

/// The syntax tree of a file.
pub fn parse(file: &File) -> syn::File {
    syn::parse_file(&file.text).unwrap_or_else(|error| panic!("{}: {error}", file.path))
}

/// Whether `attributes` keep something for tests only.
pub fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let is_cfg_test = attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"));
        is_cfg_test || attribute.path().is_ident("test")
    })
}

/// The structs, enums, unions, traits and aliases that a file defines at any depth of modules.
pub fn types(file: &File) -> Vec<Definition> {
    let mut found = TypeVisitor {
        path: &file.path,
        found: Vec::new(),
    };
    found.visit_file(&parse(file));
    found.found
}

struct TypeVisitor<'a> {
    path: &'a str,
    found: Vec<Definition>,
}

impl<'ast> Visit<'ast> for TypeVisitor<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let (attributes, name) = match item {
            syn::Item::Struct(item) => (&item.attrs, &item.ident),
            syn::Item::Enum(item) => (&item.attrs, &item.ident),
            syn::Item::Union(item) => (&item.attrs, &item.ident),
            syn::Item::Trait(item) => (&item.attrs, &item.ident),
            syn::Item::Type(item) => (&item.attrs, &item.ident),
            syn::Item::Mod(item) => {
                if !is_for_tests(&item.attrs) {
                    visit::visit_item_mod(self, item);
                }
                return;
            }
            _ => return,
        };
        if !is_for_tests(attributes) {
            self.found.push(Definition {
                name: name.to_string(),
                place: place(self.path, name.span()),
            });
        }
    }
}

/// A function that the project named itself.
pub struct Function {
    /// What it is called and where it is.
    pub definition: Definition,
    /// The patterns of its parameters.
    pub parameters: Vec<syn::Pat>,
}

/// The functions whose names a file chooses: free ones, methods of types, and what a trait asks
/// for. Names in an implementation of a trait are the trait's.
pub fn functions(file: &File) -> Vec<Function> {
    let mut found = FunctionVisitor {
        path: &file.path,
        found: Vec::new(),
    };
    found.visit_file(&parse(file));
    found.found
}

struct FunctionVisitor<'a> {
    path: &'a str,
    found: Vec<Function>,
}

impl FunctionVisitor<'_> {
    fn add(&mut self, signature: &syn::Signature) {
        let parameters = signature.inputs.iter().filter_map(|input| match input {
            syn::FnArg::Typed(typed) => Some((*typed.pat).clone()),
            syn::FnArg::Receiver(_) => None,
        });
        self.found.push(Function {
            definition: Definition {
                name: signature.ident.to_string(),
                place: place(self.path, signature.ident.span()),
            },
            parameters: parameters.collect(),
        });
    }
}

impl<'ast> Visit<'ast> for FunctionVisitor<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            self.add(&item.sig);
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if !is_for_tests(&item.attrs) && item.trait_.is_none() {
            visit::visit_item_impl(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            self.add(&item.sig);
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.add(&item.sig);
        visit::visit_trait_item_fn(self, item);
    }
}

/// Every block of statements in a file that ships, those of trait implementations too.
pub fn blocks(file: &File) -> Vec<syn::Block> {
    let mut found = BlockVisitor(Vec::new());
    found.visit_file(&parse(file));
    found.0
}

struct BlockVisitor(Vec<syn::Block>);

impl<'ast> Visit<'ast> for BlockVisitor {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        self.0.push(block.clone());
        visit::visit_block(self, block);
    }
}

/// `path:line` of a span.
pub fn place(path: &str, span: proc_macro2::Span) -> String {
    format!("{path}:{}", span.start().line)
}

/// The line on which a syntax node begins.
pub fn line_of(node: &impl Spanned) -> usize {
    node.span().start().line
}

#[test]
fn modules_for_tests_are_not_part_of_the_product() {
    let check = |path: &str| {
        let text = "mod a; #[cfg(test)] mod a_tests; #[cfg(test)] mod tests { }";
        test_modules(&File {
            path: path.to_owned(),
            text: text.to_owned(),
        })
    };
    assert_eq!(check("engine/log/src/lib.rs"), ["engine/log/src/a_tests"]);
    assert_eq!(check("engine/log/src/b.rs"), ["engine/log/src/b/a_tests"]);
    assert!(is_product("engine/log/src/b/a_tests.rs"));
    assert!(!is_product("engine/log/tests/log/a.rs"));
    assert!(!is_product("tests/src/a.rs"));
}
