//! One instrument's L2 book and the faster top channel beside it.

use crate::checksum::{Checksum, Rule};
use crate::error::Error;
use crate::levels::{self, Form, Level};
use crate::number::{Fault, NO_TEXT, Number};
use crate::side::Side;

/// Best prices and their sizes; None for an empty side.
#[derive(Clone, Copy, Debug)]
pub struct Top {
    /// Highest bid.
    pub bid: Option<Level>,
    /// Lowest ask.
    pub ask: Option<Level>,
    /// Orders depth and quotes.
    pub version: i64,
    /// The venue's stamp.
    pub event_time: i64,
    /// Our stamp.
    pub received_at: i64,
}

impl Top {
    /// (bid, bid size, ask, ask size) in units, None for an empty side.
    #[inline]
    pub fn units(&self) -> [Option<i128>; 4] {
        let units = |level: Option<Level>| (level.map(|l| l.price.units), level.map(|l| l.size.units));
        let ((bid, bid_size), (ask, ask_size)) = (units(self.bid), units(self.ask));
        [bid, bid_size, ask, ask_size]
    }
}

/// What comes with a frame beside its levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Orders depth and quotes.
    pub version: i64,
    /// The venue's stamp.
    pub event_time: i64,
    /// Our stamp.
    pub received_at: i64,
    /// The book's checksum after this frame, if the venue sent one.
    pub checksum: Option<i64>,
}

/// How a book is kept.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How its levels are written.
    pub form: Form,
    /// Levels a side kept after each frame, 0 for all.
    pub depth: usize,
    /// The checksum that is verified where a frame brings one.
    pub checksum: Option<Rule>,
    /// Levels a side that the checksum covers.
    pub covered: usize,
}

/// The book; see `Book` in the reference core for what each method promises.
#[derive(Debug)]
pub struct Book {
    settings: Settings,
    bids: Side,
    asks: Side,
    loaded: bool,
    joined: bool,
    version: i64,
    quote: Option<Top>,
    top: Option<Top>,
    checksum: Checksum,
    new_bids: Vec<Level>,
    new_asks: Vec<Level>,
}

impl Book {
    /// An empty book, waiting for a snapshot.
    pub fn new(settings: Settings) -> Self {
        Book {
            checksum: Checksum::new(settings.checksum, settings.covered),
            settings,
            bids: Side::new(true),
            asks: Side::new(false),
            loaded: false,
            joined: false,
            version: 0,
            quote: None,
            top: None,
            new_bids: Vec::new(),
            new_asks: Vec::new(),
        }
    }

    /// Forget depth and quote, whose versions may begin anew; until `load` there is no top and nothing to take.
    pub fn clear(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.checksum.all_changed();
        (self.loaded, self.joined) = (false, false);
        self.top = None;
        self.quote = None;
    }

    /// Replace the depth by a snapshot; the new top if it differs from the last.
    pub fn load(&mut self, bids: &[u8], asks: Option<&[u8]>, stamp: Stamp) -> Result<Option<Top>, Error> {
        self.read(bids, asks)?;
        self.bids.load(&mut self.new_bids);
        self.asks.load(&mut self.new_asks);
        self.checksum.all_changed();
        (self.loaded, self.joined) = (true, false);
        self.settle(stamp)
    }

    /// Change levels (size zero removes); the new top if it changed.
    #[inline]
    pub fn apply(&mut self, bids: &[u8], asks: Option<&[u8]>, stamp: Stamp) -> Result<Option<Top>, Error> {
        if !self.loaded {
            return Err(Error::Protocol("a delta without a snapshot never yields a book".into()));
        }
        self.read(bids, asks)?;
        let (bids, asks) = (std::mem::take(&mut self.new_bids), std::mem::take(&mut self.new_asks));
        let outcome = self.change(&bids, &asks, stamp);
        (self.new_bids, self.new_asks) = (bids, asks);
        outcome
    }

    /// Change levels that were read already; `apply` for a loaded book.
    #[inline]
    pub fn change(&mut self, bids: &[Level], asks: &[Level], stamp: Stamp) -> Result<Option<Top>, Error> {
        for (is_bid, side, levels) in [(true, &mut self.bids, bids), (false, &mut self.asks, asks)] {
            let mut nearest = usize::MAX;
            for level in levels {
                nearest = nearest.min(side.set(*level));
            }
            self.checksum.changed(is_bid, nearest);
        }
        self.joined = true;
        self.settle(stamp)
    }

    /// Whether a change was applied since the last snapshot.
    #[inline]
    pub fn is_joined(&self) -> bool {
        self.joined
    }

