//! A frame read by its shape: the text that a venue writes around the few values that differ from frame to frame.
//!
//! A frame that is not the shape byte for byte is not read here; nor is one that is unusual in any way (an escape, text
//! beyond ASCII, a number with an exponent, a zero price). So what is read here means what its codec makes of it.

use std::ops::Range;

use crate::instant;
use crate::json::Cursor;
use crate::levels::{self, Form, Level};
use crate::number::{NO_TEXT, Number};

/// A time in milliseconds whose nanoseconds fit 64 bits.
const LATEST_MILLIS: i64 = 9_000_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hole {
    Any,
    Number,
    Symbol,
    First,
    Version,
    Previous,
    Count,
    Millis,
    Micros,
    Nanos,
    Instant,
    Crc,
    SignedCrc,
    Bids,
    Asks,
    Both,
    StampedBids,
    StampedAsks,
    Price,
    Orders,
    Amount,
}

const HOLES: [(&str, Hole); 21] = [
    ("any", Hole::Any),
    ("number", Hole::Number),
    ("symbol", Hole::Symbol),
    ("first", Hole::First),
    ("version", Hole::Version),
    ("previous", Hole::Previous),
    ("count", Hole::Count),
    ("ms", Hole::Millis),
    ("version_us", Hole::Micros),
    ("ns", Hole::Nanos),
    ("instant", Hole::Instant),
    ("crc", Hole::Crc),
    ("signed_crc", Hole::SignedCrc),
    ("bids", Hole::Bids),
    ("asks", Hole::Asks),
    ("levels", Hole::Both),
    ("stamped_bids", Hole::StampedBids),
    ("stamped_asks", Hole::StampedAsks),
    ("price", Hole::Price),
    ("orders", Hole::Orders),
    ("amount", Hole::Amount),
];

#[derive(Clone, Debug)]
enum Part {
    Text(Vec<u8>),
    /// A value, and the byte that follows it.
    Hole(Hole, u8),
}

/// One way in which a venue writes the frame of a depth change.
#[derive(Clone, Debug)]
pub struct Shape {
    parts: Vec<Part>,
}

/// What the holes of a frame held, beside its levels. Numbers without a hole are 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Where the symbol, or what stands for it, is written.
    pub symbol: Range<usize>,
    /// First sequence number.
    pub first: i64,
    /// Last sequence number.
    pub version: Option<i64>,
    /// Last sequence number of the frame before.
    pub previous: i64,
    /// The number that grows by one from frame to frame.
    pub count: Option<i64>,
    /// The venue's stamp in nanoseconds.
    pub event_time: Option<i64>,
    /// The book's checksum after this frame.
    pub checksum: Option<i64>,
}

impl Shape {
    /// A shape from its text, in which `<ms>` and other names in angle brackets stand for values; the fault if it is none.
    pub fn new(text: &str) -> Result<Shape, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('<') {
            let (before, after) = rest.split_at(at);
            let Some((name, after)) = after[1..].split_once('>') else {
                return Err(format!("a shape with an open bracket: {text}"));
            };
            let Some((_, hole)) = HOLES.iter().find(|(known, _)| *known == name) else {
                return Err(format!("a shape with an unknown name: <{name}>"));
            };
            let stop = after.bytes().next().unwrap_or(b'<');
            if before.is_empty() || stop == b'<' {
                return Err(format!("a shape with nothing before or after <{name}>: {text}"));
            }
            parts.push(Part::Text(before.as_bytes().to_vec()));
            parts.push(Part::Hole(*hole, stop));
            rest = after;
        }
        if parts.is_empty() {
            return Err(format!("a shape without names: {text}"));
        }
        parts.push(Part::Text(rest.as_bytes().to_vec()));
        Ok(Shape { parts })
    }

    /// Read a frame; its levels are appended to `bids` and `asks`, which may hold some even where it is none.
    #[inline]
    pub fn read(&self, frame: &[u8], form: &Form, bids: &mut Vec<Level>, asks: &mut Vec<Level>) -> Option<Reading> {
        let mut cursor = Cursor::new(frame);
        let mut reading = Reading::default();
        let mut single = (Number::default(), true);
        for part in &self.parts {
            match part {
                Part::Text(text) => cursor.eat_text(text)?,
                Part::Hole(hole, stop) => match hole {
                    Hole::Any => {
                        cursor.word(*stop)?;
                    }
                    Hole::Symbol => reading.symbol = cursor.word(*stop)?,
                    Hole::Number => {
                        cursor.integer().filter(|found| *found <= LATEST_MILLIS)?;
                    }
                    Hole::First => reading.first = cursor.integer()?,
                    Hole::Version => reading.version = Some(cursor.integer()?),
                    Hole::Previous => reading.previous = cursor.integer()?,
                    Hole::Count => reading.count = Some(cursor.integer()?),
                    Hole::Millis => reading.event_time = Some(millis(&mut cursor)? * 1_000_000),
                    Hole::Micros => {
                        let at = cursor.integer().filter(|at| *at <= LATEST_MILLIS * 1000)?;
                        (reading.version, reading.event_time) = (Some(at), Some(at * 1000));
                    }
                    Hole::Nanos => reading.event_time = Some(cursor.integer()?),
                    Hole::Instant => reading.event_time = Some(instant::parse(&frame[cursor.word(*stop)?])?),
                    Hole::Crc => reading.checksum = Some(crc(cursor.integer()?)?),
                    Hole::SignedCrc => {
                        let negative = cursor.eat(b'-');
                        let found = cursor.integer()?;
                        if negative && (found == 0 || found > 1 << 31) {
                            return None;
                        }
                        reading.checksum = Some(if negative { -found } else { crc(found)? }).filter(|crc| *crc != 0);
                    }
                    Hole::Bids => cursor.levels(form, |level, _| bids.push(level))?,
                    Hole::Asks => cursor.levels(form, |level, _| asks.push(level))?,
                    Hole::Both => cursor.levels(form, |level, is_bid| match is_bid {
                        Some(false) => asks.push(level),
                        _ => bids.push(level),
                    })?,
                    Hole::StampedBids => reading.heard(cursor.stamped(|level| bids.push(level))?),
                    Hole::StampedAsks => reading.heard(cursor.stamped(|level| asks.push(level))?),
                    Hole::Price => single.0 = cursor.bare_number().filter(|price| price.units != 0)?,
                    Hole::Orders => single.1 = cursor.integer()? > 0,
                    Hole::Amount => {
                        let side = if cursor.eat(b'-') { &mut *asks } else { &mut *bids };
                        let amount = cursor.bare_number()?;
                        let size = if single.1 { amount } else { Number::default() };
                        side.push(Level { price: single.0, size });
                    }
                },
            }
        }
        let usual = cursor.is_at_end() && !cursor.is_odd();
        let written = |level: &Level| level.price.places != NO_TEXT && level.size.places != NO_TEXT;
        (usual && bids.iter().chain(asks.iter()).all(written)).then_some(reading)
    }
}

