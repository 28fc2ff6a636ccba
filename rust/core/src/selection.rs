//! Rows chosen from one column of a window, readable after the window has gone on.

use std::ops::Range;
use std::sync::Arc;

use crate::block::{Block, ROWS};
use crate::number::power;

/// A part of a column.
pub enum Column {
    /// Rows of this range; the vector never changes while somebody holds it.
    Shared(Arc<Vec<i64>>, Range<usize>),
    /// Rows that had to be picked.
    Picked(Vec<i64>),
    /// Rows of which at least one does not fit 64 bits.
    Wide(Vec<i128>),
}

/// Which rows of a block, or of the flat columns.
#[derive(Debug)]
pub enum Rows {
    /// All from one to another.
    Run(Range<usize>),
    /// These, rising.
    Picked(Vec<usize>),
}

impl Rows {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Rows::Run(range) => range.len(),
            Rows::Picked(rows) => rows.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Each, in order.
    pub fn iter(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Rows::Run(range) => Box::new(range.clone()),
            Rows::Picked(rows) => Box::new(rows.iter().copied()),
        }
    }
}

/// The chosen rows that are not sealed.
#[derive(Debug)]
pub enum Hot {
    /// Of a vector that is held.
    Narrow(Arc<Vec<i64>>, Rows),
    /// Of a column that was widened, copied.
    Wide(Vec<i128>),
}

/// The rows; values are given at `places`.
#[derive(Debug)]
pub struct Selection {
    /// The column's index.
    pub column: usize,
    /// Decimal places, the most that the column has needed.
    pub places: u32,
    /// Of sealed blocks.
    pub cold: Vec<(Arc<Block>, Rows)>,
    /// Behind them.
    pub hot: Hot,
}

impl Selection {
    /// Whether no block needs to be read.
    pub fn is_hot(&self) -> bool {
        self.cold.is_empty()
    }

    /// The values in the order in which they were pushed.
    pub fn column(self) -> Column {
        match (self.cold.is_empty(), self.hot) {
            (true, Hot::Narrow(values, Rows::Run(range))) => Column::Shared(values, range),
            (_, hot) => {
                let whole = Selection { hot, ..self };
                match whole.narrow() {
                    Some(values) => Column::Picked(values),
                    None => Column::Wide(whole.wide()),
                }
            }
        }
    }

    /// Least and greatest value; of prices and sizes only where the side was not empty. None without such a row.
    pub fn extent(&self) -> Option<(i128, i128)> {
        let mut extent = Extent::new(self.column > 1);
        for (block, rows) in &self.cold {
            let (above, below) = factors(self.places, block.places(self.column));
            let mut part = Extent::new(self.column > 1);
            match (block.wide(self.column), rows) {
                (Some(values), rows) => rows.iter().for_each(|row| part.wide(values[row])),
                (None, Rows::Run(range)) if range.len() == block.rows() => {
                    block.each(self.column, |values| part.narrow(values));
                }
                (None, rows) => {
                    let values = decoded(block, self.column);
                    rows.iter().for_each(|row| part.narrow(&values[row..row + 1]));
                }
            }
            part.told().into_iter().for_each(|(low, high)| {
                extent.wide(low * above as i128 / below as i128);
                extent.wide(high * above as i128 / below as i128);
            });
        }
        match &self.hot {
            Hot::Narrow(values, Rows::Run(range)) => extent.narrow(&values[range.clone()]),
            Hot::Narrow(values, rows) => rows.iter().for_each(|row| extent.narrow(&values[row..row + 1])),
            Hot::Wide(values) => values.iter().for_each(|value| extent.wide(*value)),
        }
        extent.told()
    }

    fn len(&self) -> usize {
        let hot = match &self.hot {
            Hot::Narrow(_, rows) => rows.len(),
            Hot::Wide(values) => values.len(),
        };
        hot + self.cold.iter().map(|(_, rows)| rows.len()).sum::<usize>()
    }

