//! The tiled workbench by hand: presets, panes, the search over commands, the list of changes; and thousands of random
//! commands, after each of which it is whole.

mod common;

use common::{Files, Start, app, opened, settle, step_until};
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable as _;
use ganoscope::app::App;
use ganoscope::command::{Change, Command, RegionChange, RegionVerb, UiCommand};
use ganoscope::document::Document;
use ganoscope::export::{DataFormat, ExportChoice, Kind};
use ganoscope::kept::Kept;
use ganoscope::views::ViewKey;
use ganoscope::workbench::Workbench;
use ganoscope_core::figure::FigureFormat;
use ganoscope_core::region::ds9::System;
use ganoscope_core::region::{Place, Region, Shape};
use ganoscope_core::seed::Stream;

fn bench<'a>(harness: &'a Harness<'_, App>) -> &'a Workbench {
    harness.state().workbench()
}

fn visible(harness: &Harness<'_, App>) -> Vec<ViewKey> {
    let mut views: Vec<ViewKey> = bench(harness).layout.visible().map(|p| p.view).collect();
    views.sort_unstable();
    views
}

#[test]
fn presets_tile_the_views() {
    use ViewKey::{Compare, Deblend, Relevance, Timeline, Units};
    let files = Files::new();
    let mut harness = opened(&files);
    for (key, views) in [
        (Key::Num2, vec![Deblend, Compare, Timeline]),
        (Key::Num3, vec![Deblend, Units]),
        (Key::Num5, vec![Deblend, Timeline]),
        (Key::Num1, vec![Deblend, Relevance]),
    ] {
        harness.key_press_modifiers(Modifiers::COMMAND, key);
        settle(&mut harness);
        let mut views = views;
        views.sort_unstable();
        assert_eq!(visible(&harness), views);
    }
    harness.get_by_label("Repair").click();
    settle(&mut harness);
    assert!(bench(&harness).shows(Units));
}

#[test]
fn a_pane_is_duplicated_unlinked_and_closed_by_name() {
    let files = Files::new();
    let mut harness = opened(&files);
    let count = |h: &Harness<'_, App>| bench(h).layout.panes().count();
    let before = count(&harness);
    harness.get_by_label("Duplicate Deblend").click();
    settle(&mut harness);
    assert_eq!(count(&harness), before + 1);
    let copy = bench(&harness).attention;
    let pane = bench(&harness).layout.pane(copy).expect("open");
    assert!(!pane.is_linked && pane.view == ViewKey::Deblend);
    assert!(bench(&harness).own_navigation.contains_key(&copy));
    harness.get_by_label("Deblend (not linked)");

    harness.get_by_label("Link Deblend").click();
    settle(&mut harness);
    assert!(harness.query_by_label("Deblend (not linked)").is_none());
    harness.key_press_modifiers(Modifiers::COMMAND, Key::W);
    settle(&mut harness);
    assert_eq!(count(&harness), before);
    assert!(bench(&harness).own_navigation.is_empty());
}

#[test]
fn any_command_is_found_by_its_name() {
    let files = Files::new();
    let mut harness = opened(&files);
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    assert!(bench(&harness).palette_open);
    harness.event(egui::Event::Text("arrange to comp".to_owned()));
    harness.run_steps(2);
    harness.key_press(Key::Enter);
    settle(&mut harness);
    assert!(!bench(&harness).palette_open);
    assert!(bench(&harness).shows(ViewKey::Timeline));
    // Letters that no command has.
    harness.key_press_modifiers(Modifiers::COMMAND, Key::K);
    harness.run_steps(2);
    harness.event(egui::Event::Text("qqqq".to_owned()));
    harness.run_steps(2);
    harness.get_by_label("No command has such a name");
    harness.key_press(Key::Escape);
    harness.run_steps(3);
    assert!(!bench(&harness).palette_open);
}

#[test]
fn the_list_of_changes_goes_back_to_any_of_them() {
    let files = Files::new();
    let mut harness = opened(&files);
    let start = harness.state().document().clone();
    for step in [100, 200] {
        harness.state().push(Change::GoToStep(step));
        settle(&mut harness);
        // The gesture ends when pointer and keys rest.
        harness.run_steps(3);
    }
    let end = harness.state().document().clone();
    harness.key_press(Key::F10);
    harness.run_steps(3);
    harness.get_by_label("as it was opened").click();
    settle(&mut harness);
    harness.run_steps(3);
    assert_eq!(harness.state().document(), &start);
    let names: Vec<String> = harness
        .state()
        .history()
        .future_names()
        .map(str::to_owned)
        .collect();
    assert_eq!(names.len(), 2);
    harness.get_by_label(&names[1]).click();
    settle(&mut harness);
    harness.run_steps(3);
    assert_eq!(harness.state().document(), &end);
}

