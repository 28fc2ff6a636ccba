//! Exact numbers: units of 10⁻¹² and the decimal places that were written.

use std::fmt::Write;

/// Numbers are integers in units of 10⁻¹².
pub const SCALE: u32 = 12;
/// `places` of a number written with an exponent: its text is not kept.
pub const NO_TEXT: u8 = u8::MAX;
/// One, in units.
pub const ONE: i128 = 1_000_000_000_000;

const POWERS: [u64; 13] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    10_000_000_000,
    100_000_000_000,
    1_000_000_000_000,
];
/// So many characters, of which one may be a point, fit 64 bits.
pub const LONGEST_SHORT: usize = 19;
const LONGEST_PART: usize = 1000;
const MOST_PLACES: usize = 100;

/// A written number at or above zero.
#[derive(Clone, Copy, Debug, Default)]
pub struct Number {
    /// Value in units of 10⁻¹².
    pub units: i128,
    /// Written decimal places, `NO_TEXT` if there was an exponent.
    pub places: u8,
}

/// Why a text is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not of the form digits, point, digits, exponent.
    NotANumber,
    /// Finer than 10⁻¹².
    Finer,
    /// At or above 2¹²⁷ units, or more than 100 decimal places.
    TooLarge,
}

/// 10 to the power of `exponent`, which is at most 12.
#[inline]
pub fn power(exponent: u32) -> u64 {
    POWERS[exponent as usize]
}

impl Number {
    /// The number in a text such as `61837.630`.
    #[inline]
    pub fn parse(text: &[u8]) -> Result<Number, Fault> {
        match parse_short(text) {
            Some(number) => Ok(number),
            None => parse_any(text),
        }
    }

    /// The number of some digits in a text of `length` characters with a point at `point` (beyond it if there is none).
    #[inline]
    pub fn from_digits(mantissa: u64, point: usize, length: usize) -> Option<Number> {
        let places = if point == usize::MAX { 0 } else { length - point - 1 };
        let bare_point = point == 0 || point == length.wrapping_sub(1);
        if length == 0 || bare_point || places > SCALE as usize {
            return None;
        }
        let units = mantissa as u128 * power(SCALE - places as u32) as u128;
        Some(Number { units: units as i128, places: places as u8 })
    }

    /// Decimal places that the value needs.
    #[inline]
    pub fn places_needed(self) -> u32 {
        places_needed(self.units)
    }

    /// The text as written, without leading zeros; the shortest text if it was written with an exponent.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(24);
        let (whole, fraction) = (self.units / ONE, self.units % ONE);
        let places = if self.places == NO_TEXT { self.places_needed() as usize } else { self.places as usize };
        let _ = write!(text, "{whole}");
        if places > 0 {
            let _ = write!(text, ".{fraction:012}");
            let end = text.len() - SCALE as usize + places;
            while text.len() < end {
                text.push('0');
            }
            text.truncate(end);
        }
        text
    }

    /// Append the text as `text` gives it.
    #[inline]
    pub fn push_text(self, out: &mut Vec<u8>) {
        let places = if self.places == NO_TEXT { self.places_needed() as usize } else { self.places as usize };
        let fraction = self.push_whole(out);
        if places == 0 {
            return;
        }
        out.push(b'.');
        let digits = places.min(SCALE as usize);
        push_padded(fraction / power(SCALE - digits as u32), digits, out);
        out.extend(std::iter::repeat_n(b'0', places - digits));
    }

    /// Append the shortest text of the value, with an exponent below 10⁻⁶ (ECMA-262, Number::toString).
    #[inline]
    pub fn push_javascript(self, out: &mut Vec<u8>) {
        if 0 < self.units && self.units < power(SCALE - 6) as i128 {
            return self.push_exponent(out);
        }
        let fraction = self.push_whole(out);
        let places = self.places_needed();
        if places > 0 {
            out.push(b'.');
            push_padded(fraction / power(SCALE - places), places as usize, out);
        }
    }

    #[cold]
    fn push_exponent(self, out: &mut Vec<u8>) {
        let digits = self.units.to_string();
        let exponent = SCALE as usize + 1 - digits.len();
        let (first, rest) = digits.trim_end_matches('0').split_at(1);
        let point = if rest.is_empty() { "" } else { "." };
        out.extend_from_slice(format!("{first}{point}{rest}e-{exponent}").as_bytes());
    }

    /// Append the digits before the point; the units behind it.
    #[inline]
    fn push_whole(self, out: &mut Vec<u8>) -> u64 {
        let (whole, fraction) = match u64::try_from(self.units) {
            Ok(units) => ((units / ONE as u64) as i128, units % ONE as u64),
            Err(_) => (self.units / ONE, (self.units % ONE) as u64),
        };
        match u64::try_from(whole) {
            Ok(0) => out.push(b'0'),
            Ok(whole) => push_digits(whole, out),
            Err(_) => push_wide(whole, out),
        }
        fraction
    }

    /// Append the written digits without point and leading zeros; false if the text was not kept.
    #[inline]
    pub fn push_mantissa(self, out: &mut Vec<u8>) -> bool {
        if self.places == NO_TEXT {
            return false;
        }
        let drop = SCALE.saturating_sub(self.places as u32);
        match u64::try_from(self.units) {
            Ok(units) => push_digits(shortened(units, drop), out),
            Err(_) => push_wide(self.units / power(drop) as i128, out),
        }
        if self.units != 0 {
            out.extend(std::iter::repeat_n(b'0', (self.places as usize).saturating_sub(SCALE as usize)));
        }
        true
    }
}

