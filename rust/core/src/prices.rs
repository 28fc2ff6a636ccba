//! The prices of one side in order: flat, sorted, the best one last, so that most changes move few bytes.

use std::cmp::Ordering;

const NEAR: usize = 8;
const SLACK: usize = 1024;

/// Prices with a slot each, in which a book keeps what there is at that price.
///
/// `keys` are prices with the sign that makes the best one the greatest; what is before `start` is dead (trimming the
/// worst price of a deep book must not move the others). They are kept in 64 bits until one comes that needs more.
#[derive(Debug)]
pub struct Prices {
    keys: Keys,
    slots: Vec<u32>,
    start: usize,
    sign: i128,
    /// Where the last price was found: the next one of a frame is mostly near it.
    last: usize,
}

#[derive(Debug)]
enum Keys {
    Narrow(Vec<i64>),
    Wide(Vec<i128>),
}

/// The same for keys of either width.
macro_rules! keys {
    ($keys:expr, $found:ident => $result:expr) => {
        match $keys {
            Keys::Narrow($found) => $result,
            Keys::Wide($found) => $result,
        }
    };
}

impl Prices {
    /// No prices.
    pub fn new(is_bid: bool) -> Self {
        let sign = if is_bid { 1 } else { -1 };
        Prices { keys: Keys::Narrow(Vec::new()), slots: Vec::new(), start: 0, sign, last: 0 }
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len() - self.start
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forget all.
    pub fn clear(&mut self) {
        keys!(&mut self.keys, keys => keys.clear());
        self.slots.clear();
        (self.start, self.last) = (0, 0);
    }

    /// Where a price stands, or where it would.
    #[inline]
    pub fn find(&self, price: i128) -> Result<usize, usize> {
        let key = price * self.sign;
        match &self.keys {
            Keys::Narrow(keys) => match i64::try_from(key) {
                Ok(key) => search(keys, key, self.start, self.last),
                Err(_) => Err(if key > 0 { keys.len() } else { self.start }),
            },
            Keys::Wide(keys) => search(keys, key, self.start, self.last),
        }
    }

    /// The same, and the next search begins there.
    #[inline]
    pub fn seek(&mut self, price: i128) -> Result<usize, usize> {
        let found = self.find(price);
        let (Ok(at) | Err(at)) = found;
        self.last = at;
        found
    }

    /// The slot of a price that `find` found.
    #[inline]
    pub fn slot(&self, at: usize) -> u32 {
        self.slots[at]
    }

    /// The rank from the best (0) of a place that `find` told: of the price there, once it is there.
    #[inline]
    pub fn rank(&self, at: usize) -> usize {
        self.slots.len() - 1 - at
    }

    /// Add a price where `find` told; its rank.
    #[inline]
    pub fn insert(&mut self, at: usize, price: i128, slot: u32) -> usize {
        let key = price * self.sign;
        match (&mut self.keys, i64::try_from(key)) {
            (Keys::Narrow(keys), Ok(key)) => keys.insert(at, key),
            (Keys::Wide(keys), _) => keys.insert(at, key),
            (Keys::Narrow(_), Err(_)) => self.widened().insert(at, key),
        }
        self.slots.insert(at, slot);
        self.rank(at)
    }

    /// Add a price that is better than all others.
    pub fn push(&mut self, price: i128, slot: u32) {
        self.insert(self.slots.len(), price, slot);
    }

    /// Whether the first price is worse than the second.
    pub fn worst_first(&self, one: i128, other: i128) -> Ordering {
        (one * self.sign).cmp(&(other * self.sign))
    }

    /// Remove a price that `find` found; the rank that it had.
    #[inline]
    pub fn remove(&mut self, at: usize) -> usize {
        keys!(&mut self.keys, keys => {
            keys.remove(at);
        });
        self.slots.remove(at);
        self.slots.len() - at
    }

    /// Keep the best `depth`; the slots of the others are appended to `dropped`.
    #[inline]
    pub fn trim(&mut self, depth: usize, dropped: &mut Vec<u32>) {
        let excess = self.len().saturating_sub(depth);
        dropped.extend_from_slice(&self.slots[self.start..self.start + excess]);
        self.start += excess;
        if self.start > SLACK.max(self.len()) {
            keys!(&mut self.keys, keys => drop(keys.drain(..self.start)));
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
        let at = self.slots.len() - 1 - rank;
        let key = match &self.keys {
            Keys::Narrow(keys) => i128::from(keys[at]),
            Keys::Wide(keys) => keys[at],
        };
        Some((key * self.sign, self.slots[at]))
    }

    /// The rank of the best price strictly worse than this one.
    pub fn rank_behind(&self, price: i128) -> usize {
        let (Ok(at) | Err(at)) = self.find(price);
        self.slots.len() - at
    }

    #[cold]
    fn widened(&mut self) -> &mut Vec<i128> {
        if let Keys::Narrow(keys) = &self.keys {
            self.keys = Keys::Wide(keys.iter().map(|key| i128::from(*key)).collect());
        }
        match &mut self.keys {
            Keys::Wide(keys) => keys,
            Keys::Narrow(_) => unreachable!("they were widened above"),
        }
    }
}

/// Where a key stands after `start`, or where it would: looked for among the best, then from `last` on, in steps that
/// double.
#[inline]
fn search<K: Ord + Copy>(keys: &[K], key: K, start: usize, last: usize) -> Result<usize, usize> {
    let mut high = keys.len();
    let near = high.saturating_sub(NEAR).max(start);
    while high > near {
        let there = keys[high - 1];
        if there < key {
            return Err(high);
        }
        high -= 1;
        if there == key {
            return Ok(high);
        }
    }
    let mut low = start;
    let last = last.clamp(start, high);
    let mut step = 1;
    if last < high && keys[last] < key {
        low = last + 1;
        while low + step < high && keys[low + step] < key {
            low += step + 1;
            step *= 2;
        }
        high = high.min(low + step + 1);
    } else {
        high = (last + 1).min(high);
        while high > low + step && keys[high - 1 - step] > key {
            high -= step + 1;
            step *= 2;
        }
        low = low.max(high.saturating_sub(step + 1));
    }
    keys[low..high].binary_search(&key).map(|at| at + low).map_err(|at| at + low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searching_from_any_place_finds_the_same() {
        for length in [0usize, 1, 2, 7, 8, 9, 10, 17, 40, 100] {
            let keys: Vec<i64> = (0..length as i64).map(|i| 2 * i).collect();
            for start in [0, length / 3] {
                for last in 0..=length + 1 {
                    for key in -1..=2 * length as i64 {
                        let plain = keys[start..].binary_search(&key).map(|at| at + start).map_err(|at| at + start);
                        assert_eq!(search(&keys, key, start, last), plain, "{key} of {length} from {start}, {last}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_wide_price_among_narrow_ones() {
        let (wide, mut prices) = (1i128 << 80, Prices::new(false));
        for price in [5, wide, 7, -wide, 6] {
            let at = prices.find(price).unwrap_err();
            prices.insert(at, price, price.unsigned_abs().count_ones());
        }
        let found: Vec<i128> = (0..prices.len()).map(|rank| prices.get(rank).unwrap().0).collect();
        assert_eq!(found, [-wide, 5, 6, 7, wide]);
        assert_eq!(prices.rank_behind(6), 3);
        assert_eq!((prices.find(7), prices.find(8), prices.find(wide)), (Ok(1), Err(1), Ok(0)));
        assert_eq!((prices.slot(1), prices.slot(0)), (3, 1));
    }
}
