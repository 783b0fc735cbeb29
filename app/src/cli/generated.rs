//! `ganoscope relevance --generated`: the discriminator's reasons over what the generator makes of a blend and over its
//! truths, as the window's Relevance view shows them.

use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, open_network_for};
use ganoscope_core::jobs::{PoleMap, RelevanceRow};
use ganoscope_core::stamp::io::Format;

use super::Failure;
use super::common::{Common, Console, columns, refuse_to_replace};
use super::desk::{Desk, relevance_of};
use super::inputs::Input;
use super::outputs::{About, Gathered, made_by, write_file};
use super::relevance::{Relevance, in_words};
use super::run::sentence;
use crate::export::relevance_arrays;
use crate::views::ViewKey;

impl Relevance {
    /// The maps of the discriminator over what the generator makes of the one input, and over its truths.
    pub(super) fn explain_generated(
        &self,
        common: &Common,
        console: &Console,
    ) -> Result<(), Failure> {
        let format = self.out.as_deref().map(Self::format).transpose()?;
        self.check_pole()?;
        self.page.check(&self.input)?;
        let [input] = self.input.as_slice() else {
            let what = "--generated explains one input";
            return Err(Failure::Usage(what.to_owned()));
        };
        if matches!(format, Some(Format::Png | Format::Npy)) {
            let what = "several maps need --out with the extension safetensors, fits or npz";
            return Err(Failure::Usage(what.to_owned()));
        }
        let read = Input::read(input)?;
        for path in self.out.iter().chain(self.page.paths()) {
            refuse_to_replace(path, [&*read.path])?;
        }
        let spec = NetworkSpec::parse(&self.model);
        let device = common.open_device(*console)?;
        let mut desk = Desk::new(&spec, input, self.edits.stack()?, &device)?;
        desk.relevance(self.chosen_method(common))?;
        if let (Some(out), Some(format)) = (&self.out, format) {
            let maps = relevance_arrays(relevance_of(&desk)?);
            let discriminator = NetworkSpec {
                role: Some(NetworkRole::Discriminator),
                ..spec
            };
            let opened = open_network_for(&discriminator, None)?;
            let mut provenance = made_by("relevance", &discriminator, &opened, Some(&read));
            let method = in_words(&self.chosen_method(common));
            provenance
                .history
                .push(format!("method {method}, of outputs and truths"));
            let stack = self.edits.stack()?;
            let enabled = stack.edits.iter().filter(|edit| edit.enabled);
            provenance.edits = enabled.map(sentence).collect();
            let about = About {
                stamp: read.stamps.first().cloned(),
                is_discriminator: true,
                provenance,
                ..About::default()
            };
            let arrays: Vec<&Gathered> = maps.iter().collect();
            write_file(out, format, &arrays, &about)?;
        }
        self.page.write(&desk, ViewKey::Relevance)?;
        report_generated(&desk, common, *console)
    }
}

/// The verdicts over outputs and truths.
fn report_generated(desk: &Desk, common: &Common, console: Console) -> Result<(), Failure> {
    let preview = relevance_of(desk)?;
    let name = |row: &RelevanceRow| {
        let kind = if row.is_generated { "output" } else { "truth" };
        format!("{kind} {}", row.galaxy + 1)
    };
    if common.json {
        let row = |row: &RelevanceRow| {
            let gaps: Vec<Option<f64>> = row.maps.iter().map(|m| m.conservation_gap).collect();
            serde_json::json!({ "picture": name(row), "logit": row.logit, "gaps": gaps })
        };
        let rows: Vec<_> = preview.rows.iter().map(row).collect();
        let all = serde_json::json!({ "method": preview.method, "pictures": rows });
        console.table(&serde_json::to_string_pretty(&all)?)?;
    } else if !common.quiet {
        let mut table = vec![
            ["picture", "logit", "conservation gaps"]
                .map(str::to_owned)
                .to_vec(),
        ];
        table.extend(preview.rows.iter().map(|row| {
            let gap = |map: &PoleMap| match map.conservation_gap {
                Some(gap) => format!("{:.3} %", 100.0 * gap),
                None => "not claimed".to_owned(),
            };
            let gaps: Vec<String> = row.maps.iter().map(gap).collect();
            vec![name(row), format!("{:.6}", row.logit), gaps.join(", ")]
        }));
        console.table(&columns(&table, &[]))?;
    }
    Ok(())
}
