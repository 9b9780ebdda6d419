//! What is open in windows.

use larum_event::RuleFile;

use crate::client::{Door, event, open_with};

const RULES: &str = r#"
rule("auth.many").on("security.#").group_by("data.n").within("5m").count(3);
rule("auth.order").on("security.#").within("5m")
    .sequence([step("one").when(|event| event.data.n == 1), step("two").when(|event| event.data.n == 2)]);
rule("auth.any").on("security.#");
"#;

async fn door() -> Door {
    let door = open_with(
        |config| {
            config.rules = vec![RuleFile {
                path: "auth/rule.rhai".to_owned(),
                text: RULES.to_owned(),
            }];
        },
        |_| {},
    )
    .await;
    for (id, n) in [("a", 1), ("b", 1), ("c", 7)] {
        let event = event(id);
        let event = format!(r#"{},"data":{{"n":{n}}}}}"#, event.trim_end_matches('}'));
        door.post("application/json", event).await;
    }
    door.engine.wait_until_evaluated().await;
    door
}

#[actix_web::test]
async fn open_groups_are_listed_with_what_they_hold_and_what_it_takes() {
    let door = door().await;
    let json = door.get("/v1/windows?rule=auth.many").await.json();
    assert_eq!(
        (&json["more"], &json["complete"]),
        (&0.into(), &true.into())
    );
    let windows = json["windows"].as_array().unwrap();
    assert_eq!(windows.len(), 2, "{json}");
    let one = windows.iter().find(|group| group["key"]["n"] == 1).unwrap();
    let expected: [(&str, serde_json::Value); 5] = [
        ("rule", "auth.many".into()),
        ("tenant", "default".into()),
        ("events", 2.into()),
        ("threshold", 3.into()),
        ("open", false.into()),
    ];
    for (member, value) in expected {
        assert_eq!(one[member], value, "{member} of {one}");
    }
    let json = door.get("/v1/windows?rule=auth.order").await.json();
    let partials = &json["windows"][0]["partials"];
    assert_eq!(partials[0]["waitsFor"], "two", "{json}");
}

#[actix_web::test]
async fn groups_are_chosen_by_rule_key_and_tenant_and_those_beyond_the_limit_are_counted() {
    let door = door().await;
    let count = async |query: &str| {
        let json = door.get(&format!("/v1/windows{query}")).await.json();
        let shown = json["windows"].as_array().unwrap().len();
        (shown, json["more"].as_u64().unwrap())
    };
    assert_eq!(count("").await, (3, 0));
    assert_eq!(count("?limit=1").await, (1, 2));
    assert_eq!(count("?key=7").await, (1, 0));
    assert_eq!(count("?rule=auth.any").await, (0, 0));
    assert_eq!(count("?tenant=nobody").await, (0, 0));
}

#[actix_web::test]
async fn a_rule_that_is_not_there_and_a_parameter_nobody_knows_are_told() {
    let door = door().await;
    for (path, status, code) in [
        ("/v1/windows?rule=auth.none", 404, "no_such_rule"),
        ("/v1/windows?limit=0", 400, "bad_parameter"),
        ("/v1/windows?rules=x", 400, "unknown_parameter"),
    ] {
        let answer = door.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.json()["error"]["code"], code, "{path}");
    }
}
