//! Ids of orders, packed, and the table that finds an order by its id.

const PLAIN: usize = 23;
const UUID: u8 = 255;
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const EMPTY: u64 = u64::MAX;
const HEX: &[u8; 16] = b"0123456789abcdef";

const NIBBLES: [u8; 256] = {
    let mut table = [0xFF; 256];
    let mut i = 0;
    while i < 16 {
        table[HEX[i] as usize] = i as u8;
        i += 1;
    }
    table
};

/// The id of an order: any text. A UUID in lower case and what has at most 23 bytes need no memory of their own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Id {
    /// Up to 23 bytes and their number in the last byte, or the 16 bytes of a UUID and 255 there.
    Short([u64; 3]),
    /// Any other text.
    Long(Box<str>),
}

impl Default for Id {
    fn default() -> Self {
        Id::Short([0; 3])
    }
}

impl Id {
    /// The id that is written so.
    #[inline]
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        if bytes.len() <= PLAIN {
            let mut packed = [0u8; 24];
            packed[..bytes.len()].copy_from_slice(bytes);
            packed[PLAIN] = bytes.len() as u8;
            return Id::Short(words(packed));
        }
        match uuid(bytes) {
            Some([high, low]) => Id::Short([high, low, (UUID as u64) << 56]),
            None => Id::Long(text.into()),
        }
    }

    /// The id as it was written.
    pub fn text(&self) -> String {
        let words = match self {
            Id::Long(text) => return text.to_string(),
            Id::Short(words) => words,
        };
        if (words[2] >> 56) as u8 == UUID {
            let hex = format!("{:016x}{:016x}", words[0], words[1]);
            return format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
        }
        let packed: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        String::from_utf8_lossy(&packed[..packed[PLAIN] as usize]).into_owned()
    }

    /// A number that spreads ids over a table. It has no secret: ids are the venue's and not an opponent's.
    #[inline]
    pub fn spread(&self) -> u32 {
        let [a, b, c] = match self {
            Id::Short(words) => *words,
            Id::Long(text) => {
                text.bytes().fold([1, 2, 3], |[a, b, c], byte| [mix(a ^ byte as u64, MULTIPLIERS[0]), b, c])
            }
        };
        let all = mix(mix(a ^ MULTIPLIERS[0], b ^ MULTIPLIERS[1]) ^ c, MULTIPLIERS[2]);
        (all >> 32) as u32
    }
}

const MULTIPLIERS: [u64; 3] = [0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F, 0xD6E8_FEB8_6659_FD93];

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

#[inline]
fn words(bytes: [u8; 24]) -> [u64; 3] {
    let mut words = [0; 3];
    for (word, chunk) in words.iter_mut().zip(bytes.chunks_exact(8)) {
        *word = chunk.iter().rev().fold(0, |word, byte| word << 8 | *byte as u64);
    }
    words
}

#[inline]
fn uuid(text: &[u8]) -> Option<[u64; 2]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if HYPHENS.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let (mut value, mut bad) = (0u128, 0u8);
    for part in [&text[..8], &text[9..13], &text[14..18], &text[19..23], &text[24..]] {
        let mut chunk = 0u64;
        for byte in part {
            let nibble = NIBBLES[*byte as usize];
            bad |= nibble;
            chunk = chunk << 4 | (nibble & 15) as u64;
        }
        value = value << (4 * part.len()) | chunk as u128;
    }
    (bad < 16).then_some([(value >> 64) as u64, value as u64])
}

/// From hashes to slots: open addressing, at most half full, no tombstones.
#[derive(Debug, Default)]
pub struct Table {
    entries: Vec<u64>,
    used: usize,
}

impl Table {
    /// The slot with this hash for which `is_it` holds.
    #[inline]
    pub fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        if self.entries.is_empty() {
            return None;
        }
        let mask = self.entries.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let entry = self.entries[at];
            if entry == EMPTY {
                return None;
            }
            if (entry >> 32) as u32 == hash && is_it(entry as u32) {
                return Some(entry as u32);
            }
            at = (at + 1) & mask;
        }
    }

    /// Add a slot, which is less than 2³² - 1.
    #[inline]
    pub fn insert(&mut self, hash: u32, slot: u32) {
        if 2 * (self.used + 1) > self.entries.len() {
            self.grow();
        }
        self.used += 1;
        self.place((hash as u64) << 32 | slot as u64);
    }

    #[inline]
    fn place(&mut self, entry: u64) {
        let mask = self.entries.len() - 1;
        let mut at = (entry >> 32) as usize & mask;
        while self.entries[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.entries[at] = entry;
    }

    #[cold]
    fn grow(&mut self) {
        let size = (2 * self.entries.len()).max(64);
        for entry in std::mem::replace(&mut self.entries, vec![EMPTY; size]) {
            if entry != EMPTY {
                self.place(entry);
            }
        }
    }

    /// Remove a slot that is there; those behind it move up.
    #[inline]
    pub fn remove(&mut self, hash: u32, slot: u32) {
        let mask = self.entries.len() - 1;
        let entry = (hash as u64) << 32 | slot as u64;
        let mut hole = hash as usize & mask;
        while self.entries[hole] != entry {
            hole = (hole + 1) & mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let moved = self.entries[at];
            if moved == EMPTY {
                break;
            }
            let home = (moved >> 32) as usize & mask;
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.entries[hole] = moved;
                hole = at;
            }
        }
        self.entries[hole] = EMPTY;
        self.used -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_written() {
        for text in [
            "",
            "7",
            "18446744073709551617",
            "OQLT3K-SUFWQ-5JIJ5V",
            "exactly twenty-three by",
            "exactly twenty-four byte",
            "d50ec984-77a8-460a-b958-66f114b0de9b",
            "D50EC984-77A8-460A-B958-66F114B0DE9B",
            "d50ec984-77a8-460a-b958-66f114b0de9g",
            "d50ec984x77a8-460a-b958-66f114b0de9b",
            "é",
        ] {
            assert_eq!(Id::new(text).text(), text);
        }
        assert!(matches!(Id::new("d50ec984-77a8-460a-b958-66f114b0de9b"), Id::Short(_)));
        assert_ne!(Id::new("7"), Id::new("7\0"));
    }

    #[test]
    fn what_was_removed_is_not_found_and_what_was_not_is() {
        let (mut table, mut live) = (Table::default(), Vec::new());
        for round in 0..4000u32 {
            let hash = round.wrapping_mul(2_654_435_761) % 97; // many of one home
            table.insert(hash, round);
            live.push((hash, round));
            if round % 3 != 0 {
                let (hash, slot) = live.swap_remove((round as usize * 7919) % live.len());
                table.remove(hash, slot);
                assert_eq!(table.find(hash, |s| s == slot), None);
            }
        }
        assert!(live.iter().all(|(hash, slot)| table.find(*hash, |s| s == *slot) == Some(*slot)));
        assert_eq!(table.used, live.len());
    }
}
