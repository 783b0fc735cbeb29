//! What can be asked about a map beside it: sums over parts of the picture, pixel flipping, other methods.

use std::fmt::Write as _;

use clap::Args;
use ganoscope_core::attribution::{
    AttributionMap, Flipping, FlippingCurve, Method, Options, Prepared, RegionSettings, RegionSum,
    SideBySide, SourceRegions, Target,
};
use ganoscope_core::network::Network;
use ganoscope_core::stamp::Stamp;
use ganoscope_core::stamp::photometry::PhotometryError;

use super::super::common::Console;

/// Checks of maps.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct CheckArguments {
    /// How much of the map lies in the core, the outskirts, the background and the border of each picture: half-light ellipse of
    /// its brightest source, up to three times as far, the rest, the outer 4 pixels.
    #[arg(long)]
    regions: bool,
    /// Hide the pixels that the map calls important, block by block, and say how the output falls, beside random orders.
    #[arg(long)]
    flip: bool,
    /// Rows and columns of a hidden block.
    #[arg(long, value_name = "N", default_value_t = 4, requires = "flip", value_parser = clap::value_parser!(u16).range(1..))]
    block: u16,
    /// How many blocks are hidden.
    #[arg(long, value_name = "N", default_value_t = 50, requires = "flip", value_parser = clap::value_parser!(u16).range(1..))]
    flips: u16,
    /// Other methods to compute and compare, side by side.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    beside: Vec<Method>,
}

/// What a check needs of the command.
pub(super) struct Asked<'a> {
    pub(super) network: &'a Network,
    pub(super) options: &'a Options,
    pub(super) target: &'a Target,
    pub(super) console: Console,
}

/// What was found about one map.
#[derive(Debug, Default, serde::Serialize)]
pub(super) struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    regions: Option<Vec<RegionSum>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flip: Option<Flip>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    beside: Vec<Beside>,
}

/// A flipping curve with its areas.
#[derive(Clone, Debug, serde::Serialize)]
struct Flip {
    area: f64,
    random_area: f64,
    gain: f64,
    curve: FlippingCurve,
}

impl From<FlippingCurve> for Flip {
    fn from(curve: FlippingCurve) -> Self {
        Self {
            area: curve.area,
            random_area: curve.random_area(),
            gain: curve.gain(),
            curve,
        }
    }
}

/// Another method beside the one asked for.
#[derive(Debug, serde::Serialize)]
struct Beside {
    method: String,
    /// Rank correlation of its pixels with those of the method asked for.
    agreement: Option<f64>,
    sum: Option<f64>,
    gap: Option<f64>,
    flip: Option<Flip>,
    error: Option<String>,
}

impl CheckArguments {
    /// Whether anything is asked.
    pub(super) fn is_asked(&self) -> bool {
        self.regions || self.flip || !self.beside.is_empty()
    }

    /// Whether blocks are hidden as the window does, if they are.
    pub(in crate::cli) fn is_of_usual_blocks(&self) -> bool {
        let usual = Flipping::default();
        let (block, steps) = (usize::from(self.block), usize::from(self.flips));
        !self.flip || (block, steps) == (usual.block, usual.steps)
    }

    /// Whether pixel flipping is asked for.
    pub(in crate::cli) const fn is_flipping(&self) -> bool {
        self.flip
    }

    /// Whether sums over parts of the pictures are asked for.
    pub(in crate::cli) const fn has_regions(&self) -> bool {
        self.regions
    }

    /// The other methods as they were named.
    pub(in crate::cli) fn methods_beside(&self) -> &[Method] {
        &self.beside
    }

    /// The methods to compare with, prepared once for all inputs; a method that does not fit is kept with its error.
    pub(super) fn others(&self, asked: &Asked<'_>) -> Vec<(Method, Option<Prepared>)> {
        let black = asked.options.input_range.0;
        let plain = Options {
            retain: Vec::new(),
            stop_at: Vec::new(),
            ..asked.options.clone()
        };
        let methods = self.beside.iter().map(|m| m.clone().with_black(black));
        methods
            .map(|method| {
                let prepared = Prepared::new(asked.network, &method, &plain);
                if let Err(error) = &prepared {
                    asked.console.note(&format!("warning: {method}: {error}"));
                }
                (method, prepared.ok())
            })
            .collect()
    }

    fn flipping(&self) -> Flipping {
        Flipping {
            block: usize::from(self.block),
            steps: usize::from(self.flips),
            ..Flipping::default()
        }
    }

