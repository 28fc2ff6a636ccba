//! The tops of the last day: the newest in columns that can be handed out without a copy, older ones in sealed blocks.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::block::{Block, ROWS, Source};
use crate::book::Top;
use crate::number::{SCALE, places_needed, power};
use crate::selection::{Hot, Rows, Selection, decoded};

const SLACK: usize = 4096;
/// Bytes counted for a row that is not sealed.
const FLAT: usize = 48;

/// Names of the columns, in their order.
pub const COLUMNS: [&str; 6] = ["received_at", "event_time", "bid", "bid_size", "ask", "ask_size"];

#[derive(Debug)]
enum Values {
    Narrow(Arc<Vec<i64>>),
    Wide(Vec<i128>),
}

/// Values in units of ten to the power of minus `places`.
#[derive(Debug)]
struct Scaled {
    values: Values,
    places: u32,
    /// The units pushed last and what they became, since most tops change one column of four.
    last: (i128, i64),
}

/// Rows of tops in the order of their pushes: sealed blocks, then flat columns.
///
/// Flat rows before `start` have left and are not yet removed. A vector that was handed out and is still held is copied
/// before it changes (once, at the next push), so a reader's column never changes and never dangles.
#[derive(Debug)]
pub struct Window {
    span: i64,
    hot: i64,
    max_bytes: Option<usize>,
    blocks: VecDeque<Arc<Block>>,
    /// Rows and bytes of all blocks, and how many rows of the first have left.
    cold: (usize, usize),
    skip: usize,
    /// Receive stamps of the first block, once one of its rows has left, and that of its first row kept.
    front: Vec<i64>,
    front_at: i64,
    times: [Arc<Vec<i64>>; 2],
    prices: [Scaled; 4],
    start: usize,
    ordered: bool,
    newest: i64,
    /// The newest receive stamp that had to leave for want of memory.
    dropped: Option<i64>,
}

impl Window {
    /// An empty window that keeps rows for `span` nanoseconds, flat for the last `hot` of them, in about `max_bytes`.
    pub fn new(span: i64, hot: i64, max_bytes: Option<usize>) -> Self {
        let scaled = || Scaled { values: Values::Narrow(Arc::default()), places: 0, last: (0, 0) };
        Window {
            span,
            hot,
            max_bytes,
            blocks: VecDeque::new(),
            cold: (0, 0),
            skip: 0,
            front: Vec::new(),
            front_at: i64::MAX,
            times: [Arc::default(), Arc::default()],
            prices: [scaled(), scaled(), scaled(), scaled()],
            start: 0,
            ordered: true,
            newest: 0,
            dropped: None,
        }
    }

    /// Nanoseconds kept.
    pub fn span(&self) -> i64 {
        self.span
    }

    /// Nanoseconds kept flat.
    pub fn hot(&self) -> i64 {
        self.hot
    }

    /// The bound of `size`.
    pub fn max_bytes(&self) -> Option<usize> {
        self.max_bytes
    }

    /// Rows kept.
    #[inline]
    pub fn len(&self) -> usize {
        self.sealed() + self.flat()
    }

    /// Whether no row is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows kept in sealed blocks.
    #[inline]
    pub fn sealed(&self) -> usize {
        self.cold.0 - self.skip
    }

    #[inline]
    fn flat(&self) -> usize {
        self.times[0].len() - self.start
    }

    /// Bytes of the blocks, and 48 for each flat row.
    #[inline]
    pub fn size(&self) -> usize {
        self.cold.1 + FLAT * self.flat()
    }

    /// The receive stamp of the first row.
    pub fn oldest(&self) -> Option<i64> {
        if self.blocks.is_empty() { self.times[0].get(self.start).copied() } else { Some(self.front_at) }
    }

    /// Nanoseconds from the first row to the newest push, if rows of the span had to leave for want of memory.
    pub fn shortened_to(&self) -> Option<i64> {
        self.dropped.filter(|at| *at > self.newest.saturating_sub(self.span))?;
        Some(self.oldest().map_or(0, |oldest| self.newest.saturating_sub(oldest)))
    }

