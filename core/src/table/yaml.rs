//! The little of YAML that headers of ECSV files use.
//!
//! Written are flow mappings with quoted strings, which are JSON; read are flow mappings over any number of lines, with plain
//! or quoted scalars, as astropy writes them.

/// A string in double quotes, as JSON and YAML read it. YAML allows no other control characters than these escapes.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // Next line, line and paragraph separators end lines in YAML.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                quoted.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A scalar and what follows it. `ends`: the characters that end a plain one.
fn scalar<'a>(text: &'a str, ends: &[char]) -> Result<(String, &'a str), String> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('"') {
        return double_quoted(rest);
    }
    if let Some(mut rest) = text.strip_prefix('\'') {
        let mut value = String::new();
        loop {
            let (part, after) = rest
                .split_once('\'')
                .ok_or_else(|| "a quote is never closed".to_owned())?;
            value.push_str(part);
            match after.strip_prefix('\'') {
                Some(more) => {
                    value.push('\'');
                    rest = more;
                }
                None => return Ok((value, after)),
            }
        }
    }
    let end = text.find(ends).unwrap_or(text.len());
    let (value, rest) = text.split_at(end);
    Ok((value.trim().to_owned(), rest))
}

fn double_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.chars();
    let hexadecimal = |chars: &mut std::str::Chars<'_>, digits: usize| {
        let code: String = chars.by_ref().take(digits).collect();
        let code = u32::from_str_radix(&code, 16).ok().and_then(char::from_u32);
        code.ok_or_else(|| "an escaped character is unknown".to_owned())
    };
    while let Some(c) = chars.next() {
        match c {
            '"' => return Ok((value, chars.as_str())),
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some('0') => value.push('\0'),
                Some('N') => value.push('\u{85}'),
                Some('L') => value.push('\u{2028}'),
                Some('P') => value.push('\u{2029}'),
                Some('x') => value.push(hexadecimal(&mut chars, 2)?),
                Some('u') => value.push(hexadecimal(&mut chars, 4)?),
                Some('U') => value.push(hexadecimal(&mut chars, 8)?),
                Some(' ') => value.push(' '),
                Some(c @ ('"' | '\\' | '/')) => value.push(c),
                _ => return Err("an escaped character is unknown".to_owned()),
            },
            c => value.push(c),
        }
    }
    Err("a quote is never closed".to_owned())
}

/// The entries of `{name: a, unit: 'm / s'}`.
pub(super) fn flow_mapping(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut rest = text
        .trim()
        .strip_prefix('{')
        .ok_or_else(|| format!("`{}` is no {{...}}", text.trim()))?;
    let mut entries = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return match after.trim() {
                "" => Ok(entries),
                more => Err(format!("`{more}` follows a closed bracket")),
            };
        }
        let (key, after) = scalar(rest, &[':', ',', '}', '{', '['])?;
        let after = after
            .trim_start()
            .strip_prefix(':')
            .ok_or_else(|| format!("`{key}` has no value"))?;
        let (value, after) = scalar(after, &[',', '}', '{', '['])?;
        entries.push((key, value));
        rest = after.trim_start();
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None if rest.starts_with('}') => {}
            None => return Err(format!("`{rest}` is not understood")),
        }
    }
}

/// `key: value` outside brackets.
pub(super) fn entry(text: &str) -> Result<(String, String), String> {
    let (key, rest) = scalar(text, &[':'])?;
    let rest = rest
        .trim_start()
        .strip_prefix(':')
        .ok_or_else(|| format!("`{}` has no value", text.trim()))?;
    let (value, after) = scalar(rest, &['\n'])?;
    match after.trim() {
        "" => Ok((key, value)),
        more => Err(format!("`{more}` is not understood")),
    }
}
