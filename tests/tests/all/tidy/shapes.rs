//! How functions may look: no tuple for a parameter, no name bound again on the next line.

use super::assert_none;
use super::code;
use super::tree::File;

/// Parameters that are taken apart as tuples hide what their parts are.
fn tuple_parameters(file: &File) -> Vec<String> {
    let functions = code::functions(file).into_iter();
    functions
        .filter(|function| function.parameters.iter().any(is_tuple))
        .map(|function| {
            let place = &function.definition.place;
            let name = &function.definition.name;
            format!("{place}: `{name}` takes a tuple apart; use two parameters or a struct")
        })
        .collect()
}

fn is_tuple(pattern: &syn::Pat) -> bool {
    match pattern {
        syn::Pat::Tuple(_) => true,
        syn::Pat::Reference(reference) => is_tuple(&reference.pat),
        _ => false,
    }
}

/// Two statements in a row that bind one name: `let rows = ..; let rows = ..;`.
fn rebindings(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    for block in code::blocks(file) {
        for pair in block.stmts.windows(2) {
            let [first, second] = pair else { continue };
            if let (Some(name), Some(again)) = (bound_name(first), bound_name(second))
                && name == again
            {
                let place = code::line_of(second);
                let path = &file.path;
                problems.push(format!(
                    "{path}:{place}: `{name}` is bound again on the next line; name both values"
                ));
            }
        }
    }
    problems
}

/// The one name that a plain `let name = ..` binds.
fn bound_name(statement: &syn::Stmt) -> Option<String> {
    let syn::Stmt::Local(local) = statement else {
        return None;
    };
    let mut pattern = &local.pat;
    if let syn::Pat::Type(typed) = pattern {
        pattern = &typed.pat;
    }
    match pattern {
        syn::Pat::Ident(name) => Some(name.ident.to_string()),
        _ => None,
    }
}

#[test]
fn no_parameter_is_a_tuple() {
    let files = code::product_files();
    assert_none(files.iter().flat_map(tuple_parameters).collect());
}

#[test]
fn no_name_is_bound_again_on_the_next_line() {
    let files = code::product_files();
    assert_none(files.iter().flat_map(rebindings).collect());
}

fn planted(text: &str) -> File {
    File {
        path: "engine/log/src/a.rs".to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn a_tuple_parameter_is_found_and_a_tuple_type_is_not() {
    let check = |text: &str| tuple_parameters(&planted(text));
    assert_eq!(check("fn run((a, b): (u8, u8)) {}").len(), 1);
    assert_eq!(
        check("impl A { fn run(&self, &(a, b): &(u8, u8)) {} }").len(),
        1
    );
    assert!(check("fn run(pair: (u8, u8)) {}").is_empty());
    assert!(check("fn run() { pairs.map(|(a, b)| a + b); }").is_empty());
}

#[test]
fn a_name_bound_twice_in_a_row_is_found() {
    let check = |text: &str| rebindings(&planted(text));
    assert_eq!(check("fn a() { let x = f(); let x = g(x); }").len(), 1);
    assert_eq!(
        check("impl A for B { fn a() { let x = f(); let mut x: u8 = g(x); } }").len(),
        1
    );
    assert!(check("fn a() { let x = f(); let y = g(x); }").is_empty());
    assert!(check("fn a() { let x = f(); h(); let x = g(x); }").is_empty());
    assert!(check("#[cfg(test)] mod t { fn a() { let x = f(); let x = g(x); } }").is_empty());
}