    /// Append a top, and let leave from the front what is older than the span or beyond the bound.
    #[inline]
    pub fn push(&mut self, top: &Top) {
        self.append([top.received_at, top.event_time], top.units().map(Option::unwrap_or_default));
    }

    /// The same of stamps and units; 0 for an empty side.
    #[inline]
    pub fn append(&mut self, times: [i64; 2], units: [i128; 4]) {
        for (i, units) in units.into_iter().enumerate() {
            if !self.prices[i].push(units) {
                self.compact();
                self.prices[i].fit(units);
            }
        }
        self.ordered &= self.times[0].last().is_none_or(|last| *last <= times[0]);
        for (column, time) in self.times.iter_mut().zip(times) {
            Arc::make_mut(column).push(time);
        }
        self.newest = times[0];
        let oldest = self.newest.saturating_sub(self.span);
        if self.front_at <= oldest {
            self.leave(oldest);
        }
        if self.blocks.is_empty() {
            while self.times[0].get(self.start).is_some_and(|at| *at <= oldest) {
                self.start += 1;
            }
        }
        if self.flat() >= ROWS && self.may_seal() {
            self.seal_first(ROWS);
        }
        self.bound();
        if self.start > SLACK.max(self.flat()) {
            self.compact();
        }
    }

    /// At least so many places for each column of prices and sizes, up to 12, as if a value had needed them.
    pub fn at_least(&mut self, places: [u32; 4]) {
        self.compact();
        for (scaled, places) in self.prices.iter_mut().zip(places) {
            scaled.rescale(places.min(SCALE), None);
        }
    }

    /// Seal every row now: for a measurement, or a window that nothing is pushed to any more.
    pub fn seal(&mut self) {
        while self.flat() > 0 {
            self.seal_first(self.flat().min(ROWS));
        }
        self.bound();
        self.compact();
    }

    /// The rows of a column with since <= received_at < until; None if there is no such column.
    pub fn select(&self, name: &str, since: i64, until: i64) -> Option<Selection> {
        let cold = self.blocks.iter().enumerate().filter_map(|(index, block)| {
            let (low, high) = block.bounds();
            let skip = if index == 0 { self.skip } else { 0 };
            let rows = match (low >= since && high < until, high < since || low >= until) {
                (_, true) => return None,
                (true, _) => Rows::Run(skip..block.rows()),
                _ => within(&decoded(block, 0), skip, block.is_ordered(), since, until),
            };
            Some((block, rows))
        });
        let hot = within(&self.times[0], self.start, self.ordered, since, until);
        self.selection(name, cold, hot)
    }

    /// The rows of a column from one position, counted from the first row kept, to another.
    pub fn slice(&self, name: &str, begin: usize, end: usize) -> Option<Selection> {
        let (begin, end) = (begin.saturating_add(self.skip), end.saturating_add(self.skip));
        let mut before = 0;
        let cold = self.blocks.iter().map(move |block| {
            let of_block = |position: usize| position.clamp(before, before + block.rows()) - before;
            let rows = of_block(begin)..of_block(end);
            before += block.rows();
            (block, Rows::Run(rows))
        });
        let of_flat = |position: usize| self.start + position.saturating_sub(self.cold.0).min(self.flat());
        let begun = of_flat(begin);
        self.selection(name, cold, Rows::Run(begun..of_flat(end).max(begun)))
    }

    fn selection<'a>(
        &self,
        name: &str,
        cold: impl Iterator<Item = (&'a Arc<Block>, Rows)>,
        rows: Rows,
    ) -> Option<Selection> {
        let column = COLUMNS.iter().position(|column| *column == name)?;
        let (hot, places) = if column < 2 {
            (Hot::Narrow(self.times[column].clone(), rows), 0)
        } else {
            let scaled = &self.prices[column - 2];
            let hot = match &scaled.values {
                Values::Narrow(values) => Hot::Narrow(values.clone(), rows),
                Values::Wide(values) => Hot::Wide(rows.iter().map(|row| values[row]).collect()),
            };
            (hot, scaled.places)
        };
        let cold = cold.filter(|(_, rows)| !rows.is_empty()).map(|(block, rows)| (block.clone(), rows)).collect();
        Some(Selection { column, places, cold, hot })
    }

