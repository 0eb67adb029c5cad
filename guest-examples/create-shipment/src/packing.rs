//! Which pieces go together: each box takes what still fits, in the order of the
//! lines, and a new one is opened when none does.

use std::collections::BTreeMap;

use shop::Line;

use crate::ShipmentError;

/// What a carrier takes in one parcel, the box included.
pub(crate) const PARCEL_GRAMS_MAX: u64 = 20_000;

/// What an empty box weighs.
pub(crate) const BOX_GRAMS: u64 = 150;

/// More parcels than this are freight.
const PARCELS_MAX: u64 = 50;

/// Pieces that go together.
pub(crate) struct PackedBox {
    /// With the box itself.
    pub(crate) weight_grams: u64,
    pub(crate) contents: BTreeMap<String, u64>,
}

impl PackedBox {
    fn empty() -> Self {
        Self {
            weight_grams: BOX_GRAMS,
            contents: BTreeMap::new(),
        }
    }

    /// Puts in as many pieces as fit and returns how many are left.
    fn fill(&mut self, line: &Line, pieces: u64) -> u64 {
        let room = PARCEL_GRAMS_MAX - self.weight_grams;
        // What weighs nothing always fits.
        let fitting = room
            .checked_div(line.weight_grams)
            .unwrap_or(pieces)
            .min(pieces);
        if fitting > 0 {
            self.weight_grams += fitting * line.weight_grams;
            *self.contents.entry(line.sku.clone()).or_insert(0) += fitting;
        }
        pieces - fitting
    }
}

/// Packs all lines.
pub(crate) fn pack(lines: &[Line]) -> Result<Vec<PackedBox>, ShipmentError> {
    let limit_grams = PARCEL_GRAMS_MAX - BOX_GRAMS;
    let mut boxes: Vec<PackedBox> = Vec::new();
    for line in lines {
        if line.weight_grams > limit_grams {
            let (sku, weight_grams) = (line.sku.clone(), line.weight_grams);
            return Err(ShipmentError::TooHeavy {
                sku,
                weight_grams,
                limit_grams,
            });
        }
        let mut left = boxes
            .iter_mut()
            .fold(line.quantity, |left, open| open.fill(line, left));
        refuse_freight(boxes.len() as u64, line, left)?;
        while left > 0 {
            let mut new = PackedBox::empty();
            left = new.fill(line, left);
            boxes.push(new);
        }
    }
    Ok(boxes)
}

/// Counts before it packs, so that a huge quantity costs nothing.
fn refuse_freight(packed: u64, line: &Line, left: u64) -> Result<(), ShipmentError> {
    let pieces_in_a_box = (PARCEL_GRAMS_MAX - BOX_GRAMS)
        .checked_div(line.weight_grams)
        .unwrap_or(u64::MAX);
    let parcels = packed.saturating_add(left.div_ceil(pieces_in_a_box));
    if parcels > PARCELS_MAX {
        return Err(ShipmentError::TooManyParcels {
            parcels,
            limit: PARCELS_MAX,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_pieces_fill_the_room_that_big_ones_leave() {
        let line = |sku: &str, quantity, weight_grams| Line {
            sku: sku.to_owned(),
            quantity,
            unit_price_cents: 1,
            weight_grams,
        };
        let boxes = pack(&[line("big", 2, 15_000), line("small", 3, 2_000)]).unwrap();
        let contents: Vec<_> = boxes.iter().map(|packed| packed.contents.clone()).collect();
        assert_eq!(
            contents,
            [
                BTreeMap::from([("big".to_owned(), 1), ("small".to_owned(), 2)]),
                BTreeMap::from([("big".to_owned(), 1), ("small".to_owned(), 1)]),
            ]
        );
        let pieces = pack(&[line("download", 7, 0)]).unwrap();
        assert_eq!(pieces[0].weight_grams, BOX_GRAMS);
    }
}
