//! Natural logarithms of whole numbers, in units of 2⁻⁴⁰, rounded to the nearest: integers alone, so every machine agrees.
//!
//! `f64::ln` is the platform's and may differ in its last digit; a graph must answer the same wherever it is replayed.

/// A logarithm is an integer in units of 2⁻⁴⁰, 9·10⁻¹³.
pub const FRACTION_BITS: u32 = 40;

/// In units of 2⁻¹²⁸.
const LN_2: u128 = 2 * half_log_ratio(1, 3);
const FINE: u32 = 72;
const LN_2_FINE: i128 = ((LN_2 >> (127 - FINE)) as i128 + 1) >> 1;
/// More than the error of `fine`, in units of 2⁻⁷²: 512 for the cut of a number to its first 64 bits, 114 for the terms of
/// the series that are left out, less than 100 for the roundings of 127 logarithms of two and of the rest.
const DOUBT: i128 = 1024;

/// ln((65 + 2i)/64), the middles of 32 equal parts of [1, 2), in units of 2⁻⁷².
const MIDDLES: [i128; 32] = {
    let mut table = [0; 32];
    let mut i = 0;
    while i < 32 {
        table[i] = (half_log_ratio(1 + 2 * i as u128, 129 + 2 * i as u128) >> (127 - FINE)) as i128;
        i += 1;
    }
    table
};

/// The logarithm of a number from 1 to 2¹²⁷ - 1, rounded to the nearest unit. No such number lies exactly between two.
#[inline]
pub fn ln(number: u128) -> i64 {
    debug_assert!(0 < number && number >> 127 == 0);
    let value = fine(number);
    let rest = value & ((1 << (FINE - FRACTION_BITS)) - 1);
    if (rest - (1 << (FINE - FRACTION_BITS - 1))).abs() <= DOUBT {
        return wide(number);
    }
    ((value + (1 << (FINE - FRACTION_BITS - 1))) >> (FINE - FRACTION_BITS)) as i64
}

/// In units of 2⁻⁷²: ln m = ln a + 2 artanh((m - a)/(m + a)), where a is the middle of the part in which m lies.
#[inline]
fn fine(number: u128) -> i128 {
    let zeros = number.leading_zeros();
    let exponent = 127 - zeros;
    let first = ((number << zeros) >> 64) as u64;
    let part = (first >> 58) as usize & 31;
    let middle = (65 + 2 * part as u64) << 57;
    let sum = (first >> 1) + (middle >> 1);
    let ratio = (((first.abs_diff(middle) as u128) << 69) / sum as u128) as u64; // at most 2⁻⁷, in units of 2⁻⁷⁰
    let square = times(ratio, ratio, 70);
    let mut series = ONE_64 / 5 + times(square, ONE_64 / 7, 70);
    series = ONE_64 / 3 + times(square, series, 70);
    let half = ratio + times(ratio, times(square, series, 70), 64);
    let part = MIDDLES[part] + exponent as i128 * LN_2_FINE;
    let twice = (half as i128) << 3;
    if first < middle { part - twice } else { part + twice }
}

const ONE_64: u64 = u64::MAX;

#[inline]
fn times(one: u64, other: u64, shift: u32) -> u64 {
    ((one as u128 * other as u128) >> shift) as u64
}

/// The same to 2⁻¹¹⁰ and rounded: for one number in a million, which lies too near the middle between two units.
#[cold]
fn wide(number: u128) -> i64 {
    let exponent = 127 - number.leading_zeros();
    let scaled = number << (127 - exponent);
    let (difference, sum) = ((scaled - (1 << 127)) >> 1, (scaled >> 1) + (1 << 126));
    let value = (exponent as u128) * (LN_2 >> 8) + (half_log_ratio(difference, sum) >> 7);
    ((value + (1 << (119 - FRACTION_BITS))) >> (120 - FRACTION_BITS)) as i64
}

/// artanh(z) of z = `over`/`under` up to 1/3, in units of 2⁻¹²⁸: half the logarithm of (1 + z)/(1 - z).
const fn half_log_ratio(over: u128, under: u128) -> u128 {
    let mut ratio = 0u128;
    let (mut rest, mut bit) = (over, 0);
    while bit < 128 {
        ratio <<= 1;
        if rest >= under - rest {
            rest -= under - rest;
            ratio |= 1;
        } else {
            rest += rest;
        }
        bit += 1;
    }
    let square = high(ratio, ratio);
    let (mut power, mut sum, mut odd) = (ratio, ratio, 1u128);
    while power != 0 {
        power = high(power, square);
        odd += 2;
        sum += power / odd;
    }
    sum
}

/// The upper half of a product of 256 bits.
const fn high(one: u128, other: u128) -> u128 {
    const LOW: u128 = u64::MAX as u128;
    let (a, b, c, d) = (one >> 64, one & LOW, other >> 64, other & LOW);
    let (ad, bc) = (a * d, b * c);
    let middle = ((b * d) >> 64) + (ad & LOW) + (bc & LOW);
    a * c + (ad >> 64) + (bc >> 64) + (middle >> 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_digits() {
        // times 2⁴⁰: ln 2 = 0.693147180559945309417… (OEIS A002162), ln 10 = 2.302585092994045684017… (OEIS A002392)
        assert_eq!(ln(1), 0);
        assert_eq!(ln(2), 762_123_384_786);
        assert_eq!(ln(10), 2_531_719_083_691);
        assert_eq!(ln(1_000_000_000_000), 30_380_629_004_288);
        assert_eq!(ln((1 << 127) - 1), 96_789_669_867_798);
    }

    #[test]
    fn the_fast_way_is_the_wide_one() {
        let mut state = 1u128;
        for round in 0..200_000u32 {
            state = state.wrapping_mul(0xDA94_2042_E4DD_58B5_0F9A_4E5C_4C21_9E11).wrapping_add(0x9E37_79B9_7F4A_7C15);
            let number = (state >> 1 >> (round % 126)).max(1);
            assert_eq!(ln(number), wide(number), "{number}");
            let exponent = 127 - number.leading_zeros();
            let scaled = number << (127 - exponent);
            let half = half_log_ratio((scaled - (1 << 127)) >> 1, (scaled >> 1) + (1 << 126));
            let sure = (exponent as u128 * (LN_2 >> 8) + (half >> 7)) >> (120 - FINE);
            assert!((fine(number) - sure as i128).abs() < DOUBT, "{number}");
        }
    }

    #[test]
    fn what_lies_next_to_the_middle_is_rounded_right() {
        // numbers that `fine` alone would round to the wrong side; logarithms by Python's decimal, to 60 digits
        let told = [
            (107919967416397981041145853154898369452, 96_289_129_653_035),
            (116311501949118314768800675202537481127, 96_371_463_330_706),
            (99981239203715448881248333322070362673, 96_205_118_883_756),
            (162648088618928234605549997161341287856, 96_740_148_213_756),
        ];
        for (number, logarithm) in told {
            assert_eq!(ln(number), logarithm);
            assert_ne!(((fine(number) + (1 << 31)) >> 32) as i64, logarithm);
        }
    }

    #[test]
    fn a_product_is_a_sum() {
        for (a, b) in [(3u128, 5), (7, 11), (999, 1000), (1_234_567, 89_012_345_678_901)] {
            assert!((ln(a * b) - ln(a) - ln(b)).abs() <= 1);
        }
    }
}
