//! Names of topics, schemas and fields.

/// A topic: everything that Kafka does not take becomes an underscore.
pub(crate) fn topic(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// `schema.name.adjustment.mode`, `field.name.adjustment.mode`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Adjustment {
    #[default]
    None,
    /// What Avro does not take becomes an underscore.
    Avro,
    /// What Avro does not take, and the underscore, becomes `_u` and its code.
    AvroUnicode,
}

impl Adjustment {
    /// Adjusts a full name, whose parts are parted by points.
    pub(crate) fn full_name(self, name: &str) -> String {
        if self == Adjustment::None {
            return name.to_owned();
        }
        let parts: Vec<String> = name.split('.').map(|part| self.field(part)).collect();
        parts.join(".")
    }

    /// Adjusts a field's name.
    pub(crate) fn field(self, name: &str) -> String {
        if self == Adjustment::None {
            return name.to_owned();
        }
        let mut adjusted = String::with_capacity(name.len());
        for (at, c) in name.chars().enumerate() {
            let fits = c.is_ascii_alphabetic() || (c.is_ascii_digit() && at > 0);
            match self {
                _ if fits => adjusted.push(c),
                Adjustment::AvroUnicode => adjusted.push_str(&format!("_u{:04x}", u32::from(c))),
                Adjustment::None | Adjustment::Avro if c.is_ascii_digit() => {
                    adjusted.push('_');
                    adjusted.push(c);
                }
                Adjustment::None | Adjustment::Avro => adjusted.push('_'),
            }
        }
        adjusted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_fit() {
        assert_eq!(topic("srv1.Odd Schema.Tabl.é\"x"), "srv1.Odd_Schema.Tabl.__x");
        assert_eq!(Adjustment::Avro.field("ünï"), "_n_");
        assert_eq!(Adjustment::Avro.field("co-l 1"), "co_l_1");
        assert_eq!(Adjustment::Avro.full_name("1a.b-c"), "_1a.b_c");
        assert_eq!(Adjustment::AvroUnicode.field("a_b"), "a_u005fb");
        assert_eq!(Adjustment::None.field("co-l"), "co-l");
    }
}
