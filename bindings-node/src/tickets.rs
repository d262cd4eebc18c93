//! Values behind integer tickets: what JavaScript holds instead of a native object.

use std::mem;

/// Where a value lies, and which value of that place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// A store that takes back places, and in which an old ticket finds nothing.
///
/// It grows to the most values that were ever in it at once: leases are bounded by the seats, waiters by the queues, handles by
/// those that JavaScript keeps.
#[derive(Debug)]
pub(crate) struct Tickets<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Place<T> {
    generation: u32,
    value: Option<T>,
    /// Whether its value is out, to come back.
    lent: bool,
}

impl<T> Tickets<T> {
    pub(crate) const fn new() -> Self {
        Self { places: vec![], free: vec![] }
    }

    /// Stores a value; gives it back when there are as many as tickets can number.
    #[inline]
    pub(crate) fn insert(&mut self, value: T) -> Result<Ticket, T> {
        if let Some(slot) = self.free.pop()
            && let Some(place) = self.places.get_mut(slot as usize)
        {
            place.value = Some(value);
            return Ok(Ticket { slot, generation: place.generation });
        }
        self.grow(value)
    }

    #[cold]
    fn grow(&mut self, value: T) -> Result<Ticket, T> {
        match u32::try_from(self.places.len()) {
            Ok(slot) if slot < MOST => {
                self.places.push(Place { generation: 0, value: Some(value), lent: false });
                Ok(Ticket { slot, generation: 0 })
            }
            _ => Err(value),
        }
    }

    pub(crate) fn get_mut(&mut self, ticket: Ticket) -> Option<&mut T> {
        let place = self.places.get_mut(ticket.slot as usize)?;
        if place.generation == ticket.generation { place.value.as_mut() } else { None }
    }

    /// Takes the value out; the ticket is void from now on.
    #[inline]
    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<T> {
        let place = self.places.get_mut(ticket.slot as usize)?;
        if place.generation != ticket.generation {
            return None;
        }
        let value = place.value.take();
        if value.is_some() || mem::take(&mut place.lent) {
            place.generation = place.generation.wrapping_add(1);
            self.free.push(ticket.slot);
        }
        value
    }

    /// Takes the value out for a while; the ticket stays good.
    pub(crate) fn lend(&mut self, ticket: Ticket) -> Option<T> {
        let place = self.places.get_mut(ticket.slot as usize)?;
        if place.generation != ticket.generation {
            return None;
        }
        let value = place.value.take()?;
        place.lent = true;
        Some(value)
    }

    /// Puts a value back that was lent; gives it back when its ticket has become void meanwhile.
    pub(crate) fn put_back(&mut self, ticket: Ticket, value: T) -> Result<(), T> {
        match self.places.get_mut(ticket.slot as usize) {
            Some(place) if place.generation == ticket.generation && place.lent => {
                place.lent = false;
                place.value = Some(value);
                Ok(())
            }
            _ => Err(value),
        }
    }
}

/// Tickets cross the border as non-negative 32-bit integers.
const MOST: u32 = i32::MAX as u32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_ticket_finds_nothing_and_places_are_used_again() {
        let mut tickets = Tickets::new();
        let first = tickets.insert("a").expect("there is room");
        assert_eq!(tickets.take(first), Some("a"));
        let second = tickets.insert("b").expect("there is room");
        assert_eq!(second.slot, first.slot);
        assert_eq!(tickets.take(first), None);
        assert_eq!(tickets.get_mut(first), None);
        assert_eq!(tickets.get_mut(second), Some(&mut "b"));
        assert_eq!(tickets.take(second), Some("b"));
        assert_eq!(tickets.take(second), None);
        assert_eq!(tickets.take(Ticket { slot: 7, generation: 0 }), None);
    }

    #[test]
    fn what_is_lent_comes_back_unless_its_ticket_is_void() {
        let mut tickets = Tickets::new();
        let first = tickets.insert("a").expect("there is room");
        assert_eq!(
            (tickets.lend(first), tickets.lend(first), tickets.get_mut(first)),
            (Some("a"), None, None)
        );
        assert_eq!((tickets.put_back(first, "a"), tickets.put_back(first, "x")), (Ok(()), Err("x")));
        assert_eq!((tickets.lend(first), tickets.take(first), tickets.take(first)), (Some("a"), None, None));
        let second = tickets.insert("b").expect("there is room");
        assert_eq!(second.slot, first.slot, "the place was free, once");
        assert_ne!(tickets.insert("c").expect("there is room").slot, first.slot);
        assert_eq!(tickets.put_back(first, "a"), Err("a"));
        assert_eq!(tickets.get_mut(second), Some(&mut "b"));
    }
}
