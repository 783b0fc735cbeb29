//! Between stamps and tensors: reading a blend, fitting it to a network's input, and taking pictures out of outputs.

use candle_core::{DType, Device, Tensor};

use crate::jobs::{Failure, Progress, Scene};
use crate::network::{Fact, Network};
use crate::sky::{Compass, Grid, Place};
use crate::stamp::io::{LargePicture, LargeReader, PictureFile};
use crate::stamp::{RangeSource, Reduction, Stamp, ValueRange};

/// Reads a blend and its truths, a large picture bit by bit.
pub(super) struct SceneReader {
    picture: PictureFile,
    most: usize,
    large: Option<LargeReader>,
}

impl SceneReader {
    /// Begins to read a file whose pictures are made smaller where they have more than `most` pixels.
    pub(super) fn open(picture: &PictureFile, most: usize) -> Result<Self, Failure> {
        let at = |error| Failure::from(error).at(&picture.path);
        Ok(Self {
            picture: picture.clone(),
            most,
            large: picture.large_reader(most).map_err(at)?,
        })
    }

    /// Reads on; the scene when it is complete.
    pub(super) fn step(&mut self) -> Result<Option<Scene>, Failure> {
        let picture = &self.picture;
        let Some(large) = &mut self.large else {
            return read_small(picture, self.most).map(Some);
        };
        let at = |error| Failure::from(error).at(&picture.path);
        let Some(LargePicture { stamp, missing }) = large.advance().map_err(at)? else {
            return Ok(None);
        };
        let finished = picture.reading.finish(stamp);
        let stamp = finished.map_err(|problem| at(problem.at(&picture.path)))?;
        let finish = || {
            let mut scene = scene_of(picture, &stamp, &[]);
            scene
                .notes
                .extend(missing_note(missing, "shown as missing"));
            if stamp.reduction.is_none() && picture.reading.image.is_none() {
                scene
                    .notes
                    .push("The file is very large; only its first picture was opened.".to_owned());
            }
            scene
        };
        Ok(Some(finish()))
    }

    /// How far the reading is.
    pub(super) fn progress(&self) -> Progress {
        let (done, total) = self.large.as_ref().map_or((0, 1), LargeReader::progress);
        Progress {
            done,
            total,
            what: "reading rows".into(),
        }
    }
}

/// Reads a file that can be held.
fn read_small(picture: &PictureFile, most: usize) -> Result<Scene, Failure> {
    let read = picture.read();
    let file = read.map_err(|error| Failure::from(error).at(&picture.path))?;
    let missing = file.blend.missing();
    let blend = file.blend.reduced_to(most);
    let truths: Vec<Stamp> = file.truths.iter().map(|t| t.reduced_to(most)).collect();
    let mut scene = scene_of(picture, &blend, &truths);
    let note = missing_note(missing, "the network sees black there");
    scene.notes.extend(note);
    Ok(scene)
}

fn missing_note(missing: usize, what: &str) -> Option<String> {
    let count = match missing {
        0 => return None,
        1 => "1 pixel value is".to_owned(),
        _ => format!("{missing} pixel values are"),
    };
    Some(format!("{count} missing (NaN or infinite); {what}."))
}

/// The scene of a blend and its truths as they were read.
fn scene_of(picture: &PictureFile, blend: &Stamp, truths: &[Stamp]) -> Scene {
    let mut notes = Vec::new();
    if blend.range_source == RangeSource::Guessed {
        let ValueRange { low, high } = blend.range;
        notes.push(format!(
            "The value range {low} to {high} is a guess from the pixels."
        ));
    }
    if let Some(Reduction { factor, size }) = blend.reduction {
        let [rows, columns] = size;
        notes.push(format!(
            "{columns} x {rows} pixels are too many to be shown; every pixel here is the mean of {factor} x {factor}."
        ));
    }
    let to_unit = |stamp: &Stamp| stamp.to_range(ValueRange::UNIT);
    Scene {
        picture: picture.clone(),
        range_in_file: blend.range,
        is_range_guessed: blend.range_source == RangeSource::Guessed,
        compass: compass(blend),
        blend: to_unit(blend),
        truths: truths.iter().map(to_unit).collect(),
        notes,
    }
}

