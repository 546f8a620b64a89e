//! A terminal that hands every key on as it is typed.

/// The terminal on standard input in raw mode, where there is one. Dropping it brings back how it was.
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
            // A terminal that is gone needs nothing any more.
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, before);
        }
    }
}
