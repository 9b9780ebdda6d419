//! Checkpoints: the state of windows and trees as of a position, so that recovery reads a short
//! piece of the log and not all of it.
//!
//! Owns `checkpoints.db`; what the parts mean belongs to the runtime. Checkpoints can always be
//! made again from the log, so a damaged one is reported and passed over, and a damaged file is
//! moved away. Invariant: what is handed out has the bytes that were saved, by their hash.

use std::path::{Path, PathBuf};

use larum_event::Position;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction};

use crate::error::LogError;
use crate::formats::{self, FileFormats};
use crate::partition::{companion_path, write_error};
use crate::schema;

/// How many checkpoints are kept.
const CHECKPOINTS_KEPT: i64 = 3;

const TABLES: &str = "
    CREATE TABLE checkpoints (
        id INTEGER PRIMARY KEY,
        upto INTEGER NOT NULL,
        semantics INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) STRICT;
    CREATE TABLE pieces (
        checkpoint INTEGER NOT NULL REFERENCES checkpoints (id) ON DELETE CASCADE,
        number INTEGER NOT NULL,
        name TEXT NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (checkpoint, number)
    ) STRICT;
    CREATE TABLE parts (
        id INTEGER PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        bytes BLOB NOT NULL
    ) STRICT;
";

/// The state of evaluation as of a position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last position evaluated.
    pub upto: Position,
    /// Which version of the evaluation made it; another one cannot read it.
    pub semantics: u32,
    /// Its parts by name, such as one for each shard of a window. Each has less than 1 GB.
    pub parts: Vec<(String, Vec<u8>)>,
}

/// A checkpoint on its way to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCheckpoint {
    /// The last position evaluated.
    pub upto: Position,
    /// Which version of the evaluation made it.
    pub semantics: u32,
    /// Its parts by name.
    pub parts: Vec<(String, CheckpointPart)>,
}

/// A part of a checkpoint on its way to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckpointPart {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// The same as a part of the checkpoint before, which is not written again.
    Unchanged(PartHash),
}

/// What a part that was saved is known by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartHash(blake3::Hash);

impl PartHash {
    /// Of these bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(blake3::hash(bytes))
    }
}

impl CheckpointPart {
    /// What it is known by once it is saved.
    pub fn hash(&self) -> PartHash {
        match self {
            Self::Bytes(bytes) => PartHash::of_bytes(bytes),
            Self::Unchanged(hash) => *hash,
        }
    }
}

impl From<Checkpoint> for NewCheckpoint {
    fn from(checkpoint: Checkpoint) -> Self {
        let parts = checkpoint.parts.into_iter();
        Self {
            upto: checkpoint.upto,
            semantics: checkpoint.semantics,
            parts: parts
                .map(|(name, bytes)| (name, CheckpointPart::Bytes(bytes)))
                .collect(),
        }
    }
}

/// The store of a log's checkpoints.
#[derive(Debug)]
pub struct CheckpointStore {
    path: PathBuf,
    connection: Connection,
}

impl CheckpointStore {
    pub(crate) fn open(dir: &Path) -> Result<Self, LogError> {
        let path = dir.join("checkpoints.db");
        if path.exists() {
            match open_connection(&path) {
                Ok(connection) => return Ok(Self { path, connection }),
                Err(error) if error.is_damage() => quarantine_file(&path, &error)?,
                Err(error) => return Err(error),
            }
        }
        create_file(&path, formats::CHECKPOINTS, |file| {
            file.execute_batch(TABLES)
        })?;
        let connection = open_connection(&path)?;
        Ok(Self { path, connection })
    }

    /// Saves a checkpoint and keeps it with the two before. A part with the same bytes as one that
    /// is kept already is not written again.
    ///
    /// # Errors
    /// The disk is full or fails, or a part that should be kept is not there; the checkpoints
    /// before are still there then.
    pub fn save(&mut self, checkpoint: &NewCheckpoint) -> Result<(), LogError> {
        let error = match self.write_checkpoint(checkpoint) {
            Ok(()) => return Ok(()),
            Err(CheckpointSaveError::Missing { part }) => {
                return Err(LogError::MissingPart { part });
            }
            Err(CheckpointSaveError::Sqlite(source)) => {
                write_error("save a checkpoint in", &self.path)(source)
            }
        };
        if !error.is_damage() {
            return Err(error);
        }
        // Nothing in a file that SQLite cannot read is of use any more.
        self.connection =
            Connection::open_in_memory().map_err(LogError::sqlite("let go of", &self.path))?;
        quarantine_file(&self.path, &error)?;
        create_file(&self.path, formats::CHECKPOINTS, |file| {
            file.execute_batch(TABLES)
        })?;
        self.connection = open_connection(&self.path)?;
        self.write_checkpoint(checkpoint)
            .map_err(|error| match error {
                CheckpointSaveError::Missing { part } => LogError::MissingPart { part },
                CheckpointSaveError::Sqlite(source) => {
                    write_error("save a checkpoint in", &self.path)(source)
                }
            })
    }

