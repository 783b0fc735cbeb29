//! `ganoscope relevance --through generator`: which units of the generator made the discriminator say what it said.

use anyhow::Context as _;
use candle_core::Tensor;
use clap::{Args, ValueEnum};
use ganoscope_core::attribution::{
    Balance, Composite, Pole, RankedUnit, Through, ThroughMap, ThroughPart, ThroughSettings,
    UnitSums,
};
use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, Opened, open_network_for};
use ganoscope_core::stamp::ValueRange;
use ganoscope_core::stamp::io::Format;

use super::super::Failure;
use super::super::common::{Common, Console, columns, refuse_to_replace};
use super::super::inputs::Input;
use super::super::outputs::{About, Gathered, Results, made_by, write_file};
use super::super::run::say_guesses;
use super::{Relevance, in_words};

/// Arguments of relevance through both networks.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ThroughArguments {
    /// Carry the discriminator's reasons over what the generator makes of the input on into the generator: the relevance of every
    /// unit of every layer. With --method input-x-gradient activation times gradient, which says better what switching a unit off
    /// would do.
    #[arg(long, value_name = "NETWORK", conflicts_with_all = ["target", "generated"])]
    through: Option<Whose>,
    /// The generator, where it is not in the same series.
    #[arg(long, value_name = "MODEL", requires = "through")]
    generator: Option<String>,
    /// The output of the generator that is judged, by name or number; each of them when not given.
    #[arg(long, value_name = "OUTPUT", requires = "through")]
    drawn: Vec<String>,
    /// A rule for a part of the generator, as --rule; those of epsilon-plus when not given.
    #[arg(long, value_name = "PLACE=RULE", requires = "through")]
    generator_rule: Vec<String>,
    /// How many units are listed.
    #[arg(long, value_name = "N", default_value_t = 12, requires = "through", value_parser = clap::value_parser!(u16).range(1..))]
    top: u16,
}

/// Into which network relevance goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Whose {
    Generator,
}

impl ThroughArguments {
    /// Whether relevance goes on.
    pub(super) const fn is_asked(&self) -> bool {
        self.through.is_some()
    }

    /// The generator's name beside that of the discriminator.
    fn spec(&self, judge: &NetworkSpec) -> Result<NetworkSpec, Failure> {
        let named = self.generator.as_deref().map(NetworkSpec::parse);
        match named {
            Some(spec) => Ok(spec),
            None if judge.path.is_dir() => Ok(NetworkSpec {
                role: Some(NetworkRole::Generator),
                ..judge.clone()
            }),
            None => {
                let what = "--through needs --generator MODEL where the discriminator is no series";
                Err(Failure::Usage(format!("{what}: {}", judge.path.display())))
            }
        }
    }

    fn settings(&self, generator: &Opened) -> Result<ThroughSettings, anyhow::Error> {
        let pair = |range: ValueRange| (f64::from(range.low), f64::from(range.high));
        let input_range = pair(generator.input_range);
        let mut composite = Composite::epsilon_plus();
        for rule in &self.generator_rule {
            composite.set(&generator.network, rule, input_range)?;
        }
        let outputs = self.drawn.iter();
        let outputs = outputs.map(|name| generator.network.find_output(name));
        Ok(ThroughSettings {
            outputs: outputs.collect::<Result<_, _>>()?,
            drawn_range: pair(generator.output_range.unwrap_or(ValueRange::SIGNED)),
            input_range,
            composite,
            retain: Vec::new(),
        })
    }
}

/// Both networks of the command.
struct Both {
    judge: Opened,
    generator: Opened,
    spec: NetworkSpec,
}

