//! Ten thousand random commands; after every frame between them the workbench is whole. What fails is cut down to what makes it
//! fail.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

mod common;

use std::time::{Duration, Instant};

use common::{Files, Start, app, settle, step_until};
use egui_kittest::Harness;
use ganoscope::app::App;
use ganoscope::command::{Change, Command, RegionChange, RegionVerb, UiCommand};
use ganoscope::document::Document;
use ganoscope::explain::{Explain, TargetChoice};
use ganoscope::export::{DataFormat, ExportChoice, Kind};
use ganoscope::kept::Kept;
use ganoscope::workbench::{RelevanceSection, UnitOrder, Workbench};
use ganoscope_core::attribution::{LayerKind, Method, RuleChange};
use ganoscope_core::figure::FigureFormat;
use ganoscope_core::jobs::Slot;
use ganoscope_core::region::ds9::System;
use ganoscope_core::region::{Place, Region, Shape};
use ganoscope_core::seed::Stream;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};

/// Commands that are asked for.
const COMMANDS: usize = 10_000;

/// The longest that a frame may keep the window's thread busy; what is not optimised may take twice as long.
const LONGEST_FRAME: Duration =
    Duration::from_millis(if cfg!(debug_assertions) { 100 } else { 50 });

/// Something a person could ask for.
#[derive(Clone, Debug)]
enum Ask {
    Ui(UiCommand),
    Gesture(Box<Command>),
    Export(ExportChoice),
}