    /// The findings about the maps of a batch: one per sample. `sources`: the stamps whose brightest sources each picture holds.
    pub(super) fn look(
        &self,
        asked: &Asked<'_>,
        batch: &candle_core::Tensor,
        main: (&Method, &AttributionMap),
        others: &[(Method, Option<Prepared>)],
        sources: &[Vec<Stamp>],
    ) -> Result<(Vec<Found>, SideBySide), anyhow::Error> {
        let inputs = std::slice::from_ref(batch);
        let (method, map) = main;
        let mut found: Vec<Found> = map.balances.iter().map(|_| Found::default()).collect();
        if self.regions {
            for (sample, found) in found.iter_mut().enumerate() {
                let one = map.relevance.narrow(0, sample, 1)?;
                let stamps = sources.get(sample).map(Vec::as_slice).unwrap_or_default();
                let regions = regions_of(stamps, &one, asked.console);
                found.regions = Some(regions.sums(&one)?.remove(0));
            }
        }
        if self.flip {
            let curves = self.curves(asked, inputs, map)?;
            for (found, curve) in found.iter_mut().zip(curves) {
                found.flip = Some(curve);
            }
        }
        let mut beside = SideBySide {
            maps: vec![(method.clone(), Ok(map.clone()))],
        };
        for (other, prepared) in others {
            if let Some(prepared) = prepared {
                let map = prepared.attribute(inputs, asked.target);
                beside.maps.push((other.clone(), map));
            }
        }
        for (sample, found) in found.iter_mut().enumerate() {
            found.beside = self.compared(asked, inputs, &beside, sample)?;
        }
        Ok((found, beside))
    }

    fn curves(
        &self,
        asked: &Asked<'_>,
        inputs: &[candle_core::Tensor],
        map: &AttributionMap,
    ) -> Result<Vec<Flip>, anyhow::Error> {
        let flipping = self.flipping();
        let curves = flipping.curves(asked.network, inputs, &map.relevance, asked.target)?;
        Ok(curves.into_iter().map(Flip::from).collect())
    }

    /// Every other method of a sample against the first.
    fn compared(
        &self,
        asked: &Asked<'_>,
        inputs: &[candle_core::Tensor],
        beside: &SideBySide,
        sample: usize,
    ) -> Result<Vec<Beside>, anyhow::Error> {
        let agreement = beside.agreement(sample)?;
        let mut rows = agreement.first().into_iter().flatten().skip(1);
        let others = beside.maps.iter().skip(1);
        others
            .map(|(method, map)| {
                let one = |x: &candle_core::Tensor| x.narrow(0, sample, 1);
                Ok(match map {
                    Ok(map) => Beside {
                        method: method.to_string(),
                        agreement: rows.next().copied(),
                        sum: map.balances.get(sample).map(|b| b.sum),
                        gap: map.balances.get(sample).and_then(|b| b.gap),
                        flip: if self.flip {
                            let own: Vec<_> = inputs.iter().map(one).collect::<Result<_, _>>()?;
                            let flipping = self.flipping();
                            let relevance = one(&map.relevance)?;
                            let curves =
                                flipping.curves(asked.network, &own, &relevance, asked.target)?;
                            curves.into_iter().next().map(Flip::from)
                        } else {
                            None
                        },
                        error: None,
                    },
                    Err(error) => Beside {
                        method: method.to_string(),
                        agreement: None,
                        sum: None,
                        gap: None,
                        flip: None,
                        error: Some(error.to_string()),
                    },
                })
            })
            .collect()
    }
}

/// The parts of a picture; without a source that stands out only background and border.
fn regions_of(stamps: &[Stamp], map: &candle_core::Tensor, console: Console) -> SourceRegions {
    let settings = RegionSettings::default();
    let size = match *map.dims() {
        [_, _, rows, columns] => [rows, columns],
        _ => [0, 0],
    };
    let measured = match stamps {
        [] => Err(PhotometryError::NoSource),
        stamps => SourceRegions::of_sources(stamps, &settings),
    };
    measured.unwrap_or_else(|error| {
        console.note(&format!(
            "{error}: only background and border are told apart"
        ));
        SourceRegions::new(&[], size, &settings)
    })
}

impl Found {
    /// The findings in words, for a person; empty where nothing was asked.
    pub(super) fn text(&self, input: &str) -> String {
        let mut text = String::new();
        if let Some(regions) = &self.regions {
            let _ = writeln!(text, "{input}: part, area, share of the map, sum");
            for region in regions {
                let _ = writeln!(
                    text,
                    "  {:<12} {:>5.1} % {:>6.1} % {:>12.6}",
                    region.part.to_string(),
                    100.0 * region.area_share,
                    100.0 * region.share,
                    region.sum
                );
            }
        }
        if let Some(flip) = &self.flip {
            let _ = writeln!(
                text,
                "{input}: hiding what the map calls important, {}",
                said(flip)
            );
        }
        for beside in &self.beside {
            let _ = write!(text, "{input}: {}", beside.method);
            let _ = match (&beside.error, beside.agreement) {
                (Some(error), _) => write!(text, ": {error}"),
                (None, Some(agreement)) => write!(text, ": rank correlation {agreement:.3}"),
                (None, None) => Ok(()),
            };
            if let Some(flip) = &beside.flip {
                let _ = write!(text, ", {}", said(flip));
            }
            text.push('\n');
        }
        text
    }
}

fn said(flip: &Flip) -> String {
    format!(
        "the output falls by {:.4} on average, by {:.4} in random order",
        flip.area, flip.random_area
    )
}
