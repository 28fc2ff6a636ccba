//! Kraken's checksum: CRC-32 of the mantissas of the best asks, then of the best bids.

use crate::crc::{crc32, crc32_after};
use crate::side::Side;

/// The text of the levels covered on one side, best first, kept up to the first level that changed.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Text {
    #[inline]
    fn changed(&mut self, rank: usize) {
        if rank < self.ends.len() {
            self.ends.truncate(rank);
            self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        }
    }

    #[inline]
    fn of(&mut self, side: &Side, covered: usize) -> &[u8] {
        for level in (self.ends.len()..covered).map_while(|rank| side.get(rank)) {
            level.price.push_mantissa(&mut self.bytes);
            level.size.push_mantissa(&mut self.bytes);
            self.ends.push(self.bytes.len());
        }
        &self.bytes
    }
}

/// The checksum of a book, computed where a covered level changed since the last time.
///
/// It is a function of the covered levels and of nothing else. `changed` is told the least rank that a change touched,
/// and levels before that rank are as they were; so a kept value is the value that computing again would give, and it
/// is compared with the venue's in every frame that brings one.
#[derive(Debug)]
pub struct Checksum {
    covered: usize,
    asks: Text,
    bids: Text,
    kept: Option<u32>,
}

impl Checksum {
    /// Over the best `covered` levels of each side.
    pub fn new(covered: usize) -> Self {
        Checksum { covered, asks: Text::default(), bids: Text::default(), kept: None }
    }

    /// Levels from this rank on are not what they were; `usize::MAX` if all are.
    #[inline]
    pub fn changed(&mut self, is_bid: bool, rank: usize) {
        if rank < self.covered {
            self.kept = None;
            if is_bid { self.bids.changed(rank) } else { self.asks.changed(rank) }
        }
    }

    /// The checksum now.
    #[inline]
    pub fn of(&mut self, bids: &Side, asks: &Side) -> u32 {
        match self.kept {
            Some(kept) => kept,
            None => {
                let first = crc32(self.asks.of(asks, self.covered));
                *self.kept.insert(crc32_after(first, self.bids.of(bids, self.covered)))
            }
        }
    }
}
