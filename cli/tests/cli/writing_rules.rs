//! Every example of `docs/writing-rules.md`: the page is played from its first line to its last.

use super::run::{Folder, workspace};

/// A fenced block: the words behind its fence and its text.
struct Block {
    line: usize,
    info: Vec<String>,
    text: String,
}

fn blocks() -> Vec<Block> {
    let page = std::fs::read_to_string(workspace().join("docs/writing-rules.md")).unwrap();
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
    let commands = block.text.split("$ ").filter(|part| !part.is_empty());
    for command in commands {
        let (words, expected) = command.split_once('\n').unwrap();
        let words: Vec<&str> = words.split_whitespace().collect();
        assert_eq!(words[0], "larum", "line {}", block.line);
        let ran = folder.run(&words[1..]);
        let written = ran.stdout + &ran.stderr;
        assert!(
            is_written(expected, &written),
            "line {}: {words:?}\n{written}",
            block.line
        );
    }
}

fn is_written(expected: &str, written: &str) -> bool {
    let mut written = written.lines();
    for line in expected.lines() {
        if line == "…" {
            return true;
        }
        let same = written
            .next()
            .is_some_and(|it| match line.strip_suffix('…') {
                Some(beginning) => it.starts_with(beginning),
                None => it == line,
            });
        if !same {
            return false;
        }
    }
    written.next().is_none()
}

#[test]
fn every_example_of_the_page_on_writing_rules_works() {
    let tutorial = Folder::new();
    let mut cookbook: Vec<(usize, Folder)> = Vec::new();
    for block in blocks() {
        let info: Vec<&str> = block.info.iter().map(String::as_str).collect();
        let last = cookbook.last().map(|(_, folder)| folder);
        match info.as_slice() {
            ["console"] => play(&tutorial, &block),
            ["rhai"] => {
                let folder = Folder::new();
                folder.write("rules/cookbook/example/rule.rhai", &block.text);
                cookbook.push((block.line, folder));
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
                tutorial.write(path, &block.text);
            }
            other => panic!("line {}: what is {other:?}?", block.line),
        }
    }
    assert!(cookbook.len() >= 14, "{} examples", cookbook.len());
    for (line, folder) in cookbook {
        let ran = folder.run(&["rules", "test", "--fail-on-empty"]);
        assert_eq!(ran.code, 0, "line {line}:\n{}{}", ran.stdout, ran.stderr);
    }
}
