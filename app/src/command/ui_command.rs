//! Commands without data, in one table: text, tooltip and shortcut. Menus, buttons, keys and the list of keys are all
//! made from it, so a command cannot exist without a name.

use egui::os::OperatingSystem;
use egui::{Key, KeyboardShortcut, Modifiers};

use crate::widgets::Icon;

/// What the keys of commands differ by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// macOS: the command key, few function keys.
    Mac,
    /// Windows and the desktops of Linux: the control key.
    Other,
}

impl System {
    /// All.
    pub const ALL: [Self; 2] = [Self::Mac, Self::Other];

    /// The system that a window is on.
    pub fn of(ctx: &egui::Context) -> Self {
        match ctx.os() {
            OperatingSystem::Mac | OperatingSystem::IOS => Self::Mac,
            _ => Self::Other,
        }
    }
}

/// One row of the table.
struct Row {
    text: &'static str,
    tooltip: &'static str,
    keys: &'static [KeyboardShortcut],
    /// The keys on macOS where they are others.
    mac: Option<&'static [KeyboardShortcut]>,
    icon: Option<Icon>,
}

const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::SHIFT, key)
}

const fn alt(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::ALT, key)
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

const fn ctrl_alt(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::ALT), key)
}

/// What a row may leave out.
macro_rules! optional {
    () => { None };
    ([$($key:expr),*]) => { Some(const { &[$($key),*] }) };
    ($icon:ident) => { Some(Icon::$icon) };
}

/// Makes the enum, the list of all and the rows from one line per command, so that none can be forgotten in one of them.
/// After the keys a line may have `mac` with those of macOS where they are others, and `icon` with an icon.
macro_rules! table {
    ($($name:ident: $text:literal, $tooltip:literal, [$($key:expr),*] $(, mac $mac:tt)? $(, icon $icon:ident)?;)*) => {
        /// A command without data.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum UiCommand {
            $(#[doc = $tooltip] $name,)*
        }

        impl UiCommand {
            /// Every command, grouped as in the menus.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            const fn row(self) -> Row {
                match self {
                    $(Self::$name => Row {
                        text: $text,
                        tooltip: $tooltip,
                        keys: const { &[$($key),*] },
                        mac: optional!($($mac)?),
                        icon: optional!($($icon)?),
                    },)*
                }
            }
        }
    };
}

