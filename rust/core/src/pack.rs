//! 64-bit integers in groups of 32, each group packed the way that takes the fewest bytes.
//!
//! A column begins with its first value (8 bytes). A group begins with a tag, and is one of:
//!
//! - steps (tag 0 to 64): the differences of neighbours, zigzag, in so many bits each;
//! - offsets (65 to 129): the least value less the one before the group, zigzag, as LEB128; what each is above it;
//! - two widths (130 to 194): steps again, whose lowest bits, as many as a second byte says (0: most did not change),
//!   come first; 32 bits tell which need more, up to tag - 130 in all, and their higher bits follow.
//!
//! Packed bits fill bytes from the lowest bit on. Arithmetic wraps at 64 bits, so any integers come back.

/// Values of a group.
pub const GROUP: usize = 32;
/// Bytes that must follow the last column of a buffer, so that eight may be read at each place.
pub const PADDING: usize = 8;

const OFFSETS: u32 = 65;
const TWO_WIDTHS: u32 = 130;

#[derive(Clone, Copy)]
enum Way {
    Steps,
    Offsets,
    TwoWidths(u32),
}

/// Append a column of at least one value.
pub fn pack(values: &[i64], out: &mut Vec<u8>) {
    let mut before = values[0];
    out.extend_from_slice(&before.to_le_bytes());
    for group in values.chunks(GROUP) {
        pack_group(before, group, out);
        before = group[group.len() - 1];
    }
}

/// The sum of the bits that each step needs: which of two columns packs better, without packing both.
pub fn weight(values: impl Iterator<Item = i64>) -> u64 {
    let (mut before, mut sum) = (None, 0);
    for value in values {
        sum += bits(zigzag(value.wrapping_sub(before.unwrap_or(value)))) as u64;
        before = Some(value);
    }
    sum
}

fn pack_group(before: i64, group: &[i64], out: &mut Vec<u8>) {
    let (mut steps, mut all, mut last) = ([0; GROUP], 0, before);
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for (step, value) in steps.iter_mut().zip(group) {
        *step = zigzag(value.wrapping_sub(last));
        all |= *step;
        (low, high, last) = (low.min(*value), high.max(*value), *value);
    }
    let (steps, width) = (&steps[..group.len()], bits(all));
    if width == 0 {
        out.push(0);
        return;
    }
    let base = zigzag(low.wrapping_sub(before));
    let above = bits((high as u64).wrapping_sub(low as u64));
    match best(steps, width, base, above) {
        Way::Steps => {
            out.push(width as u8);
            put(steps.iter().copied(), width, out);
        }
        Way::Offsets => {
            out.push((OFFSETS + above) as u8);
            put_varint(base, out);
            put(group.iter().map(|value| (*value as u64).wrapping_sub(low as u64)), above, out);
        }
        Way::TwoWidths(small) => {
            let wide = |step: &&u64| bits(**step) > small;
            let map = steps.iter().enumerate().fold(0, |map, (i, step)| map | (wide(&step) as u32) << i);
            out.extend_from_slice(&[(TWO_WIDTHS + width) as u8, small as u8]);
            out.extend_from_slice(&map.to_le_bytes());
            put(steps.iter().map(|step| step & !(u64::MAX << small)), small, out);
            put(steps.iter().filter(wide).map(|step| step >> small), width - small, out);
        }
    }
}

/// The way of the fewest bytes; of equals the one that is read faster.
fn best(steps: &[u64], width: u32, base: u64, above: u32) -> Way {
    let (mut way, mut least) = (Way::Steps, bytes(steps.len(), width));
    let offsets = varint_bytes(base) + bytes(steps.len(), above);
    if offsets < least {
        (way, least) = (Way::Offsets, offsets);
    }
    let mut of_bits = [0u8; 65];
    for step in steps {
        of_bits[bits(*step) as usize] += 1;
    }
    let mut wide = 0;
    for small in (0..width).rev() {
        wide += of_bits[small as usize + 1] as usize;
        let both = 5 + bytes(steps.len(), small) + bytes(wide, width - small);
        if both < least {
            (way, least) = (Way::TwoWidths(small), both);
        }
    }
    way
}

