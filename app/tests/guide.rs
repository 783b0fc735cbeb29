//! The guide's list of keys is made from the table of commands; its links and pictures are there.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot prepare itself has failed"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use egui::os::OperatingSystem;
use ganoscope::command::{KeySystem, UiCommand};

fn guide() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guide")
}

/// The table of all commands with their keys, as the guide has it.
fn keys() -> String {
    let ctx = egui::Context::default();
    let mut text = String::from(
        "# Commands and keys\n\nMade from the table of commands. On macOS Ctrl is Cmd. Every command is also found by its name with Ctrl+K.\n\n\
         | command | keys | what it does |\n| --- | --- | --- |\n",
    );
    ctx.set_os(OperatingSystem::Nix);
    for command in UiCommand::ALL {
        let keys: Vec<String> = command
            .keys(KeySystem::Other)
            .iter()
            .map(|keys| ctx.format_shortcut(keys))
            .collect();
        let (name, what) = (command.text(), command.tooltip());
        let _ = writeln!(text, "| {name} | {} | {what} |", keys.join(", "));
    }
    text
}

#[test]
fn the_list_of_keys_is_that_of_the_program() {
    let path = guide().join("keys.md");
    if std::env::var("UPDATE_GUIDE").is_ok_and(|v| v == "1") {
        std::fs::write(&path, keys()).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap();
    assert_eq!(written, keys(), "run this test with UPDATE_GUIDE=1");
}

#[test]
fn what_the_guide_points_to_is_there() {
    let mut count = 0;
    for file in ["README.md", "keys.md", "peers.md"] {
        let text = std::fs::read_to_string(guide().join(file)).unwrap();
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            if !target.starts_with("http") && !target.starts_with('#') {
                assert!(guide().join(target).exists(), "{file} points to {target}");
                count += 1;
            }
        }
    }
    assert!(count > 5, "the guide has pictures and links");
}
