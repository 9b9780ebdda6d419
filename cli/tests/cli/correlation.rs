//! Every example of `docs/correlation.md`.

use super::page::examples;

#[test]
fn every_example_of_the_page_on_correlation_works() {
    let examples = examples("docs/correlation.md");
    assert!(examples.len() >= 22, "{} examples", examples.len());
    let mut wrong = Vec::new();
    for (line, folder) in examples {
        let ran = folder.run(&["rules", "test"]);
        if ran.code != 0 {
            wrong.push(format!("line {line}:\n{}{}", ran.stdout, ran.stderr));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
