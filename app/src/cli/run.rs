//! `ganoscope run`: a network's outputs, and the activations of named layers, for every input.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use candle_core::Device;
use clap::{Args, ValueEnum};
use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, Opened, open_network_for};
use ganoscope_core::edit::{Action, Edit};
use ganoscope_core::network::{Edits, LayerName, Network, Retain};
use ganoscope_core::stamp::io::Format;

use super::Failure;
use super::common::{self, Common, Console, columns, refuse_to_replace};
use super::desk::{Desk, EditArguments, PageArguments};
use super::inputs::{Input, RangeArgument};
use super::outputs::{About, Gathered, Results, files, made_by, name_in, write_file};
use crate::views::ViewKey;

/// Arguments of `run`.
#[derive(Args, Debug)]
pub(super) struct Run {
    #[arg(help = common::MODEL)]
    model: String,
    /// Stamps or blends; seed:N or seed:N:CLASS for generators that take numbers.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    input: Vec<String>,
    /// Folder for the results; made if needed.
    #[arg(long, value_name = "DIR", required_unless_present_any = ["figure", "table"])]
    out: Option<PathBuf>,
    /// Layers whose activations (before edits) are written too.
    #[arg(long, value_name = "LAYER", value_delimiter = ',')]
    retain: Vec<String>,
    #[command(flatten)]
    edits: EditArguments,
    /// Format of the results; that of the input when not given.
    #[arg(long)]
    format: Option<FormatArgument>,
    /// Range of the input's pixels, LO,HI.
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true)]
    input_range: Option<RangeArgument>,
    #[command(flatten)]
    page: PageArguments,
}

/// The formats results can be asked for in.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArgument {
    Safetensors,
    Fits,
    Npy,
    Npz,
    Png,
}

impl From<FormatArgument> for Format {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::Safetensors => Self::Safetensors,
            FormatArgument::Fits => Self::Fits,
            FormatArgument::Npy => Self::Npy,
            FormatArgument::Npz => Self::Npz,
            FormatArgument::Png => Self::Png,
        }
    }
}

