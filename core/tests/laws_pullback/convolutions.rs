//! Cases of the convolution and the transposed convolution.

use super::cases::param;
use super::common::{Case, case};
use ganoscope_core::network::{ConvSpec, Op, Padding, Role};

#[allow(clippy::too_many_lines, reason = "one list of cases")]
pub(super) fn convolutions() -> Vec<Case> {
    let asymmetric = Padding {
        top: 0,
        bottom: 1,
        left: 2,
        right: 1,
    };
    let plain = ConvSpec::square(3, 1, 1);
    let specs = [
        ("same", 2, 3, plain),
        ("1x1", 3, 2, ConvSpec::square(1, 1, 0)),
        ("stride 2", 2, 3, ConvSpec::square(3, 2, 1)),
        (
            "stride 2 leaves rows unread",
            2,
            2,
            ConvSpec::square(2, 3, 0),
        ),
        (
            "stride 2 asymmetric",
            2,
            2,
            ConvSpec {
                padding: asymmetric,
                ..ConvSpec::square(3, 2, 0)
            },
        ),
        (
            "dilation",
            2,
            2,
            ConvSpec {
                dilation: [2, 2],
                ..ConvSpec::square(3, 1, 2)
            },
        ),
        (
            "dilation stride",
            2,
            2,
            ConvSpec {
                dilation: [2, 2],
                ..ConvSpec::square(3, 2, 1)
            },
        ),
        ("groups", 4, 6, ConvSpec { groups: 2, ..plain }),
        ("depthwise", 3, 3, ConvSpec { groups: 3, ..plain }),
        (
            "wide kernel",
            1,
            2,
            ConvSpec {
                kernel: [1, 5],
                padding: Padding {
                    top: 0,
                    bottom: 0,
                    left: 2,
                    right: 2,
                },
                ..plain
            },
        ),
        (
            "unequal strides and dilations",
            4,
            2,
            ConvSpec {
                stride: [2, 1],
                dilation: [1, 2],
                groups: 2,
                padding: asymmetric,
                ..plain
            },
        ),
        (
            "unequal dilations",
            2,
            2,
            ConvSpec {
                dilation: [2, 1],
                ..ConvSpec::square(2, 2, 1)
            },
        ),
        ("padding beyond the kernel", 1, 2, ConvSpec::square(2, 1, 2)),
    ];
    let mut cases: Vec<Case> = specs
        .into_iter()
        .flat_map(|(label, ci, co, conv)| {
            [true, false].map(|bias| {
                case(&format!("conv {label}"), &[&[ci, 6, 5]], |b, x| {
                    Ok(vec![b.conv("conv", x[0], co, conv, bias)?])
                })
            })
        })
        .collect();
    cases.push(case("conv bias map", &[&[2, 5, 4]], |b, x| {
        let params = vec![
            param("weight", Role::Weight, &[3, 2, 3, 3])?,
            param("bias", Role::Bias, &[3, 3, 2])?,
        ];
        Ok(vec![b.add(
            "conv",
            Op::Conv2d(ConvSpec::square(3, 2, 1)),
            x,
            params,
        )?])
    }));
    cases
}

pub(super) fn transposed_convolutions() -> Vec<Case> {
    let asymmetric = Padding {
        top: 1,
        bottom: 0,
        left: 0,
        right: 1,
    };
    [
        ("from a point", 3, 2, ConvSpec::square(4, 1, 0), [0, 0]),
        ("double", 2, 3, ConvSpec::square(4, 2, 1), [0, 0]),
        ("output padding", 2, 3, ConvSpec::square(3, 2, 1), [1, 1]),
        (
            "groups",
            4,
            6,
            ConvSpec {
                groups: 2,
                ..ConvSpec::square(3, 2, 1)
            },
            [1, 0],
        ),
        (
            "dilation",
            2,
            2,
            ConvSpec {
                dilation: [2, 2],
                ..ConvSpec::square(3, 1, 1)
            },
            [0, 0],
        ),
        (
            "asymmetric",
            2,
            2,
            ConvSpec {
                padding: asymmetric,
                ..ConvSpec::square(3, 2, 0)
            },
            [0, 0],
        ),
        ("gaps", 1, 2, ConvSpec::square(2, 3, 0), [2, 1]),
        (
            "unequal strides and dilations",
            2,
            4,
            ConvSpec {
                stride: [1, 2],
                dilation: [2, 1],
                groups: 2,
                padding: asymmetric,
                ..ConvSpec::square(2, 1, 0)
            },
            [0, 1],
        ),
    ]
    .into_iter()
    .flat_map(|(label, ci, co, conv, extra)| {
        let size: &[usize] = if label == "from a point" {
            &[3, 1, 1]
        } else {
            &[ci, 3, 2]
        };
        [true, false].map(|bias| {
            case(&format!("conv transpose {label}"), &[size], |b, x| {
                Ok(vec![b.conv_transpose("conv", x[0], co, conv, extra, bias)?])
            })
        })
    })
    .collect()
}
