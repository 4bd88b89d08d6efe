//! Compiles `launcher/main.rs`, which runs inside functions' containers, for the Linux that the program itself is for. Elsewhere containers are on
//! another machine, and do without it: it is empty then. And chooses how the program is linked.

#![allow(clippy::disallowed_methods, reason = "cargo speaks to build scripts through the environment")]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const SOURCE: &str = "launcher/main.rs";
/// The first GNU C library whose loader understands packed relocations: 1.5 MB of every process's memory less.
const PACKED_RELOCATIONS_SINCE: (u32, u32) = (2, 36);
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
    let is_for_this_machine = of_cargo("HOST") == of_cargo("TARGET") && of_cargo("CARGO_CFG_TARGET_ENV") == "gnu";
    if is_for_this_machine && c_library().is_some_and(|version| version >= PACKED_RELOCATIONS_SINCE) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    let launcher = PathBuf::from(of_cargo("OUT_DIR")).join("launch");
    let architecture = of_cargo("CARGO_CFG_TARGET_ARCH");
    if of_cargo("CARGO_CFG_TARGET_OS") == "linux" && ARCHITECTURES.contains(&architecture.as_str()) {
        compile(&launcher, &of_cargo("TARGET"));
    } else {
        fs::write(&launcher, []).expect("the output directory can be written");
    }
}

/// The version of this machine's GNU C library.
fn c_library() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
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
