//! Sealed rows of the window: about a thousand, packed, with the bounds of their stamps.

use crate::number::power;
use crate::pack::{GROUP, PADDING, Unpack, pack, weight};

/// Rows of a full block.
pub const ROWS: usize = 1024;
/// Bytes counted for a block beside its columns: itself, its counts of references, its place in the window.
pub const HEAD: usize = 104;

const COLUMNS: usize = 6;
const RECEIVED: usize = 0;
const EVENT: usize = 1;
const BID: usize = 2;
const ASK: usize = 4;

/// A column of prices or sizes, as the window has it.
pub enum Source<'a> {
    /// Each fits 64 bits.
    Narrow(&'a [i64]),
    /// At least one did not.
    Wide(&'a [i128]),
}

/// Rows that do not change any more.
///
/// Stamps are packed in units of 1, 10³, 10⁶ or 10⁹ ns, event times as what they are before the receive stamp where that
/// packs better. Prices and sizes are packed at the fewest places that all rows of the block need, both prices at the
/// same and the ask as what it is above the bid. A column with a value beyond 64 bits is 16 bytes a row.
#[derive(Debug)]
pub struct Block {
    rows: u16,
    ordered: bool,
    relative: bool,
    spread: bool,
    wide: [bool; 4],
    exponents: [u8; 2],
    places: [u8; 4],
    first: i64,
    bounds: (i64, i64),
    begins: [u32; COLUMNS],
    bytes: Box<[u8]>,
}

enum Tight {
    Narrow(Vec<i64>, u32),
    Wide(Vec<i128>, u32),
}

impl Block {
    /// Seal 1 to `ROWS` rows of `times` (received, event) and `prices` (bid, bid size, ask, ask size) at these places.
    pub fn seal(times: [&[i64]; 2], prices: [Source<'_>; 4], places: [u32; 4]) -> Self {
        let received = times[RECEIVED];
        let exponents = times.map(exponent);
        let mut block = Block {
            rows: received.len() as u16,
            ordered: received.is_sorted(),
            relative: false,
            spread: false,
            wide: [false; 4],
            exponents: exponents.map(|exponent| exponent as u8),
            places: [0; 4],
            first: received[0],
            bounds: received.iter().fold((i64::MAX, i64::MIN), |(low, high), at| (low.min(*at), high.max(*at))),
            begins: [0; COLUMNS],
            bytes: Box::default(),
        };
        let mut out = Vec::with_capacity(8 * received.len());
        pack(&reduced(received, exponents[RECEIVED]), &mut out);
        block.begins[EVENT] = out.len() as u32;
        let own = reduced(times[EVENT], exponents[EVENT]);
        let before = relative(received, &own, exponents[EVENT]);
        block.relative = weight(before.iter().copied()) < weight(own.iter().copied());
        pack(if block.relative { &before } else { &own }, &mut out);
        block.seal_prices(prices, places, &mut out);
        out.extend_from_slice(&[0; PADDING]);
        block.bytes = out.into_boxed_slice();
        block
    }

    fn seal_prices(&mut self, prices: [Source<'_>; 4], places: [u32; 4], out: &mut Vec<u8>) {
        let mut index = 0;
        let mut columns = prices.map(|source| {
            index += 1;
            tight(source, places[index - 1])
        });
        self.spread = spread(&mut columns);
        for (index, column) in columns.iter().enumerate() {
            self.begins[BID + index] = out.len() as u32;
            match column {
                Tight::Narrow(values, places) => {
                    self.places[index] = *places as u8;
                    pack(values, out);
                }
                Tight::Wide(values, places) => {
                    (self.places[index], self.wide[index]) = (*places as u8, true);
                    out.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                }
            }
        }
    }

    /// Rows.
    #[inline]
    pub fn rows(&self) -> usize {
        self.rows as usize
    }

    /// Bytes of memory, the share of the window that holds it included.
    #[inline]
    pub fn size(&self) -> usize {
        HEAD + self.bytes.len()
    }

    /// The receive stamp of the first row.
    #[inline]
    pub fn first(&self) -> i64 {
        self.first
    }

    /// Least and greatest receive stamp.
    #[inline]
    pub fn bounds(&self) -> (i64, i64) {
        self.bounds
    }

    /// Whether receive stamps never fall.
    #[inline]
    pub fn is_ordered(&self) -> bool {
        self.ordered
    }

    /// Decimal places of the values that `each` and `wide` give; 0 for stamps.
    #[inline]
    pub fn places(&self, column: usize) -> u32 {
        if column < BID { 0 } else { self.places[column - BID] as u32 }
    }

    /// The values of a column that has at least one beyond 64 bits; None for another.
    pub fn wide(&self, column: usize) -> Option<Vec<i128>> {
        if column < BID || !self.wide[column - BID] {
            return None;
        }
        let begin = self.begins[column] as usize;
        let values = self.bytes[begin..begin + 16 * self.rows()].chunks_exact(16);
        Some(values.map(|value| i128::from_le_bytes(value.try_into().unwrap_or_default())).collect())
    }

    /// Calls `take` with the values of a column that is not wide, some at a time, in their order.
    #[inline]
    pub fn each(&self, column: usize, mut take: impl FnMut(&[i64])) {
        let exponent = if column < BID { self.exponents[column] as u32 } else { 0 };
        match column {
            EVENT if self.relative => match exponent {
                0 => self.event::<1>(take),
                3 => self.event::<1_000>(take),
                6 => self.event::<1_000_000>(take),
                _ => self.event::<1_000_000_000>(take),
            },
            ASK if self.spread => self.both(BID, ASK, |bid, above| bid.wrapping_add(above), take),
            _ if exponent > 0 => {
                let unit = power(exponent) as i64;
                self.one(column, |values| {
                    for value in values.iter_mut() {
                        *value = value.wrapping_mul(unit);
                    }
                    take(values);
                });
            }
            _ => self.one(column, |values| take(values)),
        }
    }

    /// Event times in units of so many nanoseconds; division by a constant takes a tenth of the time.
    fn event<const UNIT: i64>(&self, take: impl FnMut(&[i64])) {
        let unit = power(self.exponents[RECEIVED] as u32) as i64;
        let whole = |at: i64| match u64::try_from(at) {
            Ok(at) => (at / UNIT as u64) as i64,
            Err(_) => at.div_euclid(UNIT),
        };
        let join = |at: i64, before| whole(at.wrapping_mul(unit)).wrapping_sub(before).wrapping_mul(UNIT);
        self.both(RECEIVED, EVENT, join, take);
    }

    #[inline]
    fn column(&self, column: usize) -> Unpack<'_> {
        Unpack::new(&self.bytes[self.begins[column] as usize..], self.rows())
    }

    #[inline]
    fn one(&self, column: usize, mut take: impl FnMut(&mut [i64])) {
        let (mut reader, mut values) = (self.column(column), [0; GROUP]);
        for _ in 0..self.rows().div_ceil(GROUP) {
            let count = reader.next(&mut values);
            take(&mut values[..count]);
        }
    }

    #[inline]
    fn both(&self, one: usize, other: usize, join: impl Fn(i64, i64) -> i64, mut take: impl FnMut(&[i64])) {
        let (mut reader, mut beside) = (self.column(other), [0; GROUP]);
        self.one(one, |values| {
            reader.next(&mut beside);
            for (value, other) in values.iter_mut().zip(&beside) {
                *value = join(*value, *other);
            }
            take(values);
        });
    }
}

/// The largest of 9, 6, 3, 0 so that each stamp is a multiple of ten to its power.
fn exponent(times: &[i64]) -> u32 {
    let multiples = |unit: i64| times.iter().all(|at| at % unit == 0);
    if !multiples(1_000) {
        return 0;
    }
    if multiples(1_000_000_000) {
        9
    } else if multiples(1_000_000) {
        6
    } else {
        3
    }
}

fn reduced(times: &[i64], exponent: u32) -> Vec<i64> {
    let unit = power(exponent) as i64;
    if exponent == 0 { times.to_vec() } else { times.iter().map(|at| at / unit).collect() }
}

/// Whole units between the event and its receive stamp.
fn relative(received: &[i64], event: &[i64], exponent: u32) -> Vec<i64> {
    let unit = power(exponent) as i64;
    received.iter().zip(event).map(|(at, event)| at.div_euclid(unit).wrapping_sub(*event)).collect()
}

/// The values at the fewest places, in 64 bits if all fit.
fn tight(source: Source<'_>, places: u32) -> Tight {
    match source {
        Source::Narrow(values) => {
            let mut zeros = places;
            for value in values {
                while value % power(zeros) as i64 != 0 {
                    zeros -= 1;
                }
                if zeros == 0 {
                    return Tight::Narrow(values.to_vec(), places);
                }
            }
            let unit = power(zeros) as i64;
            Tight::Narrow(values.iter().map(|value| value / unit).collect(), places - zeros)
        }
        Source::Wide(values) => {
            let mut zeros = places;
            for value in values {
                while value % power(zeros) as i128 != 0 {
                    zeros -= 1;
                }
            }
            let values: Vec<i128> = values.iter().map(|value| value / power(zeros) as i128).collect();
            match values.iter().map(|value| i64::try_from(*value)).collect() {
                Ok(narrow) => Tight::Narrow(narrow, places - zeros),
                Err(_) => Tight::Wide(values, places - zeros),
            }
        }
    }
}

/// Turn asks into what they are above the bid, both at the same places; false, and nothing done, where one is wide.
fn spread(columns: &mut [Tight; 4]) -> bool {
    let [Tight::Narrow(bids, of_bids), _, Tight::Narrow(asks, of_asks), _] = columns else {
        return false;
    };
    let places = *of_bids.max(of_asks);
    let (Some(finer_bids), Some(finer_asks)) = (finer(bids, places - *of_bids), finer(asks, places - *of_asks)) else {
        return false;
    };
    (*bids, *of_bids, *of_asks) = (finer_bids, places, places);
    *asks = finer_asks.iter().zip(&*bids).map(|(ask, bid)| ask.wrapping_sub(*bid)).collect();
    true
}

fn finer(values: &[i64], places: u32) -> Option<Vec<i64>> {
    if places == 0 {
        return Some(values.to_vec());
    }
    values.iter().map(|value| value.checked_mul(power(places) as i64)).collect()
}