#[rustfmt::skip]
table! {
    OpenFiles: "Open…", "Open networks, pictures, a session or a recipe; dropping files on the window does the same", [ctrl(Key::O)], icon Folder;
    OpenSeries: "Open series…", "Open the folder of a training run with its checkpoints", [ctrl_shift(Key::O)];
    OpenDemo: "Open the demonstration", "Open the bundled series and its blends", [];
    Save: "Save session", "Save what is open, selected and edited", [ctrl(Key::S)], icon Disk;
    SaveAs: "Save session as…", "Save the session under another name", [ctrl_shift(Key::S)];
    SaveRecipe: "Save edits as recipe…", "Save the edits alone, for use on other pictures and in the headless commands", [];
    Export: "Export…", "Write what the view shows as a picture, a figure, data or a table", [ctrl(Key::E)], icon Export;
    CopyAsCommand: "Copy as command", "Copy the headless command that computes what the view shows", [ctrl_shift(Key::C)], icon Terminal;
    Quit: "Quit", "Close the window; the session is recovered at the next start", [ctrl(Key::Q)];
    Undo: "Undo", "Take the last change back", [ctrl(Key::Z)], icon Undo;
    Redo: "Redo", "Make the change again", [ctrl_shift(Key::Z), ctrl(Key::Y)], mac [ctrl_shift(Key::Z)], icon Redo;
    AblateSelection: "Ablate selected units", "Switch the selected units off everywhere in the picture", [plain(Key::A)];
    ResetSelection: "Reset selected units", "Remove the edits of the selected units", [plain(Key::R)];
    SelectAll: "Select all units", "Select every unit of the layer", [ctrl(Key::A)];
    SelectNone: "Select no unit", "Clear the selection", [plain(Key::Escape)];
    ClearEdits: "Remove all edits", "Go back to the network as it was trained", [ctrl(Key::Backspace)];
    ShowDeblend: "Deblend", "Blend, outputs, truths and residual", [plain(Key::Num1)];
    ShowLayers: "Layers", "The network as a graph: shapes, parameters, cost, edits", [plain(Key::L)];
    ShowUnits: "Units", "What every unit of a layer does on this picture", [plain(Key::Num2)];
    ShowRelevance: "Relevance", "Why the discriminator calls a picture real or generated", [plain(Key::Num3)];
    ShowTimeline: "Timeline", "How the outputs changed over the training", [plain(Key::Num4)];
    ShowCompare: "Compare", "Any two pictures side by side, blinking, under a divider, or their difference", [plain(Key::Num5)];
    ShowRegions: "Regions", "Marked areas of the pictures and what is in them", [plain(Key::Num6)];
    ShowHeader: "Header", "What the picture's file says of itself: its FITS header, its size and values", [plain(Key::H)];
    PresetInspect: "Arrange to inspect", "Outputs beside the reasons of the discriminator", [ctrl(Key::Num1)];
    PresetCompare: "Arrange to compare", "Outputs beside two pictures held against each other, over the checkpoints", [ctrl(Key::Num2)];
    PresetRepair: "Arrange to repair", "Outputs beside the units that draw them", [ctrl(Key::Num3)];
    PresetExplore: "Arrange to explore", "The units in front, the outputs below", [ctrl(Key::Num4)];
    PresetTrain: "Arrange for training", "The course of the training in front", [ctrl(Key::Num5)];
    NextPane: "Next view", "Give the next view the attention", [plain(Key::F2)], mac [plain(Key::F2), ctrl_alt(Key::ArrowRight)];
    DuplicatePane: "Duplicate view", "Open a second pane with the same view, to be panned and zoomed by itself", [ctrl(Key::D)], icon Duplicate;
    ClosePane: "Close view", "Close the view that has the attention; its number opens it again", [ctrl(Key::W)], icon Cross;
    ToggleLink: "Link or unlink view", "Pan and zoom the view with the others, or by itself", [plain(Key::K)], icon Link;
    PreviousStep: "Previous checkpoint", "Show the checkpoint before", [plain(Key::ArrowLeft)];
    NextStep: "Next checkpoint", "Show the checkpoint after", [plain(Key::ArrowRight)];
    PreviousInput: "Previous picture", "Show the picture before in the list", [plain(Key::ArrowUp)];
    NextInput: "Next picture", "Show the picture after in the list", [plain(Key::ArrowDown)];
    CutOut: "Cut out", "Take the part around the pointer that the network takes as a picture of its own", [plain(Key::O)];
    ToggleScale: "Own scale or shared", "Give the view limits, stretch and colours of its own, or those of all views", [shift(Key::K)];
    Blink: "Blink", "The next of the pictures that are compared; where none are, truths in the place of outputs", [plain(Key::B)];
    BlinkBack: "Blink backwards", "The one before of the pictures that are compared", [shift(Key::B)];
    BlinkTruths: "Truths in the place of outputs", "Deblend shows the truths where the outputs are; once more to go back", [];
    KeepPicture: "Keep picture", "Keep the outputs as they are now, to compare others with them", [plain(Key::P)];
    ForgetKept: "Remove all kept pictures", "Let go of everything that was kept", [];
    CompareSideBySide: "Compare side by side", "Show the pictures of the Compare view beside each other", [];
    CompareSwipe: "Compare under a divider", "Show A to the left of a divider and B to the right", [];
    CompareDifference: "Compare by difference", "Show A minus B", [];
    ExchangeCompared: "Exchange A and B", "The first of the pictures compared becomes the second", [plain(Key::X)];
    ToggleContours: "Contours", "Draw lines of the truth over the pictures, or none; the bar of the views offers other pictures", [shift(Key::C)];
    ResetZoom: "Whole pictures", "Zoom out until the pictures fit", [plain(Key::Num0)];
    ZoomIn: "Zoom in", "Twice as near", [plain(Key::Z)];
    ZoomOut: "Zoom out", "Half as near", [shift(Key::Z)];
    ZoomOne: "Zoom 1:1", "One pixel of the screen for every pixel of the pictures", [alt(Key::Num1)], mac [ctrl_alt(Key::Num1)];
    ZoomTwo: "Zoom 2x", "2 x 2 pixels of the screen for every pixel of the pictures", [alt(Key::Num2)], mac [ctrl_alt(Key::Num2)];
    ZoomFour: "Zoom 4x", "4 x 4 pixels of the screen for every pixel of the pictures", [alt(Key::Num4)], mac [ctrl_alt(Key::Num4)];
    ZoomEight: "Zoom 8x", "8 x 8 pixels of the screen for every pixel of the pictures", [alt(Key::Num8)], mac [ctrl_alt(Key::Num8)];
    ToolSelect: "Select regions", "Take hold of regions: drag to move, drag a handle to change; beside them a drag pans", [plain(Key::V)];
    ToolCircle: "Draw circle", "Drag from the centre", [plain(Key::C)];
    ToolEllipse: "Draw ellipse", "Drag from the centre", [plain(Key::E)];
    ToolBox: "Draw box", "Drag from corner to corner", [plain(Key::T)];
    ToolPolygon: "Draw polygon", "Every click is a corner; a double-click, Enter or a click on the first corner closes it", [plain(Key::Y)];
    ToolFreehand: "Draw freehand", "Drag around the area", [plain(Key::F)];
    FinishRegion: "Finish region", "Close the polygon that is drawn; with another tool, put a region into the middle of what is seen", [plain(Key::Enter)];
    NextRegion: "Next region", "Take hold of the next region", [plain(Key::N)];
    NudgeLeft: "Move region left", "By a pixel; the left arrow key does it while a region is taken hold of", [];
    NudgeRight: "Move region right", "By a pixel; the right arrow key does it while a region is taken hold of", [];
    NudgeUp: "Move region up", "By a pixel; the up arrow key does it while a region is taken hold of", [];
    NudgeDown: "Move region down", "By a pixel; the down arrow key does it while a region is taken hold of", [];
    ExcludeRegion: "Exclude or include region", "Take its pixels away from the other regions, or no longer", [plain(Key::I)];
    DeleteRegion: "Delete region", "Remove the region that is taken hold of", [plain(Key::Delete)];
    ClearRegions: "Delete all regions", "Remove every region", [];
    OpenRegions: "Open regions…", "Open a DS9 region file; dropping it on the window does the same", [];
    SaveRegions: "Save regions…", "Save all regions as a DS9 region file", [];
    SaveRegionTable: "Save region table…", "Save the statistics of all regions as ECSV or CSV", [];
    CopyRegionTable: "Copy region table", "Copy the statistics of all regions, separated by tabs", [];
    NextSeed: "Next seed", "Draw what the generator makes of the next seed", [plain(Key::S)];
    PreviousSeed: "Previous seed", "Draw what the generator makes of the seed before", [shift(Key::S)];
    RandomSeed: "New random seed", "Draw what the generator makes of a seed that nobody chose", [plain(Key::G)], icon Again;
    AboutNetwork: "About the network", "What the networks were recognised as and why, where their tensors went, and what was guessed", [plain(Key::F4)];
    Describe: "Describe the network…", "Correct what was guessed of weights without a graph, as a text beside them", [];
    MeasureCheckpoints: "Measure all checkpoints", "Regenerate every checkpoint over the pictures that have truths", [plain(Key::M)];
    MeasureUnits: "Measure units over all pictures", "How active the units of the layer are in general", [plain(Key::U)];
    Reload: "Read the series again", "Find checkpoints that were written since", [plain(Key::F5)], mac [ctrl(Key::R)], icon Again;
    ToggleLibrary: "Pictures", "Show or hide the list of pictures", [plain(Key::F6)], mac [ctrl_alt(Key::P)], icon LeftSide;
    ToggleInspector: "Inspector", "Show or hide the inspector", [plain(Key::F7)], mac [ctrl_alt(Key::I)], icon RightSide;
    ShowDisplay: "Display", "Limits, stretch, colours, contrast and bias, in the inspector", [];
    ResetShade: "Reset contrast and bias", "As before a drag with the right button", [];
    ToggleTimeline: "Timeline strip", "Show or hide the timeline below the views", [plain(Key::F8)], mac [ctrl_alt(Key::T)], icon Bottom;
    ToggleMotion: "Less motion", "Nothing moves by itself: no fading, sliding or turning; again brings it back", [];
    Palette: "Search commands", "Find any command by its name and run it", [ctrl(Key::K)], icon Search;
    ToggleHistory: "History", "Show all changes, to go back to any of them", [plain(Key::F10)], mac [ctrl(Key::Y)];
    ToggleTheme: "Dark or light", "Switch between the dark and the light theme", [plain(Key::F9)], mac [ctrl_shift(Key::L)], icon Theme;
    Tour: "Take the tour", "Five steps on the demonstration", [];
    Help: "Keys", "Show all commands and their keys", [plain(Key::Questionmark), plain(Key::F1)], mac [plain(Key::Questionmark), ctrl(Key::Questionmark)], icon Help;
}

