//! One instrument's L3 book.

use std::collections::HashMap;

use crate::book::{Stamp, Top, crossed};
use crate::checksum::{Checksum, Rule};
use crate::error::Error;
use crate::ids::Id;
use crate::json::{Kind, Token};
use crate::levels::{self, Level, Place, number_of};
use crate::number::{Fault, NO_TEXT, Number};
use crate::queues::{NONE, Queues, shown};

/// The order was told of earlier in the same frame.
const AGAIN: u32 = u32::MAX - 1;
/// Frames with fewer events are searched through.
const FEW: usize = 32;
/// Sizes are below this, so that no sum overflows.
const MOST: i128 = 1 << 96;

/// What happened to one order; see `OrderChange` in Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Joins the end of its queue.
    Add,
    /// Has this price and size now.
    Set,
    /// Lost this much of its size.
    Reduce,
    /// Is gone.
    Remove,
}

/// One event as it is written.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// Its side.
    pub is_bid: bool,
    /// What happened.
    pub change: Change,
    /// The order.
    pub id: &'a str,
    /// Not read for a removal or reduction.
    pub price: &'a [u8],
    /// Not read for a removal.
    pub size: &'a [u8],
}

/// What of an event could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The event as a whole.
    Event,
    /// Its price.
    Price,
    /// Its size.
    Size,
}

/// How a book is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where price, size and, as the side, the id of an order stand.
    pub place: Place,
    /// Prices a side kept after each frame, 0 for all.
    pub depth: usize,
    /// The checksum that is verified where a frame brings one.
    pub checksum: Option<Rule>,
    /// Prices, or orders, a side that the checksum covers.
    pub covered: usize,
    /// Whether best bid and ask may cross for a moment.
    pub transient_cross: bool,
}

/// What an order is after an event; `slot` of the order before it, `NONE` or `AGAIN`.
#[derive(Debug)]
struct Step {
    is_bid: bool,
    slot: u32,
    hash: u32,
    id: Id,
    becomes: Option<(Number, Number)>,
}

/// The book; see `OrderBook` in the reference core for what each method promises.
#[derive(Debug)]
pub struct OrderBook {
    settings: Settings,
    queues: Queues,
    loaded: bool,
    version: i64,
    top: Option<Top>,
    checksum: Checksum,
    steps: Vec<Step>,
    told: HashMap<Id, usize>,
}

impl OrderBook {
    /// An empty book, waiting for a snapshot.
    pub fn new(settings: Settings) -> Self {
        OrderBook {
            checksum: Checksum::new(settings.checksum, settings.covered),
            settings,
            queues: Queues::default(),
            loaded: false,
            version: 0,
            top: None,
            steps: Vec::new(),
            told: HashMap::new(),
        }
    }

    /// The version of the last snapshot or change, 0 before the first.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// Forget all orders; until `load` there is no top and nothing to take.
    pub fn clear(&mut self) {
        self.queues = Queues::default();
        self.checksum.all_changed();
        self.loaded = false;
        self.top = None;
    }

    /// Replace all orders by a snapshot; the new top if it differs from the last.
    pub fn load(&mut self, bids: &[u8], asks: &[u8], stamp: Stamp) -> Result<Option<Top>, Error> {
        let place = &self.settings.place;
        let (bid_rows, ask_rows) = (rows(bids, place)?, rows(asks, place)?);
        let mut queues = Queues::default();
        for (is_bid, found) in [(true, bid_rows), (false, ask_rows)] {
            for (id, price, size) in found {
                let size = number_of(size)?;
                let price = number_of(price)?;
                self.refuse(price, size).map_err(|error| error.unwrap_or_else(|| too_large(&size.text())))?;
                let id = Id::new(&id);
                let hash = id.spread();
                if queues.find(&id, hash).is_some() {
                    return Err(known_already(&id));
                }
                queues.put(is_bid, id, hash, price, size);
            }
        }
        self.queues = queues;
        self.checksum.all_changed();
        self.loaded = true;
        self.settle(stamp)
    }

    /// Begin a frame of events.
    #[inline]
    pub fn begin(&mut self) -> Result<(), Error> {
        self.steps.clear();
        if !self.told.is_empty() {
            self.told.clear();
        }
        if self.loaded { Ok(()) } else { Err(Error::Protocol("a delta without a snapshot never yields a book".into())) }
    }

