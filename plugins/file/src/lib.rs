//! Files in, files out: NDJSON, JSON arrays, text lines and gzip; alerts to a file.
