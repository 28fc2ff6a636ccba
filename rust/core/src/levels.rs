//! Levels straight from JSON text: arrays of pairs, of longer arrays, or of objects with named keys.

use crate::error::Error;
use crate::json::{self, Cursor, Kind, Token};
use crate::number::{Fault, Number};

/// A price with its size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Level {
    /// Above zero.
    pub price: Number,
    /// Zero removes the level.
    pub size: Number,
}

/// Where price, size and side stand in one level.
#[derive(Clone, Debug)]
pub enum Place {
    /// Positions in an array.
    Array {
        /// Of the price.
        price: usize,
        /// Of the size.
        size: usize,
        /// Of the side, where one array holds both.
        side: Option<usize>,
    },
    /// Keys of an object.
    Object {
        /// Of the price.
        price: String,
        /// Of the size.
        size: String,
        /// Of the side, where one array holds both.
        side: Option<String>,
    },
}

/// How a venue writes its levels.
#[derive(Clone, Debug)]
pub struct Form {
    /// Where things stand.
    pub place: Place,
    /// The text of a bid's side.
    pub bid: String,
    /// The text of an ask's side.
    pub ask: String,
}

impl Form {
    /// Whether each level tells its side.
    #[inline]
    pub fn has_side(&self) -> bool {
        match &self.place {
            Place::Array { side, .. } => side.is_some(),
            Place::Object { side, .. } => side.is_some(),
        }
    }
}

/// Gives every level to `sink`, in written order, with its side if the format tells it.
///
/// Of two errors, unreadable JSON comes before an unreadable level; `sink` may have got levels before either.
#[inline]
pub fn parse(text: &[u8], form: &Form, sink: impl FnMut(Level, Option<bool>)) -> Result<(), Error> {
    let mut cursor = Cursor::new(text);
    let done = rows(&mut cursor, form, sink).and_then(|()| cursor.finish().ok_or(NOT_LEVELS));
    done.map_err(|error| {
        if error == NOT_LEVELS || !json::is_valid(text) {
            return Error::NotLevels(text[..text.len().min(80)].to_vec());
        }
        error
    })
}

const NOT_LEVELS: Error = Error::NotLevels(Vec::new());

/// Price, size and side of one level, or id of one order.
pub type Cells<'a> = [Option<Token<'a>>; 3];

/// Gives the cells of every row to `sink`; None if the text is no array of such rows, or if `sink` says so.
pub fn cells<'a>(text: &'a [u8], place: &Place, mut sink: impl FnMut(Cells<'a>) -> Option<()>) -> Option<()> {
    let mut cursor = Cursor::new(text);
    cursor.expect(b'[')?;
    cursor.space();
    if !cursor.eat(b']') {
        loop {
            sink(row(&mut cursor, place)?)?;
            cursor.space();
            if !cursor.eat(b',') {
                break;
            }
            cursor.space();
        }
        cursor.expect(b']')?;
    }
    cursor.finish()
}

#[inline]
fn row<'a>(cursor: &mut Cursor<'a>, place: &Place) -> Option<Cells<'a>> {
    match place {
        Place::Array { price, size, side } => array(cursor, *price, *size, side.unwrap_or(usize::MAX)),
        Place::Object { price, size, side } => object(cursor, price, size, side.as_deref()),
    }
}

/// Gives every level of the array here to `sink`, and steps over it.
#[inline]
pub fn rows(cursor: &mut Cursor<'_>, form: &Form, mut sink: impl FnMut(Level, Option<bool>)) -> Result<(), Error> {
    cursor.expect(b'[').ok_or(NOT_LEVELS)?;
    cursor.space();
    if !cursor.eat(b']') {
        loop {
            let (level, side) = match usual(cursor, form) {
                Some(found) => found,
                None => level(row(cursor, &form.place).ok_or(NOT_LEVELS)?, form)?,
            };
            sink(level, side);
            cursor.space();
            if !cursor.eat(b',') {
                break;
            }
            cursor.space();
        }
        cursor.expect(b']').ok_or(NOT_LEVELS)?;
    }
    Ok(())
}

