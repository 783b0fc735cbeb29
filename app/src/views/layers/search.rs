//! Finding layers by name or operation.

use ganoscope_core::graph::{Graph, GraphLayer};

/// What is searched for, and which hit is looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Search {
    /// What was typed.
    pub(super) text: String,
    current: usize,
    /// The layers that match, by position.
    hits: Vec<usize>,
    /// What the hits belong to.
    found_for: String,
}

impl Search {
    /// Brings the hits up to date; returns whether there are others than before.
    pub(super) fn update(&mut self, graph: &Graph) -> bool {
        let hits = hits(graph, &self.text);
        let is_new = self.found_for != self.text || self.hits != hits;
        if is_new {
            self.current = 0;
            self.found_for.clone_from(&self.text);
            self.hits = hits;
        }
        is_new
    }

    /// Goes to the next hit, or the one before, around the end.
    pub(super) fn advance(&mut self, is_forward: bool) {
        let count = self.hits.len().max(1);
        let by = if is_forward { 1 } else { count - 1 };
        self.current = (self.current + by) % count;
    }

    /// The layers that match, by position.
    pub(super) fn hits(&self) -> &[usize] {
        &self.hits
    }

    /// The hit looked at.
    pub(super) fn current(&self) -> Option<usize> {
        self.hits.get(self.current).copied()
    }

    /// `2 of 14`, or that there is none; nothing while nothing is searched for.
    pub(super) fn count_text(&self) -> String {
        match (self.text.trim().is_empty(), self.hits.len()) {
            (true, _) => String::new(),
            (false, 0) => "no layer".to_owned(),
            (false, n) => format!("{} of {n}", self.current + 1),
        }
    }
}

/// The layers whose name contains every word, whatever its case; when there are none, those of which name and operation
/// together do.
fn hits(graph: &Graph, text: &str) -> Vec<usize> {
    let text = text.to_lowercase();
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Vec::new();
    }
    let matching = |with_operation: bool| -> Vec<usize> {
        let is_hit = |layer: &GraphLayer| {
            let name = layer.name.to_lowercase();
            let operation = layer.summary.to_lowercase();
            let is_in =
                |word: &&str| name.contains(*word) || (with_operation && operation.contains(*word));
            words.iter().all(is_in)
        };
        let layers = graph.layers.iter().enumerate();
        layers
            .filter(|(_, layer)| is_hit(layer))
            .map(|(at, _)| at)
            .collect()
    };
    let by_name = matching(false);
    if by_name.is_empty() {
        matching(true)
    } else {
        by_name
    }
}
