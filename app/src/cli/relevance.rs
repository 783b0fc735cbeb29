//! `ganoscope relevance`: why a network gave its answer, as a map over the pixels of every input.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::Args;
use ganoscope_core::attribution::{
    AttributionMap, Balance, BatchNormHandling, Method, Options, Pole, Prepared, Target,
};
use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, open_network_for};
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::Format;

use super::Failure;
use super::common::{Common, Console, columns, refuse_to_replace};
use super::desk::{EditArguments, PageArguments};
use super::inputs::{Input, RangeArgument};
use super::outputs::{About, Gathered, Results, made_by, write_file};
use super::run::say_guesses;

/// Arguments of `relevance`.
#[derive(Args, Debug)]
pub(super) struct Relevance {
    /// The network: FILE, DIR, DIR@STEP or DIR@STEP:ROLE (of a series, the discriminator when no role is given).
    pub(super) model: String,
    /// Stamps or blends.
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub(super) input: Vec<String>,
    /// File for the maps: .safetensors, .fits, .npz, .npy or (one map, for display) .png.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["figure", "table"])]
    pub(super) out: Option<PathBuf>,
    /// How to attribute, for example polarized, epsilon-plus, zplus, gradient.
    #[arg(long, value_name = "NAME")]
    pub(super) method: Method,
    /// What is explained: OUTPUT or OUTPUT:INDEX; the sum of the first output when not given.
    #[arg(long, value_name = "OUTPUT[:INDEX]")]
    target: Option<String>,
    /// How batch normalisation carries relevance: fold, pass or norm.
    #[arg(long, value_name = "HOW", default_value = "fold")]
    batchnorm: BatchNormHandling,
    /// Which evidence the method polarized shows: real, fake, auto or both.
    #[arg(long, value_name = "POLE")]
    pole: Option<Pole>,
    /// Range of the input's pixels, LO,HI.
    #[arg(long, value_name = "LO,HI", allow_hyphen_values = true)]
    input_range: Option<RangeArgument>,
    /// Explain what the generator of the series makes of the input, and its truths, channels summed, as the window does.
    #[arg(long, conflicts_with_all = ["target", "input_range"])]
    generated: bool,
    #[command(flatten)]
    pub(super) edits: EditArguments,
    #[command(flatten)]
    pub(super) page: PageArguments,
}

impl Relevance {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        if self.generated {
            return self.explain_generated(common, console);
        }
        if self.page.is_asked() || !self.edits.is_empty() {
            let what = "--figure, --table, --edit and --set belong to --generated";
            return Err(Failure::Usage(what.to_owned()));
        }
        let out = self.out.as_deref().context("--out is missing")?;
        self.explain(out, common, console)
    }

    /// The format that the extension asks for.
    pub(super) fn format(out: &Path) -> Result<Format, Failure> {
        let format = Format::from_extension(out).filter(|format| format.is_writable());
        format.ok_or_else(|| {
            let what = "--out needs the extension safetensors, fits, npz, npy or png";
            Failure::Usage(format!("{what}: {}", out.display()))
        })
    }

    pub(super) fn check_pole(&self) -> Result<(), Failure> {
        if self.pole.is_some() && !matches!(self.method, Method::Polarized { .. }) {
            let what = format!(
                "--pole belongs to the method polarized, not to {}",
                self.method
            );
            return Err(Failure::Usage(what));
        }
        Ok(())
    }

    /// The method with the pole and the seed of this command.
    pub(super) fn chosen_method(&self, common: &Common) -> Method {
        let mut method = self.method.clone();
        match &mut method {
            Method::Polarized { pole } => *pole = self.pole.unwrap_or(*pole),
            Method::SmoothGrad { seed, .. } => *seed = common.seed.unwrap_or(*seed),
            _ => {}
        }
        method
    }

    /// The maps over the inputs themselves.
    fn explain(&self, out: &Path, common: &Common, console: &Console) -> Result<(), Failure> {
        let format = Self::format(out)?;
        self.check_pole()?;
        let inputs = Input::read_all(&self.input)?;
        let mut spec = NetworkSpec::parse(&self.model);
        self.check_out(out, format, &inputs, &spec)?;
        if spec.path.is_dir() {
            spec.role = spec.role.or(Some(NetworkRole::Discriminator));
        }
        let mut opened = open_network_for(&spec, Input::stamp_size(&inputs))?;
        say_guesses(&opened, *console);
        let device = common.open_device(*console)?;
        opened.network = opened.network.to_device(&device)?;
        let target = match &self.target {
            Some(text) => Target::parse(&opened.network, text)?,
            None => Target::default(),
        };
        let method = self.tuned_method(common, opened.input_range);
        let options = self.options(opened.input_range);
        let prepared = Prepared::new(&opened.network, &method, &options)?;

        let (mut results, mut rows) = (Results::default(), Vec::new());
        for (n, input) in inputs.iter().enumerate() {
            console.note(&format!(
                "{} of {}: {}",
                n + 1,
                inputs.len(),
                input.path.display()
            ));
            let mut names = input.stamps.iter().map(|stamp| input.label(stamp));
            for batch in input.batches(&opened, self.input_range, &device, *console)? {
                let map = prepared
                    .attribute(&[batch], &target)
                    .with_context(|| format!("cannot explain {}", input.path.display()))?;
                for warning in &map.warnings {
                    console.note(&format!("warning: {warning}: {}", input.path.display()));
                }
                let balances = map.balances.iter();
                rows.extend(balances.map(|b| Row::of(names.next(), b, &map.warnings)));
                gather(&map, &mut results)?;
            }
        }
        let first = inputs.first();
        let mut provenance = made_by("relevance", &spec, &opened, first);
        provenance
            .history
            .push(format!("method {}", in_words(&method)));
        // In the order of the maps, from 0.
        let of = rows.iter().enumerate();
        let of = of.map(|(i, row)| format!("map {i} is of {}", row.input));
        provenance.history.extend(of);
        let about = About {
            stamp: first.and_then(|input| input.first_stamp(&opened, self.input_range)),
            is_discriminator: opened.role == NetworkRole::Discriminator,
            provenance,
            ..About::default()
        };
        write(out, format, &results, &about)?;
        report(&rows, &method, common, *console)
    }

    fn options(&self, range: ValueRange) -> Options {
        Options {
            batch_norm: self.batchnorm,
            input_range: (f64::from(range.low), f64::from(range.high)),
            ..Options::default()
        }
    }

    /// Refuses a file that cannot hold the maps, or that they are made from.
    fn check_out(
        &self,
        out: &Path,
        format: Format,
        inputs: &[Input],
        spec: &NetworkSpec,
    ) -> Result<(), Failure> {
        let sources = inputs.iter().map(|input| &*input.path);
        refuse_to_replace(out, sources.chain([&*spec.path]))?;
        let maps: usize = inputs.iter().map(|input| input.stamps.len()).sum();
        if format == Format::Png && maps > 1 {
            let what = format!("a PNG file shows one map, not {maps}; use fits or safetensors");
            return Err(Failure::Usage(what));
        }
        Ok(())
    }

    /// The method with the pole, the seed and the black level of this command.
    fn tuned_method(&self, common: &Common, range: ValueRange) -> Method {
        self.chosen_method(common).with_black(f64::from(range.low))
    }
}

