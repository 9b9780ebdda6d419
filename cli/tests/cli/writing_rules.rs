//! Every example of `docs/writing-rules.md`.

use super::page::examples;

#[test]
fn every_example_of_the_page_on_writing_rules_works() {
    let cookbook = examples("docs/writing-rules.md");
    assert!(cookbook.len() >= 14, "{} examples", cookbook.len());
    for (line, folder) in cookbook {
        let ran = folder.run(&["rules", "test", "--fail-on-empty"]);
        assert_eq!(ran.code, 0, "line {line}:\n{}{}", ran.stdout, ran.stderr);
    }
}