/// The blend of a scene as the input of a network that takes `range`. Where the range of its pixels is only a guess and
/// all of them lie in what the network takes, they are taken as they are, as the headless commands do.
pub(super) fn tensor_from_scene(
    scene: &Scene,
    network: &Network,
    range: ValueRange,
) -> Result<Tensor, Failure> {
    if scene.is_range_guessed && scene.range_in_file != range {
        let in_file = scene.blend.to_range(scene.range_in_file);
        if in_file.lies_in(range) {
            return tensor_from_stamp(&in_file.with_range(range), network, range);
        }
    }
    tensor_from_stamp(&scene.blend, network, range)
}

/// A stamp as the first input of `network`, `[1, C, H, W]`, with its values mapped to `range`.
///
/// A stamp of one band is shown to every channel of the network; missing pixels become black.
pub(super) fn tensor_from_stamp(
    stamp: &Stamp,
    network: &Network,
    range: ValueRange,
) -> Result<Tensor, Failure> {
    let fact = network.input_fact();
    let [channels, height, width] = fitting_dims(stamp, fact)?;
    let fitted = stamp.to_range(range);
    let clean = |v: &f32| if v.is_finite() { *v } else { range.low };
    let pixels: Vec<f32> = if stamp.channels == channels {
        fitted.pixels.iter().map(clean).collect()
    } else {
        let plane = fitted.plane(0);
        (0..channels)
            .flat_map(|_| plane.iter().map(clean))
            .collect()
    };
    let tensor = Tensor::from_vec(pixels, (1, channels, height, width), &Device::Cpu)?;
    // A network of dense layers takes the pixels in one row.
    let dims: Vec<usize> = std::iter::once(1)
        .chain(fact.dims.iter().copied())
        .collect();
    let tensor = tensor.reshape(dims)?;
    Ok(tensor.to_dtype(fact.dtype)?.to_device(&network.device())?)
}

/// `[C, H, W]` of the network's input, if the stamp fits it.
fn fitting_dims(stamp: &Stamp, fact: &Fact) -> Result<[usize; 3], Failure> {
    let Some([channels, height, width]) = picture_dims(&fact.dims) else {
        return Err(Failure::new(format!(
            "the network takes {fact}, not a picture"
        )));
    };
    let bands_fit = stamp.channels == channels || stamp.channels == 1;
    if bands_fit && [stamp.height, stamp.width] == [height, width] {
        return Ok([channels, height, width]);
    }
    let mut failure = Failure::new(format!(
        "the picture {} has {} bands of {} x {} pixels, the network takes {channels} bands of {height} x {width}",
        stamp.name, stamp.channels, stamp.height, stamp.width
    ));
    if let Some(path) = &stamp.path {
        failure = failure.at(path);
    }
    Err(failure)
}

/// The fewest rows and columns that a row of numbers is taken for a picture of.
const LEAST_SIDE: usize = 8;

/// `[C, H, W]` of what a network takes or gives, where that is a picture: one of more than one pixel, or a row of as many numbers
/// as a square picture of one or three bands has, as in networks of dense layers.
pub(super) fn picture_dims(dims: &[usize]) -> Option<[usize; 3]> {
    match *dims {
        [channels, height, width] if height > 1 || width > 1 => Some([channels, height, width]),
        [numbers] => [1, 3].into_iter().find_map(|channels| {
            let side = (numbers / channels).isqrt();
            let is_square = side >= LEAST_SIDE && channels * side * side == numbers;
            is_square.then_some([channels, side, side])
        }),
        _ => None,
    }
}

