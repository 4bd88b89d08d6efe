//! Compiles `launcher/main.rs`, which runs inside functions' containers, for the Linux that the program itself is for. Elsewhere containers are on
//! another machine, and do without it: it is empty then.

#![allow(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCE: &str = "launcher/main.rs";
/// Whose system calls it knows.
const ARCHITECTURES: [&str; 2] = ["x86_64", "aarch64"];
/// Without any library, at a fixed address, and as small as it gets.
const FLAGS: [&str; 14] = [
    "--edition=2024",
    "--crate-type=bin",
    "--crate-name=launch",
    "-Cpanic=abort",
    "-Copt-level=s",
    "-Clto=fat",
    "-Ccodegen-units=1",
    "-Crelocation-model=static",
    "-Cstrip=symbols",
    "-Cdebuginfo=0",
    "-Clink-arg=-nostartfiles",
    "-Clink-arg=-nostdlib",
    "-Clink-arg=-static",
    "-Clink-arg=-Wl,--build-id=none",
];

fn main() {
    println!("cargo::rerun-if-changed={SOURCE}");
    let of_cargo = |name: &str| env::var(name).unwrap_or_default();
    let launcher = PathBuf::from(of_cargo("OUT_DIR")).join("launch");
    let architecture = of_cargo("CARGO_CFG_TARGET_ARCH");
    if of_cargo("CARGO_CFG_TARGET_OS") == "linux" && ARCHITECTURES.contains(&architecture.as_str()) {
        compile(&launcher, &of_cargo("TARGET"));
    } else {
        fs::write(&launcher, []).expect("the output directory can be written");
    }
}

fn compile(launcher: &Path, target: &str) {
    let mut rustc = Command::new(env::var_os("RUSTC").expect("cargo names the compiler"));
    rustc.args(FLAGS).arg("--target").arg(target).arg("-o").arg(launcher).arg(SOURCE);
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        let mut flag = std::ffi::OsString::from("-Clinker=");
        flag.push(linker);
        rustc.arg(flag);
    }
    let status = rustc.status().expect("the compiler runs");
    assert!(status.success(), "`{SOURCE}` does not compile for {target}");
}
