//! Stamps for a network: read, checked, and brought from the range of their pixels to the range the network takes.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{anyhow, bail};
use candle_core::{Device, Tensor};
use ganoscope_core::checkpoint::Opened;
use ganoscope_core::jobs::{self, Latent};
use ganoscope_core::latent::{self, Takes};
use ganoscope_core::stamp::io::{self, Format, PictureFile, Reading};
use ganoscope_core::stamp::{RangeSource, Stamp, ValueRange};

use super::common::Console;

/// Stamps of one network pass; more would need memory without being faster.
const BATCH: usize = 8;

/// `--input-range LO,HI`.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeArgument(pub(super) ValueRange);

impl FromStr for RangeArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.trim().parse::<f32>().ok().filter(|v| v.is_finite());
        let parsed = text
            .split_once(',')
            .and_then(|(low, high)| Some((number(low)?, number(high)?)));
        match parsed {
            Some((low, high)) if low < high => Ok(Self(ValueRange { low, high })),
            _ => Err("expected LO,HI with LO below HI, for example 0,1".to_owned()),
        }
    }
}

/// One `--input` with its stamps.
#[derive(Debug)]
pub(crate) struct Input {
    /// The file.
    pub(super) path: PathBuf,
    /// Its name without extensions.
    pub(super) stem: String,
    /// Its format.
    pub(super) format: Format,
    /// The blends (or plain stamps) in it, all of one size.
    pub(super) stamps: Vec<Stamp>,
    /// The galaxies alone, where the file has one blend with its truths.
    pub(super) truths: Vec<Stamp>,
    /// The seed, where it is no file.
    latent: Option<Latent>,
}

impl Input {
    /// Reads the blends of a file, or its stamps where it has no blends, or what a selector names; a seed is none of them.
    pub(super) fn read(text: &str) -> Result<Self, anyhow::Error> {
        if let Some(latent) = jobs::Input::latent_of(text)? {
            return Ok(Self {
                path: text.into(),
                stem: jobs::Input::Latent(latent).stem(),
                format: Format::Safetensors,
                stamps: Vec::new(),
                truths: Vec::new(),
                latent: Some(latent),
            });
        }
        let picture = PictureFile::named(text);
        let path = &*picture.path;
        let mut truths = Vec::new();
        let stamps = match &picture.reading {
            Reading { image: Some(_), .. } => picture.read_all()?,
            reading => {
                let mut blends = if reading.is_plain() {
                    io::read_blends(path)?
                } else {
                    vec![picture.read()?]
                };
                if let [only] = blends.as_mut_slice() {
                    truths = std::mem::take(&mut only.truths);
                }
                blends.into_iter().map(|file| file.blend).collect()
            }
        };
        let sizes = stamps.first().map(Stamp::dims);
        if let Some(other) = stamps.iter().find(|stamp| Some(stamp.dims()) != sizes) {
            bail!(
                "stamp {} has another size than the first; name one with FILE[NAME]: {}",
                other.name,
                path.display()
            );
        }
        Ok(Self {
            path: path.to_owned(),
            stem: picture.stem(),
            format: format_of(path),
            stamps,
            truths,
            latent: None,
        })
    }

    /// What a person calls a stamp of this file: the file, and the stamp where that says more.
    pub(super) fn label(&self, stamp: &Stamp) -> String {
        let file = self.path.file_name().unwrap_or_default().display();
        if *stamp.name == *self.stem {
            file.to_string()
        } else {
            format!("{file}[{}]", stamp.name)
        }
    }

    /// What a person calls everything that it comes to: every stamp, or the seed.
    pub(super) fn labels(&self) -> Vec<String> {
        match self.latent {
            Some(latent) => vec![latent.to_string()],
            None => self.stamps.iter().map(|stamp| self.label(stamp)).collect(),
        }
    }

    /// Reads all files; the first that cannot be read ends it.
    pub(super) fn read_all(texts: &[String]) -> Result<Vec<Self>, anyhow::Error> {
        texts.iter().map(|text| Self::read(text)).collect()
    }

    /// Rows of the first stamp, if it is square: what a network of any size is opened for.
    pub(super) fn stamp_size(inputs: &[Self]) -> Option<usize> {
        let stamp = inputs.first()?.stamps.first()?;
        (stamp.height == stamp.width).then_some(stamp.height)
    }

    /// The stamps as tensors `[n, C, H, W]` in the range the network takes, at most [`BATCH`] at a time.
    pub(super) fn batches(
        &self,
        opened: &Opened,
        given: Option<RangeArgument>,
        device: &Device,
        console: Console,
    ) -> Result<Vec<Tensor>, anyhow::Error> {
        if let Some(latent) = self.latent {
            let drawn = drawn(opened, latent, device)?;
            if drawn.len() > 1 {
                bail!(
                    "the network takes {} inputs, this command gives one: {}",
                    drawn.len(),
                    opened.path.display()
                );
            }
            return Ok(drawn);
        }
        let range = self.range(opened, given, console);
        let pixels: Vec<Vec<f32>> = self
            .stamps
            .iter()
            .map(|stamp| self.pixels(stamp, range, opened, console))
            .collect::<Result<_, _>>()?;
        let dims = &opened.network.input_fact().dims;
        pixels
            .chunks(BATCH)
            .map(|chunk| {
                let mut shape = vec![chunk.len()];
                shape.extend(dims);
                Ok(Tensor::from_vec(chunk.concat(), shape, device)?)
            })
            .collect()
    }

