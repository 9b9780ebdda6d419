//! Any text is a search or is refused with its place; what is one prints as the same search and can
//! be asked.
#![no_main]

use larum_event::Timestamp;
use larum_event::search::EventSearch;
use libfuzzer_sys::fuzz_target;

const EVENT: &str = r#"{"id":"e-1","type":"auth.login","source":"sshd@web-1","time":"2026-11-20T12:00:00Z","channel":"security","severity":"high","priority":"normal","correlationId":"login-77","correlation":{"root":"incident-9","tags":{"case":"7"}},"metadata":{"tenantId":"default","user":"eve","ip":"10.1.2.3"},"data":{"Image":"C:\\a\"b.exe","n":[1,2.5,{"m":null}],"ok":true}}"#;

fuzz_target!(|text: &str| {
    match EventSearch::parse(text, Timestamp::default()) {
        Ok(search) => {
            let printed = search.to_string();
            let again = EventSearch::parse(&printed, Timestamp::default());
            assert_eq!(again, Ok(search.clone()), "{printed}");
            search.matches_json(EVENT);
            // What is asked of texts that are no events means nothing, and harms nothing.
            search.matches_json(text);
        }
        Err(error) => {
            assert!(text.get(error.at.clone()).is_some(), "{error}");
            assert!(error.column() <= text.chars().count() + 1, "{error}");
        }
    }
});
