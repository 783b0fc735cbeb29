//! A cache bounded by bytes: the least recently used things are forgotten first.

use std::sync::Arc;

/// How much memory a thing holds.
pub trait SizeBytes {
    /// Bytes held, buffers included.
    fn size_bytes(&self) -> usize;
}

/// Things by key, at most `limit` bytes of them. The newest thing is always kept, however large.
#[derive(Debug)]
pub struct BytesCache<K, V> {
    limit: usize,
    /// Least recently used first. A handful of entries: a list is faster than a map and keeps the order.
    entries: Vec<(K, Arc<V>)>,
}

impl<K: PartialEq, V: SizeBytes> BytesCache<K, V> {
    /// An empty cache of at most `limit` bytes.
    pub const fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: Vec::new(),
        }
    }

    /// The thing of a key, made by `make` when it is not there.
    ///
    /// # Errors
    /// Those of `make`; nothing is kept then.
    pub fn try_get<E>(&mut self, key: &K, make: impl FnOnce() -> Result<V, E>) -> Result<Arc<V>, E>
    where
        K: Clone,
    {
        if let Some(found) = self.find(key) {
            return Ok(found);
        }
        let value = make()?;
        Ok(self.put(key.clone(), value))
    }

    /// The thing of a key, if it is there; it becomes the most recently used.
    pub fn find(&mut self, key: &K) -> Option<Arc<V>> {
        let at = self.entries.iter().position(|(k, _)| k == key)?;
        let entry = self.entries.remove(at);
        let value = entry.1.clone();
        self.entries.push(entry);
        Some(value)
    }

    /// Keeps a thing, replacing the one of the same key and forgetting others until it fits.
    pub fn put(&mut self, key: K, value: V) -> Arc<V> {
        self.entries.retain(|(k, _)| *k != key);
        let value = Arc::new(value);
        self.entries.push((key, value.clone()));
        let mut held = self.size_bytes();
        while held > self.limit && self.entries.len() > 1 {
            let (_, oldest) = self.entries.remove(0);
            held -= oldest.size_bytes();
        }
        value
    }

    /// Forgets the things whose key is meant.
    pub fn forget_if(&mut self, is_meant: impl Fn(&K) -> bool) {
        self.entries.retain(|(k, _)| !is_meant(k));
    }

    /// Bytes held by everything in the cache.
    pub fn size_bytes(&self) -> usize {
        self.entries.iter().map(|(_, v)| v.size_bytes()).sum()
    }

    /// Number of things held.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Block(usize);

    impl SizeBytes for Block {
        fn size_bytes(&self) -> usize {
            self.0
        }
    }

    fn get(cache: &mut BytesCache<u8, Block>, key: u8, size: usize) -> bool {
        let mut made = false;
        let _ = cache.try_get(&key, || {
            made = true;
            Ok::<_, ()>(Block(size))
        });
        made
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = BytesCache::new(10);
        assert!(get(&mut cache, 1, 4));
        assert!(get(&mut cache, 2, 4));
        assert!(!get(&mut cache, 1, 4));
        assert!(get(&mut cache, 3, 4));
        assert!(!get(&mut cache, 1, 4), "used more recently than 2");
        assert!(get(&mut cache, 2, 4), "was forgotten");
        assert!(cache.size_bytes() <= 10);
    }

    #[test]
    fn a_thing_larger_than_the_limit_is_kept_alone() {
        let mut cache = BytesCache::new(10);
        get(&mut cache, 1, 4);
        get(&mut cache, 2, 50);
        assert_eq!(cache.len(), 1);
        assert!(!get(&mut cache, 2, 50));
    }

    #[test]
    fn failures_are_not_kept() {
        let mut cache = BytesCache::<u8, Block>::new(10);
        assert!(cache.try_get(&1, || Err("no")).is_err());
        assert!(cache.is_empty());
    }
}
