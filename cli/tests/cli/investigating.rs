//! Every command of `docs/investigating.md`, asked of the demo that it asks.

use std::io::{BufRead, BufReader, Lines};
use std::process::{Child, ChildStdout};

use super::page::{Block, blocks, is_line, play_with};
use super::run::Folder;

/// The demo while it stays.
struct Demo {
    child: Child,
    url: String,
}

impl Demo {
    fn kept(folder: &Folder) -> Self {
        let mut child = folder.spawn(&["demo", "--keep", "--listen", "127.0.0.1:0"], &[]);
        let mut said = lines(&mut child);
        let url = said.find_map(|line| {
            let line = line.unwrap();
            let address = line.strip_prefix("Serving ")?;
            Some(address.split(' ').next().unwrap().to_owned())
        });
        // Whatever it says later must not find the pipe closed.
        std::thread::spawn(move || said.count());
        Self {
            child,
            url: url.unwrap(),
        }
    }

    fn environment(&self) -> [(&str, &str); 1] {
        [("LARUM_SERVER", &self.url)]
    }

    fn post(&self, lines: &str) {
        let answer = ureq::post(format!("{}/v1/events", self.url))
            .header("content-type", "application/x-ndjson")
            .send(lines);
        assert_eq!(answer.unwrap().status(), 200);
    }

    /// The position of the first event of a tree.
    fn first_of(&self, folder: &Folder, tree: &str) -> String {
        let timeline = ["tree", tree, "--timeline", "--json"];
        let told = folder.run_with(&timeline, &self.environment(), "").exits(0);
        told.json_lines()[0]["position"].to_string()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended already, which is as well.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

/// Runs a command that goes on: what stands before `…` must come first, then the events are sent,
/// then what stands behind it must come.
fn follow(folder: &Folder, demo: &Demo, block: &Block, events: &str) {
    let (command, expected) = block.text.split_once('\n').unwrap();
    let words: Vec<&str> = command.split(' ').skip(2).collect();
    let (first, then) = expected.split_once("…\n").unwrap();
    let mut child = folder.spawn(&words, &demo.environment());
    let mut told = lines(&mut child);
    for line in first.lines() {
        assert!(is_line(line, &told.next().unwrap().unwrap()), "{line}");
    }
    demo.post(events);
    for line in then.lines() {
        assert!(told.any(|it| is_line(line, &it.unwrap())), "{line}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn every_command_of_the_page_on_investigating_is_answered_as_it_says() {
    let folder = Folder::new();
    let demo = Demo::kept(&folder);
    let then = demo.first_of(&folder, "contact-0231");
    let mut blocks = blocks("docs/investigating.md");
    let late = blocks
        .iter()
        .find(|block| block.info == ["json", "late.ndjson"]);
    let late = late.unwrap().text.clone();
    let mut played = 0;
    for block in &mut blocks {
        block.text = block.text.replace("$THEN", &then);
        let info: Vec<&str> = block.info.iter().map(String::as_str).collect();
        match info.as_slice() {
            ["console"] => play_with(&folder, block, &demo.environment()),
            ["console", "follow"] => follow(&folder, &demo, block, &late),
            // How the demo is started, and what is sent while it is followed.
            ["sh"] => assert_eq!(block.text, "larum demo --keep\n"),
            ["json", "late.ndjson"] => {}
            other => panic!("line {}: what is {other:?}?", block.line),
        }
        played += block.text.matches("$ larum ").count();
    }
    assert!(played >= 20, "{played} commands");
}