#[inline]
fn millis(cursor: &mut Cursor<'_>) -> Option<i64> {
    cursor.integer().filter(|found| (1..=LATEST_MILLIS).contains(found))
}

#[inline]
fn crc(found: i64) -> Option<i64> {
    (found < 1 << 32).then_some(found)
}

impl Reading {
    /// The newest stamp of any level is that of the frame.
    #[inline]
    fn heard(&mut self, at: i64) {
        self.event_time = self.event_time.max(Some(at));
    }
}

impl Cursor<'_> {
    /// Levels with a time each, `["5541.30000","2.50700000","1534614248.123678"]`, at most with `"r"` behind; the newest.
    #[inline]
    fn stamped(&mut self, mut sink: impl FnMut(Level)) -> Option<i64> {
        let mut newest = 0;
        self.eat_text(b"[")?;
        if self.eat(b']') {
            return Some(newest);
        }
        loop {
            let price = self.eat(b'[').then(|| self.spaced_number())??;
            let size = self.eat(b',').then(|| self.spaced_number())??;
            self.eat_text(b",\"")?;
            let start = self.mark();
            let seconds = self.integer()?;
            self.eat_text(b".")?;
            let middle = self.mark();
            let mut micros = 0;
            while self.peek().is_ascii_digit() && self.mark() < middle + 6 {
                micros = micros * 10 + i64::from(self.peek() - b'0');
                self.eat(self.peek());
            }
            if middle - start != 11 || self.mark() - middle != 6 || seconds >= LATEST_MILLIS / 1000 || price.units == 0
            {
                return None;
            }
            self.eat_text(b"\"")?;
            if self.eat(b',') {
                self.eat_text(b"\"r\"")?;
            }
            self.eat_text(b"]")?;
            newest = newest.max((seconds * 1_000_000 + micros) * 1000);
            sink(Level { price, size });
            if !self.eat(b',') {
                break;
            }
        }
        self.eat_text(b"]").map(|()| newest)
    }

    #[inline]
    fn levels(&mut self, form: &Form, sink: impl FnMut(Level, Option<bool>)) -> Option<()> {
        levels::rows(self, form, sink).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::levels::Place;

    fn pairs() -> Form {
        Form { place: Place::Array { price: 0, size: 1, side: None }, bid: String::new(), ask: String::new() }
    }

    fn read(shape: &str, frame: &str) -> Option<(Reading, Vec<String>)> {
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        let reading = Shape::new(shape).unwrap().read(frame.as_bytes(), &pairs(), &mut bids, &mut asks)?;
        let text = |side: &str, l: &Level| format!("{side} {} {}", l.price.text(), l.size.text());
        let bids = bids.iter().map(|l| text("bid", l));
        Some((reading, bids.chain(asks.iter().map(|l| text("ask", l))).collect()))
    }

    const DIFF: &str = r#"{"s":"<symbol>","E":<ms>,"U":<first>,"u":<version>,"b":<bids>,"a":<asks>}"#;

    #[test]
    fn a_frame_of_the_shape_and_others() {
        let (reading, levels) =
            read(DIFF, r#"{"s":"XY","E":5,"U":7,"u":9,"b":[["1.50","2"]],"a":[["2","0","x"]]}"#).unwrap();
        assert_eq!((reading.symbol, reading.first, reading.version), (6..8, 7, Some(9)));
        assert_eq!(reading.event_time, Some(5_000_000));
        assert_eq!(levels, ["bid 1.50 2", "ask 2 0"]);
        for other in [
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[],"a":[]} "#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[],"a":[]}}"#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[],"a":[]"#,
            r#"{"s":"X\u0059","E":5,"U":7,"u":9,"b":[],"a":[]}"#,
            r#"{"s":"Xé","E":5,"U":7,"u":9,"b":[],"a":[]}"#,
            r#"{"s":"XY","E":05,"U":7,"u":9,"b":[],"a":[]}"#,
            r#"{"s":"XY","E":-5,"U":7,"u":9,"b":[],"a":[]}"#,
            r#"{"s":"XY","E":9000000000001,"U":7,"u":9,"b":[],"a":[]}"#,
            r#"{"s":"XY","E":5,"U":7,"u":4611686018427387904,"b":[],"a":[]}"#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[["0","1"]],"a":[]}"#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[["1e1","1"]],"a":[]}"#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[["1","1",NaN]],"a":[]}"#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[["1","1","é"]],"a":[]}"#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[["1","1","\n"]],"a":[]}"#,
            r#"{"s":"XY","E":5,"U":7,"u":9,"b":[["1","1"]"a":[]}"#,
        ] {
            assert_eq!(read(DIFF, other), None, "{other}");
        }
    }

    #[test]
    fn one_signed_level() {
        let shape = "[<symbol>,[<price>,<orders>,<amount>],<count>,<ms>]";
        let levels = |frame: &str| read(shape, frame).map(|(reading, levels)| (reading.count, levels[0].clone()));
        assert_eq!(levels("[225,[0.5,1,2.50],12,7]"), Some((Some(12), "bid 0.5 2.50".into())));
        assert_eq!(levels("[225,[10,3,-2],12,7]"), Some((Some(12), "ask 10 2".into())));
        assert_eq!(levels("[225,[10,0,-1],12,7]"), Some((Some(12), "ask 10 0".into())));
        for other in ["[225,[1e-7,1,2],12,7]", "[225,[01,1,2],12,7]", "[225,[1,1,--2],12,7]", "[225,[1.,1,2],12,7]"] {
            assert_eq!(levels(other), None, "{other}");
        }
    }

    #[test]
    fn checksums_and_stamps() {
        let crc = |frame: &str| read("{\"c\":<signed_crc>}", frame).map(|(reading, _)| reading.checksum);
        assert_eq!(crc("{\"c\":-2147483648}"), Some(Some(-2147483648)));
        assert_eq!(crc("{\"c\":4294967295}"), Some(Some(4294967295)));
        assert_eq!(crc("{\"c\":0}"), Some(None));
        for other in ["{\"c\":-0}", "{\"c\":-2147483649}", "{\"c\":4294967296}", "{\"c\":--1}"] {
            assert_eq!(crc(other), None, "{other}");
        }
        let at = |frame: &str| read("{\"t\":\"<instant>\"}", frame).map(|(reading, _)| reading.event_time);
        assert_eq!(at("{\"t\":\"1970-01-01T00:00:01Z\"}"), Some(Some(1_000_000_000)));
        assert_eq!(at("{\"t\":\"1970-01-01T00:00:01\"}"), None);
    }

    #[test]
    fn a_number_that_is_not_read_is_one_that_a_codec_takes_for_a_time() {
        assert!(read("[<number>]", "[9000000000000]").is_some() && read("[<number>]", "[0]").is_some());
        for other in ["[9000000000001]", "[-1]", "[]", "[1.5]", "[00]"] {
            assert_eq!(read("[<number>]", other), None, "{other}");
        }
    }

    #[test]
    fn levels_with_stamps() {
        let at = |levels: &str| {
            read("{\"b\":<stamped_bids>}", &format!("{{\"b\":{levels}}}")).map(|(reading, _)| reading.event_time)
        };
        let two = r#"[["5541.3","2.5","1534614248.123678"],["5541","0","1534614247.000001","r"]]"#;
        assert_eq!((at(two), at("[]")), (Some(Some(1_534_614_248_123_678_000)), Some(Some(0))));
        for other in [
            r#"[["5541.3","2.5","1534614248.12367"]]"#,
            r#"[["5541.3","2.5","1534614248.1236789"]]"#,
            r#"[["5541.3","2.5","153461424.123678"]]"#,
            r#"[["5541.3","2.5","9534614248.123678"]]"#,
            r#"[["5541.3","2.5","1534614248.123678","x"]]"#,
            r#"[["5541.3","2.5"]]"#,
            r#"[["5541.3","2.5","1534614248.123678"],]"#,
        ] {
            assert_eq!(at(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_no_shape() {
        for bad in ["", "[]", "[<ms]", "[<ms>", "<ms>]", "[<ms><version>]", "[<size>]"] {
            assert!(Shape::new(bad).is_err(), "{bad}");
        }
    }
}
