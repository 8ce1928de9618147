//! Memory that is asked for where a no is still an answer: an allocation that fails inside Rust's library aborts the whole
//! program that we are in.

use std::hint::black_box;

/// There is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoMemory;

/// Is there room for so many bytes at once? They are given back, and lie ready for what follows: this bounds what the many
/// small allocations behind it may take, none of which can say no.
pub fn room(bytes: usize) -> Result<(), NoMemory> {
    let mut room = Vec::<u8>::new();
    let reserved = room.try_reserve_exact(bytes);
    // The compiler would leave out what nobody looks at.
    black_box(room.as_mut_ptr());
    reserved.map_err(|_| NoMemory)
}

/// So many zeros.
pub fn zeros(length: usize) -> Result<Vec<u8>, NoMemory> {
    let mut zeros = Vec::new();
    zeros.try_reserve_exact(length).map_err(|_| NoMemory)?;
    zeros.resize(length, 0);
    Ok(zeros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_said() {
        assert_eq!((room(1 << 16), zeros(3)), (Ok(()), Ok(vec![0; 3])));
        for too_much in [usize::MAX, usize::MAX / 2, 1 << 60] {
            assert_eq!((room(too_much), zeros(too_much)), (Err(NoMemory), Err(NoMemory)));
        }
    }
}
