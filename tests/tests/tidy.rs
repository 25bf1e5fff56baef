//! The form of the repository: what a reviewer would otherwise have to look for by eye.
//!
//! Reads the files that git knows, so a new file is checked from its first `git add`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest source file, in lines.
const LINES_MAX: usize = 500;
/// Files that are longer, each with its reason.
const LONG: &[(&str, &str)] = &[
    ("node/src/api/application.rs", "one resource, from draft to approval"),
    ("node/src/api/bulk.rs", "one resource, from upload to progress"),
    ("node/src/api/refusal/words.rs", "one table"),
    ("protocol/src/command.rs", "one line a command, and the macro that reads it"),
    ("protocol/src/ledger/bulk.rs", "one rule, from opening to sweeping"),
    ("protocol/src/ledger/tests/bulk.rs", "tests of one rule"),
    ("protocol/src/ledger/tests/refusals.rs", "one ladder of every command"),
    ("protocol/src/ledger/tests/street.rs", "tests of one area"),
    ("protocol/src/ledger/tests/tickets.rs", "tests of one area"),
];
/// Words that mark unfinished work. Written in halves, so that this file does not find itself.
const UNFINISHED: &[&str] = &[
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("#[ign", "ore"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: &[&str] =
    &[concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
/// Folders a document may name a file of in backticks.
const FOLDERS: &[&str] = &["configs/", "docs/", "node/", "protocol/", "tests/", "tools/"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn tracked() -> Vec<String> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout).expect("file names are UTF-8");
    let files: Vec<String> = names
        .split('\0')
        .filter(|name| !name.is_empty() && root().join(name).is_file())
        .map(str::to_owned)
        .collect();
    assert!(files.iter().any(|name| name == "Cargo.toml"), "git lists another repository");
    files
}

/// The tracked files of one ending, with their text.
fn texts(ending: &str) -> Vec<(String, String)> {
    tracked().into_iter().filter(|name| name.ends_with(ending)).map(with_text).collect()
}

fn with_text(name: String) -> (String, String) {
    let text = read(&name);
    (name, text)
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Lines with their numbers, from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// Whether the word stands in the line as a whole, not inside a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(word).unwrap_or(rest);
        let starts =
            word.starts_with(|c: char| c.is_alphanumeric()) && inside(before.chars().last());
        let ends = word.ends_with(|c: char| c.is_alphanumeric()) && inside(after.chars().next());
        !starts && !ends
    })
}

#[test]
fn every_source_file_says_first_what_it_is() {
    let wrong: Vec<String> = texts(".rs")
        .into_iter()
        .filter(|(_, text)| {
            let first = text.lines().find(|line| !line.is_empty() && !line.starts_with("#!"));
            !first.is_some_and(|line| line.starts_with("//! ") && line.len() > 8)
        })
        .map(|(name, _)| format!("{name}: begin with `//! ` and one sentence"))
        .collect();
    none(&wrong);
}

#[test]
fn no_source_file_is_too_long_without_a_reason() {
    let mut wrong = Vec::new();
    let files = texts(".rs");
    for (name, text) in &files {
        let lines = text.lines().count();
        let listed = LONG.iter().any(|(long, _)| long == name);
        if lines > LINES_MAX && !listed {
            wrong.push(format!("{name}: {lines} lines; split it, or list it with a reason"));
        }
        if lines <= LINES_MAX && listed {
            wrong.push(format!("{name}: {lines} lines; take it from the list of long files"));
        }
    }
    for (long, reason) in LONG {
        if !files.iter().any(|(name, _)| name == long) {
            wrong.push(format!("{long} ({reason}): listed as long, but not there"));
        }
    }
    none(&wrong);
}

#[test]
fn modules_are_named_after_their_noun() {
    let wrong: Vec<String> =
        tracked().into_iter().filter(|name| name.ends_with("/mod.rs")).collect();
    none(&wrong);
}

