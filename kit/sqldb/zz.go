package sqldb
func (db *DB) Commits() uint64 { return db.writer.commits.Load() }
