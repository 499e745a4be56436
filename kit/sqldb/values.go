package sqldb

import (
	"database/sql"
	"time"
)

// Micros is t as microseconds since 1970, the form in which instants are stored. The zero time is 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the instant of stored microseconds, in UTC. 0 is the zero time.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// NullTime is t as a nullable column's value; nil is NULL.
func NullTime(t *time.Time) sql.NullInt64 {
	if t == nil {
		return sql.NullInt64{}
	}
	return sql.NullInt64{Int64: Micros(*t), Valid: true}
}

// TimeOrNil is the instant of a nullable column; NULL is nil.
func TimeOrNil(v sql.NullInt64) *time.Time {
	if !v.Valid {
		return nil
	}
	t := Time(v.Int64)
	return &t
}

// instant is t as this package hands instants out: UTC, whole microseconds, no monotonic part.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
