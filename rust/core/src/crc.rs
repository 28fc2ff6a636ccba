//! CRC-32 as in zlib (polynomial 0xEDB88320), sixteen bytes a step.

const STEP: usize = 16;

static TABLES: [[u32; 256]; STEP] = tables();

const fn tables() -> [[u32; 256]; STEP] {
    let mut tables = [[0u32; 256]; STEP];
    let mut i = 0;
    while i < 256 {
        let mut crc = i as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][i] = crc;
        i += 1;
    }
    let mut k = 1;
    while k < STEP {
        let mut i = 0;
        while i < 256 {
            let former = tables[k - 1][i];
            tables[k][i] = (former >> 8) ^ tables[0][(former & 0xFF) as usize];
            i += 1;
        }
        k += 1;
    }
    tables
}

/// The checksum of some bytes.
pub fn crc32(bytes: &[u8]) -> u32 {
    crc32_after(0, bytes)
}

/// The checksum of bytes that follow others whose checksum is `before`.
pub fn crc32_after(before: u32, bytes: &[u8]) -> u32 {
    let mut crc = !before;
    let mut chunks = bytes.chunks_exact(STEP);
    for chunk in &mut chunks {
        let first = crc.to_le_bytes();
        let mut next = 0;
        for i in 0..STEP {
            let byte = if i < 4 { chunk[i] ^ first[i] } else { chunk[i] };
            next ^= TABLES[STEP - 1 - i][byte as usize];
        }
        crc = next;
    }
    for byte in chunks.remainder() {
        crc = (crc >> 8) ^ TABLES[0][((crc ^ *byte as u32) & 0xFF) as usize];
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::{crc32, crc32_after};

    #[test]
    fn check_value_of_the_catalogue() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926); // CRC-32/ISO-HDLC, "check"
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn equals_the_division_bit_by_bit() {
        let bytes: Vec<u8> = (0..1000u32).map(|i| (i * 7) as u8).collect();
        for end in [1, 7, 8, 9, 63, 1000] {
            let slow = !bytes[..end].iter().fold(!0u32, |crc, b| {
                (0..8).fold(crc ^ *b as u32, |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 })
            });
            assert_eq!(crc32(&bytes[..end]), slow);
            assert_eq!(crc32_after(crc32(&bytes[..end / 3]), &bytes[end / 3..end]), slow);
        }
    }
}
