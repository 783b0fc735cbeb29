//! Which value lives in which buffer: values that are not needed at the same time share one.

use super::build::{Step, Value};

/// Per value its buffer, and the elements of a sample of every buffer.
pub(super) struct Layout {
    pub(super) buffers: Vec<usize>,
    pub(super) sizes: Vec<usize>,
}

/// Gives every value a buffer. A value that `is_kept` has one to itself from the first run to the last.
pub(super) fn layout(
    steps: &[Step],
    values: &[Value],
    first: &[usize],
    is_kept: &[bool],
) -> Layout {
    let mut last_read = vec![0; values.len()];
    for (index, step) in steps.iter().enumerate() {
        for value in step.reads() {
            last_read[value] = index;
        }
    }
    let mut place = Placing {
        buffers: vec![usize::MAX; values.len()],
        sizes: Vec::new(),
        free: Vec::new(),
    };
    for value in first {
        place.give(*value, values[*value].sample(), is_kept[*value]);
    }
    for (index, step) in steps.iter().enumerate() {
        let dies = |value: usize| last_read[value] == index && !is_kept[value];
        let size = values[step.write].sample();
        match step.source_to_overwrite(|v| dies(v) && values[v].sample() == size) {
            Some(source) if !is_kept[step.write] => {
                place.buffers[step.write] = place.buffers[source];
            }
            _ => place.give(step.write, size, is_kept[step.write]),
        }
        let mut dead: Vec<usize> = step.reads().filter(|value| dies(*value)).collect();
        // A result that nobody reads.
        if last_read[step.write] <= index && !is_kept[step.write] {
            dead.push(step.write);
        }
        dead.sort_unstable();
        dead.dedup();
        for value in dead {
            let buffer = place.buffers[value];
            let is_overwritten = value != step.write && buffer == place.buffers[step.write];
            if !is_overwritten && !place.free.contains(&buffer) {
                place.free.push(buffer);
            }
        }
    }
    Layout {
        buffers: place.buffers,
        sizes: place.sizes,
    }
}

struct Placing {
    buffers: Vec<usize>,
    sizes: Vec<usize>,
    free: Vec<usize>,
}

impl Placing {
    /// The smallest free buffer that holds `size` elements, or the largest made larger, or a new one.
    fn give(&mut self, value: usize, size: usize, is_kept: bool) {
        let fits = |sizes: &[usize], buffer: &usize| {
            (sizes[*buffer] < size, sizes[*buffer].abs_diff(size))
        };
        let best = (0..self.free.len()).min_by_key(|i| fits(&self.sizes, &self.free[*i]));
        let buffer = match best {
            Some(best) if !is_kept => self.free.swap_remove(best),
            _ => {
                self.sizes.push(0);
                self.sizes.len() - 1
            }
        };
        self.sizes[buffer] = self.sizes[buffer].max(size);
        self.buffers[value] = buffer;
    }
}
