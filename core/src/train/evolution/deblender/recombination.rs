//! Root and branches of different children put together.

use super::EvolvedTrainer;
use super::judging::{Jury, content};
use super::mutating::Born;
use super::trainer::Child;
use crate::network::{Network, Param};
use crate::train::TrainError;
use crate::train::adam::Adam;
use crate::train::evolution::{ChildRecord, GenerationRecord, Individual, Origin, Window};
use crate::train::step::in_parallel;

/// Which part of a deblender a parameter belongs to: 0 for the root, 1 or 2 for a branch.
fn part_of(key: &str) -> usize {
    let layer = key.split('.').next().unwrap_or_default();
    match layer {
        "branch1" | "out1" => 1,
        "branch2" | "out2" => 2,
        _ => 0,
    }
}

/// The root of one child with the branches of others: `parts` are the children of root, branch 1 and branch 2.
fn joined(parts: [&Individual; 3]) -> Result<Individual, TrainError> {
    let mut states = parts.map(|part| part.network.state_dict());
    let take = |_, param: &Param| {
        let own = states[part_of(&param.key)].remove(&*param.key);
        Ok(own.unwrap_or_else(|| param.tensor.clone()))
    };
    let network = parts[0].network.map_params(take)?;
    let mut adam = Adam {
        moments: std::collections::BTreeMap::new(),
        ..parts[0].adam.clone()
    };
    for (place, part) in parts.iter().enumerate() {
        let own = part.adam.moments.iter();
        let own = own.filter(|(key, _)| part_of(key) == place);
        adam.moments
            .extend(own.map(|(key, m)| (key.clone(), m.clone())));
    }
    Ok(Individual { network, adam })
}

/// The best of all combinations by content, with the places of its root and branches; `None` where a child itself is best.
///
/// The branches do not see each other, so n roots with n donors each tell all n^3 combinations.
fn best(children: &[&Individual], jury: &Jury<'_>) -> Result<Option<[usize; 3]>, TrainError> {
    let n = children.len();
    let places: Vec<[usize; 2]> = (0..n * n).map(|i| [i / n, i % n]).collect();
    let errors = in_parallel(&jury.judge.device(), places, |[root, donor]| {
        let mixed: Network = if root == donor {
            children[root].network.clone()
        } else {
            joined([children[root], children[donor], children[donor]])?.network
        };
        jury.errors(&mixed)
    })?;
    let mut best: Option<([usize; 3], f64)> = None;
    for root in 0..n {
        let of_root = &errors[root * n..][..n];
        let nearest = |branch: usize| {
            (0..n).min_by(|a, b| of_root[*a][branch].total_cmp(&of_root[*b][branch]))
        };
        let (Some(first), Some(second)) = (nearest(0), nearest(1)) else {
            continue;
        };
        let value = content([of_root[first][0], of_root[second][1]]);
        if value.is_finite() && best.is_none_or(|(_, highest)| value > highest) {
            best = Some(([root, first, second], value));
        }
    }
    let is_child = |[root, first, second]: [usize; 3]| root == first && root == second;
    Ok(best
        .map(|(places, _)| places)
        .filter(|places| !is_child(*places)))
}

impl EvolvedTrainer {
    /// Puts root and branches of different children together where that is nearer to the truths than every child, and takes
    /// the place of the fittest survivor with it.
    pub(super) fn recombine(
        &self,
        jury: &Jury<'_>,
        children: &mut Vec<Child>,
        record: &mut GenerationRecord,
        window: &Window,
    ) -> Result<(), TrainError> {
        let usable: Vec<usize> = (0..children.len())
            .filter(|place| record.children[*place].fitness > f64::NEG_INFINITY)
            .collect();
        let individuals: Vec<&Individual> = usable
            .iter()
            .map(|place| &children[*place].born.individual)
            .collect();
        let Some(places) = best(&individuals, jury)? else {
            return Ok(());
        };
        let individual = joined(places.map(|place| individuals[place]))?;
        let measures = jury.measures(&individual.network)?;
        let Some(root) = usable.get(places[0]).map(|place| &children[*place]) else {
            return Ok(());
        };
        let child = Child {
            parent: root.parent,
            origin: Origin::Recombined,
            born: Born {
                individual,
                content: root.born.content,
                adversarial: root.born.adversarial,
            },
        };
        let fittest = record.best().map(|best| (best.parent, best.origin));
        let replaced = record
            .children
            .iter_mut()
            .find(|c| c.survived && Some((c.parent, c.origin)) == fittest);
        if let Some(replaced) = replaced {
            replaced.survived = false;
        }
        record.children.push(ChildRecord {
            parent: child.parent,
            origin: child.origin,
            measures,
            fitness: self.fitness(measures, window),
            survived: true,
        });
        children.push(child);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::part_of;

    #[test]
    fn every_layer_has_its_part() {
        for (key, part) in [
            ("conv_in.weight", 0),
            ("root.3.bn1.bias", 0),
            ("bn_root.running_mean", 0),
            ("branch1.0.conv1.weight", 1),
            ("out1.bias", 1),
            ("branch2.2.act.weight", 2),
            ("out2.weight", 2),
        ] {
            assert_eq!(part_of(key), part, "{key}");
        }
    }
}
