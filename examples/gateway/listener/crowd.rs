use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tenantry_tower::guard::ClientNetwork;

/// How many connections each client has open, so that none has all of them. Only who has one is in it, so it is no larger than the listener's seats. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(super) struct Crowd {
    open: Arc<Mutex<HashMap<ClientNetwork, usize>>>,
}

/// One connection of a client's, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Crowd,
    client: ClientNetwork,
}

impl Crowd {
    /// A place for one more of this client's, where it has not as many as one may have.
    pub(super) fn enter(&self, client: ClientNetwork, most: usize) -> Option<Place> {
        let mut open = self.lock();
        let of_client = open.get(&client).copied().unwrap_or(0);
        if of_client >= most {
            return None;
        }
        open.insert(client, of_client + 1);
        Some(Place { crowd: self.clone(), client })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientNetwork, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        let Entry::Occupied(mut of_client) = open.entry(self.client) else { return };
        *of_client.get_mut() -= 1;
        if *of_client.get() == 0 {
            of_client.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_has_so_many_places_and_who_has_none_is_forgotten() {
        let crowd = Crowd::default();
        let enter = |client: &str| crowd.enter(ClientNetwork::of(client.parse().unwrap()), 2);
        let (first, second) = (enter("2001:db8::1"), enter("2001:db8::2"));
        assert!(first.is_some() && second.is_some() && enter("2001:db8::3").is_none(), "a /64 is one");
        assert!(enter("192.0.2.1").is_some());
        drop(first);
        assert!(enter("2001:db8::3").is_some());
        drop(second);
        assert_eq!(crowd.lock().len(), 0);
    }
}
