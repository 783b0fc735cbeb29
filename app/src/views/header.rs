//! Header: what the file of the picture says of itself. Every card of every HDU of a FITS file; for all formats how the pixels
//! are read.
//!
//! Invariant: lines are made once per file that was read, and searched once per text.

use std::ops::Range;
use std::sync::Arc;

use egui::text::LayoutJob;
use egui::{FontId, ScrollArea, TextEdit, TextFormat, TextStyle, Ui};
use ganoscope_core::jobs::{FileInfo, Slot};
use ganoscope_core::stamp::io::{Header, Reading, Selector};
use ganoscope_core::stamp::{Card, CardKind};

use super::parts::{combo, picture_or_state};
use super::{View, ViewCx, ViewKey};
use crate::command::{Change, Command};
use crate::results::Loadable;
use crate::theme::Tokens;
use crate::widgets::{failed_ui, loading_ui};

/// Characters of the column of keywords and of values.
const COLUMNS: [usize; 2] = [10, 24];

/// The view.
#[derive(Default)]
pub(super) struct HeaderView {
    search: String,
    made: Option<Made>,
}

impl View for HeaderView {
    fn key(&self) -> ViewKey {
        ViewKey::Header
    }

    fn ui(&mut self, cx: &ViewCx<'_>, ui: &mut Ui) {
        if picture_or_state(cx, ui).is_none() {
            return;
        }
        let file = &cx.results.file;
        match (file, file.shown()) {
            (Loadable::Failed { why, .. }, None) => {
                if failed_ui(ui, "The header could not be read", why) {
                    cx.commands.push(Command::Retry(Slot::File));
                }
            }
            (_, None) => loading_ui(ui, "Reading the header"),
            (_, Some(info)) => {
                let made = Made::of(self.made.take(), info);
                let made = self.made.insert(made);
                bar_ui(cx, ui, made, &mut self.search);
                lines_ui(ui, made, &self.search);
            }
        }
    }
}

/// The lines of a file with what was made of them last.
struct Made {
    of: Arc<FileInfo>,
    lines: Vec<Line>,
    /// A text, and the places of the lines that a search for it leaves.
    found: Option<(String, Vec<usize>)>,
}

impl Made {
    /// What was made `before`, if it is of the same reading of the file.
    fn of(before: Option<Self>, info: &Arc<FileInfo>) -> Self {
        before
            .filter(|made| Arc::ptr_eq(&made.of, info))
            .unwrap_or_else(|| Self {
                of: info.clone(),
                lines: lines_of(info),
                found: None,
            })
    }

    /// The lines that a search leaves.
    fn shown(&mut self, search: &str) -> Shown<'_> {
        let before = self.found.take().filter(|(text, _)| text == search);
        let (_, found) = self
            .found
            .insert(before.unwrap_or_else(|| (search.to_owned(), found(&self.lines, search))));
        Shown {
            lines: &self.lines,
            found,
        }
    }
}

/// The lines that a search left.
#[derive(Clone, Copy)]
struct Shown<'a> {
    lines: &'a [Line],
    found: &'a [usize],
}

impl<'a> Shown<'a> {
    fn rows(self, range: Range<usize>) -> impl Iterator<Item = &'a Line> {
        let rows = self.found.get(range).unwrap_or_default();
        rows.iter().filter_map(|at| self.lines.get(*at))
    }

    fn all(self) -> impl Iterator<Item = &'a Line> {
        self.rows(0..self.found.len())
    }
}

/// A line as it is shown: parts with their meaning.
struct Line {
    keyword: String,
    value: String,
    comment: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Begins a group of lines; stays while a search leaves any of them.
    Heading,
    Plain,
    /// Says what is wrong with the line before.
    Warning,
}

impl Line {
    fn plain(keyword: &str, value: String, comment: &str) -> Self {
        Self {
            keyword: keyword.to_owned(),
            value,
            comment: comment.to_owned(),
            kind: Kind::Plain,
        }
    }

    fn alone(text: String, kind: Kind) -> Self {
        Self {
            keyword: text,
            value: String::new(),
            comment: String::new(),
            kind,
        }
    }

