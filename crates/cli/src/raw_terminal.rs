//! Raw mode of the terminal, in which every key is passed on as it is typed.

/// The terminal on standard input in raw mode, if there is one. Dropping it restores the previous mode.
pub(crate) struct RawTerminal {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl RawTerminal {
    #[cfg(unix)]
    pub(crate) fn enter() -> Self {
        use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).ok().filter(|before| {
            let mut raw = before.clone();
            raw.make_raw();
            tcsetattr(&stdin, OptionalActions::Now, &raw).is_ok()
        });
        Self { before }
    }

    #[cfg(not(unix))]
    pub(crate) fn enter() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for RawTerminal {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.before {
            // A closed terminal needs no restoring.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
