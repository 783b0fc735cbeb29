//! The device that the golden and law tests and the benchmark run on: that of `GANOSCOPE_TEST_DEVICE` (`cuda`, `cuda:N`,
//! `metal`), the processor when it is not set.

#![allow(
    dead_code,
    reason = "every test binary compiles this module and uses a part of it"
)]

use std::sync::OnceLock;

use candle_core::{Device, Tensor};
use ganoscope_core::device::DeviceChoice;
use ganoscope_core::network::Network;

/// The device, opened once. Fails with the reason when it cannot be used: nobody must believe that a GPU was tested.
pub(crate) fn device() -> &'static Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE.get_or_init(|| {
        let Ok(name) = std::env::var("GANOSCOPE_TEST_DEVICE") else {
            return Device::Cpu;
        };
        let choice: DeviceChoice = name
            .parse()
            .unwrap_or_else(|e| panic!("GANOSCOPE_TEST_DEVICE={name}: {e}"));
        assert!(
            choice != DeviceChoice::Auto,
            "GANOSCOPE_TEST_DEVICE names one device; auto may be the processor"
        );
        let opened = choice
            .open()
            .unwrap_or_else(|e| panic!("GANOSCOPE_TEST_DEVICE={name}: {e}"));
        eprintln!("tested on {}", opened.name);
        opened.device
    })
}

/// Where f64 is computed: on the device of the test, or on the processor where the device has no f64 (Metal).
pub(crate) fn exact_device() -> &'static Device {
    if has_f64() { device() } else { &Device::Cpu }
}

/// Whether the device of the test computes in f64.
pub(crate) fn has_f64() -> bool {
    !device().is_metal()
}

/// A tensor on the device of the test.
pub(crate) fn put(tensor: &Tensor) -> Tensor {
    tensor.to_device(device()).expect("the device takes it")
}

/// A network on the device of the test.
pub(crate) fn put_network(network: &Network) -> Network {
    network.to_device(device()).expect("the device takes it")
}

/// A tensor on the processor, where results are compared: in types that the device may not have.
pub(crate) fn fetch(tensor: &Tensor) -> Tensor {
    tensor
        .to_device(&Device::Cpu)
        .expect("the device gives it back")
}
