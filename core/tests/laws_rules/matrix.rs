//! The slow twins: layers as explicit matrices, and every rule written from its paper over them.

use super::support;
use candle_core::{DType, Device, Tensor};
use ganoscope_core::attribution::Rule;
use ganoscope_core::kernels::Algorithm;
use ganoscope_core::network::{ConvSpec, Network, NetworkBuilder, Op, Padding, Role, linear_apply};

/// One weighted layer between an input and the output.
pub(super) struct Layer {
    pub(super) name: &'static str,
    pub(super) op: Op,
    pub(super) input: Vec<usize>,
    pub(super) weight: Vec<usize>,
    pub(super) bias: Option<Vec<usize>>,
}

pub(super) fn layers() -> Vec<Layer> {
    let conv = ConvSpec::square(3, 1, 1);
    let layer = |name, op, input: &[usize], weight: &[usize], bias: &[usize]| Layer {
        name,
        op,
        input: input.to_vec(),
        weight: weight.to_vec(),
        bias: (!bias.is_empty()).then(|| bias.to_vec()),
    };
    let uneven = Padding {
        top: 0,
        bottom: 1,
        left: 2,
        right: 1,
    };
    let transposed = |conv, output_padding| Op::ConvTranspose2d {
        conv,
        output_padding,
    };
    vec![
        layer("dense", Op::Dense, &[7], &[5, 7], &[5]),
        layer("dense without bias", Op::Dense, &[7], &[5, 7], &[]),
        layer("conv", Op::Conv2d(conv), &[2, 5, 4], &[3, 2, 3, 3], &[3]),
        layer(
            "conv with a bias map",
            Op::Conv2d(conv),
            &[2, 5, 4],
            &[3, 2, 3, 3],
            &[3, 5, 4],
        ),
        layer(
            "conv stride 2, uneven padding",
            Op::Conv2d(ConvSpec {
                stride: [2, 2],
                padding: uneven,
                ..conv
            }),
            &[2, 6, 5],
            &[3, 2, 3, 3],
            &[3],
        ),
        layer(
            "conv groups 2",
            Op::Conv2d(ConvSpec { groups: 2, ..conv }),
            &[4, 4, 4],
            &[6, 2, 3, 3],
            &[6],
        ),
        layer(
            "conv dilation 2",
            Op::Conv2d(ConvSpec {
                dilation: [2, 2],
                padding: Padding::all(2),
                ..conv
            }),
            &[2, 5, 5],
            &[3, 2, 3, 3],
            &[3],
        ),
        layer(
            "transposed conv stride 2",
            transposed(ConvSpec::square(3, 2, 1), [1, 1]),
            &[2, 3, 3],
            &[2, 3, 3, 3],
            &[3],
        ),
        layer(
            "transposed conv groups 2",
            transposed(
                ConvSpec {
                    groups: 2,
                    ..ConvSpec::square(4, 2, 1)
                },
                [0, 0],
            ),
            &[4, 2, 3],
            &[4, 3, 4, 4],
            &[6],
        ),
    ]
}

/// The layer as rows of numbers: `z = m x + b`, and the same with all weights one.
pub(super) struct Matrix {
    pub(super) m: Vec<Vec<f64>>,
    pub(super) ones: Vec<Vec<f64>>,
    pub(super) b: Vec<f64>,
}

impl Layer {
    pub(super) fn tensor(&self, role: &str, dims: &[usize]) -> Tensor {
        support::values(&format!("{} {role}", self.name), dims, DType::F64)
    }

    pub(super) fn network(&self) -> Network {
        let mut b = NetworkBuilder::new(|_, role, _| {
            Ok(match (role, &self.bias) {
                (Role::Bias, Some(bias)) => self.tensor("bias", bias),
                _ => self.tensor("weight", &self.weight),
            })
        });
        let x = b.input("input", &self.input).expect("valid");
        let param = |role, key: &str, tensor| ganoscope_core::network::Param {
            role,
            key: key.into(),
            tensor,
        };
        let mut params = vec![param(
            Role::Weight,
            "weight",
            self.tensor("weight", &self.weight),
        )];
        if let Some(bias) = &self.bias {
            params.push(param(Role::Bias, "bias", self.tensor("bias", bias)));
        }
        let y = b
            .add("layer", self.op.clone(), &[x], params)
            .expect("valid");
        b.output("output", y);
        let network = b.finish().expect("valid");
        network.to_dtype(DType::F64).expect("converts")
    }

    pub(super) fn matrix(&self) -> Matrix {
        let n: usize = self.input.iter().product();
        let mut dims = vec![n];
        dims.extend_from_slice(&self.input);
        let basis = Tensor::eye(n, DType::F64, &Device::Cpu)
            .and_then(|t| t.reshape(dims))
            .expect("a basis");
        let rows = |weight: &Tensor| {
            let columns =
                linear_apply(Algorithm::Direct, &self.op, &basis, weight, None).expect("applies");
            let flat = columns.flatten_from(1).and_then(|t| t.t()?.contiguous());
            flat.and_then(|t| t.to_vec2::<f64>()).expect("values")
        };
        let weight = self.tensor("weight", &self.weight);
        let m = rows(&weight);
        let b = match &self.bias {
            None => vec![0.0; m.len()],
            Some(dims) => {
                let bias = self.tensor("bias", dims).flatten_all();
                let bias = bias.and_then(|t| t.to_vec1::<f64>()).expect("values");
                let each = m.len() / bias.len();
                bias.iter().flat_map(|b| vec![*b; each]).collect()
            }
        };
        Matrix {
            ones: rows(&weight.ones_like().expect("ones")),
            m,
            b,
        }
    }
}

