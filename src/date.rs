//! Calendar dates in UTC, without a locale, a time zone or libc: both belong to the host. Pure.

use std::fmt;

/// A moment in UTC, to the second; prints as RFC 3339 (`2026-11-21T19:00:00Z`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utc {
    /// Years since 1 BC.
    pub year: i64,
    /// 1 to 12.
    pub month: i64,
    /// 1 to 31.
    pub day: i64,
    /// 0 to 23.
    pub hour: i64,
    /// 0 to 59.
    pub minute: i64,
    /// 0 to 59.
    pub second: i64,
}

const DAY: i64 = 86_400;
/// 9999-12-31T23:59:59Z, the last moment that RFC 3339 can write.
const LAST: i64 = 253_402_300_799;

impl Utc {
    /// From seconds since 1970-01-01T00:00:00Z; what lies beyond the year 9999 is taken as its end.
    pub fn from_epoch(epoch: u64) -> Self {
        let epoch = i64::try_from(epoch).unwrap_or(LAST).min(LAST);
        let (days, rest) = (epoch.div_euclid(DAY), epoch.rem_euclid(DAY));
        // Civil date from a day count, eras of 400 years that begin on 1 March.
        #[allow(clippy::arithmetic_side_effects, reason = "bounded by LAST")]
        {
            let z = days + 719_468;
            let era = z.div_euclid(146_097);
            let doe = z.rem_euclid(146_097);
            let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
            let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
            let mp = (5 * doy + 2) / 153;
            let month = if mp < 10 { mp + 3 } else { mp - 9 };
            Self {
                year: yoe + era * 400 + i64::from(month <= 2),
                month,
                day: doy - (153 * mp + 2) / 5 + 1,
                hour: rest / 3_600,
                minute: rest / 60 % 60,
                second: rest % 60,
            }
        }
    }

    /// Seconds since 1970; `None` for a date that does not exist or lies before.
    pub fn to_epoch(self) -> Option<u64> {
        let ranges = [(self.year, 1970, 9999), (self.month, 1, 12), (self.day, 1, 31)];
        let times = [(self.hour, 0, 23), (self.minute, 0, 59), (self.second, 0, 59)];
        if ranges.iter().chain(&times).any(|(value, low, high)| value < low || value > high) {
            return None;
        }
        #[allow(clippy::arithmetic_side_effects, reason = "bounded by the ranges above")]
        let epoch = {
            let y = self.year - i64::from(self.month <= 2);
            let (era, yoe) = (y.div_euclid(400), y.rem_euclid(400));
            let mp = if self.month > 2 { self.month - 3 } else { self.month + 9 };
            let doy = (153 * mp + 2) / 5 + self.day - 1;
            let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
            (era * 146_097 + doe - 719_468) * DAY + self.hour * 3_600 + self.minute * 60 + self.second
        };
        // 31 February comes back as March: no such day.
        let epoch = u64::try_from(epoch).ok()?;
        (Self::from_epoch(epoch) == self).then_some(epoch)
    }
}

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            self.year, self.month, self.day, self.hour, self.minute, self.second
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Utc;

    #[test]
    fn every_day_of_two_centuries_goes_there_and_back() {
        for day in 0..75_000_u64 {
            let epoch = day * 86_400 + day % 86_400;
            assert_eq!(Utc::from_epoch(epoch).to_epoch(), Some(epoch));
        }
    }

    #[test]
    fn known_dates() {
        assert_eq!(Utc::from_epoch(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(Utc::from_epoch(951_782_400).to_string(), "2000-02-29T00:00:00Z");
        assert_eq!(Utc::from_epoch(20_000_000_000).to_string(), "2603-10-11T11:33:20Z");
        assert_eq!(Utc::from_epoch(u64::MAX).to_string(), "9999-12-31T23:59:59Z");
        let no_such_day = Utc { year: 2026, month: 2, day: 31, hour: 0, minute: 0, second: 0 };
        assert_eq!(no_such_day.to_epoch(), None);
    }
}
