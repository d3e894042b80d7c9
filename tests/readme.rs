//! The table in `tests/README.md` names tests that exist, and leaves no question out.

use std::fs;
use std::path::Path;

/// One row of the table.
struct Row {
    number: usize,
    /// What the third column says.
    answer: String,
}

fn rows() -> Vec<Row> {
    let text = read("tests/README.md").expect("the page lies beside this file");
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, answer] = cells[..] else {
            return None;
        };
        Some(Row {
            number: number.parse().ok()?,
            answer: answer.to_owned(),
        })
    };
    text.lines()
        .filter(|line| line.starts_with('|'))
        .filter_map(row)
        .collect()
}

fn read(path: &str) -> std::io::Result<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
}

/// The `file::test` names in an answer.
fn named(answer: &str) -> Vec<(&str, &str)> {
    let code = answer.split('`').skip(1).step_by(2);
    code.filter_map(|name| name.split_once(".rs::")).collect()
}

/// Whether `text` has a test of that name: a function under `#[test]`, or a case of a program.
fn has_test(text: &str, test: &str) -> bool {
    let function = format!("fn {test}()");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let marked = |at: usize| {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#["))
            .any(|line| *line == "#[test]" || line.starts_with("#[gosched::test"))
    };
    let is_it = |line: &str| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        line.starts_with(&function)
    };
    (0..lines.len()).any(|at| is_it(lines[at]) && marked(at))
        || text.contains(&format!("stuck(\"{test}\""))
        || text.contains(&format!("lives(\"{test}\""))
        || text.contains(&format!("name: \"{test}\""))
}

#[test]
fn every_question_has_one_row() {
    let numbers: Vec<usize> = rows().iter().map(|row| row.number).collect();
    assert_eq!(numbers, Vec::from_iter(1..=40));
}

#[test]
fn every_row_names_a_test_or_says_why_there_is_none() {
    for Row { number, answer } in rows() {
        let reason = answer.starts_with("does not apply");
        assert!(
            reason == named(&answer).is_empty(),
            "row {number}: {answer}"
        );
    }
}

#[test]
fn every_test_that_is_named_exists() {
    for Row { number, answer } in rows() {
        for (file, test) in named(&answer) {
            let text = read(&format!("{file}.rs")).unwrap_or_else(|error| {
                panic!("row {number}: {file}.rs: {error}");
            });
            assert!(
                has_test(&text, test),
                "row {number}: no test {test} in {file}.rs"
            );
        }
    }
}

#[test]
fn a_name_in_a_comment_and_a_function_that_is_no_test_are_not_found() {
    let text = "// fn a()\nfn b() {}\n#[test]\n#[ignore]\nfn c() {}\n    stuck(\"d\", || {\n\
                #[gosched::test(virtual_time)]\nasync fn e() {}\nasync fn f() {}\n";
    let found = ["a", "b", "c", "d", "e", "f"].map(|test| has_test(text, test));
    assert_eq!(found, [false, false, true, true, true, false]);
}
