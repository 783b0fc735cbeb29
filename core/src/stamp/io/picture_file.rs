//! A picture as a person names it: a file, and what of it is taken and how, in brackets behind it as CFITSIO and DS9 write it.
//!
//! Invariant: the text names the picture alone, without a look at the disk: `file.fits[SCI,2][101:180,201:280][bands=3,2,1][range=0,1]`.

use std::fmt;
use std::path::{Path, PathBuf};

use ordered_float::OrderedFloat;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::blend_file::{BlendFile, read_blend};
use super::error::{StampError, StampProblem};
use super::large::{LargeReader, cut_out_of_large};
use super::selector::Selector;
use super::{read, read_one, stem};
use crate::stamp::section::MAX_BANDS;
use crate::stamp::{Section, Stamp, ValueRange};

/// What the group of bands begins with.
const BANDS: &str = "bands=";

/// What the group of the value range begins with.
const RANGE: &str = "range=";

/// How a picture is taken from its file.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reading {
    /// Which image; where not said the blend of the file with its truths, else the first.
    pub image: Option<Selector>,
    /// Which columns and rows; all where not said.
    pub section: Option<Section>,
    /// Numbers of the bands in the order wanted, counted from 1; all where empty.
    pub bands: Vec<usize>,
    /// The values that mean black and white, where a person says so.
    range: Option<[OrderedFloat<f32>; 2]>,
}

impl Reading {
    /// All of an image of the file, or of the picture that it opens with.
    pub fn of_image(image: Option<Selector>) -> Self {
        Self {
            image,
            ..Self::default()
        }
    }

    /// The values that mean black and white, where a person says so.
    pub fn range(&self) -> Option<ValueRange> {
        let [low, high] = self.range?;
        Some(ValueRange {
            low: low.0,
            high: high.0,
        })
    }

    /// The same with values that mean black and white, or with what the file says or what is guessed. A range that is none
    /// (the ends equal, reversed or not finite) says nothing.
    pub fn with_range(mut self, range: Option<ValueRange>) -> Self {
        let is_sound = |r: &ValueRange| r.low < r.high && (r.high - r.low).is_finite();
        let ends = range
            .filter(is_sound)
            .map(|ValueRange { low, high }| [OrderedFloat(low), OrderedFloat(high)]);
        self.range = ends;
        self
    }

    /// Whether the file's own picture is taken as it is.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// What a group in brackets says beyond what is known; `None` where it says something else.
    fn take(&mut self, group: &str) -> Option<()> {
        if let Some(list) = group.strip_prefix(BANDS) {
            let numbers: Option<Vec<usize>> = list
                .split(',')
                .map(|n| n.trim().parse().ok().filter(|n| *n > 0))
                .collect();
            let is_sound = |numbers: &Vec<usize>| numbers.len() <= MAX_BANDS;
            self.bands = numbers.filter(is_sound).filter(|_| self.bands.is_empty())?;
        } else if let Some(ends) = group.strip_prefix(RANGE) {
            let (low, high) = ends.split_once(',')?;
            let number = |text: &str| text.trim().parse::<f32>().ok();
            let (low, high) = (number(low)?, number(high)?);
            let before = self.range;
            *self = std::mem::take(self).with_range(Some(ValueRange { low, high }));
            self.range.filter(|_| before.is_none())?;
        } else if let Ok(section) = group.parse() {
            let before = self.section.replace(section);
            before.is_none().then_some(())?;
        } else {
            let Ok(image) = group.parse();
            let before = self.image.replace(image);
            (before.is_none() && !group.trim().is_empty()).then_some(())?;
        }
        Some(())
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(image) = &self.image {
            write!(f, "{image}")?;
        }
        if let Some(section) = &self.section {
            write!(f, "[{section}]")?;
        }
        if !self.bands.is_empty() {
            let numbers: Vec<String> = self.bands.iter().map(ToString::to_string).collect();
            write!(f, "[{BANDS}{}]", numbers.join(","))?;
        }
        if let Some(ValueRange { low, high }) = self.range() {
            write!(f, "[{RANGE}{low},{high}]")?;
        }
        Ok(())
    }
}

