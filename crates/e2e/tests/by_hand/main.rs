//! Slipway by hand: the program that ships, started as a desktop starts it, used with mouse and keyboard as the X server
//! sends them, and read as a screen reader reads it. What a `WebDriver` sends takes other ways into the web view, and the
//! web view paints another way for it, so none of this shows there.
//!
//! To see the wheel fail, give the tests a program that tells its web view late to do without OpenGL, as Slipway did up to
//! commit b1067f6 where there is no GPU: `SLIPWAY_DESKTOP_BIN=… cargo test -p slipway-e2e --test by_hand by_mouse`.

mod clipboard;
mod keyboard;
mod names;
mod pointer;
mod screens;
mod surroundings;
mod window;
