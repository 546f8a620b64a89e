//! Arbitrary bytes from the peer, at the host's end of a link.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| slipway_link::fuzz::peer(true, input));
