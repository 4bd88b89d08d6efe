//! Other people's clients, unchanged, against the binary as a user runs it: SDKs, consumer libraries and the `aws` CLI find
//! the engine by their environment alone, as they find AWS.

mod cli;
mod forms;
mod programs;
mod tools;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// The tests of this folder.
pub(crate) fn all() -> Vec<libtest_mimic::Trial> {
    [cli::all(), forms::all(), programs::all(), tools::all()].into_iter().flatten().collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// The deployment package of the function that clients deploy, made in `dir`.
fn package(dir: &Path) -> PathBuf {
    zipped(dir, "function", "app.py")
}

/// A package of one file of a folder of functions.
fn zipped(dir: &Path, functions: &str, file: &str) -> PathBuf {
    let path = dir.join("function.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    zip.start_file(file, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(&fs::read(folder().join(functions).join(file)).unwrap()).unwrap();
    zip.finish().unwrap();
    path
}
