//! The Ganoscope program: a window over `ganoscope-core`, and headless commands that call the same functions.

pub mod app;
pub mod bridge;
pub mod cli;
pub mod command;
pub mod demo;
pub mod dialogs;
pub mod display;
pub mod document;
pub mod export;
pub mod figures;
pub mod graphics;
pub mod history;
pub mod layout;
pub mod notify;
pub mod results;
pub mod store;
pub mod testing;
pub mod theme;
pub mod views;
pub mod widgets;
pub mod window;
pub mod workbench;
