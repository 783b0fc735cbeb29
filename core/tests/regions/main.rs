//! Regions on pictures and the sky: known positions, asymmetric pictures, files in and out.

mod known;
mod orientation;
mod real;
mod sky;