/// A file, and how a picture is taken from it.
///
/// ```
/// use ganoscope_core::stamp::io::PictureFile;
/// let picture = PictureFile::from_text("scene.fits[1][101:180,201:280][range=0,2.5]");
/// assert_eq!(picture.path.to_str(), Some("scene.fits"));
/// assert_eq!(picture.reading.section.unwrap().size(), [80, 80]);
/// assert_eq!(picture.to_string(), "scene.fits[1][101:180,201:280][range=0,2.5]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PictureFile {
    /// The file.
    pub path: PathBuf,
    /// How it is read.
    pub reading: Reading,
}

impl PictureFile {
    /// The picture of a text that this type wrote: brackets at the end are read as such, whatever files there are.
    pub fn from_text(text: &str) -> Self {
        let mut rest = text;
        let mut groups = Vec::new();
        while let Some((before, group)) = rest
            .strip_suffix(']')
            .and_then(|inside| inside.rsplit_once('['))
            .filter(|(before, _)| !before.is_empty())
        {
            if group.is_empty() {
                // Empty brackets end a path that ends with brackets itself.
                rest = before;
                break;
            }
            let mut so_far = Reading::default();
            let all = std::iter::once(&group).chain(groups.iter().rev());
            if all
                .copied()
                .try_for_each(|group| so_far.take(group))
                .is_none()
            {
                break;
            }
            groups.push(group);
            rest = before;
        }
        let mut reading = Reading::default();
        for group in groups.iter().rev() {
            // Each was taken above.
            let _ = reading.take(group);
        }
        Self {
            path: rest.into(),
            reading,
        }
    }

    /// The picture that a person names: a file of that very name, else as in [`PictureFile::from_text`].
    pub fn named(text: &str) -> Self {
        if Path::new(text).exists() {
            return Self::from(PathBuf::from(text));
        }
        Self::from_text(text)
    }

    /// The picture that a person names by a path.
    pub fn at(path: &Path) -> Self {
        path.to_str().map_or_else(|| path.into(), Self::named)
    }

    /// The same file read in another way.
    pub fn read_as(&self, reading: Reading) -> Self {
        Self {
            path: self.path.clone(),
            reading,
        }
    }

    /// What a person calls it in a list: the file's name without its extension, and how it is read.
    pub fn name(&self) -> String {
        format!("{}{}", stem(&self.path), self.reading)
    }

    /// A name for files made of it: letters, digits and dashes behind the file's name.
    pub fn stem(&self) -> String {
        let reading = self.reading.to_string();
        let words = reading.split(|c: char| !(c.is_ascii_alphanumeric() || ".+_".contains(c)));
        let words = words.filter(|word| !word.is_empty());
        let parts: Vec<String> = std::iter::once(stem(&self.path))
            .chain(words.map(str::to_owned))
            .collect();
        parts.join("-")
    }

    /// The blend with its truths, or the image named, as asked for.
    ///
    /// # Errors
    /// When the file cannot be read, or has no such image, section or band; the message names the file.
    pub fn read(&self) -> Result<BlendFile, StampError> {
        let Reading { image, section, .. } = &self.reading;
        if let Some(section) = section {
            let large = cut_out_of_large(&self.path, image.as_ref(), *section)?;
            if let Some(blend) = large {
                let alone = BlendFile {
                    blend,
                    truths: Vec::new(),
                    fill: None,
                };
                return self.finished(alone, false);
            }
        }
        let whole = match image {
            None => read_blend(&self.path)?,
            Some(image) => BlendFile {
                blend: read_one(&self.path, Some(image))?,
                truths: Vec::new(),
                fill: None,
            },
        };
        self.finished(whole, true)
    }

    /// All images of the file that are meant, each with the section, bands and range asked for.
    ///
    /// # Errors
    /// As [`PictureFile::read`].
    pub fn read_all(&self) -> Result<Vec<Stamp>, StampError> {
        let Reading { image, section, .. } = &self.reading;
        if section.is_some() {
            return Ok(vec![self.read()?.blend]);
        }
        let stamps = read(&self.path, image.as_ref())?;
        let finish = |stamp| self.reading.finish(stamp);
        let finished = stamps.into_iter().map(finish).collect::<Result<_, _>>();
        finished.map_err(|problem| problem.at(&self.path))
    }

    /// A reader that goes through a very large picture bit by bit; `None` where it is read at once.
    pub(crate) fn large_reader(&self, most: usize) -> Result<Option<LargeReader>, StampError> {
        match &self.reading.section {
            // Only the section is read.
            Some(_) => Ok(None),
            None => LargeReader::open(&self.path, self.reading.image.as_ref(), most),
        }
    }

