//! How pictures are taken from their files: parts of a large one cut out for a network that takes stamps.

use egui::Context;
use ganoscope_core::jobs::Input;
use ganoscope_core::sky::Place;
use ganoscope_core::stamp::Section;
use log::Level;

use super::App;
use crate::command::Change;

impl App {
    /// Cuts out what the network takes around a pixel of the picture shown, the one under the pointer or the middle, and shows
    /// it; the picture stays in the list.
    pub(super) fn cut_out(&mut self, pixel: Option<[usize; 2]>, ctx: &Context) {
        match self.cut_out_at(pixel.or(self.workbench.cursor)) {
            Ok(input) => {
                self.change(Change::ShowInput(input));
                if !self.document.regions.is_empty() {
                    let text =
                        "regions keep their pixel numbers: on the cut-out they mark other places";
                    self.say(Level::Warn, text, ctx);
                }
            }
            Err(why) => self.say(Level::Warn, &why, ctx),
        }
    }

    /// The cut-out as a picture of its own, or why there is none.
    fn cut_out_at(&self, pixel: Option<[usize; 2]>) -> Result<Input, String> {
        let series = self
            .results
            .series
            .shown()
            .ok_or("no network is open yet")?;
        let picture = series.network.picture;
        let [bands, rows, columns] = picture.ok_or("the network takes no picture")?;
        let scene = self.results.scene.ready().ok_or("no picture is open yet")?;
        let blend = &scene.blend;
        let within = blend.size_in_file();
        if within == [rows, columns] {
            return Err(format!(
                "the picture has the {columns} x {rows} pixels that the network takes"
            ));
        }
        let factor = blend.reduction_factor();
        let place = match pixel {
            // The middle of the block of pixels that one here stands for.
            Some([x, y]) => [x, y].map(|at| (at * factor) as f64 + (factor - 1) as f64 / 2.0),
            None => [within[1], within[0]].map(|n| (n - 1) as f64 / 2.0),
        };
        let place = Place::new(place[0], place[1]);
        let section = Section::around(place, [rows, columns], within, blend.rows);
        let section = section.ok_or_else(|| {
            format!(
                "the picture has {} x {} pixels, fewer than the {columns} x {rows} that the network takes",
                within[1], within[0]
            )
        })?;
        let mut reading = scene.picture.reading.clone();
        reading.section = Some(match reading.section {
            Some(outer) => section.within(outer),
            None => section,
        });
        if let Some(numbers) = blend.bands_for(bands) {
            reading.bands = match reading.bands.as_slice() {
                [] => numbers,
                before => numbers
                    .iter()
                    .filter_map(|number| before.get(number - 1).copied())
                    .collect(),
            };
        }
        Ok(Input::File(scene.picture.read_as(reading)))
    }
}

#[cfg(test)]
mod tests {
    use ganoscope_core::stamp::RowOrder;

    use super::*;

    #[test]
    fn a_cut_out_of_a_cut_out_counts_the_files_pixels() {
        let outer: Section = "101:180,201:280".parse().unwrap();
        let place = Place::new(39.0, 39.0);
        let inner = Section::around(place, [20, 20], [80, 80], RowOrder::BottomUp).unwrap();
        let whole = inner.within(outer);
        assert_eq!(whole.size(), [20, 20]);
        assert_eq!(inner.to_string(), "30:49,32:51");
        assert_eq!(whole.to_string(), "130:149,232:251");
    }
}
