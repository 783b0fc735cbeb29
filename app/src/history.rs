//! Undo and redo over whole documents: one named point per gesture.
//!
//! Invariant: two neighbouring points differ. A gesture (a drag of a slider, a scrub over steps) ends when pointer and
//! keys rest, or when a change of another kind comes; everything within it is one point. The idea of feeding every state
//! and letting rest decide is that of `egui::util::undoer`.

use std::collections::VecDeque;

use crate::document::Document;

/// The most points kept; a document is a few kilobytes.
const MAX_POINTS: usize = 200;

/// A document and the name of the change that led away from it.
#[derive(Clone, Debug)]
struct Point {
    before: Document,
    name: String,
}

/// A gesture that may still go on.
#[derive(Clone, Debug)]
struct Gesture {
    before: Document,
    name: String,
    kind: String,
}

/// The past and the future of a document.
#[derive(Clone, Debug, Default)]
pub struct History {
    past: VecDeque<Point>,
    future: Vec<Point>,
    gesture: Option<Gesture>,
}

impl History {
    /// Notes that `document` is about to be changed. Changes of one `kind` without rest between them are one gesture.
    pub fn about_to_change(&mut self, document: &Document, name: String, kind: &str) {
        if let Some(gesture) = &mut self.gesture {
            if gesture.kind == kind {
                gesture.name = name;
                return;
            }
            self.close(document);
        }
        self.gesture = Some(Gesture {
            before: document.clone(),
            name,
            kind: kind.to_owned(),
        });
    }

    /// Ends the gesture: pointer and keys rest. Nothing is kept if `document` is as it was before.
    pub fn close(&mut self, document: &Document) {
        let Some(Gesture { before, name, .. }) = self.gesture.take() else {
            return;
        };
        if before == *document {
            return;
        }
        self.future.clear();
        self.past.push_back(Point { before, name });
        if self.past.len() > MAX_POINTS {
            self.past.pop_front();
        }
    }

    /// What undo would undo.
    pub fn undo_name(&self) -> Option<&str> {
        let open = self.gesture.as_ref().map(|g| g.name.as_str());
        open.or_else(|| self.past.back().map(|p| p.name.as_str()))
    }

    /// What redo would do again.
    pub fn redo_name(&self) -> Option<&str> {
        self.future.last().map(|p| p.name.as_str())
    }

    /// The names of all changes that can be undone, oldest first, the open gesture included.
    pub fn past_names(&self) -> impl DoubleEndedIterator<Item = &str> {
        let past = self.past.iter().map(|p| p.name.as_str());
        past.chain(self.gesture.as_ref().map(|g| g.name.as_str()))
    }

    /// The names of all changes that can be made again, the next one first.
    pub fn future_names(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.future.iter().rev().map(|p| p.name.as_str())
    }

    /// Goes back by one gesture; returns its name.
    pub fn undo(&mut self, document: &mut Document) -> Option<String> {
        self.close(document);
        let Point { before, name } = self.past.pop_back()?;
        let after = std::mem::replace(document, before);
        self.future.push(Point {
            before: after,
            name: name.clone(),
        });
        Some(name)
    }

    /// Goes forward by one gesture; returns its name.
    pub fn redo(&mut self, document: &mut Document) -> Option<String> {
        self.close(document);
        let Point { before, name } = self.future.pop()?;
        let after = std::mem::replace(document, before);
        self.past.push_back(Point {
            before: after,
            name: name.clone(),
        });
        Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(history: &mut History, document: &mut Document, step: u64) {
        history.about_to_change(document, format!("go to step {step}"), "step");
        document.step = Some(step);
    }

    #[test]
    fn a_gesture_is_one_point() {
        let (mut history, mut document) = (History::default(), Document::default());
        for s in [1, 2, 3] {
            step(&mut history, &mut document, s);
        }
        history.close(&document);
        step(&mut history, &mut document, 4);
        assert_eq!(history.undo_name(), Some("go to step 4"));
        history.undo(&mut document);
        assert_eq!(document.step, Some(3));
        assert_eq!(history.undo(&mut document).as_deref(), Some("go to step 3"));
        assert_eq!(document.step, None);
        assert_eq!(history.undo(&mut document), None);
        history.redo(&mut document);
        history.redo(&mut document);
        assert_eq!(document.step, Some(4));
    }

    #[test]
    fn another_kind_of_change_ends_a_gesture() {
        let (mut history, mut document) = (History::default(), Document::default());
        step(&mut history, &mut document, 1);
        history.about_to_change(&document, "show the layer".to_owned(), "layer");
        document.layer = Some("root.0".into());
        history.undo(&mut document);
        assert_eq!(document.layer, None);
        assert_eq!(document.step, Some(1));
    }

    #[test]
    fn changes_that_come_to_nothing_leave_no_point() {
        let (mut history, mut document) = (History::default(), Document::default());
        step(&mut history, &mut document, 1);
        history.close(&document);
        history.undo(&mut document);
        step(&mut history, &mut document, 2);
        document.step = None;
        history.close(&document);
        assert_eq!(history.undo_name(), None);
        assert_eq!(history.redo_name(), Some("go to step 1"), "redo survives");
    }
}
