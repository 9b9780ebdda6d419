//! How comments read: heads that say what a file owns, docs of more than a word, lines of a fair
//! width, no worn phrases.

use super::assert_none;
use super::code;
use super::tree::{self, File};

/// A file with more lines says in its head what it owns, what it leaves to others, and its
/// invariant.
const SHORT_FILE: usize = 150;
/// The widest line of a comment, in characters.
const WIDTH: usize = 100;

/// Words by which a head says what the file is not for. One of them must be there.
const LIMITS: &[&str] = &[
    "leaves",
    "is left to",
    "are left to",
    "job",
    "does not",
    "do not",
    "knows nothing",
    "elsewhere",
    "not here",
    "nothing here",
    "belongs to",
    "belong to",
    "never",
    "no ",
    "only",
    "none of",
];
/// The word that begins the sentence about what always holds.
const INVARIANT: &str = "Invariant:";

/// Words that a reader stopped at.
#[derive(Debug)]
struct WornPhrase {
    words: &'static str,
    /// What may follow the words and makes them fine again.
    unless_before: &'static [&'static str],
    instead: &'static str,
}

const fn worn(words: &'static str, instead: &'static str) -> WornPhrase {
    WornPhrase {
        words,
        unless_before: &[],
        instead,
    }
}

/// Phrases that must not come back. One in small letters is also found at the start of a sentence,
/// one that begins with a capital only there.
const PHRASES: &[WornPhrase] = &[
    worn("See the module's words", "what this item is"),
    worn("told of", "\"reported\", \"notified\""),
    worn("tells of", "\"reports\", \"says\""),
    worn("tell of", "\"report\", \"say\""),
    worn("Of which", "a sentence that begins with what it is about"),
    WornPhrase {
        words: "stands",
        // A name stands for a value, a clock stands still, and one thing stands in for another.
        unless_before: &["for", "still", "in for", "in the way", "out", "alone"],
        instead: "\"is\", \"is written\", \"is in force\"",
    },
    worn("whoever", "who it is: the caller, the reader"),
    worn("whosoever", "who it is"),
    worn("anew", "\"again\", \"a new\""),
    worn("somebody", "who it is: a user, a client"),
    worn("as many as may be", "\"at most N\""),
    worn("dear", "\"expensive\""),
    worn("in any case", "\"ignoring case\", or leave it out"),
    worn("nobody knows", "\"unknown\""),
    worn("of which nobody", "\"without\""),
    worn("goes on for", "\"lasts\""),
    worn("why ever", "\"for whatever reason\""),
    worn("is none.", "\"does not exist\", \"does not count\""),
];

/// Documents that keep old words, each with its reason.
const OLD_WORDS: &[(&str, &str)] = &[(
    "docs/decisions/",
    "a decision is a record of what was thought when it was taken",
)];

/// The lines of the `//!` head of a file, without the marks.
fn head(text: &str) -> Vec<&str> {
    text.lines()
        .take_while(|line| line.starts_with("//!"))
        .map(|line| line.trim_start_matches("//!").trim())
        .collect()
}

fn poor_head(file: &File) -> Option<String> {
    if file.text.lines().count() <= SHORT_FILE {
        return None;
    }
    let head = head(&file.text).join(" ");
    let mut missing = Vec::new();
    if !head.contains("Owns ") {
        missing.push("what it owns (`Owns ..`)");
    }
    if !LIMITS.iter().any(|word| head.contains(word)) {
        missing.push("what it leaves to others");
    }
    if !head.contains(INVARIANT) {
        missing.push("what always holds (`Invariant: ..`)");
    }
    let path = &file.path;
    (!missing.is_empty()).then(|| format!("{path}: its head does not say {}", missing.join(", ")))
}

/// The comment that a line of source consists of, with its marks. A line of a text literal may look
/// like one; then it is held to the same width.
fn comment(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    trimmed.starts_with("//").then_some(trimmed)
}

fn wide_comments(file: &File) -> Vec<String> {
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| comment(line).is_some() && line.chars().count() > WIDTH)
        .filter(|(_, line)| !line.contains("://"))
        .map(|(number, line)| {
            let width = line.chars().count();
            format!(
                "{}:{}: a comment of {width} columns, {WIDTH} at most",
                file.path,
                number + 1
            )
        })
        .collect()
}

/// Docs of one word repeat the name they stand above.
fn one_word_docs(file: &File) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let doc = |index: usize| lines.get(index)?.trim_start().strip_prefix("///");
    let mut problems = Vec::new();
    for (index, _) in lines.iter().enumerate() {
        let Some(text) = doc(index) else { continue };
        let is_alone = doc(index + 1).is_none() && (index == 0 || doc(index - 1).is_none());
        if is_alone && text.split_whitespace().count() == 1 {
            problems.push(format!(
                "{}:{}: `{}` says no more than the name below",
                file.path,
                index + 1,
                text.trim()
            ));
        }
    }
    problems
}

/// The words of a file as a reader sees them: in one line, without the marks of comments, so that a
/// phrase is found where it is broken across lines too.
#[derive(Debug)]
struct RunningText {
    text: String,
    /// Where each line of the file begins in `text`.
    lines: Vec<usize>,
}

impl RunningText {
    fn new(file: &File) -> Self {
        let mut running = Self {
            text: String::new(),
            lines: Vec::new(),
        };
        for line in file.text.lines() {
            running.lines.push(running.text.len());
            let words = line.trim().trim_start_matches(['/', '!', '>']);
            // A text literal goes on behind a backslash.
            let words = words.trim_end_matches('\\').trim();
            running.text.push_str(words);
            running.text.push(' ');
        }
        running
    }

    fn line_at(&self, place: usize) -> usize {
        self.lines.partition_point(|start| *start <= place)
    }

