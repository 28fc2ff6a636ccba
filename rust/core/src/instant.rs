//! Instants as venues write them: RFC 3339 in UTC.

const SECOND: i64 = 1_000_000_000;

/// Nanoseconds since 1970 of `2021-04-17T16:48:53.365913Z`, with none to nine digits after a point; None for any other
/// text, a day or time that does not exist, and years before 1970 or after 2261.
#[inline]
pub fn parse(text: &[u8]) -> Option<i64> {
    let (head, rest) = text.split_at_checked(19)?;
    let shape = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if shape.iter().any(|(at, byte)| head[*at] != *byte) {
        return None;
    }
    let number = |from: usize, to: usize| digits(&head[from..to]);
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + leap as i64,
        _ => return None,
    };
    let there = (1970..2262).contains(&year) && (1..=longest).contains(&day) && hour < 24 && minute < 60 && second < 60;
    let fraction = match rest {
        b"Z" => 0,
        [b'.', fraction @ .., b'Z'] if (1..=9).contains(&fraction.len()) => {
            digits(fraction)? * 10i64.pow(9 - fraction.len() as u32)
        }
        _ => return None,
    };
    there.then(|| (((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * SECOND + fraction)
}

#[inline]
fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + (byte - b'0') as i64))
}

/// Days since 1970 of a day of the Gregorian calendar: years begin in March, so that a leap day ends one.
#[inline]
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let of_year = (153 * month + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn instants_and_what_is_none() {
        assert_eq!(parse(b"1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(parse(b"2001-09-09T01:46:40.5Z"), Some(1_000_000_000_500_000_000));
        assert_eq!(parse(b"2024-02-29T23:59:59.999999999Z"), Some(1_709_251_199_999_999_999));
        assert_eq!(parse(b"2261-12-31T23:59:59Z"), Some(9_214_646_399_000_000_000));
        for bad in [
            "",
            "1969-12-31T23:59:59Z",
            "2262-01-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:60Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00.1234567890Z",
            "2024-01-01T00:00:00+00:00",
            "2024-01-01 00:00:00Z",
            "2024-04-31T00:00:00Z",
            "2024-01-01T00:00:00.+1Z",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
