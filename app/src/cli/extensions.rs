//! Results as the images of a FITS file: INPUT, OUT1, OUT2, RESID, TRUTH1, ..., `REL_D`, `ACT_LAYER`.
//!
//! Invariant: INPUT, RESID and TRUTH are only written for a single stamp, whose coordinates and range they keep.

use ganoscope_core::checkpoint::BlendRule;
use ganoscope_core::stamp::io::{NamedArray, Product};
use ganoscope_core::stamp::{Stamp, ValueRange};

use super::outputs::{About, Gathered};

/// The EXTNAME of a result: `output.1` is `OUT2`, `activation.conv_in` is `ACT_conv_in`, `relevance` is `REL_D`.
pub(super) fn extension_name(name: &str, is_discriminator: bool) -> String {
    let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
    let product = match kind {
        "output" => match rest.parse::<usize>() {
            Ok(index) => Product::Output(index + 1),
            Err(_) => Product::Output(1),
        },
        "activation" => Product::Activation {
            layer: rest.to_owned(),
            unit: None,
        },
        "relevance" => Product::Relevance {
            is_discriminator,
            part: rest.to_owned(),
        },
        _ => return name.to_owned(),
    };
    product.to_string()
}

/// What stands beside the results in their file: the input before, residual and truths after them.
pub(super) fn beside<'a>(
    arrays: &[&Gathered],
    about: &'a About<'_>,
) -> (Option<NamedArray<'a>>, Vec<NamedArray<'a>>) {
    let single = arrays.iter().all(|array| array.samples() == 1);
    let Some(stamp) = about.stamp.as_ref().filter(|_| single) else {
        return (None, Vec::new());
    };
    let named = |stamp: &'a Stamp, product: Product| {
        let mut array = NamedArray::from(stamp);
        array.name = product.to_string();
        array
    };
    let mut after = Vec::new();
    if let Some(rule) = about.blend_rule
        && let Some(residual) = residual(stamp, arrays, rule)
    {
        let mut array = NamedArray::new(Product::Residual.to_string(), stamp.dims(), residual);
        array.bands.clone_from(&stamp.bands);
        array.cards.clone_from(&stamp.cards);
        array.rows = stamp.rows;
        after.push(array);
    }
    let truths = about.truths.iter().enumerate();
    after.extend(truths.map(|(index, truth)| named(truth, Product::Truth(index + 1))));
    (Some(named(stamp, Product::Input)), after)
}

/// The stamp minus its outputs put together as blends are, in the range of the stamp; `None` when an output is no picture like
/// it.
fn residual(stamp: &Stamp, arrays: &[&Gathered], rule: BlendRule) -> Option<Vec<f32>> {
    let outputs: Vec<(&Gathered, ValueRange)> = arrays
        .iter()
        .filter(|array| array.name == "output" || array.name.starts_with("output."))
        .map(|array| (array.dims == stamp.dims()).then_some((*array, array.range?)))
        .collect::<Option<_>>()?;
    if outputs.is_empty() {
        return None;
    }
    let at = |pixel: usize| {
        let values = outputs.iter().map(|(array, range)| {
            let value = array.values.get(pixel).copied().unwrap_or(f32::NAN);
            range.map_to(ValueRange::UNIT, value)
        });
        match rule {
            BlendRule::Maximum => values.fold(f32::NEG_INFINITY, f32::max),
            BlendRule::Sum => values.sum(),
        }
    };
    let pixels = stamp.pixels.iter().enumerate();
    Some(
        pixels
            .map(|(pixel, value)| value - ValueRange::UNIT.map_to(stamp.range, at(pixel)))
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_have_the_names_of_the_field() {
        for (name, wanted) in [
            ("output", "OUT1"),
            ("output.1", "OUT2"),
            ("activation.root.0.add", "ACT_root.0.add"),
            ("relevance", "REL_D"),
            ("relevance.fake", "REL_D_FAKE"),
            ("other", "other"),
        ] {
            assert_eq!(extension_name(name, true), wanted);
        }
        assert_eq!(extension_name("relevance", false), "REL_G");
    }

    #[test]
    fn the_residual_is_in_the_range_of_the_input() {
        let range = ValueRange {
            low: 0.0,
            high: 200.0,
        };
        let stamp = Stamp::new("s", vec![100.0, 200.0], [1, 1, 2], range);
        let output = |name: &str, values: [f32; 2]| Gathered {
            name: name.to_owned(),
            dims: vec![1, 1, 2],
            values: values.to_vec(),
            range: Some(ValueRange::SIGNED),
        };
        let (first, second) = (
            output("output", [0.0, -1.0]),
            output("output.1", [-1.0, 0.5]),
        );
        let found = residual(&stamp, &[&first, &second], BlendRule::Maximum);
        assert_eq!(found, Some(vec![0.0, 50.0]));
        let found = residual(&stamp, &[&first, &first], BlendRule::Sum);
        assert_eq!(found, Some(vec![-100.0, 200.0]));
        assert_eq!(residual(&stamp, &[], BlendRule::Sum), None);
    }
}
