//! Rules of another language beside those in Rhai.

use std::sync::Arc;

use larum_event::value::CaseSensitivity;
use larum_event::{RuleFile, RuleId, Severity};
use larum_predicate::{
    AlertAudience, BoolExpression, CompiledRule, FieldTest, FrontEnd, FrontEndOutput, PathMap,
    PredicateSetBuilder, TextAnchor, ViewId,
};
use larum_rule::{Diagnostic, DiagnosticLevel, EventGate, RuleLoader, RuleMatcher, RuleSet};

use crate::fixtures::{event, file, login, show_problems};

/// A language whose documents are lines `id word`: the member `text` holds the word.
#[derive(Debug)]
struct Words;

impl FrontEnd for Words {
    fn language(&self) -> &'static str {
        "words"
    }

    fn reads_file(&self, path: &str) -> bool {
        path.ends_with(".words")
    }

    fn compile(
        &self,
        files: &[&RuleFile],
        premise: &BoolExpression,
        predicates: &mut PredicateSetBuilder,
    ) -> FrontEndOutput {
        let mut compiled = FrontEndOutput::default();
        let view = predicates.add_view("words", premise.clone()).unwrap();
        for file in files {
            for (number, line) in (1..).zip(file.text.lines()) {
                match line.split_once(' ') {
                    Some((id, word)) => {
                        let rule = rule((id, word), (&file.path, number), view, predicates);
                        compiled.rules.push(rule);
                    }
                    None => compiled.findings.push(Diagnostic::new_refusal(
                        file,
                        number,
                        "no-word",
                        "the line has no word",
                    )),
                }
            }
        }
        compiled
    }

    fn layout(&self) -> PathMap {
        PathMap::default().nest_under("data")
    }
}

fn rule(
    (id, word): (&str, &str),
    (path, line): (&str, usize),
    view: ViewId,
    predicates: &mut PredicateSetBuilder,
) -> CompiledRule {
    let slot = predicates.field_slot("text");
    let test = FieldTest::Text {
        kind: TextAnchor::Anywhere,
        literal: word.to_owned(),
        case: CaseSensitivity::Insensitive,
    };
    let is = predicates.add_predicate(Some(slot), test).unwrap();
    CompiledRule {
        id: RuleId::new(id).unwrap(),
        title: id.into(),
        description: None,
        severity: Severity::High,
        attack: Vec::new(),
        references: Vec::new(),
        false_positives: Vec::new(),
        file: path.into(),
        line,
        programs: vec![(view, BoolExpression::Is(is))],
        correlation: None,
        audience: AlertAudience::Everyone,
        synonyms: Vec::new(),
        semantic_hash: *blake3::hash(word.as_bytes()).as_bytes(),
    }
}

fn load(files: &[RuleFile]) -> Result<RuleSet, Vec<Diagnostic>> {
    RuleLoader::default().with_front_end(Words).load(files)
}

fn matched_rules(set: RuleSet, layer: u8, json: &str) -> Vec<String> {
    let set = Arc::new(set);
    let (mut out, mut faults) = (Vec::new(), Vec::new());
    RuleMatcher::new(Arc::clone(&set)).match_event(layer, &event(json), &mut out, &mut faults);
    assert_eq!(faults, []);
    let id = |number| set.rule(number).unwrap().id.to_string();
    out.iter().map(|one| id(one.rule)).collect()
}

#[test]
fn rules_of_both_languages_match_in_the_order_of_their_ids() {
    let rhai = r##"rule("m.login").on("security.#").when(|event| event.data.text == "Evil deed");
        rule("z.other").on("security.other");"##;
    let files = [
        file("a.rhai", rhai),
        file("b.words", "a.evil evil\nx.deed DEED\nx.good good"),
    ];
    let set = load(&files).unwrap();
    assert_eq!(set.warnings(), []);
    let languages: Vec<_> = set.rules().iter().map(|rule| rule.language).collect();
    assert_eq!(languages, ["words", "rhai", "words", "words", "rhai"]);
    let hit = r#"{"type":"auth.login","channel":"security","data":{"text":"Evil deed"}}"#;
    assert_eq!(
        matched_rules(set.clone(), 0, hit),
        ["a.evil", "m.login", "x.deed"]
    );
    let beside = r#"{"type":"auth.login","channel":"security","text":"Evil deed","data":{}}"#;
    assert_eq!(matched_rules(set, 0, beside), [""; 0]);
}

