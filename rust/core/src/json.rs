//! A cursor over JSON text that yields tokens and never builds a tree.
//!
//! It accepts what Python's `json.loads` accepts of UTF-8 text (`NaN` and `Infinity` included), nested at most
//! `DEEPEST` deep.

use std::ops::Range;

use crate::number::{LONGEST_SHORT, Number};

/// Containers in containers that are still followed; the reference stops where Python's stack ends.
pub const DEEPEST: usize = 500;

/// How a scalar stands in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string without escapes.
    Text,
    /// A string with escapes.
    Escaped,
    /// A bare number, `NaN` or `Infinity`.
    Bare,
    /// `true`, `false`, `null`, an array or an object.
    Other,
}

/// One value, as a piece of the text.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// The text of the value, quotes included.
    pub raw: &'a [u8],
    /// What it is.
    pub kind: Kind,
}

impl<'a> Token<'a> {
    /// The text between the quotes of a string.
    #[inline]
    pub fn inner(&self) -> &'a [u8] {
        &self.raw[1..self.raw.len() - 1]
    }

    /// Whether this is the string, or the bare number, `text`.
    #[inline]
    pub fn is(&self, text: &str) -> bool {
        match self.kind {
            Kind::Text => self.inner() == text.as_bytes(),
            Kind::Bare => self.raw == text.as_bytes(),
            Kind::Escaped => self.unescaped().as_deref() == Some(text),
            Kind::Other => false,
        }
    }

    /// The string that an escaped token means; None where half a surrogate pair stands alone.
    #[cold]
    pub fn unescaped(&self) -> Option<String> {
        let mut units: Vec<u16> = Vec::new();
        let mut rest = std::str::from_utf8(self.inner()).ok()?.chars();
        while let Some(letter) = rest.next() {
            if letter != '\\' {
                units.extend(letter.encode_utf16(&mut [0; 2]).iter());
                continue;
            }
            units.push(match rest.next()? {
                'b' => 8,
                'f' => 12,
                'n' => 10,
                'r' => 13,
                't' => 9,
                'u' => {
                    let hex: String = rest.by_ref().take(4).collect();
                    u16::from_str_radix(&hex, 16).ok()?
                }
                other => other as u16,
            });
        }
        String::from_utf16(&units).ok()
    }
}

/// A place in a text.
pub struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    wide: bool,
    odd: bool,
}

impl<'a> Cursor<'a> {
    /// At the beginning of a text.
    pub fn new(text: &'a [u8]) -> Self {
        Cursor { text, at: 0, wide: false, odd: false }
    }

    /// Where the cursor stands.
    #[inline]
    pub fn mark(&self) -> usize {
        self.at
    }

