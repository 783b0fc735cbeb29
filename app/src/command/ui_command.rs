//! Commands without data, in one table: text, tooltip and shortcut. Menus, buttons, keys and the list of keys are all
//! made from it, so a command cannot exist without a name.

use egui::{Key, KeyboardShortcut, Modifiers};

/// A command without data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UiCommand {
    /// Choose pictures, sessions or recipes to open.
    OpenFiles,
    /// Choose a series directory.
    OpenSeries,
    /// Open the bundled demonstration.
    OpenDemo,
    /// Save the session under its name.
    Save,
    /// Save the session under another name.
    SaveAs,
    /// Save the edits as a recipe.
    SaveRecipe,
    /// Close the window.
    Quit,
    /// Undo one gesture.
    Undo,
    /// Redo one gesture.
    Redo,
    /// Switch the selected units off.
    AblateSelection,
    /// Leave the selected units as they were trained.
    ResetSelection,
    /// Select all units of the layer.
    SelectAll,
    /// Select no unit.
    SelectNone,
    /// Remove all edits.
    ClearEdits,
    /// Show the view of outputs.
    ShowDeblend,
    /// Show the view of layers.
    ShowLayers,
    /// Show the view of units.
    ShowUnits,
    /// Show the view of relevance.
    ShowRelevance,
    /// Show the view of checkpoints.
    ShowTimeline,
    /// Tile the views to inspect one network.
    PresetInspect,
    /// Tile the views to compare.
    PresetCompare,
    /// Tile the views to repair.
    PresetRepair,
    /// Tile the views to explore.
    PresetExplore,
    /// Tile the views to follow a training.
    PresetTrain,
    /// The next view gets the attention.
    NextPane,
    /// A second pane with the same view.
    DuplicatePane,
    /// Close the pane that has the attention.
    ClosePane,
    /// Link or unlink the pane that has the attention.
    ToggleLink,
    /// The checkpoint before.
    PreviousStep,
    /// The checkpoint after.
    NextStep,
    /// The picture before.
    PreviousInput,
    /// The picture after.
    NextInput,
    /// Truths in the place of outputs, and back.
    Blink,
    /// Whole pictures.
    ResetZoom,
    /// Measure all checkpoints.
    MeasureCheckpoints,
    /// Measure the units of the layer over all pictures.
    MeasureUnits,
    /// Read the series again from the disk.
    Reload,
    /// Open or close the list of pictures.
    ToggleLibrary,
    /// Open or close the inspector.
    ToggleInspector,
    /// Open or close the timeline.
    ToggleTimeline,
    /// The search over all commands.
    Palette,
    /// Open or close the list of changes.
    ToggleHistory,
    /// Dark or light.
    ToggleTheme,
    /// The list of keys.
    Help,
}

/// One row of the table.
struct Row {
    text: &'static str,
    tooltip: &'static str,
    keys: &'static [KeyboardShortcut],
}

const fn plain(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::NONE, key)
}

const fn ctrl(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND, key)
}

const fn ctrl_shift(key: Key) -> KeyboardShortcut {
    KeyboardShortcut::new(Modifiers::COMMAND.plus(Modifiers::SHIFT), key)
}

macro_rules! row {
    ($text:literal, $tooltip:literal $(, $key:expr)*) => {
        Row { text: $text, tooltip: $tooltip, keys: const { &[$($key),*] } }
    };
}

impl UiCommand {
    /// Every command, grouped as in the menus.
    pub const ALL: [Self; 44] = [
        Self::OpenFiles,
        Self::OpenSeries,
        Self::OpenDemo,
        Self::Save,
        Self::SaveAs,
        Self::SaveRecipe,
        Self::Quit,
        Self::Undo,
        Self::Redo,
        Self::AblateSelection,
        Self::ResetSelection,
        Self::SelectAll,
        Self::SelectNone,
        Self::ClearEdits,
        Self::ShowDeblend,
        Self::ShowLayers,
        Self::ShowUnits,
        Self::ShowRelevance,
        Self::ShowTimeline,
        Self::PresetInspect,
        Self::PresetCompare,
        Self::PresetRepair,
        Self::PresetExplore,
        Self::PresetTrain,
        Self::NextPane,
        Self::DuplicatePane,
        Self::ClosePane,
        Self::ToggleLink,
        Self::PreviousStep,
        Self::NextStep,
        Self::PreviousInput,
        Self::NextInput,
        Self::Blink,
        Self::ResetZoom,
        Self::MeasureCheckpoints,
        Self::MeasureUnits,
        Self::Reload,
        Self::ToggleLibrary,
        Self::ToggleInspector,
        Self::ToggleTimeline,
        Self::Palette,
        Self::ToggleHistory,
        Self::ToggleTheme,
        Self::Help,
    ];

