//! Whether a leader should let other requests have their turns before it writes: as long as some came the last time.

/// Requests that lead at once, until one tries again whether others come.
const ALONE_MAX: u32 = 64;

/// What was learnt from waiting.
#[derive(Debug, Default)]
pub(super) struct Company {
    came: bool,
    /// Requests since the last that waited, while none comes.
    alone: u32,
}

impl Company {
    /// Whether waiting is likely to bring others. What comes of it goes to [`Company::came`].
    pub(super) fn is_likely(&mut self) -> bool {
        self.alone += 1;
        self.came || self.alone > ALONE_MAX
    }

    /// Others came while a leader waited, or none did.
    pub(super) fn came(&mut self, came: bool) {
        self.came = came;
        self.alone = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alone_seldom_waits() {
        let mut company = Company::default();
        let mut waits = 0;
        for _ in 0..1_000 {
            if company.is_likely() {
                waits += 1;
                company.came(false);
            }
        }
        assert_eq!(waits, 1_000 / (ALONE_MAX + 1));
    }

    #[test]
    fn who_had_company_waits_for_it_again() {
        let mut company = Company::default();
        company.came(true);
        assert!(company.is_likely() && company.is_likely());
        company.came(false);
        assert!(!company.is_likely());
    }
}
