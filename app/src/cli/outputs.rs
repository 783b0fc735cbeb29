//! Results written as the person asked: one file per input, or one per array where the format holds only one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use candle_core::{DType, Device, Tensor};
use ganoscope_core::checkpoint::{BlendRule, NetworkSpec, Opened};
use ganoscope_core::stamp::io::{Format, NamedArray, Provenance, write, write_arrays};
use ganoscope_core::stamp::{Stamp, ValueRange};

use super::extensions::{beside, extension_name};
use super::inputs::Input;

/// A result gathered over the batches of an input.
#[derive(Clone, Debug)]
pub(crate) struct Gathered {
    /// Name in the file, for example `output.1`.
    pub(crate) name: String,
    /// Dimensions of one sample.
    pub(crate) dims: Vec<usize>,
    /// Values of all samples, `[N, ...]`.
    pub(crate) values: Vec<f32>,
    /// Black and white, where the values are pixels.
    pub(crate) range: Option<ValueRange>,
}

impl Gathered {
    /// Number of samples.
    pub(crate) fn samples(&self) -> usize {
        let len: usize = self.dims.iter().product();
        self.values.len() / len.max(1)
    }

    /// All samples with their batch axis: `[N, ...]`.
    fn batched_dims(&self) -> Vec<usize> {
        let mut dims = vec![self.samples()];
        dims.extend(&self.dims);
        dims
    }
}

/// Results by name, in the order in which they were first added.
#[derive(Debug, Default)]
pub(crate) struct Results {
    arrays: Vec<Gathered>,
    index: BTreeMap<String, usize>,
}

impl Results {
    /// Adds the samples of a batch, `[n, ...]`, to the array of a name.
    pub(crate) fn add(
        &mut self,
        name: &str,
        batch: &Tensor,
        range: Option<ValueRange>,
    ) -> Result<(), anyhow::Error> {
        let values = batch
            .to_dtype(DType::F32)?
            .to_device(&Device::Cpu)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let dims = batch.dims().get(1..).unwrap_or_default().to_vec();
        if let Some(index) = self.index.get(name) {
            self.arrays[*index].values.extend(values);
        } else {
            self.index.insert(name.to_owned(), self.arrays.len());
            self.arrays.push(Gathered {
                name: name.to_owned(),
                dims,
                values,
                range,
            });
        }
        Ok(())
    }

    /// The arrays in order.
    pub(crate) fn arrays(&self) -> &[Gathered] {
        &self.arrays
    }
}

/// What a file of results says about itself besides the arrays.
#[derive(Clone, Debug, Default)]
pub(crate) struct About<'a> {
    /// The stamp the results belong to, in the range its pixels were taken to be in; its coordinates carry over.
    pub(crate) stamp: Option<Stamp>,
    /// The galaxies alone, where the input file has them.
    pub(crate) truths: &'a [Stamp],
    /// How the outputs make up the stamp, where they do.
    pub(crate) blend_rule: Option<BlendRule>,
    /// Whether the network is a discriminator.
    pub(crate) is_discriminator: bool,
    /// How the results were made.
    pub(crate) provenance: Provenance,
}

/// What a command made its results from.
pub(crate) fn made_by(
    command: &str,
    spec: &NetworkSpec,
    opened: &Opened,
    input: Option<&Input>,
) -> Provenance {
    Provenance {
        model: Some(spec.to_string()),
        weights_sha256: Some(opened.sha256.clone()),
        role: Some(opened.role.to_string()),
        step: opened.step,
        input: input.map(|input| input.path.display().to_string()),
        edits: Vec::new(),
        history: vec![format!(
            "made by ganoscope {command} {spec}, weights sha256 {}",
            opened.sha256
        )],
    }
}

/// The name of an array in a file of a format.
pub(crate) fn name_in(format: Format, name: &str, is_discriminator: bool) -> String {
    match format {
        Format::Fits => extension_name(name, is_discriminator),
        _ => name.to_owned(),
    }
}

