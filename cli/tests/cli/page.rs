//! Pages of the documentation whose examples are run.

use super::run::{Folder, workspace};

/// A fenced block: the words behind its fence and its text.
pub struct Block {
    pub line: usize,
    pub info: Vec<String>,
    pub text: String,
}

/// The fenced blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let page = std::fs::read_to_string(workspace().join(page)).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut is_inside = false;
    for (line, number) in page.lines().zip(1..) {
        if let Some(info) = line.strip_prefix("```") {
            is_inside = !is_inside;
            if is_inside {
                blocks.push(Block {
                    line: number,
                    info: info.split_whitespace().map(str::to_owned).collect(),
                    text: String::new(),
                });
            }
        } else if is_inside {
            let block = blocks.last_mut().unwrap();
            block.text.push_str(line);
            block.text.push('\n');
        }
    }
    assert!(!is_inside, "the last block is not closed");
    blocks
}

/// Runs the commands of a console block and compares what they write. A line of `…` stands for the
/// rest of an output, one that ends with it for the rest of a line.
fn play(folder: &Folder, block: &Block) {
    play_with(folder, block, &[]);
}

/// As [`play`], with variables of the environment. What a word in quotes holds together stays
/// together.
pub fn play_with(folder: &Folder, block: &Block, environment: &[(&str, &str)]) {
    let commands = block.text.split("$ ").filter(|part| !part.is_empty());
    for command in commands {
        let (words, expected) = command.split_once('\n').unwrap();
        let words = quoted_words(words);
        assert_eq!(words[0], "larum", "line {}", block.line);
        let ran = folder.run_with(&words[1..], environment, "");
        let written = ran.stdout + &ran.stderr;
        assert!(
            is_written(expected, &written),
            "line {}: {words:?}\n{written}",
            block.line
        );
    }
}

/// The words of a command; one may stand in single quotes.
fn quoted_words(command: &str) -> Vec<&str> {
    let parts = command.split('\'').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().collect(),
            _ => vec![part],
        })
        .collect()
}

/// Whether a line is the expected one, of which `…` stands for the rest.
pub fn is_line(expected: &str, line: &str) -> bool {
    match expected.strip_suffix('…') {
        Some(beginning) => line.starts_with(beginning),
        None => line == expected,
    }
}

fn is_written(expected: &str, written: &str) -> bool {
    let mut written = written.lines();
    for line in expected.lines() {
        if line == "…" {
            return true;
        }
        if !written.next().is_some_and(|it| is_line(line, it)) {
            return false;
        }
    }
    written.next().is_none()
}

/// Plays a page from its first line to its last: files with a path and commands are one story, each
/// rule without a path begins an example of its own, with the cases that follow it. The examples,
/// each with its line.
pub fn examples(page: &str) -> Vec<(usize, Folder)> {
    let story = Folder::new();
    let mut examples: Vec<(usize, Folder)> = Vec::new();
    for block in blocks(page) {
        let info: Vec<&str> = block.info.iter().map(String::as_str).collect();
        let last = examples.last().map(|(_, folder)| folder);
        match info.as_slice() {
            ["text"] => {}
            ["console"] => play(&story, &block),
            ["rhai"] => {
                let folder = Folder::new();
                folder.write("rules/cookbook/example/rule.rhai", &block.text);
                examples.push((block.line, folder));
            }
            ["json", kind @ ("fires" | "quiet")] => {
                let path = format!("rules/cookbook/example/cases/{kind}.ndjson");
                last.unwrap().write(&path, &block.text);
            }
            ["json", "alerts"] => {
                let path = "rules/cookbook/example/cases/fires.alerts.ndjson";
                last.unwrap().write(path, &block.text);
            }
            ["toml", name @ ("except" | "fields")] => {
                let path = format!("rules/cookbook/example/{name}.toml");
                last.unwrap().write(&path, &block.text);
            }
            ["rhai" | "json" | "toml", path] => {
                story.write(path, &block.text);
            }
            other => panic!("line {}: what is {other:?}?", block.line),
        }
    }
    examples
}
