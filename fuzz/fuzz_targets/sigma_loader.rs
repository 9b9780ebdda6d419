//! Any text is loaded or refused, with log source routing and without, and what is loaded can be
//! asked.
#![no_main]

use std::sync::Arc;

use larum_predicate::{FlatRecord, PredicateMatcher};
use larum_sigma::{LogSourceTable, LogSources, SigmaLoader, default_layout};
use libfuzzer_sys::fuzz_target;

const RECORDS: [&str; 3] = [
    r#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Image":"C:\\a\\b.exe","CommandLine":"b -c /d","Hashes":"MD5=00"}"#,
    r#"{"message":"any text 10.0.0.1","product":"linux","service":"auth","a":[1,2.5,null,true,{"b":"é"}]}"#,
    r#"{}"#,
];

fuzz_target!(|text: &str| {
    for log_sources in [
        LogSources::Ignored,
        LogSources::Routed(LogSourceTable::builtin()),
    ] {
        let mut loader = SigmaLoader::new(log_sources);
        loader.add_file("rule.yml", text);
        let Ok(rules) = loader.finish() else {
            return;
        };
        let mut reader = rules.record_reader(&default_layout());
        let mut matcher = PredicateMatcher::new(Arc::clone(&rules.set));
        let (mut record, mut found) = (FlatRecord::default(), Vec::new());
        for json in RECORDS {
            reader
                .read_json(json, &mut record)
                .expect("the record is JSON");
            matcher.match_record(&record, &mut found);
        }
    }
});
