//! Broken documents: each is refused with the path, the value and a fix; and a refused update changes nothing.

use tenantry::{Balancer, CapacitySpec, Config, Format, PoolSpec, Request, TenantSpec};

/// Document, path, value, a part of the fix.
const BROKEN: &[(&str, &str, &str, &str)] = &[
    // Keys.
    ("[pool.api]\nendpoints = []", "pool", r#"{"api":{"endpoints":[]}}"#, "`pools`"),
    ("[pools.api]\nendpoints = []\nstratgy = 'p2c'", "pools.api.stratgy", r#""p2c""#, "`strategy`"),
    (
        "[pools.api]\nendpoints = [{ address = 'a', wieght = 2 }]",
        "pools.api.endpoints[0].wieght",
        "2",
        "`weight`",
    ),
    ("[tenants.acme]\nrates = '1/s'", "tenants.acme.rates", r#""1/s""#, "`rate`"),
    (
        "[tenants.acme]\nrate = { requests = 1, per = '1s', brust = 2 }",
        "tenants.acme.rate",
        r#"{"brust":2,"per":"1s","requests":1}"#,
        "brust is one too many, or misspelt",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outliers = {} }",
        "pools.api.health.outliers",
        "{}",
        "`outlier`",
    ),
    ("[pools.api]\nstrategy = 'p2c'", "pools.api", r#"{"strategy":"p2c"}"#, "add the key `endpoints`"),
    (
        "[pools.api]\nendpoints = [{ weight = 2 }]",
        "pools.api.endpoints[0]",
        r#"{"weight":2}"#,
        "add the key `address`",
    ),
    // Kinds of value.
    ("pools = 7", "pools", "7", "a table"),
    ("[pools.api]\nendpoints = []\nqueue = []", "pools.api.queue", "[]", "a table"),
    ("tenants = { acme = [] }", "tenants.acme", "[]", "a table"),
    ("[pools.api]\nendpoints = 'http://a'", "pools.api.endpoints", r#""http://a""#, "a list"),
    ("[pools.api]\nendpoints = [7]", "pools.api.endpoints[0]", "7", "an address"),
    ("seed = -1", "seed", "-1", "a whole number from 0 on"),
    ("[tenants.acme]\nweight = 1.5", "tenants.acme.weight", "1.5", "a whole number"),
    (
        "[tenants.acme]\nmax_in_flight = 'many'",
        "tenants.acme.max_in_flight",
        r#""many""#,
        "a number of requests",
    ),
    // Values.
    (
        "[pools.api]\nendpoints = []\nstrategy = 'fastest'",
        "pools.api.strategy",
        r#""fastest""#,
        "\"weighted\", \"ketama\", \"ring\", \"maglev\", \"rendezvous\" or \"prequal\"",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'maglev', size = 65536 }",
        "pools.api.strategy.size",
        "65536",
        "65537 is the next",
    ),
    (
        "[pools.api]\nendpoints = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']\nstrategy = { kind = 'maglev', size = 7 }",
        "pools.api.strategy.size",
        "7",
        "at least the number of endpoints: 11 is the next",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'maglev', size = 5000077 }",
        "pools.api.strategy.size",
        "5000077",
        "from 2 to 5000011",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'ring', min_size = 20, max_size = 10 }",
        "pools.api.strategy.min_size",
        "20",
        "at most the max_size, 10",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'ring', max_size = 8388609 }",
        "pools.api.strategy.max_size",
        "8388609",
        "from 1 to 8388608",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'ketama', bounded = 125 }",
        "pools.api.strategy.bounded",
        "125",
        "from 1.0 to 10.0",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'rendezvous', bounded = '99%' }",
        "pools.api.strategy.bounded",
        "0.99",
        "from 1.0 to 10.0",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'ketama', bounded = 'much' }",
        "pools.api.strategy",
        r#"{"bounded":"much","kind":"ketama"}"#,
        "a factor such as 1.25, or a percentage",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'ketama', size = 7 }",
        "pools.api.strategy",
        r#"{"kind":"ketama","size":7}"#,
        "`bounded`",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = 'ketama'\nslow_start = '10s'",
        "pools.api.slow_start",
        "",
        "leave it out",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'prequal', quantil = 0.5 }",
        "pools.api.strategy",
        r#"{"kind":"prequal","quantil":0.5}"#,
        "`quantile`",
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'prequal', max_age = 1 }",
        "pools.api.strategy",
        r#"{"kind":"prequal","max_age":1}"#,
        "a duration",
    ),
    ("[pools.api]\nendpoints = []\nstrategy = { kind = 'x' }", "pools.api.strategy.kind", r#""x""#, "`p2c`"),
    ("[pools.api]\nendpoints = []\ncapacity = 0", "pools.api.capacity", "0", "a number of seats from 1 on"),
    ("[pools.api]\nendpoints = []\ncapacity = 'lots'", "pools.api.capacity", r#""lots""#, "\"adaptive\""),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'gradient', min = 9, max = 3 }",
        "pools.api.capacity.min",
        "9",
        "at most the max, 3",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'aimd', backoff = 1.5 }",
        "pools.api.capacity.backoff",
        "1.5",
        "from 0.1 to 0.999",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'aimd', timeout = '0s' }",
        "pools.api.capacity.timeout",
        r#""0ns""#,
        "from 1ms to",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'gradient', percentile = 101 }",
        "pools.api.capacity.percentile",
        "101",
        "from 1 to 100",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'gradient2', tolerance = 0.5 }",
        "pools.api.capacity.tolerance",
        "0.5",
        "from 1.0 to",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'vegas', alpha = 9 }",
        "pools.api.capacity.alpha",
        "9",
        "at most the beta, 6",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'adaptive', min = 0 }",
        "pools.api.capacity.min",
        "0",
        "from 1",
    ),
    (
        "[pools.api]\nendpoints = []\ncapacity = { kind = 'adaptive', backoff = 0.5 }",
        "pools.api.capacity",
        r#"{"backoff":0.5,"kind":"adaptive"}"#,
        "not known",
    ),
    (
        "[pools.api]\nendpoints = ['']",
        "pools.api.endpoints[0].address",
        r#""""#,
        "an address of 1 to 512 bytes",
    ),
    (
        "[pools.api]\nendpoints = ['http://a b']",
        "pools.api.endpoints[0].address",
        r#""http://a b""#,
        "without spaces",
    ),
    (
        "[pools.api]\nendpoints = ['a', { address = 'a' }]",
        "pools.api.endpoints[1].address",
        r#""a""#,
        "each address once",
    ),
    (
        "[pools.api]\nendpoints = [{ address = 'a', priority = 128 }]",
        "pools.api.endpoints[0].priority",
        "128",
        "from 0 to 127",
    ),
    (
        "[pools.api]\nendpoints = [{ address = 'a', zone = '' }]",
        "pools.api.endpoints[0].zone",
        r#""""#,
        "1 to 64 bytes",
    ),
    (
        "[pools.api]\nendpoints = []\nsubset = { size = 2, instance = 3, instances = 3 }",
        "pools.api.subset.instance",
        "3",
        "from 0 to 2",
    ),
    ("[pools.api]\nendpoints = []\nzone = ''", "pools.api.zone", r#""""#, "1 to 64 bytes"),
    ("[pools.api]\nendpoints = []\nfallback = 'b'", "pools.api.fallback", r#""b""#, "name one of the pools"),
    (
        "[pools.a]\nendpoints = []\nfallback = 'b'\n[pools.b]\nendpoints = []\nfallback = 'a'",
        "pools.a.fallback",
        r#""b""#,
        "without a circle",
    ),
    ("[pools.api]\nendpoints = []\ntiers = { panic = 101 }", "pools.api.tiers.panic", "101", "from 0 to 100"),
    (
        "[pools.api]\nendpoints = []\ntiers = { overprovisioning = 0.5 }",
        "pools.api.tiers.overprovisioning",
        "0.5",
        "from 1.0 to 100.0",
    ),
    (
        "[pools.api]\nendpoints = []\nlatency_decay = '10ms'",
        "pools.api.latency_decay",
        r#""10ms""#,
        "from 100ms to 3600s",
    ),
    (
        "[pools.api]\nendpoints = []\nslow_start = 'soon'",
        "pools.api.slow_start",
        r#""soon""#,
        "a duration such as",
    ),
    (
        "[pools.api]\nendpoints = []\nslow_start = { window = '30s', aggression = 0.0 }",
        "pools.api.slow_start.aggression",
        "0",
        "from 0.1 to 100.0",
    ),
    (
        "[pools.api]\nendpoints = []\nqueue = { timeout = 5 }",
        "pools.api.queue.timeout",
        "5",
        "a duration such as \"5s\"",
    ),
    (
        "[pools.api]\nendpoints = []\nqueue = { timeout = '5 weeks' }",
        "pools.api.queue.timeout",
        r#""5 weeks""#,
        "units:",
    ),
    // Health checks.
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = 'healthz' }",
        "pools.api.health.probe.http",
        r#""healthz""#,
        "plain characters",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { every = '5s' } }",
        "pools.api.health.probe",
        r#"{"every":"5s"}"#,
        "exactly one of",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', tcp = true } }",
        "pools.api.health.probe",
        r#"{"http":"/","tcp":true}"#,
        "exactly one of",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { tcp = true, body = 'ok' } }",
        "pools.api.health.probe",
        r#"{"body":"ok","tcp":true}"#,
        "of checks by HTTP",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { tcp = true, scheme = 'https' } }",
        "pools.api.health.probe.scheme",
        "",
        "leave it out",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', status = '600' } }",
        "pools.api.health.probe.status",
        r#""600""#,
        "200-399",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', status = '200-99' } }",
        "pools.api.health.probe.status",
        r#""200-99""#,
        "from 100 to 599",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', headers = { Host = 'x' } } }",
        "pools.api.health.probe.headers.Host",
        r#""Host""#,
        "a key of its own",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', method = 'HEAD', body = 'ok' } }",
        "pools.api.health.probe.body",
        r#""ok""#,
        "HEAD has no body",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', evry = '5s' } }",
        "pools.api.health.probe.evry",
        r#""5s""#,
        "`every`",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', every = '0s' } }",
        "pools.api.health.probe.every",
        r#""0ns""#,
        "from 1ms",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', jitter = 0.6 } }",
        "pools.api.health.probe.jitter",
        "0.6",
        "from 0.0 to 0.5",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', rise = 0 } }",
        "pools.api.health.probe.rise",
        "0",
        "from 1 to 1000",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { http = '/', port = 0 } }",
        "pools.api.health.probe.port",
        "0",
        "",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { custom = '' } }",
        "pools.api.health.probe.custom",
        r#""""#,
        "whoever runs the checks knows",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { probe = { tls = true, server_name = 'a b' } }",
        "pools.api.health.probe.server_name",
        r#""a b""#,
        "a host's name",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { consecutive_failures = 0 } }",
        "pools.api.health.outlier.consecutive_failures",
        "0",
        "at least 1",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { max_ejected = 101 } }",
        "pools.api.health.outlier.max_ejected",
        "101",
        "from 0 to 100",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { ejection = '9s', longest_ejection = '3s' } }",
        "pools.api.health.outlier.longest_ejection",
        r#""3s""#,
        "at least as long",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { consecutive_gateway_failures = 0 } }",
        "pools.api.health.outlier.consecutive_gateway_failures",
        "0",
        "leave it out",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { interval = '10ms' } }",
        "pools.api.health.outlier.interval",
        r#""10ms""#,
        "from 100ms to 86400s",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { min_available = 0 } }",
        "pools.api.health.outlier.min_available",
        "0",
        "from 1 to 1000000",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { min_avaliable = 2 } }",
        "pools.api.health.outlier.min_avaliable",
        "2",
        "`min_available`",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { shadow = 'yes' } }",
        "pools.api.health.outlier.shadow",
        r#""yes""#,
        "boolean",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { success_rate = 'on' } }",
        "pools.api.health.outlier.success_rate",
        r#""on""#,
        r#""off", or a table { factor"#,
    ),
    (
        "[pools.api]\nendpoints = []\nstrategy = { kind = 'prequal', remove_per_request = -0.1 }",
        "pools.api.strategy.remove_per_request",
        "-0.1",
        "from 0 to less than probes_per_request, 3",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { success_rate = { factor = -1.0 } } }",
        "pools.api.health.outlier.success_rate.factor",
        "-1",
        "from",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { success_rate = { factor = 101.0 } } }",
        "pools.api.health.outlier.success_rate.factor",
        "101",
        "from 0.1 to 100.0",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { success_rate = { min_endpoints = 1 } } }",
        "pools.api.health.outlier.success_rate.min_endpoints",
        "1",
        "from 2 to",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { success_rate = { min_requests = 0 } } }",
        "pools.api.health.outlier.success_rate.min_requests",
        "0",
        "from 1 to",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { success_rate = { threshold = 3 } } }",
        "pools.api.health.outlier.success_rate.threshold",
        "3",
        "`factor`",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { failure_percentage = 0 } }",
        "pools.api.health.outlier.failure_percentage.threshold",
        "0",
        "from 1 to 100",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { failure_percentage = 101 } }",
        "pools.api.health.outlier.failure_percentage.threshold",
        "101",
        "from 1 to 100",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { failure_percentage = 'none' } }",
        "pools.api.health.outlier.failure_percentage",
        r#""none""#,
        "a percentage such as 30",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { failure_percentage = { threshold = 30, min_requests = 0 } } }",
        "pools.api.health.outlier.failure_percentage.min_requests",
        "0",
        "from 1 to",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { latency = { factor = 1.0 } } }",
        "pools.api.health.outlier.latency.factor",
        "1",
        "from 1.5 to 1000.0",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { latency = { floor = '25h' } } }",
        "pools.api.health.outlier.latency.floor",
        r#""90000s""#,
        "to 86400s",
    ),
    (
        "[pools.api]\nendpoints = []\nhealth = { outlier = { latency = 5 } }",
        "pools.api.health.outlier.latency",
        "5",
        r#""off", or a table { factor = 5.0"#,
    ),
    ("[tenants.acme]\nweight = 0", "tenants.acme.weight", "0", "from 1 to 1000000"),
    ("[tenants.acme]\nshard = 0", "tenants.acme.shard", "0", "at least 1"),
    ("[tenants.acme]\nmax_in_flight = 0", "tenants.acme.max_in_flight", "0", "at least 1"),
    ("[tenants.acme]\nrate = 'fast'", "tenants.acme.rate", r#""fast""#, "\"100/s\""),
    ("[tenants.acme]\nrate = ['1/s', '0/s']", "tenants.acme.rate[1].requests", "0", "at least 1"),
    (
        "[tenants.acme]\nrate = { requests = 1, cost = 1, per = '1s' }",
        "tenants.acme.rate",
        r#"{"cost":1,"per":"1s","requests":1}"#,
        "exactly one of requests, cost",
    ),
    (
        "[tenants.acme]\nrate = { cost = 1, per = '0s' }",
        "tenants.acme.rate.per",
        r#""0ns""#,
        "from 1ns to 366d",
    ),
    (
        "[tenants.acme]\nrate = { cost = 1, per = '1d', burst = 100000 }",
        "tenants.acme.rate.burst",
        "100000",
        "within 4 years",
    ),
    (
        "[tenants.acme]\nrate = { cost = 10_000_000_000, per = '1s' }",
        "tenants.acme.rate.cost",
        "10000000000",
        "larger unit",
    ),
    (
        "[tenants.acme]\nrate = ['1/s', '1/s', '1/s', '1/s', '1/s']",
        "tenants.acme.rate",
        "5 rates",
        "at most 4",
    ),
    ("[tenants.acme]\npools = ['api']", "tenants.acme.pools[0]", r#""api""#, "name one of the pools"),
    ("[tenants.'']\nweight = 1", "tenants", r#""""#, "1 to 255 bytes"),
    ("[tenants.'a.b c']\nweight = 0", "tenants.\"a.b c\".weight", "0", "from 1"),
    ("unknown_tenants = 'allow'", "unknown_tenants", r#""allow""#, "\"reject\""),
    (
        "unknown_tenants = { template = 'free', idle = '0s' }\n[templates.free]",
        "unknown_tenants.idle",
        r#""0ns""#,
        "from 1ms to 24d",
    ),
    (
        "unknown_tenants = { template = 'free', idle = '25d' }\n[templates.free]",
        "unknown_tenants.idle",
        r#""2160000s""#,
        "from 1ms to 24d",
    ),
    (
        "unknown_tenants = { template = 'free', idle = 'soon' }",
        "unknown_tenants.idle",
        r#""soon""#,
        "units: ns",
    ),
    ("unknown_tenants = { template = 'free' }", "unknown_tenants.template", r#""free""#, "[templates.free]"),
    (
        "unknown_tenants = { template = 'free', max = 0 }\n[templates.free]",
        "unknown_tenants.max",
        "0",
        "from 1 to 10000000",
    ),
    ("[templates.free]\nweight = 2000000", "templates.free.weight", "2000000", "from 1 to 1000000"),
    // Shares of seats, and the tree.
    ("[tenants.acme]\nparent = 'org'", "tenants.acme.parent", r#""org""#, "[tenants.org]"),
    ("[tenants.acme]\nparent = 'acme'", "tenants.acme.parent", r#""acme""#, "without a circle"),
    (
        "[tenants.a]\nparent = 'b'\n[tenants.b]\nparent = 'a'",
        "tenants.a.parent",
        r#""b""#,
        "without a circle",
    ),
    ("[tenants.acme]\nparent = 7", "tenants.acme.parent", "7", "a string"),
    (
        "[tenants.acme]\nparent = 'org'\n[tenants.org]\nmax_in_flight = 2000000",
        "tenants.org.max_in_flight",
        "2000000",
        "at most 1048575",
    ),
    ("[templates.free]\nparent = 'org'", "templates.free.parent", r#""org""#, "[tenants.org]"),
    ("[tenants.acme]\nseats = 4", "tenants.acme.seats", "4", "a table"),
    ("[tenants.acme]\nseats = { gauranteed = 4 }", "tenants.acme.seats.gauranteed", "4", "`guaranteed`"),
    ("[tenants.acme]\nseats = { max = 0 }", "tenants.acme.seats.max", "0", "at least 1"),
    ("[tenants.acme]\nseats = { max = -1 }", "tenants.acme.seats.max", "-1", "a number of seats"),
    ("[tenants.acme]\nseats = { max = '101%' }", "tenants.acme.seats.max", r#""101%""#, "at most \"100%\""),
    ("[tenants.acme]\nseats = { max = 'half' }", "tenants.acme.seats.max", r#""half""#, "%"),
    ("[tenants.acme]\nseats = { lendable = 1 }", "tenants.acme.seats.lendable", "1", "a guaranteed amount"),
    (
        "[tenants.acme]\nseats = { guaranteed = 4, max = 3 }",
        "tenants.acme.seats.guaranteed",
        "4",
        "at most the max, 3",
    ),
    (
        "[tenants.acme]\nseats = { guaranteed = '10%', lendable = '20%' }",
        "tenants.acme.seats.lendable",
        r#""20%""#,
        "at most the guaranteed, ",
    ),
    (
        "[templates.free]\nseats = { guaranteed = 2, lendable = 1 }",
        "templates.free.seats.lendable",
        "",
        "only configured tenants",
    ),
    (
        "[tenants.acme]\nparent = 'org'\nseats = { guaranteed = 2, lendable = 1 }\n\
         [tenants.org]\nseats = { guaranteed = 4, lendable = 0 }",
        "tenants.acme.seats.lendable",
        "",
        "tenants.org",
    ),
    // Retries and hedges.
    ("[pools.api]\nendpoints = []\nretry = 0.2", "pools.api.retry", "0.2", "a table"),
    (
        "[pools.api]\nendpoints = []\nretry = { percent = 20 }",
        "pools.api.retry.percent",
        "20",
        "`ratio`, `per_second`, `window`",
    ),
    (
        "[pools.api]\nendpoints = []\nretry = { ratio = -0.1 }",
        "pools.api.retry.ratio",
        "-0.1",
        "a ratio from 0 to 1000",
    ),
    (
        "[pools.api]\nendpoints = []\nretry = { ratio = 1001 }",
        "pools.api.retry.ratio",
        "1001",
        "a ratio from 0 to 1000",
    ),
    (
        "[pools.api]\nendpoints = []\nhedge = { ratio = 0.1234567 }",
        "pools.api.hedge.ratio",
        "0.1234567",
        "at most six digits after the point",
    ),
    (
        "[pools.api]\nendpoints = []\nhedge = { ratio = 'a fifth' }",
        "pools.api.hedge.ratio",
        "\"a fifth\"",
        "such as 0.2 or \"20%\"",
    ),
    (
        "[pools.api]\nendpoints = []\nretry = { per_second = 1000001 }",
        "pools.api.retry.per_second",
        "1000001",
        "at most 1000000",
    ),
    (
        "[pools.api]\nendpoints = []\nretry = { window = '0s' }",
        "pools.api.retry.window",
        "\"0ns\"",
        "from 1s to 60s",
    ),
    (
        "[pools.api]\nendpoints = []\nretry = { window = '61s' }",
        "pools.api.retry.window",
        "\"61s\"",
        "from 1s to 60s",
    ),
    (
        "[pools.api]\nendpoints = []\nhedge = { window = '1500500us' }",
        "pools.api.hedge.window",
        "\"1.5005s\"",
        "whole milliseconds",
    ),
    // The queue, and endpoints' caps.
    (
        "[pools.api]\nendpoints = []\nqueue = { order = 'lifo' }",
        "pools.api.queue.order",
        r#""lifo""#,
        "adaptive_lifo",
    ),
    ("[pools.api]\nendpoints = []\nqueue = { aging = 1 }", "pools.api.queue.aging", "1", "a duration"),
    ("[pools.api]\nendpoints = []\nqueue = { codel = true }", "pools.api.queue.codel", "true", "a table"),
    (
        "[pools.api]\nendpoints = []\nqueue = { codel = { target = '0s' } }",
        "pools.api.queue.codel.target",
        r#""0s""#,
        "above zero",
    ),
    (
        "[pools.api]\nendpoints = []\nqueue = { codel = { interval = '0ms' } }",
        "pools.api.queue.codel.interval",
        r#""0s""#,
        "above zero",
    ),
    (
        "[pools.api]\nendpoints = [{ address = 'a', max_in_flight = 0 }]",
        "pools.api.endpoints[0].max_in_flight",
        "0",
        "at least 1",
    ),
    (
        "[pools.api]\nendpoints = [{ address = 'a', max_in_flight = 'one' }]",
        "pools.api.endpoints[0].max_in_flight",
        r#""one""#,
        "a whole number",
    ),
];

fn toml(text: &str) -> Result<Config, tenantry::ConfigError> {
    Config::from_text(text, Format::Toml)
}

#[test]
fn each_broken_document_is_refused_with_path_value_and_fix() {
    assert!(BROKEN.len() >= 30);
    for (document, path, value, fix) in BROKEN {
        let error = toml(document).expect_err(document);
        assert_eq!((error.path(), error.value()), (*path, *value), "{document}\n{error}");
        assert!(error.fix().contains(fix), "{document}\n{error}");
        assert!(error.to_string().starts_with(path), "{error}");
    }
}

#[test]
fn the_same_document_is_refused_alike_in_every_format() {
    let documents = [
        (Format::Toml, "[pools.api]\nendpoints = ['a']\ncapacity = 0"),
        (Format::Yaml, "pools:\n  api:\n    endpoints: [a]\n    capacity: 0"),
        (Format::Json, r#"{ "pools": { "api": { "endpoints": ["a"], "capacity": 0 } } }"#),
    ];
    let errors: Vec<_> =
        documents.map(|(format, text)| Config::from_text(text, format).expect_err(text)).into();
    assert_eq!(errors[0].path(), "pools.api.capacity");
    assert!(errors.iter().all(|error| *error == errors[0]), "{errors:?}");
}

#[test]
fn text_that_is_not_of_the_format_is_refused_and_so_is_a_key_that_stands_twice() {
    let broken = [
        (Format::Toml, "pools = ["),
        (Format::Toml, "seed = 1\nseed = 2"),
        (Format::Yaml, "pools: [1"),
        (Format::Yaml, "seed: 1\nseed: 2"),
        (Format::Json, "{"),
        (Format::Json, r#"{ "seed": 1, "seed": 2 }"#),
        (Format::Json, r#"{ "pools": {} } trailing"#),
        (Format::Json, "[]"),
        (Format::Yaml, "seed: .nan"),
    ];
    for (format, text) in broken {
        let error = Config::from_text(text, format).expect_err(text);
        assert_eq!(error.path(), ".", "{text}: {error}");
        assert!(!error.fix().is_empty() && !error.to_string().contains('\n'), "{error}");
    }
}

/// Documents with something wrong at the keys that sign sessions.
const SECRET: &[(Format, &str)] = &[
    (Format::Json, r#"{"affinity":{"keys":"topsecrettopsecret"}}"#),
    (Format::Json, r#"{"affinity":{"keys":["topsecret"]}}"#),
    (Format::Json, r#"{"affinity":{"keys":[["topsecrettopsecret"]]}}"#),
    (Format::Json, r#"{"affinity":"topsecrettopsecret"}"#),
    (Format::Json, r#"{"affinity":["topsecrettopsecret"]}"#),
    (Format::Json, r#"{"affinity":{"key":"topsecrettopsecret"}}"#),
    (Format::Json, r#"{"affinity":{"keys":["topsecrettopsecret]}}"#),
    (Format::Json, r#"{"affinity":{"keys":"so, expected topsecrettopsecret"}}"#),
    (Format::Json, r#"[{"affinity":{"keys":["topsecrettopsecret"]}}]"#),
    (Format::Toml, "[affinity]\nkey = 'topsecrettopsecret'"),
    (Format::Toml, "affinity = 'topsecrettopsecret'"),
    (Format::Toml, "[affinity]\nkeys = [\"topsecrettopsecret]"),
    (Format::Toml, "[affinity]\nkeys = [topsecrettopsecret]"),
    (Format::Toml, "[affinity]\nkeys = ['topsecrettopsecret'"),
    (Format::Yaml, "affinity: topsecrettopsecret"),
    (Format::Yaml, "affinity:\n  key: topsecrettopsecret"),
    (Format::Yaml, "affinity:\n  keys: [\"topsecrettopsecret]"),
    (Format::Yaml, "affinity:\n  keys: [topsecrettopsecret"),
    (Format::Yaml, "affinity:\n  keys: [!!int topsecrettopsecret]"),
    (Format::Yaml, "affinity:\n  keys: [!!float topsecrettopsecret]"),
    (Format::Yaml, "affinity:\n  keys: [!!binary topsecrettopsecre]"),
    (Format::Yaml, "affinity:\n  keys: *topsecrettopsecret"),
    (Format::Yaml, "affinity:\n  keys: [\"\\qtopsecrettopsecret\"]"),
];

#[test]
fn no_error_about_the_keys_that_sign_sessions_shows_one() {
    for (format, text) in SECRET {
        let error = Config::from_text(text, *format).expect_err(text);
        for shown in [error.to_string(), format!("{error:?}")] {
            assert!(!shown.contains("topsecret"), "{text}: {shown}");
        }
    }
}

#[test]
fn every_format_reads_the_same_configuration() {
    let toml = Config::from_text(FULL_TOML, Format::Toml).expect("TOML");
    let yaml = Config::from_text(FULL_YAML, Format::Yaml).expect("YAML");
    let json = Config::from_text(FULL_JSON, Format::Json).expect("JSON");
    assert_eq!(toml, yaml);
    assert_eq!(toml, json);
    let built = Config::new()
        .with_seed(7)
        .with_pool(
            "api",
            PoolSpec::new(["http://10.0.0.1:8080"])
                .with_endpoint(tenantry::EndpointSpec::new("http://10.0.0.2:8080").with_weight(2))
                .with_capacity(CapacitySpec::fixed(64)),
        )
        .with_tenant(
            "acme",
            TenantSpec::new().with_weight(3).with_rate(tenantry::Rate::per_second(100)).with_pools(["api"]),
        );
    assert_eq!(toml, built);
}

const FULL_TOML: &str = r#"
seed = 7
[pools.api]
capacity = 64
endpoints = ["http://10.0.0.1:8080", { address = "http://10.0.0.2:8080", weight = 2 }]
[tenants.acme]
weight = 3
rate = "100/s"
pools = ["api"]
"#;
const FULL_YAML: &str = r#"
seed: 7
pools:
  api:
    capacity: { kind: fixed, seats: 64 }
    strategy: p2c
    endpoints: ["http://10.0.0.1:8080", { address: "http://10.0.0.2:8080", weight: 2 }]
tenants:
  acme: { weight: 3, rate: ["100/s"], pools: [api] }
"#;
const FULL_JSON: &str = r#"{
  "seed": 7,
  "pools": { "api": { "capacity": 64, "strategy": { "kind": "p2c" },
    "endpoints": [{ "address": "http://10.0.0.1:8080" }, { "address": "http://10.0.0.2:8080", "weight": 2 }] } },
  "tenants": { "acme": { "weight": 3, "rate": { "requests": 100, "per": "1s" }, "pools": ["api"] } }
}"#;

#[test]
fn a_refused_update_changes_nothing() {
    let balancer = Balancer::new(toml(FULL_TOML).expect("usable")).expect("usable");
    let lease = balancer.try_acquire_owned(&Request::new("acme")).expect("there is room");
    let before = balancer.stats();
    let broken = Config::new()
        .with_pool("other", PoolSpec::new(["x"]))
        .with_tenant("new", TenantSpec::new().with_pools(["nowhere"]));
    let error = balancer.reconfigure(broken).expect_err("there is no such pool");
    assert_eq!(error.path(), "tenants.new.pools[0]");
    let after = balancer.stats();
    assert_eq!(before.tenants(), after.tenants());
    assert_eq!(before.pools().len(), after.pools().len());
    assert!(after.pool("api").is_some_and(|pool| pool.in_flight() == 1 && pool.capacity() == 64));
    drop(lease);
    assert!(balancer.try_acquire(&Request::new("acme").pool("api")).is_ok());
}