impl Relevance {
    /// The maps of the discriminator over the generator's outputs, carried on into the generator.
    pub(super) fn explain_through(
        &self,
        common: &Common,
        console: &Console,
    ) -> Result<(), Failure> {
        self.check_pole()?;
        let out = match &self.out {
            Some(path) => Some((&**path, Self::format(path)?)),
            None => None,
        };
        if let Some((_, Format::Png | Format::Npy)) = out {
            let what = "several arrays need --out with the extension safetensors, fits or npz";
            return Err(Failure::Usage(what.to_owned()));
        }
        if self.checks.is_asked() {
            let what = "--regions, --flip and --beside belong to maps without --through";
            return Err(Failure::Usage(what.to_owned()));
        }
        let inputs = Input::read_all(&self.input)?;
        let both = self.open_both(&inputs, common, *console)?;
        if let Some((out, _)) = out {
            let sources = inputs.iter().map(|input| &*input.path);
            refuse_to_replace(
                out,
                sources.chain([&*both.judge.path, &*both.generator.path]),
            )?;
        }
        let method = self.tuned_method(common, both.judge.input_range);
        let options = self.options(both.judge.input_range);
        let prepared = self.rules.prepare(&both.judge.network, &method, &options)?;
        let settings = self.through.settings(&both.generator)?;
        let through = Through::new(&both.generator.network, prepared, settings)?;
        let device = both.generator.network.device();
        let (mut results, mut rows) = (Results::default(), Vec::new());
        for input in &inputs {
            let path = input.path.display();
            let mut names = input.labels().into_iter();
            for batch in input.batches(&both.generator, self.input_range, &device, *console)? {
                let map = through
                    .attribute(&[batch], &[])
                    .with_context(|| format!("cannot explain {path}"))?;
                for warning in &map.warnings {
                    console.note(&format!("warning: {warning}: {path}"));
                }
                gather(&both, &map, &mut results)?;
                let count = map.parts.first().map_or(0, |part| part.balances.len());
                let names: Vec<String> = names.by_ref().take(count).collect();
                rows.extend(self.rows(&both, &map, &names));
            }
        }
        if let Some((out, format)) = out {
            let first = inputs.first();
            let mut provenance = made_by("relevance", &both.spec, &both.judge, first);
            let history = &mut provenance.history;
            history.push(format!("method {}", in_words(&method)));
            let generator = both.generator.path.display();
            history.push(format!("through the generator {generator}"));
            history.extend(self.rules.in_words());
            let rules = self.through.generator_rule.iter();
            history.extend(rules.map(|rule| format!("generator rule {rule}")));
            let about = About {
                stamp: first.and_then(|input| input.first_stamp(&both.generator, self.input_range)),
                is_discriminator: true,
                provenance,
                ..About::default()
            };
            let arrays: Vec<&Gathered> = results.arrays().iter().collect();
            write_file(out, format, &arrays, &about)?;
        }
        report(&rows, method.name(), common, *console)
    }

    fn open_both(
        &self,
        inputs: &[Input],
        common: &Common,
        console: Console,
    ) -> Result<Both, Failure> {
        let mut spec = NetworkSpec::parse(&self.model);
        let generator = self.through.spec(&spec)?;
        spec.role = Some(NetworkRole::Discriminator);
        let size = Input::stamp_size(inputs);
        let mut judge = open_network_for(&spec, size)?;
        let mut generator = open_network_for(&generator, size)?;
        say_guesses(&judge, console);
        say_guesses(&generator, console);
        let device = common.open_device(console)?;
        judge.network = judge.network.to_device(&device)?;
        generator.network = generator.network.to_device(&device)?;
        Ok(Both {
            judge,
            generator,
            spec,
        })
    }

    /// What is said about every picture of every input.
    fn rows(&self, both: &Both, map: &ThroughMap, names: &[String]) -> Vec<Row> {
        let parts = map.parts.iter();
        let of_part = |part: &ThroughPart| -> Vec<Row> {
            let balances = part.balances.iter().zip(&part.judged).zip(names);
            balances
                .enumerate()
                .map(|(sample, ((balance, judged), input))| {
                    let units = part.units.iter().map(|units| of_sample(units, sample));
                    let units: Vec<UnitSums> = units.collect();
                    let mut one = part.clone();
                    one.units.clone_from(&units);
                    let mut top = one.ranked(None);
                    top.retain(|unit| has_units(both, unit));
                    let against = balance.start < 0.0;
                    if !against {
                        top.reverse();
                    }
                    top.truncate(usize::from(self.through.top));
                    Row {
                        input: input.clone(),
                        output: output_name(both, part),
                        pole: part.pole.map(pole_name),
                        logit: balance.score,
                        balance: *balance,
                        judged: *judged,
                        units: units.into_iter().map(Layer::from).collect(),
                        top,
                    }
                })
                .collect()
        };
        parts.flat_map(of_part).collect()
    }
}

/// Pictures and inputs are no layers of units that one could switch off.
fn has_units(both: &Both, unit: &RankedUnit) -> bool {
    let network = &both.generator.network;
    let is_end =
        |id| network.inputs().contains(&id) || network.outputs().iter().any(|o| o.node == id);
    network.find(&unit.layer).is_ok_and(|id| !is_end(id))
}

fn of_sample(units: &UnitSums, sample: usize) -> UnitSums {
    let one = |rows: &[Vec<f64>]| rows.get(sample).cloned().into_iter().collect();
    UnitSums {
        layer: units.layer.clone(),
        sums: one(&units.sums),
        absolutes: one(&units.absolutes),
    }
}

