//! Widgets that know nothing of documents: pictures, legends, states of loading, icons.

mod compass;
mod histogram;
mod icon;
mod legend;
mod look;
mod regions;
mod settle;
mod stamp_view;
mod state;
mod swipe_view;
mod textures;
mod turns;

pub use compass::sky_ui;
pub use histogram::HistogramView;
pub use icon::{Icon, icon_atom, icon_button, paint_icon};
pub use legend::{color_bar_ui, legend_ui};
pub use look::{Look, evidence, image_of, rgb, signed_with_marks};
pub use regions::{RegionLayer, region_name};
pub use stamp_view::{
    Link, StampView, corner_text, fitted, pixel_at, plane_text, same_place, value_text,
    visible_part,
};
pub use state::{empty_ui, failed_ui, loading_over, loading_ui};
pub use swipe_view::SwipeView;
pub use textures::{Picture, Spot, Textures};