    /// The inputs of every pass of a network: its first is a batch of stamps, or all are drawn from the seed.
    pub(super) fn feeds(
        &self,
        opened: &Opened,
        given: Option<RangeArgument>,
        device: &Device,
        console: Console,
    ) -> Result<Vec<Vec<Tensor>>, anyhow::Error> {
        if let Some(latent) = self.latent {
            return Ok(vec![drawn(opened, latent, device)?]);
        }
        let batches = self.batches(opened, given, device, console)?;
        Ok(batches.into_iter().map(|batch| vec![batch]).collect())
    }

    /// The range of the pixels: as given, as the file says, as the manifest says, or a guess that is reported.
    fn range(
        &self,
        opened: &Opened,
        given: Option<RangeArgument>,
        console: Console,
    ) -> Option<ValueRange> {
        let (range, why) = self.taken_range(opened, given)?;
        if let Some(why) = why {
            let ValueRange { low, high } = range;
            console.note(&format!(
                "pixels are taken to be from {low} to {high}, {why}; say otherwise with --input-range: {}",
                self.path.display()
            ));
        }
        Some(range)
    }

    /// The range that the pixels are taken to be in where it is not the stamps' own, and why if nobody gave it.
    fn taken_range(
        &self,
        opened: &Opened,
        given: Option<RangeArgument>,
    ) -> Option<(ValueRange, Option<&'static str>)> {
        if let Some(RangeArgument(range)) = given {
            return Some((range, None));
        }
        let guessed = |stamp: &Stamp| stamp.range_source == RangeSource::Guessed;
        if !self.stamps.iter().any(guessed) {
            return None;
        }
        let own = opened.input_range;
        let fits = self.stamps.iter().all(|stamp| stamp.lies_in(own));
        // A tensor named `input` is what a network was or will be fed with, nothing else.
        let (range, why) = if self.format == Format::Safetensors {
            (own, "a tensor is taken as the network takes it")
        } else if opened.manifest.is_some() && fits {
            (own, "from the manifest of the series")
        } else {
            (self.stamps.first()?.range, "guessed from their extremes")
        };
        Some((range, Some(why)))
    }

    /// The first stamp, its range as the network's pixels were made from it.
    pub(super) fn first_stamp(
        &self,
        opened: &Opened,
        given: Option<RangeArgument>,
    ) -> Option<Stamp> {
        let stamp = self.stamps.first()?.clone();
        Some(match self.taken_range(opened, given) {
            Some((range, _)) => stamp.with_range(range),
            None => stamp,
        })
    }

    /// The pixels of a stamp as the network takes them. `range`: that of the pixels, the stamp's own when not given.
    fn pixels(
        &self,
        stamp: &Stamp,
        range: Option<ValueRange>,
        opened: &Opened,
        console: Console,
    ) -> Result<Vec<f32>, anyhow::Error> {
        let network = &opened.network;
        let from = range.unwrap_or(stamp.range);
        let wrong = |what: String| {
            let path = self.path.display();
            anyhow!("stamp {} {what}: {path}", stamp.name)
        };
        let &[channels, height, width] = network.input_fact().dims.as_slice() else {
            bail!("the network takes no pictures: {}", opened.path.display());
        };
        if [stamp.height, stamp.width] != [height, width] {
            let (h, w) = (stamp.height, stamp.width);
            return Err(wrong(format!(
                "has {h} x {w} pixels, the network takes {height} x {width}"
            )));
        }
        let copies = match stamp.channels {
            n if n == channels => 1,
            1 => {
                console.note(&format!(
                    "the one band is used for all {channels} channels: {}",
                    self.path.display()
                ));
                channels
            }
            n => {
                return Err(wrong(format!(
                    "has {n} channels, the network takes {channels}"
                )));
            }
        };
        let missing = stamp.pixels.iter().filter(|v| !v.is_finite()).count();
        if missing > 0 {
            console.note(&format!(
                "{missing} missing pixels are taken as black: {}",
                self.path.display()
            ));
        }
        let map = |v: &f32| {
            let v = if v.is_finite() { *v } else { from.low };
            if from == opened.input_range {
                v
            } else {
                from.map_to(opened.input_range, v)
            }
        };
        let one: Vec<f32> = stamp.pixels.iter().map(map).collect();
        Ok(one.repeat(copies))
    }
}

/// What a seed comes to for a network.
fn drawn(opened: &Opened, latent: Latent, device: &Device) -> Result<Vec<Tensor>, anyhow::Error> {
    let network = &opened.network;
    let has_classes = opened.guesses.iter().any(|guess| guess.what == "classes");
    let takes = Takes::of(network, has_classes);
    if takes == Takes::Pictures {
        bail!(
            "the network takes {}, not the numbers of a seed: {}",
            network.input_fact(),
            opened.path.display()
        );
    }
    let tensors = latent::tensors(network, latent, takes)?;
    let tensors = tensors.into_iter().map(|tensor| tensor.to_device(device));
    Ok(tensors.collect::<Result<_, _>>()?)
}

/// The format of a file's content; a compressed one is FITS.
fn format_of(path: &Path) -> Format {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(4096).read_to_end(&mut head));
    read.ok()
        .and_then(|_| Format::sniff(&head))
        .unwrap_or(Format::Fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_two_ordered_numbers() {
        let range: RangeArgument = "-1, 1".parse().expect("a range");
        assert_eq!(range.0, ValueRange::SIGNED);
        for text in ["", "1", "1,0", "0,inf", "a,b", "0,0"] {
            assert!(text.parse::<RangeArgument>().is_err(), "{text}");
        }
    }
}
