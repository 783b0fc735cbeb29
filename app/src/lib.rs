//! The Ganoscope program: a window over `ganoscope-core`, and headless commands that call the same functions.

pub mod app;
pub mod bridge;
pub mod cli;
pub mod command;
pub mod comparison;
pub mod contours;
pub mod demo;
pub mod dialogs;
pub mod display;
pub mod document;
pub mod glossary;
pub mod graphics;
pub mod history;
pub mod kept;
pub mod layout;
pub mod notify;
pub mod results;
pub mod source;
pub mod store;
pub mod testing;
pub mod theme;
pub mod tour;
pub mod views;
pub mod widgets;
pub mod window;
pub mod workbench;
