use std::io::{BufRead, BufReader, Read};
use std::process::Command;

use super::run::Folder;

const RULES: [&str; 4] = [
    "auth.repeated_failed_logins",
    "process.program_from_temporary_folder",
    "network.upload_to_unknown_address",
    "incident.host_with_several_alerts",
];

/// The lines of alerts, without those that tell how a count grew.
fn alerts(stdout: &str) -> Vec<String> {
    let alerts = stdout.split("What belongs together").next().unwrap();
    let alerts = alerts.lines().filter(|line| line.starts_with("  0"));
    alerts
        .map(|line| line.split_whitespace().nth(2).unwrap().to_owned())
        .collect()
}

#[test]
fn whatever_the_seed_the_break_in_is_found_and_nothing_else_but_the_scanner() {
    for seed in ["1", "7", "42"] {
        let ran = Folder::new().run(&["demo", "--seed", seed]).exits(0);
        let expected = [&RULES[..1], &RULES[..]].concat();
        assert_eq!(
            alerts(&ran.stdout),
            expected,
            "seed {seed}:\n{}",
            ran.stdout
        );
        for rule in RULES {
            let tree = ran.stdout.split("What belongs together").nth(1).unwrap();
            assert!(tree.contains(rule), "{rule} is not in the tree:\n{tree}");
        }
        assert_eq!(ran.stderr, "");
    }
}

#[test]
fn the_same_seed_tells_the_same_story() {
    let story = || {
        let stdout = Folder::new().run(&["demo"]).exits(0).stdout;
        // How long it took differs.
        let lines = stdout.lines().filter(|line| !line.contains("events/s"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(story(), story());
}

#[test]
fn kept_it_serves_the_commands_that_it_shows() {
    let folder = Folder::new();
    let mut child = folder.spawn(&["demo", "--keep", "--listen", "127.0.0.1:0"], &[]);
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut commands = Vec::new();
    let mut line = String::new();
    while commands.len() < 4 {
        line.clear();
        assert!(
            stdout.read_line(&mut line).unwrap() > 0,
            "it ended after {commands:?}"
        );
        if let Some(command) = line.strip_prefix("  larum ") {
            // The explanation stands behind two blanks.
            commands.push(command.split("  ").next().unwrap().to_owned());
        }
    }
    for command in &commands {
        let arguments: Vec<&str> = command.split(' ').collect();
        let ran = folder.run(&arguments).exits(0);
        assert!(ran.stdout.lines().count() > 1, "{command}:\n{}", ran.stdout);
    }
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    stdout.read_to_string(&mut line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
