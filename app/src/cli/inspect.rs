//! `ganoscope inspect`: what a network is made of and what had to be guessed.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use clap::Args;
use ganoscope_core::atomic::atomic_write_bytes;
use ganoscope_core::checkpoint::{
    NetworkSpec, Opened, description_of, draft_description, open_network,
};
use ganoscope_core::graph::Graph;

use super::Failure;
use super::common::{self, Common, Console, columns, refuse_to_replace};
use super::desk::check_figure;
use crate::display::Display;
use crate::export::ExportChoice;
use crate::figures::{self, Paper, Setting, Sides};

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub(super) struct Inspect {
    #[arg(help = common::MODEL)]
    model: String,
    /// Drawing of the network to write too, .svg, .pdf or .png.
    #[arg(long, value_name = "FILE")]
    figure: Option<PathBuf>,
    /// Write a description of the layers of a file of weights instead, to be corrected where it says doubtful: beside the
    /// weights as NAME.model.toml, or into FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "figure")]
    #[allow(
        clippy::option_option,
        reason = "an option whose value may be left out"
    )]
    draft: Option<Option<PathBuf>>,
}

impl Inspect {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        let spec = NetworkSpec::parse(&self.model);
        if let Some(out) = &self.draft {
            return Ok(draft(&spec, out.as_deref(), common, *console)?);
        }
        if let Some(path) = &self.figure {
            check_figure(path)?;
            refuse_to_replace(path, [&*spec.path])?;
        }
        let opened = open_network(&spec)?;
        if let Some(path) = &self.figure {
            draw(&opened, &self.model, path)?;
        }
        let text = if common.json {
            serde_json::to_string_pretty(&json(&opened))?
        } else {
            table(&opened)
        };
        Ok(console.table(&text)?)
    }
}

/// Writes the draft of a description. One beside the weights is corrected by a person already, so it is never replaced.
fn draft(
    spec: &NetworkSpec,
    out: Option<&Path>,
    common: &Common,
    console: Console,
) -> Result<(), anyhow::Error> {
    let beside = description_of(&spec.path);
    if out.is_none() && beside.exists() {
        return Err(anyhow!(
            "there is a description already, name another file behind --draft: {}",
            beside.display()
        ));
    }
    let out = out.unwrap_or(beside.as_path());
    refuse_to_replace(out, [&*spec.path])?;
    let text = draft_description(spec, None)?;
    atomic_write_bytes(out, text.as_bytes())?;
    let doubtful = text
        .lines()
        .filter(|line| line.contains("# doubtful"))
        .count();
    if *out != *beside {
        console.note(&format!(
            "it is read with the weights when it lies beside them as {}",
            beside.display()
        ));
    }
    let said = if common.json {
        serde_json::json!({"path": out, "doubtful": doubtful}).to_string()
    } else {
        format!("{}: {doubtful} lines are doubtful", out.display())
    };
    console.table(&said)
}

/// The network as boxes and lines, equal blocks as one.
fn draw(opened: &Opened, model: &str, path: &Path) -> Result<(), anyhow::Error> {
    let setting = Setting {
        paper: Paper::White,
        sides: Sides::None,
        display: Display::default(),
        title: format!("{} of {model}", opened.role),
        regions: Vec::new(),
        notes: vec![concat!("Ganoscope ", env!("CARGO_PKG_VERSION"), ".").to_owned()],
    };
    let graph = Graph::of(&opened.network);
    let drawing = figures::layers(&graph, |_| false, &setting);
    let scale = ExportChoice::default().pixels_per_point();
    Ok(drawing.write(path, scale)?)
}

fn json(opened: &Opened) -> serde_json::Value {
    let network = &opened.network;
    let fact_of = |id| network.node(id).fact.dims.clone();
    let inputs: Vec<_> = network
        .inputs()
        .iter()
        .map(|id| serde_json::json!({"name": network.node(*id).name, "dims": fact_of(*id)}))
        .collect();
    let outputs: Vec<_> = network
        .outputs()
        .iter()
        .map(|o| serde_json::json!({"name": o.name, "layer": network.node(o.node).name, "dims": fact_of(o.node)}))
        .collect();
    serde_json::json!({
        "path": opened.path,
        "sha256": opened.sha256,
        "role": opened.role,
        "step": opened.step,
        "identity": opened.identity,
        "architecture": opened.config,
        "parameters": network.parameter_count(),
        "multiply_adds": network.total_multiply_adds(),
        "input_range": opened.input_range,
        "output_range": opened.output_range,
        "inputs": inputs,
        "outputs": outputs,
        "layers": network.layer_infos(),
        "tensors": opened.report,
        "guesses": opened.guesses,
        "warnings": opened.warnings,
    })
}

fn table(opened: &Opened) -> String {
    let network = &opened.network;
    let mut text = format!("{} of {}\n", opened.role, opened.path.display());
    let identity = &opened.identity;
    text.push_str(&format!("{}, {}\n", identity.family, identity.confidence));
    for evidence in &identity.evidence {
        text.push_str(&format!("because {evidence}\n"));
    }
    if let Some(step) = opened.step {
        text.push_str(&format!("step {step}\n"));
    }
    let range = opened.input_range;
    text.push_str(&format!(
        "takes pixels from {} to {}",
        range.low, range.high
    ));
    if let Some(range) = opened.output_range {
        text.push_str(&format!(", emits {} to {}", range.low, range.high));
    }
    text.push_str(&format!("\n{}\n\n", opened.report));

    let mut rows = vec![
        [
            "layer",
            "operation",
            "shape",
            "parameters",
            "multiply-adds",
            "share",
            "reads",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    let total = network.total_multiply_adds();
    let share = |cost: u64| format!("{:.1} %", 100.0 * cost as f64 / total.max(1) as f64);
    for layer in network.layer_infos() {
        let dims: Vec<String> = layer.dims.iter().map(ToString::to_string).collect();
        let reads: Vec<&str> = layer.inputs.iter().map(|name| &**name).collect();
        rows.push(vec![
            layer.name.to_string(),
            layer.op,
            dims.join("x"),
            layer.parameters.to_string(),
            layer.multiply_adds.to_string(),
            share(layer.multiply_adds),
            reads.join(", "),
        ]);
    }
    rows.push(vec![
        "total".to_owned(),
        format!("{} layers", network.nodes().len()),
        String::new(),
        network.parameter_count().to_string(),
        total.to_string(),
        share(total),
    ]);
    text.push_str(&columns(&rows, &[1, 6]));
    for output in network.outputs() {
        let node = network.node(output.node);
        text.push_str(&format!(
            "output {} is {} {}\n",
            output.name, node.name, node.fact
        ));
    }
    for guess in &opened.guesses {
        text.push_str(&format!("guessed {guess}\n"));
    }
    for warning in &opened.warnings {
        text.push_str(&format!("warning: {warning}\n"));
    }
    text
}
