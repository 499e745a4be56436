// Package property runs the four services against random schedules: what is delivered, doubled, delayed or reordered,
// who crashes, how the clock moves. No broker and no sleeping: a schedule is a list of steps, so a failing one can be
// replayed and is shrunk to its essence. After each schedule the platform comes to rest, and every invariant must hold.
//
// The tests need no build tag and no service beside them. By default a few hundred schedules run; PROPERTY_SCHEDULES
// says how many instead, -rapid.seed and -rapid.failfile replay one that failed.
package property