    /// None if a value does not fit 64 bits.
    fn narrow(&self) -> Option<Vec<i64>> {
        let mut found = Vec::with_capacity(self.len());
        for (block, rows) in &self.cold {
            let begin = found.len();
            match (block.wide(self.column), rows) {
                (Some(values), rows) => {
                    let (above, below) = factors(self.places, block.places(self.column));
                    for row in rows.iter() {
                        found.push(i64::try_from(values[row] * above as i128 / below as i128).ok()?);
                    }
                    continue;
                }
                (None, Rows::Run(range)) if range.len() == block.rows() => {
                    block.each(self.column, |values| found.extend_from_slice(values));
                }
                (None, rows) => {
                    let values = decoded(block, self.column);
                    found.extend(rows.iter().map(|row| values[row]));
                }
            }
            scale(&mut found[begin..], factors(self.places, block.places(self.column)))?;
        }
        match &self.hot {
            Hot::Narrow(values, Rows::Run(range)) => found.extend_from_slice(&values[range.clone()]),
            Hot::Narrow(values, rows) => found.extend(rows.iter().map(|row| values[row])),
            Hot::Wide(values) => {
                for value in values {
                    found.push(i64::try_from(*value).ok()?);
                }
            }
        }
        Some(found)
    }

    fn wide(&self) -> Vec<i128> {
        let mut found = Vec::with_capacity(self.len());
        for (block, rows) in &self.cold {
            let values = block
                .wide(self.column)
                .unwrap_or_else(|| decoded(block, self.column).iter().map(|value| *value as i128).collect());
            let (above, below) = factors(self.places, block.places(self.column));
            found.extend(rows.iter().map(|row| values[row] * above as i128 / below as i128));
        }
        match &self.hot {
            Hot::Narrow(values, rows) => found.extend(rows.iter().map(|row| values[row] as i128)),
            Hot::Wide(values) => found.extend_from_slice(values),
        }
        found
    }
}

/// All values of a column of a block that is not wide there.
pub fn decoded(block: &Block, column: usize) -> Vec<i64> {
    let mut values = Vec::with_capacity(ROWS);
    block.each(column, |group| values.extend_from_slice(group));
    values
}

/// What a value at the block's places is multiplied with and divided by; both exact.
fn factors(places: u32, of_block: u32) -> (u64, u64) {
    (power(places.saturating_sub(of_block)), power(of_block.saturating_sub(places)))
}

fn scale(values: &mut [i64], (above, below): (u64, u64)) -> Option<()> {
    if below > 1 {
        values.iter_mut().for_each(|value| *value /= below as i64);
    }
    if above > 1 {
        for value in values {
            *value = value.checked_mul(above as i64)?;
        }
    }
    Some(())
}

struct Extent {
    but_zero: bool,
    low: i128,
    high: i128,
}

impl Extent {
    fn new(but_zero: bool) -> Self {
        Extent { but_zero, low: i128::MAX, high: i128::MIN }
    }

    /// Four at a time, since each comparison waits for the last of its own four.
    #[inline]
    fn narrow(&mut self, values: &[i64]) {
        // of a column at or above zero, where zero does not count: zero less one is the greatest unsigned number
        let turn = if self.but_zero { 1 } else { 1 << 63 };
        let (mut low, mut high) = ([u64::MAX; 4], [i64::MIN; 4]);
        let mut fours = values.chunks_exact(4);
        for four in &mut fours {
            for lane in 0..4 {
                low[lane] = low[lane].min((four[lane] as u64).wrapping_sub(turn));
                high[lane] = high[lane].max(four[lane]);
            }
        }
        for value in fours.remainder() {
            (low[0], high[0]) = (low[0].min((*value as u64).wrapping_sub(turn)), high[0].max(*value));
        }
        let low = low.into_iter().fold(u64::MAX, u64::min).wrapping_add(turn) as i64;
        let high = high.into_iter().fold(i64::MIN, i64::max);
        if !values.is_empty() && (high > 0 || !self.but_zero) {
            (self.low, self.high) = (self.low.min(low as i128), self.high.max(high as i128));
        }
    }

    #[inline]
    fn wide(&mut self, value: i128) {
        if !self.but_zero || value != 0 {
            (self.low, self.high) = (self.low.min(value), self.high.max(value));
        }
    }

    fn told(&self) -> Option<(i128, i128)> {
        (self.low <= self.high).then_some((self.low, self.high))
    }
}
