//! The names under which Keras 3 stores the weights of a layer: its class in snake case, numbered from the second on.

use std::collections::HashMap;

/// The stored name of the next layer of `class`; `counts`: how many there were of each name.
pub(super) fn stored(class: &str, counts: &mut HashMap<String, usize>) -> String {
    // A registered class is written as `package>Class`.
    let class = class.rsplit('>').next().unwrap_or(class);
    let name = snake_case(class);
    let count = counts.entry(name.clone()).or_default();
    let numbered = if *count == 0 {
        name
    } else {
        format!("{name}_{count}")
    };
    *count += 1;
    numbered
}

/// Snake case as Keras makes it: first before a capital with small letters after it, then between a small letter and a
/// capital.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let mut words = String::new();
    let mut at = 0;
    while let Some(letter) = letters.get(at) {
        words.push(*letter);
        at += 1;
        let is_word = letters.get(at).is_some_and(char::is_ascii_uppercase)
            && letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if is_word {
            // The letter before a word is taken with it, so the next word needs one of its own.
            words.push('_');
            words.push(letters[at]);
            at += 1;
            while let Some(small) = letters.get(at).filter(|c| c.is_ascii_lowercase()) {
                words.push(*small);
                at += 1;
            }
        }
    }
    let mut name = String::new();
    let mut before = ' ';
    for letter in words.chars() {
        if before.is_ascii_lowercase() && letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter);
        before = letter;
    }
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_written_as_keras_writes_them() {
        for (class, expected) in [
            ("Conv2D", "conv2d"),
            ("Conv2DTranspose", "conv2d_transpose"),
            ("SeparableConv2D", "separable_conv2d"),
            ("DepthwiseConv2D", "depthwise_conv2d"),
            ("BatchNormalization", "batch_normalization"),
            ("LeakyReLU", "leaky_re_lu"),
            ("PReLU", "p_re_lu"),
            ("ReLU", "re_lu"),
            ("GlobalAveragePooling2D", "global_average_pooling2d"),
            ("Dense", "dense"),
            ("Functional", "functional"),
        ] {
            assert_eq!(snake_case(class), expected);
        }
    }

    #[test]
    fn layers_of_one_class_are_numbered() {
        let mut counts = HashMap::new();
        let classes = ["Conv2D", "Dense", "Conv2D", "Custom>Conv2D"];
        let names = classes.map(|class| stored(class, &mut counts));
        assert_eq!(names, ["conv2d", "dense", "conv2d_1", "conv2d_2"]);
    }
}
