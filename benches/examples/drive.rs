//! Runs decisions for an instruction counter: `drive tenantry|floor|tower|check|handle|governor TENANTS ENDPOINTS DECISIONS`.
//!
//! `benches/instructions.sh` runs it under callgrind, which collects inside the functions named `counted_…` only.

use std::env;
use std::process::ExitCode;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tenantry::{Balancer, Request, TenantHandle};
use tenantry_benches::assembled::{Exclusive, TenantLimits, runtime};
use tenantry_benches::floor::{Floor, Limits};
use tenantry_benches::ids::{Spread, population, requests};
use tenantry_benches::stage;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|argument| argument.parse::<usize>().ok());
    let (Some(tenants), Some(endpoints), Some(count)) = (number(1), number(2), number(3)) else {
        return ExitCode::from(2);
    };
    let ids = population(tenants);
    let asked = requests(&ids, Spread::Zipf, count, 1);
    match arguments[0].as_str() {
        "tenantry" => {
            let balancer = stage::balancer(&ids, endpoints);
            asked.iter().for_each(|id| stage::decide(&balancer, id));
            counted_tenantry(&balancer, &asked);
        }
        "check" => {
            let balancer = stage::limits_only(&ids);
            asked.iter().for_each(|id| check(&balancer, &Request::new(id)));
            counted_check(&balancer, &asked);
        }
        "handle" => {
            let balancer = stage::limits_only(&ids);
            let asked: Vec<_> = asked.iter().map(|id| balancer.handle_of(id)).collect();
            asked.iter().for_each(|handle| check(&balancer, &Request::of(handle)));
            counted_handle(&balancer, &asked);
        }
        "governor" => {
            let limiter = RateLimiter::keyed(Quota::per_second(stage::PER_SECOND));
            asked.iter().for_each(|id| limiter.check_key(id).expect("roomy"));
            counted_governor(&limiter, &asked);
        }
        "floor" => {
            let floor = Floor::new(&ids, endpoints, Limits::roomy());
            asked.iter().for_each(|id| floor.finish(&floor.try_acquire(id).expect("roomy")));
            counted_floor(&floor, &asked);
        }
        "tower" => {
            let limits = TenantLimits::roomy(&ids);
            let mut stack = Exclusive::new(&limits, endpoints);
            runtime().block_on(async {
                for id in &asked {
                    stack.decide(id).await.expect("roomy");
                }
            });
            counted_tower(&mut stack, &asked);
        }
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

#[inline(never)]
fn counted_tenantry(balancer: &Balancer, asked: &[String]) {
    asked.iter().for_each(|id| stage::decide(balancer, id));
}

#[inline(never)]
fn counted_check(balancer: &Balancer, asked: &[String]) {
    asked.iter().for_each(|id| check(balancer, &Request::new(id)));
}

#[inline(never)]
fn counted_handle(balancer: &Balancer, asked: &[TenantHandle]) {
    asked.iter().for_each(|handle| check(balancer, &Request::of(handle)));
}

#[inline(always)]
fn check(balancer: &Balancer, request: &Request<'_>) {
    balancer.check(request).expect("roomy");
}

#[inline(never)]
fn counted_governor(limiter: &DefaultKeyedRateLimiter<String>, asked: &[String]) {
    asked.iter().for_each(|id| limiter.check_key(id).expect("roomy"));
}

#[inline(never)]
fn counted_floor(floor: &Floor, asked: &[String]) {
    asked.iter().for_each(|id| floor.finish(&floor.try_acquire(id).expect("roomy")));
}

#[inline(never)]
fn counted_tower(stack: &mut Exclusive<'_>, asked: &[String]) {
    runtime().block_on(async {
        for id in asked {
            stack.decide(id).await.expect("roomy");
        }
    });
}
