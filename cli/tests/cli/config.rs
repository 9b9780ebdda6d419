use super::run::Folder;

#[test]
fn init_writes_a_file_that_check_accepts_and_never_overwrites_one() {
    let folder = Folder::new();
    folder.run(&["config", "init"]).exits(0);
    let ran = folder.run(&["config", "check"]).exits(0);
    assert_eq!(ran.stdout, "larum.toml ok\n");
    folder
        .run(&["config", "init"])
        .exits(2)
        .complains("larum.toml exists and is left as it is");
}

#[test]
fn an_unknown_key_is_told_with_file_line_and_column() {
    let folder = Folder::new();
    folder.write(
        "larum.toml",
        "store = \"data\"\nlissten = \"127.0.0.1:0\"\n",
    );
    for verb in [&["config", "check"][..], &["config", "show"], &["serve"]] {
        folder
            .run(verb)
            .exits(2)
            .complains("larum.toml:2:1: unknown key \"lissten\"; did you mean \"listen\"?");
    }
}

#[test]
fn show_tells_where_each_value_comes_from_and_writes_a_file_again() {
    let folder = Folder::new();
    folder.write(
        "conf/larum.toml",
        "store = \"data\"\n[tenants]\nknown = [\"acme\"]\n",
    );
    let environment = [("LARUM_MATCHERS", "3"), ("LARUM_CONFIG", "conf/larum.toml")];
    let shown = folder
        .run_with(&["config", "show"], &environment, "")
        .exits(0)
        .stdout;
    let line = |key: &str| {
        let line = shown.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("store"), "store = \"conf/data\" # conf/larum.toml:1:9");
    assert_eq!(line("matchers"), "matchers = 3 # LARUM_MATCHERS");
    assert_eq!(line("listen"), "listen = \"127.0.0.1:7423\" # default");
    assert_eq!(
        line("tenants.known"),
        "tenants.known = [\"acme\"] # conf/larum.toml:3:9"
    );
    // What is shown is a configuration file too.
    folder.write("again.toml", &shown);
    folder
        .run(&["config", "check", "--config", "again.toml"])
        .exits(0);
}

#[test]
fn a_configuration_that_is_not_there_is_an_error_when_it_is_named() {
    let folder = Folder::new();
    folder
        .run(&["config", "show", "--config", "missing.toml"])
        .exits(2)
        .complains("cannot read configuration missing.toml");
    folder.run(&["config", "show"]).exits(0);
    folder
        .run(&["config", "check"])
        .exits(2)
        .complains("there is no larum.toml here");
}
