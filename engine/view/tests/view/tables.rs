//! Trees as tables, read back by the `csv` library.

use std::collections::BTreeMap;

use larum_tree::TreeView;
use larum_view::{TreeFormat, export_tree};

use crate::views::{event, intrusion, node, view};

/// Rows by the names of columns, with the guard against formulas taken away.
pub fn rows(view: &TreeView, format: TreeFormat) -> Vec<BTreeMap<String, String>> {
    let text = export_tree(view, format);
    assert!(text.ends_with("\r\n"));
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let heads = reader.headers().unwrap().clone();
    let rows = reader.records().map(|row| {
        let row = row.unwrap();
        assert_eq!(row.len(), heads.len());
        let cells = row.iter().map(|cell| {
            let danger = ['=', '+', '-', '@', '\t', '\r', '\n'];
            assert!(!cell.starts_with(danger), "{cell:?} is a formula");
            cell.strip_prefix('\'').unwrap_or(cell).to_owned()
        });
        heads.iter().map(str::to_owned).zip(cells).collect()
    });
    rows.collect()
}

#[test]
fn nodes_are_rows_with_ids_of_their_parents() {
    let rows = rows(&intrusion(), TreeFormat::Csv);
    let column = |name: &str| -> Vec<_> { rows.iter().map(|row| row[name].clone()).collect() };
    assert_eq!(
        column("id"),
        [
            "session:ws5/0x3e7",
            "process:ws5/{E2C0}",
            "alert-1",
            "bare",
            "process:ws5/{AAAA}",
            "upload-7"
        ]
    );
    assert_eq!(
        column("parent"),
        [
            "",
            "session:ws5/0x3e7",
            "process:ws5/{E2C0}",
            "alert-1",
            "session:ws5/0x3e7",
            "process:ws5/{AAAA}"
        ]
    );
    assert_eq!(column("events"), ["1244", "1", "0", "0", "0", "4"]);
    assert_eq!(column("edge"), ["", "parent", "", "", "", "alias"]);
    assert_eq!(rows[2]["message"], "eve, \"root\" & others");
    assert_eq!(rows[2]["attack"], "[\"T1110\"]");
    assert_eq!(rows[5]["tags"], "{\"to\":\"192.0.2.9\"}");
}

#[test]
fn a_table_of_nodes_looks_so() {
    let mut step = node("a,b", None);
    step.stage = Some("=1+1".into());
    let expected = "\
id,kind,link,label,parent,depth,edge,seen,begun,first,last,stage,tags,kept,events,children,severity,rule,title,status,message,attack,position\r
\"a,b\",step,,,,0,,true,true,,,'=1+1,,,0,0,,,,,,,\r
";
    assert_eq!(export_tree(&view(vec![step]), TreeFormat::Csv), expected);
}

#[test]
fn events_are_rows_by_time_with_repeats_and_alerts_between_them() {
    let rows = rows(&intrusion(), TreeFormat::CsvEvents);
    let told: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {} {}", row["type"], row["count"], row["alert"]))
        .collect();
    assert_eq!(
        told,
        [
            "auth.login 1243 false",
            "auth.logout 1 false",
            "process.start 1 false",
            "auth.guessing 1 true",
            "file.upload 1 false"
        ]
    );
    assert_eq!(rows[2]["label"], r"C:\Windows\System32\cmd.exe");
    assert_eq!(rows[0]["until"], "2027-01-15T08:00:40Z");
}

#[test]
fn a_cell_that_a_spreadsheet_would_run_is_guarded_and_others_are_not() {
    for (text, guarded) in [
        ("=cmd|' /C calc'!A0", true),
        ("+1", true),
        ("-1", true),
        ("@SUM(A1)", true),
        ("\t=1", true),
        (" \u{a0}=1", true),
        ("＝1", true),
        ("'quoted", true),
        ("a=1", false),
        ("1-2", false),
        ("", false),
    ] {
        let mut step = node("a", None);
        step.stage = Some(text.into());
        let view = view(vec![step]);
        let csv = export_tree(&view, TreeFormat::Csv);
        let cell = if guarded {
            format!("'{text}")
        } else {
            text.to_owned()
        };
        assert!(csv.contains(&format!(",{cell},")), "{csv}");
        assert_eq!(rows(&view, TreeFormat::Csv)[0]["stage"], text);
    }
}

#[test]
fn what_stands_on_the_page_again_is_no_row() {
    let mut above = node("above", None);
    above.again = true;
    above.events = vec![event("e1", 1, "work.done", "collector")];
    let view = view(vec![above, node("new", Some(0))]);
    let nodes = rows(&view, TreeFormat::Csv);
    assert_eq!(nodes.len(), 1);
    assert_eq!(nodes[0]["parent"], "above");
    assert_eq!(rows(&view, TreeFormat::CsvEvents).len(), 0);
}
