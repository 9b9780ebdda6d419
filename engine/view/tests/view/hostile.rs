//! Ids that try to be something else, and trees that try to be too deep, in every format.

use larum_tree::TreeView;
use larum_view::{TreeFormat, export_tree};
use proptest::prelude::*;

use crate::views::{alert, event, node, view};
use crate::{dot_reader, mermaid_reader, otlp, tables};

/// What means something to one of the formats, to a browser, a terminal or a spreadsheet.
const FRAGMENTS: &[&str] = &[
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "\t",
    "-->",
    "\"]",
    "\"}}",
    "]]",
    "<script>alert(1)</script>",
    "<br/>",
    "&lt;",
    "&#60;",
    "#34;",
    "#quot;",
    "%%{init: {\"securityLevel\": \"loose\"}}%%",
    "%% ",
    "---",
    "click n0 href \"javascript:alert(1)\"",
    "subgraph",
    "end",
    "classDef",
    "style n0:x#a;",
    "`",
    "**",
    "1. ",
    "- ",
    "www.example.org",
    "\u{202e}",
    "\u{2066}",
    "\u{200f}",
    "\u{feff}",
    "\u{0}",
    "\u{1b}[31m",
    "\u{1b}]0;x\u{7}",
    "\u{9b}2J",
    "=cmd|' /C calc'!A0",
    "+",
    "-",
    "@",
    ",",
    ";",
    "{",
    "}",
    "\\N",
    "\\l",
    "\\",
    "/*",
    "//",
    "#",
    "n0 -> n1",
    "ﬂ°°60¶ß",
    "é",
    "漢字",
    "👩‍💻",
    " ",
    "constructor",
    "__proto__",
];

fn id() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        3 => prop::sample::select(FRAGMENTS).prop_map(str::to_owned),
        1 => any::<String>(),
    ];
    prop::collection::vec(fragment, 1..5).prop_map(|parts| parts.concat())
}

/// Up to eight nodes with ids that differ, each under one before it.
fn tree() -> impl Strategy<Value = TreeView> {
    let nodes = prop::collection::vec((id(), any::<prop::sample::Index>()), 1..8);
    nodes.prop_map(|drawn| {
        let mut nodes = Vec::new();
        for (number, (id, parent)) in drawn.into_iter().enumerate() {
            let parent = (number > 0).then(|| parent.index(number));
            let mut node = node(&format!("{id}{number}"), parent);
            node.stage = Some(id.as_str().into());
            node.label = (number % 2 == 0).then(|| id.as_str().into());
            if number % 3 == 2 {
                let mut alert = alert("auth.guessing", larum_event::Severity::High, 1);
                alert.message = id;
                node.alert = Some(alert);
            }
            nodes.push(node);
        }
        view(nodes)
    })
}

/// What an id is in a picture, undone: `<U+202E>` is the character again.
fn unnamed(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("<U+") {
        plain.push_str(&rest[..start]);
        let end = start + rest[start..].find('>').unwrap();
        let number = u32::from_str_radix(&rest[start + 3..end], 16).unwrap();
        plain.push(char::from_u32(number).unwrap());
        rest = &rest[end + 1..];
    }
    plain + rest
}

fn ids(view: &TreeView) -> Vec<String> {
    view.nodes.iter().map(|node| node.id.to_string()).collect()
}

fn assert_read_back(view: &TreeView) {
    let expected = ids(view);
    let dot = dot_reader::read(&export_tree(view, TreeFormat::Dot));
    let chart = mermaid_reader::read(&export_tree(view, TreeFormat::Mermaid));
    for (place, id) in expected.iter().enumerate() {
        let name = format!("n{place}");
        assert_eq!(unnamed(&dot.nodes[&name]["larum_id"]), *id);
        let lines = chart.nodes[&name].iter().map(|line| unnamed(line));
        let mut cut = lines.map(|line| match line.strip_suffix('…') {
            Some(start) => id.starts_with(start),
            None => line == *id,
        });
        assert!(cut.any(|same| same), "{id:?} in {chart:?}");
    }
    assert_eq!(dot.nodes.len(), expected.len());
    assert_eq!(dot.edges.len(), expected.len() - 1);
    assert_eq!(chart.nodes.len(), expected.len());
    assert_eq!(chart.edges.len(), expected.len() - 1);
    let rows = tables::rows(view, TreeFormat::Csv);
    let read: Vec<_> = rows.iter().map(|row| row["id"].clone()).collect();
    assert_eq!(read, expected);
    let mut spans: Vec<_> = otlp::spans(view).into_iter().map(|(id, _)| id).collect();
    spans.sort();
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(spans, sorted);
    let text = export_tree(view, TreeFormat::Text);
    assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r', '\u{0}']));
    let json: serde_json::Value =
        serde_json::from_str(&export_tree(view, TreeFormat::Json)).unwrap();
    assert_eq!(json["nodes"][0]["id"], expected[0]);
}

proptest! {
    #[test]
    fn ids_come_back_from_every_format(view in tree()) {
        assert_read_back(&view);
    }
}

#[test]
fn every_fragment_alone_comes_back_from_every_format() {
    for fragment in FRAGMENTS {
        assert_read_back(&view(vec![node(fragment, None), node("below", Some(0))]));
    }
}

#[test]
fn an_id_of_ten_thousand_characters_comes_back_or_is_cut_in_pictures() {
    let id = "x\"]".repeat(3_334);
    assert_read_back(&view(vec![node(&id, None)]));
    let chart = mermaid_reader::read(&export_tree(
        &view(vec![node(&id, None)]),
        TreeFormat::Mermaid,
    ));
    assert_eq!(chart.nodes["n0"][0].chars().count(), 256);
}

#[test]
fn a_chain_of_a_hundred_thousand_nodes_is_written_in_every_format() {
    let chain = (0..100_000_usize).map(|place| {
        let mut node = node(&format!("s{place}"), place.checked_sub(1));
        node.events = vec![event("e", 1, "work.done", "collector")];
        node
    });
    let view = view(chain.collect());
    for format in TreeFormat::ALL {
        let text = export_tree(&view, format);
        assert!(text.contains("s99999"), "{format}");
        assert!(text.len() < 256 * 1024 * 1024, "{format}");
    }
}

#[test]
fn a_parent_that_is_not_there_is_no_panic() {
    let mut lost = node("lost", None);
    lost.parent = Some(7);
    lost.depth = 3;
    let mut alert = alert("auth.guessing", larum_event::Severity::Low, 1);
    alert.causes = vec![larum_tree::AlertCause {
        event: larum_event::EventId::new("e").unwrap(),
        node: Some(70),
        step: None,
    }];
    lost.alert = Some(alert);
    let mut view = view(vec![node("root", None)]);
    view.nodes.push(lost);
    for format in TreeFormat::ALL {
        assert!(export_tree(&view, format).contains("root"), "{format}");
    }
}