/// Reads a column group by group.
pub struct Unpack<'a> {
    bytes: &'a [u8],
    before: i64,
    left: usize,
}

impl<'a> Unpack<'a> {
    /// The column of so many rows that begins with the bytes, which `PADDING` more follow.
    pub fn new(bytes: &'a [u8], rows: usize) -> Self {
        Unpack { before: word(bytes, 0) as i64, bytes: &bytes[8..], left: rows }
    }

    /// The next group, in the first places of `out`, and how many values it has; 0 behind the last.
    #[inline]
    pub fn next(&mut self, out: &mut [i64; GROUP]) -> usize {
        let count = self.left.min(GROUP);
        if count == 0 {
            return 0;
        }
        self.left -= count;
        let tag = self.bytes[0] as u32;
        self.bytes = &self.bytes[1..];
        let mut raw = [0; GROUP];
        if tag >= TWO_WIDTHS {
            self.two_widths(tag - TWO_WIDTHS, &mut raw[..count]);
            self.climb(&raw, out);
        } else if tag >= OFFSETS {
            let low = self.before.wrapping_add(unzigzag(self.varint()));
            self.take(tag - OFFSETS, &mut raw[..count]);
            for (value, above) in out.iter_mut().zip(&raw) {
                *value = low.wrapping_add(*above as i64);
            }
        } else if tag > 0 {
            self.take(tag, &mut raw[..count]);
            self.climb(&raw, out);
        } else {
            out.fill(self.before);
        }
        self.before = out[count - 1];
        count
    }

    #[inline]
    fn climb(&self, steps: &[u64; GROUP], out: &mut [i64; GROUP]) {
        let mut value = self.before;
        for (out, step) in out.iter_mut().zip(steps) {
            value = value.wrapping_add(unzigzag(*step));
            *out = value;
        }
    }

    #[inline]
    fn two_widths(&mut self, width: u32, out: &mut [u64]) {
        let small = self.bytes[0] as u32;
        let mut map = u32::from_le_bytes([self.bytes[1], self.bytes[2], self.bytes[3], self.bytes[4]]);
        self.bytes = &self.bytes[5..];
        self.take(small, out);
        let mut higher = [0; GROUP];
        let wide = map.count_ones() as usize;
        self.take(width - small, &mut higher[..wide]);
        for higher in &higher[..wide] {
            out[map.trailing_zeros() as usize % GROUP] |= higher << small;
            map &= map - 1;
        }
    }

    #[inline]
    fn take(&mut self, width: u32, out: &mut [u64]) {
        let used = bytes(out.len(), width);
        get(&self.bytes[..used + PADDING], width, out);
        self.bytes = &self.bytes[used..];
    }

    #[inline]
    fn varint(&mut self) -> u64 {
        let (mut value, mut shift, mut used) = (0, 0, 0);
        loop {
            let byte = self.bytes[used];
            value |= ((byte & 0x7f) as u64) << shift;
            (shift, used) = (shift + 7, used + 1);
            if byte < 0x80 {
                self.bytes = &self.bytes[used..];
                return value;
            }
        }
    }
}

#[inline]
fn put(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let (mut held, mut used) = (0u64, 0);
    for value in values {
        held |= value << used;
        used += width;
        if used >= 64 {
            out.extend_from_slice(&held.to_le_bytes());
            used -= 64;
            held = if used == 0 { 0 } else { value >> (width - used) };
        }
    }
    out.extend_from_slice(&held.to_le_bytes()[..used.div_ceil(8) as usize]);
}

#[inline]
fn get(bytes: &[u8], width: u32, out: &mut [u64]) {
    if width == 0 {
        return out.fill(0);
    }
    let mask = u64::MAX >> (64 - width);
    if width > 57 {
        return get_wide(bytes, width, mask, out);
    }
    let mut bit = 0;
    for value in out {
        *value = word(bytes, bit / 8) >> (bit % 8) & mask;
        bit += width as usize;
    }
}

