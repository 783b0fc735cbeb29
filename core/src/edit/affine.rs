//! From edits to one (gain, offset) map per layer.
//!
//! Maps `x -> g x + o` are closed under composition, `(g, o) then (a, b) = (a g, a o + b)`, so they are gathered unit by
//! unit in f64 and become tensors once, at the end.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use super::{Action, Edit, EditError, EditStack, Pooling, Unit};
use crate::network::{Affine, Edits, Fact, LayerName, Network};

/// How masks reach the layers in [`EditStack::resolve`]: a single painted pixel has an effect everywhere.
pub const MASK_POOLING: Pooling = Pooling::Max;

/// `x -> gain x + offset` of one value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Map {
    gain: f64,
    offset: f64,
}

impl Map {
    const IDENTITY: Self = Self {
        gain: 1.0,
        offset: 0.0,
    };

    /// The map of `action` applied with `weight` (mask times strength), 0..1.
    fn of(action: Action, weight: f64) -> Self {
        match action {
            Action::Ablate => Self {
                gain: 1.0 - weight,
                offset: 0.0,
            },
            Action::Insert { level } => Self {
                gain: 1.0 - weight,
                offset: level * weight,
            },
            Action::Scale { by } => Self {
                gain: 1.0 + weight * (by - 1.0),
                offset: 0.0,
            },
        }
    }

    /// First `self`, then `next`.
    fn then(self, next: Self) -> Self {
        Self {
            gain: self.gain * next.gain,
            offset: self.offset * next.gain + next.offset,
        }
    }
}

/// The maps of one unit: one for all pixels, or one per pixel.
type UnitMaps = Vec<Map>;

/// The maps of a layer's edited units, with what is known of the layer.
struct LayerMaps<'a> {
    fact: &'a Fact,
    units: BTreeMap<usize, UnitMaps>,
}

impl EditStack {
    /// The stack as one affine map per layer, in the network's type and on its device.
    ///
    /// Gain and offset are `[1, C, 1, 1]`, or `[1, C, H, W]` where a mask is involved, and `[1, F]` for vectors (a mask
    /// acts on them by its largest weight). Edits that are disabled, and layers on which all edits cancel exactly, are
    /// left out.
    ///
    /// ```
    /// use candle_core::{DType, Device, Tensor};
    /// use ganoscope_core::edit::{Action, Edit, EditStack};
    /// use ganoscope_core::network::{NetworkBuilder, Op, Retain};
    ///
    /// let mut builder = NetworkBuilder::new(|_, _, dims| Ok(Tensor::ones(dims, DType::F32, &Device::Cpu)?));
    /// let x = builder.input("input", &[2, 1, 1])?;
    /// let y = builder.plain("double", Op::Add, &[x, x])?;
    /// builder.output("image", y);
    /// let network = builder.finish()?;
    ///
    /// let stack = EditStack {
    ///     edits: vec![Edit::new("double:1".parse()?, Action::Ablate)],
    /// };
    /// let x = Tensor::new(&[3_f32, 4.0], &Device::Cpu)?.reshape((1, 2, 1, 1))?;
    /// let run = network.forward(&[x], &stack.resolve(&network)?, &Retain::Nothing)?;
    /// assert_eq!(run.outputs()[0].flatten_all()?.to_vec1::<f32>()?, [6.0, 0.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn resolve(&self, network: &Network) -> Result<Edits, EditError> {
        let mut layers = BTreeMap::new();
        for (i, edit) in self.edits.iter().enumerate() {
            if edit.enabled {
                check_values(i + 1, edit)?;
                gather(i + 1, edit, network, &mut layers)?;
            }
        }
        let device = network.device();
        layers
            .into_iter()
            .filter(|(_, maps)| maps.units.values().flatten().any(|m| *m != Map::IDENTITY))
            .map(|(layer, maps)| Ok((layer, maps.to_affine(&device)?)))
            .collect()
    }
}