    #[rustfmt::skip]
    const fn row(self) -> Row {
        match self {
            Self::OpenFiles => row!("Open…", "Open pictures, a session or a recipe; dropping files on the window does the same", ctrl(Key::O)),
            Self::OpenSeries => row!("Open series…", "Open the folder of a training run with its checkpoints", ctrl_shift(Key::O)),
            Self::OpenDemo => row!("Open the demonstration", "Open the bundled series and its blends"),
            Self::Save => row!("Save session", "Save what is open, selected and edited", ctrl(Key::S)),
            Self::SaveAs => row!("Save session as…", "Save the session under another name", ctrl_shift(Key::S)),
            Self::SaveRecipe => row!("Save edits as recipe…", "Save the edits alone, for use on other pictures and in the headless commands"),
            Self::Quit => row!("Quit", "Close the window; the session is recovered at the next start", ctrl(Key::Q)),
            Self::Undo => row!("Undo", "Take the last change back", ctrl(Key::Z)),
            Self::Redo => row!("Redo", "Make the change again", ctrl_shift(Key::Z), ctrl(Key::Y)),
            Self::AblateSelection => row!("Ablate selected units", "Switch the selected units off everywhere in the picture", plain(Key::A)),
            Self::ResetSelection => row!("Reset selected units", "Remove the edits of the selected units", plain(Key::R)),
            Self::SelectAll => row!("Select all units", "Select every unit of the layer", ctrl(Key::A)),
            Self::SelectNone => row!("Select no unit", "Clear the selection", plain(Key::Escape)),
            Self::ClearEdits => row!("Remove all edits", "Go back to the network as it was trained", ctrl(Key::Backspace)),
            Self::ShowDeblend => row!("Deblend", "Blend, outputs, truths and residual", plain(Key::Num1)),
            Self::ShowLayers => row!("Layers", "The network as a graph: shapes, parameters, cost, edits", plain(Key::L)),
            Self::ShowUnits => row!("Units", "What every unit of a layer does on this picture", plain(Key::Num2)),
            Self::ShowRelevance => row!("Relevance", "Why the discriminator calls a picture real or generated", plain(Key::Num3)),
            Self::ShowTimeline => row!("Timeline", "How the outputs changed over the training", plain(Key::Num4)),
            Self::PresetInspect => row!("Arrange to inspect", "Outputs beside the reasons of the discriminator", ctrl(Key::Num1)),
            Self::PresetCompare => row!("Arrange to compare", "Outputs twice, over the checkpoints", ctrl(Key::Num2)),
            Self::PresetRepair => row!("Arrange to repair", "Outputs beside the units that draw them", ctrl(Key::Num3)),
            Self::PresetExplore => row!("Arrange to explore", "The units in front, the outputs below", ctrl(Key::Num4)),
            Self::PresetTrain => row!("Arrange for training", "The course of the training in front", ctrl(Key::Num5)),
            Self::NextPane => row!("Next view", "Give the next view the attention", plain(Key::F2)),
            Self::DuplicatePane => row!("Duplicate view", "Open a second pane with the same view, to be panned and zoomed by itself", ctrl(Key::D)),
            Self::ClosePane => row!("Close view", "Close the view that has the attention; its number opens it again", ctrl(Key::W)),
            Self::ToggleLink => row!("Link or unlink view", "Pan and zoom the view with the others, or by itself", plain(Key::K)),
            Self::PreviousStep => row!("Previous checkpoint", "Show the checkpoint before", plain(Key::ArrowLeft)),
            Self::NextStep => row!("Next checkpoint", "Show the checkpoint after", plain(Key::ArrowRight)),
            Self::PreviousInput => row!("Previous picture", "Show the picture before in the list", plain(Key::ArrowUp)),
            Self::NextInput => row!("Next picture", "Show the picture after in the list", plain(Key::ArrowDown)),
            Self::Blink => row!("Blink truth and output", "Truths take the place of outputs; press again to go back", plain(Key::B)),
            Self::ResetZoom => row!("Whole pictures", "Zoom out until the pictures fit", plain(Key::Num0)),
            Self::MeasureCheckpoints => row!("Measure all checkpoints", "Regenerate every checkpoint over the pictures that have truths", plain(Key::M)),
            Self::MeasureUnits => row!("Measure units over all pictures", "How active the units of the layer are in general", plain(Key::U)),
            Self::Reload => row!("Read the series again", "Find checkpoints that were written since", plain(Key::F5)),
            Self::ToggleLibrary => row!("Pictures", "Show or hide the list of pictures", plain(Key::F6)),
            Self::ToggleInspector => row!("Inspector", "Show or hide the inspector", plain(Key::F7)),
            Self::ToggleTimeline => row!("Timeline strip", "Show or hide the timeline below the views", plain(Key::F8)),
            Self::Palette => row!("Search commands", "Find any command by its name and run it", ctrl(Key::K)),
            Self::ToggleHistory => row!("History", "Show all changes, to go back to any of them", plain(Key::F10)),
            Self::ToggleTheme => row!("Dark or light", "Switch between the dark and the light theme", plain(Key::F9)),
            Self::Help => row!("Keys", "Show all commands and their keys", plain(Key::Questionmark), plain(Key::F1)),
        }
    }

