use std::collections::HashMap;

use larum_engine::EngineConfig;
use larum_event::{Span, TenantId};

use super::*;

fn resolve(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: FlagValues,
) -> (tempfile::TempDir, Result<ServerSettings, SettingsError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    if let Some(text) = file {
        std::fs::write(&path, text).unwrap();
    }
    let environment: HashMap<&str, &str> = environment.iter().copied().collect();
    let layers = SettingsLayers {
        flags,
        environment: &|name| environment.get(name).map(|&text| text.to_owned()),
        file: file.map(|_| path),
        folder: folder.path().to_owned(),
        cores: 2,
    };
    let settings = layers.resolve();
    (folder, settings)
}

/// The mistakes of a file, without its path.
fn problems(text: &str) -> Vec<String> {
    match resolve(Some(text), &[], FlagValues::default()).1 {
        Err(SettingsError::File { problems, .. }) => problems
            .into_iter()
            .map(|it| format!("{}:{}: {}", it.line, it.column, it.message))
            .collect(),
        other => panic!("expected mistakes, found {other:?}"),
    }
}

#[test]
fn without_anything_the_defaults_hold() {
    let (_folder, settings) = resolve(None, &[], FlagValues::default());
    let settings = settings.unwrap();
    assert_eq!(settings.store.value, PathBuf::from("larum-data"));
    assert_eq!(settings.rules.value, None);
    assert_eq!(settings.listen.value.to_string(), LISTEN);
    assert_eq!(settings.matchers.value.get(), 2);
    let channels: Vec<_> = settings
        .channels
        .iter()
        .map(|(name, buffer)| (name.as_str(), buffer.value))
        .collect();
    assert_eq!(
        channels,
        [
            ("alerts", 1_000),
            ("audit", 2_000),
            ("rbac", 500),
            ("security", 1_000)
        ]
    );
}

#[test]
fn a_flag_overrides_the_environment_which_overrides_the_file() {
    let file = Some("matchers = 3\n");
    let environment = [("LARUM_MATCHERS", "4")];
    let flag = || FlagValues::default().with_text("matchers", "5");

    let (_folder, settings) = resolve(file, &environment, flag());
    let matchers = settings.unwrap().matchers;
    assert_eq!(matchers.value.get(), 5);
    assert_eq!(matchers.origin, SettingOrigin::Flag("matchers"));

    let (_folder, settings) = resolve(file, &environment, FlagValues::default());
    let matchers = settings.unwrap().matchers;
    assert_eq!(matchers.value.get(), 4);
    assert_eq!(
        matchers.origin,
        SettingOrigin::Environment("LARUM_MATCHERS".to_owned())
    );

    let (_folder, settings) = resolve(file, &[], FlagValues::default());
    let matchers = settings.unwrap().matchers;
    assert_eq!(matchers.value.get(), 3);
    assert!(matches!(
        matchers.origin,
        SettingOrigin::File {
            line: 1,
            column: 12,
            ..
        }
    ));
}

#[test]
fn paths_of_the_file_are_relative_to_it_and_others_are_not() {
    let (folder, settings) = resolve(
        Some("store = \"data\"\ndecoders = [\"a.toml\", \"/b.toml\"]\n"),
        &[("LARUM_RULES", "my-rules")],
        FlagValues::default(),
    );
    let settings = settings.unwrap();
    assert_eq!(settings.store.value, folder.path().join("data"));
    assert_eq!(
        settings.decoders.value,
        [folder.path().join("a.toml"), PathBuf::from("/b.toml")]
    );
    assert_eq!(settings.rules.value, Some(PathBuf::from("my-rules")));
}

#[test]
fn every_unknown_key_is_told_with_its_place_and_the_nearest_known_one() {
    assert_eq!(
        problems("stroe = \"x\"\n\n[tenants]\n  defualt = \"a\"\n[channels.security]\nbufer = 1\n"),
        [
            "1:1: unknown key \"stroe\"; did you mean \"store\"?",
            "4:3: unknown key \"tenants.defualt\"; did you mean \"tenants.default\"?",
            "6:1: unknown key \"channels.security.bufer\"; did you mean \"buffer\"?",
        ]
    );
    assert_eq!(problems("colour = 1"), ["1:1: unknown key \"colour\""]);
}