/// Decimal places that a value in units needs, 0 to 12.
#[inline]
pub fn places_needed(units: i128) -> u32 {
    let mut fraction = match i64::try_from(units) {
        Ok(units) => units % ONE as i64,
        Err(_) => (units % ONE) as i64,
    };
    if fraction == 0 {
        return 0;
    }
    let mut places = SCALE;
    if fraction % 10_000 == 0 {
        fraction /= 10_000;
        places -= 4;
    }
    while fraction % 10 == 0 {
        fraction /= 10;
        places -= 1;
    }
    places
}

/// Up to 19 characters with at most 12 places: everything that real feeds write.
#[inline]
fn parse_short(text: &[u8]) -> Option<Number> {
    if text.len() > LONGEST_SHORT {
        return None;
    }
    let (mut mantissa, mut point) = (0u64, usize::MAX);
    for (i, &byte) in text.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            mantissa = mantissa * 10 + digit as u64;
        } else if byte == b'.' && point == usize::MAX {
            point = i;
        } else {
            return None;
        }
    }
    Number::from_digits(mantissa, point, text.len())
}

/// The whole grammar, slowly: `(\d{1,1000})(?:\.(\d{1,1000}))?(?:[eE]([+-]?\d{1,4}))?`.
#[cold]
fn parse_any(text: &[u8]) -> Result<Number, Fault> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(after) => digits(after),
        None => (&rest[..0], rest),
    };
    let pointed = text.len() > whole.len() && text[whole.len()] == b'.';
    if whole.is_empty() || whole.len() > LONGEST_PART || fraction.len() > LONGEST_PART {
        return Err(Fault::NotANumber);
    }
    if pointed && fraction.is_empty() {
        return Err(Fault::NotANumber);
    }
    let exponent = if rest.is_empty() { None } else { Some(parse_exponent(rest)?) };
    let shift = SCALE as i64 - fraction.len() as i64 + exponent.unwrap_or(0);
    let all: Vec<u8> = whole.iter().chain(fraction).copied().skip_while(|b| *b == b'0').collect();
    let units = scale(&all, shift)?;
    if fraction.len() > MOST_PLACES {
        return Err(Fault::TooLarge);
    }
    Ok(Number { units, places: if exponent.is_some() { NO_TEXT } else { fraction.len() as u8 } })
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|b| b.is_ascii_digit()).count())
}

fn parse_exponent(rest: &[u8]) -> Result<i64, Fault> {
    let [b'e' | b'E', signed @ ..] = rest else {
        return Err(Fault::NotANumber);
    };
    let (negative, written) = match signed {
        [b'-', written @ ..] => (true, written),
        [b'+', written @ ..] => (false, written),
        written => (false, written),
    };
    if written.is_empty() || written.len() > 4 || !written.iter().all(u8::is_ascii_digit) {
        return Err(Fault::NotANumber);
    }
    let value = written.iter().fold(0i64, |sum, b| sum * 10 + (b - b'0') as i64);
    Ok(if negative { -value } else { value })
}

/// `digits`, without leading zeros, times ten to the power of `shift`.
fn scale(digits: &[u8], shift: i64) -> Result<i128, Fault> {
    if digits.is_empty() {
        return Ok(0);
    }
    let mut kept = digits;
    if shift < 0 {
        let cut = digits.len() as i64 + shift;
        if cut <= 0 || digits[cut as usize..].iter().any(|b| *b != b'0') {
            return Err(Fault::Finer);
        }
        kept = &digits[..cut as usize];
    }
    if kept.len() as i64 + shift.max(0) > 39 {
        return Err(Fault::TooLarge);
    }
    let zeros = std::iter::repeat_n(&b'0', shift.max(0) as usize);
    kept.iter()
        .chain(zeros)
        .try_fold(0i128, |sum, b| sum.checked_mul(10)?.checked_add((b - b'0') as i128))
        .ok_or(Fault::TooLarge)
}

const PAIRS: [u8; 200] = {
    let mut table = [0u8; 200];
    let mut i = 0;
    while i < 100 {
        table[2 * i] = b'0' + (i / 10) as u8;
        table[2 * i + 1] = b'0' + (i % 10) as u8;
        i += 1;
    }
    table
};

