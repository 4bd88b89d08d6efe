//! A program on a terminal: what it draws, as lines of text, and whether it leaves the terminal as it was.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::fd::OwnedFd,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use rustix::{
    process::{Pid, Signal, kill_process},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{LocalModes, Termios, Winsize, tcgetattr, tcsetwinsize},
};

use super::binary::eventually;

/// A terminal with a program on it; the program is killed when it is dropped.
pub(crate) struct Pty {
    child: Child,
    master: File,
    slave: OwnedFd,
    before: Termios,
    /// All that was written to it.
    written: Arc<Mutex<Vec<u8>>>,
    size: (u16, u16),
}

impl Pty {
    /// Starts the command on a terminal of its own, of so many columns and rows. `setsid` makes it the controlling one.
    pub(crate) fn start(command: &Command, size: (u16, u16)) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let open = || OpenOptions::new().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let slave = OwnedFd::from(open());
        resize(&slave, size);
        let before = tcgetattr(&slave).unwrap();
        let mut on_terminal = Command::new("setsid");
        on_terminal.arg("--ctty").arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => on_terminal.env(name, value),
                None => on_terminal.env_remove(name),
            };
        }
        on_terminal.env("TERM", "xterm-256color").current_dir(command.get_current_dir().unwrap());
        let stdio = || Stdio::from(OwnedFd::from(open()));
        let child = on_terminal.stdin(stdio()).stdout(stdio()).stderr(stdio()).spawn().unwrap();
        let (master, written) = (File::from(master), Arc::default());
        read_all(master.try_clone().unwrap(), Arc::clone(&written));
        Self { child, master, slave, before, written, size }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Gives the terminal another size, of which the kernel tells the program.
    pub(crate) fn resize(&mut self, size: (u16, u16)) {
        self.size = size;
        resize(&self.slave, size);
    }

    /// Waits until the screen is as wanted, and gives its lines.
    pub(crate) fn shows(&mut self, what: &str, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        eventually(&format!("the screen that shows {what}"), || {
            assert_eq!(self.child.try_wait().unwrap(), None, "it ended: {}", self.text().escape_debug());
            Some(self.screen()).filter(|lines| wanted(lines))
        })
    }

    /// Waits for the program's end, and gives its exit code.
    pub(crate) fn end(&mut self) -> Option<i32> {
        let status = eventually("the program's end", || self.child.try_wait().unwrap());
        status.code()
    }

    /// All that was written, escape sequences included.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Whether keys come at once and unseen.
    pub(crate) fn is_raw(&self) -> bool {
        !tcgetattr(&self.slave).unwrap().local_modes.intersects(LocalModes::ICANON | LocalModes::ECHO)
    }

    /// The modes are those of the beginning, the program's own screen is left, and the cursor is there.
    pub(crate) fn assert_given_back(&self) {
        let now = tcgetattr(&self.slave).unwrap();
        assert_eq!(now.local_modes, self.before.local_modes);
        assert_eq!(now.input_modes, self.before.input_modes);
        assert_eq!(now.output_modes, self.before.output_modes);
        // What a program wrote last may still be on its way when it has ended.
        eventually("the screen and the cursor of before", || {
            let text = self.text();
            let last = |sequence: &str| text.rfind(sequence);
            let has_left = last("\x1b[?1049h").is_some() && last("\x1b[?1049l") > last("\x1b[?1049h");
            (has_left && last("\x1b[?25h") > last("\x1b[?25l")).then_some(())
        });
    }

    fn screen(&self) -> Vec<String> {
        drawn(&self.text(), self.size)
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(slave: &OwnedFd, (columns, rows): (u16, u16)) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(slave, size).unwrap();
}

fn read_all(mut master: File, written: Arc<Mutex<Vec<u8>>>) {
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = master.read(&mut bytes) {
            written.lock().unwrap().extend_from_slice(&bytes[..count]);
        }
    });
}

/// What a screen of that size looks like after the program wrote `text`: as much of a terminal as `top` needs.
fn drawn(text: &str, (columns, rows): (u16, u16)) -> Vec<String> {
    let (width, height) = (usize::from(columns), usize::from(rows));
    let mut cells = vec![vec![' '; width]; height];
    let (mut x, mut y) = (0, 0);
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '\x1b' {
            match character {
                '\r' => x = 0,
                '\n' => y += 1,
                printed => {
                    if let Some(cell) = cells.get_mut(y).and_then(|row| row.get_mut(x)) {
                        *cell = printed;
                    }
                    x += 1;
                }
            }
            continue;
        }
        if rest.next_if_eq(&'[').is_none() {
            continue;
        }
        let mut arguments = String::new();
        while let Some(argument) = rest.next_if(|next| !next.is_ascii_alphabetic()) {
            arguments.push(argument);
        }
        match rest.next() {
            Some('H') => {
                let numbers: Vec<usize> = arguments.split(';').map(|number| number.parse().unwrap_or(1)).collect();
                (y, x) = (numbers[0] - 1, numbers.get(1).map_or(0, |column| column - 1));
            }
            Some('J') => cells.iter_mut().for_each(|row| row.fill(' ')),
            _ => {}
        }
    }
    cells.into_iter().map(|row| row.into_iter().collect::<String>().trim_end().to_owned()).collect()
}