impl Run {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        self.page.check(&self.input)?;
        if self.page.is_asked() && self.input_range.is_some() {
            let what = "--input-range belongs to results, not to --figure and --table";
            return Err(Failure::Usage(what.to_owned()));
        }
        let inputs = Input::read_all(&self.input)?;
        for path in self.page.paths() {
            refuse_to_replace(path, inputs.iter().map(|input| &*input.path))?;
        }
        let spec = NetworkSpec::parse(&self.model);
        let device = common.open_device(*console)?;
        let mut written = Vec::new();
        if let Some(out) = &self.out {
            written.extend(self.run(out, &spec, &inputs, &device, *console)?);
        }
        if self.page.is_asked() {
            written.extend(self.pages(&spec, &device)?);
        }
        report(&written, common, *console)
    }

    /// The results of every input.
    fn run(
        &self,
        out: &Path,
        spec: &NetworkSpec,
        inputs: &[Input],
        device: &Device,
        console: Console,
    ) -> Result<Vec<Written>, Failure> {
        let mut opened = open_network_for(spec, Input::stamp_size(inputs))?;
        say_guesses(&opened, console);
        if let Some(fitted) = fitted(&opened, inputs) {
            opened.network = fitted;
        }
        opened.network = opened.network.to_device(device)?;
        let retain: Vec<LayerName> = self.retain.iter().map(|l| l.as_str().into()).collect();
        for layer in &retain {
            opened.network.find(layer)?;
        }
        let (edits, said_of_edits) = self.edits(&opened)?;
        self.check_names(out, inputs, &opened, &retain)?;
        fs::create_dir_all(out)
            .with_context(|| format!("cannot make the folder {}", out.display()))?;

        let mut written = Vec::new();
        for (n, input) in inputs.iter().enumerate() {
            console.note(&format!(
                "{} of {}: {}",
                n + 1,
                inputs.len(),
                input.path.display()
            ));
            let mut results = Results::default();
            for feed in input.feeds(&opened, self.input_range, device, console)? {
                forward(&opened, &feed, &edits, &retain, &mut results)
                    .with_context(|| format!("cannot run {}", input.path.display()))?;
            }
            warn_of_overflow(&results, &input.path, console);
            let mut provenance = made_by("run", spec, &opened, Some(input));
            provenance.edits.clone_from(&said_of_edits);
            let about = About {
                stamp: input.first_stamp(&opened, self.input_range),
                truths: &input.truths,
                blend_rule: opened.manifest.as_ref().map(|manifest| manifest.blend_rule),
                is_discriminator: opened.role == NetworkRole::Discriminator,
                provenance,
            };
            let format = self.format(input, &opened);
            written.extend(write(out, input, format, &results, &about)?);
        }
        Ok(written)
    }

    /// The figure and the table of the one input.
    fn pages(&self, spec: &NetworkSpec, device: &Device) -> Result<Vec<Written>, Failure> {
        if spec.role == Some(NetworkRole::Discriminator) {
            let what = "a figure of a discriminator is made by `ganoscope relevance --generated`";
            return Err(Failure::Usage(what.to_owned()));
        }
        let input = self.input.first().context("no input was given")?;
        let mut desk = Desk::new(spec, input, self.edits.stack()?, device)?;
        desk.deblend()?;
        let paths = self.page.write(&desk, ViewKey::Deblend)?;
        Ok(paths.into_iter().map(Written::page).collect())
    }

    fn edits(&self, opened: &Opened) -> Result<(Edits, Vec<String>), Failure> {
        if self.edits.is_empty() {
            return Ok((Edits::new(), Vec::new()));
        }
        let stack = self.edits.stack()?;
        let count = stack.edits.len();
        let edits = stack.resolve(&opened.network).map_err(|error| {
            let origin = self.edits.origin(error.place().unwrap_or(0), count);
            anyhow!("{error}: {origin}")
        })?;
        let enabled = stack.edits.iter().enumerate();
        let enabled = enabled.filter(|(_, edit)| edit.enabled);
        let said = enabled
            .map(|(at, edit)| format!("{} ({})", sentence(edit), self.edits.origin(at, count)));
        Ok((edits, said.collect()))
    }

    /// As asked; else as the input, when that format can hold what the network gives.
    fn format(&self, input: &Input, opened: &Opened) -> Format {
        let network = &opened.network;
        let is_picture = |dims: &[usize]| matches!(dims, [1 | 3, _, _]);
        let gives_pictures = self.retain.is_empty()
            && network
                .outputs()
                .iter()
                .all(|output| is_picture(&network.node(output.node).fact.dims));
        match (self.format, input.format) {
            (Some(format), _) => format.into(),
            (None, Format::Jpeg | Format::Png) if !gives_pictures => Format::Safetensors,
            (None, Format::Jpeg) => Format::Png,
            (None, format) if format.is_writable() => format,
            (None, _) => Format::Safetensors,
        }
    }

    /// Two results under one name, or a result over its input, would lose data.
    fn check_names(
        &self,
        out: &Path,
        inputs: &[Input],
        opened: &Opened,
        retain: &[LayerName],
    ) -> Result<(), anyhow::Error> {
        let outputs = (0..opened.network.outputs().len()).map(output_name);
        let names: Vec<String> = outputs.chain(retain.iter().map(activation_name)).collect();
        let mut owners: BTreeMap<PathBuf, &Path> = BTreeMap::new();
        for input in inputs {
            for (path, _) in files(out, &input.stem, self.format(input, opened), &names) {
                if let Some(other) = owners.insert(path.clone(), &input.path) {
                    return Err(anyhow!(
                        "{} and {} would both be written to {}",
                        other.display(),
                        input.path.display(),
                        path.display()
                    ));
                }
                let sources = inputs.iter().map(|input| &*input.path);
                refuse_to_replace(&path, sources.chain([&*opened.path]))?;
            }
        }
        Ok(())
    }
}

fn write(
    out: &Path,
    input: &Input,
    format: Format,
    results: &Results,
    about: &About<'_>,
) -> Result<Vec<Written>, anyhow::Error> {
    let arrays = results.arrays();
    let names: Vec<String> = arrays.iter().map(|a| a.name.clone()).collect();
    files(out, &input.stem, format, &names)
        .into_iter()
        .map(|(path, members)| {
            let members: Vec<_> = members.iter().map(|i| &arrays[*i]).collect();
            write_file(&path, format, &members, about)?;
            let name = |a: &Gathered| name_in(format, &a.name, about.is_discriminator);
            let names = members.iter().map(|a| name(a)).collect();
            let scalars = members
                .iter()
                .filter(|a| a.dims.iter().product::<usize>() == 1)
                .map(|a| (name(a), a.values.clone()))
                .collect();
            Ok(Written {
                path,
                names,
                scalars,
            })
        })
        .collect()
}

