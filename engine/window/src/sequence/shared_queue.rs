//! A queue whose clones share the chunks that neither has changed.
//!
//! Owns the chunks. Rules that fire ahead of the watermark clone a key's state whenever the first
//! event beyond it arrives, so the events of a run must not be copied then. It knows nothing of
//! events or sequences.
//! Invariant: all chunks but the last have [`CHUNK`] members, so an index finds its chunk by
//! division, and a change after a clone copies at most one chunk.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Members of a full chunk.
const CHUNK: usize = 32;

/// A queue in chunks.
#[derive(Debug, Clone)]
pub(super) struct SharedQueue<T> {
    chunks: VecDeque<Arc<Vec<T>>>,
    /// Members of the first chunk that were already dropped.
    dropped: usize,
    len: usize,
}

impl<T> SharedQueue<T> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: VecDeque::new(),
            dropped: 0,
            len: 0,
        }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len {
            return None;
        }
        let index = self.dropped + index;
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    pub(super) fn front(&self) -> Option<&T> {
        self.get(0)
    }

    pub(super) fn back(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    pub(super) fn drop_front(&mut self) {
        if self.is_empty() {
            return;
        }
        self.len -= 1;
        self.dropped += 1;
        if self.dropped == CHUNK || self.is_empty() {
            self.chunks.pop_front();
            self.dropped = 0;
        }
    }

    pub(super) fn range(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = &T> {
        range.filter_map(|index| self.get(index))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.range(0..self.len)
    }

    /// How many members at the front satisfy `is_before`. No later member may satisfy it.
    pub(super) fn partition_point(&self, is_before: impl Fn(&T) -> bool) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low.midpoint(high);
            if self.get(middle).is_some_and(&is_before) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

impl<T: Clone> SharedQueue<T> {
    pub(super) fn push_back(&mut self, member: T) {
        self.len += 1;
        match self.chunks.back_mut() {
            Some(last) if last.len() < CHUNK => Arc::make_mut(last).push(member),
            Some(_) | None => self.chunks.push_back(Arc::new(vec![member])),
        }
    }
}

impl<T: PartialEq> PartialEq for SharedQueue<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for SharedQueue<T> {}

impl<T: Serialize> Serialize for SharedQueue<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let members: Vec<&T> = self.iter().collect();
        members.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Clone> Deserialize<'de> for SharedQueue<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut chunks = Self::new();
        for member in Vec::<T>::deserialize(deserializer)? {
            chunks.push_back(member);
        }
        Ok(chunks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_stays_in_order_over_the_ends_of_its_chunks() {
        let mut queue = SharedQueue::new();
        let mut plain = VecDeque::new();
        for number in 0..5 * CHUNK {
            queue.push_back(number);
            plain.push_back(number);
            // Two members are pushed for each one that is popped, and at the end all are popped.
            if number % 2 == 0 {
                queue.drop_front();
                plain.pop_front();
            }
            assert!(queue.iter().eq(&plain), "{number}");
            assert_eq!((queue.front(), queue.back()), (plain.front(), plain.back()));
            for sought in [0, number / 2, number, number + 1] {
                let expected = plain.partition_point(|member| *member < sought);
                assert_eq!(queue.partition_point(|member| *member < sought), expected);
            }
        }
        while !plain.is_empty() {
            queue.drop_front();
            plain.pop_front();
            assert!(queue.iter().eq(&plain));
        }
        queue.drop_front();
        assert!(queue.is_empty());
        queue.push_back(7);
        assert_eq!(
            (queue.len(), queue.get(0), queue.get(1)),
            (1, Some(&7), None)
        );
    }

    #[test]
    fn a_clone_and_what_it_was_cloned_from_go_their_own_ways() {
        let mut queue = SharedQueue::new();
        for number in 0..CHUNK + 5 {
            queue.push_back(number);
        }
        let mut clone = queue.clone();
        assert!(
            clone
                .chunks
                .iter()
                .zip(&queue.chunks)
                .all(|(one, other)| Arc::ptr_eq(one, other))
        );
        clone.push_back(1_000);
        queue.drop_front();
        assert_eq!((queue.len(), clone.len()), (CHUNK + 4, CHUNK + 6));
        assert_eq!(
            (queue.back(), clone.back()),
            (Some(&(CHUNK + 4)), Some(&1_000))
        );
        let bytes = postcard::to_stdvec(&queue).unwrap();
        assert_eq!(
            postcard::from_bytes::<SharedQueue<usize>>(&bytes).unwrap(),
            queue
        );
    }
}
