//! How the views are tiled: what is beside what, which tab is in front, which pane moves with the others. Saved with the
//! session, not undone.
//!
//! Invariant: there is at least one pane, and no two panes share a number.

use egui_tiles::{Container, Linear, LinearDir, Tile, TileId, Tiles, Tree};
use serde::{Deserialize, Serialize};

use crate::views::ViewKey;

/// Names a pane for as long as it is open.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct PaneId(u64);

/// One place in which a view is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pane {
    /// Its number.
    pub id: PaneId,
    /// What it shows.
    pub view: ViewKey,
    /// Whether it is panned and zoomed with the other panes.
    pub is_linked: bool,
    /// Whether it has limits, stretch and colours of its own.
    #[serde(default)]
    pub has_own_scale: bool,
}

/// An arrangement for one kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Preset {
    /// Outputs beside the reasons of the discriminator.
    Inspect,
    /// Outputs beside two pictures held against each other, over the checkpoints.
    Compare,
    /// Outputs beside the units that draw them.
    Repair,
    /// Units in front, outputs below.
    Explore,
    /// The course of the training in front.
    Train,
}

impl Preset {
    /// All, in the order of the menu.
    pub const ALL: [Self; 5] = [
        Self::Inspect,
        Self::Compare,
        Self::Repair,
        Self::Explore,
        Self::Train,
    ];
}

/// The tiled panes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    tree: Tree<Pane>,
    /// The number of the next pane.
    next: u64,
}

impl Default for Layout {
    fn default() -> Self {
        Self::preset(Preset::Inspect)
    }
}

/// Makes a tree, counting its panes.
struct Builder {
    tiles: Tiles<Pane>,
    next: u64,
}

impl Builder {
    fn pane(&mut self, view: ViewKey) -> TileId {
        let id = PaneId(self.next);
        self.next += 1;
        self.tiles.insert_pane(Pane {
            id,
            view,
            is_linked: true,
            has_own_scale: false,
        })
    }

    fn tabs(&mut self, views: &[ViewKey]) -> TileId {
        let children = views.iter().map(|view| self.pane(*view)).collect();
        self.tiles.insert_tab_tile(children)
    }

    /// Two tiles beside or above each other; `share` is the first one's.
    fn split(&mut self, direction: LinearDir, tiles: [TileId; 2], share: f32) -> TileId {
        let linear = Linear::new_binary(direction, tiles, share);
        self.tiles.insert_container(linear)
    }
}

impl Layout {
    /// The arrangement of a preset.
    pub fn preset(preset: Preset) -> Self {
        use LinearDir::{Horizontal, Vertical};
        use ViewKey::{Compare, Deblend, Layers, Relevance, Timeline, Units};
        let mut b = Builder {
            tiles: Tiles::default(),
            next: 0,
        };
        let root = match preset {
            Preset::Inspect => {
                let sides = [
                    b.tabs(&[Deblend, Layers, Units, Timeline]),
                    b.tabs(&[Relevance]),
                ];
                b.split(Horizontal, sides, 0.56)
            }
            Preset::Compare => {
                let sides = [b.tabs(&[Deblend]), b.tabs(&[Compare])];
                let above = b.split(Horizontal, sides, 0.45);
                let below = b.tabs(&[Timeline, Relevance]);
                b.split(Vertical, [above, below], 0.6)
            }
            Preset::Repair => {
                let sides = [b.tabs(&[Deblend, Relevance]), b.tabs(&[Units, Layers])];
                b.split(Horizontal, sides, 0.5)
            }
            Preset::Explore => {
                let sides = [b.tabs(&[Units, Layers]), b.tabs(&[Deblend, Relevance])];
                b.split(Vertical, sides, 0.6)
            }
            Preset::Train => {
                let sides = [b.tabs(&[Timeline]), b.tabs(&[Deblend, Units, Relevance])];
                b.split(Vertical, sides, 0.55)
            }
        };
        Self {
            tree: Tree::new(egui::Id::unique("workbench"), root, b.tiles),
            next: b.next,
        }
    }

    /// The tree, to be drawn; what the person does to it is a new layout.
    pub fn tree_mut(&mut self) -> &mut Tree<Pane> {
        &mut self.tree
    }

