//! Contrast, bias and colours in the whole app: one gesture is one undo, and no worker is asked.

mod common;

use common::{Files, Start, app, settle};
use ganoscope::command::{Change, Command, UiCommand};
use ganoscope::display::{Colouring, Display};
use ganoscope_core::stamp::colormap::Colormap;

#[test]
fn a_drag_over_a_picture_is_one_undo_and_asks_no_worker() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        ..Start::default()
    });
    settle(&mut harness);
    let before = harness.state().results().deblend.ready().cloned();
    for _ in 0..4 {
        harness.state().push(Command::Shade([0.05, -0.1]));
    }
    harness.step();
    let display = harness.state().document().display;
    assert!(
        (display.bias - 0.7).abs() < 1e-5 && display.contrast > 4.0,
        "{display:?}"
    );
    let coloured = Display {
        colouring: Colouring::Lupton,
        colormap: Colormap::B,
        is_inverted: true,
        ..display
    };
    harness.run_steps(4);
    harness.state().push(Change::SetDisplay(coloured));
    harness.run_steps(4);
    let results = harness.state().results();
    assert!(!results.deblend.is_pending() && !results.units.is_pending());
    let after = results.deblend.ready().cloned();
    let same = before
        .zip(after)
        .is_some_and(|(a, b)| std::sync::Arc::ptr_eq(&a, &b));
    assert!(same, "the outputs are those of before");
    harness.state().push(UiCommand::Undo);
    harness.run_steps(2);
    assert_eq!(harness.state().document().display, display);
    harness.state().push(UiCommand::Undo);
    harness.run_steps(2);
    assert_eq!(harness.state().document().display, Display::default());
}
