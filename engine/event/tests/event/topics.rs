//! Truth tables of topics, patterns (2-03, 2-09, 2-10, X1 to X3) and severity words.

use larum_event::{
    Channel, EventType, InvalidPattern, InvalidTopic, Severity, Topic, TopicPattern,
};

/// Pattern, then the topics it stands for, then some that it does not.
const MATCHES: &[(&str, &[&str], &[&str])] = &[
    (
        "events.process.lifecycle",
        &["events.process.lifecycle"],
        &["events.process", "events.process.lifecycle.x"],
    ),
    (
        "events.+.lifecycle",
        &["events.process.lifecycle", "events.network.lifecycle"],
        &[
            "events.lifecycle",
            "events.process.metadata",
            "events.process.x.lifecycle",
            "control.process.lifecycle",
        ],
    ),
    (
        "events.process.+",
        &["events.process.lifecycle", "events.process.metadata"],
        &[
            "events.process",
            "events.process.a.b",
            "events.network.lifecycle",
        ],
    ),
    (
        "events.#",
        &[
            "events",
            "events.process",
            "events.process.lifecycle.a.b.c.d.e",
        ],
        &["control", "control.events", "eventsx.a"],
    ),
    ("+", &["events", "control"], &["events.process", "$sys"]),
    (
        "+.+",
        &["events.process"],
        &["events", "events.a.b", "$sys.late"],
    ),
    (
        "#",
        &["events", "events.process.lifecycle"],
        &["$sys", "$sys.late"],
    ),
    ("+.#", &["events", "events.process"], &["$sys.late"]),
    (
        "+.process.#",
        &["events.process", "events.process.x"],
        &["events", "events.network"],
    ),
    (
        "events.+.#",
        &["events.process", "events.process.x"],
        &["events"],
    ),
    (
        "$sys.#",
        &["$sys", "$sys.late", "$sys.late.x"],
        &["events.late"],
    ),
    ("$sys.+", &["$sys.late"], &["$sys", "$sys.late.x"]),
    ("a_b.c-d.0", &["a_b.c-d.0"], &["a_b.c-d.1"]),
];

#[test]
fn patterns_match_what_the_table_says() {
    for (pattern, matching, others) in MATCHES {
        let pattern = TopicPattern::new(pattern).unwrap();
        for topic in *matching {
            assert!(
                pattern.matches(&Topic::new(topic).unwrap()),
                "{pattern} {topic}"
            );
        }
        for topic in *others {
            assert!(
                !pattern.matches(&Topic::new(topic).unwrap()),
                "{pattern} {topic}"
            );
        }
    }
}

#[test]
fn a_pattern_without_wildcards_is_literal() {
    assert!(TopicPattern::new("events.process").unwrap().is_literal());
    for pattern in ["events.+", "events.#", "#", "+"] {
        assert!(
            !TopicPattern::new(pattern).unwrap().is_literal(),
            "{pattern}"
        );
    }
}

fn segments(count: usize) -> String {
    vec!["a"; count].join(".")
}

#[test]
fn topics_are_refused_for_what_the_table_says() {
    let long = "x".repeat(64);
    for topic in [
        "events",
        "a.b.c.d",
        &segments(8),
        &long,
        &format!("a.{long}"),
        "$sys",
        "$sys.late",
        "a_1-2",
    ] {
        assert_eq!(Topic::new(topic).unwrap().as_str(), topic);
    }
    for topic in ["", ".", "a.", ".a", "a..b", "$", "$.a"] {
        assert!(
            matches!(Topic::new(topic), Err(InvalidTopic::EmptySegment { .. })),
            "{topic}"
        );
    }
    for topic in [segments(9), segments(1_000)] {
        assert!(
            matches!(Topic::new(&topic), Err(InvalidTopic::TooDeep { .. })),
            "{topic}"
        );
    }
    for topic in [format!("{long}x"), format!("a.{long}x.b")] {
        assert!(
            matches!(Topic::new(&topic), Err(InvalidTopic::SegmentTooLong { .. })),
            "{topic}"
        );
    }
    for topic in [
        "*", "events.*", "events.>", "events.+", "events.#", "ev*nts",
    ] {
        let error = Topic::new(topic).unwrap_err();
        assert!(matches!(error, InvalidTopic::Wildcard { .. }), "{topic}");
        assert!(error.to_string().contains("did you mean"), "{error}");
    }
    for topic in [
        "Events",
        "events.Process",
        "a b",
        "a/b",
        "ä",
        "a.$sys",
        "$$a",
        "a\u{0}",
        "a\n",
    ] {
        assert!(
            matches!(Topic::new(topic), Err(InvalidTopic::Character { .. })),
            "{topic}"
        );
    }
}

