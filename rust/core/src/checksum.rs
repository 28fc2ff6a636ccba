//! The CRC-32 that venues send of the best levels or orders; docs/checksums.md says which, `core/checksum.py` how.

use crate::crc::{crc32, crc32_after};
use crate::ids::Id;
use crate::number::Number;
use crate::side::Side;

/// What the text is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Mantissas of price and size, asks, then bids.
    Mantissas,
    /// `price:size` of a bid, of an ask, …, as written.
    Interleaved,
    /// The same with an ask's size negative and numbers as JavaScript prints them.
    InterleavedSigned,
    /// Mantissas order by order, asks, then bids; the cover counts prices.
    OrderMantissas,
    /// `id:size` of a bid, of an ask, …, an ask's size negative; the cover counts orders.
    OrderIdsSigned,
}

impl Rule {
    /// A rule for levels by its name in `SyncRule.checksum`.
    pub fn of_levels(name: &str) -> Option<Rule> {
        match name {
            "crc_mantissas" => Some(Rule::Mantissas),
            "crc_interleaved" => Some(Rule::Interleaved),
            "crc_interleaved_signed" => Some(Rule::InterleavedSigned),
            _ => None,
        }
    }

    /// A rule for orders by its name in `SyncRule.checksum`.
    pub fn of_orders(name: &str) -> Option<Rule> {
        match name {
            "crc_order_mantissas" => Some(Rule::OrderMantissas),
            "crc_order_ids_signed" => Some(Rule::OrderIdsSigned),
            _ => None,
        }
    }

    /// Whether asks and bids alternate, with colons between.
    fn alternates(self) -> bool {
        matches!(self, Rule::Interleaved | Rule::InterleavedSigned | Rule::OrderIdsSigned)
    }
}

/// The texts of what is covered on one side, best first, kept up to the first that changed.
#[derive(Debug, Default)]
struct Texts {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Texts {
    #[inline]
    fn changed(&mut self, rank: usize) {
        if rank < self.ends.len() {
            self.ends.truncate(rank);
            self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        }
    }

    /// Append texts up to the cover; `write` appends that of a rank, or says that there is none.
    #[inline]
    fn extend(&mut self, covered: usize, mut write: impl FnMut(usize, &mut Vec<u8>) -> Option<()>) {
        while self.ends.len() < covered && write(self.ends.len(), &mut self.bytes).is_some() {
            self.ends.push(self.bytes.len());
        }
    }

    #[inline]
    fn get(&self, rank: usize) -> Option<&[u8]> {
        let end = *self.ends.get(rank)?;
        let start = if rank == 0 { 0 } else { self.ends[rank - 1] };
        Some(&self.bytes[start..end])
    }
}

/// The checksum of a book, computed where something covered changed since the last time.
///
/// It is a function of what is covered and of nothing else. `changed` is told the least rank that a change touched,
/// and levels before that rank are as they were; so a kept value is the value that computing again would give, and it
/// is compared with the venue's in every frame that brings one.
#[derive(Debug)]
pub struct Checksum {
    rule: Option<Rule>,
    covered: usize,
    asks: Texts,
    bids: Texts,
    joined: Vec<u8>,
    kept: Option<u32>,
}

impl Checksum {
    /// Over the best `covered` of each side.
    pub fn new(rule: Option<Rule>, covered: usize) -> Self {
        let (asks, bids) = (Texts::default(), Texts::default());
        Checksum { rule, covered, asks, bids, joined: Vec::new(), kept: None }
    }

    /// Whether there is a rule.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.rule.is_some()
    }

    /// Whether each number's own text is needed, which one written with an exponent does not have.
    #[inline]
    pub fn as_written(&self) -> bool {
        matches!(self.rule, Some(Rule::Mantissas | Rule::Interleaved | Rule::OrderMantissas))
    }

