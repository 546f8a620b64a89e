//! The machine's power button, through which the host requests an orderly shutdown without a link.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::machine::Machine;
use crate::power;

/// A `struct input_event`: two words of time, type, code and value.
const EVENT: usize = 2 * size_of::<usize>() + 8;
const KEY: u16 = 1;
const KEY_POWER: u16 = 116;
const DOWN: i32 = 1;

/// Devices appear some time after their drivers.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
const LOOKS: u32 = 50;

/// Shuts the machine down when the button is pressed. Its drivers must be loaded.
pub(crate) async fn listen(machine: Machine) {
    let mut devices = Vec::new();
    for _ in 0..LOOKS {
        devices = found();
        if !devices.is_empty() {
            break;
        }
        sleep(LOOK_AGAIN).await;
    }
    let (told, mut heard) = mpsc::channel(1);
    for device in devices {
        let told = told.clone();
        // It blocks in a read for as long as the machine runs.
        let waiting = std::thread::Builder::new()
            .name("power-button".to_owned())
            .stack_size(64 * 1024)
            .spawn(move || {
                if File::open(&device).and_then(wait_for_press).is_ok() {
                    let _ = told.blocking_send(());
                }
            });
        if let Err(error) = waiting {
            machine
                .news
                .log(&format!("Nobody listens to the power button: {error}"));
        }
    }
    drop(told);
    if heard.recv().await.is_some() {
        power::off(&machine).await;
    }
}

/// Devices that have such a button, as many keyboards do. Mice and other devices are ignored.
fn found() -> Vec<PathBuf> {
    let entries = fs::read_dir("/sys/class/input").into_iter().flatten();
    entries
        .flatten()
        .filter(|entry| {
            let keys = entry.path().join("device/capabilities/key");
            let name = entry.file_name();
            name.to_string_lossy().starts_with("event")
                && fs::read_to_string(keys).is_ok_and(|keys| has_power(&keys))
        })
        .map(|entry| Path::new("/dev/input").join(entry.file_name()))
        .collect()
}

/// Whether a device has the power key: a bit mask in words, the highest word first.
fn has_power(keys: &str) -> bool {
    const BITS: usize = usize::BITS as usize;
    let power = usize::from(KEY_POWER);
    keys.split_ascii_whitespace()
        .rev()
        .nth(power / BITS)
        .and_then(|word| usize::from_str_radix(word, 16).ok())
        .is_some_and(|word| word >> (power % BITS) & 1 == 1)
}

/// Resolves when the button is pressed, or with an error when the device is gone.
fn wait_for_press(mut device: impl Read) -> io::Result<()> {
    let mut event = [0; EVENT];
    loop {
        device.read_exact(&mut event)?;
        if is_press(&event) {
            return Ok(());
        }
    }
}

fn is_press(event: &[u8; EVENT]) -> bool {
    let Some((_, &[t0, t1, c0, c1, v0, v1, v2, v3])) = event.split_last_chunk() else {
        return false;
    };
    u16::from_ne_bytes([t0, t1]) == KEY
        && u16::from_ne_bytes([c0, c1]) == KEY_POWER
        && i32::from_ne_bytes([v0, v1, v2, v3]) == DOWN
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: u16, code: u16, value: i32) -> Vec<u8> {
        let mut bytes = vec![7; EVENT - 8];
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(code.to_ne_bytes());
        bytes.extend(value.to_ne_bytes());
        bytes
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_device_says_which_keys_it_has() {
        assert!(has_power("10000000000000 0\n"));
        assert!(has_power(
            "402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe\n"
        ));
        assert!(!has_power("1f0000 0 0 0 0\n"));
        assert!(!has_power("0"));
        assert!(!has_power("xyz 0"));
        assert!(!has_power(""));
    }

    #[test]
    fn only_the_power_button_going_down_counts() {
        let others = [
            event(KEY, KEY_POWER, 0),
            event(KEY, 30, DOWN),
            event(0, KEY_POWER, DOWN),
        ]
        .concat();
        assert!(wait_for_press(others.as_slice()).is_err());
        let pressed = [others, event(KEY, KEY_POWER, DOWN)].concat();
        assert!(wait_for_press(pressed.as_slice()).is_ok());
        // A device that disappears in the middle of an event is no press.
        assert!(wait_for_press(&pressed[..pressed.len() - 1]).is_err());
    }
}