/// A level of a usual kind in one pass; None, without a step, for any other.
#[inline]
fn usual(cursor: &mut Cursor<'_>, form: &Form) -> Option<(Level, Option<bool>)> {
    let start = cursor.mark();
    let found = match &form.place {
        Place::Array { price: 0, size: 1, side: None } => pair(cursor).map(|level| (level, None)),
        Place::Array { price: 1, size: 2, side: Some(0) } => {
            cursor.eat(b'[').then(|| side_of(cursor, form)).flatten().and_then(|is_bid| {
                let level = pair_after(cursor)?;
                Some((level, Some(is_bid)))
            })
        }
        Place::Array { .. } => None,
        Place::Object { price, size, side } => named(cursor, form, price, size, side.as_deref()),
    };
    if found.is_none() {
        cursor.back_to(start);
    }
    found
}

/// `["61837.63","1.5", …]`.
#[inline]
fn pair(cursor: &mut Cursor<'_>) -> Option<Level> {
    let price = cursor.eat(b'[').then(|| cursor.spaced_number())??;
    rest_of_pair(cursor, price)
}

/// What follows the side in `["buy","61837.63","1.5", …]`.
#[inline]
fn pair_after(cursor: &mut Cursor<'_>) -> Option<Level> {
    let price = cursor.eat(b',').then(|| cursor.spaced_number())??;
    rest_of_pair(cursor, price)
}

#[inline]
fn rest_of_pair(cursor: &mut Cursor<'_>, price: Number) -> Option<Level> {
    let size = cursor.eat(b',').then(|| cursor.spaced_number())??;
    while cursor.eat(b',') {
        cursor.space();
        cursor.value()?;
        cursor.space();
    }
    (cursor.eat(b']') && price.units != 0).then_some(Level { price, size })
}

#[inline]
fn side_of(cursor: &mut Cursor<'_>, form: &Form) -> Option<bool> {
    if cursor.eat_quoted(&form.ask) { Some(false) } else { cursor.eat_quoted(&form.bid).then_some(true) }
}

/// `{"side":"bid","price_level":"61837.63","new_quantity":1.5, …}`, its keys compared where they stand.
#[inline]
fn named(
    cursor: &mut Cursor<'_>,
    form: &Form,
    price_key: &str,
    size_key: &str,
    side_key: Option<&str>,
) -> Option<(Level, Option<bool>)> {
    let (mut price, mut size, mut side) = (None, None, None);
    if !cursor.eat(b'{') {
        return None;
    }
    loop {
        if cursor.eat_key(price_key) {
            price = Some(cursor.plain_number()?);
        } else if cursor.eat_key(size_key) {
            size = Some(cursor.plain_number()?);
        } else if side_key.is_some_and(|key| cursor.eat_key(key)) {
            side = Some(side_of(cursor, form)?);
        } else {
            let key = cursor.key()?;
            if key.kind == Kind::Escaped {
                return None;
            }
            cursor.value()?;
        }
        if !cursor.eat(b',') {
            break;
        }
    }
    let whole = cursor.eat(b'}') && side.is_some() == side_key.is_some();
    let (price, size) = (price?, size?);
    (whole && price.units != 0).then_some((Level { price, size }, side))
}

#[inline]
fn array<'a>(cursor: &mut Cursor<'a>, price: usize, size: usize, side: usize) -> Option<Cells<'a>> {
    let mut cells = [None; 3];
    if !cursor.eat(b'[') {
        return None;
    }
    cursor.space();
    if cursor.eat(b']') {
        return Some(cells);
    }
    let mut position = 0;
    loop {
        let token = cursor.value()?;
        if position == price {
            cells[0] = Some(token);
        }
        if position == size {
            cells[1] = Some(token);
        }
        if position == side {
            cells[2] = Some(token);
        }
        position += 1;
        cursor.space();
        if !cursor.eat(b',') {
            break;
        }
        cursor.space();
    }
    cursor.expect(b']')?;
    Some(cells)
}

#[inline]
fn object<'a>(cursor: &mut Cursor<'a>, price: &str, size: &str, side: Option<&str>) -> Option<Cells<'a>> {
    let mut cells = [None; 3];
    if !cursor.eat(b'{') {
        return None;
    }
    cursor.space();
    if cursor.eat(b'}') {
        return Some(cells);
    }
    loop {
        let key = cursor.key()?;
        let token = cursor.value()?;
        if key.is(price) {
            cells[0] = Some(token);
        }
        if key.is(size) {
            cells[1] = Some(token);
        }
        if side.is_some_and(|side| key.is(side)) {
            cells[2] = Some(token);
        }
        cursor.space();
        if !cursor.eat(b',') {
            break;
        }
        cursor.space();
    }
    cursor.expect(b'}')?;
    Some(cells)
}