    /// The version of the last snapshot or change, 0 before the first.
    #[inline]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// A top from a faster channel as (bid, bid size, ask, ask size); the new top if it changed.
    pub fn quote(&mut self, written: [&[u8]; 4], stamp: Stamp) -> Result<Option<Top>, (usize, Error)> {
        let mut numbers = [Number::default(); 4];
        for (i, text) in written.iter().enumerate() {
            numbers[i] = Number::parse(text).map_err(|fault| (i, refuse(fault, text)))?;
        }
        if self.quote.is_some_and(|last| stamp.version <= last.version) {
            return Ok(None);
        }
        let side = |price: Number, size: Number| (price.units != 0 && size.units != 0).then_some(Level { price, size });
        let (bid, ask) = (side(numbers[0], numbers[1]), side(numbers[2], numbers[3]));
        if crossed(bid, ask) {
            let text = |i: usize| String::from_utf8_lossy(written[i]);
            return Err((0, Error::Crossed(format!("bid {} at or above ask {}", text(0), text(2)))));
        }
        let Stamp { version, event_time, received_at, .. } = stamp;
        self.quote = Some(Top { bid, ask, version, event_time, received_at });
        Ok(if self.loaded { self.moved(stamp) } else { None })
    }

    #[inline]
    fn read(&mut self, bids: &[u8], asks: Option<&[u8]>) -> Result<(), Error> {
        if self.settings.form.has_side() == asks.is_some() {
            return Err(Error::Protocol("a format with sides has one array, a format without has two".into()));
        }
        self.new_bids.clear();
        self.new_asks.clear();
        let (new_bids, new_asks, form) = (&mut self.new_bids, &mut self.new_asks, &self.settings.form);
        match asks {
            None => levels::parse(bids, form, |level, is_bid| match is_bid {
                Some(false) => new_asks.push(level),
                _ => new_bids.push(level),
            })?,
            Some(asks) => {
                levels::parse(bids, form, |level, _| new_bids.push(level))?;
                levels::parse(asks, form, |level, _| new_asks.push(level))?;
            }
        }
        let textless = |level: &Level| level.price.places == NO_TEXT || level.size.places == NO_TEXT;
        if self.checksum.as_written() && self.new_bids.iter().chain(&self.new_asks).any(textless) {
            return Err(Error::Precision("a number written with an exponent cannot enter a checksum".into()));
        }
        Ok(())
    }

    #[inline]
    fn settle(&mut self, stamp: Stamp) -> Result<Option<Top>, Error> {
        if self.settings.depth > 0 {
            self.checksum.changed(true, self.bids.trim(self.settings.depth));
            self.checksum.changed(false, self.asks.trim(self.settings.depth));
        }
        self.version = stamp.version;
        if let (Some(expected), true) = (stamp.checksum, self.checksum.is_on()) {
            let computed = self.checksum.of(&self.bids, &self.asks);
            if computed != expected as u32 {
                return Err(Error::Checksum { expected, computed });
            }
        }
        let (bid, ask) = (self.bids.best(), self.asks.best());
        if crossed(bid, ask) {
            let text = |level: Option<Level>| level.map_or(String::new(), |l| l.price.text());
            return Err(Error::Crossed(format!("bid {} at or above ask {}", text(bid), text(ask))));
        }
        Ok(self.moved(stamp))
    }

    #[inline]
    fn moved(&mut self, stamp: Stamp) -> Option<Top> {
        let (bid, ask, version) = match self.newer_quote() {
            Some(quote) => (quote.bid, quote.ask, quote.version),
            None => (self.bids.best(), self.asks.best(), self.version),
        };
        let top = Top { bid, ask, version, event_time: stamp.event_time, received_at: stamp.received_at };
        if self.top.is_some_and(|last| last.units() == top.units()) {
            return None;
        }
        self.top = Some(top);
        Some(top)
    }

    #[inline]
    fn newer_quote(&self) -> Option<&Top> {
        self.quote.as_ref().filter(|quote| quote.version > self.version)
    }

    /// The last top; None before the first snapshot and after `clear`.
    #[inline]
    pub fn top(&self) -> Option<&Top> {
        self.top.as_ref()
    }

    /// The depth of one side, best first; `limit` 0 for all.
    pub fn levels(&self, bids: bool, limit: usize) -> Vec<Level> {
        self.side(bids).iter().take(at_most(limit)).collect()
    }

    /// What may be taken: the depth behind the newest top.
    pub fn ladder(&self, bids: bool, limit: usize) -> Vec<Level> {
        let Some(quote) = self.newer_quote() else {
            return self.levels(bids, limit);
        };
        match if bids { quote.bid } else { quote.ask } {
            Some(best) => {
                std::iter::once(best).chain(self.side(bids).behind(best.price.units)).take(at_most(limit)).collect()
            }
            None => Vec::new(),
        }
    }

    /// Units displayed in the ladder at a price, 0 if none.
    pub fn size_at(&self, bids: bool, price: i128) -> i128 {
        let Some(quote) = self.newer_quote() else {
            return self.side(bids).size_at(price);
        };
        match if bids { quote.bid } else { quote.ask } {
            Some(best) if best.price.units == price => best.size.units,
            Some(best) if (price < best.price.units) == bids => self.side(bids).size_at(price),
            _ => 0,
        }
    }

    /// Levels of the depth: (bids, asks).
    pub fn counts(&self) -> (usize, usize) {
        (self.bids.len(), self.asks.len())
    }

    #[inline]
    fn side(&self, bids: bool) -> &Side {
        if bids { &self.bids } else { &self.asks }
    }
}