/// The network for stamps that are not square, where it takes any size.
fn fitted(opened: &Opened, inputs: &[Input]) -> Option<Network> {
    let stamp = inputs.first()?.stamps.first()?;
    let size = [stamp.height, stamp.width];
    let takes_any =
        opened.manifest.is_none() && opened.guesses.iter().any(|g| g.what == "stamp size");
    if !takes_any || opened.network.input_fact().size() == size {
        return None;
    }
    opened.network.with_input_size(size).ok()
}

/// What an edit does, in words.
pub(crate) fn sentence(edit: &Edit) -> String {
    let what = match edit.action {
        Action::Ablate => "off".to_owned(),
        Action::Insert { level } => format!("at level {level}"),
        Action::Scale { by } => format!("scaled by {by}"),
    };
    let place = if edit.mask.is_some() {
        ", within a mask"
    } else {
        ""
    };
    format!("{} {what}, strength {}{place}", edit.units, edit.strength)
}

/// A written file and the arrays in it.
#[derive(Debug, serde::Serialize)]
struct Written {
    path: PathBuf,
    names: Vec<String>,
    /// Outputs of one number, such as a logit, one per stamp.
    scalars: BTreeMap<String, Vec<f32>>,
}

impl Written {
    /// A figure or a table.
    fn page(path: PathBuf) -> Self {
        Self {
            path,
            names: Vec::new(),
            scalars: BTreeMap::new(),
        }
    }
}

/// Says what a network was taken to be where its file does not say it.
pub(super) fn say_guesses(opened: &Opened, console: Console) {
    for guess in &opened.guesses {
        console.note(&format!("guessed {guess}"));
    }
    for warning in &opened.warnings {
        console.note(&format!("warning: {warning}"));
    }
}

/// The name of an output in a file: `output`, `output.1`, ...
pub(crate) fn output_name(index: usize) -> String {
    match index {
        0 => "output".to_owned(),
        index => format!("output.{index}"),
    }
}

/// The name of a layer's activation in a file.
pub(crate) fn activation_name(layer: &LayerName) -> String {
    format!("activation.{layer}")
}

/// Says which results are not finite: weights can be finite and still too large.
fn warn_of_overflow(results: &Results, input: &Path, console: Console) {
    for array in results.arrays() {
        let (count, total) = (not_finite(&array.values), array.values.len());
        if count > 0 {
            console.note(&format!(
                "warning: {} has {count} of {total} values that are NaN or infinite: {}",
                array.name,
                input.display()
            ));
        }
    }
}

fn not_finite(values: &[f32]) -> usize {
    values.iter().filter(|v| !v.is_finite()).count()
}

fn forward(
    opened: &Opened,
    feed: &[candle_core::Tensor],
    edits: &Edits,
    retain: &[LayerName],
    results: &mut Results,
) -> Result<(), anyhow::Error> {
    let network = &opened.network;
    let keep = Retain::Layers(retain.to_vec());
    let run = network.forward(feed, edits, &keep)?;
    for (index, output) in run.outputs().iter().enumerate() {
        results.add(&output_name(index), output, opened.output_range)?;
    }
    for layer in retain {
        let value = run.activation(network, layer)?;
        results.add(&activation_name(layer), value, None)?;
    }
    Ok(())
}

fn report(written: &[Written], common: &Common, console: Console) -> Result<(), Failure> {
    if common.json {
        let files = serde_json::json!({ "files": written });
        console.table(&serde_json::to_string_pretty(&files)?)?;
    } else if !common.quiet {
        let name = |w: &Written, name: &String| match w.scalars.get(name) {
            Some(values) => {
                let values: Vec<String> = values.iter().map(|v| format!("{v:.4}")).collect();
                format!("{name} = {}", values.join(" "))
            }
            None => name.clone(),
        };
        let row = |w: &Written| {
            let names: Vec<String> = w.names.iter().map(|n| name(w, n)).collect();
            vec![w.path.display().to_string(), names.join(", ")]
        };
        let rows: Vec<_> = written.iter().map(row).collect();
        console.table(&columns(&rows, &[1]))?;
    }
    Ok(())
}