    /// Check one more event of the frame; nothing changes before `finish`.
    #[inline]
    pub fn tell(&mut self, event: Event<'_>) -> Result<(), (Part, Error)> {
        let id = Id::new(event.id);
        let hash = id.spread();
        let (slot, known) = self.known(&id, hash);
        if let Some((is_bid, _, _)) = known {
            if is_bid != event.is_bid {
                return Err((Part::Event, wrong_side(&id, is_bid)));
            }
        }
        let becomes = match event.change {
            Change::Remove => None,
            Change::Reduce => self.reduced(&event, known)?,
            Change::Add | Change::Set => self.written(&event, known.is_some())?,
        };
        if slot != NONE || becomes.is_some() {
            if self.steps.len() >= FEW {
                self.remember(&id);
            }
            self.steps.push(Step { is_bid: event.is_bid, slot, hash, id, becomes });
        }
        Ok(())
    }

    /// The order as the events of the frame told so far leave it.
    #[inline]
    fn known(&self, id: &Id, hash: u32) -> (u32, Option<(bool, Number, Number)>) {
        let told = if self.steps.len() <= FEW {
            self.steps.iter().rposition(|step| step.hash == hash && step.id == *id)
        } else {
            self.told.get(id).copied()
        };
        if let Some(step) = told.map(|at| &self.steps[at]) {
            return (AGAIN, step.becomes.map(|(price, size)| (step.is_bid, price, size)));
        }
        match self.queues.find(id, hash) {
            Some(slot) => (slot, Some(self.queues.order(slot))),
            None => (NONE, None),
        }
    }

    /// From here on look up what was told instead of searching through it.
    #[cold]
    fn remember(&mut self, id: &Id) {
        if self.told.is_empty() {
            for (at, step) in self.steps.iter().enumerate() {
                self.told.insert(step.id.clone(), at);
            }
        }
        self.told.insert(id.clone(), self.steps.len());
    }

    #[inline]
    fn reduced(
        &self,
        event: &Event<'_>,
        known: Option<(bool, Number, Number)>,
    ) -> Result<Option<(Number, Number)>, (Part, Error)> {
        let by = read(Part::Size, event.size)?;
        let Some((_, price, size)) = known else { return Ok(None) };
        let units = size.units - by.units;
        if units < 0 {
            return Err((Part::Event, cannot_lose(event, size)));
        }
        let left = Number { units, places: shown(size).max(shown(by)) };
        Ok((units > 0).then_some((price, left)))
    }

    #[inline]
    fn written(&self, event: &Event<'_>, known: bool) -> Result<Option<(Number, Number)>, (Part, Error)> {
        let size = read(Part::Size, event.size)?;
        if event.change == Change::Set && size.units == 0 {
            return Ok(None);
        }
        let price = read(Part::Price, event.price)?;
        if let Err(error) = self.refuse(price, size) {
            let text = String::from_utf8_lossy(event.size);
            return Err((Part::Event, error.unwrap_or_else(|| too_large(&text))));
        }
        if event.change == Change::Add && known {
            return Err((Part::Event, known_already(&Id::new(event.id))));
        }
        Ok(Some((price, size)))
    }

    /// What no order may have; None where the size is too large.
    #[inline]
    fn refuse(&self, price: Number, size: Number) -> Result<(), Option<Error>> {
        if price.units == 0 || size.units == 0 {
            return Err(Some(of_zero(price)));
        }
        if size.units >= MOST {
            return Err(None);
        }
        if (price.places == NO_TEXT || size.places == NO_TEXT) && self.checksum.as_written() {
            return Err(Some(without_text()));
        }
        Ok(())
    }

    /// Carry the frame out; the new top if it changed.
    #[inline]
    pub fn finish(&mut self, stamp: Stamp) -> Result<Option<Top>, Error> {
        let mut steps = std::mem::take(&mut self.steps);
        for step in steps.drain(..) {
            self.carry_out(step);
        }
        self.steps = steps;
        self.settle(stamp)
    }

