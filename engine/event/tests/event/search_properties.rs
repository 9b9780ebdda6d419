//! What holds of every search and of every text that is not one.

use larum_event::Timestamp;
use larum_event::search::EventSearch;
use proptest::prelude::*;

/// Texts that are searches, most of them.
pub fn searches() -> impl Strategy<Value = String> {
    let field = prop::sample::select(vec![
        "type",
        "topic",
        "channel",
        "source",
        "user",
        "host",
        "ip",
        "tenant",
        "id",
        "rule",
        "step",
        "correlation",
        "root",
        "parent",
        "trace",
        "stage",
        "tag.case",
        "tag.a.b",
        "data.n",
        "data.s",
        "data.o.n",
        "data.l",
        "data.ls.n",
        "\"data.a b\"",
        ".extra",
        "metadata.user",
        "sequence",
        "status",
        "data",
    ]);
    let value = prop_oneof![
        "[a-c*?]{1,4}",
        prop::sample::select(vec![
            "eve",
            "EVE",
            "auth.*",
            "1",
            "1.5",
            "1e2",
            "*",
            "\"\"",
            "\"a b\"",
            r#""\"\\\*""#,
            "10.0.0.0/8",
            "10.1.2.3",
            "(eve, bob)",
            "(1..3, 7, a*)",
            "1..2",
            "..5",
            "0..",
            "alerts",
            "true",
            "null",
            "t-1",
            "r-1",
            "ws5",
            "4bf92f3577b34da6a3ce929d0e0e4736",
            "2026-11-20",
            "2026-11-20..2026-11-21",
            "é*",
        ])
        .prop_map(str::to_owned),
    ];
    let number = prop::sample::select(vec![
        "0",
        "1",
        "-1",
        "1.5",
        "2026-11-20T12:00",
        "2026-11-20",
    ]);
    let operator = prop::sample::select(vec![">", ">=", "<", "<=", ":>", ":<="]);
    let path = prop::sample::select(vec![
        "data.n",
        "data.o.n",
        "data.s",
        "data.t",
        "sequence",
        "data.ls.n",
    ]);
    let term = prop_oneof![
        4 => (field.clone(), value).prop_map(|(field, value)| format!("{field}:{value}")),
        2 => (path, operator.clone(), number).prop_map(|(field, operator, value)| format!("{field}{operator}{value}")),
        1 => field.prop_map(|field| format!("{field}:*")),
        1 => prop::sample::select(vec![
            "severity>=high", "severity:(low, critical)", "severity<medium", "severity:low..medium", "last:24h", "last:1s",
            "time>=2026-11-20", "time:2026-11-20T12:00", "time<2026-11-20T12:00:00Z", "kind:alert", "kind:event", "severity:*",
            "kind:(alert, system)", "time:*", "from:2026-11-20", "to:2026-11-19", "topic:security.#", "topic:+.auth.login",
        ]).prop_map(str::to_owned),
        2 => prop::sample::select(vec!["eve", "\"a b\"", "e?e", "1", "true", "auth.*n", "\"É\"", "*"]).prop_map(str::to_owned),
    ];
    term.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            3 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| parts.join(" ")),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(|parts| format!("({})", parts.join(" OR "))),
            1 => inner.clone().prop_map(|part| format!("-({part})")),
            1 => inner.prop_map(|part| format!("NOT ({part})")),
        ]
    })
}

proptest! {
    #[test]
    fn what_a_search_prints_reads_as_the_same_search(text in searches()) {
        if let Ok(search) = EventSearch::parse(&text, Timestamp::default()) {
            let printed = search.to_string();
            let again = EventSearch::parse(&printed, Timestamp::default());
            prop_assert_eq!(again.as_ref(), Ok(&search), "{}", printed);
            prop_assert_eq!(again.unwrap().to_string(), printed);
        }
    }

    #[test]
    fn no_text_makes_reading_panic_and_what_is_read_prints_the_same(
        text in prop_oneof![
            any::<String>(),
            "[a-zA-Z:.*?()\"\\\\ ,<>=!+#0-9-]{0,60}",
            "(type|data\\.x|time|severity|last|\"q\")(:|>=|!=)[a-z0-9.*\"(), -]{0,20}( (OR|AND|NOT|-) ?[a-z(]{0,5}){0,3}",
        ]
    ) {
        match EventSearch::parse(&text, Timestamp::default()) {
            Ok(search) => {
                let printed = search.to_string();
                prop_assert_eq!(EventSearch::parse(&printed, Timestamp::default()), Ok(search), "{}", printed);
            }
            Err(error) => {
                prop_assert!(error.to_string().lines().count() >= 3);
                prop_assert!(error.column() <= text.chars().count() + 1);
            }
        }
    }
}
