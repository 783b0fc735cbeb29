//! The scene preview: a picture from the cache or from its file, a large one a part per step so that a newer one can cut in.

use super::Studio;
use super::input::SceneReader;
use crate::jobs::{Failure, Preview, Step, Study};
use crate::stamp::io::PictureFile;

/// The preview in the making.
pub(super) struct SceneJob {
    picture: PictureFile,
    reading: Option<SceneReader>,
}

impl SceneJob {
    pub(super) const fn new(picture: PictureFile) -> Self {
        Self {
            picture,
            reading: None,
        }
    }
}

impl Study<Studio, Preview> for SceneJob {
    fn step(&mut self, studio: &mut Studio) -> Result<Step<Preview>, Failure> {
        if self.reading.is_none()
            && let Some(scene) = studio.scenes.find(&self.picture)
        {
            return Ok(Step::Done(Some(Preview::Scene(scene))));
        }
        let reader = match &mut self.reading {
            Some(reader) => reader,
            None => {
                let reader = SceneReader::open(&self.picture, studio.most_pixels)?;
                self.reading.insert(reader)
            }
        };
        Ok(match reader.step()? {
            Some(scene) => {
                let scene = studio.keep_scene(&self.picture, scene);
                Step::Done(Some(Preview::Scene(scene)))
            }
            None => Step::More {
                progress: reader.progress(),
                partial: None,
            },
        })
    }
}
