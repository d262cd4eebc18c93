//! Who gets its share of the requests, and who is left out.
//!
//! Shares are what counts: an endpoint is *starved* while it gets less than a quarter of its even share over two seconds, for whatever reason. It is *left out* when its rules
//! say so and it is starved: whoever stands back behind others that do not suffice, or is used in a panic, is not.

#[derive(Debug)]
pub(crate) struct Watch {
    /// Requests to each endpoint in [`SPAN`], if they are spread evenly.
    even: f64,
    /// When requests were sent to each.
    sent: Vec<Vec<u64>>,
    /// Since when rules say that each is out.
    out_since: Vec<Option<u64>>,
    said_out: Vec<Stretch>,
}

/// A time in which something was so of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) endpoint: usize,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

impl Watch {
    /// With so many requests per second to each endpoint.
    pub(crate) fn new(even_rate: f64, endpoints: usize) -> Self {
        Self {
            even: even_rate * 2.0,
            sent: vec![vec![]; endpoints],
            out_since: vec![None; endpoints],
            said_out: vec![],
        }
    }

    pub(crate) fn sent_to(&mut self, endpoint: usize, now: u64) {
        self.sent[endpoint].push(now);
    }

    /// What the rules say of each endpoint now.
    pub(crate) fn look(&mut self, out: &[bool], now: u64) {
        for (endpoint, &out) in out.iter().enumerate() {
            let since = &mut self.out_since[endpoint];
            if out {
                since.get_or_insert(now);
            } else if let Some(from) = since.take() {
                self.said_out.push(Stretch { endpoint, from, until: now });
            }
        }
    }

    /// Nothing more comes.
    pub(crate) fn end(&mut self, now: u64) {
        self.look(&vec![false; self.sent.len()], now);
    }

    /// When each was left out.
    pub(crate) fn left_out(&self) -> Vec<Stretch> {
        self.said_out.iter().filter(|out| self.starves_in(out)).copied().collect()
    }

    fn starves_in(&self, out: &Stretch) -> bool {
        !self.starved(out.endpoint, out.from, out.until).is_empty()
    }

    /// When it starves between these, one time after the other.
    pub(crate) fn starved(&self, endpoint: usize, from: u64, until: u64) -> Vec<Stretch> {
        let sent = &self.sent[endpoint];
        let sent = &sent[sent.partition_point(|&at| at < from)..];
        let sent = &sent[..sent.partition_point(|&at| at < until)];
        // A starved span begins at the beginning, or just after a request.
        let starts =
            std::iter::once((from, 0)).chain(sent.iter().enumerate().map(|(place, &at)| (at + 1, place + 1)));
        let starved = starts.filter(|&(start, place)| {
            let few = sent[place..].partition_point(|&at| at < start + SPAN);
            start + SPAN <= until && as_float(few) < self.even / 4.0
        });
        let mut found: Vec<Stretch> = vec![];
        for (start, place) in starved {
            // It ends with the request that completes a quarter of a share again, or not at all.
            let end = sent[place..].iter().find(|&&at| at >= start + SPAN).copied().unwrap_or(until);
            match found.last_mut().filter(|last| start <= last.until) {
                Some(last) => last.until = end,
                None => found.push(Stretch { endpoint, from: start, until: end }),
            }
        }
        found
    }

    /// From when on it has its share, after something at `from` has changed: it has not starved for [`CALM`] since, nor do its rules leave it out any more.
    pub(crate) fn settled(&self, endpoint: usize, from: u64, until: u64) -> u64 {
        let mut settled = from;
        for stretch in self.starved(endpoint, from, until) {
            if stretch.from > settled + CALM {
                break;
            }
            settled = stretch.until;
        }
        let outs = self.said_out.iter().filter(|out| out.endpoint == endpoint && out.until > from);
        outs.filter(|out| self.starves_in(out)).map(|out| out.until).fold(settled, u64::max)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2⁵³")]
const fn as_float(count: usize) -> f64 {
    count as f64
}

/// For so long a share is counted: 2 s.
const SPAN: u64 = 2_000_000_000;
/// In so long everybody's rules have compared endpoints once.
const CALM: u64 = 10_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    /// 20 requests per second, but so many from the fifth to the fifteenth second, in which it is said to be out.
    fn watch(then: u64) -> Watch {
        let mut watch = Watch::new(20.0, 1);
        for second in 0..20 {
            let out = (5..15).contains(&second);
            let requests = if out { then } else { 20 };
            watch.look(&[out], second * SECOND);
            (0..requests).for_each(|turn| watch.sent_to(0, second * SECOND + turn * SECOND / requests));
        }
        watch.end(20 * SECOND);
        watch
    }

    #[test]
    fn only_who_gets_less_than_a_quarter_of_its_share_is_left_out() {
        let out = Stretch { endpoint: 0, from: 5 * SECOND, until: 15 * SECOND };
        assert_eq!(watch(0).left_out(), [out]);
        assert_eq!(watch(4).left_out(), [out]);
        assert!(watch(6).left_out().is_empty());
    }

    #[test]
    fn starving_begins_after_the_last_request_and_ends_with_the_first() {
        // Nine of ten are as many as a starving one may still get.
        let last = 5 * SECOND - 10 * SECOND / 20;
        let starved = |then, from, until| {
            let stretches = watch(then).starved(0, from * SECOND, until * SECOND);
            stretches.into_iter().map(|stretch| (stretch.from, stretch.until)).collect::<Vec<_>>()
        };
        assert_eq!(starved(0, 0, 20), [(last + 1, 15 * SECOND)]);
        assert_eq!(starved(0, 0, 4), []);
        assert_eq!(starved(20, 0, 20), []);
        assert_eq!(starved(0, 6, 15), [(6 * SECOND, 15 * SECOND)]);
    }

    #[test]
    fn it_has_settled_when_it_has_its_share_for_ten_seconds_and_is_in() {
        let settled = |then: u64, from: u64| watch(then).settled(0, from * SECOND, 20 * SECOND) / SECOND;
        assert_eq!([settled(20, 0), settled(0, 0), settled(0, 15)], [0, 15, 15]);
        // Two seconds of hunger, the second more than ten seconds after the first, which no rule has to do with.
        let mut watch = Watch::new(20.0, 1);
        let hungry = |second: u64| [3, 4, 17, 18].contains(&second);
        let seconds = (0..30).filter(|&second| !hungry(second));
        seconds.for_each(|second| {
            (0..20).for_each(|turn| watch.sent_to(0, second * SECOND + turn * SECOND / 20));
        });
        watch.end(30 * SECOND);
        assert_eq!(watch.starved(0, 0, 30 * SECOND).len(), 2);
        assert_eq!(watch.settled(0, 0, 30 * SECOND) / SECOND, 5);
        assert_eq!(watch.settled(0, 8 * SECOND, 30 * SECOND) / SECOND, 19, "soon after that");
    }

    const SECOND: u64 = 1_000_000_000;
}
