//! One way in for all formats.

use larum_view::{TextStyle, TreeFormat, export_tree, tree_to_text};

use crate::views::intrusion;

#[test]
fn every_format_is_read_back_from_its_word_and_says_what_it_is() {
    for format in TreeFormat::ALL {
        assert_eq!(format.as_str().parse(), Ok(format));
        assert!(format.media_type().contains('/'), "{format}");
        assert!(!format.extension().starts_with('.'), "{format}");
    }
    let extensions = TreeFormat::ALL.map(TreeFormat::extension);
    let different: std::collections::BTreeSet<_> = extensions.into_iter().collect();
    assert_eq!(different.len(), TreeFormat::ALL.len());
}

#[test]
fn an_unknown_word_is_told_with_those_that_are_known() {
    let error = "svg".parse::<TreeFormat>().unwrap_err().to_string();
    assert_eq!(
        error,
        "format \"svg\" is none of json, text, dot, mermaid, otlp, csv, csv-events"
    );
}

#[test]
fn json_and_text_are_those_of_the_view() {
    let view = intrusion();
    let json: serde_json::Value =
        serde_json::from_str(&export_tree(&view, TreeFormat::Json)).unwrap();
    assert_eq!(json, serde_json::to_value(&view).unwrap());
    let text = export_tree(&view, TreeFormat::Text);
    assert_eq!(text, tree_to_text(&view, TextStyle::default()));
}

#[test]
fn the_same_view_is_the_same_text_in_every_format() {
    for format in TreeFormat::ALL {
        assert_eq!(
            export_tree(&intrusion(), format),
            export_tree(&intrusion(), format),
            "{format}"
        );
    }
}