/// Something that a pointer or a file could ask for over regions, also of regions that are not there.
fn random_gesture(stream: &mut Stream) -> Command {
    let index = stream.below(6);
    let place = |stream: &mut Stream| {
        let coordinate = |stream: &mut Stream| stream.below(40) as f64 - 12.0;
        Place::new(coordinate(stream), coordinate(stream))
    };
    let corners: Vec<Place> = (0..3 + stream.below(4)).map(|_| place(stream)).collect();
    let (from, to) = (corners[0], corners[1]);
    let shape = match stream.below(5) {
        0 => Shape::circle_between(from, to),
        1 => Shape::ellipse_between(from, to),
        2 => Shape::box_between(from, to),
        3 => Shape::Polygon {
            corners: corners.clone(),
        },
        _ => Shape::Freehand {
            corners: corners.clone(),
        },
    };
    let region = Region {
        exclude: stream.below(3) == 0,
        ..Region::new(shape)
    };
    let verbs = [
        RegionVerb::Draw,
        RegionVerb::Move,
        RegionVerb::Resize,
        RegionVerb::Turn,
        RegionVerb::Label,
        RegionVerb::Exclude,
    ];
    let verb = verbs[stream.below(verbs.len())];
    match stream.below(6) {
        0 => Command::SelectRegion(Some(index)),
        1 => Command::DraftRegion(corners),
        2 => RegionChange::Remove(index).into(),
        3 => Command::SetRegionSystem(System::Physical),
        _ => RegionChange::Set {
            index,
            region,
            verb,
        }
        .into(),
    }
}

/// The arrangement is sound, nothing refers to a pane that is gone, and the session is readable.
fn assert_whole(harness: &Harness<'_, App>, done: usize) {
    let bench = bench(harness);
    assert!(bench.layout.is_sound(), "after {done} commands");
    assert!(bench.layout.pane(bench.attention).is_some(), "{done}");
    let own = bench.own_navigation.keys();
    assert!(own.clone().all(|id| bench.layout.pane(*id).is_some()));
    let compared = bench.own_comparison.keys();
    let scaled = bench.own_display.keys();
    assert!(
        compared
            .chain(scaled)
            .all(|id| bench.layout.pane(*id).is_some())
    );
    assert!(harness.state().results().kept.len() <= Kept::MOST);
    let text = ron::to_string(bench).expect("has a text form");
    let again: Workbench = ron::from_str(&text).expect("reads");
    assert_eq!(again.layout, bench.layout);
    let document = harness.state().document();
    let text = ron::to_string(document).expect("has a text form");
    let again: Document = ron::from_str(&text).expect("reads");
    assert_eq!(&again, document);
}

/// Random commands, seeded. The workbench stays whole, its session is readable, and no frame panics.
#[test]
fn ten_thousand_random_commands_leave_the_workbench_whole() {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        usual: vec![files.path("soak")],
        ..Start::default()
    });
    settle(&mut harness);
    let mut stream = Stream::new(11);
    // Asking for files waits for a person; quitting ends the window.
    let harmless: Vec<UiCommand> = UiCommand::ALL
        .iter()
        .copied()
        .filter(|command| {
            use UiCommand::{
                OpenFiles, OpenRegions, OpenSeries, Quit, Save, SaveAs, SaveRecipe,
                SaveRegionTable, SaveRegions,
            };
            let asks = [OpenFiles, OpenSeries, OpenRegions, Save, SaveAs, SaveRecipe];
            !asks.contains(command) && ![Quit, SaveRegions, SaveRegionTable].contains(command)
        })
        .collect();
    let mut done = 0;
    while done < 10_000 {
        // Some come together between two frames.
        for _ in 0..=stream.below(40) {
            harness.state().push(harmless[stream.below(harmless.len())]);
            done += 1;
        }
        // Exports of anything, answered with one name; those that find another under way are refused.
        if stream.below(8) == 0 {
            let choice = ExportChoice {
                kind: Kind::ALL[stream.below(Kind::ALL.len())],
                figure: FigureFormat::ALL[stream.below(FigureFormat::ALL.len())],
                data: DataFormat::ALL[stream.below(DataFormat::ALL.len())],
                scale: 1,
                ..ExportChoice::default()
            };
            harness.state().push(Command::SetExport(choice));
            harness.state().push(Command::AskExport);
        }
        harness.state().push(random_gesture(&mut stream));
        harness.step();
        assert_whole(&harness, done);
    }
    step_until(&mut harness, "the last export", |h| h.state().is_complete());
    // Whatever went before, and however slow the worker was: what is there can be exported.
    harness.state().push(UiCommand::ShowDeblend);
    settle(&mut harness);
    let choice = ExportChoice {
        kind: Kind::Data,
        ..ExportChoice::default()
    };
    harness.state().push(Command::SetExport(choice));
    harness.state().push(Command::AskExport);
    settle(&mut harness);
    let entries = std::fs::read_dir(files.folder.path()).expect("the folder");
    let names: Vec<String> = entries
        .map(|e| e.expect("an entry").file_name().display().to_string())
        .collect();
    assert!(
        names.iter().any(|name| name.starts_with("soak")),
        "{names:?}, {:?}",
        harness.state().toasts()
    );
    assert!(
        !names.iter().any(|name| name.contains(".part")),
        "{names:?}"
    );
}
