//! One side of an L2 book: its prices in order, each with a size.

use crate::levels::Level;
use crate::number::Number;
use crate::prices::Prices;

#[derive(Clone, Copy, Debug)]
struct Rest {
    size: i128,
    price_places: u8,
    size_places: u8,
}

/// The levels of one side.
///
/// What there is of a level beside its price stays where it is, in `rest` at its slot, so that a change deep in a book
/// moves 12 bytes a level and not 48.
#[derive(Debug)]
pub struct Side {
    prices: Prices,
    rest: Vec<Rest>,
    free: Vec<u32>,
}

impl Side {
    /// An empty side.
    pub fn new(is_bid: bool) -> Self {
        Side { prices: Prices::new(is_bid), rest: Vec::new(), free: Vec::new() }
    }

    /// How many levels there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.prices.len()
    }

    /// Whether there is no level.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.prices.is_empty()
    }

    /// Forget all levels.
    pub fn clear(&mut self) {
        self.prices.clear();
        self.rest.clear();
        self.free.clear();
    }

    /// Change one level, size zero removes it; the rank from the best (0) that changed, `usize::MAX` if nothing did.
    #[inline]
    pub fn set(&mut self, level: Level) -> usize {
        let rest = Rest { size: level.size.units, price_places: level.price.places, size_places: level.size.places };
        match self.prices.seek(level.price.units) {
            Ok(at) if rest.size == 0 => {
                self.free.push(self.prices.slot(at));
                self.prices.remove(at)
            }
            Ok(at) => {
                let old = std::mem::replace(&mut self.rest[self.prices.slot(at) as usize], rest);
                let same =
                    (old.size, old.price_places, old.size_places) == (rest.size, rest.price_places, rest.size_places);
                if same { usize::MAX } else { self.prices.rank(at) }
            }
            Err(_) if rest.size == 0 => usize::MAX,
            Err(at) => {
                let slot = self.keep(rest);
                self.prices.insert(at, level.price.units, slot)
            }
        }
    }

    #[inline]
    fn keep(&mut self, rest: Rest) -> u32 {
        match self.free.pop() {
            Some(slot) => {
                self.rest[slot as usize] = rest;
                slot
            }
            None => {
                self.rest.push(rest);
                self.rest.len() as u32 - 1
            }
        }
    }

    /// Replace all levels by these, in written order: of two with one price the later one stands.
    pub fn load(&mut self, levels: &mut [Level]) {
        self.clear();
        levels.sort_by(|one, other| self.prices.worst_first(one.price.units, other.price.units));
        for (i, level) in levels.iter().enumerate() {
            let last = levels.get(i + 1).is_none_or(|next| next.price.units != level.price.units);
            if last && level.size.units != 0 {
                let (size, price_places, size_places) = (level.size.units, level.price.places, level.size.places);
                let slot = self.keep(Rest { size, price_places, size_places });
                self.prices.push(level.price.units, slot);
            }
        }
    }

    /// Keep the best `depth` levels; the rank that changed, as `set` tells it.
    #[inline]
    pub fn trim(&mut self, depth: usize) -> usize {
        let excess = self.len() > depth;
        if excess {
            self.prices.trim(depth, &mut self.free);
        }
        if excess { depth } else { usize::MAX }
    }

    /// The level of this rank, 0 the best.
    #[inline]
    pub fn get(&self, rank: usize) -> Option<Level> {
        let (price, slot) = self.prices.get(rank)?;
        let rest = self.rest[slot as usize];
        Some(Level {
            price: Number { units: price, places: rest.price_places },
            size: Number { units: rest.size, places: rest.size_places },
        })
    }

    /// The best level.
    #[inline]
    pub fn best(&self) -> Option<Level> {
        self.get(0)
    }

    /// Levels from the best on.
    pub fn iter(&self) -> impl Iterator<Item = Level> + '_ {
        (0..self.len()).filter_map(|rank| self.get(rank))
    }

    /// Levels strictly worse than a price, from the best on.
    pub fn behind(&self, price: i128) -> impl Iterator<Item = Level> + '_ {
        (self.prices.rank_behind(price)..self.len()).filter_map(|rank| self.get(rank))
    }

    /// The size at a price, 0 if there is none.
    pub fn size_at(&self, price: i128) -> i128 {
        self.prices.find(price).map_or(0, |at| self.rest[self.prices.slot(at) as usize].size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(price: &str, size: &str) -> Level {
        Level { price: Number::parse(price.as_bytes()).unwrap(), size: Number::parse(size.as_bytes()).unwrap() }
    }

    fn texts(side: &Side) -> Vec<String> {
        side.iter().map(|l| l.price.text()).collect()
    }

    #[test]
    fn ranks_say_how_near_the_top_a_change_was() {
        let mut asks = Side::new(false);
        assert_eq!(asks.set(level("5", "1")), 0);
        assert_eq!(asks.set(level("7", "1")), 1);
        assert_eq!(asks.set(level("6", "1")), 1);
        assert_eq!(asks.set(level("6", "1")), usize::MAX);
        assert_eq!(asks.set(level("6", "1.0")), 1);
        assert_eq!(asks.set(level("8", "0")), usize::MAX);
        assert_eq!(asks.set(level("5", "0")), 0);
        assert_eq!(texts(&asks), ["6", "7"]);
    }

    #[test]
    fn a_load_is_its_levels_set_in_order() {
        let mut rows: Vec<Level> =
            (0..2000u32).map(|i| level(&(1 + i * 7919 % 500).to_string(), &(i % 3).to_string())).collect();
        for is_bid in [true, false] {
            let (mut one, mut all) = (Side::new(is_bid), Side::new(is_bid));
            for row in &rows {
                one.set(*row);
            }
            all.load(&mut rows.clone());
            assert_eq!(texts(&one), texts(&all));
            assert!(one.iter().zip(all.iter()).all(|(a, b)| a.size.units == b.size.units));
        }
        rows.clear();
    }

    #[test]
    fn trimming_forgets_the_worst() {
        let mut bids = Side::new(true);
        for i in 1..=5000 {
            bids.set(level(&i.to_string(), "1"));
            bids.trim(3);
        }
        assert_eq!(texts(&bids), ["5000", "4999", "4998"]);
        assert_eq!(bids.set(level("4997", "0")), usize::MAX);
        assert_eq!(bids.behind(4999 * crate::number::ONE).count(), 1);
        assert_eq!(bids.size_at(4997 * crate::number::ONE), 0);
    }
}
