//! The maps over the inputs themselves: computed, written, reported.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use candle_core::Device;
use ganoscope_core::attribution::{AttributionMap, Balance, Method, SideBySide, Target};
use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, Opened, open_network_for};
use ganoscope_core::network::Network;
use ganoscope_core::stamp::io::Format;
use ganoscope_core::stamp::{Stamp, ValueRange};

use super::super::Failure;
use super::super::common::{Common, Console, columns, refuse_to_replace};
use super::super::inputs::Input;
use super::super::outputs::{About, Gathered, Results, made_by, write_file};
use super::super::run::say_guesses;
use super::checks::{Asked, Found};
use super::{Relevance, in_words};

/// What is explained, and how.
struct Question<'a> {
    network: &'a Network,
    target: &'a Target,
    method: &'a Method,
}

impl Relevance {
    /// The maps over the inputs themselves.
    pub(super) fn explain(&self, common: &Common, console: &Console) -> Result<(), Failure> {
        let out = match &self.out {
            Some(path) => Some((&**path, Self::format(path)?)),
            None => None,
        };
        self.check_pole()?;
        let inputs = Input::read_all(&self.input)?;
        let mut spec = NetworkSpec::parse(&self.model);
        if let Some((out, format)) = out {
            self.check_out(out, format, &inputs, &spec)?;
        }
        if spec.path.is_dir() {
            spec.role = spec.role.or(Some(NetworkRole::Discriminator));
        }
        let mut opened = open_network_for(&spec, Input::stamp_size(&inputs))?;
        say_guesses(&opened, *console);
        let device = common.open_device(*console)?;
        opened.network = opened.network.to_device(&device)?;
        let (network, target) = self.targeted(&opened)?;
        let method = self.tuned_method(common, opened.input_range);
        let question = Question {
            network: &network,
            target: &target,
            method: &method,
        };
        let (results, rows) = self.map_all(&opened, &question, &inputs, &device, *console)?;
        if let Some((out, format)) = out {
            let first = inputs.first();
            let mut provenance = made_by("relevance", &spec, &opened, first);
            let history = &mut provenance.history;
            history.push(format!("method {}", in_words(&method)));
            history.extend(self.target.iter().map(|target| format!("target {target}")));
            history.extend(self.rules.in_words());
            // In the order of the maps, from 0.
            let of = rows.iter().enumerate();
            history.extend(of.map(|(i, row)| format!("map {i} is of {}", row.input)));
            let about = About {
                stamp: first.and_then(|input| input.first_stamp(&opened, self.input_range)),
                is_discriminator: opened.role == NetworkRole::Discriminator,
                provenance,
                ..About::default()
            };
            write(out, format, &results, &about)?;
        }
        report(&rows, &method, common, *console)
    }

    /// The target, and the network that ends at it when it is a layer.
    fn targeted(&self, opened: &Opened) -> Result<(Network, Target), anyhow::Error> {
        let (network, target) = match &self.target {
            Some(text) => Target::resolve(&opened.network, text)?,
            None => (opened.network.clone(), Target::default()),
        };
        // Light in a picture is what is above its black; other values have none.
        let is_picture = self.target.as_deref().is_some_and(|text| {
            let name = text.rsplit_once(':').map_or(text, |(name, _)| name);
            opened.network.find_output(name).is_ok()
        });
        let black = opened.output_range.filter(|_| is_picture);
        let target = match black {
            Some(range) => target.with_black(f64::from(range.low)),
            None => target,
        };
        Ok((network, target))
    }

    /// The maps of all inputs with what was found about them.
    fn map_all(
        &self,
        opened: &Opened,
        question: &Question<'_>,
        inputs: &[Input],
        device: &Device,
        console: Console,
    ) -> Result<(Results, Vec<Row>), anyhow::Error> {
        let &Question {
            network,
            target,
            method,
        } = question;
        let options = self.options(opened.input_range);
        let prepared = self.rules.prepare(network, method, &options)?;
        let asked = Asked {
            network,
            options: &options,
            target,
            console,
        };
        let others = self.checks.others(&asked);
        let (mut results, mut rows) = (Results::default(), Vec::new());
        for (n, input) in inputs.iter().enumerate() {
            let path = input.path.display();
            console.note(&format!("{} of {}: {path}", n + 1, inputs.len()));
            let (mut stamps, mut names) = (input.stamps.iter(), input.labels().into_iter());
            for batch in input.batches(opened, self.input_range, device, console)? {
                let map = prepared
                    .attribute(std::slice::from_ref(&batch), target)
                    .with_context(|| format!("cannot explain {path}"))?;
                for warning in &map.warnings {
                    console.note(&format!("warning: {warning}: {path}"));
                }
                let count = map.balances.len();
                let of: Vec<&Stamp> = stamps.by_ref().take(count).collect();
                let sources: Vec<Vec<Stamp>> = of.iter().map(|s| sources(input, s)).collect();
                let (found, beside) = if self.checks.is_asked() {
                    let main = (method, &map);
                    let looked = self.checks.look(&asked, &batch, main, &others, &sources);
                    looked.with_context(|| format!("cannot check the maps of {path}"))?
                } else {
                    (Vec::new(), SideBySide { maps: Vec::new() })
                };
                let mut found = found.into_iter();
                let named = map.balances.iter().zip(names.by_ref().take(count));
                rows.extend(named.map(|(balance, name)| {
                    let found = found.next().unwrap_or_default();
                    Row::of(name, balance, &map.warnings, found)
                }));
                gather(&map, &mut results)?;
                for (method, map) in beside.maps.iter().skip(1) {
                    if let Ok(map) = map {
                        let name = format!("relevance.{}", method.name());
                        results.add(&name, &map.relevance, None)?;
                    }
                }
            }
        }
        Ok((results, rows))
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
}

/// The pictures of the sources in a stamp: its galaxies alone where the file has them, else itself.
fn sources(input: &Input, stamp: &Stamp) -> Vec<Stamp> {
    if input.truths.is_empty() {
        vec![stamp.clone()]
    } else {
        input.truths.clone()
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
    for (layer, relevance) in &map.inner {
        results.add(&format!("relevance.at.{layer}"), relevance, None)?;
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
    #[serde(skip_serializing_if = "is_zero")]
    stopped: f64,
    gap: Option<f64>,
    warnings: Vec<String>,
    #[serde(flatten)]
    found: Found,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde asks for")]
fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Row {
    fn of(input: String, balance: &Balance, warnings: &[String], found: Found) -> Self {
        Self {
            input,
            score: balance.score,
            sum: balance.sum,
            absorbed: balance.absorbed,
            stopped: balance.stopped,
            gap: balance.gap,
            warnings: warnings.to_vec(),
            found,
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
        let found: String = rows.iter().map(|row| row.found.text(&row.input)).collect();
        if !found.is_empty() {
            console.table(&found)?;
        }
    }
    Ok(())
}