    /// Whether the first thousand flat rows are old enough, or too many to be kept flat.
    #[inline]
    fn may_seal(&self) -> bool {
        self.times[0][self.start + ROWS - 1] <= self.newest.saturating_sub(self.hot)
            || self.max_bytes.is_some_and(|most| FLAT * self.flat() > most / 2)
    }

    #[cold]
    fn seal_first(&mut self, count: usize) {
        let rows = self.start..self.start + count;
        let [bid, bid_size, ask, ask_size] = &self.prices;
        let sources = [bid, bid_size, ask, ask_size].map(|scaled| match &scaled.values {
            Values::Narrow(values) => Source::Narrow(&values[rows.clone()]),
            Values::Wide(values) => Source::Wide(&values[rows.clone()]),
        });
        let times = [&self.times[0][rows.clone()], &self.times[1][rows.clone()]];
        let block = Block::seal(times, sources, [bid.places, bid_size.places, ask.places, ask_size.places]);
        if self.blocks.is_empty() {
            self.front_at = block.first();
        }
        self.cold = (self.cold.0 + count, self.cold.1 + block.size());
        self.blocks.push_back(Arc::new(block));
        self.start += count;
    }

    /// Rows of the first blocks up to `oldest` leave, in their order, until one is younger.
    #[cold]
    fn leave(&mut self, oldest: i64) {
        while let Some(block) = self.blocks.front() {
            if block.bounds().1 <= oldest {
                self.drop_block();
                continue;
            }
            if self.front.is_empty() {
                self.front = decoded(block, 0);
            }
            while self.front[self.skip] <= oldest {
                self.skip += 1;
            }
            self.front_at = self.front[self.skip];
            return;
        }
    }

    /// The oldest blocks leave while the bound is exceeded.
    #[inline]
    fn bound(&mut self) {
        let Some(most) = self.max_bytes else { return };
        while self.size() > most && !self.blocks.is_empty() {
            let last = self.blocks[0].bounds().1;
            self.dropped = Some(self.dropped.map_or(last, |at| at.max(last)));
            self.drop_block();
        }
    }

    fn drop_block(&mut self) {
        if let Some(block) = self.blocks.pop_front() {
            self.cold = (self.cold.0 - block.rows(), self.cold.1 - block.size());
        }
        self.skip = 0;
        self.front.clear();
        self.front_at = self.blocks.front().map_or(i64::MAX, |block| block.first());
    }

    /// Remove for good the flat rows that have left.
    fn compact(&mut self) {
        let start = std::mem::take(&mut self.start);
        for times in &mut self.times {
            remove_front(times, start);
        }
        for scaled in &mut self.prices {
            match &mut scaled.values {
                Values::Narrow(values) => remove_front(values, start),
                Values::Wide(values) => drop(values.drain(..start.min(values.len()))),
            }
        }
        self.ordered = self.times[0].is_sorted();
    }
}

/// The rows from `start` on with since <= time < until.
fn within(times: &[i64], start: usize, ordered: bool, since: i64, until: i64) -> Rows {
    if !ordered {
        return Rows::Picked((start..times.len()).filter(|row| (since..until).contains(&times[*row])).collect());
    }
    let first = |bound: i64| start + times[start..].partition_point(|at| *at < bound);
    let begin = first(since);
    Rows::Run(begin..first(until).max(begin))
}

fn remove_front(values: &mut Arc<Vec<i64>>, count: usize) {
    match Arc::get_mut(values) {
        Some(values) => drop(values.drain(..count)),
        None => *values = Arc::new(values[count..].to_vec()),
    }
}

