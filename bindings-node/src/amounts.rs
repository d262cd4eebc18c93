//! Amounts of dimensions, from the mailbox to what the core takes.

use std::rc::Rc;

use crate::{
    names::Names,
    numbers::whole,
    raw::{Fault, Mailbox},
};

/// As many amounts as there can be dimensions. They hold their names, whatever becomes of the names' numbers meanwhile.
#[derive(Default)]
pub(crate) struct Amounts {
    told: [Option<(Rc<str>, u64)>; MOST],
}

impl Amounts {
    /// Those that are in the mailbox.
    pub(crate) fn read(mailbox: &Mailbox, names: &Names) -> Result<Self, Fault> {
        let mut amounts = Self::default();
        let declared = mailbox.integer(Mailbox::DECLARED) as usize;
        let room = amounts.told.get_mut(..declared).ok_or(Fault::Argument)?;
        for (place, told) in room.iter_mut().enumerate() {
            let name = names.text(mailbox.integer(Mailbox::DIMENSIONS + place)).ok_or(Fault::Argument)?;
            *told = Some((name, whole(mailbox.float(Mailbox::AMOUNTS + place))));
        }
        Ok(amounts)
    }

    /// Shows them as the core takes them.
    pub(crate) fn show<R>(&self, act: impl FnOnce(&[(&str, u64)]) -> R) -> R {
        let (mut room, mut count) = ([("", 0); MOST], 0);
        for (place, (name, amount)) in room.iter_mut().zip(self.told.iter().flatten()) {
            *place = (name, *amount);
            count += 1;
        }
        act(room.get(..count).unwrap_or_default())
    }
}

/// As many as there can be dimensions.
const MOST: usize = 8;
