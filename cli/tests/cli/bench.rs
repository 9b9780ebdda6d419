//! `larum rules bench`: figures differ from machine to machine, so what is held is what they are
//! about.

use super::run::{Folder, RULE, login};

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("rules/auth/two/rule.rhai", RULE);
    folder.write(
        "rules/scan/rule.rhai",
        "rule(\"scan.open\").on(\"events.scan\").when(|event| event.data.port == 22);\n\
         rule(\"scan.other\").on(\"events.scan\").when(|event| event.data.port == 23);",
    );
    let users = ["failure", "success", "failure", "failure"];
    let lines = users.iter().zip(0..);
    let lines = lines.map(|(outcome, second)| login(&format!("e{second}"), second, "eve", outcome));
    folder.write("events.ndjson", lines.collect::<String>());
    folder
}

#[test]
fn every_rule_is_measured_alone_and_all_together_dearest_first() {
    let arguments = ["rules", "bench", "--rounds", "3", "--json", "events.ndjson"];
    let ran = folder().run(&arguments).exits(0);
    let report = &ran.json_lines()[0];
    assert_eq!(
        (&report["events"], &report["rounds"]),
        (&4.into(), &3.into())
    );
    assert_eq!(report["together"]["matches"], 3);
    let rules = report["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    let cost = |index: usize| rules[index]["ns_per_event"].as_f64().unwrap();
    assert!(cost(0) >= cost(1));
    let of = |name: &str| rules.iter().find(|rule| rule["rule"] == name).unwrap();
    assert_eq!(
        (
            &of("auth.two_failures")["asked"],
            &of("auth.two_failures")["matches"]
        ),
        (&3.into(), &3.into())
    );
    assert_eq!(
        (&of("scan.open")["rules"], &of("scan.open")["asked"]),
        (&2.into(), &0.into())
    );
    for rule in rules {
        let of = |name: &str| rule[name].as_f64().unwrap();
        assert!(of("fastest") <= of("ns_per_event") && of("ns_per_event") <= of("slowest"));
    }
}

#[test]
fn people_see_a_table_of_the_dearest() {
    let ran = folder()
        .run(&[
            "rules",
            "bench",
            "--rounds",
            "1",
            "--top",
            "1",
            "events.ndjson",
        ])
        .exits(0);
    assert!(
        ran.stdout
            .starts_with("4 events and 3 rules, median of 1 round\nall together: "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("and 1 more; see --top\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.lines().all(|line| line.chars().count() <= 100));
    let folder = folder();
    folder.write("empty.ndjson", "");
    folder
        .run(&["rules", "bench", "empty.ndjson"])
        .exits(2)
        .complains("the recordings hold no event");
}
