//! Events of several inputs in one order.

use std::io::Cursor;

use larum_event::decode::Decoder;
use larum_file::{EventMerge, EventReader, FileError, FileInput};

use crate::with_fill;

const DECODER: &str = "
name = 'm'
format = 'json'
[fields]
type = { value = 'x' }
time = { from = 't', format = 'epoch_s' }
sequence = 's'
";

/// The records of `inputs`, merged, each as `input:number`, and what is no event by its reason.
fn merged(inputs: &[&[u8]]) -> Vec<String> {
    let decoder = Decoder::load("m.toml", DECODER).unwrap();
    with_fill(|fill| {
        let readers = inputs.iter().enumerate().map(|(place, bytes)| {
            let name = char::from(b'a' + u8::try_from(place).unwrap()).to_string();
            let input = FileInput::from_reader(&name, Cursor::new(bytes.to_vec())).unwrap();
            EventReader::new(input, Some(&decoder), fill)
        });
        EventMerge::new(readers)
            .map(|record| match record {
                Ok(record) => match &record.outcome {
                    Ok(_) => format!("{}:{}", record.file, record.number),
                    Err(rejection) => {
                        format!("{}:{} {}", record.file, record.number, rejection.reason)
                    }
                },
                Err(FileError::Read { file, line, .. }) => format!("{file} broken behind {line}"),
                Err(error) => error.to_string(),
            })
            .collect()
    })
}

#[test]
fn the_earliest_of_all_inputs_comes_first() {
    let a = b"{\"t\":1}\n{\"t\":4}\n{\"t\":5}\n";
    let b = b"{\"t\":2}\n{\"t\":3}\n{\"t\":6}\n";
    let expected = ["a:0", "b:0", "b:1", "a:1", "a:2", "b:2"];
    assert_eq!(merged(&[a, b]), expected);
}

#[test]
fn among_equal_times_sequence_decides_and_then_the_order_of_the_inputs() {
    let a = b"{\"t\":1,\"s\":5}\n{\"t\":2}\n";
    let b = b"{\"t\":1,\"s\":4}\n{\"t\":2}\n";
    assert_eq!(merged(&[a, b]), ["b:0", "a:0", "a:1", "b:1"]);
}

#[test]
fn an_input_keeps_its_own_order_even_where_its_times_do_not() {
    let a = b"{\"t\":5}\n{\"t\":1}\n";
    let b = b"{\"t\":2}\n{\"t\":6}\n";
    assert_eq!(merged(&[a, b]), ["b:0", "a:0", "a:1", "b:1"]);
}

#[test]
fn bad_records_come_at_once_and_hold_up_nothing() {
    let a = b"?\n{\"t\":2}\n?\n";
    let b = b"{\"t\":1}\n";
    assert_eq!(merged(&[a, b]), ["a:0 syntax", "b:0", "a:1", "a:2 syntax"]);
}

#[test]
fn an_input_that_breaks_off_is_an_error_and_the_others_go_on() {
    // The first member is whole and the second is cut off after its head.
    let mut a = Vec::new();
    let mut encoder = flate2::write::GzEncoder::new(&mut a, flate2::Compression::fast());
    std::io::Write::write_all(&mut encoder, b"{\"t\":1}\n{\"t\":2}\n").unwrap();
    encoder.finish().unwrap();
    a.extend_from_slice(&[0x1f, 0x8b, 8, 0, 0]);
    let b = b"{\"t\":3}\n{\"t\":4}\n";
    assert_eq!(
        merged(&[&a, b]),
        ["a:0", "a:1", "a broken behind 2", "b:0", "b:1"]
    );
}

#[test]
fn no_inputs_and_empty_inputs_give_nothing() {
    assert!(merged(&[]).is_empty());
    assert!(merged(&[b"", b"\n\n"]).is_empty());
}
