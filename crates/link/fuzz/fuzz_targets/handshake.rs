//! Arbitrary bytes instead of a handshake, at either end.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    slipway_link::fuzz::handshake(true, input);
    slipway_link::fuzz::handshake(false, input);
});
