//! Every example of `docs/links.md`.

use super::page::examples;

#[test]
fn every_example_of_the_page_on_links_loads() {
    let links = examples("docs/links.md");
    assert!(links.len() >= 5, "{} examples", links.len());
    for (line, folder) in links {
        let ran = folder.run(&["rules", "check", "--strict"]);
        assert_eq!(ran.code, 0, "line {line}:\n{}{}", ran.stdout, ran.stderr);
    }
}
