//! Random numbers of one call, all derived from its seed.

use sha2::{Digest as _, Sha256};

/// Keeps these numbers apart from everything else that is derived from a seed. Changing it,
/// or anything else here, changes what replayed attempts see.
const DOMAIN: &[u8] = b"stepwell task random v1";

/// A stream of bytes: SHA-256 of domain, seed and block number, block after block.
///
/// Own and simple, so that the stream never changes with a library's version: an attempt
/// can be replayed years later.
pub(crate) struct RandomStream {
    seed: [u8; 32],
    next_block: u64,
    block: [u8; 32],
    used: usize,
}

impl RandomStream {
    pub(crate) const fn new(seed: [u8; 32]) -> Self {
        Self {
            seed,
            next_block: 0,
            block: [0; 32],
            used: 32,
        }
    }

    pub(crate) fn fill(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if self.used == self.block.len() {
                self.refill();
            }
            let available = &self.block[self.used..];
            let count = available.len().min(bytes.len());
            let (now, later) = bytes.split_at_mut(count);
            now.copy_from_slice(&available[..count]);
            self.used += count;
            bytes = later;
        }
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        bytes
    }

    pub(crate) fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn refill(&mut self) {
        self.block = Sha256::new()
            .chain_update(DOMAIN)
            .chain_update(self.seed)
            .chain_update(self.next_block.to_le_bytes())
            .finalize()
            .into();
        self.next_block += 1;
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_stream_in_any_portions() {
        let whole = RandomStream::new([7; 32]).bytes(100);
        let mut portions = RandomStream::new([7; 32]);
        let mut joined = portions.bytes(1);
        joined.extend(portions.bytes(40));
        joined.extend(portions.number().to_le_bytes());
        joined.extend(portions.bytes(51));
        assert_eq!(joined, whole);
        assert_ne!(RandomStream::new([8; 32]).bytes(100), whole);
    }

    /// Recorded attempts replay only while the stream stays the same.
    #[test]
    fn the_stream_is_pinned() {
        assert_eq!(RandomStream::new([0; 32]).number(), 475_043_405_900_208_049);
    }
}
