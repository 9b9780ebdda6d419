//! One file of the log, and the list of all of them.
//!
//! Owns the names, the states and the list of partitions; their tables belong to `schema`. A
//! partition's name is its first position. It grows, it is full, it is sealed; it is not changed
//! after that, and at last unlinked whole.
//! Invariant: the partitions listed follow each other without a hole, and only the last one grows.
//! A reader therefore finds every position that the log still has in exactly one file.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use larum_event::{ContentHash, Position, Timestamp};
use rusqlite::{Connection, OptionalExtension};

use crate::bloom_filter::BloomFilter;
use crate::error::LogError;
use crate::identity::EventIdentity;
use crate::memory_index::{FirstOccurrence, MemoryIndex};
use crate::pinned_facts::PinnedFacts;
use crate::recent_records::RecentRecords;
use crate::schema;

/// One file of the log. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Partition {
    pub(crate) first: Position,
    pub(crate) path: Arc<Path>,
    pub(crate) state: PartitionState,
}

/// How a partition's events are found.
#[derive(Debug, Clone)]
pub(crate) enum PartitionState {
    /// Without indexes: by what is in memory, and by looking at its records.
    Unsealed(Arc<RwLock<MemoryIndex>>),
    /// By its indexes.
    Sealed(Arc<Seal>),
}

/// What is known of a sealed partition.
#[derive(Debug)]
pub(crate) struct Seal {
    pub(crate) last: Position,
    /// The least and the greatest event time in it.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
    /// The latest arrival in it.
    pub(crate) arrived: Option<Timestamp>,
    /// Whether tenants share it, so that it has an index by tenant.
    pub(crate) tenants: i64,
    pub(crate) ids: BloomFilter,
}

impl Seal {
    /// `None` when the partition is not sealed.
    pub(crate) fn read(connection: &Connection) -> Result<Option<Self>, rusqlite::Error> {
        connection
            .query_row(
                "SELECT last, earliest, latest, arrived, tenants, ids FROM seal",
                [],
                |row| {
                    let time = |column| {
                        row.get::<_, Option<i64>>(column)
                            .map(|nanos| nanos.map(Timestamp::from_nanos))
                    };
                    // A filter that does not read back answers "perhaps" to everything.
                    let ids = BloomFilter::from_bytes(row.get_ref(5)?.as_blob()?);
                    Ok(Self {
                        last: Position(row.get::<_, i64>(0)?.cast_unsigned()),
                        times: time(1)?.zip(time(2)?),
                        arrived: time(3)?,
                        tenants: row.get(4)?,
                        ids: ids.unwrap_or_else(BloomFilter::accept_all),
                    })
                },
            )
            .optional()
    }
}

impl Partition {
    /// Makes the file of the partition that begins at `first`. It gets its name when it is
    /// complete.
    pub(crate) fn create(
        dir: &Path,
        first: Position,
        standing: &PinnedFacts,
    ) -> Result<Self, LogError> {
        let path = dir.join(format!("p-{first:020}.db"));
        let unfinished = path.with_extension("new");
        remove_if_exists(&unfinished)?;
        let connection = schema::create_partition(&unfinished)?;
        standing
            .write_to(&connection)
            .and_then(|()| connection.execute_batch("COMMIT"))
            .map_err(write_error("create", &unfinished))?;
        drop(connection);
        fs::rename(&unfinished, &path).map_err(LogError::io("rename", &unfinished))?;
        sync_dir(dir)?;
        Ok(Self {
            first,
            path: path.into(),
            state: PartitionState::Unsealed(Arc::default()),
        })
    }

    /// The partitions' files in a folder, in order.
    pub(crate) fn list_files(dir: &Path) -> Result<Vec<(Position, PathBuf)>, LogError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).map_err(LogError::io("list", dir))? {
            let path = entry.map_err(LogError::io("list", dir))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let number = name
                .and_then(|name| name.strip_prefix("p-")?.strip_suffix(".db"))
                .and_then(|number| number.parse().ok());
            if let Some(first) = number {
                files.push((Position(first), path));
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// The partitions' files in a folder, in order. Clears away what a crash left unfinished.
    pub(crate) fn recover_files(dir: &Path) -> Result<Vec<(Position, PathBuf)>, LogError> {
        let mut files = Vec::new();
        for entry in fs::read_dir(dir).map_err(LogError::io("list", dir))? {
            let path = entry.map_err(LogError::io("list", dir))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let Some((number, extension)) = name
                .strip_prefix("p-")
                .and_then(|name| name.split_once('.'))
            else {
                continue;
            };
            match (number.parse(), extension) {
                (Ok(first), "db") => files.push((Position(first), path)),
                (Ok(_), "new" | "new-journal") => remove_if_exists(&path)?,
                // Left over when dropping a partition was cut short.
                (Ok(_), "db-wal" | "db-shm") if !dir.join(format!("p-{number}.db")).exists() => {
                    remove_if_exists(&path)?;
                }
                _ => {}
            }
        }
        files.sort_unstable();
        Ok(files)
    }

    /// Deletes the file. The database is first: what remains after a crash is cleaned up when the
    /// log is opened, and is never taken for a partition.
    pub(crate) fn unlink(&self) -> Result<(), LogError> {
        remove_if_exists(&self.path)?;
        remove_if_exists(&companion_path(&self.path, "-wal"))?;
        remove_if_exists(&companion_path(&self.path, "-shm"))
    }

    pub(crate) fn is_sealed(&self) -> bool {
        matches!(self.state, PartitionState::Sealed(_))
    }
}

/// Puts ids and links of an unsealed partition into memory.
pub(crate) fn load_memory_index(connection: &Connection) -> Result<MemoryIndex, rusqlite::Error> {
    let mut tail = MemoryIndex::default();
    let mut statement = connection
        .prepare("SELECT position, digest, root, step FROM records WHERE digest IS NOT NULL")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let position = Position(row.get::<_, i64>(0)?.cast_unsigned());
        let (content, identity) = split_digest(row.get(1)?);
        tail.insert(identity, FirstOccurrence { content, position });
        for column in [2, 3] {
            if let Some(key) = row.get(column)? {
                tail.add_link(key, position);
            }
        }
    }
    Ok(tail)
}

