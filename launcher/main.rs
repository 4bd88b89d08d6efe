//! The first program of a function's container: `launch PIPE SOCKET PORT PROGRAM [ARGUMENT...]` lets standard output and standard error be the
//! named pipe PIPE, listens on PORT of the container's own loopback, hands that over to the engine, which listens at SOCKET, and becomes
//! PROGRAM, which is looked for along `PATH` as Docker does. With 0 as PORT there is nothing to hand over but the news that it runs.
//!
//! So what a function prints goes straight to the engine, as a process's does, and not through two programs of Docker's; and its Runtime API
//! is as near as a process's, where the way over the stack's network would cost more than the engine itself. It stands alone, with
//! neither a C library nor Rust's, because an image may have nothing but the function: system calls by hand, and no memory but its stack.
//! `build.rs` compiles it; it is part of no crate.

#![no_std]
#![no_main]
// There is nobody to bring `memcpy` and the like, which loops would become.
#![no_builtins]

use core::{
    arch::{asm, global_asm},
    mem::{MaybeUninit, size_of},
};

/// What it ends with when it does not become the program; `serve::containers::launcher` reads them. What the engine was told before, over the
/// socket, it is told again: there a function's own exit code is never taken for one of these.
const NOT_FOUND: usize = 210;
const PERMISSION_DENIED: usize = 211;
const OTHER_FORMAT: usize = 212;
const NO_PIPE: usize = 213;
const REFUSED: usize = 214;
const NO_SOCKET: usize = 215;
const NO_PORT: usize = 216;

/// The longest path that the kernel takes, with its zero.
const PATH_MAX_BYTES: usize = 4096;
/// Where Docker looks when there is no `PATH`.
const PATH_DEFAULT: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Connections that wait to be accepted.
const BACKLOG: usize = 128;
const LOOPBACK: [u8; 4] = [127, 0, 0, 1];

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
const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const SOCK_STREAM_CLOEXEC: usize = 1 | O_CLOEXEC;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
/// Whose sending to somebody who is gone is an error and no signal.
const MSG_NOSIGNAL: usize = 0x4000;
/// The longest path of a socket, with its zero.
const SOCKET_PATH_MAX_BYTES: usize = 108;

#[cfg(target_arch = "x86_64")]
mod kernel {
    pub const WRITE: usize = 1;
    pub const SOCKET: usize = 41;
    pub const CONNECT: usize = 42;
    pub const SENDMSG: usize = 46;
    pub const BIND: usize = 49;
    pub const LISTEN: usize = 50;
    pub const EXECVE: usize = 59;
    pub const EXIT_GROUP: usize = 231;
    pub const OPENAT: usize = 257;
    pub const DUP3: usize = 292;
}

#[cfg(target_arch = "aarch64")]
mod kernel {
    pub const WRITE: usize = 64;
    pub const SOCKET: usize = 198;
    pub const BIND: usize = 200;
    pub const LISTEN: usize = 201;
    pub const CONNECT: usize = 203;
    pub const SENDMSG: usize = 211;
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
    if count < 5 {
        exit(NO_PIPE);
    }
    // SAFETY: there are five arguments at least, each of which ends with a zero, and after them a null.
    unsafe {
        let pipe = call(kernel::OPENAT, AT_FDCWD, *arguments.add(1) as usize, O_WRONLY | O_CLOEXEC);
        if pipe < 0 || [STDOUT, STDERR].iter().any(|end| call(kernel::DUP3, pipe as usize, *end, 0) < 0) {
            exit(NO_PIPE);
        }
        let engine = hand_over(*arguments.add(2), number(text(*arguments.add(3))));
        let code = become_program(arguments.add(4), variables);
        // It may be gone: then nobody wants to know.
        call(kernel::WRITE, engine, [code as u8].as_ptr() as usize, 1);
        exit(code)
    }
}