    /// Where `words` are, whole words only.
    fn find(&self, words: &str) -> impl Iterator<Item = usize> {
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        let found = self.text.match_indices(words);
        found
            .filter(move |(place, _)| {
                let (before, rest) = self.text.split_at(*place);
                let behind = rest.strip_prefix(words).unwrap_or_default();
                let is_whole = words.ends_with('.') || !behind.starts_with(is_part);
                is_whole && !before.ends_with(is_part)
            })
            .map(|(place, _)| place)
    }
}

/// `words` as they begin a sentence.
fn capitalized(words: &str) -> String {
    let (first, rest) = words.split_at(1);
    format!("{}{rest}", first.to_uppercase())
}

/// Worn phrases in comments and texts of a source, or in a document.
fn worn_phrases(file: &File) -> Vec<String> {
    let running = RunningText::new(file);
    let mut problems = Vec::new();
    for phrase in PHRASES {
        let at_start = capitalized(phrase.words);
        let mut places: Vec<usize> = running.find(phrase.words).collect();
        places.extend(running.find(&at_start));
        places.sort_unstable();
        places.dedup();
        for place in places {
            let behind = running.text[place + phrase.words.len()..].trim_start();
            if phrase
                .unless_before
                .iter()
                .any(|next| behind.starts_with(next))
            {
                continue;
            }
            let line = running.line_at(place);
            problems.push(format!(
                "{}:{line}: \"{}\": write {}",
                file.path, phrase.words, phrase.instead
            ));
        }
    }
    problems
}

/// Documents that people read, without those that keep old words.
fn documents() -> Vec<File> {
    let mut documents = tree::files("md");
    documents.retain(|file| {
        let excepted = OLD_WORDS
            .iter()
            .any(|(path, _)| file.path.starts_with(path));
        !excepted
    });
    documents
}

#[test]
fn the_head_of_a_long_file_says_what_it_owns_its_limits_and_its_invariant() {
    assert_none(code::product_files().iter().filter_map(poor_head).collect());
}

#[test]
fn comments_are_at_most_a_hundred_columns_wide() {
    assert_none(tree::files("rs").iter().flat_map(wide_comments).collect());
}

#[test]
fn docs_say_more_than_a_word() {
    assert_none(
        code::product_files()
            .iter()
            .flat_map(one_word_docs)
            .collect(),
    );
}

#[test]
fn worn_phrases_do_not_come_back() {
    let files = code::product_files().into_iter().chain(documents());
    assert_none(files.flat_map(|file| worn_phrases(&file)).collect());
}

fn planted(text: &str) -> File {
    File {
        path: "engine/log/src/a.rs".to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn a_poor_head_is_found_from_the_hundred_and_fifty_first_line_on() {
    let good = "//! Counts per key.\n//!\n//! Owns counting; raising alerts is the runtime's job.\n\
                //! Invariant: a count never includes expired rows.\n";
    let long = |head: &str| format!("{head}{}", "x();\n".repeat(SHORT_FILE));
    assert_eq!(poor_head(&planted(&long(good))), None);
    for lost in ["Owns ", "Invariant:"] {
        let text = long(&good.replace(lost, ""));
        assert!(poor_head(&planted(&text)).is_some(), "{lost}");
    }
    let without_limits = long("//! Owns counting. Invariant: a count is exact.\n");
    assert!(poor_head(&planted(&without_limits)).is_some());
    assert_eq!(poor_head(&planted(&"x();\n".repeat(SHORT_FILE))), None);
}

#[test]
fn a_comment_of_a_hundred_and_one_columns_is_found() {
    let comment = |width: usize| format!("    // {}\n", "x".repeat(width - 7));
    assert!(wide_comments(&planted(&comment(100))).is_empty());
    assert_eq!(wide_comments(&planted(&comment(101))).len(), 1);
    let code = format!("{};\n", "x".repeat(120));
    assert!(wide_comments(&planted(&code)).is_empty());
}

#[test]
fn docs_of_one_word_are_found() {
    let check = |text: &str| one_word_docs(&planted(text)).len();
    assert_eq!(check("/// Rows.\nrows: u64,\n"), 1);
    assert_eq!(check("/// Rows read.\nrows: u64,\n"), 0);
    assert_eq!(check("/// Rows\n/// that were read.\nrows: u64,\n"), 0);
}

#[test]
fn every_worn_phrase_is_found() {
    for phrase in PHRASES {
        for words in [phrase.words.to_owned(), capitalized(phrase.words)] {
            let text = format!("// The one: {words} here.\n");
            assert!(!worn_phrases(&planted(&text)).is_empty(), "{words}");
        }
    }
}

#[test]
fn a_worn_phrase_is_found_in_texts_documents_and_across_lines() {
    let check = |text: &str| worn_phrases(&planted(text));
    let text = check("a();\nlet a = \"somebody waits\";\n");
    assert_eq!(text.len(), 1);
    assert!(
        text[0].starts_with("engine/log/src/a.rs:2: "),
        "{}",
        text[0]
    );
    assert_eq!(check("/// What is told\n/// of it.\n").len(), 1);
    assert_eq!(check("let a = \"he is told \\\n    of it\";\n").len(), 1);
    let document = File {
        path: "a.md".to_owned(),
        text: "# A\n\nWhoever reads\nthis.\n".to_owned(),
    };
    assert_eq!(worn_phrases(&document).len(), 1);
}

#[test]
fn words_that_only_look_like_a_worn_phrase_are_fine() {
    let fine = "// The renewed one understands: `*` stands for any text, the clock stands still.\n\
                // Rules, some of which are off, can anewer nobody_knows.\n";
    assert_eq!(worn_phrases(&planted(fine)), Vec::<String>::new());
}