fn check_values(place: usize, edit: &Edit) -> Result<(), EditError> {
    let wrong = |what, value, expected| EditError::Value {
        edit: place,
        what,
        value,
        expected,
    };
    if !(0.0..=1.0).contains(&edit.strength) {
        return Err(wrong("strength", edit.strength, "between 0 and 1"));
    }
    match edit.action {
        Action::Insert { level } if !level.is_finite() => {
            Err(wrong("level", level, "a finite number"))
        }
        Action::Scale { by } if !by.is_finite() => Err(wrong("factor", by, "a finite number")),
        _ => Ok(()),
    }
}

/// Composes one edit onto the maps of the layers it touches.
fn gather<'a>(
    place: usize,
    edit: &Edit,
    network: &'a Network,
    layers: &mut BTreeMap<LayerName, LayerMaps<'a>>,
) -> Result<(), EditError> {
    for (layer, channels) in edit.units.by_layer() {
        let first = channels.first().copied().unwrap_or(0);
        let id = network
            .find(&layer)
            .map_err(|source| EditError::UnknownLayer {
                edit: place,
                unit: Unit::new(layer.clone(), first),
                source: Box::new(source),
            })?;
        let fact = &network.node(id).fact;
        if let Some(channel) = channels.iter().find(|c| **c >= fact.units()) {
            return Err(EditError::UnknownUnit {
                edit: place,
                unit: Unit::new(layer.clone(), *channel),
                units: fact.units(),
            });
        }
        let maps: UnitMaps = match &edit.mask {
            Some(mask) => mask
                .to_layer(fact.size(), MASK_POOLING)
                .into_iter()
                .map(|m| Map::of(edit.action, f64::from(m) * edit.strength))
                .collect(),
            None => vec![Map::of(edit.action, edit.strength)],
        };
        let LayerMaps { units, .. } = layers.entry(layer).or_insert_with(|| LayerMaps {
            fact,
            units: BTreeMap::new(),
        });
        for channel in channels {
            let before = units.entry(channel).or_insert_with(|| vec![Map::IDENTITY]);
            compose(before, &maps);
        }
    }
    Ok(())
}

/// First `before`, then `next`, pixel by pixel; a single map stands for all pixels.
fn compose(before: &mut UnitMaps, next: &[Map]) {
    if before.len() < next.len() {
        let first = before.first().copied().unwrap_or(Map::IDENTITY);
        before.resize(next.len(), first);
    }
    if let [next] = next {
        for map in before {
            *map = map.then(*next);
        }
    } else {
        for (map, next) in before.iter_mut().zip(next) {
            *map = map.then(*next);
        }
    }
}

impl LayerMaps<'_> {
    fn to_affine(&self, device: &Device) -> Result<Affine, candle_core::Error> {
        let Self { fact, units } = self;
        let pixels = units.values().map(Vec::len).max().unwrap_or(1);
        let mut dims = vec![1; 1 + fact.dims.len().max(1)];
        dims[1] = fact.units();
        if pixels > 1 {
            // Only images have masks of more than one pixel.
            dims = std::iter::once(1)
                .chain(fact.dims.iter().copied())
                .collect();
        }
        let mut maps = vec![Map::IDENTITY; fact.units() * pixels];
        for (channel, unit) in units {
            for (pixel, map) in maps[channel * pixels..][..pixels].iter_mut().enumerate() {
                *map = unit[pixel % unit.len()];
            }
        }
        let tensor = |part: fn(&Map) -> f64| {
            let values = maps.iter().map(part);
            let on_host = if fact.dtype == DType::F32 {
                Tensor::from_iter(values.map(|v| v as f32), &Device::Cpu)?
            } else {
                Tensor::from_iter(values, &Device::Cpu)?.to_dtype(fact.dtype)?
            };
            on_host.reshape(dims.as_slice())?.to_device(device)
        };
        Ok(Affine {
            gain: tensor(|map| map.gain)?,
            offset: tensor(|map| map.offset)?,
        })
    }
}