/// Connects to the engine, and gives it what listens on `port`. The connection, which ends when this becomes the program.
///
/// # Safety
/// `path` ends with a zero.
unsafe fn hand_over(path: *const u8, port: u16) -> usize {
    // SAFETY: what is pointed to lives until the calls are over, and is laid out as the kernel wants it.
    unsafe {
        let listener = if port == 0 { None } else { Some(listen(port)) };
        let engine = call(kernel::SOCKET, AF_UNIX as usize, SOCK_STREAM_CLOEXEC, 0);
        let mut address = UnixAddress { family: AF_UNIX, path: [0; SOCKET_PATH_MAX_BYTES] };
        address.path.iter_mut().zip(text(path)).for_each(|(to, from)| *to = *from);
        let size = size_of::<UnixAddress>();
        if engine < 0 || call(kernel::CONNECT, engine as usize, (&raw const address) as usize, size) < 0 {
            exit(NO_SOCKET);
        }
        let byte = 0_u8;
        let part = Part { start: &raw const byte, length: 1 };
        let mut rights = Rights { length: RIGHTS_BYTES, level: SOL_SOCKET, kind: SCM_RIGHTS, listener: 0, rest: 0 };
        let mut message = Message { parts: &raw const part, count: 1, ..Message::EMPTY };
        if let Some(listener) = listener {
            rights.listener = listener as i32;
            message.control = &raw const rights;
            message.control_length = size_of::<Rights>();
        }
        if call(kernel::SENDMSG, engine as usize, (&raw const message) as usize, MSG_NOSIGNAL) < 0 {
            exit(NO_SOCKET);
        }
        engine as usize
    }
}

/// A socket that listens on the container's loopback, for what comes from the container alone.
fn listen(port: u16) -> usize {
    let address = InternetAddress { family: AF_INET, port: port.to_be(), address: LOOPBACK, rest: [0; 8] };
    // SAFETY: the address lives until the calls are over.
    unsafe {
        let socket = call(kernel::SOCKET, AF_INET as usize, SOCK_STREAM_CLOEXEC, 0);
        let size = size_of::<InternetAddress>();
        if socket < 0
            || call(kernel::BIND, socket as usize, (&raw const address) as usize, size) < 0
            || call(kernel::LISTEN, socket as usize, BACKLOG, 0) < 0
        {
            exit(NO_PORT);
        }
        socket as usize
    }
}

/// `sockaddr_un`.
#[repr(C)]
struct UnixAddress {
    family: u16,
    path: [u8; SOCKET_PATH_MAX_BYTES],
}

/// `sockaddr_in`, its port in the order of the network.
#[repr(C)]
struct InternetAddress {
    family: u16,
    port: u16,
    address: [u8; 4],
    rest: [u8; 8],
}

/// `iovec`.
#[repr(C)]
struct Part {
    start: *const u8,
    length: usize,
}

/// `cmsghdr` with one descriptor, and what makes it as long as the kernel counts.
#[repr(C)]
struct Rights {
    length: usize,
    level: i32,
    kind: i32,
    listener: i32,
    rest: i32,
}

/// A descriptor's `cmsghdr` without what comes after it.
const RIGHTS_BYTES: usize = size_of::<Rights>() - size_of::<i32>();

/// `msghdr`.
#[repr(C)]
struct Message {
    name: usize,
    name_length: usize,
    parts: *const Part,
    count: usize,
    control: *const Rights,
    control_length: usize,
    flags: usize,
}

impl Message {
    const EMPTY: Self = Self {
        name: 0,
        name_length: 0,
        parts: core::ptr::null(),
        count: 0,
        control: core::ptr::null(),
        control_length: 0,
        flags: 0,
    };
}

/// Of decimal digits.
fn number(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |number: u16, digit| number.wrapping_mul(10).wrapping_add(u16::from(digit.wrapping_sub(b'0'))))
}

/// Returns only when it did not become the program, with what to end with.
///
/// # Safety
/// Both are lists of texts that end with zeros, and end with a null; the first has one at least.
unsafe fn become_program(program: *const *const u8, variables: *const *const u8) -> usize {
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
    match error {
        ENOENT | ENOTDIR => NOT_FOUND,
        EACCES => PERMISSION_DENIED,
        ENOEXEC => OTHER_FORMAT,
        _ => REFUSED,
    }
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