    fn has(&self, search: &str) -> bool {
        [&self.keyword, &self.value, &self.comment]
            .iter()
            .any(|part| part.to_lowercase().contains(search))
    }

    /// As monospaced text.
    fn text(&self) -> String {
        let [keyword, value] = COLUMNS;
        let mut text = format!("{:<keyword$} {:<value$}", self.keyword, self.value);
        if !self.comment.is_empty() {
            text += &format!(" / {}", self.comment);
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn job(&self, tokens: &Tokens, font: &FontId) -> LayoutJob {
        let format = |color| TextFormat::simple(font.clone(), color);
        let [keyword, value] = COLUMNS;
        let mut job = LayoutJob::default();
        job.wrap.max_width = f32::INFINITY;
        let color = match self.kind {
            Kind::Heading => tokens.accent,
            Kind::Plain => tokens.strong,
            Kind::Warning => tokens.warning,
        };
        if self.kind != Kind::Plain {
            job.append(&self.keyword, 0.0, format(color));
            return job;
        }
        job.append(&format!("{:<keyword$} ", self.keyword), 0.0, format(color));
        job.append(&format!("{:<value$}", self.value), 0.0, format(tokens.text));
        if !self.comment.is_empty() {
            let comment = format!(" / {}", self.comment);
            job.append(&comment, 0.0, format(tokens.weak));
        }
        job
    }
}

fn lines_of(info: &FileInfo) -> Vec<Line> {
    let widest = info.facts.iter().map(|fact| fact.name.len()).max();
    let width = widest.unwrap_or(0);
    let mut lines = vec![Line::alone(info.path.display().to_string(), Kind::Heading)];
    lines.extend(info.facts.iter().map(|fact| {
        let name = format!("{:<width$}", fact.name);
        Line::plain(&name, fact.value.clone(), "")
    }));
    for header in &info.headers {
        lines.extend(header_lines(header));
    }
    if let Some(why) = &info.stopped {
        lines.push(Line::alone(format!("! {why}"), Kind::Warning));
    }
    lines
}

fn header_lines(header: &Header) -> Vec<Line> {
    let name = header.name().unwrap_or_default();
    let heading = format!("HDU {} {name}", header.index);
    let mut lines = vec![Line::alone(heading.trim_end().to_owned(), Kind::Heading)];
    let findings = header.findings();
    for (index, card) in header.cards.iter().enumerate() {
        lines.push(Line::plain(&card.keyword, value_text(card), &card.comment));
        for finding in findings.iter().filter(|finding| finding.card == index) {
            lines.push(Line::alone(format!("! {finding}"), Kind::Warning));
        }
    }
    lines
}

fn value_text(card: &Card) -> String {
    match card.kind {
        CardKind::Text => format!("'{}'", card.value),
        CardKind::Value | CardKind::Commentary => card.value.clone(),
    }
}

/// The places of the lines that a search leaves: those with its letters, and the headings above them.
fn found(lines: &[Line], search: &str) -> Vec<usize> {
    let search = search.trim().to_lowercase();
    if search.is_empty() {
        return (0..lines.len()).collect();
    }
    let mut left = Vec::new();
    let mut heading = None;
    for (at, line) in lines.iter().enumerate() {
        if line.kind == Kind::Heading {
            heading = Some(at);
        } else if line.has(&search) {
            left.extend(heading.take());
            left.push(at);
        }
    }
    left
}

/// What the picture is called that a file opens with.
const WHOLE: &str = "as the file opens";

/// The pictures of the file, to show one by itself.
fn images_ui(cx: &ViewCx<'_>, ui: &mut Ui, info: &FileInfo) {
    let Some(picture) = cx.document.picture().filter(|_| !info.images.is_empty()) else {
        return;
    };
    let image = picture.reading.image.as_ref();
    let name = |chosen: &Selector| {
        let known = info.images.iter().find(|(selector, _)| selector == chosen);
        known.map_or_else(|| chosen.to_string(), |(_, name)| name.clone())
    };
    let chosen = image.map_or_else(|| WHOLE.to_owned(), name);
    combo(ui, "Image", &chosen, |ui| {
        let whole = std::iter::once((None, WHOLE));
        let single = info
            .images
            .iter()
            .map(|(selector, name)| (Some(selector), &**name));
        for (selector, name) in whole.chain(single) {
            let is_chosen = selector == image;
            if ui.selectable_label(is_chosen, name).clicked() && !is_chosen {
                let other = picture.read_as(Reading::of_image(selector.cloned()));
                cx.commands.push(Change::ShowInput(other.into()));
            }
        }
    });
}

fn bar_ui(cx: &ViewCx<'_>, ui: &mut Ui, made: &mut Made, search: &mut String) {
    ui.horizontal_wrapped(|ui| {
        images_ui(cx, ui, &made.of);
        let edit = TextEdit::singleline(search)
            .hint_text("search")
            .desired_width(160.0);
        ui.add(edit).accessible_name("Search the header");
        let shown = made.shown(search);
        let tooltip = "Copy the lines that are shown";
        if ui.button("Copy").on_hover_text(tooltip).clicked() {
            let text: Vec<String> = shown.all().map(Line::text).collect();
            cx.commands.push(Command::Copy {
                text: text.join("\n") + "\n",
                what: "the header",
            });
        }
        let count = shown.all().filter(|l| l.kind == Kind::Plain).count();
        let text = match (count, search.trim()) {
            (_, "") => format!("{count} lines"),
            (0, search) => format!("Nothing has {search}"),
            (_, _) => format!("{count} lines found"),
        };
        ui.label(egui::RichText::new(text).color(Tokens::of(ui).weak));
    });
}

fn lines_ui(ui: &mut Ui, made: &mut Made, search: &str) {
    let shown = made.shown(search);
    let tokens = Tokens::of(ui);
    let font = TextStyle::Monospace.resolve(ui.style());
    let height = ui.text_style_height(&TextStyle::Monospace) + 1.0;
    ui.spacing_mut().item_spacing.y = 1.0;
    ScrollArea::both()
        .auto_shrink(false)
        .show_rows(ui, height, shown.found.len(), |ui, range| {
            for line in shown.rows(range) {
                let label = egui::Label::new(line.job(tokens, &font)).selectable(true);
                ui.add(label.extend());
            }
        });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_leaves_lines_under_their_headings() {
        let header = Header {
            index: 1,
            cards: vec![
                Card::text("OBJECT", "M51").with_comment("what"),
                Card::value("EXPTIME", "1.5").with_comment("seconds"),
            ],
        };
        let info = FileInfo {
            path: "a.fits".into(),
            headers: vec![header],
            ..FileInfo::default()
        };
        let info = Arc::new(info);
        let mut made = Made::of(None, &info);
        let mut texts =
            |search: &str| -> Vec<String> { made.shown(search).all().map(Line::text).collect() };
        assert_eq!(texts("").len(), 4);
        assert_eq!(texts("m51").len(), 2);
        let seconds = texts(" Seconds");
        assert_eq!(seconds[0], "HDU 1");
        assert!(seconds[1].starts_with("EXPTIME    1.5 "), "{seconds:?}");
        assert!(seconds[1].ends_with("/ seconds"));
        assert!(texts("nowhere").is_empty());
    }

    #[test]
    fn lines_are_made_once_per_reading() {
        let info = |path: &str| {
            Arc::new(FileInfo {
                path: path.into(),
                ..FileInfo::default()
            })
        };
        let (first, second) = (info("a.fits"), info("b.fits"));
        let mut made = Made::of(None, &first);
        let (lines, found) = (made.lines.as_ptr(), made.shown("a").found.as_ptr());
        made = Made::of(Some(made), &first);
        assert_eq!(made.lines.as_ptr(), lines);
        assert_eq!(made.shown("a").found.as_ptr(), found);
        made = Made::of(Some(made), &second);
        let texts: Vec<String> = made.shown("").all().map(Line::text).collect();
        assert_eq!(texts, ["b.fits"]);
    }
}
