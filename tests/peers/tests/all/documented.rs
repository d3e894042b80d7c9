//! `docs/cancel-safety.md` speaks of the versions that run here, and of tests that there are.

use std::fs;
use std::path::{Path, PathBuf};

const DOC: &str = include_str!("../../../../docs/cancel-safety.md");
const MANIFEST: &str = include_str!("../../Cargo.toml");

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of this crate's tests.
fn situation(name: &str) -> PathBuf {
    here().join("tests/all").join(name).with_extension("rs")
}

/// One of the library's.
fn library(name: &str) -> PathBuf {
    here().join("..").join(name).with_extension("rs")
}

fn has_test(path: &Path, test: &str) -> bool {
    fs::read_to_string(path).is_ok_and(|source| {
        source.contains(&format!("fn {test}(")) || source.contains(&format!("    {test}: "))
    })
}

#[test]
fn the_versions_it_names_run_here() {
    for peer in ["async-channel", "crossfire", "flume", "kanal", "tokio"] {
        let mut lines = MANIFEST.lines();
        let line = lines.find(|line| line.starts_with(&format!("{peer} = ")));
        let (_, rest) = line.unwrap().split_once("\"=").expect("an exact version");
        let (version, _) = rest.split_once('"').unwrap();
        println!("{peer} {version}");
        assert!(
            DOC.contains(&format!("{peer} {version}")),
            "{peer} {version}"
        );
    }
}

#[test]
fn the_tests_it_names_exist() {
    let prose = DOC.split("```").step_by(2);
    let quoted = prose.flat_map(|prose| prose.split('`').skip(1).step_by(2));
    // A test's name is a sentence; what has fewer words is an item of the library.
    let tests: Vec<_> = quoted
        .filter_map(|name| name.split_once("::"))
        .filter(|(_, test)| test.matches('_').count() >= 2)
        .collect();
    assert!(tests.len() > 50, "found only {}", tests.len());
    for (file, test) in tests {
        assert!(
            has_test(&library(file), test) || has_test(&situation(file), test),
            "{file}::{test}"
        );
    }
}

#[test]
fn each_line_of_the_comparison_names_a_situation_and_no_situation_is_left_out() {
    let (_, comparison) = DOC.split_once("| situation |").unwrap();
    let shown: Vec<_> = comparison
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.rsplit('`').nth(1).expect("a file in the last column"))
        .collect();
    for name in &shown {
        assert!(situation(name).exists(), "{name}");
    }
    for entry in fs::read_dir(here().join("tests/all")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_one = !["main", "documented"].contains(&name);
        assert!(
            !is_one || shown.contains(&name),
            "{name} is not in the comparison"
        );
    }
}