#[test]
fn nothing_unfinished_is_committed() {
    let mut wrong = Vec::new();
    for (name, text) in texts(".rs") {
        for (number, line) in numbered(&text) {
            if UNFINISHED.iter().any(|word| has_word(line, word)) {
                wrong.push(format!("{name}:{number}: {}", line.trim()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn protocol_names_no_std() {
    let mut wrong = Vec::new();
    for (name, text) in texts(".rs") {
        let is_test = name.ends_with("/tests.rs") || name.contains("/tests/");
        if !name.starts_with("protocol/src/") || is_test {
            continue;
        }
        let mut before = "";
        for (number, line) in numbered(&text) {
            let code = line.split("//").next().unwrap_or(line);
            let names_std = has_word(code, "std") && !before.contains("cfg(test)");
            if names_std {
                wrong.push(format!("{name}:{number}: {}", line.trim()));
            }
            before = line;
        }
    }
    none(&wrong);
}

#[test]
fn crates_that_decide_and_store_forbid_unsafe_code() {
    for name in ["protocol/src/lib.rs", "node/src/lib.rs", "node/src/main.rs"] {
        assert!(read(name).contains("#![forbid(unsafe_code)]"), "{name}");
    }
    let lib = read("protocol/src/lib.rs");
    assert!(lib.contains("#![no_std]"), "protocol/src/lib.rs is no_std without a condition");
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    // A name such as `debian` is a word of its own; one with digits is a machine's.
    let telling = host.len() >= 8 && host.contains(|c: char| c.is_ascii_digit());
    let mut wrong = Vec::new();
    for name in tracked() {
        let bytes = fs::read(root().join(&name)).expect("a tracked file can be read");
        let Ok(text) = String::from_utf8(bytes) else { continue };
        for (number, line) in numbered(&text) {
            let path = MACHINE_PATHS.iter().any(|path| begins_a_path(line, path));
            if path || (telling && has_word(line, host)) {
                wrong.push(format!("{name}:{number}: {}", line.trim()));
            }
        }
    }
    none(&wrong);
}

fn begins_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line.split_at(at).0.chars().last();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}$".contains(c))
    })
}

#[test]
fn documents_link_only_to_what_exists() {
    let files: BTreeSet<String> = tracked().into_iter().collect();
    let exists = |path: &str| {
        let path = path.trim_end_matches('/');
        let folder = format!("{path}/");
        files.contains(path) || files.iter().any(|file| file.starts_with(&folder))
    };
    let mut wrong = Vec::new();
    for (name, text) in texts(".md") {
        for (number, line) in numbered(&text) {
            for link in links(line) {
                if !exists(&resolved(&name, link)) {
                    wrong.push(format!("{name}:{number}: links to {link}"));
                }
            }
            for path in named_paths(line) {
                if !exists(path) {
                    wrong.push(format!("{name}:{number}: names {path}"));
                }
            }
        }
    }
    none(&wrong);
}

/// Targets of the relative links in a line of Markdown, without their anchors.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|target| !target.is_empty())
}

/// Paths of this repository that stand in backticks.
fn named_paths(line: &str) -> impl Iterator<Item = &str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .filter(|word| !word.contains(|c: char| "<>*{}$ …".contains(c)))
        .filter_map(|word| word.split([':', '#']).next())
}

/// A link's target as a path from the root.
fn resolved(document: &str, link: &str) -> String {
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn every_setting_is_explained_to_the_operator() {
    let manual = read("docs/operating.md");
    let mut wrong = Vec::new();
    for (name, text) in texts(".toml") {
        let direct = name.strip_prefix("configs/").is_some_and(|rest| !rest.contains('/'));
        if !direct {
            continue;
        }
        for (number, line) in numbered(&text) {
            if let Some(key) = setting(line)
                && !manual.contains(&format!("`{key}`"))
            {
                wrong.push(format!("{name}:{number}: `{key}` is not in docs/operating.md"));
            }
        }
    }
    none(&wrong);
}

/// The key of a line of TOML, also where the line is an example behind a `#`.
fn setting(line: &str) -> Option<&str> {
    let (key, _) = line.trim_start_matches(['#', ' ']).split_once(" =")?;
    let is_key = key.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    (is_key && !key.is_empty()).then_some(key)
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = read("Cargo.toml");
    let table = manifest.split("[workspace.dependencies]").nth(1).expect("the table is there");
    let wanted: BTreeSet<&str> = table
        .lines()
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.contains("path = "))
        .filter_map(setting)
        .collect();
    let document = read("docs/DEPENDENCIES.md");
    let explained: BTreeSet<&str> =
        document.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(!wanted.is_empty(), "no dependency was read from Cargo.toml");
    assert_eq!(explained, wanted, "left: docs/DEPENDENCIES.md, right: Cargo.toml");
}
