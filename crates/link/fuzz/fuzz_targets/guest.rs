//! Arbitrary bytes from the peer, at the guest's end of a link.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| slipway_link::fuzz::peer(false, input));
