//! Any bytes where a handshake is expected, at either end.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    slipway_link::fuzz::handshake(true, input);
    slipway_link::fuzz::handshake(false, input);
});