/// Numbers of so many bits may lie in nine bytes.
fn get_wide(bytes: &[u8], width: u32, mask: u64, out: &mut [u64]) {
    for (i, value) in out.iter_mut().enumerate() {
        let (byte, shift) = (i * width as usize / 8, (i * width as usize % 8) as u32);
        let ninth = if shift + width > 64 { (bytes[byte + 8] as u64) << (64 - shift) } else { 0 };
        *value = (word(bytes, byte) >> shift | ninth) & mask;
    }
}

#[inline]
fn word(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn varint_bytes(value: u64) -> usize {
    bits(value | 1).div_ceil(7) as usize
}

#[inline]
fn bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

#[inline]
fn bits(value: u64) -> u32 {
    64 - value.leading_zeros()
}

#[inline]
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[inline]
fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(values: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        pack(values, &mut out);
        out
    }

    fn unpacked(mut bytes: Vec<u8>, rows: usize) -> Vec<i64> {
        bytes.extend([0xff; PADDING]);
        let (mut reader, mut buffer, mut found) = (Unpack::new(&bytes, rows), [0; GROUP], Vec::new());
        loop {
            let count = reader.next(&mut buffer);
            if count == 0 {
                return found;
            }
            found.extend_from_slice(&buffer[..count]);
        }
    }

    /// Numbers of every width, the same in each run (Knuth's multiplicative congruence, MMIX).
    fn drawn(count: usize) -> Vec<u64> {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            state
        };
        (0..count).map(|_| next() >> (next() >> 58)).collect()
    }

    #[test]
    fn each_way_takes_the_bytes_that_it_says() {
        assert_eq!(packed(&[7; 40])[8..], [0, 0]);
        let rising: Vec<i64> = (0..32).collect();
        assert_eq!(packed(&rising).len(), 8 + 1 + 32 * 2 / 8); // a step of one is zigzag 2
        let jumping: Vec<i64> = (0..32).map(|i| 1000 + i % 2 * 7).collect();
        assert_eq!(packed(&jumping)[8], (OFFSETS + 3) as u8); // steps of 7 and -7 need four bits
        assert_eq!(packed(&jumping).len(), 8 + 1 + 1 + 32 * 3 / 8);
        let mut rare = vec![5; 32];
        rare[20..].fill(500);
        assert_eq!(packed(&rare)[8..10], [(TWO_WIDTHS + 10) as u8, 0]); // one step of 495, zigzag 990
        assert_eq!(packed(&rare).len(), 8 + 1 + 5 + 2);
    }

    #[test]
    fn what_was_packed_comes_back() {
        let extremes = [i64::MIN, i64::MAX, 0, -1, 1, i64::MAX, i64::MIN];
        assert_eq!(unpacked(packed(&extremes), 7), extremes);
        for rows in [1, 31, 32, 33, 1023, 1024] {
            let wild: Vec<i64> = drawn(rows).iter().map(|value| *value as i64).collect();
            assert_eq!(unpacked(packed(&wild), rows), wild);
        }
        for width in 0..=64 {
            let narrow: Vec<i64> =
                drawn(96).iter().map(|v| if width == 0 { 3 } else { (v >> (64 - width)) as i64 }).collect();
            assert_eq!(unpacked(packed(&narrow), 96), narrow, "{width}");
            let rare: Vec<i64> =
                narrow.iter().enumerate().map(|(i, v)| if i % 9 == 0 { *v } else { i as i64 % 3 }).collect();
            assert_eq!(unpacked(packed(&rare), 96), rare, "{width}");
        }
    }

    #[test]
    fn a_column_that_packs_worse_weighs_more() {
        assert_eq!(weight([].into_iter()), 0);
        assert_eq!(weight([9, 9, 10].into_iter()), 2);
        assert!(weight([0, 1000, 0].into_iter()) > weight([0, 1, 0].into_iter()));
    }
}
