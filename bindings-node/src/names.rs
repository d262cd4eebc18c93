//! Names as small integers, so that no string crosses the border per decision: JavaScript keeps the strings.

use std::{collections::HashMap, rc::Rc};

use foldhash::fast::RandomState;

/// Names, numbered as they came. JavaScript's copy is emptied together with this one.
#[derive(Debug, Default)]
pub(crate) struct Names {
    numbers: HashMap<Rc<str>, u32, RandomState>,
    texts: Vec<Rc<str>>,
}

impl Names {
    /// The number of a name.
    #[inline]
    pub(crate) fn number(&mut self, name: &str) -> u32 {
        match self.numbers.get(name) {
            Some(number) => *number,
            None => self.add(name),
        }
    }

    #[cold]
    fn add(&mut self, name: &str) -> u32 {
        let number = u32::try_from(self.texts.len()).expect("so many names do not fit in memory");
        let name: Rc<str> = name.into();
        self.texts.push(Rc::clone(&name));
        self.numbers.insert(name, number);
        number
    }

    #[inline]
    pub(crate) fn text(&self, number: u32) -> Option<Rc<str>> {
        self.texts.get(number as usize).cloned()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_until_all_are_forgotten() {
        let mut names = Names::default();
        assert_eq!((names.number("a"), names.number("b"), names.number("a")), (0, 1, 0));
        assert_eq!((names.text(1), names.text(2)), (Some("b".into()), None));
        names.clear();
        assert_eq!(names.text(0), None);
        assert_eq!(names.number("b"), 0);
    }
}