/// Anything that can be asked for, and whether a frame is drawn before the next: some come together between two frames.
fn ask() -> impl Strategy<Value = (Ask, bool)> {
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
    let any_of = |count: usize| (0..count).no_shrink();
    let export = (
        any_of(Kind::ALL.len()),
        any_of(FigureFormat::ALL.len()),
        any_of(DataFormat::ALL.len()),
    );
    let export = export.prop_map(|(kind, figure, data)| {
        Ask::Export(ExportChoice {
            kind: Kind::ALL[kind],
            figure: FigureFormat::ALL[figure],
            data: DataFormat::ALL[data],
            scale: 1,
            ..ExportChoice::default()
        })
    });
    let gesture = any::<u64>().no_shrink().prop_map(|seed| {
        let gesture = random_gesture(&mut Stream::new(seed));
        Ask::Gesture(Box::new(gesture))
    });
    let asked = prop_oneof![
        200 => proptest::sample::select(harmless).prop_map(Ask::Ui).no_shrink(),
        10 => gesture,
        1 => export,
    ];
    (asked, proptest::bool::weighted(0.05).no_shrink())
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
    match stream.below(9) {
        6 => Command::ShowRelevanceSection(RelevanceSection::ALL.get(stream.below(4)).copied()),
        7 => random_explanation(stream),
        8 => match stream.below(4) {
            0 => Command::Stop(Slot::Relevance),
            1 => Command::Stop(Slot::Flipping),
            2 => Change::SetMethod(random_method(stream)).into(),
            _ => Command::SortUnits(UnitOrder::ALL[stream.below(UnitOrder::ALL.len())]),
        },
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

/// A method that does not take long on the smallest networks.
fn random_method(stream: &mut Stream) -> Method {
    let all = Method::all();
    all[stream.below(all.len())].clone()
}

/// Something else to explain, also what is not there.
fn random_explanation(stream: &mut Stream) -> Command {
    let kind = LayerKind::ALL[stream.below(LayerKind::ALL.len())];
    let rules = kind.choices((-1.0, 1.0));
    let mut explain = Explain {
        rules: vec![RuleChange::of_kind(kind, rules[stream.below(rules.len())])],
        ..Explain::default()
    };
    match stream.below(4) {
        0 => {
            explain.target = TargetChoice::Output {
                output: stream.below(3),
                region: Some(stream.below(5)).filter(|region| *region > 0),
                band: Some(stream.below(5)).filter(|band| *band > 0),
            };
        }
        1 => explain.beside = (0..2).map(|_| random_method(stream)).collect(),
        2 => explain.rules.clear(),
        _ => {}
    }
    let (explain, name) = (Box::new(explain), "explain".to_owned());
    Change::SetExplain { explain, name }.into()
}

fn bench<'a>(harness: &'a Harness<'_, App>) -> &'a Workbench {
    harness.state().workbench()
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

/// Processor time of this thread: other processes and threads do not count.
#[cfg(unix)]
fn thread_time() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    let now = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// How long the frames of a run took.
#[derive(Default)]
struct Frames {
    count: usize,
    /// Frames longer than [`LONGEST_FRAME`] by the clock, in which a busy machine may have done something else.
    late: usize,
    /// The longest, processor time.
    longest: Duration,
}

impl Frames {
    fn step(&mut self, harness: &mut Harness<'_, App>) {
        let begun = Instant::now();
        #[cfg(unix)]
        let busy = thread_time();
        harness.step();
        self.count += 1;
        self.late += usize::from(begun.elapsed() > LONGEST_FRAME);
        #[cfg(unix)]
        {
            self.longest = self.longest.max(thread_time().saturating_sub(busy));
        }
    }

    fn assert_short(&self) {
        // Waiting for something would make frames late that are not long; so does a machine that does other things.
        assert!(
            self.longest <= LONGEST_FRAME && self.late <= self.count / 20,
            "the longest of {} frames took {:?}, {} were late",
            self.count,
            self.longest,
            self.late
        );
    }
}

/// What an app holds once it rests.
#[derive(Clone, Copy, Debug)]
struct Held {
    textures: usize,
    memory_bytes: usize,
}

impl Held {
    /// Of the usual arrangement, after everything else was let go.
    fn by(harness: &mut Harness<'_, App>) -> Self {
        harness.state().push(UiCommand::PresetInspect);
        harness.state().push(UiCommand::ForgetKept);
        settle(harness);
        // What was not drawn for two seconds is let go.
        harness.run_steps(130);
        Self {
            textures: harness.ctx.tex_manager().read().num_allocated(),
            memory_bytes: memory_stats::memory_stats().map_or(0, |m| m.physical_mem),
        }
    }

    fn assert_no_more_than(self, before: Self) {
        // Caches fill and the heap has holes: a little more is no leak.
        let most = before.memory_bytes + (48 << 20);
        assert!(self.memory_bytes <= most, "{before:?}, then {self:?}");
        assert!(
            self.textures <= before.textures + 8,
            "{before:?}, then {self:?}"
        );
    }
}

/// Asks for everything in turn and looks at the workbench after every frame.
fn soak(asks: &[(Ask, bool)]) {
    let files = Files::new();
    let mut harness = app(Start {
        document: files.document(),
        usual: vec![files.path("soak")],
        ..Start::default()
    });
    settle(&mut harness);
    let mut frames = Frames::default();
    let mut halfway = None;
    for (done, (ask, is_frame)) in asks.iter().enumerate() {
        match ask {
            Ask::Ui(command) => harness.state().push(*command),
            Ask::Gesture(command) => harness.state().push((**command).clone()),
            // Answered with one name; those that find another under way are refused.
            Ask::Export(choice) => {
                harness.state().push(Command::SetExport(*choice));
                harness.state().push(Command::AskExport);
            }
        }
        if done == asks.len() / 2 {
            halfway = Some(Held::by(&mut harness));
        }
        if *is_frame {
            frames.step(&mut harness);
            assert_whole(&harness, done);
        }
    }
    frames.assert_short();
    step_until(&mut harness, "the last export", |h| h.state().is_complete());
    assert_exports(&mut harness, &files);
    if let Some(halfway) = halfway {
        Held::by(&mut harness).assert_no_more_than(halfway);
    }
}

/// Whatever went before, and however slow the worker was: what is there can be exported, and nothing half-written stays.
fn assert_exports(harness: &mut Harness<'_, App>, files: &Files) {
    harness.state().push(UiCommand::ShowDeblend);
    settle(harness);
    let choice = ExportChoice {
        kind: Kind::Data,
        ..ExportChoice::default()
    };
    harness.state().push(Command::SetExport(choice));
    harness.state().push(Command::AskExport);
    settle(harness);
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

#[test]
fn ten_thousand_random_commands_leave_the_workbench_whole() {
    let config = Config {
        cases: 1,
        rng_seed: RngSeed::Fixed(11),
        failure_persistence: None,
        // Cutting down runs the app again and again; after some minutes the shortest found is shown.
        max_shrink_time: 240_000,
        ..Config::default()
    };
    let asks = proptest::collection::vec(ask(), COMMANDS);
    let outcome = TestRunner::new(config).run(&asks, |asks| {
        soak(&asks);
        Ok(())
    });
    if let Err(why) = outcome {
        panic!("{why}");
    }
}
