//! Which layer is lowered by what.

use super::{At, Lowering};
use crate::checkpoint::CheckpointError;
use crate::checkpoint::keras::Place;
use crate::checkpoint::keras::fields::Fields;
use crate::checkpoint::keras::graph::Model;
use crate::checkpoint::keras::value::Value;

/// Layers that do nothing when a network is used.
const ONLY_IN_TRAINING: [&str; 7] = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout2D",
    "StopGradient",
];

/// Layers with one kernel, which can be normalised by its largest singular value.
const WITH_KERNEL: [&str; 4] = ["Conv2D", "Conv2DTranspose", "Dense", "DepthwiseConv2D"];

/// What is read beside the layers of the arms below, for the message that refuses another.
const KNOWN: &str = "Activation, Add, Average, AveragePooling2D, BatchNormalization, Concatenate, Conv2D, \
    Conv2DTranspose, Cropping2D, Dense, DepthwiseConv2D, Dropout, ELU, Flatten, GlobalAveragePooling2D, \
    GlobalMaxPooling2D, GroupNormalization, LayerNormalization, LeakyReLU, MaxPooling2D, Maximum, Minimum, Multiply, \
    PReLU, ReLU, Rescaling, Reshape, SeparableConv2D, SpectralNormalization, Subtract, UpSampling2D, ZeroPadding2D and, of custom ones, \
    InstanceNormalization, MultiplyBeta, PixelShuffle";

impl Lowering<'_> {
    /// Lowers one call of a layer that is no model.
    pub(super) fn call(
        &mut self,
        at: &At<'_>,
        model: &Model<'_>,
        (layer, call): (usize, usize),
        inputs: &[Value],
    ) -> Result<Value, CheckpointError> {
        let described = &model.layers[layer];
        let module = described.entry.get("module").and_then(|m| m.as_str());
        if matches!(at.fields.class, "TFOpLambda" | "Lambda")
            || module.is_some_and(|module| module.contains(".ops."))
        {
            return self.function(at, &described.calls[call], inputs);
        }
        if inputs.len() > 1
            && let Some(value) = self.merge(at, inputs)?
        {
            return Ok(value);
        }
        let [x] = inputs else {
            return Err(at
                .fields
                .unsupported(format!("it is called with {} values", inputs.len())));
        };
        self.unary(at, model, layer, x)
    }

    fn unary(
        &mut self,
        at: &At<'_>,
        model: &Model<'_>,
        layer: usize,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        // A registered class is written as `package>Class`.
        let class = at.fields.class.rsplit('>').next().unwrap_or_default();
        match class {
            "Conv2D" | "Convolution2D" => self.conv(at, x),
            "Conv2DTranspose" | "Convolution2DTranspose" => self.conv_transpose(at, x),
            "DepthwiseConv2D" => self.depthwise(at, x),
            "SeparableConv2D" | "SeparableConvolution2D" => self.separable(at, x),
            "Dense" => self.dense(at, model, layer, x),
            "BatchNormalization"
            | "BatchNormalizationV1"
            | "BatchNormalizationV2"
            | "SyncBatchNormalization" => self.batch_norm(at, x),
            "LayerNormalization" => self.layer_norm(at, x),
            "GroupNormalization" => self.group_norm(at, x),
            "InstanceNormalization" => self.instance_norm(at, x),
            "PReLU" => self.prelu(at, x),
            "LeakyReLU" => {
                let slope = at.fields.number("negative_slope")?;
                let slope = slope.or(at.fields.number("alpha")?).unwrap_or(0.3);
                self.leaky_relu(&at.name, x, slope)
            }
            "ReLU" => self.relu(at, x),
            "ELU" => {
                let alpha = at.fields.number("alpha")?.unwrap_or(1.0);
                self.elu(&at.name, x, alpha)
            }
            "Activation" => self.activation_layer(at, x),
            "UpSampling2D" => self.upsampling(at, x),
            "MaxPooling2D" | "MaxPool2D" => self.pool(at, x, true),
            "AveragePooling2D" | "AvgPool2D" => self.pool(at, x, false),
            "GlobalMaxPooling2D" | "GlobalMaxPool2D" => self.global_pool(at, x, true),
            "GlobalAveragePooling2D" | "GlobalAvgPool2D" => self.global_pool(at, x, false),
            "Flatten" => self.flatten(at, x),
            "Reshape" => self.reshape(at, x),
            "ZeroPadding2D" => self.zero_padding(at, x),
            "Cropping2D" => self.cropping(at, x),
            "Rescaling" => self.rescaling(at, x),
            "MultiplyBeta" => {
                // The residual scaling of ESRGAN in UpscalerJS, which does not write its factor.
                let beta = at.fields.number("beta")?.unwrap_or(0.2);
                self.scaled(&at.name, x, beta)
            }
            // A sum of one value is that value.
            "Concatenate" | "Add" | "Multiply" | "Average" | "Maximum" | "Minimum" => {
                self.identity(at, x)
            }
            "SpectralNormalization" => self.wrapped(at, model, layer, x),
            class if ONLY_IN_TRAINING.contains(&class) => self.identity(at, x),
            class if class.starts_with("PixelShuffle") => self.pixel_shuffle(at, class, x),
            _ => Err(at.fields.unsupported(format!(
                "layers of this class are not read; known are {KNOWN}"
            ))),
        }
    }

    /// A layer whose kernel was divided by its largest singular value in training: it is stored divided.
    fn wrapped(
        &mut self,
        at: &At<'_>,
        model: &Model<'_>,
        layer: usize,
        x: &Value,
    ) -> Result<Value, CheckpointError> {
        let inner = at.fields.get("layer");
        let class = inner.and_then(|inner| inner.get("class_name")?.as_str());
        let config = inner.and_then(|inner| inner.get("config")?.as_object());
        let (Some(class), Some(config)) = (class, config) else {
            return Err(at.fields.broken("has no layer inside"));
        };
        if !WITH_KERNEL.contains(&class) {
            return Err(at
                .fields
                .unsupported(format!("around a layer of class {class}")));
        }
        let mut names = at.place.names.clone();
        names.extend(config.get("name").and_then(|name| name.as_str()));
        let place = Place {
            names,
            stored: format!("{}/layer", at.place.stored),
        };
        let inner = At {
            fields: Fields {
                class,
                config,
                ..at.fields
            },
            place: &place,
            name: at.name.clone(),
        };
        self.unary(&inner, model, layer, x)
    }
}
