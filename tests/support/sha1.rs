//! SHA-1's compression (FIPS 180-4 section 6.1.2): what it makes of HMAC's two first blocks is worth as much as the key.

pub const START: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

pub fn compress(state: [u32; 5], block: &[u8; 64]) -> [u32; 5] {
    let mut words: Vec<u32> = block.chunks_exact(4).map(|four| u32::from_be_bytes(four.try_into().unwrap())).collect();
    for t in 16..80 {
        words.push((words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16]).rotate_left(1));
    }
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for (t, word) in words.iter().enumerate() {
        let (f, k) = match t {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
        [a, b, c, d, e] = [next, a, b.rotate_left(30), c, d];
    }
    let sum = [a, b, c, d, e];
    std::array::from_fn(|n| state[n].wrapping_add(sum[n]))
}

#[test]
fn it_is_sha1() {
    let mut block = [0; 64];
    block[..4].copy_from_slice(b"abc\x80");
    block[63] = 24;
    let expected = [0xa999_3e36, 0x4706_816a, 0xba3e_2571, 0x7850_c26c, 0x9cd0_d89d];
    assert_eq!(compress(START, &block), expected);
}

/// HMAC's pads (RFC 2104).
pub const INNER: u8 = 0x36;
pub const OUTER: u8 = 0x5c;

/// What is left of a key of at most 64 bytes in a keyed hash, as it lies in memory.
pub fn keyed(key: &[u8], pad: u8) -> Vec<u8> {
    let mut block = [pad; 64];
    block.iter_mut().zip(key).for_each(|(to, byte)| *to = byte ^ pad);
    compress(START, &block).iter().flat_map(|word| word.to_ne_bytes()).collect()
}
