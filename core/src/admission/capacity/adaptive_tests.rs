//! The default rule against backends of known capacity, beside fixed seats.

use std::time::Duration;

use super::super::{
    Capacity,
    model::{Model, Service},
};
use crate::config::{AdaptiveSpec, CapacitySpec};

/// Answers per second and the 99th percentile, after ten seconds.
fn steady(spec: CapacitySpec, model: &mut Model) -> (f64, Duration) {
    let capacity = Capacity::new(&spec);
    model.run(&capacity, 10.0);
    model.run(&capacity, 8.0);
    (model.goodput(8.0), model.percentile(99))
}

#[test]
fn serves_nearly_as_much_as_twice_the_seats_that_are_needed_and_no_later() {
    for kind in [Service::Constant, Service::Exponential] {
        for (backends, workers) in [(3, 4), (10, 10), (3, 100)] {
            let seats = workers * u32::try_from(backends).expect("few") * 2;
            let (most, latest) = steady(CapacitySpec::fixed(seats), &mut Model::new(backends, workers, kind));
            let (goodput, p99) = steady(CapacitySpec::adaptive(), &mut Model::new(backends, workers, kind));
            let case = format!("{kind:?} {backends} × {workers}: {goodput} of {most}, {p99:?} of {latest:?}");
            assert!(goodput >= most * 0.92, "{case}");
            assert!(p99 <= latest.mul_f64(1.2), "{case}");
        }
    }
}

#[test]
fn a_few_slow_endpoints_do_not_mislead_it() {
    for kind in [Service::Constant, Service::Exponential] {
        let with_slow = || {
            let mut model = Model::new(10, 4, kind);
            (0..2).for_each(|backend| model.slow(backend, 5.0));
            model
        };
        let (most, _) = steady(CapacitySpec::fixed(160), &mut with_slow());
        let (goodput, _) = steady(CapacitySpec::adaptive(), &mut with_slow());
        assert!(goodput >= most * 0.95, "{kind:?}: {goodput} of {most}");
    }
}

#[test]
fn is_settled_within_two_seconds() {
    let capacity = Capacity::new(&CapacitySpec::adaptive());
    let mut model = Model::new(3, 4, Service::Constant);
    model.run(&capacity, 2.0);
    model.run(&capacity, 6.0);
    assert!(model.goodput(6.0) >= 600.0 * 0.98, "{}", model.goodput(6.0));
    assert!(model.percentile(99) <= model.service * 2, "{:?}", model.percentile(99));
}

#[test]
fn follows_a_slow_down_a_recovery_and_more_workers_within_ten_seconds() {
    let capacity = Capacity::new(&CapacitySpec::adaptive());
    let mut model = Model::new(3, 4, Service::Constant);
    for (service, workers) in [(20, 4), (40, 4), (20, 4), (20, 16), (20, 4)] {
        model.service = Duration::from_millis(service);
        model.workers = workers;
        model.run(&capacity, 10.0);
        model.run(&capacity, 4.0);
        let full = f64::from(3 * workers) / model.service.as_secs_f64();
        let (goodput, p99) = (model.goodput(4.0), model.percentile(99));
        assert!(goodput >= full * 0.94, "{service} ms × {workers}: {goodput} of {full}");
        assert!(p99 <= model.service * 3, "{service} ms × {workers}: {p99:?}");
    }
}

#[test]
fn is_held_by_its_bounds() {
    let spec = AdaptiveSpec::new().with_min(5).with_max(6).with_initial(100);
    let capacity = Capacity::new(&spec.into());
    Model::new(3, 4, Service::Exponential).run(&capacity, 5.0);
    assert!((5..=6).contains(&capacity.seats()));
}
