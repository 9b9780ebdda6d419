//! Trees for Graphviz.

use larum_view::{TreeFormat, export_tree};

use crate::dot_reader::read;
use crate::views::{intrusion, node, view};

#[test]
fn an_intrusion_is_drawn_with_its_alert_its_gaps_and_what_it_shares() {
    let expected = r#"digraph larum {
  graph [rankdir=LR, labelloc=t, labeljust=l, label="session:ws5/0x3e7\l1 step only named by others so far\lmore nodes on the next page\l"];
  node [shape=box, style="filled", fillcolor=white, fontname="sans-serif", fontsize=10];
  edge [fontname="sans-serif", fontsize=9];
  n0 [label="session:ws5/0x3e7\l1,244 events, 2027-01-15T08:00:00Z to 2027-01-15T08:00:40Z\l", larum_id="session:ws5/0x3e7"];
  n1 [label="cmd.exe 4412\lprocess:ws5/{E2C0}\lcmd.exe /c whoami\l1 event, 2027-01-15T08:00:10Z to 2027-01-15T08:00:12Z\l", larum_id="process:ws5/{E2C0}"];
  n2 [label="high auth.guessing\leve, \"root\" &#38; others\lalert-1\l", larum_id="alert-1", shape=octagon, fillcolor=orange];
  n3 [label="bare\lnot seen\l", larum_id="bare", style="filled,dashed"];
  n4 [label="process:ws5/{AAAA}\lnot seen\l", larum_id="process:ws5/{AAAA}", style="filled,dashed"];
  n5 [label="upload-7\lstage exfiltration\lto=192.0.2.9\l4 events, 2027-01-15T08:00:30Z\l", larum_id="upload-7"];
  n6 [label="hash:sha256/9f86\lelsewhere\l", larum_id="hash:sha256/9f86", style="dotted", fontcolor=gray40];
  n0 -> n1;
  n1 -> n2 [color=red, label=raised];
  n3 -> n2 [color=red, label=raised];
  n0 -> n4;
  n4 -> n5 [style=dashed, label=alias];
  n6 -> n5 [style=dashed, dir=none, label=shared, constraint=false];
  n0 -> n2 [color=red, label=raised, constraint=false];
}
"#;
    assert_eq!(export_tree(&intrusion(), TreeFormat::Dot), expected);
}

#[test]
fn nodes_edges_and_ids_are_those_of_the_view() {
    let view = intrusion();
    let graph = read(&export_tree(&view, TreeFormat::Dot));
    for (place, node) in view.nodes.iter().enumerate() {
        assert_eq!(graph.nodes[&format!("n{place}")]["larum_id"], *node.id);
    }
    assert_eq!(graph.nodes["n6"]["larum_id"], "hash:sha256/9f86");
    let ends: Vec<_> = graph
        .edges
        .iter()
        .map(|(from, to, _)| format!("{from} {to}"))
        .collect();
    assert_eq!(
        ends,
        [
            "n0 n1", "n1 n2", "n3 n2", "n0 n4", "n4 n5", "n6 n5", "n0 n2"
        ]
    );
}

#[test]
fn what_graphviz_would_take_for_an_escape_an_entity_or_markup_is_text() {
    let id = "<b>\\N\\G\\n&amp;\"\\";
    let graph = read(&export_tree(&view(vec![node(id, None)]), TreeFormat::Dot));
    assert_eq!(graph.nodes["n0"]["larum_id"], id);
    assert_eq!(graph.nodes["n0"]["label"], format!("{id}\n"));
}

#[test]
fn a_mark_that_turns_text_is_named_in_the_picture() {
    let dot = export_tree(&view(vec![node("a\u{202e}gpj.exe", None)]), TreeFormat::Dot);
    assert!(!dot.contains('\u{202e}'));
    let graph = read(&dot);
    assert_eq!(graph.nodes["n0"]["larum_id"], "a<U+202E>gpj.exe");
    assert_eq!(graph.nodes["n0"]["label"], "a<U+202E>gpj.exe\n");
}
