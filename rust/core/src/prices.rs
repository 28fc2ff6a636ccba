//! The prices of one side in order: flat, sorted, the best one last, so that most changes move few bytes.

const NEAR: usize = 8;
const SLACK: usize = 1024;

/// Prices with a slot each, in which a book keeps what there is at that price.
///
/// `keys` are prices with the sign that makes the best one the greatest; what is before `start` is dead (trimming the
/// worst price of a deep book must not move the others).
#[derive(Debug)]
pub struct Prices {
    keys: Vec<i128>,
    slots: Vec<u32>,
    start: usize,
    sign: i128,
}

impl Prices {
    /// No prices.
    pub fn new(is_bid: bool) -> Self {
        Prices { keys: Vec::new(), slots: Vec::new(), start: 0, sign: if is_bid { 1 } else { -1 } }
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.keys.len() - self.start
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forget all.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.slots.clear();
        self.start = 0;
    }

    /// Where a price stands, or where it would.
    #[inline]
    pub fn find(&self, price: i128) -> Result<usize, usize> {
        let key = price * self.sign;
        let mut high = self.keys.len();
        let near = high.saturating_sub(NEAR).max(self.start);
        while high > near {
            let there = self.keys[high - 1];
            if there < key {
                return Err(high);
            }
            high -= 1;
            if there == key {
                return Ok(high);
            }
        }
        let found = self.keys[self.start..high].binary_search(&key);
        found.map(|at| at + self.start).map_err(|at| at + self.start)
    }

    /// The slot of a price that `find` found.
    #[inline]
    pub fn slot(&self, at: usize) -> u32 {
        self.slots[at]
    }

    /// The rank from the best (0) of a place that `find` told: of the price there, once it is there.
    #[inline]
    pub fn rank(&self, at: usize) -> usize {
        self.keys.len() - 1 - at
    }

    /// Add a price where `find` told; its rank.
    #[inline]
    pub fn insert(&mut self, at: usize, price: i128, slot: u32) -> usize {
        self.keys.insert(at, price * self.sign);
        self.slots.insert(at, slot);
        self.rank(at)
    }

    /// Add a price that is better than all others.
    pub fn push(&mut self, price: i128, slot: u32) {
        self.keys.push(price * self.sign);
        self.slots.push(slot);
    }

    /// Whether the first price is worse than the second.
    pub fn worst_first(&self, one: i128, other: i128) -> std::cmp::Ordering {
        (one * self.sign).cmp(&(other * self.sign))
    }

    /// Remove a price that `find` found; the rank that it had.
    #[inline]
    pub fn remove(&mut self, at: usize) -> usize {
        self.keys.remove(at);
        self.slots.remove(at);
        self.keys.len() - at
    }

    /// Keep the best `depth`; the slots of the others are appended to `dropped`.
    #[inline]
    pub fn trim(&mut self, depth: usize, dropped: &mut Vec<u32>) {
        let excess = self.len().saturating_sub(depth);
        dropped.extend_from_slice(&self.slots[self.start..self.start + excess]);
        self.start += excess;
        if self.start > SLACK.max(self.len()) {
            self.keys.drain(..self.start);
            self.slots.drain(..self.start);
            self.start = 0;
        }
    }

    /// Price and slot of this rank, 0 the best.
    #[inline]
    pub fn get(&self, rank: usize) -> Option<(i128, u32)> {
        if rank >= self.len() {
            return None;
        }
        let at = self.keys.len() - 1 - rank;
        Some((self.keys[at] * self.sign, self.slots[at]))
    }

    /// The rank of the best price strictly worse than this one.
    pub fn rank_behind(&self, price: i128) -> usize {
        let key = price * self.sign;
        let end = self.start + self.keys[self.start..].partition_point(|k| *k < key);
        self.keys.len() - end
    }
}