#[test]
fn patterns_are_refused_for_what_the_table_says() {
    for pattern in ["#.a", "a.#.b", "#.#"] {
        assert!(
            matches!(
                TopicPattern::new(pattern),
                Err(InvalidPattern::HashNotLast { .. })
            ),
            "{pattern}"
        );
    }
    for pattern in ["*", "events.*", "events.process.*", ">", "events.>", "ev*"] {
        let error = TopicPattern::new(pattern).unwrap_err();
        assert!(
            matches!(error, InvalidPattern::ForeignWildcard { .. }),
            "{pattern}"
        );
        assert!(error.to_string().contains("did you mean '+'"), "{error}");
    }
    for pattern in ["a+", "+a", "a.b#", "##", "++", "a.+b.c"] {
        assert!(
            matches!(
                TopicPattern::new(pattern),
                Err(InvalidPattern::PartialWildcard { .. })
            ),
            "{pattern}"
        );
    }
    let (eight, nine) = (segments(8), segments(9));
    let long = "x".repeat(65);
    for pattern in [
        "",
        "a.",
        ".#",
        "a..b",
        "A",
        "a.B",
        &nine,
        &long,
        &format!("{nine}.#"),
    ] {
        assert!(
            matches!(TopicPattern::new(pattern), Err(InvalidPattern::Segment(_))),
            "{pattern}"
        );
    }
    for pattern in [eight.clone(), format!("{eight}.#"), ["+"; 8].join(".")] {
        TopicPattern::new(&pattern).unwrap();
    }
    assert!(TopicPattern::new(&["+"; 9].join(".")).is_err());
}

#[test]
fn the_topic_of_an_event_is_its_channel_and_its_type_in_lower_case() {
    let channel = Channel::new("security").unwrap();
    let event_type = EventType::new("Com.Example.LoginFailed").unwrap();
    let topic = Topic::from_parts(&channel, &event_type).unwrap();
    assert_eq!(topic.as_str(), "security.com.example.loginfailed");
    assert_eq!(
        topic.segments().collect::<Vec<_>>(),
        ["security", "com", "example", "loginfailed"]
    );
    assert_eq!(event_type.as_str(), "Com.Example.LoginFailed");
    assert!(Channel::new("Security").is_err());
}

#[test]
fn severity_words_are_read_in_any_case_and_ordered_by_how_bad_they_are() {
    for (words, severity) in [
        (
            &["info", "INFO", "informational", "Debug"][..],
            Severity::Info,
        ),
        (&["low", "Low"], Severity::Low),
        (&["medium", "warn", "WARNING"], Severity::Medium),
        (&["high", "error", "Error"], Severity::High),
        (&["critical", "CRITICAL"], Severity::Critical),
    ] {
        for word in words {
            assert_eq!(word.parse::<Severity>().unwrap(), severity, "{word}");
        }
        assert_eq!(severity.as_str().parse::<Severity>().unwrap(), severity);
    }
    for word in ["", "none", "hi", "info ", "5"] {
        assert!(word.parse::<Severity>().is_err(), "{word}");
    }
    assert!(Severity::ALL.is_sorted());
}