#[inline]
fn level(cells: Cells<'_>, form: &Form) -> Result<(Level, Option<bool>), Error> {
    let price = number_of(cells[0].ok_or(NOT_LEVELS)?)?;
    let size = number_of(cells[1].ok_or(NOT_LEVELS)?)?;
    if price.units == 0 {
        return Err(Error::Protocol("a price of zero".into()));
    }
    let side = if form.has_side() {
        let token = cells[2].ok_or(NOT_LEVELS)?;
        if token.is(&form.ask) {
            Some(false)
        } else if token.is(&form.bid) {
            Some(true)
        } else {
            return Err(NOT_LEVELS);
        }
    } else {
        None
    };
    Ok((Level { price, size }, side))
}

/// The number that a value is.
#[inline]
pub fn number_of(token: Token<'_>) -> Result<Number, Error> {
    let parsed = match token.kind {
        Kind::Text => Number::parse(token.inner()).map_err(|fault| (fault, token.inner().to_vec())),
        Kind::Bare => Number::parse(token.raw).map_err(|fault| (fault, token.raw.to_vec())),
        Kind::Escaped => {
            let text = token.unescaped().unwrap_or_default().into_bytes();
            Number::parse(&text).map_err(|fault| (fault, text))
        }
        Kind::Other => Err((Fault::NotANumber, Vec::new())),
    };
    parsed.map_err(|(fault, text)| refuse(fault, &text, token.raw))
}

/// The error of a text that is no number; `token` is how it stood in the JSON.
#[cold]
pub fn refuse(fault: Fault, text: &[u8], token: &[u8]) -> Error {
    let text = String::from_utf8_lossy(text);
    match fault {
        Fault::NotANumber => Error::NotANumber(token.to_vec()),
        Fault::Finer => Error::Precision(format!("finer than 10^-12: {text}")),
        Fault::TooLarge => Error::Precision(format!("too large: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, form: &Form) -> Result<Vec<(String, String, Option<bool>)>, Error> {
        let mut out = Vec::new();
        parse(text.as_bytes(), form, |l, side| out.push((l.price.text(), l.size.text(), side)))?;
        Ok(out)
    }

    fn pairs() -> Form {
        Form { place: Place::Array { price: 0, size: 1, side: None }, bid: String::new(), ask: String::new() }
    }

    #[test]
    fn three_formats() {
        let expected = vec![("61837.630".into(), "1.5".into(), None)];
        assert_eq!(read(r#" [ [ "61837.630" , 1.5 , {"any":[]} ] ] "#, &pairs()).unwrap(), expected);
        let place = Place::Array { price: 1, size: 2, side: Some(0) };
        let sided = Form { place, bid: "buy".into(), ask: "sell".into() };
        assert_eq!(read(r#"[["sell","2","0"]]"#, &sided).unwrap(), vec![("2".into(), "0".into(), Some(false))]);
        let place = Place::Object { price: "px".into(), size: "qty".into(), side: Some("side".into()) };
        let named = Form { place, bid: "bid".into(), ask: "offer".into() };
        let text = r#"[{"side":"bid","event_time":null,"px":"7","p\u0078":"8","qty":"3"}]"#;
        assert_eq!(read(text, &named).unwrap(), vec![("8".into(), "3".into(), Some(true))]);
    }

    #[test]
    fn syntax_is_judged_before_sense() {
        assert_eq!(read(r#"[["x","1"]]"#, &pairs()), Err(Error::NotANumber(b"\"x\"".to_vec())));
        assert_eq!(read(r#"[["x","1"]"#, &pairs()), Err(Error::NotLevels(r#"[["x","1"]"#.into())));
        assert_eq!(read(r#"[["0","1"]]"#, &pairs()), Err(Error::Protocol("a price of zero".into())));
        assert_eq!(read(r#"[["1"]]"#, &pairs()), Err(Error::NotLevels(r#"[["1"]]"#.into())));
        assert_eq!(read(r#"["12"]"#, &pairs()), Err(Error::NotLevels(r#"["12"]"#.into())));
        assert_eq!(read("{}", &pairs()), Err(Error::NotLevels("{}".into())));
        assert_eq!(read(r#"[[null,"1"]]"#, &pairs()), Err(Error::NotANumber(b"null".to_vec())));
    }
}