pub(super) fn pos(v: f64) -> f64 {
    v.max(0.0)
}

pub(super) fn neg(v: f64) -> f64 {
    v.min(0.0)
}

pub(super) fn stabilised(z: f64, epsilon: f64) -> f64 {
    z + if z >= 0.0 { epsilon } else { -epsilon }
}

impl Matrix {
    /// `R_i = sum_j n_ij R_j / s(sum_i n_ij + b_j)` for contributions `n(x_i, w_ij)`.
    pub(super) fn shares(
        &self,
        x: &[f64],
        r: &[f64],
        weights: &[Vec<f64>],
        epsilon: f64,
        n: impl Fn(f64, f64) -> f64,
        bias: impl Fn(f64) -> f64,
    ) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        for (j, row) in weights.iter().enumerate() {
            let total: f64 = row.iter().zip(x).map(|(w, x)| n(*x, *w)).sum();
            let z = stabilised(total + bias(self.b[j]), epsilon);
            for (i, w) in row.iter().enumerate() {
                out[i] += n(x[i], *w) * r[j] / z;
            }
        }
        out
    }

    pub(super) fn output(&self, x: &[f64]) -> Vec<f64> {
        let dot = |row: &Vec<f64>| row.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
        self.m
            .iter()
            .zip(&self.b)
            .map(|(row, b)| dot(row) + b)
            .collect()
    }

    pub(super) fn positive(&self, x: &[f64], r: &[f64]) -> Vec<f64> {
        self.shares(x, r, &self.m, 1e-6, |x, w| pos(x * w), pos)
    }

    pub(super) fn negative(&self, x: &[f64], r: &[f64]) -> Vec<f64> {
        self.shares(x, r, &self.m, 1e-6, |x, w| neg(x * w), neg)
    }

    /// The paper's form of each rule.
    pub(super) fn twin(&self, rule: Rule, x: &[f64], r: &[f64]) -> Vec<f64> {
        let add = |a: &[f64], fa: f64, b: &[f64], fb: f64| -> Vec<f64> {
            a.iter().zip(b).map(|(a, b)| fa * a + fb * b).collect()
        };
        match rule {
            Rule::Epsilon { epsilon } => self.shares(x, r, &self.m, epsilon, |x, w| x * w, |b| b),
            Rule::Norm => self.shares(x, r, &self.m, 1e-6, |x, w| x * w, |b| b),
            Rule::ZPlus => self.positive(x, r),
            Rule::AlphaBeta { alpha, beta } => {
                add(&self.positive(x, r), alpha, &self.negative(x, r), -beta)
            }
            Rule::Polar => {
                let real: Vec<f64> = r.iter().copied().map(pos).collect();
                let fake: Vec<f64> = r.iter().copied().map(neg).collect();
                add(&self.positive(x, &real), 1.0, &self.negative(x, &fake), 1.0)
            }
            Rule::Gamma { gamma } => {
                let z = self.output(x);
                let side = |up: bool| -> Vec<f64> {
                    let keep = |(r, z): (&f64, &f64)| {
                        if (*z > 0.0) == up && *z != 0.0 {
                            *r
                        } else {
                            0.0
                        }
                    };
                    let r: Vec<f64> = r.iter().zip(&z).map(keep).collect();
                    let part = move |v: f64| if up { pos(v) } else { neg(v) };
                    // Contributions of the output's own sign are favoured.
                    let n = move |x: f64, w: f64| x * w + gamma * part(x * w);
                    self.shares(x, &r, &self.m, 1e-6, n, move |b| b + gamma * part(b))
                };
                add(&side(true), 1.0, &side(false), 1.0)
            }
            Rule::ZBox { low, high } => {
                let n = |x: f64, w: f64| x * w - low * pos(w) - high * neg(w);
                self.shares(x, r, &self.m, 1e-6, n, |b| b - pos(b) - neg(b))
            }
            Rule::WSquare => self.shares(x, r, &self.m, 1e-6, |_, w| w * w, |b| b * b),
            Rule::Flat => self.shares(x, r, &self.ones, 1e-6, |_, w| w, |_| 0.0),
            Rule::Gradient => {
                let mut out = vec![0.0; x.len()];
                for (row, r) in self.m.iter().zip(r) {
                    for (out, w) in out.iter_mut().zip(row) {
                        *out += w * r;
                    }
                }
                out
            }
            Rule::Pass => unreachable!("passing is no rule for weights"),
        }
    }
}

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::Epsilon { epsilon: 1e-6 },
        Rule::Epsilon { epsilon: 0.3 },
        Rule::Gamma { gamma: 0.25 },
        Rule::Gamma { gamma: 2.0 },
        Rule::ZPlus,
        Rule::AlphaBeta {
            alpha: 2.0,
            beta: 1.0,
        },
        Rule::AlphaBeta {
            alpha: 1.0,
            beta: 0.0,
        },
        Rule::ZBox {
            low: -1.0,
            high: 1.0,
        },
        Rule::ZBox {
            low: 0.0,
            high: 2.0,
        },
        Rule::WSquare,
        Rule::Flat,
        Rule::Norm,
        Rule::Polar,
        Rule::Gradient,
    ]
}
