//! Small numbers for the names that repeat in a partition.
//!
//! Owns the numbers; which columns hold them is left to `schema`. A number takes a byte or two
//! where the name would take twenty, an index over it is a fifth of the size, and a partition that
//! does not know a name is skipped without a look at its records.
//! Invariant: a number that was given out in a transaction that failed is given back, so memory
//! never knows a name that the file does not.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};

/// What a name is the name of. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameRole {
    Tenant = 0,
    Topic = 1,
    Type = 2,
    Source = 3,
    User = 4,
}

impl NameRole {
    const ALL: [Self; 5] = [
        Self::Tenant,
        Self::Topic,
        Self::Type,
        Self::Source,
        Self::User,
    ];

    pub(crate) const fn number(self) -> i64 {
        self as i64
    }
}

/// The names of the open partition. Bounded by the partition: a name stands in a record of it.
#[derive(Debug, Default)]
pub(crate) struct NameTable {
    numbers: [HashMap<Box<str>, i64>; 5],
    count: i64,
    /// Given out in a transaction that is not committed yet.
    pending: Vec<(NameRole, Box<str>)>,
}

impl NameTable {
    pub(crate) fn load(connection: &Connection) -> Result<Self, rusqlite::Error> {
        let mut names = Self::default();
        let mut statement = connection.prepare("SELECT id, role, text FROM names")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let (id, role): (i64, i64) = (row.get(0)?, row.get(1)?);
            let of_role = NameRole::ALL
                .into_iter()
                .zip(&mut names.numbers)
                .find(|(known, _)| known.number() == role);
            if let Some((_, known)) = of_role {
                known.insert(row.get::<_, Box<str>>(2)?, id);
            }
            names.count = names.count.max(id);
        }
        Ok(names)
    }

    /// The number of a name, written down first if it is new.
    pub(crate) fn get_or_insert(
        &mut self,
        connection: &Connection,
        role: NameRole,
        text: &str,
    ) -> Result<i64, rusqlite::Error> {
        let known = &mut self.numbers[role as usize];
        if let Some(id) = known.get(text) {
            return Ok(*id);
        }
        let id = self.count + 1;
        connection
            .prepare_cached("INSERT INTO names (id, role, text) VALUES (?1, ?2, ?3)")?
            .execute((id, role.number(), text))?;
        known.insert(text.into(), id);
        self.count = id;
        self.pending.push((role, text.into()));
        Ok(id)
    }

    /// The transaction is committed.
    pub(crate) fn commit_pending(&mut self) {
        self.pending.clear();
    }

    /// The transaction was rolled back: its numbers were never given out.
    pub(crate) fn roll_back_pending(&mut self) {
        for (role, text) in self.pending.drain(..) {
            self.numbers[role as usize].remove(&text);
            self.count -= 1;
        }
    }
}

/// The number of a name in a partition that is read; `None` means that no record of it has the
/// name.
pub(crate) fn find_number(
    connection: &Connection,
    role: NameRole,
    text: &str,
) -> Result<Option<i64>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT id FROM names WHERE text = ?1 AND role = ?2")?
        .query_row((text, role.number()), |row| row.get(0))
        .optional()
}

/// All names of a role with their numbers.
pub(crate) fn list_names(
    connection: &Connection,
    role: NameRole,
) -> Result<Vec<(i64, String)>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT id, text FROM names WHERE role = ?1")?
        .query_map([role.number()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// The numbers of the names of a role that `fits`; `None` where there are more than `most` names.
pub(crate) fn find_matching(
    connection: &Connection,
    role: NameRole,
    most: usize,
    fits: impl Fn(&str) -> bool,
) -> Result<Option<HashSet<i64>>, rusqlite::Error> {
    let mut statement = connection.prepare_cached("SELECT id, text FROM names WHERE role = ?1")?;
    let mut rows = statement.query([role.number()])?;
    let (mut numbers, mut seen) = (HashSet::new(), 0);
    while let Some(row) = rows.next()? {
        seen += 1;
        if seen > most {
            return Ok(None);
        }
        // Names are texts of events, so they are valid.
        if row.get_ref(1)?.as_str().is_ok_and(&fits) {
            numbers.insert(row.get(0)?);
        }
    }
    Ok(Some(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_are_found_unless_there_are_too_many_to_look_through() {
        let connection = Connection::open_in_memory().unwrap();
        let table = "CREATE TABLE names (id INTEGER PRIMARY KEY, role INTEGER, text TEXT)";
        connection.execute_batch(table).unwrap();
        let mut names = NameTable::default();
        for (role, text) in [
            (NameRole::User, "eve"),
            (NameRole::User, "Eve"),
            (NameRole::User, "bob"),
            (NameRole::Source, "eve"),
        ] {
            names.get_or_insert(&connection, role, text).unwrap();
        }
        let fits = |name: &str| name.eq_ignore_ascii_case("eve");
        let found = |most| find_matching(&connection, NameRole::User, most, fits).unwrap();
        assert_eq!(found(3), Some(HashSet::from([1, 2])));
        assert_eq!(found(2), None);
    }
}