#[test]
fn rules_of_other_languages_read_raw_events_of_every_topic_and_no_alerts() {
    let set = load(&[file("b.words", "a.evil evil")]).unwrap();
    for (kind, channel, wanted) in [
        ("auth.login", "security", 1),
        ("x", "alerts", 0),
        ("x", "$sys", 0),
    ] {
        let json = format!(r#"{{"type":"{kind}","channel":"{channel}","data":{{"text":"evil"}}}}"#);
        let names = matched_rules(set.clone(), 0, &json);
        assert_eq!(names.len(), wanted, "{channel}");
    }
}

#[test]
fn a_rule_in_rhai_reads_the_alerts_of_a_rule_of_another_language() {
    let rhai = r##"rule("z.seen").on("alerts.a.evil");"##;
    let set = load(&[file("a.rhai", rhai), file("b.words", "a.evil evil")]).unwrap();
    assert_eq!(set.warnings(), []);
    assert_eq!(set.layers(), 2);
    let alert = r#"{"type":"a.evil","channel":"alerts","data":{"text":"evil"}}"#;
    assert_eq!(matched_rules(set.clone(), 0, alert), [""; 0]);
    assert_eq!(matched_rules(set, 1, alert), ["z.seen"]);
}

#[test]
fn a_refused_document_is_told_with_its_line_and_the_others_load() {
    let set = load(&[file("b.words", "a.evil evil\nnothing\nb.bad bad")]).unwrap();
    assert_eq!(set.rules().len(), 2);
    let [refused] = set.warnings() else {
        panic!("one refusal");
    };
    assert_eq!(refused.level, DiagnosticLevel::Refused);
    assert_eq!(
        show_problems(set.warnings()),
        "b.words:2:1: refused[no-word]: the line has no word\n   2 | nothing"
    );
}

#[test]
fn an_id_is_one_rule_s_whatever_the_language() {
    let rhai = r##"rule("a.evil").on("#");"##;
    let problems = load(&[file("a.rhai", rhai), file("b.words", "A.evil evil")]).unwrap_err();
    assert_eq!(problems[0].code, "duplicate-rule");
    assert!(
        problems[0].to_string().contains("a.rhai:1"),
        "{}",
        problems[0]
    );
}

#[test]
fn a_rule_keeps_its_state_only_while_it_means_the_same() {
    let before = load(&[file("b.words", "a.evil evil\nb.bad bad")]).unwrap();
    let after = load(&[file("b.words", "0.new new\na.evil evil\nb.bad good")]).unwrap();
    assert_eq!(after.successor(&before, 0), Some(1));
    assert_eq!(after.successor(&before, 1), None);
    assert_eq!(after.successor(&before, 2), None);
}

#[test]
fn an_author_can_ask_a_rule_whatever_the_topic() {
    let rhai = r##"rule("m.login").on("security.#").when(|event| event.data.text == "evil");"##;
    let set = load(&[file("a.rhai", rhai), file("b.words", "a.evil evil")]).unwrap();
    let mut matcher = RuleMatcher::new(Arc::new(set));
    let elsewhere = event(r#"{"type":"x","channel":"other","data":{"text":"evil"}}"#);
    let good = login(r#"{"text":"good"}"#);
    for rule in [0, 1] {
        assert!(matcher.condition_holds(rule, &elsewhere).unwrap());
        assert!(!matcher.condition_holds(rule, &good).unwrap());
    }
    assert!(!matcher.condition_holds(2, &elsewhere).unwrap());
}

#[test]
fn a_rule_of_another_language_is_explained_by_its_program() {
    let set = load(&[file("b.words", "a.evil Evil")]).unwrap();
    let outline = set.outline_rule(0).unwrap();
    let contains = r#"text contains "evil" ignoring case"#;
    assert_eq!(outline.gate, EventGate::AnyOf(vec![contains.to_owned()]));
    assert_eq!(outline.condition.unwrap().text, contains);
    let mut matcher = RuleMatcher::new(Arc::new(set));
    for (text, holds) in [("an EVIL deed", true), ("a deed", false)] {
        let event = login(&format!(r#"{{"text":"{text}"}}"#));
        let told = matcher.explain_rule(0, &event).unwrap();
        let condition = told.condition.unwrap();
        assert_eq!((told.outcome, condition.holds), (Ok(holds), Some(holds)));
        assert!(!told.ran_script && told.reads_topic);
        let seen = condition.fields[0].value.clone();
        assert_eq!(seen, Some(format!("{text:?}")));
    }
}