    fn write_checkpoint(&mut self, checkpoint: &NewCheckpoint) -> Result<(), CheckpointSaveError> {
        let hashes: Vec<_> = checkpoint
            .parts
            .iter()
            .map(|(_, part)| part.hash().0)
            .collect();
        let names = checkpoint.parts.iter().map(|(name, _)| name.as_str());
        let digest = hash_checkpoint(
            checkpoint.upto,
            checkpoint.semantics,
            names.zip(hashes.iter().map(blake3::Hash::as_bytes)),
        );
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO checkpoints (upto, semantics, digest) VALUES (?1, ?2, ?3)",
            (
                checkpoint.upto.0.cast_signed(),
                checkpoint.semantics,
                digest,
            ),
        )?;
        let id = transaction.last_insert_rowid();
        // A part is stored once, however many checkpoints have it: most do not change in between.
        for (number, ((name, part), hash)) in checkpoint.parts.iter().zip(&hashes).enumerate() {
            if !write_part(&transaction, hash, part)? {
                return Err(CheckpointSaveError::Missing { part: name.clone() });
            }
            transaction
                .prepare_cached(
                    "INSERT INTO pieces (checkpoint, number, name, hash) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute((id, number as i64, name, hash.as_bytes()))?;
        }
        // Pieces go with their checkpoint, so only then is it known which parts nobody needs.
        transaction.execute(
            "DELETE FROM checkpoints WHERE id <= ?1",
            [id - CHECKPOINTS_KEPT],
        )?;
        transaction.execute(
            "DELETE FROM parts WHERE hash NOT IN (SELECT hash FROM pieces)",
            [],
        )?;
        Ok(transaction.commit()?)
    }

