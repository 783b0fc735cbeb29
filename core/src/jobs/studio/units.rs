//! The units preview: every unit's activation at one layer, before edits.

use std::sync::Arc;

use super::Studio;
use super::input::values_of;
use crate::jobs::preview::UnitRange;
use crate::jobs::{Failure, Preview, UnitMaps, UnitsSpec};

/// The activations of the layer of a spec.
pub(super) fn units(studio: &mut Studio, spec: &UnitsSpec) -> Result<Preview, Failure> {
    let held = studio.run(&spec.run)?;
    let activation = held.run.activation(&held.network, &spec.layer)?.get(0)?;
    let dims = match *activation.dims() {
        [c, h, w] => [c, h, w],
        [features] => [features, 1, 1],
        ref other => {
            return Err(Failure::new(format!(
                "layer {}: an activation of dimensions {other:?} has no units to show",
                spec.layer
            )));
        }
    };
    let values: Arc<[f32]> = values_of(&activation)?.into();
    let ranges = values
        .chunks((dims[1] * dims[2]).max(1))
        .map(UnitRange::of)
        .collect();
    Ok(Preview::Units(Arc::new(UnitMaps {
        layer: spec.layer.clone(),
        dims,
        values,
        ranges,
    })))
}
