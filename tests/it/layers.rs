//! Holds the layer table of `ARCHITECTURE.md`: a module imports only from lower layers or its own folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::support::trials;

trials!(every_module_imports_only_from_lower_layers, the_table_names_every_module, imports_are_found_in_every_form);

/// Module and what it may import. `stack` and `engine` are both of layer 1 and do not know each other.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("stack", &["model"]),
    ("engine", &["model"]),
    ("manifest", &["stack", "model"]),
    ("plan", &["stack", "model"]),
    ("wire", &["engine", "model"]),
    ("task", &[]),
    ("docker", &["model"]),
    ("build", &["stack", "model", "task"]),
    ("watch", &["stack", "model", "task", "build"]),
    ("converge", &["plan", "stack", "model", "task"]),
    ("serve", &["engine", "wire", "docker", "model", "task"]),
    ("provider", &["converge", "plan", "docker", "stack", "model", "task"]),
    (
        "cli",
        &[
            "build", "converge", "docker", "engine", "manifest", "model", "plan", "provider", "serve", "stack", "task",
            "watch", "wire",
        ],
    ),
];

fn every_module_imports_only_from_lower_layers() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut violations = Vec::new();
    for (module, allowed) in TABLE {
        for file in rust_files(&source.join(module)) {
            let text = fs::read_to_string(&file).unwrap();
            for import in imports(&text) {
                if import != *module && !allowed.contains(&import.as_str()) {
                    violations.push(format!("{} imports {import}", file.display()));
                }
            }
        }
    }
    assert!(violations.is_empty(), "against the layer table:\n{}", violations.join("\n"));
}

fn the_table_names_every_module() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for entry in fs::read_dir(source).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        let known = TABLE.iter().any(|(known, _)| *known == module) || matches!(module, "lib" | "main");
        assert!(known, "`{module}` has no place in the layer table");
    }
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The first segment after each `crate::`, groups (`crate::{a::B, c}`) taken apart.
fn imports(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, _) in text.match_indices("crate::") {
        let rest = &text[index + "crate::".len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group)),
            None => found.push(head(rest)),
        }
    }
    found
}

fn group_heads(group: &str) -> Vec<String> {
    let (mut depth, mut at_head, mut heads) = (0_u32, true, Vec::new());
    for (index, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => at_head = true,
            _ if character.is_whitespace() => {}
            _ if at_head => {
                heads.push(head(&group[index..]));
                at_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn head(path: &str) -> String {
    path.chars().take_while(|character| character.is_ascii_alphanumeric() || *character == '_').collect()
}

fn imports_are_found_in_every_form() {
    let text = "use crate::{a::{X, Y}, b, \n c::Z};\nlet d = crate::d::f();";
    assert_eq!(imports(text), ["a", "b", "c", "d"]);
}