    #[inline]
    fn carry_out(&mut self, step: Step) {
        let slot = match step.slot {
            AGAIN => self.queues.find(&step.id, step.hash),
            NONE => None,
            slot => Some(slot),
        };
        if let Some(slot) = slot {
            if self.checksum.is_on() {
                self.checksum.changed(step.is_bid, self.queues.rank(slot));
            }
            if let Some((price, size)) = step.becomes {
                let (_, old_price, old_size) = self.queues.order(slot);
                if price.units == old_price.units && size.units <= old_size.units {
                    self.queues.resize(slot, price.places, size);
                    return;
                }
            }
            self.queues.take(slot, step.hash);
        }
        if let Some((price, size)) = step.becomes {
            let rank = self.queues.put(step.is_bid, step.id, step.hash, price, size);
            self.checksum.changed(step.is_bid, rank);
        }
    }

    #[inline]
    fn settle(&mut self, stamp: Stamp) -> Result<Option<Top>, Error> {
        self.version = stamp.version;
        if self.settings.depth > 0 {
            self.trim();
        }
        if let (Some(expected), true) = (stamp.checksum, self.checksum.is_on()) {
            self.verify(expected)?;
        }
        let (bid, ask) = (self.queues.level(true, 0), self.queues.level(false, 0));
        if crossed(bid, ask) {
            if self.settings.transient_cross {
                self.top = None;
                return Ok(None);
            }
            let text = |level: Option<Level>| level.map_or(String::new(), |l| l.price.text());
            return Err(Error::Crossed(format!("bid {} at or above ask {}", text(bid), text(ask))));
        }
        let Stamp { version, event_time, received_at, .. } = stamp;
        let top = Top { bid, ask, version, event_time, received_at };
        if self.top.is_some_and(|last| last.units() == top.units()) {
            return Ok(None);
        }
        self.top = Some(top);
        Ok(Some(top))
    }

    fn trim(&mut self) {
        let depth = self.settings.depth;
        let excess = |is_bid: bool| self.queues.prices(is_bid).len() > depth;
        let (bids, asks) = (excess(true), excess(false));
        if bids || asks {
            self.queues.trim(depth);
            for (is_bid, dropped) in [(true, bids), (false, asks)] {
                self.checksum.changed(is_bid, if dropped { depth } else { usize::MAX });
            }
        }
    }

    fn verify(&mut self, expected: i64) -> Result<(), Error> {
        let queues = &self.queues;
        let computed = self
            .checksum
            .of_orders(|is_bid, rank| (rank < queues.prices(is_bid).len()).then(|| queues.orders(is_bid, rank)));
        if computed == expected as u32 { Ok(()) } else { Err(Error::Checksum { expected, computed }) }
    }

    /// The last top; None before the first snapshot, after `clear` and while best bid and ask cross.
    #[inline]
    pub fn top(&self) -> Option<&Top> {
        self.top.as_ref()
    }

    /// The orders added up by price, best first; `limit` 0 for all.
    pub fn levels(&self, bids: bool, limit: usize) -> Vec<Level> {
        let count = self.queues.prices(bids).len();
        let wanted = if limit == 0 { count } else { count.min(limit) };
        (0..wanted).filter_map(|rank| self.queues.level(bids, rank)).collect()
    }

    /// What may be taken: the levels, none while there is no top.
    pub fn ladder(&self, bids: bool, limit: usize) -> Vec<Level> {
        if self.top.is_some() { self.levels(bids, limit) } else { Vec::new() }
    }

    /// Units displayed in the ladder at a price, 0 if none.
    pub fn size_at(&self, bids: bool, price: i128) -> i128 {
        if self.top.is_some() { self.queues.size_at(bids, price) } else { 0 }
    }

    /// Prices with orders: (bids, asks).
    pub fn counts(&self) -> (usize, usize) {
        (self.queues.prices(true).len(), self.queues.prices(false).len())
    }

    /// (id, price, size) of one side in the order in which they execute; `limit` 0 for all.
    pub fn orders(&self, bids: bool, limit: usize) -> Vec<(String, Number, Number)> {
        let all = (0..self.queues.prices(bids).len()).flat_map(|rank| self.queues.orders(bids, rank));
        let wanted = if limit == 0 { usize::MAX } else { limit };
        all.take(wanted).map(|(id, price, size)| (id.text(), price, size)).collect()
    }

    /// How many orders execute before this one at its price, and the sum of their sizes; None if there is no such order.
    pub fn ahead(&self, id: &str) -> Option<(usize, Number)> {
        let id = Id::new(id);
        self.queues.find(&id, id.spread()).map(|slot| self.queues.ahead(slot))
    }
}