#[test]
fn a_value_of_the_wrong_type_is_told_with_its_place() {
    assert_eq!(
        problems("store = 1\nmatchers = \"two\"\ndecoders = [1]\nlog = \"info\"\n"),
        [
            "1:9: store must be a string, not integer",
            "2:12: matchers must be a whole number, not string",
            "3:12: decoders must be an array of strings, not array",
            "4:7: log must be a table, not string",
        ]
    );
}

#[test]
fn text_that_is_no_toml_is_told_with_its_line() {
    let problems = problems("store = \"x\"\nrules = \n");
    assert!(problems[0].starts_with("2:"), "{problems:?}");
}

#[test]
fn threads_and_buffers_are_accepted_to_their_bounds_and_not_beyond() {
    for (text, fits) in [
        ("matchers = 0", false),
        ("matchers = 1", true),
        ("matchers = 256", true),
        ("matchers = 257", false),
        ("channels.x.buffer = 0", false),
        ("channels.x.buffer = 1", true),
        ("channels.x.buffer = 1000000", true),
        ("channels.x.buffer = 1000001", false),
    ] {
        let (_folder, settings) = resolve(Some(text), &[], FlagValues::default());
        assert_eq!(settings.is_ok(), fits, "{text}");
    }
}

#[test]
fn a_stall_ends_the_process_after_five_minutes_unless_said_otherwise() {
    let stall_after = |file: &str| {
        let (_folder, settings) = resolve(Some(file), &[], FlagValues::default());
        let mut config = EngineConfig::new("unused");
        settings.unwrap().apply_to_engine(&mut config);
        config.stall_after
    };
    assert_eq!(stall_after(""), Span::from_seconds(300));
    assert_eq!(stall_after("stall_exit = \"0s\""), Span::ZERO);
    assert_eq!(stall_after("stall_exit = \"2m\""), Span::from_seconds(120));
}

#[test]
fn lateness_is_a_duration_and_none_unless_said() {
    let (_folder, settings) = resolve(None, &[], FlagValues::default());
    assert_eq!(settings.unwrap().lateness.value, Span::ZERO);
    let (_folder, settings) = resolve(Some("lateness = \"30s\""), &[], FlagValues::default());
    assert_eq!(settings.unwrap().lateness.value, Span::from_seconds(30));
    let environment = [("LARUM_LATENESS", "soon")];
    let (_folder, settings) = resolve(None, &environment, FlagValues::default());
    let problem = settings.unwrap_err().to_string();
    assert!(
        problem.starts_with("LARUM_LATENESS: lateness cannot be \"soon\""),
        "{problem}"
    );
}

#[test]
fn an_empty_default_tenant_makes_events_name_one() {
    let (_folder, settings) = resolve(
        None,
        &[
            ("LARUM_TENANTS_DEFAULT", ""),
            ("LARUM_TENANTS_KNOWN", "a, b"),
        ],
        FlagValues::default(),
    );
    let settings = settings.unwrap();
    assert_eq!(settings.default_tenant.value, None);
    let known: Vec<_> = settings
        .known_tenants
        .value
        .iter()
        .map(TenantId::as_str)
        .collect();
    assert_eq!(known, ["a", "b"]);
}

#[test]
fn a_wrong_value_names_where_it_was_written() {
    let (_folder, settings) = resolve(None, &[("LARUM_LISTEN", "7423")], FlagValues::default());
    assert_eq!(
        settings.unwrap_err().to_string(),
        "LARUM_LISTEN: listen cannot be \"7423\": use an address and a port such as 127.0.0.1:7423"
    );
}

#[test]
fn a_wrong_filter_of_the_log_is_found_with_all_other_mistakes() {
    let (_folder, settings) = resolve(Some("log.level = \"a=b=c\"\n"), &[], FlagValues::default());
    let problem = settings.unwrap_err().to_string();
    assert!(
        problem.contains("1:13: log.level cannot be \"a=b=c\": "),
        "{problem}"
    );
}