    /// All panes, in no particular order.
    pub fn panes(&self) -> impl Iterator<Item = Pane> + '_ {
        self.tree.tiles.tiles().filter_map(|tile| match tile {
            Tile::Pane(pane) => Some(*pane),
            Tile::Container(_) => None,
        })
    }

    /// The panes that can be seen: not behind another tab.
    pub fn visible(&self) -> impl Iterator<Item = Pane> + '_ {
        let tiles = self.tree.active_tiles().into_iter();
        tiles.filter_map(|tile| self.tree.tiles.get_pane(&tile).copied())
    }

    /// Whether a view can be seen.
    pub fn shows(&self, view: ViewKey) -> bool {
        self.visible().any(|pane| pane.view == view)
    }

    /// The pane of a number, while it is open.
    pub fn pane(&self, id: PaneId) -> Option<Pane> {
        self.panes().find(|pane| pane.id == id)
    }

    fn tile_of(&self, id: PaneId) -> Option<TileId> {
        let mut tiles = self.tree.tiles.iter();
        tiles.find_map(|(tile, content)| match content {
            Tile::Pane(pane) if pane.id == id => Some(*tile),
            _ => None,
        })
    }

    /// Brings a view to the front: the pane `near` if it shows it, one that can be seen, any other, or a new tab beside `near`.
    /// Returns the pane.
    pub fn show(&mut self, view: ViewKey, near: PaneId) -> PaneId {
        let mut found: Vec<Pane> = self.panes().filter(|pane| pane.view == view).collect();
        let visible: Vec<PaneId> = self.visible().map(|pane| pane.id).collect();
        found.sort_by_key(|pane| (pane.id != near, !visible.contains(&pane.id), pane.id));
        let id = match found.first() {
            Some(pane) => pane.id,
            None => self.add_tab(view, near),
        };
        let tile = self.tile_of(id);
        self.tree
            .make_active(|candidate, _| Some(candidate) == tile);
        id
    }

    fn new_pane(&mut self, view: ViewKey, is_linked: bool) -> (PaneId, TileId) {
        let id = PaneId(self.next);
        self.next += 1;
        let tile = self.tree.tiles.insert_pane(Pane {
            id,
            view,
            is_linked,
            has_own_scale: false,
        });
        (id, tile)
    }

    /// A new tab in the tabs of `near`, or of any pane.
    fn add_tab(&mut self, view: ViewKey, near: PaneId) -> PaneId {
        let near = self
            .tile_of(near)
            .or_else(|| self.panes().next().and_then(|pane| self.tile_of(pane.id)));
        let (id, tile) = self.new_pane(view, true);
        let parent = near.and_then(|near| self.tree.tiles.parent_of(near));
        match (parent, near) {
            (Some(parent), _) if self.is_tabs(parent) => {
                if let Some(Tile::Container(container)) = self.tree.tiles.get_mut(parent) {
                    container.add_child(tile);
                }
            }
            (_, Some(near)) => {
                let tabs = self.tree.tiles.insert_tab_tile(vec![near, tile]);
                self.replace(near, tabs, parent);
            }
            _ => self.tree.root = Some(self.tree.tiles.insert_tab_tile(vec![tile])),
        }
        id
    }

    fn is_tabs(&self, tile: TileId) -> bool {
        let container = self.tree.tiles.get_container(tile);
        matches!(container, Some(Container::Tabs(_)))
    }

    /// Puts `new`, which holds `old`, in the place of `old`.
    fn replace(&mut self, old: TileId, new: TileId, parent: Option<TileId>) {
        match parent.and_then(|parent| self.tree.tiles.get_mut(parent)) {
            Some(Tile::Container(Container::Tabs(tabs))) => {
                let was_active = tabs.is_active(old);
                for child in tabs.children.iter_mut().filter(|child| **child == old) {
                    *child = new;
                }
                if was_active {
                    tabs.set_active(new);
                }
            }
            Some(Tile::Container(container)) => {
                let _place = container.replace_child(old, new);
            }
            _ => self.tree.root = Some(new),
        }
    }

    /// Opens a second pane with the same view beside a pane, not linked, so that it can be looked at differently. Returns it.
    pub fn duplicate(&mut self, id: PaneId) -> Option<PaneId> {
        let (pane, tile) = (self.pane(id)?, self.tile_of(id)?);
        let parent = self.tree.tiles.parent_of(tile);
        let (new, beside) = self.new_pane(pane.view, false);
        if pane.has_own_scale {
            self.toggle_scale(new);
        }
        let linear = Linear::new_binary(LinearDir::Horizontal, [tile, beside], 0.5);
        let split = self.tree.tiles.insert_container(linear);
        self.replace(tile, split, parent);
        Some(new)
    }

    /// Closes a pane, but never the last one.
    pub fn close(&mut self, id: PaneId) {
        if self.panes().count() > 1
            && let Some(tile) = self.tile_of(id)
        {
            self.tree.remove_recursively(tile);
        }
    }

    /// Links or unlinks a pane.
    pub fn toggle_link(&mut self, id: PaneId) {
        self.alter(id, |pane| pane.is_linked = !pane.is_linked);
    }

    /// Gives a pane limits, stretch and colours of its own, or those of all.
    pub fn toggle_scale(&mut self, id: PaneId) {
        self.alter(id, |pane| pane.has_own_scale = !pane.has_own_scale);
    }

    fn alter(&mut self, id: PaneId, change: impl Fn(&mut Pane)) {
        for tile in self.tree.tiles.tiles_mut() {
            match tile {
                Tile::Pane(pane) if pane.id == id => change(pane),
                _ => {}
            }
        }
    }

    /// The pane after (or before) `id` among those that can be seen, by their numbers, around the end.
    pub fn next_visible(&self, id: PaneId, by: isize) -> PaneId {
        let mut ids: Vec<PaneId> = self.visible().map(|pane| pane.id).collect();
        ids.sort_unstable();
        let at = ids.iter().position(|other| *other == id).unwrap_or(0);
        let next = (at as isize + by).rem_euclid(ids.len().max(1) as isize) as usize;
        ids.get(next).copied().unwrap_or(id)
    }

    /// Whether a layout from a file can be shown: it has a pane, and every number once.
    pub fn is_sound(&self) -> bool {
        let mut ids: Vec<PaneId> = self.panes().map(|pane| pane.id).collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        let is_counted = ids.last().is_some_and(|last| last.0 < self.next);
        count > 0 && ids.len() == count && is_counted && self.visible().next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(layout: &Layout) -> Vec<PaneId> {
        let mut ids: Vec<PaneId> = layout.panes().map(|pane| pane.id).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn every_preset_is_sound_and_shows_something() {
        for preset in Preset::ALL {
            let layout = Layout::preset(preset);
            assert!(layout.is_sound(), "{preset:?}");
            assert!(layout.visible().count() > 1, "{preset:?}");
        }
    }

    #[test]
    fn showing_a_view_brings_its_tab_to_the_front_or_opens_one() {
        let mut layout = Layout::preset(Preset::Inspect);
        assert!(layout.shows(ViewKey::Deblend) && !layout.shows(ViewKey::Units));
        let before = ids(&layout);
        let units = layout.show(ViewKey::Units, PaneId(0));
        assert!(layout.shows(ViewKey::Units) && !layout.shows(ViewKey::Deblend));
        assert_eq!(ids(&layout), before, "no new pane");
        layout.close(units);
        assert!(!layout.panes().any(|pane| pane.view == ViewKey::Units));
        let again = layout.show(ViewKey::Units, PaneId(0));
        assert!(layout.shows(ViewKey::Units) && again != units);
        assert!(layout.is_sound());
    }

    #[test]
    fn a_duplicate_stands_beside_and_is_not_linked() {
        for preset in Preset::ALL {
            let mut layout = Layout::preset(preset);
            let pane = layout.visible().next().expect("a pane");
            let copy = layout.duplicate(pane.id).expect("a copy");
            let copy = layout.pane(copy).expect("open");
            assert_eq!((copy.view, copy.is_linked), (pane.view, false));
            let visible: Vec<PaneId> = layout.visible().map(|pane| pane.id).collect();
            assert!(visible.contains(&copy.id) && visible.contains(&pane.id));
            layout.toggle_link(copy.id);
            assert!(layout.pane(copy.id).is_some_and(|pane| pane.is_linked));
            assert!(layout.is_sound(), "{preset:?}");
        }
    }

    #[test]
    fn the_last_pane_stays() {
        let mut layout = Layout::preset(Preset::Compare);
        for id in ids(&layout) {
            layout.close(id);
        }
        assert_eq!(layout.panes().count(), 1);
        assert!(layout.is_sound());
    }

    #[test]
    fn attention_goes_round() {
        let layout = Layout::preset(Preset::Compare);
        let start = layout.visible().map(|pane| pane.id).min().expect("a pane");
        let count = layout.visible().count() as isize;
        let mut at = start;
        for _ in 0..count {
            at = layout.next_visible(at, 1);
        }
        assert_eq!(at, start);
        assert_eq!(layout.next_visible(layout.next_visible(at, -1), 1), at);
    }

    #[test]
    fn a_layout_survives_a_file() {
        let mut layout = Layout::preset(Preset::Train);
        layout.duplicate(PaneId(0));
        let text = ron::to_string(&layout).expect("has a text form");
        let again: Layout = ron::from_str(&text).expect("reads");
        assert_eq!(again, layout);
        assert!(again.is_sound());
    }
}