impl UiCommand {
    /// What menus and buttons say.
    pub const fn text(self) -> &'static str {
        self.row().text
    }

    /// One sentence about it.
    pub const fn tooltip(self) -> &'static str {
        self.row().tooltip
    }

    /// Its icon in menus, if it has one.
    pub const fn icon(self) -> Option<Icon> {
        self.row().icon
    }

    /// The keys that ask for it on a system; the first is shown.
    pub const fn keys(self, system: System) -> &'static [KeyboardShortcut] {
        let row = self.row();
        match (system, row.mac) {
            (System::Mac, Some(keys)) => keys,
            _ => row.keys,
        }
    }

    /// The keys as a person reads them, or nothing.
    pub fn keys_text(self, ctx: &egui::Context) -> String {
        self.keys(System::of(ctx))
            .first()
            .map(|keys| ctx.format_shortcut(keys))
            .unwrap_or_default()
    }

    /// The commands whose keys were pressed, keys consumed. Keys without modifiers are left to a text being typed, arrow
    /// keys, Enter and Delete to whatever has the focus, and Escape to an open list or menu.
    pub fn pressed(ctx: &egui::Context) -> Vec<Self> {
        let is_typing = ctx.text_edit_focused();
        let has_focus = ctx.memory(|m| m.focused().is_some());
        // Not what the pass under way has drawn: it has only begun.
        let is_list_open = egui::Popup::is_any_open(ctx);
        let is_modal_open = ctx.memory(|m| m.top_modal_layer().is_some());
        if is_list_open && ctx.input(|i| i.key_pressed(Key::Escape)) {
            egui::Popup::close_all(ctx);
        }
        let is_left_alone = |keys: &KeyboardShortcut| match keys.logical_key {
            // Those that edit a text are the text's.
            Key::A | Key::Z | Key::Y | Key::Backspace if keys.modifiers.command => is_typing,
            _ if keys.modifiers.command => false,
            Key::Escape => is_typing || is_list_open || is_modal_open,
            Key::ArrowLeft
            | Key::ArrowRight
            | Key::ArrowUp
            | Key::ArrowDown
            | Key::Enter
            | Key::Delete => is_typing || has_focus || is_list_open || is_modal_open,
            _ => is_typing,
        };
        let system = System::of(ctx);
        // More modifiers first: Ctrl+Shift+Z also matches Ctrl+Z, and Alt+1 also 1.
        let mut bound: Vec<(Self, KeyboardShortcut)> = Self::ALL
            .iter()
            .flat_map(|c| c.keys(system).iter().map(|k| (*c, *k)))
            .collect();
        bound.sort_by_key(|(_, k)| {
            let Modifiers {
                alt,
                shift,
                command,
                ..
            } = k.modifiers;
            std::cmp::Reverse([alt, shift, command].map(u8::from).iter().sum::<u8>())
        });
        ctx.input_mut(|input| {
            bound
                .into_iter()
                .filter(|(_, keys)| !is_left_alone(keys) && input.consume_shortcut(keys))
                .map(|(command, _)| command)
                .collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_command_is_in_the_list_once() {
        let mut all = UiCommand::ALL.to_vec();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), UiCommand::ALL.len());
        for &command in UiCommand::ALL {
            assert!(!command.text().is_empty() && !command.tooltip().is_empty());
            assert!(!command.tooltip().ends_with('.'), "{command:?}");
        }
    }

    /// What is pressed on a system: modifiers by their place on the keyboard, and the key.
    fn pressed_on(system: System, keys: &KeyboardShortcut) -> String {
        let Modifiers {
            alt,
            ctrl,
            shift,
            mac_cmd,
            command,
        } = keys.modifiers;
        let (ctrl, mac_cmd) = match system {
            System::Mac => (ctrl, mac_cmd || command),
            System::Other => (ctrl || command, mac_cmd),
        };
        format!("{:?}", (alt, ctrl, shift, mac_cmd, keys.logical_key))
    }

    #[test]
    fn no_key_asks_for_two_things_on_any_system() {
        for system in System::ALL {
            let mut seen = BTreeMap::new();
            for &command in UiCommand::ALL {
                for keys in command.keys(system) {
                    let other = seen.insert(pressed_on(system, keys), command);
                    assert_eq!(other, None, "{system:?}: {keys:?} asks for {command:?} too");
                }
            }
        }
    }

    #[test]
    fn every_command_with_keys_has_keys_on_every_system() {
        for &command in UiCommand::ALL {
            let counts = System::ALL.map(|system| command.keys(system).len());
            assert_eq!(counts.contains(&0), counts == [0, 0], "{command:?}");
        }
        // The keys that macOS takes for itself.
        let taken = [Key::H, Key::M, Key::Space, Key::Tab, Key::Backtick];
        for &command in UiCommand::ALL {
            for keys in command.keys(System::Mac) {
                let is_taken = keys.modifiers.command && taken.contains(&keys.logical_key);
                assert!(!is_taken, "{command:?}");
            }
        }
    }

    #[test]
    fn keys_are_those_of_the_system_the_window_is_on() {
        let ctx = egui::Context::default();
        ctx.set_os(OperatingSystem::Mac);
        assert_eq!(System::of(&ctx), System::Mac);
        // Its names of modifiers need fonts, which there are none of without a frame.
        let on_mac = UiCommand::Reload.keys(System::of(&ctx));
        ctx.set_os(OperatingSystem::Nix);
        assert_ne!(on_mac, UiCommand::Reload.keys(System::of(&ctx)));
        assert_eq!(UiCommand::Reload.keys_text(&ctx), "F5");
    }
}
