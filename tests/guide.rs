//! What the guide says of the source, compared with the source.

use std::fs;
use std::path::PathBuf;

const CHAPTER: &str = include_str!("../docs/scheduler.md");

fn path(file: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    match file.strip_prefix("src/") {
        Some(_) => root.join(file),
        None => root.join("src/runtime").join(file),
    }
}

#[test]
fn the_constants_of_the_scheduler_are_those_of_the_chapter() {
    let mut compared = 0;
    let rows = CHAPTER
        .lines()
        .skip_while(|line| !line.starts_with("| Rule "))
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    for row in rows {
        let code: Vec<&str> = row.split('`').collect();
        // The rule may itself name something.
        let [.., constant, _, file, _] = code[..] else {
            panic!("no constant and file in {row}");
        };
        let source = fs::read_to_string(path(file)).unwrap();
        assert!(
            source.contains(&format!("const {constant}")),
            "{file} has no\nconst {constant}"
        );
        compared += 1;
    }
    assert_eq!(compared, 21);
}

#[test]
fn the_files_that_the_chapter_names_are_there() {
    let named = CHAPTER.split('`').skip(1).step_by(2);
    let files = named.filter(|word| {
        let in_folder = word.contains('/') && !word.contains([' ', ':', '(']);
        in_folder || word.ends_with(".rs")
    });
    let mut found = 0;
    for file in files {
        assert!(path(file).exists(), "there is no {file}");
        found += 1;
    }
    assert!(found > 40, "only {found} files found in the chapter");
}
