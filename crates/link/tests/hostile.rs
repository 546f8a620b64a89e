//! Arbitrary input from the peer: runs the functions of the fuzz targets for a limited time.

use proptest::prelude::*;
use slipway_link::fuzz;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_guest_harms_the_host(input in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz::peer(true, &input);
    }

    /// Answers a stream of the host, and then sends more than its window holds while nobody reads as much.
    #[test]
    fn no_guest_fills_the_memory_of_the_host(stream in 1_u8..5, length in 1_u16.., frames in 1..40_usize) {
        const FRAMES: u8 = 1;
        const ANSWER: u8 = 1;
        const DATA: u8 = 2;
        let [low, high] = length.to_le_bytes();
        let mut input = vec![FRAMES, ANSWER, stream, 2, 0];
        input.extend([DATA, stream, low, high].repeat(frames));
        fuzz::peer(true, &input);
    }

    #[test]
    fn no_host_harms_the_guest(input in prop::collection::vec(any::<u8>(), 0..600)) {
        fuzz::peer(false, &input);
    }

    #[test]
    fn no_handshake_harms_anybody(
        before in prop::collection::vec(any::<u8>(), 0..300),
        after in prop::collection::vec(any::<u8>(), 0..300),
        host: bool,
    ) {
        let magic = b"SLIPLINK".as_slice();
        fuzz::handshake(host, &before);
        fuzz::handshake(host, &[&before, magic, &after].concat());
        fuzz::handshake(host, &[&before[..before.len() / 2], magic, magic, &[1, 0], &after, magic].concat());
    }
}