type Row<'a> = (String, Token<'a>, Token<'a>);

/// Id, price and size of each order of a raw array.
fn rows<'a>(text: &'a [u8], place: &Place) -> Result<Vec<Row<'a>>, Error> {
    let mut found = Vec::new();
    let read = levels::cells(text, place, |cells| {
        let [price, size, id] = cells;
        let id = id?;
        let id = match id.kind {
            Kind::Text => String::from_utf8(id.inner().to_vec()).ok()?,
            Kind::Bare => String::from_utf8(id.raw.to_vec()).ok()?,
            Kind::Escaped => id.unescaped()?,
            Kind::Other => return None,
        };
        found.push((id, price?, size?));
        (!found.last()?.0.is_empty()).then_some(())
    });
    read.map(|()| found).ok_or_else(|| Error::NotOrders(text[..text.len().min(80)].to_vec()))
}

#[inline]
fn read(part: Part, text: &[u8]) -> Result<Number, (Part, Error)> {
    Number::parse(text).map_err(|fault| (part, unreadable(fault, text)))
}

#[cold]
fn unreadable(fault: Fault, text: &[u8]) -> Error {
    levels::refuse(fault, text, text)
}

#[cold]
fn wrong_side(id: &Id, is_bid: bool) -> Error {
    Error::Protocol(format!("order {} is {} of this book", id.text(), if is_bid { "a bid" } else { "an ask" }))
}

#[cold]
fn known_already(id: &Id) -> Error {
    Error::Protocol(format!("order {} is in the book already", id.text()))
}

#[cold]
fn cannot_lose(event: &Event<'_>, size: Number) -> Error {
    let by = String::from_utf8_lossy(event.size);
    Error::Protocol(format!("order {} of {} cannot lose {by}", event.id, size.text()))
}

#[cold]
fn of_zero(price: Number) -> Error {
    Error::Protocol(format!("a {} of zero", if price.units == 0 { "price" } else { "size" }))
}

#[cold]
fn too_large(text: &str) -> Error {
    Error::Precision(format!("too large: {text}"))
}

