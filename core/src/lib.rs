//! Inference and interpretation of generative adversarial networks, without a window.
//!
//! A network is plain data ([`network::Network`]); edits, rules, recipes and sessions are plain data too. The window
//! and the headless commands call the same functions of this crate.

pub mod architecture;
pub mod atomic;
pub mod attribution;
pub mod checkpoint;
pub mod device;
pub mod edit;
pub mod figure;
pub mod graph;
pub mod jobs;
pub mod kernels;
pub mod latent;
pub mod network;
mod plain_file;
pub mod region;
pub mod seed;
pub mod session;
pub mod sky;
pub mod stamp;
pub mod table;
pub mod train;
