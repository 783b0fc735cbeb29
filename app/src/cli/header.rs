//! `ganoscope header`: the cards of a FITS file, and which of them break the standard.

use clap::Args;
use ganoscope_core::stamp::io::{Header, PictureFile, read_headers};
use ganoscope_core::stamp::{Card, CardKind};

use super::Failure;
use super::common::{Common, Console, columns};

/// Arguments of `header`.
#[derive(Args, Debug)]
pub(super) struct HeaderCommand {
    /// The FITS file, all of it or one HDU: FILE, FILE[1], FILE[SCI].
    #[arg(value_name = "FILE")]
    input: String,
}

impl HeaderCommand {
    pub(super) fn execute(self, common: &Common, console: &Console) -> Result<(), Failure> {
        let PictureFile { path, reading } = PictureFile::named(&self.input);
        let (mut headers, stopped) = read_headers(&path)?;
        if let Some(selector) = &reading.image {
            headers.retain(|header| header.is_selected_by(selector));
            if headers.is_empty() && stopped.is_none() {
                let what = anyhow::anyhow!("no HDU {selector} in the file: {}", path.display());
                return Err(what.into());
            }
        }
        let text = if common.json {
            let hdus: Vec<_> = headers.iter().map(json).collect();
            serde_json::to_string_pretty(&serde_json::json!({ "hdus": hdus }))?
        } else {
            headers.iter().map(table).collect::<Vec<_>>().join("\n")
        };
        console.table(&text)?;
        for header in &headers {
            for finding in header.findings() {
                let hdu = header.index;
                console.note(&format!(
                    "warning: HDU {hdu}: {finding}: {}",
                    path.display()
                ));
            }
        }
        // What could be read was shown; the file is still broken.
        stopped.map_or(Ok(()), |error| Err(error.into()))
    }
}

fn json(header: &Header) -> serde_json::Value {
    let card = |card: &Card| {
        let kind = match card.kind {
            CardKind::Value => "value",
            CardKind::Text => "text",
            CardKind::Commentary => "commentary",
        };
        serde_json::json!({
            "keyword": card.keyword, "value": card.value, "comment": card.comment, "kind": kind,
        })
    };
    serde_json::json!({
        "index": header.index,
        "name": header.name(),
        "cards": header.cards.iter().map(card).collect::<Vec<_>>(),
        "findings": header.findings(),
    })
}

fn table(header: &Header) -> String {
    let name = header
        .name()
        .map(|name| format!(" {name}"))
        .unwrap_or_default();
    let row = |card: &Card| {
        let value = match card.kind {
            CardKind::Text => format!("'{}'", card.value),
            CardKind::Value | CardKind::Commentary => card.value.clone(),
        };
        vec![card.keyword.clone(), value, card.comment.clone()]
    };
    let rows: Vec<_> = header.cards.iter().map(row).collect();
    format!("HDU {}{name}\n{}", header.index, columns(&rows, &[1, 2]))
}