/// The files that arrays of these names are written to under `DIR/STEM` in `format`.
pub(crate) fn files(
    dir: &Path,
    stem: &str,
    format: Format,
    names: &[String],
) -> Vec<(PathBuf, Vec<usize>)> {
    let extension = format.extension();
    let together = || {
        vec![(
            dir.join(format!("{stem}.{extension}")),
            (0..names.len()).collect(),
        )]
    };
    match format {
        Format::Npy | Format::Png => names
            .iter()
            .enumerate()
            .map(|(i, name)| {
                // `output` is the file named after the input, the others add their name to it.
                let name = name.strip_prefix("output").unwrap_or(name);
                let dot = if name.is_empty() || name.starts_with('.') {
                    ""
                } else {
                    "."
                };
                (dir.join(format!("{stem}{dot}{name}.{extension}")), vec![i])
            })
            .collect(),
        _ => together(),
    }
}

/// Writes arrays into one file; it appears when it is complete.
pub(crate) fn write_file(
    path: &Path,
    format: Format,
    arrays: &[&Gathered],
    about: &About<'_>,
) -> Result<(), anyhow::Error> {
    if format == Format::Png {
        let [array] = arrays else {
            bail!("a PNG file holds one picture: {}", path.display());
        };
        return write_png(path, array, about);
    }
    let mut named: Vec<NamedArray<'_>> = arrays.iter().map(|a| named(a, format, about)).collect();
    if format == Format::Fits {
        let (before, after) = beside(arrays, about);
        named.splice(0..0, before);
        named.extend(after);
    }
    Ok(write_arrays(
        path,
        &named,
        format,
        &about.provenance.cards(),
    )?)
}

fn named<'a>(array: &'a Gathered, format: Format, about: &About<'_>) -> NamedArray<'a> {
    // Programs that open FITS expect a picture, not a batch of one.
    let dims = if format == Format::Fits && array.samples() == 1 {
        array.dims.clone()
    } else {
        array.batched_dims()
    };
    let name = name_in(format, &array.name, about.is_discriminator);
    let beside_input = about.stamp.as_ref().filter(|stamp| {
        format == Format::Fits && array.samples() == 1 && array.dims == stamp.dims()
    });
    let mut named = match (array.range, beside_input) {
        // One scale in one file, so that INPUT minus OUT1 means something.
        (Some(range), Some(stamp)) if range != stamp.range => {
            let values = array.values.iter();
            let values: Vec<f32> = values.map(|v| range.map_to(stamp.range, *v)).collect();
            let mut named = NamedArray::new(name, dims, values);
            named.range = Some(stamp.range);
            named
        }
        (range, _) => {
            let mut named = NamedArray::new(name, dims, array.values.as_slice());
            named.range = range;
            named
        }
    };
    if let Some(stamp) = &about.stamp {
        let same_grid =
            matches!(array.dims.as_slice(), [_, h, w] if [*h, *w] == [stamp.height, stamp.width]);
        if same_grid && array.samples() == 1 {
            named.cards.clone_from(&stamp.cards);
            named.rows = stamp.rows;
        }
    }
    named
}

/// A picture for display: the array's range from black to white.
fn write_png(path: &Path, array: &Gathered, about: &About<'_>) -> Result<(), anyhow::Error> {
    let wrong = |what: &str| {
        anyhow!(
            "{} cannot be a PNG picture, {what}; use safetensors, fits or npy: {}",
            array.name,
            path.display()
        )
    };
    let &[channels @ (1 | 3), height, width] = array.dims.as_slice() else {
        return Err(wrong("it is not one or three channels of pixels"));
    };
    if array.samples() != 1 {
        return Err(wrong("it holds several samples"));
    }
    let Some(range) = array.range else {
        return Err(wrong("it has no range from black to white"));
    };
    let dims = [channels, height, width];
    let stamp = Stamp::new(array.name.as_str(), array.values.clone(), dims, range);
    Ok(write(
        path,
        &[stamp],
        Format::Png,
        &about.provenance.cards(),
    )?)
}
