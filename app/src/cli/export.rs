//! `ganoscope export`: a network with its edits in the weights, for the programs that networks come from and go to.

use std::path::PathBuf;

use clap::Args;
use ganoscope_core::checkpoint::{NetworkSpec, open_network, write_onnx, write_weights};
use ganoscope_core::edit::fold;

use super::Failure;
use super::common::{self, Common, Console, refuse_to_replace};
use super::desk::EditArguments;
use super::run::say_guesses;

/// Arguments of `export`.
#[derive(Args, Debug)]
pub(super) struct Export {
    #[arg(help = common::MODEL)]
    model: String,
    #[command(flatten)]
    edits: EditArguments,
    /// What to write: .onnx for a model that other programs run, .safetensors for weights under their own names.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The kinds of files that are written.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Onnx,
    Safetensors,
}

impl Export {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        let kind = match self.out.extension().and_then(|e| e.to_str()) {
            Some(e) if e.eq_ignore_ascii_case("onnx") => Kind::Onnx,
            Some(e) if e.eq_ignore_ascii_case("safetensors") => Kind::Safetensors,
            _ => {
                let path = self.out.display();
                return Err(Failure::Usage(format!(
                    "--out ends in .onnx or .safetensors: {path}"
                )));
            }
        };
        let spec = NetworkSpec::parse(&self.model);
        let opened = open_network(&spec)?;
        refuse_to_replace(
            &self.out,
            [&*opened.path, &*spec.path]
                .into_iter()
                .chain(self.edits.recipe()),
        )?;
        say_guesses(&opened, *console);
        let stack = self.edits.stack()?;
        let count = stack.edits.len();
        let folded = fold(&opened.network, &stack).map_err(|error| {
            let origin = self.edits.origin(0, count.max(1));
            anyhow::anyhow!("{error}: {origin}")
        })?;
        for key in &folded.added {
            console.note(&format!("added {key}, which the network did not have"));
        }
        let sha256 = match kind {
            Kind::Onnx => write_onnx(&self.out, &folded.network)?,
            Kind::Safetensors => write_weights(&self.out, &folded.network, &opened)?,
        };
        let text = if common.json {
            serde_json::to_string_pretty(&serde_json::json!({
                "path": self.out,
                "sha256": sha256,
                "changed": folded.changed,
                "added": folded.added,
            }))?
        } else {
            let changed = folded.changed.len() + folded.added.len();
            format!(
                "{}: {changed} tensors changed, SHA-256 {sha256}",
                self.out.display()
            )
        };
        Ok(console.table(&text)?)
    }
}
