//! The first program of a function's container: `launch PIPE PROGRAM [ARGUMENT...]` lets standard output and standard error be the named
//! pipe PIPE, and becomes PROGRAM, which is looked for along `PATH` as Docker does.
//!
//! So what a function prints goes straight to the engine, as a process's does, and not through two programs of Docker's. It stands alone, with
//! neither a C library nor Rust's, because an image may have nothing but the function: system calls by hand, and no memory but its stack.
//! `build.rs` compiles it; it is part of no crate.

#![no_std]
#![no_main]
// There is nobody to bring `memcpy` and the like, which loops would become.
#![no_builtins]

use core::{
    arch::{asm, global_asm},
    mem::MaybeUninit,
};

/// What it ends with when it does not become the program; `serve::containers::launcher` reads them.
const NOT_FOUND: usize = 210;
const PERMISSION_DENIED: usize = 211;
const OTHER_FORMAT: usize = 212;
const NO_PIPE: usize = 213;
const REFUSED: usize = 214;

/// The longest path that the kernel takes, with its zero.
const PATH_MAX_BYTES: usize = 4096;
/// Where Docker looks when there is no `PATH`.
const PATH_DEFAULT: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const STDOUT: usize = 1;
const STDERR: usize = 2;

const ENOENT: isize = -2;
const ENOEXEC: isize = -8;
const EACCES: isize = -13;
const ENOTDIR: isize = -20;

const AT_FDCWD: usize = -100_isize as usize;
const O_WRONLY: usize = 1;
/// The same for both architectures.
const O_CLOEXEC: usize = 0o2_000_000;

#[cfg(target_arch = "x86_64")]
mod kernel {
    pub const EXECVE: usize = 59;
    pub const EXIT_GROUP: usize = 231;
    pub const OPENAT: usize = 257;
    pub const DUP3: usize = 292;
}

#[cfg(target_arch = "aarch64")]
mod kernel {
    pub const EXECVE: usize = 221;
    pub const EXIT_GROUP: usize = 94;
    pub const OPENAT: usize = 56;
    pub const DUP3: usize = 24;
}

// The kernel starts a program with the number of its arguments at the top of the stack, followed by them.
#[cfg(target_arch = "x86_64")]
global_asm!(".globl _start", "_start:", "mov rdi, rsp", "and rsp, -16", "call {main}", main = sym main);
#[cfg(target_arch = "aarch64")]
global_asm!(".globl _start", "_start:", "mov x0, sp", "bl {main}", main = sym main);

/// # Safety
/// The arguments have to be what the system call of this number takes.
#[cfg(target_arch = "x86_64")]
unsafe fn call(number: usize, one: usize, two: usize, three: usize) -> isize {
    let result: isize;
    // SAFETY: as the caller promises; the kernel changes these registers alone.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") one, in("rsi") two, in("rdx") three, in("r10") 0,
             out("rcx") _, out("r11") _, options(nostack));
    }
    result
}

/// # Safety
/// The arguments have to be what the system call of this number takes.
#[cfg(target_arch = "aarch64")]
unsafe fn call(number: usize, one: usize, two: usize, three: usize) -> isize {
    let result: isize;
    // SAFETY: as the caller promises; the kernel changes this register alone.
    unsafe {
        asm!("svc 0", in("x8") number, inlateout("x0") one => result, in("x1") two, in("x2") three, in("x3") 0,
             options(nostack));
    }
    result
}

/// # Safety
/// `stack` is where the kernel put the number of arguments, the arguments and the environment.
unsafe extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: as the kernel lays them out: the number, the arguments, a null, the variables, a null.
    let (count, arguments, variables) = unsafe {
        let count = *stack;
        (count, stack.add(1).cast::<*const u8>(), stack.add(count + 2).cast::<*const u8>())
    };
    if count < 3 {
        exit(NO_PIPE);
    }
    // SAFETY: there are three arguments at least, each of which ends with a zero, and after them a null.
    unsafe {
        let pipe = call(kernel::OPENAT, AT_FDCWD, *arguments.add(1) as usize, O_WRONLY | O_CLOEXEC);
        if pipe < 0 || [STDOUT, STDERR].iter().any(|end| call(kernel::DUP3, pipe as usize, *end, 0) < 0) {
            exit(NO_PIPE);
        }
        become_program(arguments.add(2), variables)
    }
}

/// # Safety
/// Both are lists of texts that end with zeros, and end with a null; the first has one at least.
unsafe fn become_program(program: *const *const u8, variables: *const *const u8) -> ! {
    // SAFETY: as the caller promises.
    let (name, path) = unsafe { (text(*program), variable(variables, b"PATH=").unwrap_or(PATH_DEFAULT)) };
    let mut error = ENOENT;
    if name.contains(&b'/') {
        // SAFETY: `name` is followed by its zero.
        error = unsafe { execute(name.as_ptr(), program, variables) };
    } else {
        for folder in path.split(|byte| *byte == b':') {
            let folder = if folder.is_empty() { b"." } else { folder };
            if folder.len() + name.len() + 2 > PATH_MAX_BYTES {
                continue;
            }
            let mut file = [const { MaybeUninit::uninit() }; PATH_MAX_BYTES];
            let bytes = folder.iter().chain(b"/").chain(name).chain(b"\0");
            file.iter_mut().zip(bytes).for_each(|(to, from)| _ = to.write(*from));
            // SAFETY: `file` has been written as far as its zero.
            match unsafe { execute(file.as_ptr().cast(), program, variables) } {
                ENOENT | ENOTDIR => {}
                other => error = other,
            }
        }
    }
    exit(match error {
        ENOENT | ENOTDIR => NOT_FOUND,
        EACCES => PERMISSION_DENIED,
        ENOEXEC => OTHER_FORMAT,
        _ => REFUSED,
    })
}

/// Returns only when it failed.
///
/// # Safety
/// `file` ends with a zero; the others are as for [`become_program`].
unsafe fn execute(file: *const u8, arguments: *const *const u8, variables: *const *const u8) -> isize {
    // SAFETY: as the caller promises.
    unsafe { call(kernel::EXECVE, file as usize, arguments as usize, variables as usize) }
}

/// # Safety
/// `start` is the start of bytes that end with a zero, and live as long as the program.
unsafe fn text(start: *const u8) -> &'static [u8] {
    let mut length = 0;
    // SAFETY: nothing is read after the zero.
    unsafe {
        while *start.add(length) != 0 {
            length += 1;
        }
        core::slice::from_raw_parts(start, length)
    }
}

/// The value of the variable that `start` (`NAME=`) begins.
///
/// # Safety
/// `variables` is as for [`become_program`].
unsafe fn variable(mut variables: *const *const u8, start: &[u8]) -> Option<&'static [u8]> {
    // SAFETY: nothing is read after the null.
    unsafe {
        while !(*variables).is_null() {
            if let Some(value) = text(*variables).strip_prefix(start) {
                return Some(value);
            }
            variables = variables.add(1);
        }
    }
    None
}

fn exit(code: usize) -> ! {
    loop {
        // SAFETY: it does not come back.
        unsafe { call(kernel::EXIT_GROUP, code, 0, 0) };
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(REFUSED)
}
