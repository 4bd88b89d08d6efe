//! How a debugger finds a function that runs here: what a manifest says, a variable of the function carries, and the engine reads.

/// The variable of a function that says that it is debugged: `PORT`, or `PORT,wait`.
pub const DEBUG_VARIABLE: &str = "STACKCTL_DEBUG";
/// What follows the port when the function waits for the debugger.
const WAIT: &str = ",wait";

/// How a function is debugged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Debugging {
    /// Where a debugger connects to, on the loopback interface.
    pub port: u16,
    /// Whether the function's code is not begun before a debugger is there.
    pub wait: bool,
}

impl Debugging {
    /// What the value of [`DEBUG_VARIABLE`] says.
    ///
    /// # Errors
    /// A sentence, when it says nothing of the kind.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (port, wait) = text.strip_suffix(WAIT).map_or((text, false), |port| (port, true));
        match port.parse() {
            Ok(port) if port > 0 => Ok(Self { port, wait }),
            _ => Err(format!("{DEBUG_VARIABLE} is a port, or a port and `{WAIT}`, like 5678 or 5678{WAIT}")),
        }
    }

    /// The value of [`DEBUG_VARIABLE`].
    pub fn value(self) -> String {
        format!("{}{}", self.port, if self.wait { WAIT } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_whether_to_wait() {
        let check = |text: &str, expected: Option<(u16, bool)>| {
            let found = Debugging::parse(text).ok();
            assert_eq!(found.map(|debugging| (debugging.port, debugging.wait)), expected, "{text}");
            assert!(found.is_none_or(|debugging| debugging.value() == text), "{text}");
        };
        check("5678", Some((5678, false)));
        check("5678,wait", Some((5678, true)));
        for wrong in ["", "0", "x", "70000", "5678,", "5678, wait", "5678,wait,wait"] {
            check(wrong, None);
        }
    }
}
