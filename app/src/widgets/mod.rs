//! Widgets that know nothing of documents: pictures, legends, states of loading, icons.

mod icon;
mod legend;
mod look;
mod stamp_view;
mod state;
mod textures;

pub use icon::{Icon, icon_button, paint_icon};
pub use legend::{legend_ui, sign_marks};
pub use look::{Look, image_of};
pub use stamp_view::{Link, StampView, corner_text, pixel_at, value_text, visible_part};
pub use state::{empty_ui, failed_ui, loading_over, loading_ui};
pub use textures::{Picture, Textures};