/// The column `digest`: which content, of which event.
pub(crate) type RowDigest = [u8; 16 + EventIdentity::BYTES];

pub(crate) fn join_digest(content: ContentHash, identity: EventIdentity) -> RowDigest {
    let mut digest = RowDigest::default();
    let (first, second) = digest.split_at_mut(16);
    first.copy_from_slice(&content.0);
    second.copy_from_slice(&identity.to_bytes());
    digest
}

pub(crate) fn split_digest(digest: RowDigest) -> (ContentHash, EventIdentity) {
    let (mut content, mut identity) = ([0; 16], [0; EventIdentity::BYTES]);
    let (first, second) = digest.split_at(16);
    content.copy_from_slice(first);
    identity.copy_from_slice(second);
    (ContentHash(content), EventIdentity::from_bytes(identity))
}

/// What the writer, the readers and the maintenance of one log have in common.
#[derive(Debug)]
pub(crate) struct SharedLog {
    pub(crate) dir: PathBuf,
    pub(crate) query_rows: usize,
    /// About how many pages lie in the open partition's write-ahead log.
    pub(crate) wal_pages: AtomicU64,
    /// The last records, which readers that keep up are given without a look at the disk.
    pub(crate) recent: RwLock<RecentRecords>,
    head: AtomicU64,
    partitions: RwLock<Arc<[Partition]>>,
    /// Former lists: the last holder of one frees the ids of a million events.
    sealing: Mutex<Vec<Arc<[Partition]>>>,
}

impl SharedLog {
    pub(crate) fn new(
        dir: PathBuf,
        query_rows: usize,
        partitions: Vec<Partition>,
        head: Position,
    ) -> Self {
        Self {
            dir,
            query_rows,
            wal_pages: AtomicU64::new(0),
            recent: RwLock::default(),
            head: AtomicU64::new(head.0),
            partitions: RwLock::new(partitions.into()),
            sealing: Mutex::default(),
        }
    }

    /// The last position that is durable and that readers may see.
    pub(crate) fn head(&self) -> Position {
        Position(self.head.load(Ordering::Acquire))
    }

    pub(crate) fn set_head(&self, head: Position) {
        self.head.store(head.0, Ordering::Release);
    }

    /// The partitions as they are now, oldest first. Read the head before, never after.
    pub(crate) fn partitions(&self) -> Arc<[Partition]> {
        Arc::clone(&lock_read(&self.partitions))
    }

    pub(crate) fn add_partition(&self, partition: Partition) {
        let mut partitions = lock_write(&self.partitions);
        *partitions = partitions.iter().cloned().chain([partition]).collect();
    }

    /// Puts the sealed partition into the list and returns the list before.
    pub(crate) fn mark_sealed(&self, first: Position, seal: Seal) -> Arc<[Partition]> {
        let seal = Arc::new(seal);
        let mut partitions = lock_write(&self.partitions);
        let replaced = partitions
            .iter()
            .cloned()
            .map(|mut partition| {
                if partition.first == first {
                    partition.state = PartitionState::Sealed(Arc::clone(&seal));
                }
                partition
            })
            .collect();
        std::mem::replace(&mut *partitions, replaced)
    }

    /// Takes the first `count` partitions off the list.
    pub(crate) fn remove_oldest(&self, count: usize) {
        let mut partitions = lock_write(&self.partitions);
        *partitions = partitions.iter().skip(count).cloned().collect();
    }

    /// One sealing at a time. It holds what sealing has replaced.
    pub(crate) fn lock_sealing(&self) -> MutexGuard<'_, Vec<Arc<[Partition]>>> {
        self.sealing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lock whose holder panicked guards a value that is replaced whole, so it is still sound.
pub(crate) fn lock_read<T: ?Sized>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

/// As [`lock_read`], for writing.
pub(crate) fn lock_write<T: ?Sized>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// `path` with `suffix` behind its whole name, as SQLite names its companions.
pub(crate) fn companion_path(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Makes creation, renaming and removal of files in `dir` durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    File::open(dir)
        .and_then(|file| file.sync_all())
        .map_err(LogError::io("sync", dir))
}

/// Tells a full disk, after which one may go on, from other trouble.
pub(crate) fn write_error(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(rusqlite::Error) -> LogError {
    move |source| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DiskFull) => LogError::Full {
            path: path.to_owned(),
            source,
        },
        _ => LogError::sqlite(doing, path)(source),
    }
}

fn remove_if_exists(path: &Path) -> Result<(), LogError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(LogError::io("remove", path)(source))
        }
        _ => Ok(()),
    }
}
