//! Trees for Mermaid.

use larum_view::{TreeFormat, export_tree};

use crate::mermaid_reader::read;
use crate::views::{intrusion, node, view};

#[test]
fn an_intrusion_is_drawn_with_its_alert_its_gaps_and_what_it_shares() {
    let expected = r##"flowchart LR
  n0["session#58;ws5/0x3e7<br/>1#44;244 events#44; 2027-01-15T08#58;00#58;00Z to 2027-01-15T08#58;00#58;40Z"]
  n1["cmd#46;exe 4412<br/>process#58;ws5#47;#123;E2C0#125;<br/>cmd#46;exe #47;c whoami<br/>1 event#44; 2027-01-15T08#58;00#58;10Z to 2027-01-15T08#58;00#58;12Z"]
  n2{{"high auth#46;guessing<br/>eve#44; #34;root#34; #38; others<br/>alert-1"}}
  class n2 high
  n3["bare<br/>not seen"]
  class n3 unseen
  n4["process#58;ws5#47;#123;AAAA#125;<br/>not seen"]
  class n4 unseen
  n5["upload-7<br/>stage exfiltration<br/>to#61;192#46;0#46;2#46;9<br/>4 events#44; 2027-01-15T08#58;00#58;30Z"]
  n6["hash#58;sha256/9f86<br/>elsewhere"]
  class n6 elsewhere
  missing["1 step only named by others so far<br/>more nodes on the next page"]
  class missing missing
  n0 --> n1
  n1 ==>|raised| n2
  n3 ==>|raised| n2
  n0 --> n4
  n4 -.->|alias| n5
  n6 -.-|shared| n5
  n0 ==>|raised| n2
  classDef unseen stroke-dasharray: 4 4
  classDef again color:gray,stroke:gray
  classDef elsewhere stroke-dasharray: 2 2,color:gray
  classDef missing fill:none,stroke:none
  classDef info fill:azure
  classDef low fill:lightblue
  classDef medium fill:khaki
  classDef high fill:orange
  classDef critical fill:tomato
  classDef retracted fill:gainsboro
"##;
    assert_eq!(export_tree(&intrusion(), TreeFormat::Mermaid), expected);
}

#[test]
fn nodes_edges_and_ids_are_those_of_the_view() {
    let view = intrusion();
    let chart = read(&export_tree(&view, TreeFormat::Mermaid));
    for (place, node) in view.nodes.iter().enumerate() {
        let lines = &chart.nodes[&format!("n{place}")];
        assert!(lines.iter().any(|line| **line == *node.id), "{lines:?}");
    }
    let ends: Vec<_> = chart
        .edges
        .iter()
        .map(|(from, to, arrow)| format!("{from} {arrow} {to}"))
        .collect();
    assert_eq!(
        ends,
        [
            "n0 --> n1",
            "n1 ==>|raised| n2",
            "n3 ==>|raised| n2",
            "n0 --> n4",
            "n4 -.->|alias| n5",
            "n6 -.-|shared| n5",
            "n0 ==>|raised| n2"
        ]
    );
    assert_eq!(chart.classes["n2"], "high");
    assert_eq!(chart.classes["n4"], "unseen");
    assert_eq!(chart.classes["n6"], "elsewhere");
}

#[test]
fn a_comment_says_so_when_there_are_more_edges_than_mermaid_draws() {
    let star = |children: usize| {
        let mut nodes = vec![node("root", None)];
        nodes.extend((0..children).map(|number| node(&format!("n{number}"), Some(0))));
        read(&export_tree(&view(nodes), TreeFormat::Mermaid)).comments
    };
    assert_eq!(star(500), [""; 0]);
    let comments = star(501);
    assert!(comments[0].starts_with("%% 501 edges and "), "{comments:?}");
}

#[test]
fn a_comment_says_so_when_there_is_more_text_than_mermaid_reads() {
    let long = |characters: usize| {
        let nodes = (0..200).map(|number| {
            let mut node = node(&format!("n{number:03}"), None);
            node.stage = Some("x".repeat(characters).into());
            node
        });
        export_tree(&view(nodes.collect()), TreeFormat::Mermaid)
    };
    let few = long(10);
    assert!(few.len() < 50_000 && few.starts_with("flowchart"));
    // Boxes hold at most 120 characters of a line, so there are 200 lines too many.
    let mut wide = intrusion();
    wide.nodes[0].tags = (0..600)
        .map(|number| (format!("t{number:03}").into(), "x".repeat(100).into()))
        .collect();
    let many = export_tree(&wide, TreeFormat::Mermaid);
    assert!(many.starts_with("%% 7 edges and "), "{}", &many[..100]);
}
