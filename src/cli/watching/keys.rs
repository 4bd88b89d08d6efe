//! Keys that are pressed while a stack is watched, on a terminal: each counts by itself, without Enter, and is not shown.

use std::io::{self, IsTerminal, Read};

use rustix::{
    process::getpgrp,
    termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr},
};
use tokio::sync::mpsc;

/// Keys that wait to be acted on; somebody who leans on one does not need them all.
const WAITING_MAX: usize = 16;

/// What the keys do, for people.
pub(super) const KEYS_HELP: &str = "keys: r rebuild all, o rebuild one, p pause, c clear, q quit";

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// `r`: all functions.
    Rebuild,
    /// `o`: one function, which is asked for.
    RebuildOne,
    /// An answer to that.
    Digit(u8),
    /// `p`, and again to go on.
    Pause,
    /// `c`: an empty screen.
    Clear,
    /// `y`: what is held may be done.
    Agree,
    /// `q`.
    Quit,
    /// Enter: an empty line, so that what comes now stands apart.
    Line,
    /// Escape, with which arrows begin as well.
    Escape,
}

/// See the module. Dropping it gives the terminal back as it was.
#[derive(Debug)]
pub(super) struct Keys {
    pressed: mpsc::Receiver<Key>,
    before: Termios,
}

impl Keys {
    /// `None` where there is no terminal, or another program has it.
    pub(super) fn listen() -> Option<Self> {
        let stdin = io::stdin();
        if !stdin.is_terminal() || !io::stderr().is_terminal() || tcgetpgrp(&stdin).ok()? != getpgrp() {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut single = before.clone();
        single.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
        tcsetattr(&stdin, OptionalActions::Now, &single).ok()?;
        let (sender, pressed) = mpsc::channel(WAITING_MAX);
        // A read of a terminal cannot be given up; the process ends without waiting for it.
        tokio::task::spawn_blocking(move || read(&sender));
        Some(Self { pressed, before })
    }
}

fn read(sender: &mpsc::Sender<Key>) {
    for byte in io::stdin().lock().bytes() {
        let Ok(byte) = byte else { return };
        if let Some(key) = meaning(byte)
            && matches!(sender.try_send(key), Err(mpsc::error::TrySendError::Closed(_)))
        {
            return;
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to be given back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}

/// The next key; waits for ever when there is no terminal. Cancel safe.
pub(super) async fn pressed(keys: &mut Option<Keys>) -> Key {
    if let Some(listening) = keys
        && let Some(key) = listening.pressed.recv().await
    {
        return key;
    }
    *keys = None;
    std::future::pending().await
}

fn meaning(byte: u8) -> Option<Key> {
    Some(match byte {
        b'r' => Key::Rebuild,
        b'o' => Key::RebuildOne,
        b'0'..=b'9' => Key::Digit(byte - b'0'),
        b'p' => Key::Pause,
        b'c' => Key::Clear,
        b'y' => Key::Agree,
        b'q' => Key::Quit,
        b'\n' | b'\r' => Key::Line,
        0x1b => Key::Escape,
        _ => return None,
    })
}