impl Scaled {
    /// False if the value needs more places or more bits than the column has; then nothing is done.
    #[inline]
    fn push(&mut self, units: i128) -> bool {
        let divisor = power(SCALE - self.places);
        match &mut self.values {
            Values::Narrow(values) => {
                let scaled = match u64::try_from(units) {
                    Ok(_) if units == self.last.0 => Some(self.last.1),
                    Ok(units) if units % divisor == 0 => i64::try_from(units / divisor).ok(),
                    Ok(_) => None,
                    Err(_) if units % divisor as i128 == 0 => i64::try_from(units / divisor as i128).ok(),
                    Err(_) => None,
                };
                if let Some(scaled) = scaled {
                    self.last = (units, scaled);
                    Arc::make_mut(values).push(scaled);
                }
                scaled.is_some()
            }
            Values::Wide(values) => {
                let fits = units % divisor as i128 == 0;
                if fits {
                    values.push(units / divisor as i128);
                }
                fits
            }
        }
    }

    /// Give the column the places and bits that a value needs, and push it.
    #[cold]
    fn fit(&mut self, units: i128) {
        self.rescale(places_needed(units), Some(units));
    }

    /// The same for at least so many places, with a value to push or none.
    fn rescale(&mut self, places: u32, units: Option<i128>) {
        let places = self.places.max(places);
        let factor = power(places - self.places) as i128;
        let mut wide: Vec<i128> = match &self.values {
            Values::Narrow(values) => values.iter().map(|value| *value as i128 * factor).collect(),
            Values::Wide(values) => values.iter().map(|value| value * factor).collect(),
        };
        wide.extend(units.map(|units| units / power(SCALE - places) as i128));
        self.places = places;
        self.last = (0, 0);
        let narrow: Result<Vec<i64>, _> = wide.iter().map(|value| i64::try_from(*value)).collect();
        self.values = match narrow {
            Ok(narrow) if matches!(self.values, Values::Narrow(_)) => Values::Narrow(Arc::new(narrow)),
            _ => Values::Wide(wide),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::levels::Level;
    use crate::number::Number;
    use crate::selection::Column;

    fn top(at: i64, bid: &str) -> Top {
        let number = |text: &str| Number::parse(text.as_bytes()).unwrap();
        let level = Level { price: number(bid), size: number("1") };
        Top { bid: Some(level), ask: None, version: 0, event_time: at - 1, received_at: at }
    }

    fn bids(window: &Window, since: i64, until: i64) -> (Vec<i128>, u32) {
        let selection = window.select("bid", since, until).unwrap();
        let places = selection.places;
        let values = match selection.column() {
            Column::Shared(values, rows) => values[rows].iter().map(|v| *v as i128).collect(),
            Column::Picked(values) => values.iter().map(|v| *v as i128).collect(),
            Column::Wide(values) => values,
        };
        (values, places)
    }

    #[test]
    fn a_finer_value_rescales_and_a_large_one_widens() {
        let mut window = Window::new(1000, 1000, None);
        window.push(&top(1, "5"));
        window.push(&top(2, "5.25"));
        assert_eq!(bids(&window, 0, 10), (vec![500, 525], 2));
        window.push(&top(3, "100000000000000000000"));
        assert_eq!(bids(&window, 0, 10), (vec![500, 525, 10_000_000_000_000_000_000_000], 2));
        assert_eq!(bids(&window, 2, 3), (vec![525], 2));
        window.push(&top(4, "0.125"));
        assert_eq!(bids(&window, 4, 5), (vec![125], 3));
        assert!(window.select("last", 0, 1).is_none());
    }

    #[test]
    fn rows_leave_at_the_front_and_a_held_column_stays() {
        let mut window = Window::new(10_000, 10_000, None);
        window.push(&top(0, "1"));
        let held = window.select("bid", 0, 1).unwrap().column();
        for at in 1..100_000 {
            window.push(&top(at, "2"));
            assert!(window.times[0].len() <= 10_000 + 10_002);
        }
        assert_eq!(window.len(), 10_000);
        assert_eq!(bids(&window, 0, 90_001).0.len(), 1);
        assert!(matches!(held, Column::Shared(values, rows) if values[rows.clone()] == [1]));
    }

    #[test]
    fn stamps_out_of_order_are_still_found() {
        let mut window = Window::new(100, 100, None);
        for (at, bid) in [(5, "1"), (3, "2"), (4, "3")] {
            window.push(&top(at, bid));
        }
        assert_eq!(bids(&window, 4, 6).0, [1, 3]);
    }

    /// Tops with gaps, dust, empty sides, wide values and stamps out of order; the same in each run.
    fn drawn(count: usize) -> Vec<([i64; 2], [i128; 4])> {
        let mut state = 7u64;
        let mut next = move |below: u64| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        let mut at = 1_700_000_000_000_000_000;
        let mut rows = Vec::new();
        for row in 0..count {
            at += next(2_000_000) as i64;
            let late = if next(500) == 0 { 3_000_000 } else { 0 };
            let event = if next(9) == 0 { 0 } else { at / 1_000_000 * 1_000_000 - 5_000_000 };
            let bid = (6_000_000 + next(30) as i128) * 10_000_000_000;
            let ask = if next(100) == 0 { 0 } else { bid + (1 + next(3) as i128) * 10_000_000_000 };
            let size = if row % 3000 == 2999 { 1 << 90 } else { next(1000) as i128 * 10_000_000 };
            rows.push(([at - late, event], [bid, size, ask, (row % 700 == 0) as i128 + 1_000_000]));
        }
        rows
    }

    fn all(window: &Window) -> Vec<Vec<i128>> {
        let values = |name: &&str| {
            let selection = window.slice(name, 0, usize::MAX).unwrap();
            let unit = if selection.column < 2 { 1 } else { power(SCALE - selection.places) as i128 };
            let values: Vec<i128> = match selection.column() {
                Column::Shared(values, rows) => values[rows].iter().map(|v| *v as i128).collect(),
                Column::Picked(values) => values.iter().map(|v| *v as i128).collect(),
                Column::Wide(values) => values,
            };
            values.iter().map(|value| value * unit).collect()
        };
        COLUMNS.iter().map(values).collect()
    }

    #[test]
    fn every_row_comes_back_from_blocks() {
        let rows = drawn(10_000);
        for hot in [0, 300_000_000, i64::MAX] {
            let mut window = Window::new(i64::MAX, hot, None);
            rows.iter().for_each(|(times, units)| window.append(*times, *units));
            assert_eq!(window.sealed() > 0, hot < i64::MAX);
            let found = all(&window);
            for (row, (times, units)) in rows.iter().enumerate() {
                let expected = [times[0] as i128, times[1] as i128, units[0], units[1], units[2], units[3]];
                assert_eq!(found.iter().map(|column| column[row]).collect::<Vec<_>>(), expected, "row {row}");
            }
            window.seal();
            assert_eq!((window.sealed(), all(&window)), (10_000, found));
        }
    }

    #[test]
    fn a_bound_shortens_and_says_so() {
        let hour = 3_600_000_000_000;
        let mut window = Window::new(hour, 0, Some(100_000));
        for (times, units) in drawn(30_000) {
            window.append(times, units);
            assert!(window.size() <= 100_000);
        }
        assert!(window.len() > 5_000 && window.len() < 30_000);
        let oldest = window.oldest().unwrap();
        assert_eq!(window.shortened_to(), Some(window.newest - oldest));
        assert_eq!(all(&window)[0][0], oldest as i128);
        window.append([window.newest + 2 * hour, 0], [0; 4]);
        assert_eq!((window.len(), window.shortened_to()), (1, None));
    }

    #[test]
    fn extents_leave_empty_sides_out() {
        let mut window = Window::new(i64::MAX, 0, None);
        let rows = drawn(5_000);
        rows.iter().for_each(|(times, units)| window.append(*times, *units));
        for (index, name) in COLUMNS.iter().enumerate() {
            let selection = window.select(name, i64::MIN, i64::MAX).unwrap();
            let unit = if index < 2 { 1 } else { power(SCALE - selection.places) as i128 };
            let values =
                rows.iter().map(|(times, units)| if index < 2 { times[index] as i128 } else { units[index - 2] });
            let values: Vec<i128> = values.filter(|value| index < 2 || *value != 0).collect();
            let expected = (*values.iter().min().unwrap(), *values.iter().max().unwrap());
            assert_eq!(selection.extent().map(|(low, high)| (low * unit, high * unit)), Some(expected), "{name}");
        }
        assert_eq!(window.select("ask", 5, 5).unwrap().extent(), None);
    }
}