    /// The newest checkpoint that is whole and not ahead of `head`.
    ///
    /// # Errors
    /// The disk fails. Damage is no error: it is reported and removed, and the checkpoint before is
    /// used.
    pub fn load_latest(&mut self, head: Position) -> Result<Option<Checkpoint>, LogError> {
        let listed = self.list_ids(head);
        let ids = match listed.map_err(LogError::sqlite("read", &self.path)) {
            Ok(ids) => ids,
            Err(error) if error.is_damage() => {
                tracing::warn!(%error, "checkpoints are damaged, the log is read from its start");
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        for id in ids {
            match self.load_checkpoint(id) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                Err(CheckpointLoadError::Sqlite(source)) => {
                    let error = LogError::sqlite("read", &self.path)(source);
                    if !error.is_damage() {
                        return Err(error);
                    }
                    tracing::warn!(id, %error, "checkpoint is damaged, an older one is tried");
                }
                Err(CheckpointLoadError::Corrupt { part }) => {
                    tracing::warn!(id, part, "checkpoint is damaged, an older one is tried");
                    self.discard_checkpoint(id);
                }
            }
        }
        Ok(None)
    }

    fn list_ids(&self, head: Position) -> Result<Vec<i64>, rusqlite::Error> {
        self.connection
            .prepare("SELECT id FROM checkpoints WHERE upto <= ?1 ORDER BY id DESC")?
            .query_map([head.0.cast_signed()], |row| row.get(0))?
            .collect()
    }

    fn load_checkpoint(&self, id: i64) -> Result<Checkpoint, CheckpointLoadError> {
        let (upto, semantics, saved): (i64, u32, [u8; 32]) = self.connection.query_row(
            "SELECT upto, semantics, digest FROM checkpoints WHERE id = ?1",
            [id],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        // A left join: a part that is missing must count as damage, not shorten the list.
        let mut statement = self.connection.prepare(
            "SELECT name, pieces.hash, bytes FROM pieces LEFT JOIN parts ON parts.hash = pieces.hash
                WHERE checkpoint = ?1 ORDER BY number",
        )?;
        let mut rows = statement.query([id])?;
        let mut hashes: Vec<[u8; 32]> = Vec::new();
        let mut parts: Vec<(String, Vec<u8>)> = Vec::new();
        while let Some(row) = rows.next()? {
            let (name, hash): (String, [u8; 32]) = (row.get(0)?, row.get(1)?);
            let bytes: Vec<u8> = row.get::<_, Option<_>>(2)?.unwrap_or_default();
            if *blake3::hash(&bytes).as_bytes() != hash {
                return Err(CheckpointLoadError::Corrupt { part: name });
            }
            hashes.push(hash);
            parts.push((name, bytes));
        }
        let checkpoint = Checkpoint {
            upto: Position(upto.cast_unsigned()),
            semantics,
            parts,
        };
        // Each part may be whole and the list still be wrong: a piece less, or in another order.
        let names = checkpoint.parts.iter().map(|(name, _)| name.as_str());
        if hash_checkpoint(checkpoint.upto, semantics, names.zip(&hashes)) != saved {
            return Err(CheckpointLoadError::Corrupt {
                part: "list of parts".to_owned(),
            });
        }
        Ok(checkpoint)
    }

    /// Removes a checkpoint that does not read back, and those of its parts that do not: else the
    /// next checkpoint with the same part would be built on the damaged one.
    fn discard_checkpoint(&mut self, id: i64) {
        let mut discard = || -> Result<(), rusqlite::Error> {
            let transaction = self.connection.transaction()?;
            // Parts first: without the pieces of the checkpoint, nothing says which were its own.
            let parts: Vec<i64> = transaction
                .prepare(
                    "SELECT parts.id FROM parts JOIN pieces ON pieces.hash = parts.hash
                        WHERE checkpoint = ?1",
                )?
                .query_map([id], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for part in parts {
                let whole = transaction.query_row(
                    "SELECT hash, bytes FROM parts WHERE id = ?1",
                    [part],
                    |row| {
                        let hash: [u8; 32] = row.get(0)?;
                        Ok(*blake3::hash(row.get_ref(1)?.as_blob()?).as_bytes() == hash)
                    },
                )?;
                if !whole {
                    transaction.execute("DELETE FROM parts WHERE id = ?1", [part])?;
                }
            }
            transaction.execute("DELETE FROM checkpoints WHERE id = ?1", [id])?;
            transaction.commit()
        };
        if let Err(error) = discard() {
            tracing::warn!(id, %error, "a damaged checkpoint cannot be removed");
        }
    }
}

/// Writes the bytes of a part unless they are there; false when they are neither here nor there.
fn write_part(
    transaction: &Transaction<'_>,
    hash: &blake3::Hash,
    part: &CheckpointPart,
) -> Result<bool, rusqlite::Error> {
    let there = transaction
        .prepare_cached("SELECT id FROM parts WHERE hash = ?1")?
        .query_row([hash.as_bytes()], |row| row.get::<_, i64>(0))
        .optional()?;
    if there.is_some() {
        return Ok(true);
    }
    let CheckpointPart::Bytes(bytes) = part else {
        return Ok(false);
    };
    transaction
        .prepare_cached("INSERT INTO parts (hash, bytes) VALUES (?1, ?2)")?
        .execute((hash.as_bytes(), bytes))?;
    Ok(true)
}

/// Why a checkpoint is not saved.
enum CheckpointSaveError {
    Sqlite(rusqlite::Error),
    Missing { part: String },
}

impl From<rusqlite::Error> for CheckpointSaveError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

/// Why a checkpoint cannot be loaded.
enum CheckpointLoadError {
    Sqlite(rusqlite::Error),
    Corrupt { part: String },
}

impl From<rusqlite::Error> for CheckpointLoadError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

fn hash_checkpoint<'a>(
    upto: Position,
    semantics: u32,
    parts: impl Iterator<Item = (&'a str, &'a [u8; 32])>,
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&upto.0.to_le_bytes());
    hasher.update(&semantics.to_le_bytes());
    for (name, hash) in parts {
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
        hasher.update(hash);
    }
    *hasher.finalize().as_bytes()
}

/// Makes a file of the log that can be made again at any time. It gets its name when it is
/// complete.
pub(crate) fn create_file(
    path: &Path,
    formats: FileFormats,
    fill: impl FnOnce(&Connection) -> Result<(), rusqlite::Error>,
) -> Result<(), LogError> {
    let unfinished = path.with_extension("new");
    // A crash may have left one behind.
    match std::fs::remove_file(&unfinished) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(LogError::io("remove", &unfinished)(source));
        }
        _ => {}
    }
    let make = || {
        let connection = Connection::open(&unfinished)?;
        connection.execute_batch("BEGIN")?;
        connection.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        connection.pragma_update(None, "user_version", formats.current())?;
        fill(&connection)?;
        connection.execute_batch("COMMIT")
    };
    make().map_err(write_error("create", &unfinished))?;
    std::fs::rename(&unfinished, path).map_err(LogError::io("rename", &unfinished))
}

fn open_connection(path: &Path) -> Result<Connection, LogError> {
    let connection = schema::open_file(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE,
        formats::CHECKPOINTS,
    )?;
    let settle = || {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // A checkpoint lost with the power is made again from the log.
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.pragma_update(None, "foreign_keys", true)
    };
    settle().map_err(LogError::sqlite("set up", path))?;
    Ok(connection)
}

/// Moves a damaged file away, and says so.
pub(crate) fn quarantine_file(path: &Path, error: &LogError) -> Result<(), LogError> {
    let away = path.with_extension("damaged.db");
    tracing::warn!(%error, away = %away.display(), "a file beside the log is damaged and moved away");
    std::fs::rename(path, &away).map_err(LogError::io("move", path))?;
    for suffix in ["-wal", "-shm"] {
        match std::fs::remove_file(companion_path(path, suffix)) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(LogError::io("remove", path)(source));
            }
            _ => {}
        }
    }
    Ok(())
}