/// Sample 0 of an output in `range`, as a stamp in `[0, 1]` (not clipped). An output that is not finite is
/// no picture: the weights are too large for f32.
pub(super) fn stamp_from_output(
    output: &Tensor,
    name: &str,
    range: ValueRange,
) -> Result<Stamp, Failure> {
    let sample = output.get(0)?.to_device(&Device::Cpu)?;
    let Some([channels, height, width]) = picture_dims(sample.dims()) else {
        return Err(Failure::new(format!(
            "output {name} has dimensions {:?}, which is not a picture",
            sample.dims()
        )));
    };
    let pixels = values_of(&sample)?;
    let bad = pixels.iter().filter(|v| !v.is_finite()).count();
    if bad > 0 {
        return Err(Failure::new(format!(
            "output {name} has {bad} of {} values that are NaN or infinite; the weights are too large",
            pixels.len()
        )));
    }
    let stamp = Stamp::new(name, pixels, [channels, height, width], range);
    Ok(stamp.to_range(ValueRange::UNIT))
}

/// All elements of a tensor as f32, in row-major order.
pub(super) fn values_of(tensor: &Tensor) -> Result<Vec<f32>, Failure> {
    Ok(tensor
        .to_device(&Device::Cpu)?
        .to_dtype(DType::F32)?
        .flatten_all()?
        .to_vec1()?)
}

/// The compass in the middle of a picture; its scale is that of the pixels in memory.
fn compass(stamp: &Stamp) -> Option<Compass> {
    let [rows, columns] = stamp.size_in_file();
    let middle = |pixels: usize| (pixels as f64 - 1.0) / 2.0;
    let place = Place::new(middle(columns), middle(rows));
    let compass = Grid::of(stamp).compass(place)?;
    Some(Compass {
        scale: compass.scale * stamp.reduction_factor() as f64,
        ..compass
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{NetworkBuilder, NetworkError, Op};

    /// Takes one row of four pixels.
    fn network() -> Result<Network, NetworkError> {
        let mut builder = NetworkBuilder::new(|_, _, _| unreachable!("no parameters"));
        let x = builder.input("x", &[1, 1, 4])?;
        let y = builder.plain("y", Op::Identity, &[x])?;
        builder.output("y", y);
        builder.finish()
    }

    #[test]
    fn a_guessed_range_gives_way_to_what_the_network_takes() -> Result<(), Failure> {
        let scene = |is_range_guessed| Scene {
            picture: "blend.npy".into(),
            blend: Stamp::new(
                "blend",
                vec![0.0, 0.25, 0.5, 1.0],
                [1, 1, 4],
                ValueRange::UNIT,
            ),
            truths: Vec::new(),
            range_in_file: ValueRange::UNIT,
            is_range_guessed,
            compass: None,
            notes: Vec::new(),
        };
        let seen = |is_guessed, range| -> Result<Vec<f32>, Failure> {
            values_of(&tensor_from_scene(&scene(is_guessed), &network()?, range)?)
        };
        let as_is = [0.0, 0.25, 0.5, 1.0];
        assert_eq!(seen(true, ValueRange::UNIT)?, as_is);
        assert_eq!(seen(true, ValueRange::SIGNED)?, as_is);
        assert_eq!(seen(false, ValueRange::SIGNED)?, [-1.0, -0.5, 0.0, 1.0]);
        // Outside what the network takes the guess stands.
        let narrow = ValueRange {
            low: 0.0,
            high: 0.5,
        };
        assert_eq!(seen(true, narrow)?, [0.0, 0.125, 0.25, 0.5]);
        Ok(())
    }

    #[test]
    fn pixels_that_are_not_finite_are_black() -> Result<(), Failure> {
        let pixels = vec![0.25, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let stamp = Stamp::new("stamp", pixels, [1, 1, 4], ValueRange::UNIT);
        let tensor = tensor_from_stamp(&stamp, &network()?, ValueRange::SIGNED)?;
        assert_eq!(values_of(&tensor)?, [-0.5, -1.0, -1.0, -1.0]);
        Ok(())
    }
}