    /// What was read of the file, with the bands and the range asked for, and cut out where that was not done.
    fn finished(&self, file: BlendFile, cuts: bool) -> Result<BlendFile, StampError> {
        let finish = |stamp: Stamp| -> Result<Stamp, StampProblem> {
            let stamp = match self.reading.section.filter(|_| cuts) {
                Some(section) => stamp.cut_out(section)?,
                None => stamp,
            };
            self.reading.finish(stamp)
        };
        let finish = |stamp: Stamp| finish(stamp).map_err(|problem| problem.at(&self.path));
        // What was filled has one band.
        let fill = file.fill.map(|fill| match self.reading.section {
            Some(section) if cuts => fill.cut_out(section).map_err(|p| p.at(&self.path)),
            _ => Ok(fill),
        });
        Ok(BlendFile {
            blend: finish(file.blend)?,
            truths: file
                .truths
                .into_iter()
                .map(finish)
                .collect::<Result<_, _>>()?,
            fill: fill.transpose()?,
        })
    }
}

impl Reading {
    /// The bands and the range asked for.
    pub(crate) fn finish(&self, stamp: Stamp) -> Result<Stamp, StampProblem> {
        let stamp = match self.bands.as_slice() {
            [] => stamp,
            numbers => stamp.with_bands(numbers)?,
        };
        Ok(match self.range() {
            Some(range) => stamp.with_range(range),
            None => stamp,
        })
    }
}

impl From<PathBuf> for PictureFile {
    fn from(path: PathBuf) -> Self {
        Self {
            path,
            reading: Reading::default(),
        }
    }
}

impl From<&Path> for PictureFile {
    fn from(path: &Path) -> Self {
        path.to_owned().into()
    }
}

impl From<&str> for PictureFile {
    /// The file of this very name.
    fn from(path: &str) -> Self {
        PathBuf::from(path).into()
    }
}

impl fmt::Display for PictureFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display().to_string();
        let end = if path.ends_with(']') { "[]" } else { "" };
        write!(f, "{path}{end}{}", self.reading)
    }
}

impl Serialize for PictureFile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.path.to_str() {
            Some(_) => serializer.collect_str(self),
            // Says that the path has no text.
            None => self.path.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PictureFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() {
            return Err(de::Error::custom("the path of a picture is empty"));
        }
        Ok(Self::from_text(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_pictures_belong_together() {
        for text in [
            "a.fits",
            "a.fits[SCI,2]",
            "a.fits[1][1:2,3:4]",
            "a.npz[x][bands=3,2,1]",
            "a b.fits[1:2,3:4][bands=1][range=-1,0.5]",
            "odd[1][]",
            "odd[1][][2]",
        ] {
            let picture = PictureFile::from_text(text);
            assert_eq!(picture.to_string(), text);
            let stored = serde_json::to_string(&picture).unwrap();
            let back: PictureFile = serde_json::from_str(&stored).unwrap();
            assert_eq!(back, picture);
        }
        assert_eq!(PictureFile::from_text("odd[1][]").path, Path::new("odd[1]"));
        let odd = PictureFile::from("odd[1]");
        assert_eq!(PictureFile::from_text(&odd.to_string()), odd);
    }

    #[test]
    fn groups_that_make_no_sense_belong_to_the_path() {
        for (text, path) in [
            ("a[1:2,3:4][5:6,7:8]", "a[1:2,3:4]"),
            ("a[x][y]", "a[x]"),
            ("a[range=1,0]", "a[range=1,0]"),
            ("a[bands=0]", "a[bands=0]"),
            ("[x]", "[x]"),
        ] {
            let picture = PictureFile::from_text(text);
            assert_eq!(picture.path, Path::new(path));
            let again = PictureFile::from_text(&picture.to_string());
            assert_eq!(again, picture, "nothing is lost of {text}");
        }
    }

    #[test]
    fn names_of_files_made_of_it_have_no_brackets() {
        let picture = PictureFile::from_text("/d/scene.fits.gz[SCI,2][1:80,11:90]");
        assert_eq!(picture.stem(), "scene-SCI-2-1-80-11-90");
        assert_eq!(picture.name(), "scene[SCI,2][1:80,11:90]");
    }

    #[test]
    fn a_file_of_that_very_name_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a[1]");
        std::fs::write(&path, "x").unwrap();
        let text = path.to_str().unwrap();
        assert_eq!(PictureFile::named(text).path, path);
        assert_eq!(PictureFile::from_text(text).path, folder.path().join("a"));
    }
}
