//! `slipway machine shell`, in a terminal and without one.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::own::Own;

pub(crate) fn all(own: &Own) {
    let Some(slipway) = slipway() else { return };
    a_terminal_has_the_size_of_the_one_here(own, &slipway);
    without_a_terminal_bytes_stay_bytes(own, &slipway);
}

/// The command, which only a build of the whole workspace puts beside `slipwayd`.
fn slipway() -> Option<PathBuf> {
    let slipway = Path::new(env!("CARGO_BIN_EXE_slipwayd")).with_file_name("slipway");
    if slipway.is_file() {
        return Some(slipway);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "there is no {}",
        slipway.display()
    );
    eprintln!("NOT TESTED: there is no {}", slipway.display());
    None
}

fn a_terminal_has_the_size_of_the_one_here(own: &Own, slipway: &Path) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
    grantpt(&master).expect("ours");
    unlockpt(&master).expect("ours");
    let resize = |rows, columns| {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).expect("a terminal");
    };
    resize(33, 77);
    let name = ptsname(&master, Vec::new()).expect("a name");
    let slave = File::options()
        .read(true)
        .write(true)
        .open(name.to_string_lossy().as_ref())
        .expect("a terminal");
    // A terminal's signals go to the session that it controls.
    let mut command = Command::new("setsid");
    command
        .args(["--ctty", "--wait"])
        .arg(slipway)
        .args(["machine", "shell", "--", "busybox", "sh", "-c"])
        .arg(
            "trap 'busybox stty size; exit 3' WINCH; busybox stty size; \
             while :; do busybox sleep 0.1; done",
        )
        .stdin(slave.try_clone().expect("a terminal"))
        .stdout(slave.try_clone().expect("a terminal"))
        .stderr(slave);
    let mut child = own.with_places(&mut command).spawn().expect("setsid");
    drop(command);
    let mut screen = BufReader::new(File::from(master.try_clone().expect("a terminal")));
    let mut line = || {
        let mut line = String::new();
        screen.read_line(&mut line).expect("more");
        line.trim().to_owned()
    };
    assert_eq!(line(), "33 77");
    resize(44, 111);
    assert_eq!(line(), "44 111");
    assert_eq!(child.wait().expect("ours").code(), Some(3));
}

fn without_a_terminal_bytes_stay_bytes(own: &Own, slipway: &Path) {
    let mut command = Command::new(slipway);
    command
        .args(["machine", "shell", "--", "sh", "-c"])
        .arg("busybox cat; echo wrong >&2; exit 4")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = own.with_places(&mut command).spawn().expect("slipway");
    let bytes: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let mut input = child.stdin.take().expect("piped");
    let typed = bytes.clone();
    let typing = std::thread::spawn(move || input.write_all(&typed));
    let output = child.wait_with_output().expect("ours");
    typing.join().expect("no panic").expect("it reads all");
    assert_eq!(output.status.code(), Some(4));
    assert!(output.stdout == bytes, "{} bytes", output.stdout.len());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "wrong\n");
}
