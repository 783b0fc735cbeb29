//! Whose turn it is: pictures that the processor makes share the time of a frame, so that no frame waits for all of them.
//!
//! Invariant: every frame makes at least one of the pictures that are asked for, and those that were put off longest go
//! first, so that each has its turn however often all of them change.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use egui::Id;

/// After so much time in a frame the pictures that are still to be made are put off.
const BUDGET: Duration = Duration::from_millis(10);

/// Takes turns.
#[derive(Debug, Default)]
pub(super) struct Turns {
    spent: Duration,
    made: usize,
    /// For how many frames the pictures have been put off that were in the last one.
    waiting: HashMap<Id, u32>,
    /// Whose turn it is; everybody's when empty.
    first: HashSet<Id>,
    /// Put off in this frame, in order.
    put_off: Vec<Id>,
}

impl Turns {
    /// Whether the picture of a place is made now; otherwise it is put off.
    pub(super) fn has_turn(&mut self, place: Id) -> bool {
        let is_first = self.first.is_empty() || self.first.contains(&place);
        let has_turn = is_first && self.spent < BUDGET;
        if !has_turn {
            self.put_off.push(place);
        }
        has_turn
    }

    /// A picture was made.
    pub(super) fn took(&mut self, time: Duration) {
        self.spent += time;
        self.made += 1;
    }

    /// Call once a frame; returns whether pictures were put off.
    pub(super) fn end_frame(&mut self) -> bool {
        let put_off = std::mem::take(&mut self.put_off);
        let age = |place: &Id| self.waiting.get(place).copied().unwrap_or(0) + 1;
        let mut aged: Vec<(Id, u32)> = put_off.iter().map(|place| (*place, age(place))).collect();
        self.waiting = aged.iter().copied().collect();
        // As many as there was time for; everybody where none of those whose turn it was asked for one.
        let most = if self.made == 0 {
            aged.len()
        } else {
            self.made
        };
        aged.sort_by_key(|(_, age)| std::cmp::Reverse(*age));
        self.first = aged
            .into_iter()
            .take(most)
            .map(|(place, _)| place)
            .collect();
        self.spent = Duration::ZERO;
        self.made = 0;
        self.is_behind()
    }

    /// Whether pictures are put off.
    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The places made in one frame, in which all ask and each takes so long.
    fn frame(turns: &mut Turns, places: &[u64], takes: Duration) -> Vec<u64> {
        let mut made = Vec::new();
        for place in places {
            if turns.has_turn(Id::unique(place)) {
                turns.took(takes);
                made.push(*place);
            }
        }
        turns.end_frame();
        made
    }

    #[test]
    fn quick_pictures_are_all_made_at_once() {
        let mut turns = Turns::default();
        let places: Vec<u64> = (0..30).collect();
        assert_eq!(frame(&mut turns, &places, BUDGET / 50), places);
        assert!(!turns.is_behind());
    }

    #[test]
    fn slow_ones_take_turns_though_all_change_in_every_frame() {
        let mut turns = Turns::default();
        let mut count = [0; 5];
        for _ in 0..50 {
            let made = frame(&mut turns, &[0, 1, 2, 3, 4], BUDGET / 2);
            assert!((1..=2).contains(&made.len()), "{made:?}");
            for place in made {
                count[place as usize] += 1;
            }
        }
        assert!(count.iter().all(|n| (15..=26).contains(n)), "{count:?}");
    }

    #[test]
    fn those_that_ask_no_more_hold_nobody_up() {
        let mut turns = Turns::default();
        assert_eq!(frame(&mut turns, &[0, 1, 2], BUDGET), [0]);
        // It is the turn of 1, which is not there any more.
        assert!(frame(&mut turns, &[0, 2], BUDGET).is_empty());
        assert_eq!(frame(&mut turns, &[0, 2], BUDGET).len(), 1);
        assert!(turns.is_behind());
        assert!(frame(&mut turns, &[], BUDGET).is_empty());
        assert!(!turns.is_behind());
    }
}