#[inline]
pub(crate) fn crossed(bid: Option<Level>, ask: Option<Level>) -> bool {
    matches!((bid, ask), (Some(bid), Some(ask)) if bid.price.units >= ask.price.units)
}

#[inline]
fn at_most(limit: usize) -> usize {
    if limit == 0 { usize::MAX } else { limit }
}

#[cold]
fn refuse(fault: Fault, text: &[u8]) -> Error {
    levels::refuse(fault, text, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crc::crc32;
    use crate::levels::Place;

    fn book(depth: usize, checksum: Option<Rule>) -> Book {
        let place = Place::Array { price: 0, size: 1, side: None };
        let form = Form { place, bid: String::new(), ask: String::new() };
        Book::new(Settings { form, depth, checksum, covered: 10 })
    }

    fn at(version: i64) -> Stamp {
        Stamp { version, event_time: version, received_at: version, checksum: None }
    }

    fn best(book: &Book) -> (String, String) {
        let top = book.top().unwrap();
        (top.bid.unwrap().price.text(), top.ask.unwrap().price.text())
    }

    #[test]
    fn a_bad_frame_changes_nothing() {
        let mut book = book(0, None);
        assert!(book.apply(b"[]", Some(b"[]"), at(1)).is_err());
        book.load(br#"[["1","1"]]"#, Some(br#"[["2","1"]]"#), at(1)).unwrap();
        assert!(book.apply(br#"[["1.5","1"]]"#, Some(b"[[]]"), at(2)).is_err());
        assert_eq!(best(&book), ("1".into(), "2".into()));
        assert!(book.apply(br#"[["1.5","1"]]"#, Some(b"[]"), at(2)).unwrap().is_some());
        assert!(book.apply(br#"[["1","2"]]"#, Some(b"[]"), at(3)).unwrap().is_none());
        let crossed = book.apply(br#"[["2","2"]]"#, Some(b"[]"), at(4)).unwrap_err();
        assert_eq!(crossed, Error::Crossed("bid 2 at or above ask 2".into()));
    }

    #[test]
    fn a_newer_quote_is_the_top_and_trims_the_ladder() {
        let mut book = book(0, None);
        book.load(br#"[["1","1"],["0.9","1"]]"#, Some(br#"[["2","1"],["3","1"]]"#), at(5)).unwrap();
        assert!(book.quote([b"0.95", b"7", b"2.5", b"1"], at(5)).unwrap().is_none());
        assert!(book.quote([b"0.95", b"7", b"2.5", b"1"], at(6)).unwrap().is_some());
        assert_eq!(best(&book), ("0.95".into(), "2.5".into()));
        let ladder: Vec<String> = book.ladder(true, 0).iter().map(|l| l.price.text()).collect();
        assert_eq!(ladder, ["0.95", "0.9"]);
        assert_eq!(book.ladder(false, 1).len(), 1);
        assert_eq!(book.size_at(true, crate::number::ONE), 0);
        assert!(book.apply(b"[]", Some(b"[]"), at(7)).unwrap().is_some());
        assert_eq!(best(&book), ("1".into(), "2".into()));
    }

    #[test]
    fn the_longer_side_goes_on_alone() {
        let stamp = |text: &[u8]| Stamp { checksum: Some(crc32(text) as i32 as i64), ..at(1) };
        let (bids, asks) = (br#"[["0.50","2.0"],["0.40","1"]]"#, br#"[["0.60","3"]]"#);
        let mut plain = book(0, Some(Rule::Interleaved));
        assert!(plain.load(bids, Some(asks), stamp(b"0.50:2.0:0.60:3:0.40:1")).is_ok());
        assert!(plain.load(b"[]", Some(asks), stamp(b"0.60:3")).is_ok());
        let mut signed = book(0, Some(Rule::InterleavedSigned));
        assert!(signed.load(bids, Some(asks), stamp(b"0.5:2:0.6:-3:0.4:1")).is_ok());
    }

    #[test]
    fn every_frame_with_a_checksum_is_verified() {
        let mut book = book(0, Some(Rule::Mantissas));
        let stamp = |version, checksum| Stamp { checksum: Some(checksum), ..at(version) };
        let (bids, asks) = (br#"[["5541.20","1"]]"#, br#"[["5541.30","2.5"]]"#);
        let crc = crc32(b"554130255541201") as i64;
        assert!(book.load(bids, Some(asks), stamp(1, crc)).is_ok());
        assert!(book.apply(b"[]", Some(b"[]"), stamp(2, crc)).is_ok());
        assert_eq!(
            book.apply(b"[]", Some(b"[]"), stamp(3, 7)).unwrap_err(),
            Error::Checksum { expected: 7, computed: crc as u32 }
        );
        assert!(book.apply(br#"[["5541.200","1"]]"#, Some(b"[]"), stamp(4, crc)).is_err());
        let longer = crc32(b"5541302555412001") as i64;
        assert!(book.apply(b"[]", Some(b"[]"), stamp(5, longer)).is_ok());
        assert!(book.apply(br#"[["1e3","1"]]"#, Some(b"[]"), stamp(6, longer)).is_err());
    }
}
