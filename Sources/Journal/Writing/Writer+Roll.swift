internal import Synchronization

/// What the writer's thread has made free to leave.
struct RolledJournal: Sendable {
    /// Everything up to this `seq` is to leave: what was asked for, as far as it was durable.
    let through: Int64
    /// The segments that held something of it.
    let segments: [Segment]
    /// The ids of all of these segments are in files when everything up to this `seq` is.
    let sealThrough: Int64
}

extension Writer {
    /// Lets nothing up to `seq` lie in the newest segment or in the table of ids, which both are never deleted or
    /// rewritten: begins another segment, and hands the table over. A few milliseconds, and no traffic is needed.
    func roll(through wanted: Int64) -> Result<RolledJournal, JournalError> {
        if let refusal = core.health.withLock({ $0.refusal }) { return .failure(refusal) }
        let through = min(wanted, durableSeq)
        if let newest = core.segments.segments.last, newest.holdsAny(upTo: through) {
            do throws(JournalError) {
                try beginSegment()
            } catch {
                return .failure(error)
            }
        }
        index.retireActive(hour: index.active.hour, written: written)
        return .success(
            RolledJournal(
                through: through, segments: core.segments.segments.filter { $0.holdsAny(upTo: through) },
                sealThrough: index.active.fromSeq))
    }
}