#[cold]
fn without_text() -> Error {
    Error::Precision("a number written with an exponent cannot enter a checksum".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crc::crc32;

    fn book(checksum: Option<Rule>, covered: usize, depth: usize) -> OrderBook {
        let place = Place::Array { price: 1, size: 2, side: Some(0) };
        OrderBook::new(Settings { place, depth, checksum, covered, transient_cross: false })
    }

    fn at(version: i64) -> Stamp {
        Stamp { version, event_time: version, received_at: version, checksum: None }
    }

    fn bid<'a>(change: Change, id: &'a str, price: &'a str, size: &'a str) -> Event<'a> {
        Event { is_bid: true, change, id, price: price.as_bytes(), size: size.as_bytes() }
    }

    fn apply(book: &mut OrderBook, events: &[Event<'_>], stamp: Stamp) -> Result<Option<Top>, Error> {
        book.begin()?;
        for event in events {
            book.tell(*event).map_err(|(_, error)| error)?;
        }
        book.finish(stamp)
    }

    fn ids(book: &OrderBook) -> Vec<String> {
        book.orders(true, 0).into_iter().map(|(id, _, _)| id).collect()
    }

    #[test]
    fn a_queue_executes_in_the_order_of_arrival() {
        let mut book = book(None, 10, 0);
        book.load(br#"[["a","5","1.0"],["b","5","2"],["c","4","1"]]"#, br#"[["x","6","1"]]"#, at(1)).unwrap();
        let change = |book: &mut OrderBook, event: Event<'_>| apply(book, &[event], at(2)).unwrap();
        assert!(change(&mut book, bid(Change::Add, "d", "5", "3")).is_some());
        assert_eq!(book.ahead("d").map(|(n, size)| (n, size.text())), Some((2, "3.0".into())));
        assert!(change(&mut book, bid(Change::Set, "a", "5", "0.5")).is_some());
        assert_eq!(ids(&book), ["a", "b", "d", "c"]);
        change(&mut book, bid(Change::Set, "a", "5", "0.75"));
        assert_eq!(ids(&book), ["b", "d", "a", "c"]);
        change(&mut book, bid(Change::Set, "b", "4", "2"));
        assert_eq!(ids(&book), ["d", "a", "c", "b"]);
        change(&mut book, bid(Change::Reduce, "d", "", "3.000"));
        assert_eq!(ids(&book), ["a", "c", "b"]);
        assert_eq!(book.levels(true, 1)[0].size.text(), "0.75");
        change(&mut book, bid(Change::Remove, "a", "", ""));
        assert_eq!(book.counts(), (1, 1));
        assert!(change(&mut book, bid(Change::Remove, "a", "", "")).is_none());
    }

    #[test]
    fn a_bad_frame_changes_nothing() {
        let mut book = book(None, 10, 0);
        assert!(book.begin().is_err());
        book.load(br#"[["a","5","1"]]"#, b"[]", at(1)).unwrap();
        for bad in [
            bid(Change::Add, "a", "5", "1"),
            bid(Change::Add, "b", "5", "1"),
            bid(Change::Add, "c", "0", "1"),
            bid(Change::Add, "c", "1", "0"),
            bid(Change::Add, "c", "1", "x"),
            bid(Change::Reduce, "a", "", "1.5"),
            Event { is_bid: false, ..bid(Change::Remove, "a", "", "") },
        ] {
            assert!(apply(&mut book, &[bid(Change::Add, "b", "7", "1"), bad], at(2)).is_err(), "{bad:?}");
            assert_eq!(ids(&book), ["a"]);
        }
        let many: Vec<String> = (0..100).map(|i| i.to_string()).collect();
        let mut events: Vec<Event<'_>> = many.iter().map(|id| bid(Change::Add, id, "5", "1")).collect();
        events.extend(many.iter().map(|id| bid(Change::Reduce, id, "", "0.5")));
        apply(&mut book, &events, at(3)).unwrap();
        assert_eq!(book.levels(true, 0)[0].size.text(), "51.0");
        events.push(bid(Change::Add, "50", "5", "1"));
        assert!(apply(&mut book, &events, at(4)).is_err());
        assert_eq!(book.orders(true, 0).len(), 101);
    }

    #[test]
    fn a_cut_price_takes_its_orders_along() {
        let mut book = book(None, 10, 2);
        book.load(br#"[["a","5","1"],["b","5","1"],["c","4","1"],["d","3","1"]]"#, b"[]", at(1)).unwrap();
        assert_eq!(ids(&book), ["a", "b", "c"]);
        apply(&mut book, &[bid(Change::Add, "d", "6", "1"), bid(Change::Add, "e", "7", "1")], at(2)).unwrap();
        assert_eq!(ids(&book), ["e", "d"]);
        apply(&mut book, &[bid(Change::Remove, "a", "", ""), bid(Change::Add, "b", "6", "1")], at(3)).unwrap();
        assert_eq!(ids(&book), ["e", "d", "b"]);
    }

    #[test]
    fn checksums_cover_the_orders_in_their_order() {
        let stamp = |text: &str| Stamp { checksum: Some(crc32(text.as_bytes()) as i64), ..at(1) };
        let (bids, asks) = (br#"[[11,"5.0","1.50"],[9,"5.0","2"],[3,"4.0","1"]]"#, br#"[["7","6.0","0.10"]]"#);
        let mut mantissas = book(Some(Rule::OrderMantissas), 1, 0);
        mantissas.load(bids, asks, stamp("601050150502")).unwrap();
        apply(&mut mantissas, &[bid(Change::Set, "3", "4.0", "0.5")], stamp("601050150502")).unwrap();
        apply(&mut mantissas, &[bid(Change::Reduce, "11", "", "0.5")], stamp("601050100502")).unwrap();
        apply(&mut mantissas, &[bid(Change::Set, "11", "5.0", "3")], stamp("6010502503")).unwrap();
        assert!(apply(&mut mantissas, &[bid(Change::Add, "2", "5.0", "1")], stamp("6010502503")).is_err());
        let mut signed = book(Some(Rule::OrderIdsSigned), 2, 0);
        signed.load(bids, asks, stamp("9:2:7:-0.1:11:1.5")).unwrap();
        apply(&mut signed, &[bid(Change::Add, "8", "5.0", "1e-7")], stamp("8:1e-7:7:-0.1:9:2")).unwrap();
    }
}
