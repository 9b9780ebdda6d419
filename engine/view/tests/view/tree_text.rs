//! What a tree looks like.

use larum_tree::{CorrelationGraph, GraphLimits};
use larum_view::{ColourMode, TextStyle, tree_to_text};

use crate::fixture::{EventBuilder, alert, caused_by, grown, plant, said, tree};

fn of_kind(event: EventBuilder, kind: &str) -> EventBuilder {
    EventBuilder {
        kind: Some(kind.into()),
        ..event
    }
}

#[test]
fn a_tree_reads_as_an_outline_with_repeats_folded_and_alerts_marked() {
    let mut events = vec![of_kind(said("e0", 0, "incident-9"), "case.opened")];
    for number in 1..=12 {
        let event = said(&format!("login-{number:02}"), number, "login-70");
        let event = event.under("incident-9").of("incident-9").by("sshd@web-1");
        events.push(of_kind(event, "auth.login").stage("collection"));
    }
    let trigger = events[12].clone();
    events.push(
        of_kind(said("shell", 20, "shell-1"), "process.start")
            .under("login-70")
            .of("incident-9"),
    );
    events.push(
        said("up", 30, "upload")
            .under("missing")
            .of("incident-9")
            .tag("to", "192.0.2.9"),
    );
    let mut all: Vec<_> = events.iter().map(|event| event.event()).collect();
    all.push(alert(
        "alert-1",
        2,
        &["login-01", "bare", "login-12"],
        caused_by(&trigger),
    ));
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    plant(&mut forest, &all);
    let text = tree_to_text(&tree(&forest, "incident-9"), TextStyle::default());
    let expected = "\
incident-9  5 steps, 15 events, 1 alert of tenant acme, 2027-01-15 UTC, part of inc-bed82b97b330
! 1 step only named by others so far
incident-9
├─ 08:00:00.000 case.opened  collector-1
├─ login-70 (collection)
│  ├─ 08:00:01.000 auth.login  sshd@web-1  ×12  until 08:00:12.000
│  ├─ ▲ 08:00:05.000 high auth.guessing: somebody guesses  3 matches, revision 2
│  │  └─ event bare
│  └─ shell-1
│     └─ 08:00:20.000 process.start  collector-1
└─ missing not seen yet
   └─ upload to=192.0.2.9
      └─ 08:00:30.000 work.done  collector-1
";
    assert_eq!(text, expected);
}

#[test]
fn a_line_of_exactly_the_width_is_whole_and_one_longer_is_cut() {
    let (forest, _) = grown(&[said("e1", 1, "step-with-a-long-name")]);
    let view = tree(&forest, "e1");
    let at = |width| {
        let style = TextStyle {
            colour: ColourMode::Plain,
            width: Some(width),
            ..TextStyle::default()
        };
        tree_to_text(&view, style).lines().nth(1).map(str::to_owned)
    };
    assert_eq!(at(21).as_deref(), Some("step-with-a-long-name"));
    assert_eq!(at(20).as_deref(), Some("step-with-a-long-na…"));
}

#[test]
fn colours_are_there_only_when_asked_for_and_do_not_count_as_width() {
    let (forest, _) = grown(&[said("e1", 1, "step")]);
    let view = tree(&forest, "e1");
    assert!(!tree_to_text(&view, TextStyle::default()).contains('\u{1b}'));
    let style = TextStyle {
        colour: ColourMode::Ansi,
        width: Some(4),
        ..TextStyle::default()
    };
    assert!(tree_to_text(&view, style).contains("\u{1b}[1mstep\u{1b}[0m"));
}

#[test]
fn what_producers_wrote_cannot_control_the_terminal() {
    let (forest, _) = grown(&[said("e1", 1, "step").tag("name", "a\u{202e}b")]);
    let text = tree_to_text(&tree(&forest, "e1"), TextStyle::default());
    assert!(text.contains("name=a\u{fffd}b"), "{text}");
}

#[test]
fn times_of_another_day_say_which() {
    let (forest, _) = grown(&[
        said("e1", 1, "step"),
        of_kind(said("e2", 90_000, "step"), "later.one"),
    ]);
    let text = tree_to_text(&tree(&forest, "e1"), TextStyle::default());
    assert!(text.contains("├─ 08:00:01.000 work.done"), "{text}");
    assert!(text.contains("└─ 2027-01-16T09:00:00Z later.one"), "{text}");
}

#[test]
fn a_chain_of_a_hundred_thousand_steps_does_not_overflow() {
    let named = |number: i64| format!("s{number:06}");
    let chain = (1..100_000).map(|number| {
        let event = said(&format!("e{number}"), number, &named(number));
        event.under(&named(number - 1)).of(&named(0)).event()
    });
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    plant(&mut forest, &chain.collect::<Vec<_>>());
    let text = tree_to_text(&tree(&forest, "e99999"), TextStyle::default());
    assert_eq!(text.lines().count(), 200_000);
}

#[test]
fn json_is_flat_and_in_camel_case() {
    let event = said("e1", 1, "root").stage("collection");
    let mut forest = CorrelationGraph::new(GraphLimits::default());
    plant(
        &mut forest,
        &[
            event.event(),
            alert("alert-1", 1, &["e1"], caused_by(&event)),
        ],
    );
    let json = serde_json::to_value(tree(&forest, "root")).unwrap();
    assert_eq!(json["nodes"][0]["events"][0]["type"], "work.done");
    assert_eq!(json["nodes"][1]["kind"], "alert");
    assert_eq!(json["nodes"][1]["parent"], 0);
    assert_eq!(json["nodes"][1]["alert"]["causes"][0]["node"], 0);
    assert_eq!(json["counts"]["alerts"], 1);
    assert_eq!(json["partial"], false);
}