    /// What menus and buttons say.
    pub const fn text(self) -> &'static str {
        self.row().text
    }

    /// One sentence about it.
    pub const fn tooltip(self) -> &'static str {
        self.row().tooltip
    }

    /// The keys that ask for it; the first is shown.
    pub const fn keys(self) -> &'static [KeyboardShortcut] {
        self.row().keys
    }

    /// The keys as a person reads them, or nothing.
    pub fn keys_text(self, ctx: &egui::Context) -> String {
        self.keys()
            .first()
            .map(|keys| ctx.format_shortcut(keys))
            .unwrap_or_default()
    }

    /// The commands whose keys were pressed, keys consumed. Keys without modifiers are left to a text being typed, arrow
    /// keys to whatever has the focus, and Escape to an open list.
    pub fn pressed(ctx: &egui::Context) -> Vec<Self> {
        let is_typing = ctx.text_edit_focused();
        let has_focus = ctx.memory(|m| m.focused().is_some());
        let is_list_open = ctx.any_popup_open();
        let is_modal_open = ctx.memory(|m| m.top_modal_layer().is_some());
        if is_list_open && ctx.input(|i| i.key_pressed(Key::Escape)) {
            egui::Popup::close_all(ctx);
        }
        let is_left_alone = |keys: &KeyboardShortcut| match keys.logical_key {
            _ if keys.modifiers.command => false,
            Key::Escape => is_list_open || is_modal_open,
            Key::ArrowLeft | Key::ArrowRight | Key::ArrowUp | Key::ArrowDown => {
                is_typing || has_focus || is_list_open
            }
            _ => is_typing,
        };
        // More modifiers first: Ctrl+Shift+Z also matches Ctrl+Z.
        let mut bound: Vec<(Self, KeyboardShortcut)> = Self::ALL
            .iter()
            .flat_map(|c| c.keys().iter().map(|k| (*c, *k)))
            .collect();
        bound.sort_by_key(|(_, k)| {
            std::cmp::Reverse(u8::from(k.modifiers.shift) + u8::from(k.modifiers.command))
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
        for command in UiCommand::ALL {
            assert!(!command.text().is_empty() && !command.tooltip().is_empty());
            assert!(!command.tooltip().ends_with('.'), "{command:?}");
        }
    }

    #[test]
    fn no_key_asks_for_two_things() {
        let mut seen = BTreeMap::new();
        for command in UiCommand::ALL {
            for keys in command.keys() {
                let other = seen.insert(format!("{keys:?}"), command);
                assert_eq!(other, None, "{keys:?} asks for {command:?} too");
            }
        }
    }
}
