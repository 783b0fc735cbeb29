//! What is not read is refused by name, with what one can do.

use super::{assert_refused, open, unpacked, written};

/// A Sequential of one layer on a picture of 4 x 4 x 8, in the container of TensorFlow.js, without weights.
fn with_layer(class: &str, config: &str) -> String {
    with_layers(&format!(
        r#"{{"class_name":"{class}","config":{{"name":"it"{config}}}}}"#
    ))
}

fn with_layers(layers: &str) -> String {
    format!(
        r#"{{"format":"layers-model","modelTopology":{{"class_name":"Sequential","config":{{"layers":[
        {{"class_name":"InputLayer","config":{{"name":"x","batch_input_shape":[null,4,4,8]}}}},{layers}]}}}},
        "weightsManifest":[]}}"#
    )
}

#[test]
#[allow(clippy::too_many_lines, reason = "one list of layers")]
fn layers_that_are_not_read_are_named_with_what_is() {
    let folder = tempfile::tempdir().unwrap();
    for (class, config, expected) in [
        (
            "MyLayer",
            "",
            "layer it (MyLayer): layers of this class are not read; known are Activation",
        ),
        ("Custom>MyLayer", "", "layer it (Custom>MyLayer)"),
        ("LSTM", "", "layer it (LSTM)"),
        (
            "Lambda",
            r#","function":["4wEAAAA=",null,null],"function_type":"lambda""#,
            "Python code, which is never run",
        ),
        (
            "Lambda",
            r#","function":{"class_name":"__lambda__","config":{"code":"4wE="}}"#,
            "Python code",
        ),
        (
            "Lambda",
            r#","function":"my_function","function_type":"function""#,
            "function my_function is not read",
        ),
        (
            "Activation",
            r#","activation":"softmax""#,
            "activation softmax; known are linear",
        ),
        (
            "Conv2D",
            r#","filters":1,"kernel_size":3,"data_format":"channels_first""#,
            "data_format is channels_first",
        ),
        (
            "Conv2D",
            r#","filters":1,"kernel_size":"3""#,
            "layer it (Conv2D): kernel_size is \"3\"",
        ),
        (
            "Conv2D",
            r#","filters":1,"kernel_size":[0,3]"#,
            "kernel_size is [0, 3]",
        ),
        ("Conv2D", r#","kernel_size":[3,3]"#, "filters is missing"),
        (
            "Conv2D",
            r#","filters":1,"kernel_size":3"#,
            "tensor it/kernel is missing",
        ),
        ("MaxPooling2D", r#","padding":"causal""#, "padding causal"),
        (
            "UpSampling2D",
            r#","interpolation":"lanczos3""#,
            "interpolation lanczos3",
        ),
        (
            "UpSampling2D",
            r#","size":[65536,65536]"#,
            "layer it (Upsample)",
        ),
        ("ReLU", r#","threshold":0.5"#, "a threshold other than 0"),
        (
            "BatchNormalization",
            r#","axis":1"#,
            "its axis is not the channels",
        ),
        (
            "Reshape",
            r#","target_shape":[3,3,3]"#,
            "cannot make [3, 3, 3] of 128 values",
        ),
        (
            "Reshape",
            r#","target_shape":[16,8]"#,
            "vectors and pictures are read",
        ),
        (
            "Cropping2D",
            r#","cropping":2"#,
            "leaves nothing of 4 x 4 pixels",
        ),
        ("PixelShuffle", "", "nothing says its factor"),
        ("InputLayer", "", "is not among the inputs"),
    ] {
        let path = written(
            folder.path(),
            "model.json",
            with_layer(class, config).as_bytes(),
        );
        assert_refused(&path, expected);
    }
}

#[test]
fn layers_of_upscalerjs_and_functions_by_name_are_read() {
    let folder = tempfile::tempdir().unwrap();
    for (class, config, layer, dims) in [
        ("MultiplyBeta", "", "it", [8, 4, 4]),
        ("PixelShuffle2x", "", "it", [2, 8, 8]),
        ("PixelShuffle", r#","scale":2"#, "it", [2, 8, 8]),
        (
            "Lambda",
            r#","function":"depth_to_space","function_type":"function","arguments":{"block_size":2}"#,
            "it",
            [2, 8, 8],
        ),
    ] {
        let path = written(
            folder.path(),
            "model.json",
            with_layer(class, config).as_bytes(),
        );
        let opened = open(&path).unwrap_or_else(|e| panic!("{e}"));
        let id = opened.network.find(layer).unwrap();
        assert_eq!(opened.network.node(id).fact.dims, dims, "{class}");
    }
}

#[test]
fn a_vector_cannot_become_a_picture_in_another_order() {
    let folder = tempfile::tempdir().unwrap();
    let layers = r#"{"class_name":"Flatten","config":{"name":"f"}},
        {"class_name":"Reshape","config":{"name":"r","target_shape":[2,8,8]}}"#;
    let path = written(folder.path(), "model.json", with_layers(layers).as_bytes());
    assert_refused(
        &path,
        "layer r (Reshape): it makes 2 x 8 x 8 of values in another order",
    );
    // The same shape is the same order.
    let path = written(
        folder.path(),
        "model.json",
        with_layers(&layers.replace("[2,8,8]", "[4,4,-1]")).as_bytes(),
    );
    assert!(open(&path).is_ok());
}

#[test]
fn other_files_of_these_programs_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let json = |text: &str| written(folder.path(), "model.json", text.as_bytes());
    let graph = r#"{"format":"graph-model","modelTopology":{"node":[]},"weightsManifest":[]}"#;
    assert_refused(&json(graph), "a graph model of TensorFlow.js");
    let bare = r#"{"class_name":"Sequential","config":[],"keras_version":"2.4.0"}"#;
    assert_refused(
        &json(bare),
        "the architecture of a Keras model without weights",
    );
    assert_refused(
        &json(r#"{"modelTopology":{}}"#),
        "without a weightsManifest",
    );
    assert_refused(&json(r#"{"a":1}"#), "a JSON text that describes no network");
    assert_refused(&json("{\"a\":"), "a broken JSON text");
    let class = r#"{"modelTopology":{"class_name":"MyModel","config":{}},"weightsManifest":[]}"#;
    assert_refused(
        &json(class),
        "the model is of the class MyModel, whose layers are code",
    );
    let shard = |path: &str| {
        with_layers("").replace(",]", "]").replace(
            r#""weightsManifest":[]"#,
            &format!(r#""weightsManifest":[{{"paths":["{path}"],"weights":[]}}]"#),
        )
    };
    for outside in ["/etc/hostname", "../secret.bin", ""] {
        assert_refused(
            &json(&shard(outside)),
            "is not inside the folder of the file that names it",
        );
    }
    assert_refused(&json(&shard("not there.bin")), "cannot read");
    let path = written(folder.path(), "weights.h5", &unpacked("bare_weights.h5"));
    assert_refused(&path, "the weights of a Keras model without its layers");
    let path = written(folder.path(), "code.h5", &unpacked("code.h5"));
    assert_refused(&path, "layer code (Lambda): it holds Python code");
}

#[test]
fn broken_graphs_name_the_layer() {
    let folder = tempfile::tempdir().unwrap();
    let functional = |nodes: &str, output: &str| {
        format!(
            r#"{{"modelTopology":{{"class_name":"Functional","config":{{"layers":[
            {{"class_name":"InputLayer","config":{{"name":"x","batch_input_shape":[null,4,4,8]}},"inbound_nodes":[]}},
            {{"class_name":"ReLU","config":{{"name":"r"}},"inbound_nodes":[[["{nodes}",0,0,{{}}]]]}}],
            "input_layers":[["x",0,0]],"output_layers":[["{output}",0,0]]}}}},"weightsManifest":[]}}"#
        )
    };
    for (nodes, output, expected) in [
        ("y", "r", "no layer is named y"),
        ("r", "r", "layer r (ReLU): reads its own value"),
        ("x", "z", "no layer is named z"),
    ] {
        let path = written(
            folder.path(),
            "model.json",
            functional(nodes, output).as_bytes(),
        );
        assert_refused(&path, expected);
    }
    let path = written(folder.path(), "model.json", functional("x", "r").as_bytes());
    assert!(open(&path).is_ok());
}