/// `units` without its last `drop` digits; constant divisors are multiplications, a variable one is not.
#[inline]
fn shortened(units: u64, drop: u32) -> u64 {
    match drop {
        0 => units,
        2 => units / 100,
        3 => units / 1_000,
        4 => units / 10_000,
        5 => units / 100_000,
        6 => units / 1_000_000,
        7 => units / 10_000_000,
        8 => units / 100_000_000,
        9 => units / 1_000_000_000,
        10 => units / 10_000_000_000,
        11 => units / 100_000_000_000,
        12 => units / 1_000_000_000_000,
        other => units / power(other),
    }
}

#[inline]
fn push_digits(mut value: u64, out: &mut Vec<u8>) {
    let mut buffer = [0u8; 20];
    let mut at = 20;
    while value >= 100 {
        let pair = 2 * (value % 100) as usize;
        value /= 100;
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
    }
    if value >= 10 {
        at -= 2;
        buffer[at..at + 2].copy_from_slice(&PAIRS[2 * value as usize..2 * value as usize + 2]);
    } else if value > 0 {
        at -= 1;
        buffer[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&buffer[at..]);
}

/// `value` with zeros in front, of this many digits, at most 12.
#[inline]
fn push_padded(mut value: u64, digits: usize, out: &mut Vec<u8>) {
    let mut buffer = [b'0'; SCALE as usize];
    for at in (0..digits).rev() {
        buffer[at] = b'0' + (value % 10) as u8;
        value /= 10;
    }
    out.extend_from_slice(&buffer[..digits]);
}

#[cold]
fn push_wide(value: i128, out: &mut Vec<u8>) {
    if value > 0 {
        out.extend_from_slice(value.to_string().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_written() {
        for text in
            ["0", "1", "0.5", "61837.630", "0.00000001", "1.000000000000", "99999999999999999999.12", "1.0000000000000"]
        {
            let number = Number::parse(text.as_bytes()).unwrap();
            assert_eq!(number.text(), text);
            let mut pushed = Vec::new();
            number.push_text(&mut pushed);
            assert_eq!(pushed, text.as_bytes());
        }
    }

    #[test]
    fn exponents_leading_zeros_and_limits() {
        let units = |text: &str| Number::parse(text.as_bytes()).map(|n| (n.units, n.places));
        assert_eq!(units("1e-12"), Ok((1, NO_TEXT)));
        assert_eq!(units("1.5E+1"), Ok((15 * ONE, NO_TEXT)));
        assert_eq!(units("007.50"), Ok((7 * ONE + ONE / 2, 2)));
        assert_eq!(units("0e9999"), Ok((0, NO_TEXT)));
        assert_eq!(units("0.0000000000001"), Err(Fault::Finer));
        assert_eq!(units("1e9999"), Err(Fault::TooLarge));
        assert_eq!(units("170141183460469231731687303.715884105727"), Ok((i128::MAX, 12)));
        assert_eq!(units("170141183460469231731687303.715884105728"), Err(Fault::TooLarge));
        for text in ["", ".", "1.", ".5", "-1", "+1", "1e", "1e12345", "1 ", " 1", "1_0", "0x1", "NaN", "1.2.3"] {
            assert_eq!(units(text), Err(Fault::NotANumber), "{text:?}");
        }
    }

    #[test]
    fn mantissas_have_no_point_and_no_leading_zeros() {
        let mantissa = |text: &str| {
            let mut out = Vec::new();
            Number::parse(text.as_bytes()).unwrap().push_mantissa(&mut out).then(|| String::from_utf8(out).unwrap())
        };
        assert_eq!(mantissa("0.00050000").as_deref(), Some("50000"));
        assert_eq!(mantissa("5541.30000").as_deref(), Some("554130000"));
        assert_eq!(mantissa("99999999999999999999.10").as_deref(), Some("9999999999999999999910"));
        assert_eq!(mantissa("1.00000000000000").as_deref(), Some("100000000000000"));
        assert_eq!(mantissa("0.00").as_deref(), Some(""));
        assert_eq!(mantissa("1e3"), None);
    }

    #[test]
    fn javascript_prints_small_numbers_with_an_exponent() {
        let cases = [
            ("0", "0"),
            ("100.00", "100"),
            ("0.5000", "0.5"),
            ("0.000001", "0.000001"),
            ("0.00000100", "0.000001"),
            ("0.00000074", "7.4e-7"),
            ("1e-7", "1e-7"),
            ("0.000000123456", "1.23456e-7"),
            ("0.000000000001", "1e-12"),
            ("123456789012345678901.25", "123456789012345678901.25"),
        ];
        for (text, printed) in cases {
            let mut out = Vec::new();
            Number::parse(text.as_bytes()).unwrap().push_javascript(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), printed);
        }
    }
}