    /// Return to a mark.
    #[inline]
    pub fn back_to(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The byte here, 0 at the end (which no JSON text has).
    #[inline]
    pub fn peek(&self) -> u8 {
        self.text.get(self.at).copied().unwrap_or(0)
    }

    /// Skip white space.
    #[inline]
    pub fn space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\t' | b'\r') {
            self.at += 1;
        }
    }

    /// Step over this byte if it stands here.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == byte;
        self.at += there as usize;
        there
    }

    /// Step over white space and this byte, or fail.
    #[inline]
    pub fn expect(&mut self, byte: u8) -> Option<()> {
        self.space();
        self.eat(byte).then_some(())
    }

    /// Nothing but white space follows, and the text is UTF-8.
    #[inline]
    pub fn finish(&mut self) -> Option<()> {
        self.space();
        (self.at == self.text.len() && (!self.wide || std::str::from_utf8(self.text).is_ok())).then_some(())
    }

    /// The value that begins here; None if there is none.
    #[inline]
    pub fn value(&mut self) -> Option<Token<'a>> {
        match self.peek() {
            b'"' => self.string(),
            b'[' | b'{' => self.container(),
            _ => self.bare(),
        }
    }

    /// The number in plain quotes that begins here, in one pass; None, without a step, for anything less usual.
    #[inline]
    fn quoted_number(&mut self) -> Option<Number> {
        let [b'"', digits @ ..] = self.text.get(self.at..)? else { return None };
        let (number, length) = number_at(digits)?;
        if digits.get(length) != Some(&b'"') {
            return None;
        }
        self.at += length + 2;
        Some(number)
    }

    /// A quoted number with white space around it.
    #[inline]
    pub fn spaced_number(&mut self) -> Option<Number> {
        self.space();
        let number = self.quoted_number()?;
        self.space();
        Some(number)
    }

    /// The number, bare or in plain quotes, that begins here; None, without a step, for anything less usual.
    #[inline]
    pub fn plain_number(&mut self) -> Option<Number> {
        if self.peek() == b'"' { self.quoted_number() } else { self.bare_number() }
    }

    /// The bare number of JSON that begins here; None, without a step, if it has a sign, an exponent or many digits.
    #[inline]
    pub fn bare_number(&mut self) -> Option<Number> {
        let digits = self.text.get(self.at..)?;
        let (number, length) = number_at(digits)?;
        let zero_first = digits[0] == b'0' && length > 1 && digits[1] != b'.';
        if zero_first || !matches!(digits.get(length), Some(b',' | b']' | b'}')) {
            return None;
        }
        self.at += length;
        Some(number)
    }

    /// Step over this text, or fail.
    #[inline]
    pub fn eat_text(&mut self, text: &[u8]) -> Option<()> {
        let there = self.text.get(self.at..)?.starts_with(text);
        self.at += if there { text.len() } else { 0 };
        there.then_some(())
    }

    /// Step over `"key":`; false, without a step, if something else stands here.
    #[inline]
    pub fn eat_key(&mut self, key: &str) -> bool {
        let end = key.len() + 1;
        let there = self.text.get(self.at..).is_some_and(|rest| {
            rest.len() > end + 1 && rest[0] == b'"' && &rest[1..end] == key.as_bytes() && rest[end..end + 2] == *b"\":"
        });
        self.at += if there { end + 2 } else { 0 };
        there
    }

    /// Step over `"word"`; false, without a step, if something else stands here.
    #[inline]
    pub fn eat_quoted(&mut self, word: &str) -> bool {
        let end = word.len() + 1;
        let there = self.text.get(self.at..).is_some_and(|rest| {
            rest.len() > end && rest[0] == b'"' && &rest[1..end] == word.as_bytes() && rest[end] == b'"'
        });
        self.at += if there { end + 1 } else { 0 };
        there
    }

    /// Printable ASCII that needs no escape in JSON, up to `stop`; the cursor stands before that.
    #[inline]
    pub fn word(&mut self, stop: u8) -> Option<Range<usize>> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let length =
            rest.iter().position(|byte| *byte == stop || !matches!(byte, 0x20 | 0x21 | 0x23..=0x5b | 0x5d..=0x7e))?;
        self.at += length;
        (rest[length] == stop).then_some(start..self.at)
    }

    /// An integer from zero to below 2⁶².
    #[inline]
    pub fn integer(&mut self) -> Option<i64> {
        let start = self.at;
        let mut value = 0u64;
        while self.peek().is_ascii_digit() {
            value = value.wrapping_mul(10).wrapping_add((self.peek() - b'0') as u64);
            self.at += 1;
        }
        let length = self.at - start;
        let fits = (1..=19).contains(&length) && !(length > 1 && self.text[start] == b'0');
        (fits && value < 1 << 62).then_some(value as i64)
    }

    /// Whether nothing follows.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    /// Whether there was an escape, a letter beyond ASCII, `NaN` or `Infinity`.
    #[inline]
    pub fn is_odd(&self) -> bool {
        self.odd || self.wide
    }

    /// A key with its colon; the value begins after it.
    #[inline]
    pub fn key(&mut self) -> Option<Token<'a>> {
        let key = if self.peek() == b'"' { self.string()? } else { return None };
        self.expect(b':')?;
        self.space();
        Some(key)
    }

    #[inline]
    fn string(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let mut kind = Kind::Text;
        loop {
            self.at += 1;
            match *self.text.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    kind = Kind::Escaped;
                    self.escape()?;
                }
                byte => {
                    if byte < 0x20 {
                        return None;
                    }
                    self.wide |= byte >= 0x80;
                }
            }
        }
        self.at += 1;
        Some(Token { raw: &self.text[start..self.at], kind })
    }

    #[cold]
    fn escape(&mut self) -> Option<()> {
        self.odd = true;
        self.at += 1;
        match *self.text.get(self.at)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(()),
            b'u' => {
                let hex = self.text.get(self.at + 1..self.at + 5)?;
                self.at += 4;
                hex.iter().all(u8::is_ascii_hexdigit).then_some(())
            }
            _ => None,
        }
    }

    fn bare(&mut self) -> Option<Token<'a>> {
        let rest = &self.text[self.at..];
        for word in [&b"true"[..], b"false", b"null", b"NaN", b"Infinity", b"-Infinity"] {
            if rest.starts_with(word) {
                self.at += word.len();
                let kind = if word[0].is_ascii_lowercase() { Kind::Other } else { Kind::Bare };
                self.odd |= kind == Kind::Bare;
                return Some(Token { raw: &rest[..word.len()], kind });
            }
        }
        self.number()
    }

    fn number(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        self.eat(b'-');
        if !self.eat(b'0') {
            self.digits()?;
        }
        let whole = self.at;
        if self.eat(b'.') && self.digits().is_none() {
            self.at = whole; // Python's grammar ends the number before a point without digits; what follows then fails
        }
        let mantissa = self.at;
        if self.eat(b'e') || self.eat(b'E') {
            if !self.eat(b'-') {
                self.eat(b'+');
            }
            if self.digits().is_none() {
                self.at = mantissa;
            }
        }
        Some(Token { raw: &self.text[start..self.at], kind: Kind::Bare })
    }

    #[inline]
    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn container(&mut self) -> Option<Token<'a>> {
        let start = self.at;
        let mut open: Vec<u8> = Vec::new();
        loop {
            let closer = match self.peek() {
                b'[' => b']',
                b'{' => b'}',
                _ => 0,
            };
            if closer == 0 {
                self.value()?;
            } else {
                self.at += 1;
                self.space();
                if !self.eat(closer) {
                    open.push(closer);
                    if open.len() > DEEPEST {
                        return None;
                    }
                    if closer == b'}' {
                        self.key()?;
                    }
                    continue;
                }
            }
            loop {
                let Some(&closer) = open.last() else {
                    return Some(Token { raw: &self.text[start..self.at], kind: Kind::Other });
                };
                self.space();
                if self.eat(b',') {
                    self.space();
                    if closer == b'}' {
                        self.key()?;
                    }
                    break;
                }
                self.expect(closer)?;
                open.pop();
            }
        }
    }
}

