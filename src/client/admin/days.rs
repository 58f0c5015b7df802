//! Days as operators write them, "YYYY-MM-DD", and as counters have them: days since 1970-01-01.

/// The day with this name; None: it is none.
pub fn parse(text: &str) -> Option<i64> {
    let digits = |part: &str, size: usize| {
        let is_number = part.len() == size && part.bytes().all(|byte| byte.is_ascii_digit());
        if is_number { part.parse::<i64>().ok() } else { None }
    };
    let mut parts = text.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, digits(parts.next()?, 2)?);
    let number = number_of(year, month, day);
    // A month that is none, or a day that the month has not, comes back as another one.
    (parts.next().is_none() && name(number) == text).then_some(number)
}

/// The name of a day.
pub fn name(day: i64) -> String {
    // Years begin in March here, so that the leap day is their last; 400 of them are an era.
    let since = day + 719_468;
    let (era, of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (day, month) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

fn number_of(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_names() {
        for (text, day) in [("1970-01-01", 0), ("1969-12-31", -1), ("2000-02-29", 11_016), ("2026-11-29", 20_786)] {
            assert_eq!((parse(text), name(day).as_str()), (Some(day), text));
        }
        (-100_000..200_000).for_each(|day| assert_eq!(parse(&name(day)), Some(day)));
    }

    #[test]
    fn what_is_no_day_has_no_number() {
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-1-01",
            "2026-01-32",
            "26-01-01",
            "2026-01-01-",
            "today",
            "",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
