//! Known network architectures, built from parameters.

mod deblender;
mod latent;

pub use deblender::{
    DiscriminatorConfig, GeneratorConfig, PaddingConvention, PreluKind, discriminator, generator,
    position_channels,
};
pub use latent::{
    ConvolutionalDiscriminator, ConvolutionalGenerator, DenseDiscriminator, DenseGenerator,
    Enlarge, LatentDiscriminator, LatentGenerator, Normalisation,
};
