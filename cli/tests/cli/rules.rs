use super::run::{Folder, RULE, workspace};

#[test]
fn a_good_folder_is_counted_and_a_bad_one_is_explained() {
    let folder = Folder::new();
    folder.write("rules/a/rule.rhai", RULE);
    let ran = folder.run(&["rules", "check"]).exits(0);
    assert_eq!(ran.stdout, "ok: 1 rule in 1 file, 0 errors, 0 warnings\n");

    folder.write(
        "rules/b.rhai",
        "rule(\"b\")\n    .severty(\"high\")\n    .on(\"events.#\");\n",
    );
    let ran = folder.run(&["rules", "check"]).exits(1);
    assert!(ran.stdout.contains("b.rhai:2:"), "{}", ran.stdout);
    assert!(ran.stdout.contains("severity"), "{}", ran.stdout);
}

#[test]
fn findings_can_be_read_by_machines() {
    let folder = Folder::new();
    folder.write(
        "rules/b.rhai",
        "rule(\"b\").severty(\"high\").on(\"events.#\");\n",
    );
    let ran = folder.run(&["rules", "check", "--json"]).exits(1);
    let report = ran.json_lines().remove(0);
    assert_eq!(report["ok"], false);
    assert_eq!(report["findings"][0]["file"], "b.rhai");
    assert_eq!(report["findings"][0]["line"], 1);
}

#[test]
fn a_missing_folder_and_one_without_rules_are_wrong_usage() {
    let folder = Folder::new();
    folder
        .run(&["rules", "check"])
        .exits(2)
        .complains("cannot read rules from rules");
    folder.write("rules/readme.md", "none");
    folder
        .run(&["rules", "check"])
        .exits(2)
        .complains("rules holds no rule");
}

#[test]
fn the_rules_that_we_ship_load_without_a_warning() {
    let workspace = workspace();
    for rules in [
        "rules",
        "tests/sets/openssh/rules",
        "tests/sets/linux/rules",
    ] {
        let path = workspace.join(rules);
        let ran = Folder::new().run(&["rules", "check", "--rules", path.to_str().unwrap()]);
        let ran = ran.exits(0);
        assert!(
            ran.stdout.ends_with("0 errors, 0 warnings\n"),
            "{}",
            ran.stdout
        );
    }
}
