//! What goes wrong, and what operators do meanwhile.

use std::time::Duration;

use tenantry::{EndpointChange, HealthOverride};

use super::{
    run::Run,
    server::Server,
    settings::{Place, address},
};

impl Run {
    /// Something happens.
    pub(super) fn change_something(&mut self) {
        match self.dice.below(16) {
            0..=7 => self.change_server(),
            8 => self.change_all_servers(),
            9 => {
                let mut settings = self.settings.clone();
                settings.redraw(&mut self.dice);
                self.settings = settings;
                self.tell(|| format!("reconfigured: {:?}", self.settings));
                self.reconfigure();
            }
            10..=12 => self.change_endpoints(),
            13 | 14 => self.intervene(),
            _ => drop(self.balancer.compare_endpoints()),
        }
    }

    fn change_server(&mut self) {
        let place = self.dice.place(self.settings.places.len());
        let name = self.settings.places[place].name;
        let server = Server::draw(&mut self.dice);
        self.tell(|| format!("e{name} is {server:?}"));
        self.servers.insert(name, server);
    }

    fn change_all_servers(&mut self) {
        let server = Server::draw(&mut self.dice);
        self.tell(|| format!("all are {server:?}"));
        self.servers.extend(self.settings.places.iter().map(|place| (place.name, server)));
    }

    fn change_endpoints(&mut self) {
        let at = self.dice.place(self.settings.places.len());
        let Place { name, .. } = self.settings.places[at];
        let change = match self.dice.below(5) {
            0 | 1 if self.settings.places.len() < 16 => EndpointChange::Add(self.settings.add().spec()),
            2 if self.settings.places.len() > 1 => {
                self.settings.places.remove(at);
                EndpointChange::Remove(address(name))
            }
            3 => {
                self.settings.places[at].draining = true;
                EndpointChange::Drain(address(name))
            }
            _ => {
                self.settings.places[at].draining = false;
                EndpointChange::Resume(address(name))
            }
        };
        self.tell(|| format!("{change:?}"));
        self.balancer.change_endpoints("api", &[change]).expect("a change that can be made");
    }

    fn intervene(&mut self) {
        let at = self.dice.place(self.settings.places.len());
        let name = self.settings.places[at].name;
        if self.dice.one_in(3) {
            self.tell(|| format!("e{name}: the override is taken back"));
            self.balancer.clear_health_override("api", &address(name)).expect("it is there");
            self.oracle.overrides(name, None);
            return;
        }
        let kind =
            self.dice.one_of([HealthOverride::Disabled, HealthOverride::Ejected, HealthOverride::Healthy]);
        let time = self.dice.one_in(2).then(|| Duration::from_millis(1 + self.dice.below(20_000)));
        self.tell(|| format!("e{name}: {kind:?} for {time:?}"));
        self.balancer.override_health("api", &address(name), kind, time).expect("it is there");
        let until =
            time.map_or(u64::MAX, |time| self.now + u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        self.oracle.overrides(name, Some((kind, until)));
    }

    /// Takes back what operators have done.
    pub(super) fn end_interventions(&mut self) {
        for place in &mut self.settings.places {
            place.draining = false;
        }
        self.reconfigure();
        for place in self.settings.places.clone() {
            self.balancer.clear_health_override("api", &address(place.name)).expect("it is there");
            self.oracle.overrides(place.name, None);
        }
    }
}
