//! A series of evenly distributed numbers from a seed, for choices by weight and for request
//! identifiers. Not for anything secret.

use std::sync::atomic::{AtomicU64, Ordering};

/// The series (Steele, Lea, Flood: SplitMix64); safe to draw from many tasks.
#[derive(Debug)]
pub(super) struct Draws {
    state: AtomicU64,
}

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Draws {
    /// The series of a seed.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    /// The next number.
    pub(super) fn next(&self) -> u64 {
        let mut z = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Whether an event with this share of the whole happens now.
    pub(super) fn happens(&self, numerator: u32, denominator: u32) -> bool {
        self.next().checked_rem(u64::from(denominator)).is_some_and(|n| n < u64::from(numerator))
    }

    /// An identifier in the form of a version 4 UUID.
    pub(super) fn request_id(&self) -> String {
        let high = (self.next() & !0xF000) | 0x4000;
        let low = (self.next() & !(0b11 << 62)) | (0b10 << 62);
        format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Draws;

    #[test]
    fn equal_seeds_give_equal_series_and_other_seeds_do_not() {
        let series = |seed| {
            let draws = Draws::new(seed);
            [draws.next(), draws.next(), draws.next()]
        };
        assert_eq!(series(1), series(1));
        assert_ne!(series(1), series(2));
    }

    #[test]
    fn share_is_kept_within_five_points() {
        let draws = Draws::new(9);
        let hits = (0..2000).filter(|_| draws.happens(30, 100)).count();
        assert!((500..=700).contains(&hits), "{hits} of 2000 for 30 %");
        assert!((0..100).all(|_| !draws.happens(0, 100)), "a share of nothing never happens");
        assert!((0..100).all(|_| draws.happens(100, 100)), "the whole always happens");
    }

    #[test]
    fn request_id_is_a_version_four_uuid() {
        let id = Draws::new(3).request_id();
        let parts: Vec<&str> = id.split('-').collect();
        assert_eq!(parts.iter().map(|part| part.len()).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
        assert!(parts[2].starts_with('4'), "{id}");
        assert!(parts[3].starts_with(['8', '9', 'a', 'b']), "{id}");
    }
}