    /// Levels from this rank on are not what they were; `usize::MAX` if all are.
    #[inline]
    pub fn changed(&mut self, is_bid: bool, rank: usize) {
        if rank < self.covered {
            self.kept = None;
            let rank = if self.rule == Some(Rule::OrderIdsSigned) { 0 } else { rank };
            if is_bid { self.bids.changed(rank) } else { self.asks.changed(rank) }
        }
    }

    /// Nothing is what it was.
    pub fn all_changed(&mut self) {
        self.changed(true, 0);
        self.changed(false, 0);
    }

    /// The checksum of levels now.
    #[inline]
    pub fn of(&mut self, bids: &Side, asks: &Side) -> u32 {
        if let Some(kept) = self.kept {
            return kept;
        }
        let rule = self.rule;
        for (is_bid, side, texts) in [(true, bids, &mut self.bids), (false, asks, &mut self.asks)] {
            texts.extend(self.covered, |rank, out| {
                let level = side.get(rank)?;
                match rule {
                    Some(Rule::Interleaved) => {
                        level.price.push_text(out);
                        out.push(b':');
                        level.size.push_text(out);
                    }
                    Some(Rule::InterleavedSigned) => {
                        level.price.push_javascript(out);
                        push_signed(is_bid, level.size, out);
                    }
                    _ => {
                        level.price.push_mantissa(out);
                        level.size.push_mantissa(out);
                    }
                }
                Some(())
            });
        }
        self.close()
    }

    /// The checksum of orders now; `at` gives those of a side's price of some rank, best first.
    pub fn of_orders<'a, I>(&mut self, at: impl Fn(bool, usize) -> Option<I>) -> u32
    where
        I: Iterator<Item = (&'a Id, Number, Number)>,
    {
        if let Some(kept) = self.kept {
            return kept;
        }
        for (is_bid, texts) in [(true, &mut self.bids), (false, &mut self.asks)] {
            if self.rule == Some(Rule::OrderIdsSigned) {
                texts.changed(0);
                let mut found = first_by_id(self.covered, |rank| at(is_bid, rank)).into_iter();
                texts.extend(self.covered, |_, out| {
                    let (id, size) = found.next()?;
                    out.extend_from_slice(id.as_bytes());
                    push_signed(is_bid, size, out);
                    Some(())
                });
            } else {
                texts.extend(self.covered, |rank, out| {
                    for (_, price, size) in at(is_bid, rank)? {
                        price.push_mantissa(out);
                        size.push_mantissa(out);
                    }
                    Some(())
                });
            }
        }
        self.close()
    }

    #[inline]
    fn close(&mut self) -> u32 {
        let crc = if self.rule.is_some_and(Rule::alternates) {
            self.join();
            crc32(&self.joined)
        } else {
            crc32_after(crc32(&self.asks.bytes), &self.bids.bytes)
        };
        *self.kept.insert(crc)
    }

    #[inline]
    fn join(&mut self) {
        self.joined.clear();
        for rank in 0..self.bids.ends.len().max(self.asks.ends.len()) {
            for text in [self.bids.get(rank), self.asks.get(rank)].into_iter().flatten() {
                if !self.joined.is_empty() {
                    self.joined.push(b':');
                }
                self.joined.extend_from_slice(text);
            }
        }
    }
}

#[inline]
fn push_signed(is_bid: bool, size: Number, out: &mut Vec<u8>) {
    out.extend_from_slice(if is_bid { b":" } else { b":-" });
    size.push_javascript(out);
}

/// The best `covered` orders; of one price in the order of their ids as whole numbers.
fn first_by_id<'a, I>(covered: usize, at: impl Fn(usize) -> Option<I>) -> Vec<(String, Number)>
where
    I: Iterator<Item = (&'a Id, Number, Number)>,
{
    let mut found: Vec<(String, Number)> = Vec::new();
    for orders in (0..).map_while(at) {
        if found.len() >= covered {
            break;
        }
        let begin = found.len();
        found.extend(orders.map(|(id, _, size)| (id.text(), size)));
        found[begin..].sort_by_cached_key(|(id, _)| (id.chars().count(), id.clone()));
    }
    found
}
