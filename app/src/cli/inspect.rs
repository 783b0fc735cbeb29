//! `ganoscope inspect`: what a network is made of and what had to be guessed.

use clap::Args;
use ganoscope_core::checkpoint::{NetworkSpec, Opened, open_network};

use super::Failure;
use super::common::{Common, Console, columns};

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub(super) struct Inspect {
    /// The network: FILE, DIR, DIR@STEP or DIR@STEP:ROLE.
    model: String,
}

impl Inspect {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        let opened = open_network(&NetworkSpec::parse(&self.model))?;
        let text = if common.json {
            serde_json::to_string_pretty(&json(&opened))?
        } else {
            table(&opened)
        };
        Ok(console.table(&text)?)
    }
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
