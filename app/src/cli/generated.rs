//! `ganoscope relevance --generated`: the discriminator's reasons over what the generator makes of a blend and over its
//! truths, as the window's Relevance view shows them.

mod report;

use ganoscope_core::checkpoint::{NetworkRole, NetworkSpec, open_network_for};
use ganoscope_core::stamp::io::{Format, PictureFile};

use super::Failure;
use super::common::{Common, Console, refuse_to_replace};
use super::desk::{Desk, relevance_of};
use super::inputs::Input;
use super::outputs::{About, Gathered, made_by, write_file};
use super::relevance::{Relevance, in_words};
use super::run::sentence;
use crate::explain::Explain;
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
        let explain = Explain {
            rules: self.rules.changes()?,
            beside: self.checks.methods_beside().to_vec(),
            real: self.real.as_deref().map(PictureFile::at),
            ..Explain::default()
        };
        let mut desk = Desk::new(&spec, input, self.edits.stack()?, &device)?;
        let is_flipping = self.checks.is_flipping();
        desk.relevance(self.chosen_method(common), explain, is_flipping)?;
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
            provenance.history.extend(self.rules.in_words());
            let real = self.real.as_ref();
            let real = real.map(|path| format!("real pictures of {}", path.display()));
            provenance.history.extend(real);
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
        let report = report::Report {
            relevance: relevance_of(&desk)?,
            flipping: desk.results().flipping.ready().map(|flipping| &**flipping),
            has_regions: self.checks.has_regions(),
        };
        report.print(common, *console)
    }
}
