//! The tops of the last nanoseconds, in columns that can be handed out without a copy.

use std::ops::Range;
use std::sync::Arc;

use crate::book::Top;
use crate::number::{SCALE, places_needed, power};

const SLACK: usize = 4096;

/// Names of the columns, in their order.
pub const COLUMNS: [&str; 6] = ["received_at", "event_time", "bid", "bid_size", "ask", "ask_size"];

/// A part of a column.
pub enum Column {
    /// Rows of this range; the vector never changes while somebody holds it.
    Shared(Arc<Vec<i64>>, Range<usize>),
    /// Rows that had to be picked.
    Picked(Vec<i64>),
    /// Rows of which at least one does not fit 64 bits.
    Wide(Vec<i128>),
}

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

/// Rows of tops; those before `start` are evicted and not yet removed.
///
/// A vector that was handed out and is still held is copied before it changes (once, at the next push), so a reader's
/// column never changes and never dangles.
#[derive(Debug)]
pub struct Window {
    span: i64,
    times: [Arc<Vec<i64>>; 2],
    prices: [Scaled; 4],
    start: usize,
    ordered: bool,
}

impl Window {
    /// An empty window that keeps rows for `span` nanoseconds.
    pub fn new(span: i64) -> Self {
        let scaled = || Scaled { values: Values::Narrow(Arc::default()), places: 0, last: (0, 0) };
        Window {
            span,
            times: [Arc::default(), Arc::default()],
            prices: [scaled(), scaled(), scaled(), scaled()],
            start: 0,
            ordered: true,
        }
    }

    /// Rows kept.
    #[inline]
    pub fn len(&self) -> usize {
        self.times[0].len() - self.start
    }

    /// Whether no row is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Append a top and evict from the front what is older than the span.
    #[inline]
    pub fn push(&mut self, top: &Top) {
        for (i, units) in top.units().into_iter().enumerate() {
            let units = units.unwrap_or(0);
            if !self.prices[i].push(units) {
                self.compact();
                self.prices[i].fit(units);
            }
        }
        self.ordered &= self.times[0].last().is_none_or(|last| *last <= top.received_at);
        Arc::make_mut(&mut self.times[0]).push(top.received_at);
        Arc::make_mut(&mut self.times[1]).push(top.event_time);
        let oldest = top.received_at.saturating_sub(self.span);
        while self.times[0].get(self.start).is_some_and(|at| *at <= oldest) {
            self.start += 1;
        }
        if self.start > SLACK.max(self.len()) {
            self.compact();
        }
    }

    /// The rows of a column with since <= received_at < until, and their places; None if there is no such column.
    pub fn column(&self, name: &str, since: i64, until: i64) -> Option<(Column, u32)> {
        let index = COLUMNS.iter().position(|column| *column == name)?;
        let rows = self.rows(since, until);
        if index < 2 {
            return Some((share(&self.times[index], rows), 0));
        }
        let scaled = &self.prices[index - 2];
        let column = match &scaled.values {
            Values::Narrow(values) => share(values, rows),
            Values::Wide(values) => {
                let wide: Vec<i128> = rows.iter().map(|row| values[row]).collect();
                match wide.iter().map(|value| i64::try_from(*value)).collect() {
                    Ok(narrow) => Column::Picked(narrow),
                    Err(_) => Column::Wide(wide),
                }
            }
        };
        Some((column, scaled.places))
    }

    fn rows(&self, since: i64, until: i64) -> Rows {
        let times = &self.times[0];
        if !self.ordered {
            return Rows::Picked((self.start..times.len()).filter(|i| (since..until).contains(&times[*i])).collect());
        }
        let first = |bound: i64| self.start + times[self.start..].partition_point(|at| *at < bound);
        let begin = first(since);
        Rows::Run(begin..first(until).max(begin))
    }

    /// Remove evicted rows for good.
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

enum Rows {
    Run(Range<usize>),
    Picked(Vec<usize>),
}

impl Rows {
    fn iter(&self) -> Box<dyn Iterator<Item = usize> + '_> {
        match self {
            Rows::Run(range) => Box::new(range.clone()),
            Rows::Picked(rows) => Box::new(rows.iter().copied()),
        }
    }
}

fn share(values: &Arc<Vec<i64>>, rows: Rows) -> Column {
    match rows {
        Rows::Run(range) => Column::Shared(values.clone(), range),
        Rows::Picked(rows) => Column::Picked(rows.iter().map(|row| values[*row]).collect()),
    }
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
        let places = self.places.max(places_needed(units));
        let factor = power(places - self.places) as i128;
        let mut wide: Vec<i128> = match &self.values {
            Values::Narrow(values) => values.iter().map(|value| *value as i128 * factor).collect(),
            Values::Wide(values) => values.iter().map(|value| value * factor).collect(),
        };
        wide.push(units / power(SCALE - places) as i128);
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

    fn top(at: i64, bid: &str) -> Top {
        let number = |text: &str| Number::parse(text.as_bytes()).unwrap();
        let level = Level { price: number(bid), size: number("1") };
        Top { bid: Some(level), ask: None, version: 0, event_time: at - 1, received_at: at }
    }

    fn bids(window: &Window, since: i64, until: i64) -> (Vec<i128>, u32) {
        let (column, places) = window.column("bid", since, until).unwrap();
        let values = match column {
            Column::Shared(values, rows) => values[rows].iter().map(|v| *v as i128).collect(),
            Column::Picked(values) => values.iter().map(|v| *v as i128).collect(),
            Column::Wide(values) => values,
        };
        (values, places)
    }

    #[test]
    fn a_finer_value_rescales_and_a_large_one_widens() {
        let mut window = Window::new(1000);
        window.push(&top(1, "5"));
        window.push(&top(2, "5.25"));
        assert_eq!(bids(&window, 0, 10), (vec![500, 525], 2));
        window.push(&top(3, "100000000000000000000"));
        assert_eq!(bids(&window, 0, 10), (vec![500, 525, 10_000_000_000_000_000_000_000], 2));
        assert_eq!(bids(&window, 2, 3), (vec![525], 2));
        window.push(&top(4, "0.125"));
        assert_eq!(bids(&window, 4, 5), (vec![125], 3));
        assert!(window.column("last", 0, 1).is_none());
    }

    #[test]
    fn rows_leave_at_the_front_and_a_held_column_stays() {
        let mut window = Window::new(10_000);
        window.push(&top(0, "1"));
        let held = window.column("bid", 0, 1).unwrap().0;
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
        let mut window = Window::new(100);
        for (at, bid) in [(5, "1"), (3, "2"), (4, "3")] {
            window.push(&top(at, bid));
        }
        assert_eq!(bids(&window, 4, 6).0, [1, 3]);
    }
}