/// The number that a text begins with, and its length; None if it is not short and plain.
#[inline]
fn number_at(digits: &[u8]) -> Option<(Number, usize)> {
    let (mut mantissa, mut point, mut at) = (0u64, usize::MAX, 0);
    for &byte in digits.iter().take(LONGEST_SHORT + 1) {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit as u64);
        } else if byte == b'.' && point == usize::MAX {
            point = at;
        } else {
            break;
        }
        at += 1;
    }
    if at > LONGEST_SHORT {
        return None;
    }
    Some((Number::from_digits(mantissa, point, at)?, at))
}

/// Whether a text is one JSON value in UTF-8.
pub fn is_valid(text: &[u8]) -> bool {
    let mut cursor = Cursor::new(text);
    cursor.space();
    cursor.value().is_some() && cursor.finish().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_and_what_is_not() {
        for good in
            ["[]", " [ 1 , {\"a\" : [ ] , \"b\":{}} ] ", "\"\\u00e9\\n\"", "-1.5e+3", "NaN", "[[[0]],\"é\"]", "null"]
        {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "[",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{1:2}",
            "01",
            "1.",
            "1e",
            "-",
            "\"\n\"",
            "\"\\x\"",
            "[1]]",
            "\u{feff}[]",
            "tru",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
        assert!(!is_valid(b"\"\xff\""));
        assert!(!is_valid("[".repeat(100_000).as_bytes()));
    }

    #[test]
    fn escapes() {
        let token = |text: &'static str| Cursor::new(text.as_bytes()).value().unwrap();
        assert_eq!(token(r#""\u0031.5\/é""#).unescaped().as_deref(), Some("1.5/é"));
        assert_eq!(token(r#""\ud83d\ude00""#).unescaped().as_deref(), Some("😀"));
        assert_eq!(token(r#""\ud83d""#).unescaped(), None);
        assert!(token(r#""b\u0069d""#).is("bid"));
    }
}
