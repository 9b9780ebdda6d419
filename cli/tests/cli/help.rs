use super::run::Folder;

const VERBS: [&str; 14] = [
    "demo",
    "serve",
    "detect",
    "rules",
    "decode",
    "events",
    "alerts",
    "tree",
    "trees",
    "incidents",
    "incident",
    "windows",
    "replay",
    "config",
];

#[test]
fn help_names_every_verb_and_every_exit_code() {
    let help = Folder::new().run(&["--help"]).exits(0).stdout;
    for verb in VERBS {
        assert!(
            help.contains(&format!("\n  {verb} ")),
            "no {verb} in:\n{help}"
        );
    }
    for code in [
        "0    done",
        "1    it ran",
        "2    wrong",
        "3    no engine",
        "130  a second",
    ] {
        assert!(help.contains(code), "no {code:?} in:\n{help}");
    }
}

#[test]
fn the_help_of_every_verb_says_what_it_does_and_shows_an_example() {
    for verb in VERBS {
        let help = Folder::new().run(&[verb, "--help"]).exits(0).stdout;
        let is_group = help.contains("Commands:") && verb == "rules";
        assert!(
            is_group || help.contains("Examples:"),
            "no example in the help of {verb}:\n{help}"
        );
        assert!(
            !help.starts_with("Usage"),
            "{verb} does not say what it does"
        );
    }
}

#[test]
fn no_verb_and_a_misspelt_one_are_wrong_usage() {
    Folder::new().run(&[]).exits(2);
    Folder::new()
        .run(&["detekt"])
        .exits(2)
        .complains("a similar subcommand exists: 'detect'");
}

#[test]
fn output_that_is_no_terminal_has_no_colour_unless_it_is_asked_for() {
    let folder = Folder::new();
    let plain = folder.run(&["config", "show"]).exits(0).stdout;
    assert!(!plain.contains('\u{1b}'), "{plain}");
    let coloured = folder
        .run(&["--color", "always", "config", "show"])
        .exits(0)
        .stdout;
    assert!(coloured.contains('\u{1b}'), "{coloured}");
}