/// A method with what a person can choose of it, for the provenance: `polarized, pole both`.
pub(super) fn in_words(method: &Method) -> String {
    match method {
        Method::Polarized { pole } => {
            let pole = match pole {
                Pole::Real => "real",
                Pole::Fake => "fake",
                Pole::Auto => "auto",
                Pole::Both => "both",
            };
            format!("{method}, pole {pole}")
        }
        Method::SmoothGrad { samples, seed, .. } => {
            format!("{method}, {samples} samples, seed {seed}")
        }
        _ => method.to_string(),
    }
}

/// Writes the maps of all inputs into one file.
fn write(
    out: &Path,
    format: Format,
    results: &Results,
    about: &About<'_>,
) -> Result<(), anyhow::Error> {
    let arrays: Vec<&Gathered> = results.arrays().iter().collect();
    let Some(map) = arrays.first() else {
        return Err(anyhow!("no input gave a map: {}", out.display()));
    };
    match format {
        // One array is all that NPY holds.
        Format::Npy => write_file(out, format, &[map], about),
        Format::Png => write_file(out, format, &[&for_display(map)], about),
        _ => write_file(out, format, &arrays, about),
    }
}

fn gather(map: &AttributionMap, results: &mut Results) -> Result<(), anyhow::Error> {
    results.add("relevance", &map.relevance, None)?;
    results.add("output", &map.output, None)?;
    if let Some(poles) = &map.poles {
        results.add("relevance.real", &poles.real.relevance, None)?;
        results.add("relevance.fake", &poles.fake.relevance, None)?;
    }
    Ok(())
}

/// The map summed over channels, zero-centred: red pushes up ("real"), blue down ("generated"), white is nothing.
fn for_display(map: &Gathered) -> Gathered {
    let &[channels, height, width] = map.dims.as_slice() else {
        return map.clone();
    };
    let pixels = height * width;
    let heat = |i: usize| -> f32 {
        let planes = map.values.iter().skip(i).step_by(pixels);
        planes.take(channels).sum()
    };
    let heats: Vec<f32> = (0..pixels).map(heat).collect();
    let largest = heats
        .iter()
        .fold(0.0_f32, |m, v| m.max(v.abs()))
        .max(f32::MIN_POSITIVE);
    let colour = |channel: usize| {
        heats.iter().map(move |v| {
            let part = v / largest;
            match channel {
                0 => 1.0 + part.min(0.0),
                1 => 1.0 - part.abs(),
                _ => 1.0 - part.max(0.0),
            }
        })
    };
    Gathered {
        name: map.name.clone(),
        dims: vec![3, height, width],
        values: (0..3).flat_map(colour).collect(),
        range: Some(ValueRange::UNIT),
    }
}

/// What is said about one map.
#[derive(Debug, serde::Serialize)]
struct Row {
    input: String,
    score: f64,
    sum: f64,
    absorbed: f64,
    gap: Option<f64>,
    warnings: Vec<String>,
}

impl Row {
    fn of(input: Option<String>, balance: &Balance, warnings: &[String]) -> Self {
        Self {
            input: input.unwrap_or_default(),
            score: balance.score,
            sum: balance.sum,
            absorbed: balance.absorbed,
            gap: balance.gap,
            warnings: warnings.to_vec(),
        }
    }
}

fn report(rows: &[Row], method: &Method, common: &Common, console: Console) -> Result<(), Failure> {
    if common.json {
        let maps = serde_json::json!({ "method": method.name(), "maps": rows });
        console.table(&serde_json::to_string_pretty(&maps)?)?;
    } else if !common.quiet {
        let header = [
            "input",
            "output",
            "sum of map",
            "absorbed",
            "conservation gap",
        ];
        let mut table = vec![header.map(str::to_owned).to_vec()];
        table.extend(rows.iter().map(|row| {
            vec![
                row.input.clone(),
                format!("{:.6}", row.score),
                format!("{:.6}", row.sum),
                format!("{:.6}", row.absorbed),
                row.gap.map_or_else(
                    || "not claimed".to_owned(),
                    |gap| format!("{:.3} %", 100.0 * gap),
                ),
            ]
        }));
        console.table(&columns(&table, &[]))?;
    }
    Ok(())
}
