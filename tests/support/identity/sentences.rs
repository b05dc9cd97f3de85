//! `tests/SENTENCES.md`: every sentence has a test, and every test that is named exists.

use std::path::Path;

use super::cases::all;
use super::support::member;

#[test]
fn every_sentence_has_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = std::fs::read_to_string(root.join("tests/SENTENCES.md")).unwrap();
    let mut code = String::new();
    read(&root.join("tests"), &mut code);
    read(&root.join("src"), &mut code);
    // Backticks end the name in the list, where apostrophes stand for them.
    let cases: Vec<_> = all()
        .iter()
        .map(|(file, case)| {
            format!("{}: {}", file.trim_end_matches(".json"), member(case, "name").unwrap().replace('`', "'"))
        })
        .collect();
    let (mut sentences, mut tests, mut wrong) = (0, 0, Vec::new());
    let mut without: Option<&str> = None;
    for line in list.lines() {
        if let Some(test) = line.strip_prefix("  - `").and_then(|line| line.strip_suffix('`')) {
            without = None;
            tests += 1;
            let found = match test.strip_prefix("fn ") {
                Some(name) => code.contains(&format!("fn {name}(")),
                None => cases.iter().any(|case| case == test),
            };
            if !found {
                wrong.push(format!("no test is called `{test}`"));
            }
        } else if let Some(sentence) = line.strip_prefix("- ") {
            sentences += 1;
            wrong.extend(without.map(|sentence| format!("no test: {sentence}")));
            without = Some(sentence);
        } else {
            assert!(!line.trim_start().starts_with("- "), "what is this: {line}");
        }
    }
    wrong.extend(without.map(|sentence| format!("no test: {sentence}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!("{sentences} sentences, {tests} tests");
    assert!(sentences > 40 && tests > 100);
}

fn read(folder: &Path, code: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() && name != "target" && name != "node_modules" {
            read(&path, code);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            code.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}
