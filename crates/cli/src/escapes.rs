//! Makes container output safe for a terminal: keeps colours, drops every other escape.

use std::io::Write as _;

use vte::{Params, Parser, Perform};

/// A line for a terminal: text, tabs and colours. Text before a carriage return is dropped, because a terminal would
/// overwrite it. Ends with a reset if a colour is still active.
pub(crate) fn colored(line: &[u8]) -> Vec<u8> {
    let mut kept = Kept {
        colors: true,
        ..Kept::default()
    };
    Parser::new().advance(&mut kept, line);
    if kept.styled {
        kept.bytes.extend_from_slice(b"\x1b[0m");
    }
    kept.bytes
}

/// A line without any escape.
pub(crate) fn plain(line: &[u8]) -> Vec<u8> {
    let mut kept = Kept::default();
    Parser::new().advance(&mut kept, line);
    kept.bytes
}

/// Whether a line is the same after [`colored`]. True for most lines of most logs.
pub(crate) fn is_plain(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e))
}

#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    colors: bool,
    styled: bool,
}

impl Perform for Kept {
    fn print(&mut self, c: char) {
        if !c.is_control() {
            let mut buffer = [0; 4];
            self.bytes
                .extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\t' => self.bytes.push(b'\t'),
            b'\r' => {
                self.bytes.clear();
                if self.styled {
                    self.bytes.extend_from_slice(b"\x1b[0m");
                    self.styled = false;
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if !self.colors || action != 'm' || !intermediates.is_empty() || ignore {
            return;
        }
        self.bytes.extend_from_slice(b"\x1b[");
        for (index, parameter) in params.iter().enumerate() {
            if index > 0 {
                self.bytes.push(b';');
            }
            for (index, value) in parameter.iter().enumerate() {
                if index > 0 {
                    self.bytes.push(b':');
                }
                // Writing to memory does not fail.
                let _ = write!(self.bytes, "{value}");
            }
        }
        self.bytes.push(b'm');
        self.styled = params.iter().any(|parameter| parameter != [0]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(line: &str, wanted_colored: &str, wanted_plain: &str) {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        assert_eq!(text(colored(line.as_bytes())), wanted_colored, "{line:?}");
        assert_eq!(text(plain(line.as_bytes())), wanted_plain, "{line:?}");
    }

    #[test]
    fn colours_stay_and_everything_else_goes() {
        check("plain\ttext", "plain\ttext", "plain\ttext");
        check("\x1b[31mred\x1b[0m!", "\x1b[31mred\x1b[0m!", "red!");
        check("\x1b[31mred", "\x1b[31mred\x1b[0m", "red");
        check("\x1b[38;5;196mx\x1b[m", "\x1b[38;5;196mx\x1b[0m", "x");
        check("\x1b[4:3mx\x1b[0m", "\x1b[4:3mx\x1b[0m", "x");
        check("\x1b[2J\x1b[Hhome", "home", "home");
        check("\x1b]0;title\x07after", "after", "after");
        check("\x1b]52;c;ZXZpbA==\x1b\\after", "after", "after");
        check("\u{9b}2Jx", "2Jx", "2Jx");
        check("10%\r50%\r100%", "100%", "100%");
        check("bell\x07 back\x08", "bell back", "bell back");
        check("\x1b[?25lx", "x", "x");
        check("ü ✓", "ü ✓", "ü ✓");
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let safe = String::from_utf8(colored(&line)).expect("text");
            let without_colors = String::from_utf8(plain(safe.as_bytes())).expect("text");
            prop_assert!(!without_colors.chars().any(|c| c.is_control() && c != '\t'));
            for escape in safe.split('\x1b').skip(1) {
                let end = escape.find('m').expect("a colour");
                prop_assert!(escape[..end].chars().all(|c| "[;:0123456789".contains(c)), "{escape:?}");
            }
            prop_assert!(!is_plain(&line) || safe.as_bytes() == line);
        }
    }
}
