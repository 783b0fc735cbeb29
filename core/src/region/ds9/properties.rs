//! Properties of regions: `color=red text={two words} tag={a}`.

use super::Ds9Error;
use super::cursor::Cursor;
use crate::region::Region;

/// Properties in file order, names in lower case.
pub(super) type Properties = Vec<(String, String)>;

/// Reads properties up to the end of the command. Words without `=` are part of the value before them (`dashlist=8 3`), or
/// loose words of a comment, which are left out.
pub(super) fn read(cursor: &mut Cursor) -> Result<Properties, Ds9Error> {
    let mut found: Properties = Vec::new();
    loop {
        cursor.skip_blanks();
        match cursor.peek() {
            None | Some(';') => return Ok(found),
            Some('{' | '"' | '\'') => {
                // A value after `= `, or loose text.
                let value = value(cursor)?;
                extend(&mut found, &value);
                continue;
            }
            Some(_) => {}
        }
        let word =
            cursor.token(|c| !c.is_whitespace() && !matches!(c, '=' | ';' | '{' | '"' | '\''));
        let before_blanks = cursor.clone();
        cursor.skip_blanks();
        if cursor.take('=') {
            cursor.skip_blanks();
            let value = value(cursor)?;
            found.push((word.text.to_ascii_lowercase(), value));
        } else {
            *cursor = before_blanks;
            if word.text.is_empty() {
                // A character that starts no word, such as a lone `=`.
                cursor.next();
            }
            extend(&mut found, &word.text);
        }
    }
}

/// Adds a loose word to the value before it, where the property is one of several words.
fn extend(found: &mut Properties, word: &str) {
    const ONE_WORD: [&str; 6] = ["color", "colour", "width", "text", "tag", "include"];
    let last = found.last_mut();
    if let Some((_, value)) = last.filter(|(name, _)| !ONE_WORD.contains(&name.as_str())) {
        if !value.is_empty() && !word.is_empty() {
            value.push(' ');
        }
        value.push_str(word);
    }
}

fn value(cursor: &mut Cursor) -> Result<String, Ds9Error> {
    match cursor.peek() {
        Some('{') => {
            cursor.next();
            cursor.quoted('}')
        }
        Some(quote @ ('"' | '\'')) => {
            cursor.next();
            cursor.quoted(quote)
        }
        _ => Ok(cursor.token(|c| !c.is_whitespace() && c != ';').text),
    }
}

/// Gives a region the properties that it has fields for and, where `keep` says so, the others as they are.
pub(super) fn apply(region: &mut Region, properties: &Properties, keep: bool) {
    for (name, value) in properties {
        match name.as_str() {
            "text" => region.text.clone_from(value),
            "color" | "colour" if !value.is_empty() => region.colour.clone_from(value),
            "width" => {
                // Widths that are no small numbers draw as the default does.
                if let Ok(width) = value.parse() {
                    region.width = width;
                }
            }
            "tag" => region.tags.push(value.clone()),
            "include" => region.exclude |= value == "0",
            _ if keep => region.properties.push((name.clone(), value.clone())),
            _ => {}
        }
    }
}

/// The text of a property, quoted so that it reads back. Line ends become blanks; a text with all three kinds of quotes loses
/// its braces.
pub(super) fn quoted(value: &str) -> String {
    let value = value.replace(['\n', '\r'], " ");
    if !value.contains('}') {
        format!("{{{value}}}")
    } else if !value.contains('"') {
        format!("\"{value}\"")
    } else if !value.contains('\'') {
        format!("'{value}'")
    } else {
        format!("{{{}}}", value.replace('}', ")").replace('{', "("))
    }
}

/// The text of any other property: bare where it is one simple word or several numbers (`dashlist=8 3`).
pub(super) fn plain(value: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || "+-._/#".contains(c);
    let is_word = !value.is_empty() && value.chars().all(is_bare);
    let are_numbers = value.split(' ').all(|word| word.parse::<f64>().is_ok());
    if is_word || are_numbers {
        value.to_owned()
    } else {
        quoted(value)
    }
}
