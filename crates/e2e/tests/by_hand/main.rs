//! Slipway with simulated mouse and keyboard: the shipped program, started as a desktop starts it, with input from the
//! X server, and read through the accessibility tree. `WebDriver` sends input in other ways and makes the web view
//! paint differently, so it would not find these problems.
//!
//! To see the wheel tests fail, run them with a program that disables OpenGL in its web view too late, as Slipway did
//! up to commit b1067f6 on computers without a GPU: `SLIPWAY_DESKTOP_BIN=… cargo test -p slipway-e2e --test by_hand
//! by_mouse`.

mod clipboard;
mod keyboard;
mod names;
mod pointer;
mod screens;
mod surroundings;
mod window;