fn output_name(both: &Both, part: &ThroughPart) -> String {
    let outputs = both.generator.network.outputs();
    outputs
        .get(part.output)
        .map_or_else(|| part.output.to_string(), |o| o.name.to_string())
}

const fn pole_name(pole: Pole) -> &'static str {
    match pole {
        Pole::Real => "real",
        Pole::Fake => "fake",
        Pole::Auto => "auto",
        Pole::Both => "both",
    }
}

/// Arrays of a batch: the judged pictures, the relevance of their pixels and of the input, and the sums of units.
fn gather(both: &Both, map: &ThroughMap, results: &mut Results) -> Result<(), anyhow::Error> {
    let range = both.generator.output_range;
    let mut seen = Vec::new();
    for part in &map.parts {
        let name = output_name(both, part);
        if let (false, Some(picture)) = (seen.contains(&part.output), map.pictures.get(seen.len()))
        {
            results.add(&format!("drawn.{name}"), picture, range)?;
            seen.push(part.output);
        }
        let side = part
            .pole
            .map_or_else(String::new, |pole| format!(".{}", pole_name(pole)));
        results.add(&format!("relevance.{name}{side}"), &part.picture, None)?;
        results.add(&format!("relevance.input.{name}{side}"), &part.input, None)?;
        for units in &part.units {
            let (rows, count) = (units.sums.len(), units.sums.first().map_or(0, Vec::len));
            let flat: Vec<f32> = units.sums.iter().flatten().map(|v| *v as f32).collect();
            let sums = Tensor::from_vec(flat, (rows, count), &candle_core::Device::Cpu)?;
            results.add(&format!("units.{name}{side}.{}", units.layer), &sums, None)?;
        }
    }
    Ok(())
}

/// What is said about one picture of one input.
struct Row {
    input: String,
    output: String,
    pole: Option<&'static str>,
    logit: f64,
    balance: Balance,
    judged: Balance,
    units: Vec<Layer>,
    top: Vec<RankedUnit>,
}

/// The sums of a layer's units.
#[derive(serde::Serialize)]
struct Layer {
    layer: String,
    sums: Vec<f64>,
}

impl From<UnitSums> for Layer {
    fn from(units: UnitSums) -> Self {
        Self {
            layer: units.layer.to_string(),
            sums: units.sums.into_iter().next().unwrap_or_default(),
        }
    }
}

impl Row {
    fn json(&self) -> serde_json::Value {
        let top = |unit: &RankedUnit| {
            serde_json::json!({
                "unit": format!("{}:{}", unit.layer, unit.channel),
                "sum": unit.sum,
                "share": unit.share,
            })
        };
        serde_json::json!({
            "input": self.input,
            "output": self.output,
            "pole": self.pole,
            "logit": self.logit,
            "start": self.balance.start,
            "sum": self.balance.sum,
            "absorbed": self.balance.absorbed,
            "gap": self.balance.gap,
            "gap_of_discriminator": self.judged.gap,
            "top": self.top.iter().map(top).collect::<Vec<_>>(),
            "layers": self.units,
        })
    }
}

fn report(rows: &[Row], method: &str, common: &Common, console: Console) -> Result<(), Failure> {
    if common.json {
        let pictures: Vec<_> = rows.iter().map(Row::json).collect();
        let all = serde_json::json!({ "method": method, "pictures": pictures });
        console.table(&serde_json::to_string_pretty(&all)?)?;
        return Ok(());
    }
    if common.quiet {
        return Ok(());
    }
    for row in rows {
        let side = row
            .pole
            .map_or_else(String::new, |pole| format!(", {pole} pole"));
        let gap = row.balance.gap.unwrap_or_default();
        console.table(&format!(
            "{}, {}{side}: logit {:.6}, at the input {:.6}, absorbed {:.6}, conservation gap {:.3} %",
            row.input,
            row.output,
            row.logit,
            row.balance.sum,
            row.balance.absorbed,
            100.0 * gap
        ))?;
        let mut table = vec![
            ["unit", "relevance", "of its layer"]
                .map(str::to_owned)
                .to_vec(),
        ];
        table.extend(row.top.iter().map(|unit| {
            vec![
                format!("{}:{}", unit.layer, unit.channel),
                format!("{:.6}", unit.sum),
                format!("{:.1} %", 100.0 * unit.share),
            ]
        }));
        console.table(&columns(&table, &[]))?;
    }
    Ok(())
}
