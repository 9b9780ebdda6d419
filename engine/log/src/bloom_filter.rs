//! Tells quickly that a sealed partition does not hold an id.
//!
//! A blocked Bloom filter: each number sets eight bits of one block of 64 bytes, so a question
//! costs one cache line. With 16 bits per number about one question in a thousand is answered with
//! a false "perhaps"; a "no" is always right. It spares nearly every new event the look into every
//! sealed partition, whatever their number.

/// Which numbers a partition may hold.
#[derive(Debug, Clone)]
pub(crate) struct BloomFilter {
    blocks: Vec<FilterBlock>,
}

type FilterBlock = [u64; 8];

const BITS_PER_NUMBER: usize = 16;
const BLOCK_BITS: usize = 512;

impl BloomFilter {
    /// A filter with room for `numbers`.
    pub(crate) fn with_capacity(numbers: usize) -> Self {
        let blocks = (numbers * BITS_PER_NUMBER).div_ceil(BLOCK_BITS).max(1);
        Self {
            blocks: vec![FilterBlock::default(); blocks],
        }
    }

    /// A filter that rules nothing out.
    pub(crate) fn accept_all() -> Self {
        Self { blocks: Vec::new() }
    }

    pub(crate) fn insert(&mut self, number: i64) {
        let (block, mask) = self.locate_bits(number);
        if let Some(block) = self.blocks.get_mut(block) {
            for (word, bits) in block.iter_mut().zip(mask) {
                *word |= bits;
            }
        }
    }

    /// False only when the number was never inserted.
    pub(crate) fn may_contain(&self, number: i64) -> bool {
        let (block, mask) = self.locate_bits(number);
        self.blocks.get(block).is_none_or(|block| {
            block
                .iter()
                .zip(mask)
                .all(|(word, bits)| word & bits == bits)
        })
    }

    /// The block of a number, and one bit in each of its words.
    fn locate_bits(&self, number: i64) -> (usize, FilterBlock) {
        let mixed = mix_bits(number.cast_unsigned());
        // The upper bits choose the block, 6 others each choose a bit of a word.
        let block = (u128::from(mixed) * self.blocks.len() as u128) >> 64;
        let mut bits = mix_bits(mixed);
        let mask = std::array::from_fn(|_| {
            let bit = bits & 63;
            bits >>= 6;
            1_u64 << bit
        });
        (block as usize, mask)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.blocks
            .iter()
            .flatten()
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    /// Reads what [`BloomFilter::to_bytes`] wrote; `None` for anything of another length.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let (blocks, odd) = words.as_chunks::<8>();
        if blocks.is_empty() || !odd.is_empty() || !rest.is_empty() {
            return None;
        }
        let blocks = blocks
            .iter()
            .map(|block| block.map(u64::from_le_bytes))
            .collect();
        Some(Self { blocks })
    }
}

/// The finisher of `splitmix64`: every bit of the input moves about half of the output's.
fn mix_bits(number: u64) -> u64 {
    let stepped = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let once = (stepped ^ (stepped >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let twice = (once ^ (once >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    twice ^ (twice >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_inserted_is_found_and_little_else() {
        let mut filter = BloomFilter::with_capacity(10_000);
        (0..10_000).for_each(|number| filter.insert(number * 7_919));
        let filter = BloomFilter::from_bytes(&filter.to_bytes()).unwrap();
        assert!((0..10_000).all(|number| filter.may_contain(number * 7_919)));
        let wrong = (0..100_000)
            .filter(|number| filter.may_contain(number * 7_919 + 1))
            .count();
        assert!(wrong < 500, "{wrong} of 100,000 wrong");
    }

    #[test]
    fn bytes_of_another_length_are_refused() {
        assert!(BloomFilter::from_bytes(&[]).is_none());
        assert!(BloomFilter::from_bytes(&[0; 65]).is_none());
        assert!(BloomFilter::from_bytes(&[0; 64]).is_some());
    }
}
